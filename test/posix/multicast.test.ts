import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup } from '../helpers/fds.ts';
import { HANGING } from '../helpers/limits.ts';
import { ipv6, namespaces, need, program } from '../helpers/need.ts';
import { type Link, link } from '../helpers/networks.ts';

const LO = 1;
const timeout = new BigInt64Array([60n, 0n]);

/** The groups of this test run: other processes may use others. */
const unique = process.pid & 0xffff;
const group = `239.66.${unique >> 8}.${unique & 255}`;
const group6 = `ff12::66:${unique.toString(16)}`;

const pton = (text: string) => s.inet_pton(text.includes(':') ? s.AF_INET6 : s.AF_INET, text)!;
const int = (value: number) => Buffer.from(Int32Array.of(value).buffer);

/** struct ip_mreqn, struct ip_mreq_source, struct ipv6_mreq. */
const mreqn = (ifindex: number, address = group) => Buffer.concat([pton(address), Buffer.alloc(4), int(ifindex)]);
const mreqSource = (local: string, source: string) => Buffer.concat([pton(group), pton(local), pton(source)]);
const mreq6 = (ifindex: number, address = group6) => Buffer.concat([pton(address), int(ifindex)]);

/** struct group_req, and with a source struct group_source_req: an index, and each address in a sockaddr_storage. */
function groupReq(ifindex: number, ...addresses: string[]): Buffer {
  const bytes = Buffer.alloc(8 + 128 * addresses.length);
  int(ifindex).copy(bytes);
  for (const [i, address] of addresses.entries()) {
    const family = address.includes(':') ? s.AF_INET6 : s.AF_INET;
    bytes.set(s.encodeAddress({ family, address, port: 0 }), 8 + 128 * i);
  }
  return bytes;
}

function receiver(family: typeof s.AF_INET | typeof s.AF_INET6 = s.AF_INET): { fd: number; port: number } {
  const fd = cleanup(s.socket(family, s.SOCK_DGRAM));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
  if (family === s.AF_INET) s.setsockopt(fd, s.IPPROTO_IP, s.IP_MULTICAST_ALL, false);
  s.bind(fd, { family, address: family === s.AF_INET ? '0.0.0.0' : '::', port: 0 });
  return { fd, port: (s.getsockname(fd) as s.InetAddress).port };
}

/** A socket that sends on an interface, from an address. */
function sender(from: string, ifindex = LO): number {
  const six = from.includes(':');
  const fd = cleanup(s.socket(six ? s.AF_INET6 : s.AF_INET, s.SOCK_DGRAM));
  s.bind(fd, { family: six ? s.AF_INET6 : s.AF_INET, address: from, port: 0 });
  if (six) s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_MULTICAST_IF, ifindex);
  else s.setsockopt(fd, s.IPPROTO_IP, s.IP_MULTICAST_IF, mreqn(ifindex, '0.0.0.0'));
  return fd;
}

const to = (port: number): s.InetAddress => ({ family: s.AF_INET, address: group, port });
const to6 = (port: number): s.Inet6AddressInput => ({ family: s.AF_INET6, address: group6, port, scopeId: LO });

function receive(fd: number): string {
  const buffer = Buffer.alloc(64);
  return buffer.toString('utf8', 0, s.recv(fd, buffer));
}

describe('IPv4', () => {
  test('any source: the group, the interface, the sender and the TTL are correct', () => {
    const { fd, port } = receiver();
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, mreqn(LO));
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_PKTINFO, true);
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_RECVTTL, true);
    const from = sender('127.0.0.21');
    expect(s.getsockopt(from, s.IPPROTO_IP, s.IP_MULTICAST_TTL)).toBe(1);
    s.setsockopt(from, s.IPPROTO_IP, s.IP_MULTICAST_TTL, 7);
    expect(s.sendto(from, 'hello', 0, to(port))).toBe(5);

    const buffer = Buffer.alloc(64);
    const { length: bytes, address, control } = s.recvmsg(fd, { buffers: [buffer], controlLength: 256 });
    expect(buffer.toString('utf8', 0, bytes)).toBe('hello');
    expect(address).toEqual(s.getsockname(from));
    const info = control.find((m) => s.isControl(m, s.IPPROTO_IP, s.IP_PKTINFO));
    expect(info).toMatchObject({ ifindex: LO, addr: group });
    const ttl = control.find((m) => s.isControl(m, s.IPPROTO_IP, s.IP_TTL));
    expect(ttl).toMatchObject({ value: 7 });
  });

  test('every member receives a datagram', () => {
    const first = receiver();
    const second = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    const outsider = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    for (const fd of [first.fd, second, outsider]) {
      s.setsockopt(fd, s.SOL_SOCKET, s.SO_REUSEADDR, true);
      s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
      s.setsockopt(fd, s.IPPROTO_IP, s.IP_MULTICAST_ALL, false);
    }
    for (const fd of [second, outsider]) s.bind(fd, { family: s.AF_INET, address: '0.0.0.0', port: first.port });
    for (const fd of [first.fd, second]) s.setsockopt(fd, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, mreqn(LO));
    s.sendto(sender('127.0.0.1'), 'to all', 0, to(first.port));
    expect([receive(first.fd), receive(second)]).toEqual(['to all', 'to all']);
    expect(() => s.recv(outsider, new Uint8Array(1), s.MSG_DONTWAIT)).toThrow(
      expect.objectContaining({ code: 'EAGAIN' }),
    );
    // Unless IP_MULTICAST_ALL is 0, a socket receives from groups that others joined.
    s.setsockopt(outsider, s.IPPROTO_IP, s.IP_MULTICAST_ALL, true);
    s.sendto(sender('127.0.0.1'), 'again', 0, to(first.port));
    expect(receive(outsider)).toBe('again');
  });

  test('without IP_MULTICAST_LOOP, this host does not receive its own datagrams', async (context) => {
    need(context, namespaces); // lo returns whatever is sent
    const { address, ifindex } = await link();
    const { fd, port } = receiver();
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, mreqn(ifindex));
    const from = sender(address, ifindex);
    expect(s.getsockopt(from, s.IPPROTO_IP, s.IP_MULTICAST_LOOP)).toBe(1);
    s.setsockopt(from, s.IPPROTO_IP, s.IP_MULTICAST_LOOP, false);
    s.sendto(from, 'unheard', 0, to(port));
    s.setsockopt(from, s.IPPROTO_IP, s.IP_MULTICAST_LOOP, true);
    s.sendto(from, 'heard', 0, to(port));
    expect(receive(fd)).toBe('heard');
  });

  test('IP_DROP_MEMBERSHIP ends a membership', () => {
    const { fd, port } = receiver();
    const from = sender('127.0.0.1');
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, mreqn(LO));
    s.sendto(from, 'while', 0, to(port));
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_DROP_MEMBERSHIP, mreqn(LO));
    s.sendto(from, 'after', 0, to(port));
    s.sendto(from, 'unicast', 0, { family: s.AF_INET, address: '127.0.0.1', port });
    expect([receive(fd), receive(fd)]).toEqual(['while', 'unicast']);
  });

  test.each([
    ['IP_ADD_SOURCE_MEMBERSHIP', s.IP_ADD_SOURCE_MEMBERSHIP, mreqSource('127.0.0.1', '127.0.0.31')],
    ['MCAST_JOIN_SOURCE_GROUP', s.MCAST_JOIN_SOURCE_GROUP, groupReq(LO, group, '127.0.0.31')],
  ])('source-specific: %s receives from one sender only', (_, name, value) => {
    const { fd, port } = receiver();
    s.setsockopt(fd, s.IPPROTO_IP, name, value);
    s.sendto(sender('127.0.0.32'), 'another source', 0, to(port));
    s.sendto(sender('127.0.0.31'), 'the source', 0, to(port));
    expect(receive(fd)).toBe('the source');
    const wrong = groupReq(LO, group, '127.0.0.99');
    expect(() => s.setsockopt(fd, s.IPPROTO_IP, s.MCAST_LEAVE_SOURCE_GROUP, wrong)).toThrow(
      expect.objectContaining({ code: 'EADDRNOTAVAIL' }),
    );
  });

  test('MCAST_BLOCK_SOURCE and MCAST_UNBLOCK_SOURCE', () => {
    const { fd, port } = receiver();
    s.setsockopt(fd, s.IPPROTO_IP, s.MCAST_JOIN_GROUP, groupReq(LO, group));
    s.setsockopt(fd, s.IPPROTO_IP, s.MCAST_BLOCK_SOURCE, groupReq(LO, group, '127.0.0.41'));
    const [noisy, quiet] = [sender('127.0.0.41'), sender('127.0.0.42')];
    s.sendto(noisy, 'blocked', 0, to(port));
    s.sendto(quiet, 'not blocked', 0, to(port));
    s.setsockopt(fd, s.IPPROTO_IP, s.MCAST_UNBLOCK_SOURCE, groupReq(LO, group, '127.0.0.41'));
    s.sendto(noisy, 'unblocked', 0, to(port));
    expect([receive(fd), receive(fd)]).toEqual(['not blocked', 'unblocked']);
  });

  test('errors are the same as those of the kernel', () => {
    const { fd } = receiver();
    const join = (value: Buffer) => () => s.setsockopt(fd, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, value);
    const code = (name: s.ErrnoName) => expect.objectContaining({ code: name, syscall: 'setsockopt' });
    join(mreqn(LO))();
    expect(join(mreqn(LO))).toThrow(code('EADDRINUSE'));
    expect(join(mreqn(LO, '192.0.2.1'))).toThrow(code('EINVAL'));
    expect(join(mreqn(0x7ffffffe))).toThrow(code('ENODEV'));
    expect(join(Buffer.alloc(4))).toThrow(code('EINVAL'));
    const leave = () => s.setsockopt(fd, s.IPPROTO_IP, s.IP_DROP_MEMBERSHIP, mreqn(LO));
    leave();
    expect(leave).toThrow(code('EADDRNOTAVAIL'));
    expect(() => s.setsockopt(fd, s.IPPROTO_IP, s.IP_MULTICAST_IF, mreqn(0x7ffffffe))).toThrow(code('EADDRNOTAVAIL'));
    expect(() => s.setsockopt(fd, s.IPPROTO_IP, s.IP_MULTICAST_TTL, 256)).toThrow(code('EINVAL'));
  });
});

/** A program in the other namespace. */
function start({ enter }: Link, ...command: string[]): ChildProcess {
  const child = spawn(enter[0]!, [...enter.slice(1), ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** Resolves with the program's stderr when it contains the expected text, or when the program has ended. */
async function said(child: ChildProcess, what: string): Promise<string> {
  let text = '';
  const closed = once(child, 'close').then(() => undefined);
  while (!text.includes(what)) {
    const event = await Promise.race([once(child.stderr!, 'data'), closed]);
    if (event === undefined) break;
    text += String(event[0]);
  }
  return text;
}

describe('IPv6', () => {
  /** A link has a route for groups; lo does not have one everywhere. */
  test('any source: hops, loopback and dropping a membership', async (context) => {
    need(context, ipv6, namespaces);
    const { ifindex, address6 } = await link();
    const { fd, port } = receiver(s.AF_INET6);
    s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_ADD_MEMBERSHIP, mreq6(ifindex));
    s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_RECVPKTINFO, true);
    s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_RECVHOPLIMIT, true);
    const from = sender(address6, ifindex);
    expect(s.getsockopt(from, s.IPPROTO_IPV6, s.IPV6_MULTICAST_IF)).toBe(ifindex);
    s.setsockopt(from, s.IPPROTO_IPV6, s.IPV6_MULTICAST_HOPS, 9);
    const there = { ...to6(port), scopeId: ifindex };
    s.setsockopt(from, s.IPPROTO_IPV6, s.IPV6_MULTICAST_LOOP, false);
    s.sendto(from, 'unheard', 0, there);
    s.setsockopt(from, s.IPPROTO_IPV6, s.IPV6_MULTICAST_LOOP, true);
    s.sendto(from, 'hello', 0, there);

    const buffer = Buffer.alloc(64);
    const { length: bytes, address, control } = s.recvmsg(fd, { buffers: [buffer], controlLength: 256 });
    expect(buffer.toString('utf8', 0, bytes)).toBe('hello');
    expect(address).toMatchObject({ family: s.AF_INET6, address: address6 });
    const info = control.find((m) => s.isControl(m, s.IPPROTO_IPV6, s.IPV6_PKTINFO));
    expect(info).toMatchObject({ ifindex, addr: group6 });
    const hops = control.find((m) => s.isControl(m, s.IPPROTO_IPV6, s.IPV6_HOPLIMIT));
    expect(hops).toMatchObject({ value: 9 });

    s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_DROP_MEMBERSHIP, mreq6(ifindex));
    s.sendto(from, 'after', 0, there);
    s.sendto(from, 'unicast', 0, { family: s.AF_INET6, address: address6, port });
    expect(receive(fd)).toBe('unicast');
  });

  test('source-specific: MCAST_JOIN_SOURCE_GROUP', async (context) => {
    need(context, ipv6, namespaces);
    const { name, ifindex, address6 } = await link();
    const second = `${address6}5`;
    execFileSync('ip', ['-6', 'addr', 'add', `${second}/64`, 'dev', name, 'nodad']);
    const { fd, port } = receiver(s.AF_INET6);
    s.setsockopt(fd, s.IPPROTO_IPV6, s.MCAST_JOIN_SOURCE_GROUP, groupReq(ifindex, group6, second));
    const there = { ...to6(port), scopeId: ifindex };
    s.sendto(sender(address6, ifindex), 'another source', 0, there);
    s.sendto(sender(second, ifindex), 'the source', 0, there);
    expect(receive(fd)).toBe('the source');
  });

  test('errors are the same as those of the kernel', (context) => {
    need(context, ipv6);
    const { fd } = receiver(s.AF_INET6);
    const join = (value: Buffer) => () => s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_ADD_MEMBERSHIP, value);
    join(mreq6(LO))();
    expect(join(mreq6(LO))).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
    expect(join(mreq6(LO, '2001:db8::1'))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(join(mreq6(0x7ffffffe))).toThrow(expect.objectContaining({ code: 'ENODEV' }));
    expect(() => s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_MULTICAST_HOPS, 256)).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });
});

describe('exchange with socat on the other side of a link', () => {
  test('socat receives what we send to the group', async (context) => {
    need(context, namespaces, program('socat'));
    const veth = await link();
    const port = 20_000 + (unique % 10_000);
    const receive4 = `UDP4-RECV:${port},ip-add-membership=${group}:${veth.peer.name}`;
    const child = start(veth, 'socat', '-d', '-d', '-u', receive4, 'STDOUT');
    expect(await said(child, 'starting data transfer loop')).toContain('starting data transfer loop');
    const fd = sender(veth.address, veth.ifindex);
    const heard = once(child.stdout!, 'data');
    s.sendto(fd, 'to the group', 0, to(port));
    expect(String((await heard)[0])).toBe('to the group');
  });

  test('we receive what socat sends, and the membership is listed while it lasts', async (context) => {
    need(context, namespaces, program('socat'), program('ip'));
    const veth = await link();
    const member = () => execFileSync('ip', ['maddr', 'show', 'dev', veth.name], { encoding: 'utf8' }).includes(group);
    const { fd, port } = receiver();
    expect(member()).toBe(false);
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, mreqn(veth.ifindex));
    expect(member()).toBe(true);
    const send = `printf 'from afar' | socat - UDP4-DATAGRAM:${group}:${port},ip-multicast-if=${veth.peer.address}`;
    execFileSync(veth.enter[0]!, [...veth.enter.slice(1), 'sh', '-c', send], { timeout: HANGING });
    const buffer = Buffer.alloc(64);
    const { length: bytes, address } = s.recvfrom(fd, buffer);
    expect(buffer.toString('utf8', 0, bytes)).toBe('from afar');
    expect(address).toMatchObject({ address: veth.peer.address });
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_DROP_MEMBERSHIP, mreqn(veth.ifindex));
    expect(member()).toBe(false);
  });
});
