import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, need } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const lo = python<number>('print(if_nametoindex("lo"))');

/** A bound socket that receives these fields, and its port. */
function receiver(address: s.InetAddress | s.Inet6Address, ...options: number[]): { fd: number; port: number } {
  const fd = cleanup(s.socket(address.family, s.SOCK_DGRAM));
  const level = address.family === s.AF_INET ? s.IPPROTO_IP : s.IPPROTO_IPV6;
  for (const option of options) s.setsockopt(fd, level, option, 1);
  s.bind(fd, address);
  return { fd, port: (s.getsockname(fd) as s.InetAddress).port };
}

const sender = (family: number) => cleanup(s.socket(family, s.SOCK_DGRAM));
const buffers = [Buffer.alloc(16)];
const receive = (fd: number) => s.recvmsg(fd, { buffers, controlLength: 512 });

describe('IPv4', () => {
  const to = (port: number, address = '127.0.0.1'): s.InetAddress => ({ family: s.AF_INET, address, port });
  const info = (ifindex: number, specDst: string, addr = '0.0.0.0'): s.PacketInfo => ({
    level: s.IPPROTO_IP,
    type: s.IP_PKTINFO,
    ifindex,
    specDst,
    addr,
  });

  test('received IP_PKTINFO contains the incoming interface and the destination', () => {
    const { fd, port } = receiver({ ...loopback, address: '0.0.0.0' }, s.IP_PKTINFO);
    for (const address of ['127.0.0.1', '127.1.2.3']) {
      s.sendto(sender(s.AF_INET), 'x', 0, to(port, address));
      expect(receive(fd).control).toEqual([info(lo, address, address)]);
    }
  });

  test('sent IP_PKTINFO selects the source address and the interface', () => {
    const { fd, port } = receiver(loopback);
    const from = sender(s.AF_INET);
    for (const [ifindex, source] of [
      [0, '127.0.0.2'],
      [lo, '127.0.0.1'],
      [lo, '127.3.2.1'],
    ] as const) {
      s.sendmsg(from, { buffers: ['x'], address: to(port), control: [info(ifindex, source)] });
      expect(receive(fd)).toMatchObject({ length: 1, address: { address: source } });
    }
  });

  test('the kernel validates sent IP_PKTINFO', () => {
    const { port } = receiver(loopback);
    const from = sender(s.AF_INET);
    const send = (one: s.ControlMessage) =>
      nothrow.sendmsg(from, { buffers: ['x'], address: to(port), control: [one] });
    // The errno for a destination without a route differs between kernels.
    const noRoute = [-s.EINVAL, -s.ENODEV, -s.ENETUNREACH];
    expect(noRoute).toContain(send(info(0x7fffffff, '0.0.0.0'))); // no such interface
    expect(noRoute).toContain(send(info(0, '192.0.2.77'))); // not a local address
    expect(send(info(0, '0.0.0.0'))).toBe(1);
  });

  test('IP_TTL is sent and received', () => {
    const { fd, port } = receiver(loopback, s.IP_RECVTTL);
    const from = sender(s.AF_INET);
    for (const value of [1, 7, 64, 255]) {
      const ttl: s.InetField = { level: s.IPPROTO_IP, type: s.IP_TTL, value };
      s.sendmsg(from, { buffers: ['x'], address: to(port), control: [ttl] });
      expect(receive(fd).control).toEqual([ttl]);
    }
    for (const value of [0, 256, -1]) {
      const control: s.ControlMessage[] = [{ level: s.IPPROTO_IP, type: s.IP_TTL, value }];
      expect(nothrow.sendmsg(from, { buffers: ['x'], address: to(port), control })).toBe(-s.EINVAL);
    }
  });

  test('IP_TOS is sent and received', () => {
    const { fd, port } = receiver(loopback, s.IP_RECVTOS);
    const from = sender(s.AF_INET);
    for (const value of [0, 4, 0x10, 0xb8]) {
      const tos: s.InetField = { level: s.IPPROTO_IP, type: s.IP_TOS, value };
      s.sendmsg(from, { buffers: ['x'], address: to(port), control: [tos] });
      expect(receive(fd).control).toEqual([tos]);
    }
    // The kernel also accepts an int, by its bytes.
    const data = Buffer.from(Int32Array.of(0x20).buffer);
    s.sendmsg(from, { buffers: ['x'], address: to(port), control: [{ level: s.IPPROTO_IP, type: s.IP_TOS, data }] });
    expect(receive(fd).control).toEqual([{ level: s.IPPROTO_IP, type: s.IP_TOS, value: 0x20 }]);
  });

  test('received IP_ORIGDSTADDR contains the whole destination', () => {
    const { fd, port } = receiver({ ...loopback, address: '0.0.0.0' }, s.IP_RECVORIGDSTADDR);
    s.sendto(sender(s.AF_INET), 'x', 0, to(port, '127.0.0.9'));
    expect(receive(fd).control).toEqual([
      { level: s.IPPROTO_IP, type: s.IP_ORIGDSTADDR, address: to(port, '127.0.0.9') },
    ]);
  });

  test('several messages are sent and received together', () => {
    const { fd, port } = receiver({ ...loopback, address: '0.0.0.0' }, s.IP_PKTINFO, s.IP_RECVTTL, s.IP_RECVTOS);
    const fields: s.ControlMessage[] = [
      { level: s.IPPROTO_IP, type: s.IP_TTL, value: 33 },
      { level: s.IPPROTO_IP, type: s.IP_TOS, value: 0x28 },
    ];
    s.sendmsg(sender(s.AF_INET), {
      buffers: ['a', Buffer.from('b')],
      address: to(port, '127.0.0.4'),
      control: [info(lo, '127.0.0.5'), ...fields],
    });
    const { length: bytes, address, control } = receive(fd);
    expect([bytes, (address as s.InetAddress).address]).toEqual([2, '127.0.0.5']);
    expect(control).toHaveLength(3);
    expect(control).toEqual(expect.arrayContaining([info(lo, '127.0.0.4', '127.0.0.4'), ...fields]));
  });

  test('a truncated message is returned as bytes, with MSG_CTRUNC', () => {
    const { fd, port } = receiver(loopback, s.IP_PKTINFO);
    s.sendto(sender(s.AF_INET), 'x', 0, to(port));
    const { control, flags } = s.recvmsg(fd, { buffers, controlLength: s.CMSG_LEN(5) });
    expect(flags).toBe(s.MSG_CTRUNC);
    const start = s.encodeControl([info(lo, '127.0.0.1')]).subarray(16, 21);
    expect(control).toEqual([{ level: s.IPPROTO_IP, type: s.IP_PKTINFO, data: start }]);
  });
});

describe('IPv6', () => {
  const to = (port: number, address = '::1'): s.Inet6AddressInput => ({ family: s.AF_INET6, address, port });
  const info = (ifindex: number, addr: string): s.PacketInfo6 => ({
    level: s.IPPROTO_IPV6,
    type: s.IPV6_PKTINFO,
    addr,
    ifindex,
  });

  test('IPV6_PKTINFO is received', (context) => {
    need(context, ipv6);
    const { fd, port } = receiver({ ...loopback6, address: '::' }, s.IPV6_RECVPKTINFO);
    s.sendto(sender(s.AF_INET6), 'x', 0, to(port));
    expect(receive(fd).control).toEqual([info(lo, '::1')]);
  });

  test('IPV6_PKTINFO is received with IPv4 datagrams on a dual-stack socket', (context) => {
    need(context, ipv6);
    const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
    s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_V6ONLY, 0);
    s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_RECVPKTINFO, 1);
    s.bind(fd, { ...loopback6, address: '::' });
    const { port } = s.getsockname(fd) as s.Inet6Address;
    s.sendto(sender(s.AF_INET), 'x', 0, { ...loopback, address: '127.0.0.6', port });
    const { address, control } = receive(fd);
    expect(address).toMatchObject({ family: s.AF_INET6, address: '::ffff:127.0.0.1' });
    expect(control).toEqual([info(lo, '::ffff:127.0.0.6')]);
  });

  test('IPV6_PKTINFO is sent', (context) => {
    need(context, ipv6);
    const { fd, port } = receiver(loopback6);
    const from = sender(s.AF_INET6);
    const send = (one: s.ControlMessage) =>
      nothrow.sendmsg(from, { buffers: ['x'], address: to(port), control: [one] });
    expect(send(info(lo, '::1'))).toBe(1);
    expect(receive(fd)).toMatchObject({ length: 1, address: { address: '::1' } });
    expect(send(info(0, '2001:db8::77'))).toBe(-s.EINVAL); // not a local address
    expect(send(info(0xffffffff, '::1'))).toBe(-s.ENODEV); // no such interface
  });

  test('IPV6_HOPLIMIT is sent and received', (context) => {
    need(context, ipv6);
    const { fd, port } = receiver(loopback6, s.IPV6_RECVHOPLIMIT);
    const from = sender(s.AF_INET6);
    for (const value of [0, 1, 9, 255]) {
      const hops: s.Inet6Field = { level: s.IPPROTO_IPV6, type: s.IPV6_HOPLIMIT, value };
      s.sendmsg(from, { buffers: ['x'], address: to(port), control: [hops] });
      expect(receive(fd).control).toEqual([hops]);
    }
    const control: s.ControlMessage[] = [{ level: s.IPPROTO_IPV6, type: s.IPV6_HOPLIMIT, value: 256 }];
    expect(nothrow.sendmsg(from, { buffers: ['x'], address: to(port), control })).toBe(-s.EINVAL);
  });

  test('IPV6_TCLASS is sent and received', (context) => {
    need(context, ipv6);
    const { fd, port } = receiver(loopback6, s.IPV6_RECVTCLASS);
    const from = sender(s.AF_INET6);
    for (const value of [0, 0x20, 0xfc]) {
      const tclass: s.Inet6Field = { level: s.IPPROTO_IPV6, type: s.IPV6_TCLASS, value };
      s.sendmsg(from, { buffers: ['x'], address: to(port), control: [tclass] });
      expect(receive(fd).control).toEqual([tclass]);
    }
  });

  test('IPV6_ORIGDSTADDR is received', (context) => {
    need(context, ipv6);
    const { fd, port } = receiver({ ...loopback6, address: '::' }, s.IPV6_RECVORIGDSTADDR);
    s.sendto(sender(s.AF_INET6), 'x', 0, to(port));
    expect(receive(fd).control).toEqual([
      { level: s.IPPROTO_IPV6, type: s.IPV6_ORIGDSTADDR, address: { ...to(port), flowinfo: 0, scopeId: 0 } },
    ]);
  });
});
