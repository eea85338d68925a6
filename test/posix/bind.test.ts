import { statSync } from 'node:fs';
import { SocketAddress } from 'node:net';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { ipv6, need } from '../helpers/need.ts';
import { datagram, folder, loopback, loopback6 } from '../helpers/world.ts';

const udp = () => cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));

test('port 0 becomes a port of the kernel', () => {
  const fd = udp();
  expect(s.bind(fd, loopback)).toBeUndefined();
  const name = s.getsockname(fd) as s.InetAddress;
  expect(name).toEqual({ ...loopback, port: expect.any(Number) });
  expect(name.port).toBeGreaterThan(0);
});

test('nothrow gives 0', () => {
  const fd = udp();
  expect(n.bind(fd, loopback)).toBe(0);
  expect(s.getsockname(fd)).toMatchObject({ address: '127.0.0.1' });
});

test('the port that was asked for, in host byte order', () => {
  const first = s.socket(s.AF_INET, s.SOCK_DGRAM);
  s.bind(first, loopback);
  const address = s.getsockname(first) as s.InetAddress;
  s.close(first);
  const again = udp();
  s.bind(again, address);
  expect(s.getsockname(again)).toEqual(address);
});

test('an address of IPv6', (context) => {
  need(context, ipv6);
  const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
  s.bind(fd, loopback6);
  expect(s.getsockname(fd)).toMatchObject({ family: s.AF_INET6, address: '::1', scopeId: 0, flowinfo: 0 });
});

test('encoded bytes go to the kernel as they are', () => {
  const fd = udp();
  const bytes = Buffer.concat([s.encodeAddress({ ...loopback, address: '127.1.2.3' }), Buffer.alloc(100)]);
  s.bind(fd, bytes); // more than a sockaddr_in, which the kernel takes
  expect(s.getsockname(fd)).toMatchObject({ address: '127.1.2.3' });
});

test("node:net's SocketAddress is taken", () => {
  const fd = udp();
  s.bind(fd, new SocketAddress({ address: '127.4.5.6', port: 0, family: 'ipv4' }));
  expect(s.getsockname(fd)).toMatchObject({ address: '127.4.5.6' });
});

test('a path becomes a socket in the file system, and stays when the socket is closed', () => {
  const path = `${folder()}/socket`;
  const fd = s.socket(s.AF_UNIX, s.SOCK_STREAM);
  s.bind(fd, { family: s.AF_UNIX, path });
  expect(statSync(path).isSocket()).toBe(true);
  s.close(fd);
  expect(statSync(path).isSocket()).toBe(true);
  const again = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM));
  expect(s.errnoName(-n.bind(again, { family: s.AF_UNIX, path }))).toBe('EADDRINUSE');
});

test('the address of a failed call is in its error, decoded', () => {
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
])('an address that no struct holds is refused: %s', (_name, address, type) => {
  const fd = udp();
  expect(() => s.bind(fd, address as s.Address)).toThrow(type);
  expect(() => n.bind(fd, address as s.Address)).toThrow(type);
  expect(s.getsockname(fd)).toEqual({ family: s.AF_INET, address: '0.0.0.0', port: 0 });
});
