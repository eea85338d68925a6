import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, type Need, need } from '../helpers/need.ts';

type Family = typeof s.AF_INET | typeof s.AF_INET6;

const levels = { [s.AF_INET]: s.IPPROTO_IP, [s.AF_INET6]: s.IPPROTO_IPV6 } as const;

/** A port that stays reserved, and that refuses everybody: its socket is connected to another one. */
function refusing(family: Family): s.InetAddress | s.Inet6Address {
  const any = family === s.AF_INET ? loopback : loopback6;
  const fd = cleanup(s.socket(family, s.SOCK_DGRAM));
  s.bind(fd, any);
  s.connect(fd, s.getsockname(fd)!);
  return s.getsockname(fd) as s.InetAddress | s.Inet6Address;
}

/** A bound socket with an error queue, and its address. */
function reporting(family: Family): { fd: number; address: s.Address } {
  const fd = cleanup(s.socket(family, s.SOCK_DGRAM));
  if (family === s.AF_INET) s.setsockopt(fd, s.IPPROTO_IP, s.IP_RECVERR, 1);
  else s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_RECVERR, 1);
  s.bind(fd, family === s.AF_INET ? loopback : loopback6);
  return { fd, address: s.getsockname(fd)! };
}

const refused = expect.objectContaining({ name: 'SocketError', code: 'ECONNREFUSED', errno: 111 });

/** Sends a datagram, and waits for the refusal: it has arrived when the blocking call fails with it. */
function provoke(fd: number, to: s.Address, text: string): void {
  s.sendto(fd, text, 0, to);
  expect(() => s.recv(fd, Buffer.alloc(1))).toThrow(refused);
}

const expected = (family: Family, offender: s.Address | undefined): s.ExtendedError => ({
  level: levels[family],
  type: family === s.AF_INET ? s.IP_RECVERR : (s.IPV6_RECVERR as never),
  error: {
    errno: s.ECONNREFUSED,
    origin: family === s.AF_INET ? s.SO_EE_ORIGIN_ICMP : s.SO_EE_ORIGIN_ICMP6,
    type: family === s.AF_INET ? 3 : 1, // destination unreachable
    code: family === s.AF_INET ? 3 : 4, // port unreachable
    info: 0,
    data: 0,
  },
  offender,
});
const offenders = {
  [s.AF_INET]: { family: s.AF_INET, address: '127.0.0.1', port: 0 },
  [s.AF_INET6]: { family: s.AF_INET6, address: '::1', port: 0, flowinfo: 0, scopeId: 0 },
} as const;

describe.each([
  ['IP_RECVERR', s.AF_INET],
  ['IPV6_RECVERR', s.AF_INET6],
] as const)('%s', (_name, family) => {
  test('the entry contains the error, its origin and the data that was sent', (context) => {
    if (family === s.AF_INET6) need(context, ipv6);
    const to = refusing(family);
    const { fd } = reporting(family);
    provoke(fd, to, 'the datagram');
    const buffer = Buffer.alloc(64);
    const message = s.recvmsg(fd, { buffers: [buffer], controlLength: 512 }, s.MSG_ERRQUEUE);
    expect(buffer.toString('utf8', 0, message.length)).toBe('the datagram');
    expect(message).toEqual({
      length: 12,
      address: to, // the destination
      control: [expected(family, offenders[family])],
      flags: s.MSG_ERRQUEUE,
    });
    expect(nothrow.recvmsg(fd, { buffers: [buffer] }, s.MSG_ERRQUEUE)).toBe(-s.EAGAIN);
  });

  test('several entries keep their order, also in recvmmsg', (context) => {
    if (family === s.AF_INET6) need(context, ipv6);
    const to = refusing(family);
    const { fd } = reporting(family);
    for (const text of ['one', 'two', 'three']) provoke(fd, to, text);
    const batch = new s.MessageBatch({ messages: 4, size: 16, controlLength: 128 });
    // The error queue never blocks: MSG_DONTWAIT lets recvmmsg end there.
    expect(s.recvmmsg(fd, batch, s.MSG_ERRQUEUE | s.MSG_DONTWAIT)).toBe(3);
    expect([0, 1, 2].map((i) => batch.bytes(i).toString())).toEqual(['one', 'two', 'three']);
    for (const i of [0, 1, 2]) {
      expect(batch.control(i)).toEqual([expected(family, offenders[family])]);
      expect(batch.address(i)).toEqual(to);
      expect(batch.flags(i)).toBe(s.MSG_ERRQUEUE);
    }
  });

  test('the entry is byte for byte the same as in Python', (context) => {
    if (family === s.AF_INET6) need(context, ipv6);
    const to = refusing(family);
    const { fd } = reporting(family);
    provoke(fd, to, 'same');
    provoke(fd, to, 'same');
    const { control } = s.recvmsg(fd, { buffers: [Buffer.alloc(8)], controlLength: 512 }, s.MSG_ERRQUEUE);
    const script = `
import json
from socket import *
data, ancillary, flags, peer = socket(fileno=3).recvmsg(64, 512, 0x2000)
print(json.dumps([data.decode(), [[l, t, b.hex()] for l, t, b in ancillary], flags, list(peer)]))`;
    const run = spawnSync('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit', fd] });
    const [data, theirs, flags, peer] = JSON.parse(run.stdout.toString());
    const bytes = Buffer.from(s.encodeControl(control));
    expect(theirs).toEqual([[levels[family], control[0]!.type, bytes.toString('hex', 16, bytes.readUInt32LE(0))]]);
    expect([data, flags]).toEqual(['same', s.MSG_ERRQUEUE]);
    expect(peer.slice(0, 2)).toEqual([to.address, to.port]);
  });

  test('what remains of an entry that is truncated at any length is kept', (context) => {
    if (family === s.AF_INET6) need(context, ipv6);
    const to = refusing(family);
    const { fd } = reporting(family);
    const whole = s.encodeControl([expected(family, offenders[family])]);
    const size = Buffer.from(whole).readUInt32LE(0);
    for (const room of [0, 15, 16, 20, 31, 32, 33, 34, 40, size - 1, size]) {
      provoke(fd, to, 'x');
      const { control, flags } = s.recvmsg(fd, { buffers: [Buffer.alloc(1)], controlLength: room }, s.MSG_ERRQUEUE);
      expect([room, flags]).toEqual([room, s.MSG_ERRQUEUE | (room < size ? s.MSG_CTRUNC : 0)]);
      if (room < 16) expect(control).toEqual([]);
      else if (room < 32) {
        const { level, type } = expected(family, undefined);
        expect(control).toEqual([{ level, type, data: whole.subarray(16, room) }]);
      } else {
        const [one] = control as [s.ExtendedError];
        expect(one.error).toEqual(expected(family, undefined).error);
        // The offender is there as far as it fits: not at all, in part, or completely.
        if (room === 32) expect(one.offender).toBeUndefined();
        else if (room === size) expect(one.offender).toEqual(offenders[family]);
        else if (room > 33) expect(one.offender).toEqual({ family, data: whole.subarray(34, room) });
      }
    }
  });
});

test('without IP_RECVERR, there is no error queue', () => {
  const to = refusing(s.AF_INET);
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.connect(fd, to);
  s.send(fd, 'x');
  expect(() => s.recv(fd, Buffer.alloc(1))).toThrow(refused);
  expect(nothrow.recvmsg(fd, { buffers: [Buffer.alloc(1)], control: new Uint8Array(64) }, s.MSG_ERRQUEUE)).toBe(
    -s.EAGAIN,
  );
});

const zerocopy: Need = () => {
  const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
  const n = nothrow.setsockopt(fd, s.SOL_SOCKET, s.SO_ZEROCOPY, 1);
  s.close(fd);
  return n < 0 ? `SO_ZEROCOPY: ${s.errnoName(-n)}` : undefined;
};

test('an entry without a sender has no offender: the completions of MSG_ZEROCOPY', async (context) => {
  need(context, zerocopy);
  const to = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.bind(to, loopback);
  const from = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.setsockopt(from, s.SOL_SOCKET, s.SO_ZEROCOPY, 1);
  s.connect(from, s.getsockname(to)!);
  const data = Buffer.alloc(8000, 'z');
  const ranges: [number, number][] = [];
  const buffer = Buffer.alloc(8000);
  for (let i = 0; i < 3; i++) {
    expect(s.send(from, data, s.MSG_ZEROCOPY)).toBe(8000);
    expect(s.recv(to, buffer)).toBe(8000);
  }
  expect(buffer).toEqual(data);
  // The kernel may merge consecutive completions.
  while (ranges.at(-1)?.[1] !== 2) {
    const control = new Uint8Array(128);
    const header: nothrow.ReceiveHeader = { buffers: [Buffer.alloc(0)], control };
    const n = nothrow.recvmsg(from, header, s.MSG_ERRQUEUE);
    if (n === -s.EAGAIN) {
      await sleep(1);
      continue;
    }
    expect(n).toBe(0);
    const [one] = s.decodeControl(control, header.controlLength) as [s.ExtendedError];
    expect(one).toMatchObject({ level: s.IPPROTO_IP, type: s.IP_RECVERR, offender: undefined });
    expect(one.error).toMatchObject({ errno: 0, origin: s.SO_EE_ORIGIN_ZEROCOPY, type: 0 });
    ranges.push([one.error.info, one.error.data]);
  }
  expect(ranges[0]![0]).toBe(0);
  for (let i = 1; i < ranges.length; i++) expect(ranges[i]![0]).toBe(ranges[i - 1]![1] + 1);
});
