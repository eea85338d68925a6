import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, type Need, need } from '../helpers/need.ts';

const option =
  (name: number, what: string): Need =>
  () => {
    const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
    const n = nothrow.setsockopt(fd, s.SOL_UDP, name, 1);
    s.close(fd);
    return n < 0 ? `${what}: ${s.errnoName(-n)}` : undefined;
  };
const gso = option(s.UDP_SEGMENT, 'UDP_SEGMENT');
const gro = option(s.UDP_GRO, 'UDP_GRO');

const segment = (value: number): s.Segment => ({ level: s.SOL_UDP, type: s.UDP_SEGMENT, value });

function two(family: typeof s.AF_INET | typeof s.AF_INET6 = s.AF_INET): {
  from: number;
  to: number;
  address: s.Address;
} {
  const to = cleanup(s.socket(family, s.SOCK_DGRAM));
  s.bind(to, family === s.AF_INET ? loopback : loopback6);
  const from = cleanup(s.socket(family, s.SOCK_DGRAM));
  return { from, to, address: s.getsockname(to)! };
}

const data = Buffer.from(Array.from({ length: 3500 }, (_, i) => i % 251));

describe('UDP_SEGMENT', () => {
  test.for([s.AF_INET, s.AF_INET6] as const)('one send is split into datagrams (family %i)', (family, context) => {
    need(context, gso);
    if (family === s.AF_INET6) need(context, ipv6);
    const { from, to, address } = two(family);
    expect(s.sendmsg(from, { buffers: [data], address, control: [segment(1000)] })).toBe(3500);
    const buffer = Buffer.alloc(4000);
    const parts = [1, 2, 3, 4].map(() => Buffer.from(buffer.subarray(0, s.recv(to, buffer))));
    expect(parts.map((part) => part.length)).toEqual([1000, 1000, 1000, 500]);
    expect(Buffer.concat(parts)).toEqual(data);
    expect(nothrow.recv(to, buffer, s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
  });

  test('it works beside other messages, with several buffers and on a connected socket', (context) => {
    need(context, gso);
    const { from, to, address } = two();
    s.connect(from, address);
    s.setsockopt(to, s.IPPROTO_IP, s.IP_RECVTTL, 1);
    const ttl: s.InetField = { level: s.IPPROTO_IP, type: s.IP_TTL, value: 44 };
    s.sendmsg(from, { buffers: ['abc', 'defg', Buffer.from('hi')], control: [ttl, segment(4)] });
    const buffer = Buffer.alloc(16);
    for (const text of ['abcd', 'efgh', 'i']) {
      const { length: bytes, control } = s.recvmsg(to, { buffers: [buffer], controlLength: 64 });
      expect(buffer.toString('utf8', 0, bytes)).toBe(text);
      expect(control).toEqual([ttl]);
    }
  });

  test('a size of 0 sends one datagram', (context) => {
    need(context, gso);
    const { from, to, address } = two();
    s.sendmsg(from, { buffers: [data], address, control: [segment(0)] });
    expect(s.recv(to, Buffer.alloc(4000))).toBe(3500);
  });

  test('the kernel rejects too many segments, and a value that does not have 16 bits', (context) => {
    need(context, gso);
    const { from, to, address } = two();
    const send = (one: s.ControlMessage) => nothrow.sendmsg(from, { buffers: [data], address, control: [one] });
    expect(send(segment(1))).toBe(-s.EINVAL);
    expect(send({ level: s.SOL_UDP, type: s.UDP_SEGMENT, data: Buffer.alloc(4) })).toBe(-s.EINVAL);
    expect(send({ level: s.SOL_UDP, type: 0x7777, data: Buffer.alloc(2) })).toBe(-s.EINVAL);
    expect(nothrow.recv(to, Buffer.alloc(1), s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
  });

  test('sendmmsg sends it, too', (context) => {
    need(context, gso);
    const { from, to, address } = two();
    const batch = new s.MessageBatch({ messages: 2, size: 4000, controlLength: s.CMSG_SPACE(2) });
    batch.push(data, address, [segment(2000)]);
    batch.push('last', address);
    expect(s.sendmmsg(from, batch)).toBe(2);
    const buffer = Buffer.alloc(4000);
    expect([1, 2, 3].map(() => s.recv(to, buffer))).toEqual([2000, 1500, 4]);
  });
});

describe('UDP_GRO', () => {
  test.for([s.AF_INET, s.AF_INET6] as const)('the size of the segments is reported (family %i)', (family, context) => {
    need(context, gso, gro);
    if (family === s.AF_INET6) need(context, ipv6);
    const { from, to, address } = two(family);
    s.setsockopt(to, s.SOL_UDP, s.UDP_GRO, 1);
    s.sendmsg(from, { buffers: [data], address, control: [segment(1000)] });
    const buffer = Buffer.alloc(65536);
    const { length: bytes, control } = s.recvmsg(to, { buffers: [buffer], controlLength: s.CMSG_SPACE(4) });
    expect(bytes).toBe(3500);
    expect(buffer.subarray(0, bytes)).toEqual(data);
    expect(control).toEqual([{ level: s.SOL_UDP, type: s.UDP_GRO, value: 1000 }]);
    // A single datagram, not coalesced from others, has no segment size.
    s.sendto(from, 'alone', 0, address);
    expect(s.recvmsg(to, { buffers: [buffer], controlLength: 64 })).toMatchObject({ length: 5, control: [] });
  });

  test('without room for the message, MSG_CTRUNC is set', (context) => {
    need(context, gso, gro);
    const { from, to, address } = two();
    s.setsockopt(to, s.SOL_UDP, s.UDP_GRO, 1);
    s.sendmsg(from, { buffers: [data], address, control: [segment(1000)] });
    const { control, flags } = s.recvmsg(to, { buffers: [Buffer.alloc(4000)], controlLength: 17 });
    expect(flags).toBe(s.MSG_CTRUNC);
    // One byte of the int is not a segment size: it is returned unchanged.
    expect(control).toEqual([{ level: s.SOL_UDP, type: s.UDP_GRO, data: Buffer.of(1000 & 0xff) }]);
  });
});
