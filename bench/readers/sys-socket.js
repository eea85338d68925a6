// A reader of this library: sys-socket.js <interface> <ring> <way>. When its standard input ends it prints packets, bytes
// and drops.
import { openCapture } from 'sys-socket/packet';

const [name, ringSize, way] = process.argv.slice(2);
const capture = openCapture({ interface: name, ringSize: Number(ringSize) });
let packets = 0;
let bytes = 0;
let sum = 0;

function look({ data }) {
  packets += 1;
  bytes += data.length;
  sum += data[12];
}

const ways = {
  /** One cursor for a block, and a view of each packet. */
  async views() {
    for await (const block of capture.blocks()) {
      const packet = block.cursor();
      while (packet.next()) {
        const { data } = packet;
        packets += 1;
        bytes += data.length;
        sum += data[12];
      }
    }
  },
  /** One cursor for a block, and fields of each packet. */
  async fields() {
    for await (const block of capture.blocks()) {
      const packet = block.cursor();
      while (packet.next()) {
        packets += 1;
        bytes += packet.capturedLength;
        sum += packet.uint8(12);
      }
    }
  },
  /** An object and a view for each packet. */
  async objects() {
    for await (const block of capture.blocks()) for (const packet of block) look(packet);
  },
  /** A turn of the loop over packets for each. */
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
