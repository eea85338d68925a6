import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { listener, loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, type Need, need, program } from '../helpers/need.ts';

/** The constants of linux/mptcp.h. */
const MPTCP_INFO = 1;
const MPTCP_INFO_FLAG_FALLBACK = 1;
/** The flags are at offset 8, behind fields of one byte. */
const INFO_FLAGS = 8;

const mptcp: Need = () => {
  const fd = nothrow.socket(s.AF_INET, s.SOCK_STREAM, s.IPPROTO_MPTCP);
  if (fd < 0) return `IPPROTO_MPTCP: ${s.errnoName(-fd)}`;
  const n = nothrow.getsockopt(fd, s.SOL_MPTCP, MPTCP_INFO, Buffer.alloc(96));
  s.close(fd);
  return n < 0 ? `MPTCP_INFO: ${s.errnoName(-n)}` : undefined; // Linux 5.16
};

function open(family: number = s.AF_INET): number {
  const fd = cleanup(s.socket(family, s.SOCK_STREAM, s.IPPROTO_MPTCP));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, new BigInt64Array([60n, 0n]));
  return fd;
}

function connected(family: typeof s.AF_INET | typeof s.AF_INET6): { client: number; server: number; port: number } {
  const listening = open(family);
  s.bind(listening, family === s.AF_INET ? loopback : loopback6);
  s.listen(listening);
  const address = s.getsockname(listening) as s.InetAddress;
  const client = open(family);
  s.connect(client, address);
  return { client, server: cleanup(s.accept(listening).fd), port: address.port };
}

function fellBack(fd: number): boolean {
  const info = s.getsockopt(fd, s.SOL_MPTCP, MPTCP_INFO, 96);
  const flags = new DataView(info.buffer, info.byteOffset).getUint32(INFO_FLAGS, true);
  return (flags & MPTCP_INFO_FLAG_FALLBACK) !== 0;
}

test.for([
  ['IPv4', s.AF_INET],
  ['IPv6', s.AF_INET6],
] as const)('a connection over loopback: %s', ([, family], context) => {
  need(context, mptcp, ...(family === s.AF_INET6 ? [ipv6] : []));
  const { client, server } = connected(family);
  for (const fd of [client, server]) expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_PROTOCOL)).toBe(s.IPPROTO_MPTCP);
  expect(s.getpeername(client)).toEqual(s.getsockname(server));
  expect(s.getpeername(server)).toEqual(s.getsockname(client));

  const data = Buffer.alloc(100_000, 'multipath');
  const received = Buffer.alloc(data.length);
  for (let at = 0, got = 0; got < data.length; ) {
    if (at < data.length) at += s.send(client, data.subarray(at), s.MSG_DONTWAIT);
    got += s.recv(server, received.subarray(got));
  }
  expect(received.equals(data)).toBe(true);
  expect([fellBack(client), fellBack(server)]).toEqual([false, false]);
  s.shutdown(client, s.SHUT_WR);
  expect(s.recv(server, received)).toBe(0);
});

test('TCP options are passed through', (context) => {
  need(context, mptcp);
  const { client } = connected(s.AF_INET);
  s.setsockopt(client, s.IPPROTO_TCP, s.TCP_NODELAY, true);
  expect(s.getsockopt(client, s.IPPROTO_TCP, s.TCP_NODELAY)).toBe(1);
  s.setsockopt(client, s.SOL_SOCKET, s.SO_KEEPALIVE, true);
  expect(s.getsockopt(client, s.SOL_SOCKET, s.SO_KEEPALIVE)).toBe(1);
});

test('a connection with a peer that only supports TCP falls back to TCP, and the data arrives', (context) => {
  need(context, mptcp);
  const plain = listener();
  const client = open();
  s.connect(client, plain.address);
  const server = cleanup(s.accept(plain.fd).fd);
  expect(s.getsockopt(server, s.SOL_SOCKET, s.SO_PROTOCOL)).toBe(s.IPPROTO_TCP);
  s.send(client, 'plain');
  const buffer = Buffer.alloc(16);
  expect(buffer.toString('utf8', 0, s.recv(server, buffer))).toBe('plain');
  // The kernel answers while it is still an MPTCP socket, or refuses because it has become a TCP socket.
  const info = nothrow.getsockopt(client, s.SOL_MPTCP, MPTCP_INFO, Buffer.alloc(96));
  if (info >= 0) expect(fellBack(client)).toBe(true);
  else expect(info).toBe(-s.EOPNOTSUPP);
});

test('a plain TCP client connects to an MPTCP server with TCP', (context) => {
  need(context, mptcp);
  const listening = open();
  s.bind(listening, loopback);
  s.listen(listening);
  const client = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
  s.connect(client, s.getsockname(listening)!);
  const server = cleanup(s.accept(listening).fd);
  s.send(server, 'plain');
  const buffer = Buffer.alloc(16);
  expect(buffer.toString('utf8', 0, s.recv(client, buffer))).toBe('plain');
  expect(s.getsockopt(server, s.SOL_SOCKET, s.SO_PROTOCOL)).toBe(s.IPPROTO_TCP);
});

test('ss lists an MPTCP connection', (context) => {
  need(context, mptcp, program('ss'));
  const { client, port } = connected(s.AF_INET);
  const mine = (s.getsockname(client) as s.InetAddress).port;
  const lines = execFileSync('ss', ['-H', '-M', '-n'], { encoding: 'utf8' }).split('\n');
  const line = lines.find((text) => text.includes(`127.0.0.1:${mine} `) && text.includes(`127.0.0.1:${port}`));
  expect(line).toMatch(/^ESTAB/);
});

test('MPTCP is only available for stream sockets, and errors are the same as those of the kernel', (context) => {
  need(context, mptcp);
  expect(() => s.socket(s.AF_INET, s.SOCK_DGRAM, s.IPPROTO_MPTCP)).toThrow(
    expect.objectContaining({ code: 'EPROTONOSUPPORT', syscall: 'socket' }),
  );
  const refused = { ...loopback, address: '127.0.0.66', port: 1 };
  expect(() => s.connect(open(), refused)).toThrow(
    expect.objectContaining({ code: 'ECONNREFUSED', syscall: 'connect', address: refused }),
  );
  expect(() => s.accept(open())).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'accept' }));
  expect(() => s.send(open(), 'x')).toThrow(expect.objectContaining({ code: 'EPIPE' }));
});
