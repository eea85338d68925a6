// A reader that uses this library: sys-socket.js <interface> <ring> <way>. When its standard input ends, it prints
// packets, bytes and drops.
import { openCapture } from 'sys-socket/packet';

const [name, ringSize, way] = process.argv.slice(2);
const capture = openCapture({ interface: name, ringSize: Number(ringSize) });
let packets = 0;
let bytes = 0;
let sum = 0;

/** Adds the counts of a block. Its loop counts in variables of its own, as the loop in C counts in registers. */
function count(n, length, total) {
  packets += n;
  bytes += length;
  sum += total;
}

function look({ data }) {
  packets += 1;
  bytes += data.length;
  sum += data[12];
}

const ways = {
  /** Uses one cursor for each block, and a view of each packet. */
  async views() {
    for await (const block of capture.blocks()) {
      const packet = block.cursor();
      let [n, length, total] = [0, 0, 0];
      while (packet.next()) {
        const { data } = packet;
        n += 1;
        length += data.length;
        total += data[12];
      }
      count(n, length, total);
    }
  },
  /** Uses one cursor for each block, and reads fields of each packet. */
  async fields() {
    for await (const block of capture.blocks()) {
      const packet = block.cursor();
      let [n, length, total] = [0, 0, 0];
      while (packet.next()) {
        n += 1;
        length += packet.capturedLength;
        total += packet.uint8(12);
      }
      count(n, length, total);
    }
  },
  /** Creates an object and a view for each packet. */
  async objects() {
    for await (const block of capture.blocks()) for (const packet of block) look(packet);
  },
  /** Iterates over single packets, with a turn of the event loop for each. */
  async packets() {
    for await (const packet of capture) look(packet);
  },
};

process.stdin.on('end', () => {
  const { dropped } = capture.statistics();
  capture.close();
  console.log(packets, bytes, dropped, sum);
});
process.stdin.resume();
console.log('ready');
await ways[way]();
