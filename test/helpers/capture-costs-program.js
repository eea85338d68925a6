// What captures cost, to be counted by strace: between two marks on the standard output is one part, then how many blocks it was.
//   node test/helpers/capture-costs-program.js <way>=<packets> ...        ways: fields views calls
import { writeSync } from 'node:fs';
import * as s from '../../dist/index.js';
import * as p from '../../dist/packet/index.js';

const mark = (name) => writeSync(1, `<${name}>\n`);
const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
s.bind(fd, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
const address = s.getsockname(fd);

/** Reads so many packets; gives how many blocks they were. */
const ways = {
  async fields(capture, left) {
    let blocks = 0;
    for await (const block of capture.blocks()) {
      blocks++;
      const packet = block.cursor();
      while (packet.next()) if (packet.uint8(12) === 8 && packet.capturedLength > 0) left--;
      if (left === 0) return blocks;
    }
  },
  async views(capture, left) {
    let blocks = 0;
    for await (const block of capture.blocks()) {
      blocks++;
      for (const { data } of block) if (data[12] === 8) left--;
      if (left === 0) return blocks;
    }
  },
};
ways.calls = ways.fields;

for (const part of process.argv.slice(2)) {
  const [way, count] = part.split('=');
  const capture = p.openCapture({ interface: 'lo', filter: 'udp', ringSize: way === 'calls' ? 0 : 8 << 20 });
  // In a few calls, so that few blocks are handed over before they are full: nobody reads them yet.
  const messages = Number(count) / 6;
  const batch = new s.MessageBatch({ messages, size: 8 });
  while (batch.count < messages) batch.push('hello', address);
  for (let sent = 0; sent < Number(count); ) sent += s.sendmmsg(fd, batch);
  mark(part);
  const blocks = await ways[way](capture, Number(count));
  mark('');
  mark(`${part}: ${blocks}`);
  mark('');
  capture.close();
}
