// Fuzzes the decoders in JavaScript, guided by coverage: an input that reaches new code is kept and mutated further. V8
// itself reports the coverage (precise coverage, as for c8), so that nothing is instrumented and the ES modules run as
// shipped; Jazzer.js has its own native part and hooks CommonJS.
//   node test/torture/fuzz/decoders.js [--seconds=N | --runs=N] [--seed=N]      or with a file: runs this one input
// A decoder never throws; a parser throws only TypeError, and its results pass its verifier.
import { Buffer } from 'node:buffer';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as s from '../../../dist/index.js';
import { BlockMemory, BlockViews } from '../../../dist/packet/capture/block-memory.js';
import * as p from '../../../dist/packet/index.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '30' }, runs: { type: 'string' }, seed: { type: 'string' } },
});

const FIRSTS = [
  'ethernet',
  'ip',
  'arp',
  'ipv4',
  'ipv6',
  'hopByHop',
  'destinationOptions',
  'routing',
  'fragment',
  'icmp',
  'icmpv6',
  'tcp',
  'udp',
];

function expect(condition, what) {
  if (!condition) throw new Error(`expected: ${what}`);
}

/** Runs a function that may refuse its input, with TypeError or RangeError only. */
function refusing(run) {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    // These are accidents: the library's errors have their own messages, V8's mention properties and "undefined".
    if (/Cannot read|is not a function|is not iterable|undefined/.test(error.message)) throw error;
    return undefined;
  }
}

/** BPF instructions from the bytes, eight bytes each. */
function program(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length >> 3 }, (_, i) => ({
    code: view.getUint16(8 * i, true),
    jt: view.getUint8(8 * i + 2),
    jf: view.getUint8(8 * i + 3),
    k: view.getUint32(8 * i + 4, true),
  }));
}

const targets = [
  function addresses(bytes) {
    s.decodeAddress(bytes);
  },
  function control(bytes) {
    s.decodeControl(bytes);
  },
  function netlink(bytes) {
    for (const { data } of s.decodeNetlink(bytes)) {
      s.decodeAttributes(data);
      for (const decode of [s.decodeLink, s.decodeRoute, s.decodeInterfaceAddress, s.decodeNeighbour]) decode?.(data);
    }
  },
  function attributes(bytes) {
    for (const { data } of s.decodeAttributes(bytes)) s.decodeAttributes(data);
    s.decodeTcpInfo?.(bytes);
  },
  function packets(bytes) {
    const decoded = p.decodePacket(bytes.subarray(1), { first: FIRSTS[(bytes[0] ?? 0) % FIRSTS.length] });
    expect(Buffer.compare(p.encodePacket(decoded.layers), bytes.subarray(1)) === 0, 'the same bytes again');
    expect(!/undefined|NaN/.test(p.formatPacket(decoded)), 'a text without undefined');
  },
  function view(bytes) {
    const of = new p.PacketView();
    of.of(bytes);
    for (const key of ['sourceAddress', 'destinationAddress', 'sourcePort', 'destinationPort', 'hopLimit', 'tcpFlags'])
      void of[key];
  },
  function filterText(bytes) {
    const expression = refusing(() => p.parseFilter(Buffer.from(bytes).toString('latin1')));
    if (expression === undefined) return;
    const compiled = refusing(() => p.compileFilter(expression));
    if (compiled !== undefined) expect(p.verifyFilter(compiled) === undefined, 'a program that the verifier takes');
  },
  function assembly(bytes) {
    const made = refusing(() => p.assembleFilter(Buffer.from(bytes).toString('latin1')));
    if (made !== undefined && made.length > 0) refusing(() => p.disassembleFilter(made));
  },
  function programs(bytes) {
    const given = program(bytes);
    const fault = refusing(() => p.verifyFilter(given));
    refusing(() => p.disassembleFilter(given));
    if (fault === undefined && given.length > 0) refusing(() => p.offlineFilter(given)(bytes));
  },
  function files(bytes) {
    const reader = new p.CaptureReader();
    const half = bytes.length >> 1;
    reader.push(bytes.subarray(0, half));
    reader.push(bytes.subarray(half));
    reader.end?.();
  },
  function blocks(bytes) {
    // A block of a ring, with any header of the kernel for its packets; it is in a larger buffer, whose rest must not
    // change.
    const [first, count, kind] = bytes;
    const size = bytes.length;
    const slab = new Uint8Array(size + 128).fill(0xc5);
    slab.set(bytes, 64);
    const memory = new BlockMemory(
      new BlockViews(slab.buffer, 64, size),
      { first: (first ?? 0) & 63, end: size, count: (count ?? 0) * 257 },
      { linktype: 1, cooked: (kind ?? 0) % 2 === 1 },
    );
    let packets = 0;
    for (const packet of new p.Block(memory)) {
      const { data } = packet.copy();
      expect(packet.data.byteOffset + data.length <= 64 + size, 'a packet that ends in its block');
      void [packet.uint8(data.length), packet.uint16(0), packet.uint32(data.length - 2)];
      expect(++packets <= size, 'as many packets as there is room for');
    }
    expect(
      slab.every((byte, i) => (i >= 64 && i < 64 + size) || byte === 0xc5),
      'bytes of the block alone',
    );
  },
];

function runInput(input) {
  targets[(input[0] ?? 0) % targets.length](input.subarray(1));
}

if (positionals.length > 0) {
  for (const path of positionals) runInput(new Uint8Array(readFileSync(path)));
  console.log('fuzz: no fault');
  process.exit(0);
}

// mulberry32: small, fast, and the same everywhere.
const seed = Number(options.seed ?? Date.now() % 2 ** 31);
let state = seed;
function below(limit) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % limit;
}

const WORDS = [
  ...[
    'and',
    'or',
    'not',
    'host',
    'net',
    'port',
    'tcp',
    'udp',
    'ip6',
    'src',
    'dst',
    'ether',
    'vlan',
    'ip[6:2] & 0x1fff != 0',
    '(',
  ],
  ...[')', '1.2.3.4', '::1', 'portrange 1-9', 'ld [12]', 'jeq #0x800, 1, 2', 'ret #1', 'ldx 4*([14]&0xf)', 'tax', '\n'],
].map((word) => Buffer.from(` ${word} `));
const MAGIC = [
  [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
  [0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a],
  [16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
  [0x45, 0, 0, 20],
  [0x60, 0, 0, 0],
  [6, 0, 0, 0, 255, 255, 0, 0],
].map((bytes) => Buffer.from(bytes));

const corpus = targets.map((_, i) => [Uint8Array.of(i)]);
const kept = join(import.meta.dirname, 'corpus-decoders');
try {
  for (const name of readdirSync(kept)) {
    const input = new Uint8Array(readFileSync(join(kept, name)));
    corpus[input[0] % targets.length].push(input);
  }
} catch {} // none yet

function mutant() {
  const list = corpus[below(targets.length)];
  let input = Buffer.from(list[below(list.length)]);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = 1 + below(input.length);
    const insert = (bytes) => Buffer.concat([input.subarray(0, at), bytes, input.subarray(at)]);
    switch (below(8)) {
      case 0:
        input = insert(Buffer.from([below(256)]));
        break;
      case 1:
        input = insert(WORDS[below(WORDS.length)]);
        break;
      case 2:
        input = insert(MAGIC[below(MAGIC.length)]);
        break;
      case 3:
        input = Buffer.concat([input.subarray(0, at), input.subarray(at + 1 + below(8))]);
        break;
      case 4: {
        const other = list[below(list.length)];
        input = Buffer.concat([input.subarray(0, at), Buffer.from(other.subarray(1 + below(other.length)))]);
        break;
      }
      case 5:
        if (at + 2 <= input.length) input.writeUInt16LE([0, 1, 4, 8, input.length, 0xffff, 0x8000][below(7)], at);
        break;
      default:
        if (at < input.length) input[at] = below(3) === 0 ? input[at] ^ (1 << below(8)) : below(256);
    }
  }
  return new Uint8Array(input.subarray(0, 600));
}

const session = new Session();
session.connect();
function ask(method, params) {
  let result;
  session.post(method, params, (error, value) => {
    if (error) throw new Error(error.message);
    result = value;
  });
  return result;
}
ask('Profiler.enable');
ask('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

/** For each function that ran: its blocks that never ran. */
const missed = new Map();

/** Whether code of this library has run for the first time since the last call. */
function isNew() {
  let found = false;
  for (const script of ask('Profiler.takePreciseCoverage').result) {
    if (!script.url.includes('/dist/')) continue;
    for (const { ranges } of script.functions) {
      if (ranges[0].count === 0) continue;
      const key = `${script.scriptId}:${ranges[0].startOffset}`;
      const zeros = ranges.filter(({ count }) => count === 0);
      const before = missed.get(key);
      const still = (before ?? zeros).filter((block) =>
        zeros.some((zero) => zero.startOffset <= block.startOffset && zero.endOffset >= block.endOffset),
      );
      if (before === undefined || still.length < before.length) found = true;
      missed.set(key, still);
    }
  }
  return found;
}

const GROUP = 500;
const until = performance.now() + 1000 * Number(options.seconds);
const most = options.runs === undefined ? Number.POSITIVE_INFINITY : Number(options.runs);
let runs = 0;
isNew();
function attempt(input) {
  runs++;
  try {
    runInput(input);
  } catch (error) {
    const folder = join(import.meta.dirname, '../../../build/fuzz');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `decoders-${seed}`);
    writeFileSync(path, input);
    console.error(
      `fuzz: ${targets[input[0] % targets.length].name}: ${error.stack}\n    node test/torture/fuzz/decoders.js ${path}`,
    );
    process.exit(1);
  }
}
while (performance.now() < until && runs < most) {
  const group = Array.from({ length: GROUP }, mutant);
  for (const input of group) attempt(input);
  if (!isNew()) continue;
  // Coverage covers a whole group, and each of its inputs is a good start. Finding the right one is not worth the time:
  // a random quarter of the group is kept.
  for (let i = below(4); i < group.length; i += 4) {
    const list = corpus[group[i][0] % targets.length];
    if (list.length < 3000) list.push(group[i]);
    else list[below(list.length)] = group[i];
  }
}
console.log(
  `fuzz: decoders, ${runs} runs from seed ${seed}, ${missed.size} functions reached, ${[...missed.values()].reduce((n, blocks) => n + blocks.length, 0)} of their blocks not reached, no fault`,
);
process.exit(0);
