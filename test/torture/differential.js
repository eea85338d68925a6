// Runs random sequences of socket calls with Python's socket module and with this library: each call must return the
// same count, bytes, address or errno. Sockets are non-blocking, so that no call waits.
//   node test/torture/differential.js [--calls=N] [--seed=N]
// A sequence that differs is tried again (on a loaded machine the kernel processes some packets later), then shortened
// as long as it differs, and printed with its seed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import * as s from '../../dist/index.js';

const { values: options } = parseArgs({
  options: { calls: { type: 'string', default: '3000' }, seed: { type: 'string', default: '' } },
});
const LENGTH = 30;
const SLOTS = 8;

// mulberry32: small, fast, and the same everywhere.
function generator(seed) {
  let state = seed | 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

const INTS = [-1, 0, 1, 2, 64, 255, 256, 4096, 70_000];
const { SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP } = s;
const SETTABLE = [
  ...[s.SO_REUSEADDR, s.SO_KEEPALIVE, s.SO_BROADCAST, s.SO_SNDBUF, s.SO_RCVBUF, s.SO_OOBINLINE, s.SO_PRIORITY].map(
    (name) => [SOL_SOCKET, name],
  ),
  ...[s.SO_RCVLOWAT, s.SO_PASSCRED, s.SO_PEEK_OFF, s.SO_REUSEPORT, s.SO_TIMESTAMP, s.SO_MARK, 9999].map((name) => [
    SOL_SOCKET,
    name,
  ]),
  ...[s.TCP_NODELAY, s.TCP_CORK, s.TCP_KEEPIDLE, s.TCP_SYNCNT, s.TCP_DEFER_ACCEPT, s.TCP_QUICKACK].map((name) => [
    IPPROTO_TCP,
    name,
  ]),
  ...[s.IP_TTL, s.IP_TOS, s.IP_PKTINFO, s.IP_RECVTTL, s.IP_RECVTOS, s.IP_FREEBIND].map((name) => [IPPROTO_IP, name]),
  ...[s.IPV6_V6ONLY, s.IPV6_UNICAST_HOPS, s.IPV6_RECVPKTINFO, s.IPV6_RECVHOPLIMIT, s.IPV6_TCLASS].map((name) => [
    IPPROTO_IPV6,
    name,
  ]),
];
const READABLE = [
  ...SETTABLE,
  ...[s.SO_TYPE, s.SO_ERROR, s.SO_ACCEPTCONN, s.SO_DOMAIN, s.SO_PROTOCOL].map((name) => [SOL_SOCKET, name]),
];
const SEND_FLAGS = [0, 0, 0, s.MSG_DONTWAIT, s.MSG_MORE, s.MSG_EOR, s.MSG_OOB, s.MSG_NOSIGNAL, 0x40000000];
const RECV_FLAGS = [
  0,
  0,
  0,
  s.MSG_PEEK,
  s.MSG_TRUNC,
  s.MSG_DONTWAIT,
  s.MSG_OOB,
  s.MSG_ERRQUEUE,
  s.MSG_PEEK | s.MSG_TRUNC,
];

/** Python's recv does not call the kernel for 0 bytes, hence `|| 1`. */
function sequence(seed) {
  const below = generator(seed);
  const pick = (list) => list[below(list.length)];
  const slot = () => below(SLOTS);
  const size = () => pick([0, 1, 2, 7, 100, 1000, 3000]);
  const data = () => [size(), below(256)];
  // A sequence uses only one or two families: otherwise two sockets would hardly ever meet.
  const families = pick([
    [s.AF_INET],
    [s.AF_INET6],
    [s.AF_UNIX],
    [s.AF_UNIX],
    [s.AF_INET, s.AF_INET6],
    [s.AF_INET, s.AF_UNIX],
  ]);
  const family = () => pick(families);
  const types = pick([[s.SOCK_STREAM], [s.SOCK_DGRAM], [s.SOCK_STREAM, s.SOCK_DGRAM, s.SOCK_SEQPACKET]]);
  const address = () => {
    if (below(3) > 0) return ['of', slot()];
    const kind = family();
    if (kind === s.AF_INET) return ['inet', pick(['127.0.0.1', '127.0.0.2', '0.0.0.0']), pick([0, 0, 0, 1])];
    if (kind === s.AF_INET6) return ['inet', pick(['::1', '::', '::ffff:127.0.0.1']), pick([0, 0, 0, 1])];
    return pick([
      ['unix', 'a'],
      ['unix', 'b'],
      ['abstract', 'c'],
      ['unix', 'missing/d'],
    ]);
  };
  const bindAddress = () => {
    const to = address();
    return to[0] === 'of'
      ? families[0] === s.AF_UNIX
        ? ['unix', pick(['a', 'b', ''])]
        : ['inet', families[0] === s.AF_INET ? '127.0.0.1' : '::1', 0]
      : to;
  };
  const makers = [
    () => ['socket', slot(), family(), pick(types), 0],
    () => ['socketpair', slot(), slot(), s.AF_UNIX, pick(types)],
    () => ['bind', slot(), bindAddress()],
    () => ['listen', slot(), pick([0, 1, 5])],
    () => ['connect', slot(), address()],
    () => ['accept', slot(), slot()],
    () => ['shutdown', slot(), pick([0, 1, 2, 3])],
    () => ['close', slot()],
    () => ['dup', slot(), slot()],
    () => ['getsockname', slot()],
    () => ['getpeername', slot()],
    () => ['send', slot(), data(), pick(SEND_FLAGS)],
    () => ['write', slot(), data()],
    () => ['sendto', slot(), data(), pick(SEND_FLAGS), address()],
    () => ['recv', slot(), size() || 1, pick(RECV_FLAGS)],
    () => ['read', slot(), size()],
    () => ['recvfrom', slot(), size(), pick(RECV_FLAGS)],
    () => [
      'sendmsg',
      slot(),
      Array.from({ length: below(4) }, data),
      pick(SEND_FLAGS),
      Array.from({ length: pick([0, 0, 1, 3]) }, slot),
    ],
    () => ['recvmsg', slot(), size(), pick([0, 10, 20, 24, 64, 512]), pick(RECV_FLAGS)],
    () => ['setsockopt', slot(), ...pick(SETTABLE), pick(INTS)],
    () => ['getsockopt', slot(), ...pick(READABLE)],
    () => [
      'poll',
      0,
      Array.from({ length: 1 + below(4) }, slot).filter((value, i, all) => all.indexOf(value) === i),
      s.POLLIN | s.POLLOUT | s.POLLPRI | s.POLLRDHUP,
    ],
  ];
  const ops = Array.from({ length: 4 }, (_, i) =>
    families[0] === s.AF_UNIX && i % 2 === 0
      ? ['socketpair', i, i + 4, s.AF_UNIX, pick(types)]
      : ['socket', i, family(), pick(types), 0],
  );
  while (ops.length < LENGTH) ops.push(pick(makers)());
  return { seed, ops };
}

// Our side.

/** Python's sockets accept no address of another family. */
class Skipped extends Error {}

class World {
  slots = new Array(SLOTS).fill(-1);

  constructor(prefix) {
    this.prefix = prefix;
  }

  put(i, fd) {
    this.drop(i);
    s.fcntl(fd, s.F_SETFL, s.fcntl(fd, s.F_GETFL) | s.O_NONBLOCK);
    this.slots[i] = fd;
  }

  drop(i) {
    if (this.slots[i] !== -1) s.close(this.slots[i]);
    this.slots[i] = -1;
  }

  address(fd, spec) {
    if (fd === -1) throw new Skipped();
    const address = this.#address(spec);
    if (s.getsockopt(fd, s.SOL_SOCKET, s.SO_DOMAIN) !== address.family) throw new Skipped();
    return address;
  }

  #address([kind, a, b]) {
    if (kind === 'inet') return { family: a.includes(':') ? s.AF_INET6 : s.AF_INET, address: a, port: b };
    if (kind === 'unix') return { family: s.AF_UNIX, path: a === '' ? '' : this.prefix + a };
    if (kind === 'abstract') return { family: s.AF_UNIX, path: `\0${this.prefix}${a}` };
    return s.getsockname(this.slots[a]);
  }
}

function name(address) {
  if (address === undefined) return null;
  if (address.family === s.AF_UNIX) return ['unix', Buffer.from(address.path).toString('hex')];
  const { address: host, port, flowinfo, scopeId } = address;
  return address.family === s.AF_INET ? ['inet', host, port] : ['inet', host, port, flowinfo, scopeId];
}

/** The count may exceed the buffer, with MSG_TRUNC. */
function told(buffer, count) {
  const data = buffer.subarray(0, count);
  return [count, data.reduce((sum, byte) => sum + byte, 0) % 65521, Buffer.from(data.subarray(0, 8)).toString('hex')];
}

const bytes = ([size, first]) => Uint8Array.from({ length: size }, (_, i) => (first + i) % 256);

function run(w, [kind, a, ...rest]) {
  const fd = w.slots[a];
  const buffer = kind.startsWith('rec') || kind === 'read' ? new Uint8Array(rest[0]) : undefined;
  switch (kind) {
    case 'socket':
      w.put(a, s.socket(...rest));
      return [];
    case 'socketpair': {
      const [one, two] = s.socketpair(rest[1], rest[2]);
      w.put(a, one);
      w.put(rest[0], two);
      return [];
    }
    case 'bind':
      s.bind(fd, w.address(fd, rest[0]));
      return [];
    case 'connect':
      s.connect(fd, w.address(fd, rest[0]));
      return [];
    case 'listen':
      s.listen(fd, rest[0]);
      return [];
    case 'accept': {
      const accepted = s.accept(fd);
      w.put(rest[0], accepted.fd);
      return [name(accepted.address)];
    }
    case 'shutdown':
      s.shutdown(fd, rest[0]);
      return [];
    case 'close':
      w.slots[a] = -1;
      s.close(fd);
      return [];
    case 'dup':
      w.put(rest[0], s.dup(fd));
      return [];
    case 'getsockname':
      return [name(s.getsockname(fd))];
    case 'getpeername':
      return [name(s.getpeername(fd))];
    case 'send':
      return [s.send(fd, bytes(rest[0]), rest[1])];
    case 'write':
      return [s.write(fd, bytes(rest[0]))];
    case 'sendto':
      return [s.sendto(fd, bytes(rest[0]), rest[1], w.address(fd, rest[2]))];
    case 'recv':
      return told(buffer, s.recv(fd, buffer, rest[1]));
    case 'read':
      return told(buffer, s.read(fd, buffer));
    case 'recvfrom': {
      const got = s.recvfrom(fd, buffer, rest[1]);
      return [...told(buffer, got.length), name(got.address)];
    }
    case 'sendmsg': {
      const fds = rest[2].map((slot) => w.slots[slot]);
      const control = fds.length > 0 ? [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds }] : undefined;
      return [s.sendmsg(fd, { buffers: rest[0].map(bytes), ...(control && { control }) }, rest[1])];
    }
    case 'recvmsg': {
      const got = s.recvmsg(fd, { buffers: [buffer], controlLength: rest[1] }, rest[2]);
      const items = got.control.map((item) => {
        if (item.fds === undefined) return [item.level, item.type];
        for (const passed of item.fds) s.close(passed);
        return [item.level, item.type, item.fds.length];
      });
      return [...told(buffer, got.length), items, got.flags, name(got.address)];
    }
    case 'setsockopt':
      s.setsockopt(fd, ...rest);
      return [];
    case 'getsockopt':
      return [s.getsockopt(fd, ...rest)];
    case 'poll': {
      const fds = rest[0].map((slot) => w.slots[slot]).filter((one) => one !== -1);
      const ready = s.poll(
        fds.map((one) => ({ fd: one, events: rest[1] })),
        0,
      );
      return [Array.isArray(ready) ? ready : fds.map(() => ready)];
    }
    default:
      throw new Error(kind);
  }
}

function ours({ ops, prefix }) {
  const world = new World(prefix);
  const results = ops.map((op) => {
    try {
      return run(world, op);
    } catch (error) {
      if (error instanceof Skipped) return { skipped: 'the address belongs to another family' };
      if (typeof error.errno !== 'number') return { thrown: String(error) };
      return { errno: error.errno };
    }
  });
  for (let i = 0; i < SLOTS; i++) world.drop(i);
  return results;
}

/** Replaces ports and automatic names, which the kernel chooses, by the order in which they appear. */
function normal(results, prefix) {
  const ports = new Map([
    [0, 0],
    [1, 1],
  ]);
  const names = new Map();
  const map = (known, value, letter) => {
    if (!known.has(value)) known.set(value, `${letter}${known.size}`);
    return known.get(value);
  };
  const hex = Buffer.from(prefix).toString('hex');
  const walk = (value) => {
    if (!Array.isArray(value)) return value;
    if (value[0] === 'inet') return ['inet', value[1], map(ports, value[2], 'port '), ...value.slice(3)];
    if (value[0] === 'unix') {
      if (/^00([36][0-9a-f]){5}$/.test(value[1])) return ['unix', map(names, value[1], 'automatic ')];
      return ['unix', value[1].replace(hex, '')];
    }
    return value.map(walk);
  };
  return results.map(walk);
}

let runs = 0;
let succeeded = 0;

/** Runs both sides of each sequence, every one with its own names. */
function compare(sequences) {
  const at = (side) => sequences.map(({ ops }, i) => ({ ops, prefix: `${side}${process.pid}x${runs}x${i}x` }));
  const [theirs, mine] = [at('p'), at('n')];
  runs++;
  const python = spawnSync('python3', [join(import.meta.dirname, 'differential.py')], {
    input: theirs.map((one) => `${JSON.stringify(one)}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  if (python.status !== 0) throw new Error(python.stderr);
  const lines = python.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return mine.map((one, i) => {
    const a = normal(lines[i], theirs[i].prefix);
    const b = normal(ours(one), one.prefix);
    succeeded += a.filter(Array.isArray).length;
    const first = a.findIndex((result, at) => !isDeepStrictEqual(result, b[at]));
    return first === -1 ? undefined : { first, python: a[first], ours: b[first] };
  });
}

/** Whether it differs each time. */
function differs(sequence) {
  let last;
  for (let i = 0; i < 3; i++) {
    [last] = compare([sequence]);
    if (last === undefined) return undefined;
  }
  return last;
}

/** Drops calls as long as the sequence still differs. */
function shorten(sequence) {
  let { ops } = sequence;
  for (;;) {
    const fewer = ops.map((_, i) => ({ ops: ops.toSpliced(i, 1) }));
    const found = compare(fewer).findLastIndex((difference, i) => difference && differs(fewer[i]));
    if (found === -1) return { ...sequence, ops };
    ops = fewer[found].ops;
  }
}

const calls = Number(options.calls);
const first = options.seed === '' ? Date.now() % 2 ** 31 : Number(options.seed);
const count =
  options.seed !== '' && process.argv.every((word) => !word.startsWith('--calls')) ? 1 : Math.ceil(calls / LENGTH);
const folder = mkdtempSync(join(tmpdir(), 'sys-socket-differential-'));
const began = performance.now();
let differences = 0;
let again = 0;
let made = 0;
process.chdir(folder);
try {
  for (let from = 0; from < count; from += 100) {
    const sequences = Array.from({ length: Math.min(100, count - from) }, (_, i) => sequence(first + from + i));
    for (const [i, difference] of compare(sequences).entries()) {
      made += sequences[i].ops.length;
      if (difference === undefined) continue;
      again++;
      if (differs(sequences[i]) === undefined) continue;
      differences++;
      if (differences > 3) continue;
      const short = shorten(sequences[i]);
      const last = differs(short) ?? difference;
      console.log(`differential: --seed=${short.seed} differs; the shortest sequence that does:`);
      for (const op of short.ops) console.log(`    ${JSON.stringify(op)}`);
      console.log(`  Python: ${JSON.stringify(last.python)}\n  ours:   ${JSON.stringify(last.ours)}`);
    }
  }
} finally {
  process.chdir('/');
  rmSync(folder, { recursive: true });
}
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(
  `differential: ${made} calls (${succeeded} without an error) from seed ${first} in ${seconds} s, ${again} sequences were tried again, ${differences} differ`,
);
process.exitCode = differences > 0 ? 1 : 0;
