// What captures cost, counted by strace. Each part writes a mark to standard output before and after it, then its blocks.
//   node test/helpers/capture-costs-program.js <way>=<packets> ...        ways: fields views calls
import { writeSync } from 'node:fs';
import * as s from '../../dist/index.js';
import * as p from '../../dist/packet/index.js';

const mark = (name) => writeSync(1, `<${name}>\n`);
const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
s.bind(fd, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
const address = s.getsockname(fd);

/** Reads this many packets; returns the number of blocks. */
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
  // In a few calls, so that few blocks are handed over before they are full: they are not read yet.
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
