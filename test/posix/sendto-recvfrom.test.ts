import { SocketAddress } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, folder, loopback6, pair } from '../helpers/fixtures.ts';
import { ipv6, need, program } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

test('the address may be an object, encoded bytes or a SocketAddress', () => {
  const { fd: sender, address: from } = datagram();
  const { fd, address } = datagram();
  const buffer = Buffer.alloc(16);
  const forms = [address, s.encodeAddress(address), new SocketAddress({ address: '127.0.0.1', port: address.port })];
  for (const form of forms) {
    expect(s.sendto(sender, 'hi', 0, form)).toBe(2);
    expect(s.recvfrom(fd, buffer)).toEqual({ length: 2, address: from });
    expect(buffer.toString('latin1', 0, 3)).toBe('hi\0');
  }
});

test('senders are distinguished, and each can be answered', () => {
  const { fd, address } = datagram();
  const senders = [datagram(), datagram(), datagram()];
  for (const [i, sender] of senders.entries()) s.sendto(sender.fd, `${i}`, 0, address);
  const buffer = Buffer.alloc(4);
  for (const sender of senders) {
    const got = s.recvfrom(fd, buffer);
    expect(got.address).toEqual(sender.address);
    s.sendto(fd, buffer.subarray(0, got.length), 0, got.address!);
  }
  for (const [i, sender] of senders.entries()) {
    expect(s.recv(sender.fd, buffer)).toBe(1);
    expect(buffer[0]).toBe(0x30 + i);
  }
});

test('IPv6 senders have an address, flow information and a scope', (context) => {
  need(context, ipv6);
  const [one, two] = [s.socket(s.AF_INET6, s.SOCK_DGRAM), s.socket(s.AF_INET6, s.SOCK_DGRAM)];
  cleanup(one, two);
  s.bind(one, loopback6);
  s.bind(two, loopback6);
  s.sendto(one, 'x', 0, s.getsockname(two)!);
  const { port } = s.getsockname(one) as s.Inet6Address;
  expect(s.recvfrom(two, new Uint8Array(4))).toEqual({
    length: 1,
    address: { family: s.AF_INET6, address: '::1', port, flowinfo: 0, scopeId: 0 },
  });
});

test('AF_UNIX: a path, an abstract name, an autobound name, and no name at all', () => {
  const receiver = cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM));
  const to = { family: s.AF_UNIX, path: join(folder(), 'receiver') } as const;
  s.bind(receiver, to);
  const buffer = new Uint8Array(4);
  const receivedFrom = (address?: s.Address) => {
    const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM));
    if (address !== undefined) s.bind(fd, address);
    const own = s.getsockname(fd);
    s.sendto(fd, 'x', 0, to);
    const { address: from } = s.recvfrom(receiver, buffer);
    return { own, from };
  };
  const path = join(folder(), 'sender');
  expect(receivedFrom({ family: s.AF_UNIX, path }).from).toEqual({ family: s.AF_UNIX, path });
  const abstract = `\0sys-socket-${process.pid}\0tail\0`;
  expect(receivedFrom({ family: s.AF_UNIX, path: abstract }).from).toEqual({ family: s.AF_UNIX, path: abstract });
  const auto = receivedFrom({ family: s.AF_UNIX, path: '' });
  expect(auto.from).toEqual(auto.own);
  expect((auto.from as s.UnixAddress).path).toHaveLength(6);
  expect(receivedFrom().from).toBeUndefined();
});

test('a connected stream returns no address', () => {
  const { client, server } = connection();
  s.send(client, 'abc');
  expect(s.recvfrom(server, new Uint8Array(8))).toEqual({ length: 3, address: undefined });
  s.shutdown(client, s.SHUT_WR);
  expect(s.recvfrom(server, new Uint8Array(8))).toEqual({ length: 0, address: undefined });
});

test('a previous address is not returned if there is none', () => {
  const { fd: one, address } = datagram();
  s.sendto(one, 'x', 0, address);
  expect(s.recvfrom(one, new Uint8Array(4)).address).toEqual(address);
  const [a, b] = pair(s.SOCK_DGRAM);
  s.send(a, 'x');
  expect(s.recvfrom(b, new Uint8Array(4)).address).toBeUndefined();
});

test('the error contains the address as it was at the time of the call', () => {
  const { fd } = datagram();
  const address = { family: s.AF_INET, address: '255.255.255.255', port: 9 } as const;
  expect(() => s.sendto(fd, 'x', 0, address)).toThrow(
    expect.objectContaining({
      code: 'EACCES',
      address,
      message: 'EACCES: Permission denied, sendto 255.255.255.255:9',
    }),
  );
});

test('errors are the same as in Python', (context) => {
  need(context, program('python3'));
  const expected = python(`
def err(f, *a):
    try: return f(*a)
    except OSError as e: return -e.errno
u = socket(AF_INET, SOCK_DGRAM); u.bind(('127.0.0.1', 0))
t = socket(AF_INET, SOCK_STREAM)
x = socket(AF_UNIX, SOCK_DGRAM)
a, b = socketpair(AF_UNIX, SOCK_STREAM)
q, r = socketpair(AF_UNIX, SOCK_SEQPACKET)
print(json.dumps([err(u.sendto, b'x', ('127.0.0.1', 0)), err(u.sendto, bytes(65508), ('127.0.0.1', 9)),
  err(u.sendto, b'x', ('255.255.255.255', 9)), err(t.sendto, b'x', ('127.0.0.1', 1)),
  err(x.sendto, b'x', '/nonexistent/socket'), err(x.sendto, b'x', '\\0sys-socket-nobody'),
  err(a.sendto, b'x', '/tmp/x'), err(q.sendto, b'x', '/tmp/x')]))`);

  const { fd: u } = datagram();
  const t = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
  const x = cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM));
  const [a] = pair();
  const [q] = pair(s.SOCK_SEQPACKET);
  const inet = (address: string, port: number) => ({ family: s.AF_INET, address, port }) as const;
  const unix = (path: string) => ({ family: s.AF_UNIX, path }) as const;
  expect([
    nothrow.sendto(u, 'x', 0, inet('127.0.0.1', 0)),
    nothrow.sendto(u, new Uint8Array(65508), 0, inet('127.0.0.1', 9)),
    nothrow.sendto(u, 'x', 0, inet('255.255.255.255', 9)),
    nothrow.sendto(t, 'x', 0, inet('127.0.0.1', 1)),
    nothrow.sendto(x, 'x', 0, unix('/nonexistent/socket')),
    nothrow.sendto(x, 'x', 0, unix('\0sys-socket-nobody')),
    nothrow.sendto(a, 'x', 0, unix('/tmp/x')),
    nothrow.sendto(q, 'x', 0, unix('/tmp/x')),
  ]).toEqual(expected);
});

test('the kernel validates the length and the family of an address', () => {
  const { fd, address } = datagram();
  const good = s.encodeAddress(address);
  const code = (name: Uint8Array) => s.errnoName(-nothrow.sendto(fd, 'x', 0, name));
  expect(code(good.subarray(0, 8))).toBe('EINVAL');
  expect(code(good.subarray(0, 1))).toBe('EINVAL');
  expect(code(new Uint8Array(129))).toBe('EINVAL');
  expect(code(s.encodeAddress({ family: s.AF_UNIX, path: `/${'x'.repeat(30)}` }))).toBe('EAFNOSUPPORT');
  expect(nothrow.sendto(fd, 'x', 0, Buffer.concat([good, new Uint8Array(112)]))).toBe(1);
  expect(code(new Uint8Array(0))).toBe('EINVAL');
  expect(s.recvfrom(fd, new Uint8Array(4))).toEqual({ length: 1, address });
});

test('if the buffer for the address is too small, the length shows this, and nothing is written beyond it', () => {
  const { fd, address } = datagram();
  s.sendto(fd, 'x', 0, address);
  const from = new s.SockaddrStorage();
  expect(nothrow.recvfrom(fd, new Uint8Array(4), s.MSG_PEEK, from)).toBe(1);
  expect(from.length).toBe(16);
  expect(from.decode()).toEqual(address);
  expect(from.encode()).toEqual(new Uint8Array(s.encodeAddress(address)));
  const small = Buffer.alloc(16, 0xaa);
  const short = Object.assign(new s.SockaddrStorage(), { bytes: small.subarray(0, 5) });
  expect(nothrow.recvfrom(fd, new Uint8Array(4), 0, short)).toBe(1);
  expect(short.length).toBe(16);
  expect(small.toString('hex', 5)).toBe('aa'.repeat(11));
});
