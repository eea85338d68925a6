import { SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { expectSameAnywhere, some, uint8, uint16, uint32 } from '../helpers/arbitrary-bytes.ts';
import { cleanup } from '../helpers/fds.ts';
import { loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, need, packetSockets, vsock } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const known: number[] = [s.AF_UNIX, s.AF_INET, s.AF_INET6, s.AF_NETLINK, s.AF_PACKET, s.AF_VSOCK];

const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
// Runs of zeros, so that '::' occurs in every place.
const sixteen = fc.array(fc.oneof(fc.constant([0, 0]), fc.tuple(uint8, uint8)), { minLength: 8, maxLength: 8 });
const text = (max: number) =>
  fc.string({ unit: 'binary', maxLength: 60 }).filter((string) => Buffer.byteLength(string) <= max);
const latin = some(1, 108).filter((bytes) => Buffer.compare(Buffer.from(bytes.toString()), bytes) !== 0);

const inet: fc.Arbitrary<s.InetAddress> = fc.record({
  family: fc.constant(s.AF_INET),
  address: fc.tuple(uint8, uint8, uint8, uint8).map((bytes) => bytes.join('.')),
  port: uint16,
});
const inet6: fc.Arbitrary<s.Inet6Address> = fc.record({
  family: fc.constant(s.AF_INET6),
  address: sixteen.map((words) => s.inet_ntop(s.AF_INET6, Buffer.from(words.flat()))),
  port: uint16,
  flowinfo: uint32,
  scopeId: uint32,
});
const unix: fc.Arbitrary<s.UnixAddress> = fc.record({
  family: fc.constant(s.AF_UNIX),
  path: fc.oneof(
    text(108).map((string) => string.replaceAll('\0', '')),
    text(107).map((string) => `\0${string}`),
    latin.map((bytes) => (bytes[0] === 0 ? bytes : Buffer.from(bytes.map((byte) => byte || 1)))),
  ),
});
const packet: fc.Arbitrary<s.PacketAddress> = fc.record({
  family: fc.constant(s.AF_PACKET),
  ifindex: int32,
  protocol: uint16,
  hatype: uint16,
  pkttype: uint8,
  address: some(0, 32),
});
const netlink: fc.Arbitrary<s.NetlinkAddress> = fc.record({
  family: fc.constant(s.AF_NETLINK),
  pid: uint32,
  groups: uint32,
});
const vm: fc.Arbitrary<s.VsockAddress> = fc.record({
  family: fc.constant(s.AF_VSOCK),
  cid: uint32,
  port: uint32,
  flags: uint8,
});
const other: fc.Arbitrary<s.OtherAddress> = fc.record({
  family: uint16.filter((family) => !known.includes(family)) as fc.Arbitrary<s.OtherFamily>,
  data: some(0, 126),
});

describe('decoding an encoded address returns the original', () => {
  const families: [string, fc.Arbitrary<s.Address>][] = [
    ['AF_INET', inet],
    ['AF_INET6', inet6],
    ['AF_UNIX', unix],
    ['AF_PACKET', packet],
    ['AF_NETLINK', netlink],
    ['AF_VSOCK', vm],
    ['any other family', other],
  ];
  test.each(families)('%s', (_name, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (address) => {
        expect(s.decodeAddress(s.encodeAddress(address))).toEqual(address);
      }),
      { numRuns: 1000 },
    );
  });
});

/** The structs of C, laid out by the rules of the C compiler (ctypes), filled from JSON lines of addresses. */
const structs = `
import ctypes as c
class In(c.Structure): _fields_ = [('family', c.c_ushort), ('port', c.c_uint8 * 2), ('addr', c.c_uint8 * 4), ('zero', c.c_char * 8)]
class In6(c.Structure): _fields_ = [('family', c.c_ushort), ('port', c.c_uint8 * 2), ('flowinfo', c.c_uint8 * 4),
  ('addr', c.c_uint8 * 16), ('scope', c.c_uint32)]
class Ll(c.Structure): _fields_ = [('family', c.c_ushort), ('protocol', c.c_uint8 * 2), ('ifindex', c.c_int),
  ('hatype', c.c_ushort), ('pkttype', c.c_ubyte), ('halen', c.c_ubyte), ('addr', c.c_ubyte * 8)]
class Nl(c.Structure): _fields_ = [('family', c.c_ushort), ('pad', c.c_ushort), ('pid', c.c_uint32), ('groups', c.c_uint32)]
class Vm(c.Structure): _fields_ = [('family', c.c_ushort), ('reserved', c.c_ushort), ('port', c.c_uint), ('cid', c.c_uint),
  ('flags', c.c_uint8), ('zero', c.c_uint8 * 3)]
def big(n, size): return tuple(n.to_bytes(size, 'big'))
def make(a):
  f = a['family']
  if f == AF_INET: return bytes(In(f, big(a['port'], 2), tuple(inet_pton(f, a['address']))))
  if f == AF_INET6: return bytes(In6(f, big(a['port'], 2), big(a['flowinfo'], 4), tuple(inet_pton(f, a['address'])), a['scopeId']))
  if f == AF_UNIX: return struct.pack('@H', f) + bytes.fromhex(a['path'])
  if f == AF_PACKET:
    h = bytes.fromhex(a['address'])
    b = bytes(Ll(f, big(a['protocol'], 2), a['ifindex'], a['hatype'], a['pkttype'], len(h)))
    return b[:12] + h + bytes(max(0, 8 - len(h)))
  if f == AF_NETLINK: return bytes(Nl(f, 0, a['pid'], a['groups']))
  if f == AF_VSOCK: return bytes(Vm(f, 0, a['port'], a['cid'], a['flags']))
  return struct.pack('@H', f) + bytes.fromhex(a['data'])
print(json.dumps([make(a).hex() for a in json.loads(sys.argv[1])]))
`;

test('the encoded bytes have the layout of the C structs', () => {
  const addresses = [inet, inet6, unix, packet, netlink, vm, other].flatMap((arbitrary) =>
    fc.sample(arbitrary as fc.Arbitrary<s.Address>, { numRuns: 60, seed: 1 }),
  );
  const plain = addresses.map((address) => {
    const fields: Record<string, unknown> = { ...address };
    for (const [name, value] of Object.entries(fields)) {
      if (value instanceof Uint8Array) fields[name] = Buffer.from(value).toString('hex');
      else if (name === 'path') fields[name] = Buffer.from(value as string).toString('hex');
    }
    return fields;
  });
  const expected = python<string[]>(structs, JSON.stringify(plain));
  const encoded = addresses.map((address) => Buffer.from(s.encodeAddress(address)).toString('hex'));
  expect(encoded).toEqual(expected);
  expect(expected.map((hex) => s.decodeAddress(Buffer.from(hex, 'hex')))).toEqual(addresses);
});

describe('the kernel accepts the address and returns the same one', () => {
  test('AF_INET and AF_INET6', (context) => {
    need(context, ipv6);
    for (const asked of [loopback, loopback6]) {
      const fd = cleanup(s.socket(asked.family, s.SOCK_DGRAM));
      s.bind(fd, asked);
      const got = s.getsockname(fd) as s.InetAddress;
      expect(got).toMatchObject({ family: asked.family, address: asked.address, port: expect.any(Number) });
      expect(got.port).toBeGreaterThan(0);
      const peer = cleanup(s.socket(asked.family, s.SOCK_DGRAM));
      s.connect(peer, got);
      expect(s.getpeername(peer)).toEqual(got);
    }
  });

  test('AF_NETLINK', () => {
    const fd = cleanup(s.socket(s.AF_NETLINK, s.SOCK_RAW));
    s.bind(fd, { family: s.AF_NETLINK, pid: 0, groups: 0 });
    const got = s.getsockname(fd) as s.NetlinkAddress;
    expect(got.pid).not.toBe(0);
    expect(got).toEqual({ family: s.AF_NETLINK, pid: got.pid, groups: 0 });
    const second = cleanup(s.socket(s.AF_NETLINK, s.SOCK_RAW));
    expect(() => s.bind(second, got)).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
  });

  test('AF_PACKET', (context) => {
    need(context, packetSockets);
    const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_DGRAM));
    const ifindex = python<number>('print(if_nametoindex("lo"))');
    s.bind(fd, { family: s.AF_PACKET, ifindex, protocol: s.ETH_P_IPV6 });
    expect(s.getsockname(fd)).toEqual({
      family: s.AF_PACKET,
      ifindex,
      protocol: s.ETH_P_IPV6,
      hatype: s.ARPHRD_LOOPBACK,
      pkttype: s.PACKET_HOST,
      address: Buffer.alloc(6),
    });
  });

  test('AF_VSOCK', (context) => {
    need(context, vsock);
    const fd = cleanup(s.socket(s.AF_VSOCK, s.SOCK_STREAM));
    s.bind(fd, { family: s.AF_VSOCK, cid: s.VMADDR_CID_ANY, port: s.VMADDR_PORT_ANY });
    const got = s.getsockname(fd) as s.VsockAddress;
    expect(got).toMatchObject({ family: s.AF_VSOCK, cid: 0xffffffff });
    expect(got.port).not.toBe(0xffffffff);
  });

  test('AF_UNSPEC, a family without fields, dissolves the association with a peer', () => {
    const target = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    s.bind(target, loopback);
    const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    s.connect(fd, s.getsockname(target)!);
    s.connect(fd, { family: s.AF_UNSPEC, data: new Uint8Array(0) });
    expect(() => s.getpeername(fd)).toThrow(expect.objectContaining({ code: 'ENOTCONN' }));
  });
});

describe('encoded bytes', () => {
  test('are returned unchanged, whatever they contain', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(s.encodeAddress(bytes)).toBe(bytes);
    const buffer = Buffer.alloc(0);
    expect(s.encodeAddress(buffer)).toBe(buffer);
  });

  test('reach the kernel with their exact length', () => {
    const bytes = Buffer.alloc(129);
    s.encodeAddress(loopback).forEach((byte, i) => {
      bytes[i] = byte;
    });
    const bound = (length: number) =>
      nothrow.bind(cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM)), bytes.subarray(0, length));
    expect([15, 16, 17, 128, 129].map(bound)).toEqual([-s.EINVAL, 0, 0, 0, -s.EINVAL]);
  });

  test('`data` encodes an address of any family, including a known one', () => {
    const whole = s.encodeAddress({ family: s.AF_INET, address: '192.0.2.7', port: 258 });
    const data = { family: s.AF_INET, data: whole.subarray(2) } as unknown as s.Address;
    expect(s.encodeAddress(data)).toEqual(whole);
  });
});

describe("node:net's SocketAddress", () => {
  test('is accepted by encodeAddress', () => {
    const four = new SocketAddress({ family: 'ipv4', address: '192.0.2.1', port: 80 });
    expect(s.decodeAddress(s.encodeAddress(four))).toEqual({ family: s.AF_INET, address: '192.0.2.1', port: 80 });
    const six = new SocketAddress({ family: 'ipv6', address: '2001:db8::1', port: 65535, flowlabel: 0xfffff });
    expect(s.decodeAddress(s.encodeAddress(six))).toEqual({
      family: s.AF_INET6,
      address: '2001:db8::1',
      port: 65535,
      flowinfo: 0xfffff,
      scopeId: 0,
    });
  });

  test('is accepted by the calls', () => {
    const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    s.bind(fd, new SocketAddress({ family: 'ipv4', address: '127.0.0.1', port: 0 }));
    const { port } = s.getsockname(fd) as s.InetAddress;
    const sender = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    expect(s.sendto(sender, 'x', 0, new SocketAddress({ family: 'ipv4', address: '127.0.0.1', port }))).toBe(1);
    expect(s.recv(fd, Buffer.alloc(4), s.MSG_DONTWAIT)).toBe(1);
  });
});

describe('a value that the struct cannot hold is rejected, and the error names the field', () => {
  const four = { family: s.AF_INET, address: '127.0.0.1', port: 80 };
  const six = { family: s.AF_INET6, address: '::1', port: 80 };
  const ll = { family: s.AF_PACKET, ifindex: 1, protocol: 3 };
  const vs = { family: s.AF_VSOCK, cid: 1, port: 1 };
  const type = 'ERR_INVALID_ARG_TYPE';
  const range = 'ERR_OUT_OF_RANGE';
  const value = 'ERR_INVALID_ARG_VALUE';
  const cases: [unknown, string, string][] = [
    [undefined, 'address', type],
    [null, 'address', type],
    ['127.0.0.1', 'address', type],
    [80, 'address', type],
    [() => four, 'address', type],
    [{}, 'address.family', type],
    [{ ...four, family: 'AF_INET' }, 'address.family', type],
    [{ ...four, family: 65536 }, 'address.family', range],
    [{ ...four, family: -1 }, 'address.family', range],
    [{ ...four, family: 2.5 }, 'address.family', range],
    [{ ...four, port: undefined }, 'address.port', type],
    [{ ...four, port: '80' }, 'address.port', type],
    [{ ...four, port: 80n }, 'address.port', type],
    [{ ...four, port: 65536 }, 'address.port', range],
    [{ ...four, port: -1 }, 'address.port', range],
    [{ ...four, port: Number.NaN }, 'address.port', range],
    [{ ...four, port: Number.POSITIVE_INFINITY }, 'address.port', range],
    [{ ...four, port: 2 ** 32 }, 'address.port', range],
    [{ ...four, port: 80.5 }, 'address.port', range],
    [{ ...four, address: undefined }, 'address.address', type],
    [{ ...four, address: 0x7f000001 }, 'address.address', type],
    [{ ...four, address: Buffer.of(127, 0, 0, 1) }, 'address.address', type],
    [{ ...four, address: '' }, 'address.address', value],
    [{ ...four, address: 'localhost' }, 'address.address', value],
    [{ ...four, address: '127.1' }, 'address.address', value],
    [{ ...four, address: '127.0.0.01' }, 'address.address', value],
    [{ ...four, address: '127.0.0.1\0' }, 'address.address', value],
    [{ ...four, address: '::1' }, 'address.address', value],
    [{ ...six, address: '127.0.0.1' }, 'address.address', value],
    [{ ...six, address: 'fe80::1%lo' }, 'address.address', value],
    [{ ...six, address: '[::1]' }, 'address.address', value],
    [{ ...six, port: 65536 }, 'address.port', range],
    [{ ...six, flowinfo: 2 ** 32 }, 'address.flowinfo', range],
    [{ ...six, flowinfo: null }, 'address.flowinfo', type],
    [{ ...six, scopeId: -1 }, 'address.scopeId', range],
    [{ ...six, scopeId: 'lo' }, 'address.scopeId', type],
    [{ family: s.AF_UNIX }, 'address.path', type],
    [{ family: s.AF_UNIX, path: null }, 'address.path', type],
    [{ family: s.AF_UNIX, path: 'x'.repeat(109) }, 'address.path', range],
    [{ family: s.AF_UNIX, path: 'a\0b' }, 'address.path', value],
    [{ ...ll, ifindex: undefined }, 'address.ifindex', type],
    [{ ...ll, ifindex: 2 ** 31 }, 'address.ifindex', range],
    [{ ...ll, protocol: 65536 }, 'address.protocol', range],
    [{ ...ll, hatype: 65536 }, 'address.hatype', range],
    [{ ...ll, pkttype: 256 }, 'address.pkttype', range],
    [{ ...ll, address: '00:00:00:00:00:0g' }, 'address.address', value],
    [{ ...ll, address: [1, 2] }, 'address.address', type],
    [{ ...ll, address: new Uint8Array(256) }, 'address.address', range],
    [{ family: s.AF_NETLINK, pid: -1, groups: 0 }, 'address.pid', range],
    [{ family: s.AF_NETLINK, pid: 0 }, 'address.groups', type],
    [{ family: s.AF_NETLINK, pid: 0, groups: 2 ** 32 }, 'address.groups', range],
    [{ ...vs, cid: -1 }, 'address.cid', range],
    [{ ...vs, port: 2 ** 32 }, 'address.port', range],
    [{ ...vs, flags: 256 }, 'address.flags', range],
    [{ family: s.AF_APPLETALK }, 'address.data', type],
    [{ family: s.AF_APPLETALK, data: 'x' }, 'address.data', type],
    [{ family: s.AF_APPLETALK, data: new ArrayBuffer(4) }, 'address.data', type],
  ];
  test.each(cases)('%o: %s', (address, field, code) => {
    const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    const Type = code === range ? RangeError : TypeError;
    const calls = [
      () => s.encodeAddress(address as s.Address),
      () => s.bind(fd, address as s.Address),
      () => nothrow.connect(fd, address as s.Address),
      () => s.sendto(fd, 'x', 0, address as s.Address),
    ];
    for (const call of calls) {
      expect(call).toThrow(Type);
      expect(call).toThrow(expect.objectContaining({ code }));
      expect(call).toThrow(new RegExp(`^The "${field}[".]`));
    }
  });
});

describe('only own properties are read, and each one once', () => {
  test('inherited properties are ignored', () => {
    const given = Object.create({ family: s.AF_INET, address: '127.0.0.1', port: 80 });
    expect(() => s.encodeAddress(given)).toThrow(/address\.family/);
    given.family = s.AF_INET;
    given.address = '127.0.0.1';
    expect(() => s.encodeAddress(given)).toThrow(/address\.port/);
  });

  test('properties of a polluted Object.prototype are ignored', () => {
    const prototype = Object.prototype as { flowinfo?: number; scopeId?: number; data?: Uint8Array };
    Object.assign(prototype, { flowinfo: 7, scopeId: 8, data: Buffer.from('evil') });
    try {
      const plain = { family: s.AF_INET6, address: '::1', port: 80 } as const;
      expect(s.decodeAddress(s.encodeAddress(plain))).toEqual({ ...plain, flowinfo: 0, scopeId: 0 });
    } finally {
      delete prototype.flowinfo;
      delete prototype.scopeId;
      delete prototype.data;
    }
  });

  test('an object that changes between reads is read only once', () => {
    fc.assert(
      fc.property(fc.oneof(inet, inet6, unix, packet, netlink, vm, other), (address) => {
        const reads = new Map<PropertyKey, number>();
        const watched = new Proxy(address as s.Address & object, {
          get(target, name) {
            const times = (reads.get(name) ?? 0) + 1;
            reads.set(name, times);
            return times === 1 ? Reflect.get(target, name) : Number.NaN;
          },
        });
        expect(Buffer.from(s.encodeAddress(watched))).toEqual(Buffer.from(s.encodeAddress(address)));
        for (const [name, times] of reads) expect([name, times]).toEqual([name, 1]);
      }),
    );
  });
});

describe('AF_PACKET hardware addresses', () => {
  test.each(Array.from({ length: 33 }, (_, i) => i))('%i bytes', (length) => {
    const address = Buffer.from(Array.from({ length }, (_, i) => 255 - i));
    const bytes = s.encodeAddress({ family: s.AF_PACKET, ifindex: 1, protocol: s.ETH_P_ALL, address });
    expect(bytes.length).toBe(Math.max(20, 12 + length)); // never shorter than the struct, never truncated
    expect(bytes[11]).toBe(length);
    expect(s.decodeAddress(bytes)).toMatchObject({ address });
  });

  test('a length larger than the buffer means all of its bytes', () => {
    const bytes = s.encodeAddress({ family: s.AF_PACKET, ifindex: 1, protocol: 3, address: Buffer.of(1, 2, 3) });
    bytes[11] = 255;
    expect(s.decodeAddress(bytes, 14)).toMatchObject({ address: Buffer.of(1, 2) });
    expect(s.decodeAddress(bytes, 12)).toMatchObject({ address: Buffer.alloc(0) });
    expect(s.decodeAddress(bytes, 11)).toEqual({ family: s.AF_PACKET, data: bytes.subarray(2, 11) });
  });
});

describe('decodeAddress accepts anything', () => {
  const wild = fc
    .tuple(some(0, 200), fc.oneof(fc.constantFrom(...known), uint16), fc.boolean())
    .map(([bytes, family, aimed]) => {
      if (aimed && bytes.length >= 2)
        s.encodeAddress({ family, data: Buffer.alloc(0) } as never).forEach((byte, i) => {
          bytes[i] = byte;
        });
      return bytes;
    });

  test('any bytes and any length are accepted without throwing', () => {
    fc.assert(
      fc.property(wild, fc.oneof(fc.integer({ min: 0, max: 210 }), uint32), (bytes, length) => {
        const address = s.decodeAddress(bytes, length);
        const size = Math.min(length, bytes.length);
        if (size === 0) expect(address).toBeUndefined();
        else
          expect(address!.family).toBe(
            size === 1 ? bytes[0] : new Uint16Array(Uint8Array.from(bytes).buffer.slice(0, 2))[0],
          );
      }),
      { numRuns: 3000 },
    );
  });

  test('neither bytes beyond the length nor the position in memory matter', () => {
    expectSameAnywhere(wild, 200, s.decodeAddress, 3000);
  });

  test('a decoded address can be encoded and decoded again with the same result', () => {
    fc.assert(
      fc.property(wild, (bytes) => {
        fc.pre(bytes.length !== 1); // half a family
        const address = s.decodeAddress(bytes, 110); // the maximum of the kernel for AF_UNIX, and a NUL
        if (address !== undefined) expect(s.decodeAddress(s.encodeAddress(address))).toEqual(address);
      }),
      { numRuns: 3000 },
    );
  });

  test('an address that is too short for its family is returned as bytes', () => {
    const whole: s.AddressInput[] = [
      { family: s.AF_INET, address: '1.2.3.4', port: 5 },
      { family: s.AF_INET6, address: '::1', port: 5 },
      { family: s.AF_NETLINK, pid: 1, groups: 2 },
      { family: s.AF_VSOCK, cid: 1, port: 2 },
    ];
    for (const address of whole) {
      const bytes = s.encodeAddress(address);
      const short = s.decodeAddress(bytes, bytes.length - 1);
      expect(short).toEqual({ family: address.family, data: bytes.subarray(2, -1) });
    }
  });

  test('the result is a copy', () => {
    const bytes = Buffer.from(s.encodeAddress({ family: s.AF_APPLETALK, data: Buffer.of(1, 2) }));
    const address = s.decodeAddress(bytes) as s.OtherAddress;
    bytes.fill(9);
    expect(address.data).toEqual(Buffer.of(1, 2));
  });
});

test('SockaddrStorage stores any address, which can be passed to a call again', () => {
  const storage = new s.SockaddrStorage();
  expect(storage.decode()).toBeUndefined();
  expect(storage.encode()).toHaveLength(0);
  const receiver = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.bind(receiver, loopback);
  const sender = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.bind(sender, loopback);
  s.sendto(sender, 'ping', 0, s.getsockname(receiver)!);
  expect(nothrow.recvfrom(receiver, Buffer.alloc(8), 0, storage)).toBe(4);
  expect(storage.length).toBe(16);
  expect(storage.decode()).toEqual(s.getsockname(sender));
  const answer = storage.encode();
  storage.bytes.fill(0);
  expect(s.sendto(receiver, 'pong', 0, answer)).toBe(4);
  expect(s.recv(sender, Buffer.alloc(8), s.MSG_DONTWAIT)).toBe(4);
  // A call that fails leaves no address of an earlier one.
  expect(nothrow.recvfrom(receiver, Buffer.alloc(8), s.MSG_DONTWAIT, storage)).toBe(-s.EAGAIN);
  expect(storage.decode()).toBeUndefined();
});
