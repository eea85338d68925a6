// Compares the checksum of the library with one in pure JavaScript and with one in C that is called for each packet, in
// one process and in turns: a native checksum must make up for the cost of its call.
import { createRequire } from 'node:module';
import { checksum } from 'sys-socket/packet';

const native = createRequire(import.meta.url)('./build/Release/checksum.node');
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 41);
const BYTES = 4_000_000;
const CALLS = 40_000;

/** Adds up bytes, four words at a time. */
function javaScript(bytes) {
  const unrolled = bytes.length - 7;
  let high = 0;
  let low = 0;
  let at = 0;
  for (; at < unrolled; at += 8) {
    high += bytes[at] + bytes[at + 2] + bytes[at + 4] + bytes[at + 6];
    low += bytes[at + 1] + bytes[at + 3] + bytes[at + 5] + bytes[at + 7];
  }
  for (; at < bytes.length; at += 2) {
    high += bytes[at];
    low += bytes[at + 1] ?? 0;
  }
  let sum = high * 256 + low;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const contestants = [checksum, javaScript, native.checksum];
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

/** Returns the nanoseconds of CPU time for each call. Successive calls use different packets, as in a capture. */
function time(sum, packets, calls) {
  const start = process.cpuUsage();
  let total = 0;
  for (let i = 0; i < calls; i++) total ^= sum(packets[i % packets.length]);
  const { user, system } = process.cpuUsage(start);
  if (total > 0xffff) throw new Error('the checksum is too large');
  return ((user + system) * 1000) / calls;
}

console.log('CPU time of a checksum, and its multiple of that of the library.');
console.log('bytes      library   JavaScript alone        C, called');
for (const size of [20, 64, 128, 256, 576, 1500, 9000, 65535]) {
  const packets = Array.from({ length: 64 }, (_, i) => new Uint8Array(size).map((_, at) => (at * 31 + i * 7) & 255));
  for (const packet of packets) {
    const [first, ...others] = contestants.map((sum) => sum(packet));
    if (others.some((other) => other !== first)) throw new Error(`the checksums of ${size} bytes differ`);
  }
  const calls = Math.min(CALLS, Math.ceil(BYTES / size));
  const times = contestants.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const i = (round + turn) % contestants.length;
      times[i].push(time(contestants[i], packets, calls));
    }
  }
  const [ours, ...others] = times;
  const cells = others.map((list) => {
    const ratio = median(list.map((value, round) => value / ours[round]));
    return `${median([...list]).toFixed(0)} ns ${ratio.toFixed(2)} x`.padStart(18);
  });
  console.log(String(size).padEnd(5), `${median([...ours]).toFixed(0)} ns`.padStart(12), ...cells);
}
