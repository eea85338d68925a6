import { mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, folder, loopback6, pair } from '../helpers/fixtures.ts';
import { ipv6, need, packetSockets, vsock } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

/** Both forms of getsockname, and the length that the kernel returned. */
function nameOf(fd: number): { name: s.Address | undefined; length: number } {
  const storage = new s.SockaddrStorage();
  expect(n.getsockname(fd, storage)).toBe(0);
  const name = s.getsockname(fd);
  expect(storage.decode()).toEqual(name);
  return { name, length: storage.length };
}

/** Both forms of getpeername. */
function peerOf(fd: number): { name: s.Address | undefined; length: number } {
  const storage = new s.SockaddrStorage();
  expect(n.getpeername(fd, storage)).toBe(0);
  const name = s.getpeername(fd);
  expect(storage.decode()).toEqual(name);
  return { name, length: storage.length };
}

const local = (type: number = s.SOCK_STREAM) => cleanup(s.socket(s.AF_UNIX, type));
const unix = (path: string | Uint8Array): s.UnixAddressInput => ({ family: s.AF_UNIX, path });

test('AF_INET, before and after bind', () => {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
  expect(nameOf(fd)).toEqual({ name: { family: s.AF_INET, address: '0.0.0.0', port: 0 }, length: 16 });
  s.bind(fd, { family: s.AF_INET, address: '127.0.0.2', port: 0 });
  expect(nameOf(fd).name).toEqual({ family: s.AF_INET, address: '127.0.0.2', port: expect.any(Number) });
});

test('AF_INET6', (context) => {
  need(context, ipv6);
  const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_STREAM));
  s.bind(fd, loopback6);
  expect(nameOf(fd)).toEqual({
    name: { family: s.AF_INET6, address: '::1', port: expect.any(Number), flowinfo: 0, scopeId: 0 },
    length: 28,
  });
});

test('AF_UNIX without a name: only the family is returned', () => {
  expect(nameOf(local())).toEqual({ name: unix(''), length: 2 });
});

test('AF_UNIX with a path: the length includes the terminating NUL', () => {
  const path = `${folder()}/socket`;
  const fd = local();
  s.bind(fd, unix(path));
  expect(nameOf(fd)).toEqual({ name: unix(path), length: 2 + path.length + 1 });
});

test('AF_UNIX with a path of 108 bytes: the length exceeds the size of the struct', () => {
  const at = folder();
  const path = `${at}/${'x'.repeat(108 - at.length - 1)}`;
  const fd = local();
  s.bind(fd, unix(path));
  expect(nameOf(fd)).toEqual({ name: unix(path), length: 111 });
});

test('AF_UNIX with a path that is not UTF-8: the path is returned as bytes', () => {
  const at = folder();
  const path = Buffer.concat([Buffer.from(`${at}/`), Buffer.from([0xff, 0xfe])]);
  mkdirSync(`${at}/other`);
  const fd = local();
  s.bind(fd, unix(path));
  expect(nameOf(fd).name).toEqual(unix(path));
});

test('AF_UNIX with an abstract name: the length determines its end', () => {
  for (const path of [`\0a${process.pid}`, `\0a${process.pid}\0`, `\0a\0${process.pid}\0\0b`]) {
    const fd = local();
    s.bind(fd, unix(path));
    expect(nameOf(fd)).toEqual({ name: unix(path), length: 2 + path.length });
  }
});

test('AF_UNIX with an abstract name of the maximum length', () => {
  const path = `\0${String(process.pid).padEnd(107, 'x')}`;
  const fd = local();
  s.bind(fd, unix(path));
  expect(nameOf(fd)).toEqual({ name: unix(path), length: 110 });
});

test('AF_UNIX bound to no name: the kernel chooses a name of five hexadecimal digits', () => {
  const [a, b] = [local(s.SOCK_DGRAM), local(s.SOCK_DGRAM)];
  for (const fd of [a, b]) {
    s.bind(fd, unix(''));
    const { name, length } = nameOf(fd);
    expect((name as s.UnixAddress).path).toMatch(/^\0[0-9a-f]{5}$/);
    expect(length).toBe(8);
  }
  expect(nameOf(a)).not.toEqual(nameOf(b));
});

test('AF_NETLINK', () => {
  const fd = cleanup(s.socket(s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_ROUTE));
  expect(nameOf(fd)).toEqual({ name: { family: s.AF_NETLINK, pid: 0, groups: 0 }, length: 12 });
  s.bind(fd, { family: s.AF_NETLINK, pid: 0, groups: s.RTMGRP_LINK });
  const name = nameOf(fd).name as s.NetlinkAddress;
  expect(name).toEqual({ family: s.AF_NETLINK, pid: expect.any(Number), groups: s.RTMGRP_LINK });
  expect(name.pid).toBeGreaterThan(0);
  expect(peerOf(fd).name).toEqual({ family: s.AF_NETLINK, pid: 0, groups: 0 }); // the kernel
});

test('AF_PACKET', (context) => {
  need(context, packetSockets);
  const index = s.ifreq('lo');
  s.ioctl(cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM)), s.SIOCGIFINDEX, index);
  const ifindex = index.readInt32LE(16);
  const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW));
  s.bind(fd, { family: s.AF_PACKET, ifindex, protocol: s.ETH_P_ARP });
  const told = python<[string, number, number, number, string]>(`
s = SocketType(AF_PACKET, SOCK_RAW)
s.bind(('lo', ${s.ETH_P_ARP}))
name = s.getsockname()
print(json.dumps([*name[:4], name[4].hex()]))`);
  const [device, protocol, pkttype, hatype, address] = told;
  expect(device).toBe('lo');
  expect(nameOf(fd)).toEqual({
    name: { family: s.AF_PACKET, ifindex, protocol, hatype, pkttype, address: Buffer.from(address, 'hex') },
    length: 12 + address.length / 2,
  });
  expect(protocol).toBe(s.ETH_P_ARP);
});

test('AF_VSOCK', (context) => {
  need(context, vsock);
  const fd = cleanup(s.socket(s.AF_VSOCK, s.SOCK_STREAM));
  const any = { family: s.AF_VSOCK, cid: s.VMADDR_CID_ANY, port: s.VMADDR_PORT_ANY, flags: 0 } as const;
  expect(nameOf(fd)).toEqual({ name: any, length: 16 });
  s.bind(fd, any);
  const name = nameOf(fd).name as s.VsockAddress;
  expect(name).toEqual({ ...any, port: expect.any(Number) });
  expect(name.port).not.toBe(s.VMADDR_PORT_ANY);
});

test('getpeername returns the name of the other end of a connection', () => {
  const { client, server } = connection();
  expect(peerOf(client)).toEqual(nameOf(server));
  expect(peerOf(server)).toEqual(nameOf(client));
  expect(nameOf(client)).not.toEqual(nameOf(server));
});

test('getpeername works for a datagram socket', () => {
  const { address } = datagram();
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.connect(fd, address);
  expect(peerOf(fd).name).toEqual(address);
});

test('getpeername works for local sockets with and without names', () => {
  const [a] = pair();
  expect(peerOf(a)).toEqual({ name: unix(''), length: 2 });
  const path = `${folder()}/socket`;
  const listening = local();
  s.bind(listening, unix(path));
  s.listen(listening);
  const client = local();
  s.connect(client, unix(path));
  expect(peerOf(client)).toEqual({ name: unix(path), length: path.length + 3 });
});

test('getpeername still returns the name of a local peer that was closed', () => {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
  cleanup(a);
  s.close(b);
  expect(peerOf(a).name).toEqual(unix(''));
});

test('nothrow: the storage is empty after a failed call', () => {
  const storage = new s.SockaddrStorage();
  for (const call of [n.getsockname, n.getpeername]) {
    storage.length = 16;
    expect(call(-1, storage)).toBeLessThan(0);
    expect(storage.length).toBe(0);
    expect(storage.decode()).toBeUndefined();
  }
});

test('a result does not change when another call is made', () => {
  const [a, b] = [datagram(), datagram()];
  const name = s.getsockname(a.fd);
  const copy = structuredClone(name);
  s.getsockname(b.fd);
  expect(name).toEqual(copy);
});
