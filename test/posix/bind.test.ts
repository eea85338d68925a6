import { statSync } from 'node:fs';
import { SocketAddress } from 'node:net';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { datagram, folder, loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, need } from '../helpers/need.ts';

const udp = () => cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));

test('port 0 becomes a port that the kernel chooses', () => {
  const fd = udp();
  expect(s.bind(fd, loopback)).toBeUndefined();
  const name = s.getsockname(fd) as s.InetAddress;
  expect(name).toEqual({ ...loopback, port: expect.any(Number) });
  expect(name.port).toBeGreaterThan(0);
});

test('nothrow returns 0', () => {
  const fd = udp();
  expect(n.bind(fd, loopback)).toBe(0);
  expect(s.getsockname(fd)).toMatchObject({ address: '127.0.0.1' });
});

test('the requested port is used, in host byte order', () => {
  const first = s.socket(s.AF_INET, s.SOCK_DGRAM);
  s.bind(first, loopback);
  const address = s.getsockname(first) as s.InetAddress;
  s.close(first);
  const again = udp();
  s.bind(again, address);
  expect(s.getsockname(again)).toEqual(address);
});

test('an IPv6 address', (context) => {
  need(context, ipv6);
  const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
  s.bind(fd, loopback6);
  expect(s.getsockname(fd)).toMatchObject({ family: s.AF_INET6, address: '::1', scopeId: 0, flowinfo: 0 });
});

test('encoded bytes are passed to the kernel unchanged', () => {
  const fd = udp();
  const bytes = Buffer.concat([s.encodeAddress({ ...loopback, address: '127.1.2.3' }), Buffer.alloc(100)]);
  s.bind(fd, bytes); // more than a sockaddr_in, which the kernel accepts
  expect(s.getsockname(fd)).toMatchObject({ address: '127.1.2.3' });
});

test("node:net's SocketAddress is accepted", () => {
  const fd = udp();
  s.bind(fd, new SocketAddress({ address: '127.4.5.6', port: 0, family: 'ipv4' }));
  expect(s.getsockname(fd)).toMatchObject({ address: '127.4.5.6' });
});

test('binding to a path creates a socket file, which remains after the socket is closed', () => {
  const path = `${folder()}/socket`;
  const fd = s.socket(s.AF_UNIX, s.SOCK_STREAM);
  s.bind(fd, { family: s.AF_UNIX, path });
  expect(statSync(path).isSocket()).toBe(true);
  s.close(fd);
  expect(statSync(path).isSocket()).toBe(true);
  const again = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM));
  expect(s.errnoName(-n.bind(again, { family: s.AF_UNIX, path }))).toBe('EADDRINUSE');
});

test('the error of a failed call contains the decoded address', () => {
  const { address } = datagram();
  for (const given of [address, s.encodeAddress(address)]) {
    try {
      s.bind(udp(), given);
      expect.unreachable();
    } catch (error) {
      expect(s.isErrno(error, 'EADDRINUSE')).toBe(true);
      expect((error as s.SocketError).address).toEqual(address);
      expect((error as s.SocketError).message).toContain(`127.0.0.1:${address.port}`);
    }
  }
});

test.each([
  ['no object', 'localhost', TypeError],
  ['nothing', undefined, TypeError],
  ['a name', { family: s.AF_INET, address: 'localhost', port: 0 }, TypeError],
  ['a port beyond all', { family: s.AF_INET, address: '127.0.0.1', port: 65536 }, RangeError],
  ['a port that is text', { family: s.AF_INET, address: '127.0.0.1', port: '80' }, TypeError],
  ['a path that is too long', { family: s.AF_UNIX, path: 'x'.repeat(109) }, RangeError],
  ['a path with an inner NUL', { family: s.AF_UNIX, path: 'a\0b' }, TypeError],
])('an address that its struct cannot hold is rejected: %s', (_name, address, type) => {
  const fd = udp();
  expect(() => s.bind(fd, address as s.Address)).toThrow(type);
  expect(() => n.bind(fd, address as s.Address)).toThrow(type);
  expect(s.getsockname(fd)).toEqual({ family: s.AF_INET, address: '0.0.0.0', port: 0 });
});
