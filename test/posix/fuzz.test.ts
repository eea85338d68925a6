/**
 * Arbitrary arguments to every call: the outcome is a result, a SocketError, a TypeError or a RangeError; never a
 * crash, never another error. FUZZ_RUNS sets the number of runs of each property.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { openFds } from '../helpers/fds.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 150);
const options = { numRuns, interruptAfterTimeLimit: 20_000 };

type Exports = { [name: string]: (...args: never[]) => unknown };

/** Calls that only inspect their arguments, or sockets. `close` and similar calls have numbers below. */
const calls = [
  ...[
    'bind',
    'connect',
    'read',
    'write',
    'readv',
    'writev',
    'send',
    'sendto',
    'sendmsg',
    'recv',
    'recvfrom',
    'recvmsg',
  ],
  ...['setsockopt', 'getsockopt', 'sendmmsg', 'recvmmsg', 'getsockname', 'getpeername', 'sockatmark', 'shutdown'],
] as const;
const pure = [
  ...['encodeAddress', 'encodeControl', 'htons', 'ntohs', 'htonl', 'ntohl', 'inet_pton', 'inet_ntop', 'inet_aton'],
  ...['inet_ntoa', 'ifreq', 'errnoName', 'isErrno'],
] as const;

let stream: [number, number];
let dgram: [number, number];
beforeAll(() => {
  stream = s.socketpair(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK);
  dgram = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM | s.SOCK_NONBLOCK);
});
afterAll(() => {
  for (const fd of [...stream, ...dgram]) s.close(fd);
});

const resizable = (length: number) =>
  new (ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer)(length, { maxByteLength: 4096 });

function detached(length: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(length));
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

function outOfBounds(length: number): Uint8Array {
  const memory = resizable(length + 8);
  const bytes = new Uint8Array(memory, 4);
  (memory as unknown as { resize(length: number): void }).resize(2);
  return bytes;
}

const short = fc.nat({ max: 300 });
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.float64Array({ maxLength: 20 }),
  fc.int16Array({ maxLength: 30 }),
  short.map((n) => new ArrayBuffer(n)),
  short.map((n) => new DataView(new ArrayBuffer(n + 3), 3)),
  short.map((n) => new Uint8Array(new SharedArrayBuffer(n))),
  short.map((n) => new SharedArrayBuffer(n)),
  short.map((n) => new Uint8Array(resizable(n))),
  short.map(detached),
  short.map(outOfBounds),
  short.map((n) => new Proxy(new Uint8Array(n), {})),
);
const number = fc.oneof(
  fc.constantFrom(-1, 0, 1, 2, 0x40, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 5, -(2 ** 31), Number.NaN, -0, 1.5),
  fc.integer(),
  fc.double(),
);
const family = fc.constantFrom(
  s.AF_UNSPEC,
  s.AF_UNIX,
  s.AF_INET,
  s.AF_INET6,
  s.AF_PACKET,
  s.AF_NETLINK,
  s.AF_VSOCK,
  77,
);
const address = fc.record(
  {
    family: fc.oneof(family, number),
    address: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), bytes),
    port: fc.oneof(fc.nat(70000), number),
    path: fc.oneof(fc.string({ maxLength: 120, unit: 'binary' }), bytes),
    ifindex: number,
    protocol: number,
    pid: number,
    groups: number,
    cid: number,
    data: bytes,
  },
  { requiredKeys: ['family'] },
);
const control = fc.array(
  fc.record(
    {
      level: fc.oneof(fc.constantFrom(s.SOL_SOCKET, s.IPPROTO_IP, s.IPPROTO_IPV6), number),
      type: fc.oneof(fc.nat(60), number),
      fds: fc.array(fc.oneof(fc.constant(-1), number), { maxLength: 4 }),
      value: number,
      data: bytes,
      nanoseconds: fc.bigInt(),
    },
    { requiredKeys: ['level', 'type'] },
  ),
  { maxLength: 3 },
);
const batch = fc
  .record({ messages: fc.integer({ min: 1, max: 8 }), size: fc.nat(64), controlLength: fc.nat(64), count: number })
  .map(({ count, ...size }) => Object.assign(new s.MessageBatch(size), { count }));
const list = fc.array(fc.oneof(bytes, fc.string({ maxLength: 20 })), { maxLength: 6 });
const message = fc.record({
  buffers: fc.oneof(list, bytes),
  address: fc.option(fc.oneof(address, bytes), { nil: undefined }),
  control: fc.option(fc.oneof(control, bytes), { nil: undefined }),
  controlLength: fc.option(fc.oneof(short, number), { nil: undefined }),
});
const anything: fc.Arbitrary<unknown> = fc.oneof(
  bytes,
  number,
  fc.string(),
  address,
  control,
  batch,
  list,
  message,
  fc.bigInt(),
  fc.constant(undefined),
  fc.anything({ withBigInt: true, withTypedArray: true, withNullPrototype: true, withSparseArray: true }),
);

/** The same object with getters that detach what the call already holds. */
function trapped(value: unknown, victims: unknown[]): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer || value instanceof s.MessageBatch)
    return value;
  return new Proxy(value, {
    get(target, key, receiver) {
      for (const victim of victims) {
        const memory = ArrayBuffer.isView(victim) ? victim.buffer : victim;
        if (memory instanceof ArrayBuffer && memory.byteLength > 0) structuredClone(memory, { transfer: [memory] });
      }
      return Reflect.get(target, key, receiver);
    },
  });
}

/** Returns the error if it is not one of those in the contract. */
function attempt(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    if (error instanceof s.SocketError) return undefined;
    if (error instanceof TypeError || error instanceof RangeError) return undefined;
    return error;
  }
  return undefined;
}

const fd = fc.constantFrom('stream', 'dgram').map((kind) => (kind === 'stream' ? stream[0] : dgram[0]));

test('every call on a socket with arbitrary arguments', () => {
  const before = [...openFds().keys()].join();
  fc.assert(
    fc.property(
      fc.constantFrom(...calls),
      fc.boolean(),
      fc.boolean(),
      fd,
      fc.array(anything, { maxLength: 4 }),
      (name, quiet, traps, on, args) => {
        const given = traps ? args.map((value) => trapped(value, args)) : args;
        const module = (quiet ? nothrow : s) as unknown as Exports;
        // These would leave something behind: a socket file with a random name, sockets that are shut down or that
        // block. Without a valid file descriptor they still read their arguments, and the kernel returns EBADF.
        const harmless = ['bind', 'connect', 'shutdown', 'setsockopt'].includes(name) ? -1 : on;
        expect(attempt(() => module[name]!(...([harmless, ...given] as never[])))).toBeUndefined();
      },
    ),
    { ...options, numRuns: numRuns * 5 },
  );
  expect([...openFds().keys()].join()).toBe(before);
});

test('arguments of the right type, with traps', () => {
  const before = [...openFds().keys()].join();
  fc.assert(
    fc.property(fd, bytes, list, message, fc.oneof(address, bytes), batch, number, (on, data, buffers, m, to, b, n) => {
      const all = [data, ...buffers, ...(Array.isArray(m.buffers) ? m.buffers : []), to];
      const trap = (value: unknown) => trapped(value, all) as never;
      const flags = Number.isInteger(n) ? n | s.MSG_DONTWAIT : n;
      for (const module of [s, nothrow]) {
        for (const call of [
          () => module.writev(on, trap(buffers)),
          () => module.readv(on, trap(buffers)),
          () => module.sendmsg(on, trap({ ...m, buffers: trap(m.buffers) }), flags),
          () => module.recvmsg(on, trap({ ...m, buffers: trap(m.buffers), control: data }), flags),
          () => module.sendto(on, data as never, flags, trap(to)),
          () => module.recvfrom(on, data as never, flags),
          () => module.send(on, data as never, flags),
          () => module.recv(on, data as never, flags),
          () => module.sendmmsg(on, b, flags, n),
          () => module.recvmmsg(on, b, flags, BigInt(Math.trunc(n) || 0)),
          () => b.push(data as never, trap(to), m.control as never),
        ]) {
          expect(attempt(call)).toBeUndefined();
        }
      }
    }),
    options,
  );
  expect([...openFds().keys()].join()).toBe(before);
});

test('functions that need no socket with arbitrary arguments', () => {
  fc.assert(
    fc.property(fc.constantFrom(...pure), fc.array(anything, { maxLength: 3 }), (name, args) => {
      expect(attempt(() => (s as unknown as Exports)[name]!(...(args as never[])))).toBeUndefined();
    }),
    { ...options, numRuns: numRuns * 5 },
  );
});

test('arbitrary numbers as a file descriptor only cause EBADF or a rejection', () => {
  // Numbers of open file descriptors are skipped: they would be real ones.
  const open = openFds();
  const bad = number.filter((n) => !(Number.isInteger(n) && n >= 0 && (n < 1024 || open.has(n))));
  fc.assert(
    fc.property(bad, (n) => {
      for (const call of [nothrow.close, nothrow.dup, (x: number) => nothrow.shutdown(x, 2), nothrow.sockatmark]) {
        try {
          expect(call(n)).toBe(-s.EBADF);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          expect(Number.isInteger(n) && n >= -(2 ** 31) && n < 2 ** 31).toBe(false);
        }
      }
    }),
    options,
  );
});

test('decodeAddress never throws, and encoding its result returns the same bytes', () => {
  const start = family.map((number) => Uint8Array.of(number & 0xff, number >> 8));
  const sockaddr = fc
    .tuple(start, fc.uint8Array({ maxLength: 160 }))
    .map(([head, tail]) => Uint8Array.from([...head, ...tail]));
  fc.assert(
    fc.property(fc.oneof(sockaddr, fc.uint8Array({ maxLength: 200 })), fc.option(fc.nat(250)), (data, length) => {
      const address = s.decodeAddress(data, length ?? undefined);
      if (Math.min(length ?? data.length, data.length) === 0) {
        expect(address).toBeUndefined();
        return;
      }
      expect(typeof address!.family).toBe('number');
      if (address!.family === s.AF_INET && 'port' in address!) {
        expect(Buffer.from(s.encodeAddress(address)).subarray(0, 8)).toEqual(Buffer.from(data.subarray(0, 8)));
      }
      // What was decoded can be decoded again from its own encoding.
      if (!('path' in address!) || address.path.length <= 108) {
        let again: s.Address | undefined;
        try {
          again = s.decodeAddress(s.encodeAddress(address!));
        } catch (error) {
          expect((error as { code: string }).code).toMatch(/^ERR_/);
          return;
        }
        expect(again?.family).toBe(address!.family);
      }
    }),
    { ...options, numRuns: numRuns * 10 },
  );
});

test('decodeControl never throws, and it keeps every byte that can belong to a message', () => {
  const header = fc
    .tuple(
      fc.oneof(fc.nat(64), fc.constantFrom(0, 15, 16, 2 ** 31, 2 ** 53)),
      fc.constantFrom(s.SOL_SOCKET, s.IPPROTO_IP, s.IPPROTO_IPV6, s.SOL_UDP, s.SOL_PACKET, 0x1234),
      fc.oneof(fc.nat(80), fc.constantFrom(s.PACKET_AUXDATA, s.UDP_GRO)),
      fc.uint8Array({ maxLength: 60 }),
    )
    .map(([length, level, type, data]) => {
      const head = Buffer.alloc(16);
      head.writeBigUInt64LE(BigInt(length));
      head.writeInt32LE(level, 8);
      head.writeInt32LE(type, 12);
      return Buffer.concat([head, data]);
    });
  const data = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(header, { maxLength: 4 }).map((parts) => new Uint8Array(Buffer.concat(parts))),
  );
  fc.assert(
    fc.property(data, fc.option(fc.nat(300)), (bytes, length) => {
      const messages = s.decodeControl(bytes, length ?? undefined);
      const room = Math.min(length ?? bytes.length, bytes.length);
      expect(messages.length).toBeLessThanOrEqual(Math.floor(room / 16));
      for (const { level, type } of messages) expect([typeof level, typeof type]).toEqual(['number', 'number']);
    }),
    { ...options, numRuns: numRuns * 10 },
  );
});

test('control messages and addresses survive encoding and decoding', () => {
  const uint32 = fc.nat(0xffffffff);
  const int32 = fc.integer();
  const typed = fc.oneof(
    fc.record({
      level: fc.constant(s.SOL_SOCKET),
      type: fc.constant(s.SCM_RIGHTS),
      fds: fc.array(int32, { maxLength: 9 }),
    }),
    fc.record({
      level: fc.constant(s.SOL_SOCKET),
      type: fc.constant(s.SCM_CREDENTIALS),
      pid: int32,
      uid: uint32,
      gid: uint32,
    }),
    fc.record({ level: fc.constant(s.IPPROTO_IP), type: fc.constant(s.IP_TTL), value: int32 }),
    fc.record({
      level: fc.constant(s.SOL_SOCKET),
      type: fc.constant(s.SCM_TIMESTAMPNS),
      nanoseconds: fc.bigInt(0n, 2n ** 62n),
    }),
    fc.record({
      level: fc.constant(5),
      type: int32,
      data: fc.uint8Array({ maxLength: 40 }).map((d) => Buffer.from(d)),
    }),
  );
  fc.assert(
    fc.property(fc.array(typed, { maxLength: 5 }), (messages) => {
      expect(s.decodeControl(s.encodeControl(messages as s.ControlMessage[]))).toEqual(messages);
    }),
    options,
  );
});
