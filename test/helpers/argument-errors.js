// Run by test/argument-errors.test.ts, with standard output at /dev/null: calls every exported function, constructor, static
// function and method with values of every kind in each position. Prints to file descriptor 3 the errors that have no
// code, and the argument errors that name no argument.
import { fstatSync, openSync, writeSync } from 'node:fs';
import process from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { types } from 'node:util';
import * as binary from '../../dist/binary.js';
import * as s from '../../dist/index.js';
import * as nothrow from '../../dist/nothrow.js';
import * as packet from '../../dist/packet/index.js';
import * as promises from '../../dist/promises.js';

const entries = { s, nothrow, promises, packet, match: packet.match, binary };

/** Functions that are not called, or not with these values. */
const leftOut = {
  sethostname: 'renames the machine',
  close: 'closes what this program needs; test/argument/arguments.test.ts has it',
  select: 'waits for ever when it is given nothing, as do the next two; test/argument/arguments.test.ts has them',
  pselect: 'as select',
  ppoll: 'as select',
};
/** Functions that take long when they succeed: they are called with one argument only. */
const slow = new Set(['capabilities', 'openCapture']);
/** Names are not resolved: the answer would come from another machine. */
const looksUp = /getaddrinfo|gethostby|getfqdn|createConnection|createServer|getnameinfo/;
const word = (name) => (looksUp.test(name) ? '127.0.0.1' : 'x');
const values = (name) => [undefined, null, 1, word(name), {}, [], Symbol('a')];

/** Bytes whose memory was transferred. */
const bytes = new Uint8Array(64);
const view = new DataView(bytes.buffer);
const memory = bytes.buffer;
structuredClone(memory, { transfer: [memory] });
/** Bytes whose memory was shrunk below their length. */
const resizable = new ArrayBuffer(64, { maxByteLength: 64 });
const outside = new Uint8Array(resizable, 32);
const outsideView = new DataView(resizable, 32, 16);
resizable.resize(16);

/**
 * Arrays with holes, and values without readable bytes: alone, and in place of the bytes of an address, a message or a
 * packet. They are created anew for each call, as some calls write into their arguments.
 */
const hollow = [
  ...[bytes, view, memory, outside, outsideView].map((value) => () => value),
  ...[() => new Array(3), () => new Array(2).fill(1, 1), () => [bytes], () => new Proxy(new Uint8Array(8), {})],
  ...[s.AF_UNIX, s.AF_PACKET, 250].flatMap((family) => [
    () => ({ family, path: bytes }),
    () => ({ family, ifindex: 1, protocol: 0, address: bytes }),
    () => ({ family, data: bytes }),
  ]),
  ...[() => bytes, () => new Array(3)].flatMap((value) => [
    () => ({ buffers: value() }),
    () => ({ buffers: [value()] }),
    () => ({ buffers: [], control: value() }),
    () => ({ buffers: [], address: value() }),
    () => [{ level: 1, type: 1, data: value() }],
    () => [{ type: 1, flags: 0, seq: 0, pid: 0, data: value() }],
    () => [{ type: 1, data: value() }],
    () => [{ layer: 'payload', data: value() }],
    () => ({ layers: value() }),
  ]),
];

/** Creates the objects whose methods are called, a new one for each call. They have no peer, so no method blocks. */
const instances = {
  Socket: () => withoutPeer(),
  SocketStream: () => withoutPeer().makefile().on('error', ignore),
  Datagrams: () => {
    const socket = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
    socket.setTimeout(0.01);
    return socket;
  },
  MessageBatch: () => new s.MessageBatch({ messages: 1, size: 8, controlLength: 64 }),
  SockaddrStorage: () => new s.SockaddrStorage(),
  PacketView: () => new packet.PacketView(),
  PcapWriter: () => new packet.PcapWriter(ignore),
  PcapngWriter: () => new packet.PcapngWriter(ignore),
  CaptureReader: () => new packet.CaptureReader(),
};
/** The methods of Node's own classes, which check their arguments themselves. */
const ofNode = /^(read|write|_.*)$/;

const faults = new Set();
let calls = 0;

function ignore() {}

function withoutPeer() {
  const [socket, peer] = s.Socket.pair();
  peer.close();
  return socket;
}

/** Returns a value as text. Node's own inspect throws for memory that was transferred. */
function told(value) {
  if (types.isProxy(value)) return 'a proxy';
  if ([bytes, view, memory].includes(value)) return 'detached bytes';
  if (value === outside || value === outsideView) return 'bytes outside';
  if (Array.isArray(value)) return `[${Array.from(value, told)}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{${Object.keys(value).map((key) => `${key}: ${told(value[key])}`)}}`;
}

function judge(what, args, error) {
  if (/^(ERR_(INVALID_ARG|OUT_OF_RANGE)).*/.test(error?.code)) {
    if (/^The "[^"]+" argument must be /.test(error.message)) return;
  } else if (/^(ERR_|E[A-Z0-9]+$|EAI_|HOST_|NO_|TRY_|NETDB_|ABORT_ERR)/.test(error?.code)) {
    return;
  }
  faults.add(`${what}(${args.map(told)}): ${error}`);
}

function call(what, f, args) {
  calls++;
  try {
    const result = f(...args);
    if (typeof result?.then === 'function') {
      result.then(
        (value) => value?.close?.(),
        (error) => judge(what, args, error),
      );
    } else if (/^(Socket|Capture|TransmitRing|Server)$/.test(result?.constructor?.name)) {
      result.close();
    }
  } catch (error) {
    judge(what, args, error);
  }
  // A Socket of file descriptor 1 has closed it: the next file that is opened would be mistaken for it.
  try {
    fstatSync(1);
  } catch {
    openSync('/dev/null');
  }
}

function* lists(name) {
  const all = values(name);
  for (const a of all) {
    if (!slow.has(name))
      for (const b of all)
        yield* [
          [a, b],
          [1, a, b],
          [{}, a, b],
        ];
    if (name !== 'capabilities' || a !== undefined) yield [a];
  }
  for (const make of hollow) {
    yield [make()];
    if (slow.has(name)) continue;
    for (const before of [[1], [make()], [word(name)], [1, 1], [1, 1, 1]]) yield [...before, make()];
    yield [make(), 1];
  }
}

for (const [entry, module] of Object.entries(entries)) {
  for (const [name, f] of Object.entries(module)) {
    if (typeof f !== 'function' || Object.hasOwn(leftOut, name)) continue;
    const isClass = /^class\b/.test(Function.prototype.toString.call(f));
    for (const args of lists(name)) {
      call(`${entry}.${name}`, isClass ? (...given) => Reflect.construct(f, given) : f, args);
      if (!isClass) continue;
      for (const key of Object.getOwnPropertyNames(f)) {
        if (typeof f[key] === 'function') call(`${entry}.${name}.${key}`, f[key].bind(f), args);
      }
    }
  }
}
for (const [name, make] of Object.entries(instances)) {
  const { prototype } = make().constructor;
  for (const key of Reflect.ownKeys(prototype)) {
    const { value } = Object.getOwnPropertyDescriptor(prototype, key);
    if (typeof value !== 'function' || key === 'constructor' || ofNode.test(String(key))) continue;
    for (const args of lists(name)) {
      const one = make();
      call(`${name}.${String(key)}`, value.bind(one), args);
      one.destroy?.();
      one.close?.();
    }
  }
}
for (let i = 0; i < 20; i++) await setImmediate(); // for the promises to reject
writeSync(3, JSON.stringify({ calls, faults: [...faults] }));
process.exit(0); // some of what was opened is still waiting
