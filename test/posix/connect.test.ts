import { SocketAddress } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { libc } from '../helpers/errno-libc.ts';
import { cleanup } from '../helpers/fds.ts';
import { datagram, folder, listener, loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, need } from '../helpers/need.ts';
import { pythonAsync } from '../helpers/python.ts';

const tcp = (flags = 0) => cleanup(s.socket(s.AF_INET, s.SOCK_STREAM | flags));
const udp = () => cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
const unspecified: s.AddressInput = { family: s.AF_UNSPEC, data: new Uint8Array(0) };

test.each([
  ['connect', (fd: number, address: s.AddressLike) => s.connect(fd, address) ?? 0],
  ['nothrow', n.connect],
])('%s: a blocking socket is connected when the call returns', (_name, connect) => {
  const { fd, address } = listener();
  const client = tcp();
  expect(connect(client, address)).toBe(0);
  expect(s.getpeername(client)).toEqual(address);
  expect(cleanup(s.accept(fd).fd)).toBeGreaterThan(0);
});

test('an encoded address and an address of node:net are accepted', () => {
  const { address } = listener();
  for (const given of [s.encodeAddress(address), new SocketAddress({ address: '127.0.0.1', port: address.port })]) {
    const client = tcp();
    s.connect(client, given);
    expect(s.getpeername(client)).toEqual(address);
  }
});

test('IPv6', (context) => {
  need(context, ipv6);
  const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_STREAM));
  s.bind(fd, loopback6);
  s.listen(fd);
  const client = cleanup(s.socket(s.AF_INET6, s.SOCK_STREAM));
  s.connect(client, s.getsockname(fd)!);
  expect(s.getpeername(client)).toEqual(s.getsockname(fd));
});

test('a local socket with an abstract name', () => {
  const name: s.UnixAddress = { family: s.AF_UNIX, path: `\0sys-socket-connect-${process.pid}` };
  const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_SEQPACKET));
  s.bind(fd, name);
  s.listen(fd);
  const client = cleanup(s.socket(s.AF_UNIX, s.SOCK_SEQPACKET));
  s.connect(client, name);
  expect(s.getpeername(client)).toEqual(name);
});

test('the states of a non-blocking connection: EINPROGRESS, EALREADY, 0, EISCONN', async () => {
  // The queue of the listener is full, so the handshake waits until there is room and the kernel retries.
  const { fd } = listener();
  s.listen(fd, 0);
  const address = s.getsockname(fd)!;
  s.connect(tcp(), address);

  const client = tcp(s.SOCK_NONBLOCK);
  const answers = [n.connect(client, address), n.connect(client, address)];
  cleanup(s.accept(fd).fd);
  let answer = n.connect(client, address);
  while (answer === answers[1]) {
    await setTimeout(20);
    answer = n.connect(client, address);
  }
  answers.push(answer, n.connect(client, address));
  expect(s.getpeername(client)).toEqual(address);

  const told = await pythonAsync<number[]>(`${libc}
fd, at = listener(0)
ok(connect(tcp(), at))
client = tcp(SOCK_NONBLOCK)
answers = [connect(client, at), connect(client, at)]
keep(accept(fd))
select.select([], [client], [])
print(json.dumps(answers + [connect(client, at), connect(client, at)]))`);
  expect(answers).toEqual(told);
  expect(answers.map((errno) => s.errnoName(-errno))).toEqual(['EINPROGRESS', 'EALREADY', undefined, 'EISCONN']);
});

test('SO_ERROR reports a connection that was refused in the background, once', async () => {
  const bound = tcp();
  s.bind(bound, loopback); // nobody listens
  const client = tcp(s.SOCK_NONBLOCK);
  const first = n.connect(client, s.getsockname(bound)!);
  expect(['EINPROGRESS', 'ECONNREFUSED']).toContain(s.errnoName(-first));
  if (s.errnoName(-first) === 'ECONNREFUSED') return;
  let error = s.getsockopt(client, s.SOL_SOCKET, s.SO_ERROR);
  while (error === 0) {
    await setTimeout(1);
    error = s.getsockopt(client, s.SOL_SOCKET, s.SO_ERROR);
  }
  expect(s.errnoName(error)).toBe('ECONNREFUSED');
  expect(s.getsockopt(client, s.SOL_SOCKET, s.SO_ERROR)).toBe(0);
});

test('a datagram socket receives only from its peer until AF_UNSPEC dissolves the association', () => {
  const [a, b, stranger] = [datagram(), datagram(), datagram()];
  s.connect(a.fd, b.address);
  expect(s.getpeername(a.fd)).toEqual(b.address);
  s.sendto(stranger.fd, 'stranger', 0, a.address);
  s.sendto(b.fd, 'peer', 0, a.address);
  const buffer = Buffer.alloc(16);
  expect(buffer.toString('utf8', 0, s.recv(a.fd, buffer))).toBe('peer');

  s.connect(a.fd, unspecified);
  expect(s.errnoName(-n.getpeername(a.fd, new s.SockaddrStorage()))).toBe('ENOTCONN');
  expect(s.errnoName(-n.send(a.fd, 'x'))).toBe('EDESTADDRREQ');
  // A port that the kernel chose is lost with the peer; sending assigns another one.
  s.sendto(a.fd, 'x', 0, stranger.address);
  s.sendto(stranger.fd, 'stranger', 0, s.recvfrom(stranger.fd, buffer).address!);
  expect(s.recvfrom(a.fd, buffer)).toEqual({ length: 8, address: stranger.address });
});

test('a datagram socket can be connected to another peer', () => {
  const fd = udp();
  for (const { address } of [datagram(), datagram()]) {
    s.connect(fd, address);
    expect(s.getpeername(fd)).toEqual(address);
  }
});

test('AF_UNSPEC also ends a TCP connection, and the socket can be connected again', () => {
  const { fd, address } = listener();
  const client = tcp();
  s.connect(client, address);
  cleanup(s.accept(fd).fd);
  s.connect(client, unspecified);
  expect(s.errnoName(-n.getpeername(client, new s.SockaddrStorage()))).toBe('ENOTCONN');
  s.connect(client, address);
  expect(s.getpeername(client)).toEqual(address);
});

test('the error of a failed call contains the decoded address', () => {
  const path = `${folder()}/nobody`;
  const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM));
  for (const address of [{ family: s.AF_UNIX, path } as const, s.encodeAddress({ family: s.AF_UNIX, path })]) {
    expect(() => s.connect(fd, address)).toThrow(
      expect.objectContaining({
        code: 'ENOENT',
        address: { family: s.AF_UNIX, path },
        message: `ENOENT: No such file or directory, connect ${path}`,
      }),
    );
  }
});
