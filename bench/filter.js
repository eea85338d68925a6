// Compares the filters of this library with those of libpcap (tcpdump -ddd): how long the kernel runs the programs of
// both, and how long an expression takes to compile. Needs tcpdump and the privilege to open packet sockets. Frames
// pass over the loopback interface and many sockets with the same filter, which all drop them. The time of a
// one-instruction filter is subtracted.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as s from 'sys-socket';
import * as p from 'sys-socket/packet';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const SOCKETS = 200;
const FRAMES = 400;
/** The number of compilations of each expression before it is measured. */
const WARM = 10;
/** The maximum time in microseconds to parse and compile an expression. */
const LIMIT = 1000;
const list = readFileSync(new URL('../test/packet/filter/expressions.txt', import.meta.url), 'utf8');
const texts = list.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

const ethernet = (etherType) =>
  p.ethernet({ destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01', etherType });
const addresses = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' };
const ports = { sourcePort: 50000, destinationPort: 50001 };
/** Frames that hardly any expression matches, so that a program takes its longest paths. */
const frames = [
  [ethernet(), p.ipv4(addresses), p.tcp(ports), new Uint8Array(60)],
  [ethernet(), p.ipv4(addresses), p.udp(ports), new Uint8Array(60)],
  [
    ethernet(),
    p.ipv6({ sourceAddress: '2001:db8::7', destinationAddress: '2001:db8::8' }),
    p.tcp(ports),
    new Uint8Array(60),
  ],
  [ethernet(0x88b5), new Uint8Array(80)],
].map((layers) => p.encodePacket(layers));

const ifindex = s.if_nametoindex('lo');
const open = () => {
  const fd = s.socket(s.AF_PACKET, s.SOCK_RAW);
  s.bind(fd, { family: s.AF_PACKET, ifindex, protocol: s.ETH_P_ALL });
  return fd;
};
const none = [{ code: s.BPF_RET | s.BPF_K, jt: 0, jf: 0, k: 0 }];
const receivers = Array.from({ length: SOCKETS }, () => {
  const fd = open();
  s.attachFilter(fd, none);
  return fd;
});
const sender = s.socket(s.AF_PACKET, s.SOCK_RAW);
const to = { family: s.AF_PACKET, ifindex, protocol: 0, hatype: 0, pkttype: 0, address: new Uint8Array(6) };

/** Returns the nanoseconds that a program takes for a frame. Each socket sees a frame twice: outgoing and incoming. */
function time(program) {
  for (const fd of receivers) s.attachFilter(fd, program);
  const start = process.cpuUsage();
  for (let i = 0; i < FRAMES; i++) s.sendto(sender, frames[i % frames.length], 0, to);
  const { user, system } = process.cpuUsage(start);
  return ((user + system) * 1000) / (FRAMES * SOCKETS * 2);
}

const programs = [];
for (const [i, text] of texts.entries()) {
  if (i % 20 !== 0) continue;
  try {
    const numbers = execFileSync('tcpdump', ['-i', 'lo', '-ddd', text], { encoding: 'utf8', stdio: 'pipe' });
    const theirs = p.assembleFilter(p.disassembleFilter(numbers));
    const ours = p.compileFilter(p.parseFilter(text));
    const chooses = [ours, theirs].some((program) => frames.some((frame) => p.offlineFilter(program)(frame) > 0));
    if (!chooses && theirs.length > 1) programs.push({ text, ours, theirs });
  } catch {
    // The expression is for another link type, or needs a netmask.
  }
}
console.log(
  `In the kernel, ${programs.length} filters: nanoseconds for a frame, and libpcap's as a multiple of the library's.`,
);
const ratios = [];
for (const { text, ours, theirs } of programs) {
  const times = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, program] of [none, ours, theirs].entries()) times[i].push(time(program));
  }
  const [base, own, others] = times.map(median);
  const [a, b] = [Math.max(own - base, 0.1), Math.max(others - base, 0.1)];
  ratios.push(b / a);
  console.log(`${a.toFixed(1).padStart(7)} ${b.toFixed(1).padStart(7)}  x ${(b / a).toFixed(2)}  ${text}`);
}
console.log(`median: x ${median(ratios).toFixed(2)}`);

/** Returns the microseconds to parse and compile an expression. Rejected expressions take time, too. */
function compileTime(text) {
  const start = process.hrtime.bigint();
  try {
    p.compileFilter(p.parseFilter(text), { netmask: '255.255.255.0' });
  } catch {}
  return Number(process.hrtime.bigint() - start) / 1000;
}
for (let i = 0; i < WARM; i++) for (const text of texts) compileTime(text);
const compile = texts.map((text) => ({
  text,
  micros: median(Array.from({ length: 2 * ROUNDS + 1 }, () => compileTime(text))),
}));
const longest = compile.reduce((a, b) => (a.micros > b.micros ? a : b));
console.log(
  `To parse and compile, warm: ${median(compile.map(({ micros }) => micros)).toFixed(0)} us by the median of ` +
    `${texts.length} expressions, at most ${longest.micros.toFixed(0)} us (${longest.text}). ` +
    `${longest.micros < LIMIT ? 'met' : 'NOT MET'}: less than ${LIMIT} us`,
);
const cold = `import { compileFilter, parseFilter } from 'sys-socket/packet';
  const start = process.hrtime.bigint();
  compileFilter(parseFilter(process.argv[1]));
  console.log(Number(process.hrtime.bigint() - start) / 1e6);`;
const first = Array.from({ length: ROUNDS }, () =>
  Number(execFileSync(process.execPath, ['--input-type=module', '-e', cold, longest.text], { encoding: 'utf8' })),
);
console.log(`The same as the first of a process: ${median(first).toFixed(1)} ms`);
