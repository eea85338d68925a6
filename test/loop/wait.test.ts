import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, folder, listener, loopback, pair } from '../helpers/fixtures.ts';
import { need, program } from '../helpers/need.ts';
import { pythonPeer } from '../helpers/python.ts';
import { output, start } from '../helpers/scripts.ts';
import { expectIdle, failure, isSettled, nobody, sleep } from '../helpers/sockets.ts';

const nonblocking = (type: number) => cleanup(s.socket(s.AF_INET, type | s.SOCK_NONBLOCK));

test('a value that is not a file descriptor throws, even the name of an inherited property', async () => {
  for (const fd of ['0', 'length', 'at', '__proto__', 'constructor', Symbol.iterator, null, 1.5, 2 ** 32]) {
    const error = await failure(s.readable(fd as number));
    expect(['TypeError', 'RangeError'], String(fd)).toContain(error.name);
    expect(() => s.onReadable(fd as number, () => {})).toThrow(error.constructor as ErrorConstructor);
  }
  expect(await failure(s.readable(-1))).toMatchObject({ code: 'EBADF', syscall: 'epoll_ctl' });
});

describe('events are correct', () => {
  test('data, room, the end of a stream and a connection are reported', async () => {
    const [a, b] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
    await s.writable(a);
    const waits = s.readable(b);
    expect(await isSettled(waits)).toBe(false);
    s.send(a, 'x');
    await waits;
    expect(s.recv(b, new Uint8Array(8))).toBe(1);
    const end = s.readable(b);
    expect(await isSettled(end)).toBe(false);
    s.shutdown(a, s.SHUT_WR);
    await end;
    expect(s.recv(b, new Uint8Array(8))).toBe(0);
    const { fd, address } = listener(s.SOCK_NONBLOCK);
    const connected = s.readable(fd);
    expect(await isSettled(connected)).toBe(false);
    s.connect(cleanup(s.socket(s.AF_INET, s.SOCK_STREAM)), address);
    await connected;
    cleanup(s.accept(fd).fd);
  });

  test('writable waits for room', async () => {
    const [a, b] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
    const chunk = new Uint8Array(65536);
    while (nothrow.send(a, chunk) > 0);
    const waits = s.writable(a);
    expect(await isSettled(waits)).toBe(false);
    while (nothrow.recv(b, chunk) > 0);
    await waits;
    expect(nothrow.send(a, chunk)).toBeGreaterThan(0);
  });

  test('a refused connection is writable, and SO_ERROR returns the reason', async () => {
    const fd = nonblocking(s.SOCK_STREAM);
    expect(nothrow.connect(fd, nobody)).toBe(-s.EINPROGRESS);
    await s.writable(fd);
    expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_ERROR)).toBe(s.ECONNREFUSED);
  });

  test('an ICMP error of UDP is readable, and recv reports it', async () => {
    const fd = nonblocking(s.SOCK_DGRAM);
    s.connect(fd, nobody);
    s.send(fd, 'x');
    await s.readable(fd);
    expect(nothrow.recv(fd, new Uint8Array(8))).toBe(-s.ECONNREFUSED);
  });

  test('the error queue reports errors of IP_RECVERR', async () => {
    const fd = nonblocking(s.SOCK_DGRAM);
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_RECVERR, true);
    const waits = s.errorReady(fd);
    expect(await isSettled(waits)).toBe(false);
    s.sendto(fd, 'x', 0, nobody);
    await waits;
    const message = s.recvmsg(fd, { buffers: [new Uint8Array(8)], controlLength: 512 }, s.MSG_ERRQUEUE);
    expect(message.control.find((m) => s.isControl(m, s.IPPROTO_IP, s.IP_RECVERR))).toMatchObject({
      error: { errno: s.ECONNREFUSED },
    });
    expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_ERROR), 'no other call consumed the error').toBe(0);
  });

  test('the error queue reports the timestamp of a sent datagram, which is not an error', async () => {
    const { fd } = datagram(s.SOCK_NONBLOCK);
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_TIMESTAMPING, s.SOF_TIMESTAMPING_TX_SOFTWARE | s.SOF_TIMESTAMPING_SOFTWARE);
    const waits = s.errorReady(fd);
    s.sendto(fd, 'x', 0, s.getsockname(fd)!);
    await waits;
    expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_ERROR)).toBe(0);
    const message = s.recvmsg(fd, { buffers: [new Uint8Array(64)], controlLength: 512 }, s.MSG_ERRQUEUE);
    expect(message.flags & s.MSG_ERRQUEUE).toBe(s.MSG_ERRQUEUE);
  });

  test('out-of-band data is reported', async () => {
    const { client, server } = connection();
    const waits = s.errorReady(server);
    s.send(client, 'x');
    expect(await isSettled(waits), 'ordinary data is not urgent data').toBe(false);
    s.send(client, '!', s.MSG_OOB);
    await waits;
    const byte = Buffer.alloc(1);
    expect([s.recv(server, byte, s.MSG_OOB), byte.toString()]).toEqual([1, '!']);
  });

  test('a pipe, and the file descriptor of a net.Server that Node watches too, are reported', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const [waits, connected] = [s.readable(fd), once(server, 'connection')];
    const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    const [, [accepted]] = (await Promise.all([waits, connected])) as [void, [net.Socket]];
    accepted.end('from Node');
    const [data] = (await once(client, 'data')) as [Buffer];
    expect(data.toString()).toBe('from Node');
    client.destroy();
    server.close();
    await once(server, 'close');
  });

  test('each line of a peer written in Python is an event', async (context) => {
    need(context, program('python3'));
    const { fd, address } = listener(s.SOCK_NONBLOCK);
    const script = `
print('ready')
sock = create_connection(('127.0.0.1', int(sys.argv[1])))
for word in ('one', 'two', 'three'):
    sock.sendall(word.encode())
    assert sock.recv(16) == word.encode()
sock.close()`;
    const { child } = await pythonPeer(script, String(address.port));
    await s.readable(fd);
    const { fd: peer } = s.accept4(fd, s.SOCK_NONBLOCK);
    cleanup(peer);
    const words: string[] = [];
    const buffer = Buffer.alloc(16);
    for (;;) {
      await s.readable(peer);
      const n = s.recv(peer, buffer);
      if (n === 0) break;
      words.push(buffer.toString('latin1', 0, n));
      s.send(peer, buffer.subarray(0, n));
    }
    expect(words).toEqual(['one', 'two', 'three']);
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  });
});

describe('many waiters', () => {
  test('for one file descriptor and direction are all served in order', async () => {
    const [a, b] = pair();
    const order: number[] = [];
    const waits = Array.from({ length: 100 }, (_, i) => s.readable(b).then(() => order.push(i)));
    await sleep(20);
    expect(order).toEqual([]);
    s.send(a, 'x');
    await Promise.all(waits);
    expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test('for different directions are independent', async () => {
    const { client, server } = connection();
    const [read, urgent] = [s.readable(server), s.errorReady(server)];
    await s.writable(server);
    expect(await isSettled(Promise.race([read, urgent]))).toBe(false);
    s.send(client, 'x');
    await read;
    expect(await isSettled(urgent)).toBe(false);
    s.send(client, '!', s.MSG_OOB);
    await urgent;
  });

  test('for 1,100 file descriptors at once, which is more than one list holds', async () => {
    const pairs = Array.from({ length: 1100 }, () => s.socketpair(s.AF_UNIX, s.SOCK_DGRAM | s.SOCK_NONBLOCK));
    cleanup(...(pairs.flat() as [number]));
    const waits = pairs.map(([, b]) => s.readable(b));
    for (const [a] of pairs) s.send(a, 'x');
    await Promise.all(waits);
    expect(pairs.every(([, b]) => nothrow.recv(b, new Uint8Array(1)) === 1)).toBe(true);
  });
});

describe('ending a wait', () => {
  test('a timeout rejects', async () => {
    const [, b] = pair();
    const began = performance.now();
    const error = await failure(s.readable(b, { timeout: 50 }));
    expect(error).toBeInstanceOf(s.TimeoutError);
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'ERR_SOCKET_TIMEOUT', syscall: 'readable' });
    expect(performance.now() - began).toBeGreaterThan(45);
    expect(await failure(s.readable(b, { timeout: 0 }))).toBeInstanceOf(s.TimeoutError);
  });

  test('a timeout longer than a timer allows does not end early', async () => {
    const [a, b] = pair();
    for (const timeout of [2 ** 31, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) {
      const waits = s.readable(b, { timeout });
      expect(await isSettled(waits, 20)).toBe(false);
      s.send(a, 'x');
      await waits;
      s.recv(b, new Uint8Array(1));
    }
  });

  test('an invalid timeout or signal throws, and no waiter is left', async () => {
    const [, b] = pair();
    expect(await failure(s.readable(b, { timeout: Number.NaN }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    expect(await failure(s.readable(b, { timeout: -1 }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    expect(await failure(s.readable(b, { timeout: '1' as never }))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(await failure(s.readable(b, { signal: {} as never }))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    const script = `
      const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
      await s.readable(b, { signal: {} }).catch((error) => console.log(error.code));`;
    expect(await output(script)).toBe('ERR_INVALID_ARG_TYPE');
  });

  test('an AbortSignal that is already aborted, or is aborted during the wait, rejects; its reason is the cause', async () => {
    const [a, b] = pair();
    const before = await failure(s.readable(b, { signal: AbortSignal.abort('why') }));
    expect(before).toBeInstanceOf(s.AbortError);
    expect(before).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'why' });
    const controller = new AbortController();
    const first = s.readable(b);
    const given = failure(s.readable(b, { signal: controller.signal, timeout: 60_000 }));
    const last = s.readable(b);
    controller.abort('enough');
    expect(await given).toMatchObject({ name: 'AbortError', cause: 'enough' });
    expect(await isSettled(Promise.race([first, last]), 20), 'the others keep waiting').toBe(false);
    s.send(a, 'x');
    await Promise.all([first, last]);
    await s.readable(b, { signal: controller.signal }).catch((error: Error) => expect(error.name).toBe('AbortError'));
  });

  test('a signal after the event changes nothing', async () => {
    const [, b] = pair();
    const controller = new AbortController();
    await s.writable(b, { signal: controller.signal });
    controller.abort();
    await s.writable(b);
  });
});

describe('what epoll does not accept', () => {
  test('a regular file rejects with EPERM', async () => {
    const file = openSync(join(folder(), 'file'), 'w+');
    const error = await failure(s.readable(file));
    expect(error).toBeInstanceOf(s.SocketError);
    expect(error).toMatchObject({ code: 'EPERM', errno: 1, syscall: 'epoll_ctl' });
    expect((await failure(s.writable(file))).code).toBe('EPERM');
    closeSync(file);
  });

  test('a file descriptor that is not open, and a value that is not a file descriptor, are errors', async () => {
    const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
    s.close(fd);
    for (const wait of [s.readable, s.writable, s.errorReady]) {
      expect((await failure(wait(fd))).code).toBe('EBADF');
      expect((await failure(wait(-1))).code).toBe('EBADF');
      expect(await failure(wait(Number.NaN))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
      expect(await failure(wait('3' as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    }
  });
});

describe('a file descriptor that is closed without notice and whose number is reused', () => {
  /** A datagram pair whose second socket has this number, which is free, and so high that no other file gets it. */
  const pairAt = (fd: number): [number, number] => {
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM | s.SOCK_NONBLOCK);
    expect(s.fcntl(b, s.F_DUPFD_CLOEXEC, fd), 'the number is free').toBe(fd);
    s.close(b);
    cleanup(a, fd);
    return [a, fd];
  };

  test('after its wait has ended: the next wait is for the new file descriptor', async () => {
    for (let i = 0; i < 3; i++) {
      const [a, b] = pairAt(500);
      s.send(a, 'x');
      await s.readable(b);
      s.close(b);
      const [c, d] = pairAt(500);
      const waits = s.readable(d, { timeout: 60_000 });
      expect(await isSettled(waits, 20)).toBe(false);
      s.send(c, 'y');
      await waits;
      s.close(d);
    }
  });

  test('the same with a Socket on the number', async () => {
    const [a, b] = pairAt(500);
    s.send(a, 'x');
    await s.readable(b);
    s.close(b);
    const [c, d] = pairAt(500);
    const socket = s.Socket.fromFd(d);
    const received = socket.recv(8, 0, { timeout: 60_000 });
    expect(await isSettled(received, 20)).toBe(false);
    s.send(c, 'to d');
    expect(String(await received)).toBe('to d');
    socket.close();
  });

  test('during a wait: the waiter ends with an error when the number is seen again, and is not served by another file descriptor', async () => {
    const [, b] = pairAt(500);
    const old = failure(s.readable(b, { timeout: 60_000 }));
    s.close(b);
    const [c, d] = pairAt(500);
    const fresh = s.readable(d, { timeout: 60_000 });
    expect(await old).toMatchObject({ name: 'ClosedError', syscall: 'readable' });
    expect(await isSettled(fresh, 20)).toBe(false);
    s.send(c, 'x');
    await fresh;
  });

  test('during a wait: a Socket that takes over the number is not affected', async () => {
    const [, b] = pairAt(500);
    const old = failure(s.readable(b, { timeout: 60_000 }));
    s.close(b);
    const [c, d] = pairAt(500);
    const socket = s.Socket.fromFd(d);
    expect(await old).toMatchObject({ name: 'ClosedError', syscall: 'readable' });
    s.send(c, 'x');
    expect(String(await socket.recv())).toBe('x');
    socket.close();
  });

  test('while a duplicate keeps its description alive: no event of it reaches the new one, and none repeats endlessly', async () => {
    const [a, b] = pairAt(500);
    cleanup(s.dup(b));
    const old = failure(s.readable(b, { timeout: 60_000 }));
    s.close(b);
    const [c, d] = pairAt(500);
    const fresh = s.readable(d, { timeout: 60_000 });
    expect(await old).toMatchObject({ name: 'ClosedError', syscall: 'readable' });
    s.send(a, 'the old description is readable now');
    expect(await isSettled(fresh), 'a stale event').toBe(false);
    await expectIdle(300);
    s.send(c, 'x');
    await fresh;
  });
});

describe('the process', () => {
  test('exits when nothing is pending, whatever is registered with epoll', async () => {
    const script = `
      const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
      await s.writable(a);
      s.send(a, 'x');
      await s.readable(b);
      await s.readable(a, { timeout: 10 }).catch(() => {});
      const controller = new AbortController();
      const waits = s.readable(a, { signal: controller.signal });
      controller.abort();
      await waits.catch(() => {});
      console.log('end');`;
    expect(await output(script)).toBe('end');
  });

  test('stays alive during a wait', async () => {
    const child = start(`
      const socket = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
      socket.bind(loopback);
      console.log(socket.getsockname().port);
      const { data } = await socket.recvfrom();
      console.log(String(data));
      socket.close();`);
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    await sleep(300);
    expect(child.exitCode).toBe(null);
    const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    s.sendto(fd, 'enough', 0, { ...loopback, port: Number(line) });
    const [[word], [code]] = await Promise.all([once(child.stdout!, 'data'), once(child, 'exit')]);
    expect([String(word).trim(), code]).toEqual(['enough', 0]);
  });
});
