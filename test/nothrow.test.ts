/** `sys-socket/nothrow` returns the same answers as the throwing calls, as numbers. */
import { expect, test } from 'vitest';
import * as s from '../lib/index.ts';
import * as nothrow from '../lib/nothrow.ts';
import { type Calls, nothrow as returning, throwing } from './helpers/calls.ts';
import { openSockets } from './helpers/fds.ts';
import { pair } from './helpers/fixtures.ts';

const loopback = { family: s.AF_INET, address: '127.0.0.1', port: 0 } as const;

/** Runs the calls and returns all their results; file descriptors and ports are numbered in order of appearance. */
function scenario(c: Calls): unknown[] {
  const log: unknown[] = [];
  const seen = new Map<number, string>();
  const mask = (n: number) => {
    if (!seen.has(n)) seen.set(n, `#${seen.size}`);
    return seen.get(n);
  };
  const masked = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && 'port' in value
      ? { ...value, port: mask((value as { port: number }).port) }
      : value;
  const note = <T>(value: T): T => {
    const entry: unknown = masked(value);
    log.push(
      typeof entry === 'object' && entry !== null && 'address' in entry
        ? { ...entry, address: masked(entry.address) }
        : entry,
    );
    return value;
  };
  const open = (fd: number) => {
    log.push(fd >= 0 ? 'opened' : fd);
    return fd;
  };

  const listener = open(c.socket(s.AF_INET, s.SOCK_STREAM | s.SOCK_NONBLOCK));
  note(c.setsockopt(listener, s.SOL_SOCKET, s.SO_REUSEADDR, true));
  note(c.bind(listener, loopback));
  note(c.bind(listener, loopback));
  note(c.listen(listener, 4));
  const address = note(c.getsockname(listener)) as s.InetAddress;
  note(c.accept(listener));
  const client = open(c.socket(s.AF_INET, s.SOCK_STREAM));
  note(c.getpeername(client));
  note(c.connect(client, address));
  note(c.connect(client, address));
  const server = open(c.accept4(listener, s.SOCK_NONBLOCK));
  note(c.accept4(listener, 0x7fff));
  note(c.getpeername(client));
  const buffer = new Uint8Array(16);
  note(c.recv(server, buffer));
  note(c.send(client, 'hello'));
  note(c.write(client, new Uint8Array(3)));
  note(c.writev(client, ['a', new Uint8Array(2)]));
  note(c.ioctl(server, s.FIONREAD));
  note(c.sockatmark(server));
  note(c.recv(server, buffer.subarray(0, 4), s.MSG_PEEK));
  note(c.readv(server, [buffer.subarray(0, 1), buffer.subarray(1, 4)]));
  note(c.recvfrom(server, buffer));
  note(c.recvmsg(server, { buffers: [buffer], controlLength: 64 }));
  note(c.getsockopt(client, s.SOL_SOCKET, s.SO_TYPE, 4));
  note(c.getsockopt(client, s.SOL_SOCKET, s.SO_LINGER, 8));
  note(c.getsockopt(client, s.SOL_SOCKET, 12345, 4));
  note(c.setsockopt(client, s.SOL_SOCKET, s.SO_LINGER, 1));
  note(c.fcntl(server, s.F_GETFL) & s.O_NONBLOCK);
  note(c.fcntl(server, s.F_SETFD, 0));
  note(c.fcntl(server, s.F_GETFD));
  note(c.fcntl(server, s.F_SETSIG, 999));
  const copy = open(c.dup(client));
  note(c.shutdown(client, s.SHUT_WR));
  note(c.shutdown(client, 99));
  note(c.send(client, 'x'));
  note(c.read(server, buffer));
  for (const fd of [client, copy, server, listener]) note(c.close(fd));

  const [a, b] = c.socketpair(s.AF_UNIX, s.SOCK_SEQPACKET | s.SOCK_NONBLOCK) as [number, number];
  note(c.socketpair(s.AF_INET, s.SOCK_STREAM));
  note(c.sendmsg(a, { buffers: ['ab', 'c'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [-1] }] }));
  note(c.sendmsg(a, { buffers: ['ab', 'c'] }));
  note(c.recvmsg(b, { buffers: [buffer.subarray(0, 2)] }));
  note(c.recvmsg(b, { buffers: [buffer] }));
  const batch = new s.MessageBatch({ messages: 3, size: 4 });
  for (const text of ['1', '22', '333']) batch.push(text);
  note(c.sendmmsg(a, batch));
  note(c.sendmmsg(a, batch, 0, 1));
  batch.clear();
  note(c.recvmmsg(b, batch));
  note(c.recvmmsg(b, batch, 0, 1_000_000_000n));
  note(c.recvmmsg(b, batch));
  note(c.recvmmsg(b, batch, 0, -1n));
  note(c.sendto(a, 'x', 0, { family: s.AF_UNIX, path: '/nonexistent' }));
  note(c.ioctl(a, s.SIOCATMARK));
  note(c.listen(a, 1));
  for (const fd of [a, b, b, -1]) note(c.close(fd));

  const u = open(c.socket(s.AF_INET, s.SOCK_DGRAM | s.SOCK_NONBLOCK));
  note(c.bind(u, { family: s.AF_INET, address: '192.0.2.1', port: 0 }));
  note(c.bind(u, loopback));
  const own = note(c.getsockname(u)) as s.InetAddress;
  note(c.setsockopt(u, s.IPPROTO_IP, s.IP_RECVTTL, 1));
  note(c.send(u, 'x'));
  note(c.sendto(u, 'to me', 0, own));
  note(c.sendto(u, '', 0, s.encodeAddress(own)));
  note(c.recvmsg(u, { buffers: [buffer], controlLength: 64 }));
  note(c.recvfrom(u, buffer));
  note(c.recvfrom(u, buffer));
  note(c.sendto(u, 'x', 0, { family: s.AF_INET, address: '255.255.255.255', port: 9 }));
  note(c.close(u));
  note(c.socket(77, s.SOCK_STREAM));
  note(c.socket(s.AF_INET, 77));
  note(c.dup(-1));
  note(c.getsockname(0x7fffffff));
  note(c.sockatmark(-1));
  return log;
}

test('a scenario of every call returns the same through both interfaces', () => {
  const before = openSockets();
  const expected = scenario(throwing);
  const got = scenario(returning);
  expect(got).toEqual(expected);
  expect(got).toContain(-s.EAGAIN);
  expect(got).toContain(-s.EPIPE);
  expect(got).toContain(-s.EBADF);
  expect(got.filter((value) => typeof value === 'number' && value < 0).length).toBeGreaterThan(20);
  expect(openSockets()).toBe(before);
});

test('an errno is never thrown, while the throwing calls throw the same failures', () => {
  const calls: [() => number, () => unknown][] = [
    [() => nothrow.close(-1), () => s.close(-1)],
    [() => nothrow.recv(-1, new Uint8Array(1)), () => s.recv(-1, new Uint8Array(1))],
    [() => nothrow.connect(-1, loopback), () => s.connect(-1, loopback)],
    [() => nothrow.sendmsg(-1, { buffers: [] }), () => s.sendmsg(-1, { buffers: [] })],
    [() => nothrow.getsockname(-1, new s.SockaddrStorage()), () => s.getsockname(-1)],
    [() => nothrow.setsockopt(-1, 1, 2, 1), () => s.setsockopt(-1, 1, 2, 1)],
    [() => nothrow.fcntl(-1, s.F_GETFL), () => s.fcntl(-1, s.F_GETFL)],
    [() => nothrow.ioctl(-1, s.FIONREAD), () => s.ioctl(-1, s.FIONREAD)],
  ];
  for (const [silent, loud] of calls) {
    expect(silent()).toBe(-s.EBADF);
    expect(loud).toThrow(expect.objectContaining({ name: 'SocketError', code: 'EBADF', errno: s.EBADF }));
  }
});

test('what C cannot express still throws', () => {
  for (const call of [
    () => nothrow.close(Number.NaN),
    () => nothrow.recv(2 ** 32, new Uint8Array(1)),
    () => nothrow.socket(1.5, 1),
    () => nothrow.bind(0, { ...loopback, port: 65536 }),
  ]) {
    expect(call).toThrow(expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }));
  }
  expect(() => nothrow.send(-1, 5 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
});

test('results are stored in the objects of the caller, and a failure leaves no old ones', () => {
  const sv = new Int32Array(2);
  expect(nothrow.socketpair(s.AF_UNIX, s.SOCK_STREAM, 0, sv)).toBe(0);
  const [a, b] = sv as unknown as [number, number];
  expect(nothrow.send(a, 'abc')).toBe(3);
  const value = new Int32Array(1);
  expect(nothrow.ioctl(b, s.FIONREAD, undefined, value)).toBe(0);
  expect(value[0]).toBe(3);

  const name = new s.SockaddrStorage();
  const listener = nothrow.socket(s.AF_INET, s.SOCK_STREAM | s.SOCK_NONBLOCK);
  expect(nothrow.bind(listener, loopback)).toBe(0);
  expect(nothrow.listen(listener)).toBe(0);
  expect(nothrow.getsockname(listener, name)).toBe(0);
  expect(name.length).toBe(16);
  const client = nothrow.socket(s.AF_INET, s.SOCK_STREAM);
  expect(nothrow.connect(client, name.encode())).toBe(0);
  const from = new s.SockaddrStorage();
  const accepted = nothrow.accept(listener, from);
  expect(from.decode()).toEqual(s.getsockname(client));
  expect(nothrow.accept(listener, from)).toBe(-s.EAGAIN);
  expect(from.length).toBe(0);
  expect(nothrow.getpeername(listener, name)).toBe(-s.ENOTCONN);
  expect([name.length, name.decode()]).toEqual([0, undefined]);
  expect(nothrow.recvfrom(-1, new Uint8Array(1), 0, from)).toBe(-s.EBADF);
  expect(from.length).toBe(0);

  const option = Buffer.alloc(8, 0xaa);
  expect(nothrow.getsockopt(client, s.SOL_SOCKET, s.SO_TYPE, option)).toBe(4);
  expect(option.toString('hex')).toBe('01000000aaaaaaaa');
  for (const fd of [a, b, listener, client, accepted]) expect(nothrow.close(fd)).toBe(0);
});

test('every file descriptor is close-on-exec', () => {
  const sv = [0, 0];
  nothrow.socketpair(s.AF_UNIX, s.SOCK_STREAM, 0, sv);
  const fds = [...sv, nothrow.socket(s.AF_INET, s.SOCK_DGRAM), nothrow.dup(sv[0]!)];
  for (const fd of fds) expect(nothrow.fcntl(fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
  for (const fd of fds) nothrow.close(fd);
});

test('F_GETOWN, whose result may be negative, throws where negative numbers are errnos', () => {
  const fd = s.socket(s.AF_INET, s.SOCK_STREAM);
  s.fcntl(fd, s.F_SETOWN, process.pid);
  expect(s.fcntl(fd, s.F_GETOWN)).toBe(process.pid);
  expect(() => nothrow.fcntl(fd, s.F_GETOWN)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  s.close(fd);
});

test('EAGAIN creates no error objects, even a million times', () => {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM | s.SOCK_NONBLOCK);
  const buffer = new Uint8Array(8);
  let made = 0;
  const { prepareStackTrace } = Error;
  Error.prepareStackTrace = () => {
    made++;
    return '';
  };
  let sum = 0;
  for (let i = 0; i < 100_000; i++) sum += nothrow.recv(b, buffer);
  Error.prepareStackTrace = prepareStackTrace;
  expect([sum, made]).toEqual([-s.EAGAIN * 100_000, 0]);
  s.close(a);
  s.close(b);
});

test('send and recv accept a part of a buffer', () => {
  const [a, b] = pair();
  const memory = new ArrayBuffer(16);
  const buffer = new Uint8Array(memory, 4, 8).fill(1);
  for (const form of [buffer, new DataView(memory, 4, 8), memory]) {
    const got = Array.from({ length: 3 }, () => [
      // Repeatedly: from the second time on the buffer is pinned.
      nothrow.send(a, form, 0, 3),
      nothrow.recv(b, new Uint8Array(99)),
      nothrow.send(a, 'abcdef', 0, 5),
      nothrow.recv(b, form, 0, 2),
      nothrow.recv(b, form, s.MSG_DONTWAIT, 8),
      nothrow.send(a, form, 0, 0),
    ]);
    expect(got).toEqual(Array.from({ length: 3 }, () => [3, 3, 5, 2, 3, 0]));
  }
  expect(String.fromCharCode(...buffer.subarray(0, 3))).toBe('cde');
  for (const length of [9, -1, 1.5, Number.NaN]) {
    expect(() => nothrow.send(a, buffer, 0, length)).toThrow(RangeError);
    expect(() => nothrow.recv(a, buffer, 0, length)).toThrow(RangeError);
  }
  for (const none of [7, null, { byteLength: 3 }, new SharedArrayBuffer(3)]) {
    expect(() => nothrow.send(a, none as never, 0, 1)).toThrow(TypeError);
    expect(() => nothrow.recv(b, none as never, s.MSG_DONTWAIT, 1)).toThrow(TypeError);
  }
});

test('file descriptors that cannot be stored in the object of the caller are closed', () => {
  const listener = s.socket(s.AF_INET, s.SOCK_STREAM);
  s.listen(listener);
  const client = s.socket(s.AF_INET, s.SOCK_STREAM);
  const before = openSockets();
  const short = Object.defineProperty(new Int32Array(0), 'length', { value: 2 });
  expect(() => nothrow.socketpair(s.AF_UNIX, s.SOCK_STREAM, 0, short)).toThrow(TypeError);
  const from = Object.defineProperty(new s.SockaddrStorage(), 'length', {
    get: () => 0,
    set(length) {
      if (length > 0) throw new Error('of the caller');
    },
  });
  for (const accept of [() => nothrow.accept(listener, from), () => nothrow.accept4(listener, 0, from)]) {
    s.connect(client, s.getsockname(listener)!);
    expect(accept).toThrow('of the caller');
    s.connect(client, { family: s.AF_UNSPEC, data: new Uint8Array(14) });
  }
  expect(openSockets()).toBe(before);
  s.close(listener);
  s.close(client);
});
