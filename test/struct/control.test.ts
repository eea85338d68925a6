import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { expectSameAnywhere, some, uint8, uint16, uint32 } from '../helpers/arbitrary-bytes.ts';
import { cleanup, openFds } from '../helpers/fds.ts';
import { loopback, loopback6, pair } from '../helpers/fixtures.ts';
import { ipv6, need } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const ip4 = fc.tuple(uint8, uint8, uint8, uint8).map((bytes) => bytes.join('.'));
const ip6 = some(16, 16).map((bytes) => s.inet_ntop(s.AF_INET6, bytes));
const inet = fc.record({ family: fc.constant(s.AF_INET), address: ip4, port: uint16 });
const inet6 = fc.record({
  family: fc.constant(s.AF_INET6),
  address: ip6,
  port: uint16,
  flowinfo: uint32,
  scopeId: uint32,
});
const time = fc.bigInt({ min: 0n, max: 0x7fffffffffffffffn * 1_000_000_000n });

/** A message of one level and type, with these fields. */
const typed = (level: number, type: number, fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record({ level: fc.constant(level), type: fc.constant(type), ...fields }) as fc.Arbitrary<s.ControlMessage>;

const error = fc.record({ errno: uint32, origin: uint8, type: uint8, code: uint8, info: uint32, data: uint32 });

const kinds: [string, fc.Arbitrary<s.ControlMessage>][] = [
  ['SCM_RIGHTS', typed(s.SOL_SOCKET, s.SCM_RIGHTS, { fds: fc.array(int32, { maxLength: 253 }) })],
  ['SCM_CREDENTIALS', typed(s.SOL_SOCKET, s.SCM_CREDENTIALS, { pid: int32, uid: uint32, gid: uint32 })],
  ['SCM_PIDFD', typed(s.SOL_SOCKET, s.SCM_PIDFD, { pidfd: int32 })],
  ['SCM_TIMESTAMP', typed(s.SOL_SOCKET, s.SCM_TIMESTAMP, { nanoseconds: time.map((t) => t - (t % 1000n)) })],
  ['SCM_TIMESTAMPNS', typed(s.SOL_SOCKET, s.SCM_TIMESTAMPNS, { nanoseconds: time })],
  ['SCM_TIMESTAMPING', typed(s.SOL_SOCKET, s.SCM_TIMESTAMPING, { software: time, hardware: time })],
  ['SO_RXQ_OVFL', typed(s.SOL_SOCKET, s.SO_RXQ_OVFL, { value: uint32 })],
  ['IP_PKTINFO', typed(s.IPPROTO_IP, s.IP_PKTINFO, { ifindex: int32, specDst: ip4, addr: ip4 })],
  ['IP_TTL', typed(s.IPPROTO_IP, s.IP_TTL, { value: int32 })],
  ['IP_TOS', typed(s.IPPROTO_IP, s.IP_TOS, { value: uint8 })],
  ['IP_RECVERR', typed(s.IPPROTO_IP, s.IP_RECVERR, { error, offender: fc.option(inet, { nil: undefined }) })],
  ['IP_ORIGDSTADDR', typed(s.IPPROTO_IP, s.IP_ORIGDSTADDR, { address: inet })],
  ['IPV6_PKTINFO', typed(s.IPPROTO_IPV6, s.IPV6_PKTINFO, { addr: ip6, ifindex: uint32 })],
  ['IPV6_HOPLIMIT', typed(s.IPPROTO_IPV6, s.IPV6_HOPLIMIT, { value: int32 })],
  ['IPV6_TCLASS', typed(s.IPPROTO_IPV6, s.IPV6_TCLASS, { value: int32 })],
  ['IPV6_RECVERR', typed(s.IPPROTO_IPV6, s.IPV6_RECVERR, { error, offender: fc.option(inet6, { nil: undefined }) })],
  ['IPV6_ORIGDSTADDR', typed(s.IPPROTO_IPV6, s.IPV6_ORIGDSTADDR, { address: inet6 })],
  ['TCP_CM_INQ', typed(s.SOL_TCP, s.TCP_CM_INQ, { value: int32 })],
  ['UDP_SEGMENT', typed(s.SOL_UDP, s.UDP_SEGMENT, { value: uint16 })],
  ['UDP_GRO', typed(s.SOL_UDP, s.UDP_GRO, { value: uint16 })],
  [
    'PACKET_AUXDATA',
    typed(s.SOL_PACKET, s.PACKET_AUXDATA, {
      status: uint32,
      len: uint32,
      snaplen: uint32,
      mac: uint16,
      net: uint16,
      vlanTci: uint16,
      vlanTpid: uint16,
    }),
  ],
  [
    'PACKET_TX_TIMESTAMP',
    typed(s.SOL_PACKET, s.PACKET_TX_TIMESTAMP, { error, offender: fc.option(inet, { nil: undefined }) }),
  ],
  // Level 77 does not exist.
  ['any other', fc.record({ level: fc.constantFrom(77, -1, 0x7fffffff), type: int32, data: some(0, 64) })],
];
const message = fc.oneof(...kinds.map(([, arbitrary]) => arbitrary));
const messages = fc.array(message, { maxLength: 6 });

test('every control message that has an interface is in the list above', () => {
  const source = readFileSync(new URL('../../lib/struct/control-message.ts', import.meta.url), 'utf8');
  const types = [...source.matchAll(/^ {2}type: (typeof .+);$/gm)].map(([, type]) => type!).join();
  const names = [...types.matchAll(/typeof constants\.(\w+)/g)].map(([, name]) => name!);
  expect(kinds.map(([name]) => name).sort()).toEqual([...names, 'any other'].sort());
});

/** A control message as bytes, with `told` as the length in its header. */
function forged(level: number, type: number, data: Uint8Array, told: bigint = BigInt(s.CMSG_LEN(data.length))): Buffer {
  const bytes = Buffer.from(s.encodeControl([{ level, type, data }]));
  bytes.writeBigUInt64LE(told);
  return bytes;
}

describe('decoding encoded messages returns the originals', () => {
  test.each(kinds)('%s', (_name, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (one) => {
        expect(s.decodeControl(s.encodeControl([one]))).toEqual([one]);
      }),
      { numRuns: 300 },
    );
  });

  test('several messages keep their order', () => {
    fc.assert(
      fc.property(messages, (list) => {
        const bytes = s.encodeControl(list);
        expect(s.decodeControl(bytes)).toEqual(list);
        expect(bytes.length % 8).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('no messages are encoded as no bytes', () => {
    expect(s.encodeControl([])).toHaveLength(0);
    expect(s.decodeControl(new Uint8Array(0))).toEqual([]);
  });
});

describe('decodeControl accepts anything', () => {
  const wild = fc.oneof(
    some(0, 300),
    // Plausible messages with a changed length or part, joined without care.
    fc
      .array(
        fc.tuple(
          message,
          fc.option(fc.oneof(fc.bigInt({ min: 0n, max: 100n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))),
        ),
      )
      .map((list) =>
        Buffer.concat(
          list.map(([one, told]) => {
            const bytes = Buffer.from(s.encodeControl([one]));
            if (told !== null) bytes.writeBigUInt64LE(told);
            return bytes;
          }),
        ),
      ),
  );

  test('any bytes and any length are accepted without throwing', () => {
    fc.assert(
      fc.property(wild, fc.oneof(fc.nat(300), uint32), (bytes, length) => {
        const list = s.decodeControl(bytes, length);
        // Messages are not invented: each has its own header.
        expect(list.length).toBeLessThanOrEqual(Math.floor(Math.min(length, bytes.length) / 16));
      }),
      { numRuns: 3000 },
    );
  });

  test('neither bytes beyond the length nor the position in memory matter', () => {
    expectSameAnywhere(wild, 300, s.decodeControl, 3000);
  });

  test('the result is a copy', () => {
    const bytes = s.encodeControl([{ level: 77, type: 1, data: Buffer.of(1, 2, 3) }]);
    const list = s.decodeControl(bytes);
    bytes.fill(0xff);
    expect(list).toEqual([{ level: 77, type: 1, data: Buffer.of(1, 2, 3) }]);
  });

  test.each([0n, 1n, 15n])(
    'a cmsg_len of %d is shorter than a header and ends the list, as for CMSG_NXTHDR',
    (told) => {
      const first = s.encodeControl([{ level: 77, type: 1, data: Buffer.of(1) }]);
      expect(s.decodeControl(Buffer.concat([first, forged(77, 2, Buffer.alloc(8), told)]))).toEqual([
        { level: 77, type: 1, data: Buffer.of(1) },
      ]);
    },
  );

  test.each([25n, 1000n, 2n ** 31n, 2n ** 32n + 20n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])(
    'a message with a cmsg_len of %d ends where the bytes end',
    (told) => {
      const data = Buffer.from('12345678');
      expect(s.decodeControl(forged(77, 1, data, told))).toEqual([{ level: 77, type: 1, data }]);
      expect(s.decodeControl(forged(77, 1, data, told), 19)).toEqual([
        { level: 77, type: 1, data: data.subarray(0, 3) },
      ]);
      expect(s.decodeControl(forged(s.SOL_SOCKET, s.SCM_RIGHTS, data, told), 21)).toEqual([
        { level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [data.readInt32LE()] },
      ]);
    },
  );

  test('the rest of a truncated last message is kept, at every length', () => {
    fc.assert(
      fc.property(messages, message, (before, last) => {
        const start = s.encodeControl(before).length;
        const whole = s.encodeControl([...before, last]);
        const data = s.encodeControl([last]).subarray(16);
        for (let end = start + 16; end < whole.length; end += 1 + (end % 3)) {
          const list = s.decodeControl(whole, end);
          expect(list.slice(0, -1)).toEqual(before);
          const kept = list.at(-1)!;
          expect(list).toHaveLength(before.length + 1);
          expect([kept.level, kept.type]).toEqual([last.level, last.type]);
          if ('data' in kept) expect(kept.data).toEqual(data.subarray(0, Math.min(end - start - 16, kept.data.length)));
        }
        if (start + 15 < whole.length) expect(s.decodeControl(whole, start + 15)).toEqual(before);
      }),
      { numRuns: 100 },
    );
  });

  test('a known type with too few bytes is returned as bytes, and isControl returns false', () => {
    for (const [name, arbitrary] of kinds) {
      if (name === 'SCM_RIGHTS' || name === 'any other') continue; // these decode at any length
      const [one] = fc.sample(arbitrary, { numRuns: 1, seed: 1 }) as [s.ControlMessage];
      expect(s.isControl(one, one.level as never, one.type as never)).toBe(true);
      const [short] = s.decodeControl(forged(one.level, one.type, Buffer.alloc(1).subarray(name === 'IP_TOS' ? 1 : 0)));
      expect(short).toEqual({ level: one.level, type: one.type, data: Buffer.alloc(name === 'IP_TOS' ? 0 : 1) });
      expect(s.isControl(short!, one.level as never, one.type as never)).toBe(false);
    }
  });

  test('a setter in a polluted prototype does not receive a field', () => {
    const info = { level: s.IPPROTO_IP, type: s.IP_PKTINFO, ifindex: 1, specDst: '127.0.0.1', addr: '127.0.0.2' };
    const bytes = s.encodeControl([info]);
    const received: unknown[] = [];
    const set = (value: unknown) => received.push(value);
    Object.defineProperty(Object.prototype, 'ifindex', { set, configurable: true });
    const [decoded] = s.decodeControl(bytes);
    delete (Object.prototype as { ifindex?: unknown }).ifindex;
    expect([decoded, received]).toEqual([info, []]);
  });

  test('isControl distinguishes levels and types', () => {
    const rights: s.ControlMessage = { level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [3] };
    expect(s.isControl(rights, s.SOL_SOCKET, s.SCM_RIGHTS) && rights.fds).toEqual([3]);
    expect(s.isControl(rights, s.SOL_SOCKET, s.SCM_CREDENTIALS)).toBe(false);
    // IPPROTO_IP has a type 1 of its own: IP_TOS.
    expect(s.isControl(rights, s.IPPROTO_IP, s.IP_TOS)).toBe(false);
  });
});

describe('encodeControl rejects invalid values, and the error names the field', () => {
  const type = 'ERR_INVALID_ARG_TYPE';
  const range = 'ERR_OUT_OF_RANGE';
  const value = 'ERR_INVALID_ARG_VALUE';
  const rights = { level: s.SOL_SOCKET, type: s.SCM_RIGHTS };
  const creds = { level: s.SOL_SOCKET, type: s.SCM_CREDENTIALS, pid: 1, uid: 1, gid: 1 };
  const info = { level: s.IPPROTO_IP, type: s.IP_PKTINFO, ifindex: 1, specDst: '127.0.0.1' };
  const stamp = { level: s.SOL_SOCKET, type: s.SCM_TIMESTAMPNS };
  const cases: [unknown, string, string][] = [
    [undefined, 'control', type],
    [null, 'control', type],
    [3, 'control', type],
    [{}, 'control.level', type],
    [{ level: '1', type: 1, data: Buffer.of(1) }, 'control.level', type],
    [{ level: 2 ** 31, type: 1, data: Buffer.of(1) }, 'control.level', range],
    [{ level: 1, type: 1.5, data: Buffer.of(1) }, 'control.type', range],
    [{ level: 77, type: 1 }, 'control.data', type],
    [{ level: 77, type: 1, data: 'x' }, 'control.data', type],
    [{ level: 77, type: 1, data: undefined }, 'control.data', type],
    [{ ...rights, data: [3] }, 'control.data', type],
    [Object.create({ ...rights, fds: [0] }), 'control.level', type],
    [Object.assign(Object.create({ fds: [0] }), rights), 'control.fds', type],
    [{ ...rights, fds: 3 }, 'control.fds', type],
    [{ ...rights, fds: Int32Array.of(3) }, 'control.fds', type],
    [{ ...rights, fds: ['3'] }, 'control.fds', type],
    [{ ...rights, fds: [undefined] }, 'control.fds', type],
    [{ ...rights, fds: [Number.NaN] }, 'control.fds', range],
    [{ ...rights, fds: [2 ** 32] }, 'control.fds', range],
    [{ ...rights, fds: [1.9] }, 'control.fds', range],
    [{ ...creds, pid: 2 ** 31 }, 'control.pid', range],
    [{ ...creds, uid: -1 }, 'control.uid', range],
    [{ ...creds, gid: undefined }, 'control.gid', type],
    [{ level: s.SOL_SOCKET, type: s.SCM_PIDFD, pidfd: '3' }, 'control.pidfd', type],
    [{ ...stamp, nanoseconds: 1 }, 'control.nanoseconds', type],
    [{ ...stamp, nanoseconds: -1n }, 'control.nanoseconds', range],
    [{ ...stamp, nanoseconds: 2n ** 63n * 1_000_000_000n }, 'control.nanoseconds', range],
    [{ ...info, ifindex: 2 ** 31 }, 'control.ifindex', range],
    [{ ...info, specDst: '::1' }, 'control.specDst', value],
    [{ ...info, specDst: undefined }, 'control.specDst', type],
    [{ ...info, addr: 5 }, 'control.addr', type],
    [{ level: s.IPPROTO_IPV6, type: s.IPV6_PKTINFO, ifindex: 1, addr: '127.0.0.1' }, 'control.addr', value],
    [{ level: s.IPPROTO_IP, type: s.IP_TTL, value: 2 ** 31 }, 'control.value', range],
    [{ level: s.IPPROTO_IP, type: s.IP_TOS, value: 256 }, 'control.value', range],
    [{ level: s.SOL_UDP, type: s.UDP_SEGMENT, value: 65536 }, 'control.value', range],
    [{ level: s.SOL_UDP, type: s.UDP_SEGMENT, value: -1 }, 'control.value', range],
    [{ level: s.SOL_SOCKET, type: s.SO_RXQ_OVFL, value: -1 }, 'control.value', range],
    [{ level: s.IPPROTO_IP, type: s.IP_RECVERR, error: 111 }, 'control.error', type],
    [{ level: s.IPPROTO_IP, type: s.IP_RECVERR, error: {} }, 'control.error.errno', type],
    [{ level: s.IPPROTO_IP, type: s.IP_ORIGDSTADDR, address: { family: s.AF_INET } }, 'address.port', type],
    [{ level: s.SOL_PACKET, type: s.PACKET_AUXDATA, status: 1, len: 1, snaplen: 1, mac: 65536 }, 'control.mac', range],
  ];
  test.each(cases)('%o: %s', (one, field, code) => {
    const fd = pair(s.SOCK_DGRAM)[0];
    const before = openFds().size;
    const calls = [
      () => s.encodeControl([one as s.ControlMessage]),
      () => s.sendmsg(fd, { buffers: ['x'], control: [one as s.ControlMessage] }),
      () => nothrow.sendmsg(fd, { buffers: ['x'], control: [one as s.ControlMessage] }),
    ];
    for (const call of calls) {
      expect(call).toThrow(expect.objectContaining({ code }));
      expect(call).toThrow(new RegExp(`^The "${field}" `));
    }
    expect(openFds().size).toBe(before);
  });

  test('a value that is not an array is rejected', () => {
    for (const wrong of [undefined, null, {}, 'x', new Map()]) {
      expect(() => s.encodeControl(wrong as never)).toThrow(expect.objectContaining({ code: type }));
    }
  });

  test('a hole in a list of file descriptors does not stand for file descriptor 0', () => {
    // biome-ignore lint/suspicious/noSparseArray: that is what is tested
    expect(() => s.encodeControl([{ ...rights, fds: [1, , 2] as number[] }])).toThrow(
      expect.objectContaining({ code: type, message: expect.stringContaining('control.fds') }),
    );
    // biome-ignore lint/suspicious/noSparseArray: that is what is tested
    expect(() => s.encodeControl([{ ...rights, fds: [1] }, ,] as s.ControlMessage[])).toThrow(
      expect.objectContaining({ code: type, message: expect.stringContaining('"control"') }),
    );
  });

  test('a getter that changes is read once', () => {
    fc.assert(
      fc.property(message, (one) => {
        const reads = new Map<PropertyKey, number>();
        const watched = new Proxy(one, {
          get(target, name) {
            reads.set(name, (reads.get(name) ?? 0) + 1);
            return Reflect.get(target, name);
          },
        });
        expect(s.encodeControl([watched])).toEqual(s.encodeControl([one]));
        for (const [name, times] of reads) expect([name, times]).toEqual([name, 1]);
      }),
    );
  });
});

test.each([-1, 1.5, Number.NaN, 2 ** 31, '16', null])('a controlLength of %j is rejected', (controlLength) => {
  const [fd, peer] = pair();
  s.send(peer, 'x');
  const call = () => s.recvmsg(fd, { buffers: [Buffer.alloc(1)], controlLength: controlLength as number });
  expect(call).toThrow(typeof controlLength === 'number' ? RangeError : TypeError);
  expect(call).toThrow(/"controlLength"/);
  expect(s.recv(fd, Buffer.alloc(1), s.MSG_DONTWAIT)).toBe(1); // it was not called
});

describe('sendmsg passes control data to the kernel unchanged', () => {
  test('the kernel validates it', () => {
    const fd = pair(s.SOCK_DGRAM)[0];
    const send = (control: Uint8Array) => nothrow.sendmsg(fd, { buffers: ['x'], control });
    const close0 = Buffer.of(0, 0, 0, 0);
    expect(send(forged(s.SOL_SOCKET, s.SCM_RIGHTS, close0, 15n))).toBe(-s.EINVAL);
    expect(send(forged(s.SOL_SOCKET, s.SCM_RIGHTS, close0, 1000n))).toBe(-s.EINVAL);
    expect(send(forged(s.SOL_SOCKET, 0x7777, close0))).toBe(-s.EINVAL);
    expect(send(forged(77, 1, close0))).toBe(1); // a message of another level is ignored
  });

  test('neither no messages nor no bytes add control data', () => {
    const fd = pair(s.SOCK_DGRAM)[0];
    for (const control of [undefined, [], new Uint8Array(0)]) {
      expect(s.sendmsg(fd, { buffers: ['x'], control })).toBe(1);
    }
  });
});

describe('byte for byte the same as in Python', () => {
  /** Runs Python with a socket of ours as its socket `s`. */
  function pythonOn<T>(fd: number, script: string): T {
    const prelude = 'import json, struct, os\nfrom socket import *\ns = socket(fileno=3)\n';
    const run = spawnSync('python3', ['-c', prelude + script], { stdio: ['ignore', 'pipe', 'inherit', fd] });
    return JSON.parse(run.stdout.toString()) as T;
  }

  /** A message in the form of Python: (level, type, bytes). */
  function triple(one: s.ControlMessage): [number, number, string] {
    const bytes = s.encodeControl([one]);
    const length = Buffer.from(bytes).readUInt32LE(0);
    return [one.level, one.type, Buffer.from(bytes.subarray(16, length)).toString('hex')];
  }

  const receive = `
data, ancillary, flags, peer = s.recvmsg(2048, 1024)
print(json.dumps([[l, t, b.hex()] for l, t, b in ancillary]))`;

  /** Peeks at a message, then lets Python receive the same one. */
  function sameAsPython(fd: number): [number, number][] {
    const { control } = s.recvmsg(fd, { buffers: [Buffer.alloc(16)], controlLength: 1024 }, s.MSG_PEEK);
    const theirs = pythonOn<[number, number, string][]>(fd, receive);
    expect(control.map(triple)).toEqual(theirs);
    return theirs.map(([level, type]) => [level, type]);
  }

  test('CMSG_LEN and CMSG_SPACE', () => {
    const lengths = Array.from({ length: 2000 }, (_, i) => i);
    const expected = python<number[][]>('print(json.dumps([[CMSG_LEN(n), CMSG_SPACE(n)] for n in range(2000)]))');
    expect(lengths.map((n) => [s.CMSG_LEN(n), s.CMSG_SPACE(n)])).toEqual(expected);
  });

  test('control data received with an IPv4 datagram', () => {
    const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    for (const name of [s.IP_PKTINFO, s.IP_RECVTTL, s.IP_RECVTOS, s.IP_RECVORIGDSTADDR]) {
      s.setsockopt(fd, s.IPPROTO_IP, name, 1);
    }
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_TIMESTAMPNS, 1);
    s.bind(fd, loopback);
    const sender = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    s.setsockopt(sender, s.IPPROTO_IP, s.IP_TOS, 0x48);
    s.setsockopt(sender, s.IPPROTO_IP, s.IP_TTL, 123);
    s.sendto(sender, 'x', 0, s.getsockname(fd)!);
    const kindsSeen = sameAsPython(fd);
    expect(kindsSeen).toHaveLength(5);
    expect(kindsSeen).toContainEqual([s.IPPROTO_IP, s.IP_ORIGDSTADDR]);
    // The same again with whole microseconds.
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_TIMESTAMPNS, 0);
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_TIMESTAMP, 1);
    s.sendto(sender, 'x', 0, s.getsockname(fd)!);
    expect(sameAsPython(fd)).toContainEqual([s.SOL_SOCKET, s.SCM_TIMESTAMP]);
  });

  test('control data received with an IPv6 datagram', (context) => {
    need(context, ipv6);
    const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
    for (const name of [s.IPV6_RECVPKTINFO, s.IPV6_RECVHOPLIMIT, s.IPV6_RECVTCLASS, s.IPV6_RECVORIGDSTADDR]) {
      s.setsockopt(fd, s.IPPROTO_IPV6, name, 1);
    }
    s.bind(fd, loopback6);
    const sender = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
    s.sendto(sender, 'x', 0, s.getsockname(fd)!);
    expect(sameAsPython(fd)).toHaveLength(4);
  });

  test('control data received with credentials', () => {
    const [fd, peer] = pair(s.SOCK_DGRAM);
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_PASSCRED, 1);
    s.send(peer, 'x');
    expect(sameAsPython(fd)).toEqual([[s.SOL_SOCKET, s.SCM_CREDENTIALS]]);
  });

  test('several messages that Python sends at once', () => {
    const [fd, peer] = pair(s.SOCK_DGRAM);
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_PASSCRED, 1);
    const [pid, uid, gid] = pythonOn<number[]>(
      peer,
      `
ids = [os.getpid(), os.getuid(), os.getgid()]
s.sendmsg([b'x'], [(SOL_SOCKET, SCM_CREDENTIALS, struct.pack('@iII', *ids)), (SOL_SOCKET, SCM_RIGHTS, struct.pack('@ii', 3, 3))])
print(json.dumps(ids))`,
    );
    const control = new Uint8Array(256);
    const header: nothrow.ReceiveHeader = { buffers: [Buffer.alloc(8)], control };
    expect(nothrow.recvmsg(fd, header)).toBe(1);
    const list = s.decodeControl(control, header.controlLength);
    const rights = list.find((one) => s.isControl(one, s.SOL_SOCKET, s.SCM_RIGHTS))!;
    cleanup(...(rights.fds as [number, number]));
    expect(rights.fds).toHaveLength(2);
    expect(list).toContainEqual({ level: s.SOL_SOCKET, type: s.SCM_CREDENTIALS, pid, uid, gid });
    expect(list).toHaveLength(2);
    // The kernel lays them out just as encodeControl does.
    expect(Buffer.from(s.encodeControl(list))).toEqual(Buffer.from(control.subarray(0, header.controlLength)));
  });

  test('control data that we send and Python receives', () => {
    const [fd, peer] = pair(s.SOCK_DGRAM);
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_PASSCRED, 1);
    const credentials: s.Credentials = {
      level: s.SOL_SOCKET,
      type: s.SCM_CREDENTIALS,
      pid: process.pid,
      uid: process.getuid!(),
      gid: process.getgid!(),
    };
    s.sendmsg(peer, {
      buffers: ['x'],
      control: [credentials, { level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [peer, fd] }],
    });
    const theirs = pythonOn<[number, number, string][]>(fd, receive);
    // In the child the pid is still ours, and its file descriptors are 3 (fd) and the next free ones.
    expect(theirs).toContainEqual(triple(credentials));
    expect(theirs.find(([, type]) => type === s.SCM_RIGHTS)?.[2]).toHaveLength(16);
  });
});
