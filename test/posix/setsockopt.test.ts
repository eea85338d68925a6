import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { ipv6, need } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const TCP = [s.AF_INET, s.SOCK_STREAM] as const;
const UDP = [s.AF_INET, s.SOCK_DGRAM] as const;
const UDP6 = [s.AF_INET6, s.SOCK_DGRAM] as const;
const UNIX = [s.AF_UNIX, s.SOCK_STREAM] as const;

/** Bytes of C ints, of a timeval, of text. */
const ints = (...values: number[]) => Buffer.from(Int32Array.from(values).buffer);
const timeval = (seconds: bigint, microseconds: bigint) => Buffer.from(BigInt64Array.of(seconds, microseconds).buffer);
const text = (value: string) => Buffer.from(value);

/** The socket, the option, the value to set, and how many bytes to read back (by default an int). */
type Case = [
  what: string,
  kind: readonly [number, number],
  level: number,
  name: number,
  value: number | Buffer,
  back?: number,
];

const cases: Case[] = [
  ['SO_REUSEADDR 1', TCP, s.SOL_SOCKET, s.SO_REUSEADDR, 1],
  ['SO_REUSEADDR -1', TCP, s.SOL_SOCKET, s.SO_REUSEADDR, -1],
  ['SO_RCVBUF 20000', TCP, s.SOL_SOCKET, s.SO_RCVBUF, 20000],
  ['SO_RCVBUF 0', UDP, s.SOL_SOCKET, s.SO_RCVBUF, 0],
  ['SO_RCVBUF beyond the limit', UDP, s.SOL_SOCKET, s.SO_RCVBUF, 0x3fffffff],
  ['SO_RCVBUF negative', UDP, s.SOL_SOCKET, s.SO_RCVBUF, -5],
  ['SO_SNDBUF 9999', UNIX, s.SOL_SOCKET, s.SO_SNDBUF, 9999],
  ['SO_RCVBUFFORCE', UDP, s.SOL_SOCKET, s.SO_RCVBUFFORCE, 9999],
  ['SO_PRIORITY 6', UDP, s.SOL_SOCKET, s.SO_PRIORITY, 6],
  ['SO_PRIORITY 7', UDP, s.SOL_SOCKET, s.SO_PRIORITY, 7],
  ['SO_MARK', UDP, s.SOL_SOCKET, s.SO_MARK, 3],
  ['SO_LINGER', TCP, s.SOL_SOCKET, s.SO_LINGER, ints(1, 7), 8],
  ['SO_LINGER short', TCP, s.SOL_SOCKET, s.SO_LINGER, ints(1), 8],
  ['SO_LINGER as an int', TCP, s.SOL_SOCKET, s.SO_LINGER, 1, 8],
  ['SO_LINGER long', TCP, s.SOL_SOCKET, s.SO_LINGER, ints(1, 7, 9, 9), 8],
  ['SO_RCVTIMEO 1.5 s', TCP, s.SOL_SOCKET, s.SO_RCVTIMEO, timeval(1n, 500000n), 16],
  ['SO_RCVTIMEO 1 us', TCP, s.SOL_SOCKET, s.SO_RCVTIMEO, timeval(0n, 1n), 16],
  ['SO_RCVTIMEO of negative seconds', TCP, s.SOL_SOCKET, s.SO_RCVTIMEO, timeval(-1n, 0n), 16],
  ['SO_RCVTIMEO of -1 us', TCP, s.SOL_SOCKET, s.SO_RCVTIMEO, timeval(0n, -1n), 16],
  ['SO_SNDTIMEO of 1000000 us', TCP, s.SOL_SOCKET, s.SO_SNDTIMEO, timeval(0n, 1000000n), 16],
  ['SO_RCVTIMEO short', TCP, s.SOL_SOCKET, s.SO_RCVTIMEO, timeval(1n, 0n).subarray(0, 15), 16],
  ['SO_BINDTODEVICE lo', UDP, s.SOL_SOCKET, s.SO_BINDTODEVICE, text('lo'), 16],
  ['SO_BINDTODEVICE lo with its NUL', UDP, s.SOL_SOCKET, s.SO_BINDTODEVICE, text('lo\0'), 16],
  ['SO_BINDTODEVICE of none', UDP, s.SOL_SOCKET, s.SO_BINDTODEVICE, text('nosuch0'), 16],
  ['SO_BINDTODEVICE empty', UDP, s.SOL_SOCKET, s.SO_BINDTODEVICE, text(''), 16],
  ['SO_TYPE', UDP, s.SOL_SOCKET, s.SO_TYPE, 1],
  ['no such option', UDP, s.SOL_SOCKET, 9999, 1],
  ['no such level', UDP, 9999, 1, 1],
  ['an int of 3 bytes', UDP, s.SOL_SOCKET, s.SO_REUSEADDR, ints(1).subarray(0, 3)],
  ['an int of 0 bytes', UDP, s.SOL_SOCKET, s.SO_REUSEADDR, Buffer.alloc(0)],
  ['an int of 200 bytes', UDP, s.SOL_SOCKET, s.SO_REUSEADDR, Buffer.alloc(200, 1)],
  ['IP_TOS of 1 byte', UDP, s.IPPROTO_IP, s.IP_TOS, Buffer.of(0x28), 1],
  ['IP_TOS', UDP, s.IPPROTO_IP, s.IP_TOS, 0x10, 4],
  ['IP_TTL 1', UDP, s.IPPROTO_IP, s.IP_TTL, 1],
  ['IP_TTL 0', UDP, s.IPPROTO_IP, s.IP_TTL, 0],
  ['IP_TTL 256', UDP, s.IPPROTO_IP, s.IP_TTL, 256],
  ['IP_TTL -1', UDP, s.IPPROTO_IP, s.IP_TTL, -1],
  ['IP_MULTICAST_IF', UDP, s.IPPROTO_IP, s.IP_MULTICAST_IF, Buffer.of(127, 0, 0, 1), 4],
  ['IP_ADD_MEMBERSHIP', UDP, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, Buffer.of(239, 1, 2, 3, 0, 0, 0, 0, 1, 0, 0, 0), 12],
  ['IP_ADD_MEMBERSHIP of no group', UDP, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, Buffer.of(1, 2, 3, 4, 0, 0, 0, 0)],
  ['IP_DROP_MEMBERSHIP', UDP, s.IPPROTO_IP, s.IP_DROP_MEMBERSHIP, Buffer.of(239, 1, 2, 3, 0, 0, 0, 0, 1, 0, 0, 0)],
  ['IP_TRANSPARENT', UDP, s.IPPROTO_IP, s.IP_TRANSPARENT, 1],
  ['TCP_NODELAY', TCP, s.IPPROTO_TCP, s.TCP_NODELAY, 1],
  ['TCP_MAXSEG 1', TCP, s.IPPROTO_TCP, s.TCP_MAXSEG, 1],
  ['TCP_KEEPIDLE 77', TCP, s.IPPROTO_TCP, s.TCP_KEEPIDLE, 77],
  ['TCP_USER_TIMEOUT -1', TCP, s.IPPROTO_TCP, s.TCP_USER_TIMEOUT, -1],
  ['TCP_CONGESTION reno', TCP, s.IPPROTO_TCP, s.TCP_CONGESTION, text('reno'), 16],
  ['TCP_CONGESTION of none', TCP, s.IPPROTO_TCP, s.TCP_CONGESTION, text('no such one'), 16],
  ['TCP_NODELAY of a UDP socket', UDP, s.IPPROTO_TCP, s.TCP_NODELAY, 1],
  ['UDP_SEGMENT 1400', UDP, s.IPPROTO_UDP, s.UDP_SEGMENT, 1400],
  ['UDP_SEGMENT 70000', UDP, s.IPPROTO_UDP, s.UDP_SEGMENT, 70000],
  ['IPV6_V6ONLY', UDP6, s.IPPROTO_IPV6, s.IPV6_V6ONLY, 1],
  ['IPV6_UNICAST_HOPS 300', UDP6, s.IPPROTO_IPV6, s.IPV6_UNICAST_HOPS, 300],
  ['IPV6_TCLASS -1', UDP6, s.IPPROTO_IPV6, s.IPV6_TCLASS, -1],
  ['SO_PASSCRED', UNIX, s.SOL_SOCKET, s.SO_PASSCRED, 1],
];

/** 0 or -errno of the set, and the result of a get afterwards: an int, bytes in hex, or [errno]. */
type Outcome = [set: number, get: number | string | [number]];

function outcome([, kind, level, name, value, back]: Case): Outcome {
  const fd = cleanup(s.socket(...kind));
  const set = nothrow.setsockopt(fd, level, name, value);
  try {
    return [
      set,
      back === undefined ? s.getsockopt(fd, level, name) : s.getsockopt(fd, level, name, back).toString('hex'),
    ];
  } catch (error) {
    return [set, [(error as s.SocketError).errno]];
  }
}

/** Python's setsockopt and getsockopt on a socket of the same kind, for all cases at once. */
let known: Outcome[] | undefined;
function oracle(): Outcome[] {
  known ??= python<Outcome[]>(
    `
def outcome(kind, level, name, value, back):
    try: s = socket(*kind)
    except OSError: return None
    try: set = s.setsockopt(level, name, value if type(value) is int else bytes.fromhex(value)) or 0
    except OSError as error: set = -error.errno
    try: get = s.getsockopt(level, name) if back is None else s.getsockopt(level, name, back).hex()
    except OSError as error: get = [error.errno]
    return [set, get]
print(json.dumps([outcome(*case) for case in json.loads(sys.argv[1])]))`,
    JSON.stringify(
      cases.map(([, kind, level, name, value, back]) => [
        kind,
        level,
        name,
        typeof value === 'number' ? value : value.toString('hex'),
        back ?? null,
      ]),
    ),
  );
  return known;
}

test.for(cases.map((line, i) => [line[0], line, i] as const))('%s: the same as in Python', ([, line, i], context) => {
  if (line[1] === UDP6) need(context, ipv6);
  expect(outcome(line)).toEqual(oracle()[i]);
});

test('errors are the same as those of the kernel', () => {
  const fd = cleanup(s.socket(...TCP));
  const set = (level: number, name: number, value: number | s.Bytes) => () => s.setsockopt(fd, level, name, value);
  const error = (code: s.ErrnoName) => expect.objectContaining({ name: 'SocketError', code, syscall: 'setsockopt' });
  expect(set(s.SOL_SOCKET, s.SO_RCVTIMEO, timeval(0n, -1n))).toThrow(error('EDOM'));
  expect(set(s.SOL_SOCKET, s.SO_RCVTIMEO, timeval(0n, 1000000n))).toThrow(error('EDOM'));
  expect(set(s.SOL_SOCKET, 9999, 1)).toThrow(error('ENOPROTOOPT'));
  expect(set(s.SOL_SOCKET, s.SO_REUSEADDR, Buffer.alloc(3))).toThrow(error('EINVAL'));
  expect(set(s.SOL_SOCKET, s.SO_BINDTODEVICE, text('nosuch0'))).toThrow(error('ENODEV'));
  expect(set(s.IPPROTO_TCP, s.TCP_CONGESTION, text('no such one'))).toThrow(error('ENOENT'));
  expect(() => s.setsockopt(-1, s.SOL_SOCKET, s.SO_REUSEADDR, 1)).toThrow(error('EBADF'));
});

test('the kernel doubles SO_RCVBUF', () => {
  const fd = cleanup(s.socket(...UDP));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVBUF, 5000);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_RCVBUF)).toBe(10000);
});

test('a boolean is 1 or 0', () => {
  const fd = cleanup(s.socket(...TCP));
  const value = () => s.getsockopt(fd, s.SOL_SOCKET, s.SO_KEEPALIVE);
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_KEEPALIVE, true);
  expect(value()).toBe(1);
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_KEEPALIVE, false);
  expect(value()).toBe(0);
  expect(nothrow.setsockopt(fd, s.SOL_SOCKET, s.SO_KEEPALIVE, true)).toBe(0);
  expect(value()).toBe(1);
});

const onoff = ints(0, 0, 1, 9, 0, 0); // a struct linger in the middle
const middle = onoff.buffer.slice(onoff.byteOffset + 8, onoff.byteOffset + 16);
test.each([
  ['a Buffer', onoff.subarray(8, 16)],
  ['an ArrayBuffer', middle],
  ['a DataView', new DataView(onoff.buffer, onoff.byteOffset + 8, 8)],
  ['an Int32Array', Int32Array.of(1, 9)],
  ['a Float64Array', new Float64Array(middle)],
  ['a BigUint64Array', new BigUint64Array(middle)],
  ['a Uint8ClampedArray', new Uint8ClampedArray(middle)],
] as [string, s.Bytes][])('%s is its bytes', (_, value) => {
  const fd = cleanup(s.socket(...TCP));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_LINGER, value);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_LINGER, 8)).toEqual(ints(1, 9));
  const back = Buffer.alloc(8);
  expect(nothrow.getsockopt(fd, s.SOL_SOCKET, s.SO_LINGER, new DataView(back.buffer, back.byteOffset, 8))).toBe(8);
  expect(back).toEqual(ints(1, 9));
});

test('a number that a C int cannot hold causes a RangeError, but its bytes are accepted', () => {
  const fd = cleanup(s.socket(...TCP));
  const set = (value: unknown) => () => s.setsockopt(fd, s.SOL_SOCKET, s.SO_MAX_PACING_RATE, value as number);
  const before = s.getsockopt(fd, s.SOL_SOCKET, s.SO_MAX_PACING_RATE);
  for (const bad of [2 ** 31, 2 ** 32, 0xffffffff, -(2 ** 31) - 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(set(bad)).toThrow(RangeError);
    expect(set(bad)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  }
  for (const bad of ['1', 1n, null, undefined, {}, [1], Symbol.iterator]) expect(set(bad)).toThrow(TypeError);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_MAX_PACING_RATE)).toBe(before);

  s.setsockopt(fd, s.SOL_SOCKET, s.SO_MAX_PACING_RATE, Uint32Array.of(0xfffffffe));
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_MAX_PACING_RATE, 4).readUInt32LE()).toBe(0xfffffffe);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_MAX_PACING_RATE)).toBe(-2);
});

test('a membership can be added once and dropped once', () => {
  const fd = cleanup(s.socket(...UDP));
  const group = Buffer.of(239, 1, 2, 3, 0, 0, 0, 0, 1, 0, 0, 0);
  s.setsockopt(fd, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, group);
  expect(() => s.setsockopt(fd, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, group)).toThrow(
    expect.objectContaining({ code: 'EADDRINUSE' }),
  );
  s.setsockopt(fd, s.IPPROTO_IP, s.IP_DROP_MEMBERSHIP, group);
  expect(() => s.setsockopt(fd, s.IPPROTO_IP, s.IP_DROP_MEMBERSHIP, group)).toThrow(
    expect.objectContaining({ code: 'EADDRNOTAVAIL' }),
  );
});
