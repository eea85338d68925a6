import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { folder } from '../helpers/fixtures.ts';
import { output, start } from '../helpers/scripts.ts';
import { keep, nobody, sleep, tcpPair, tcpServer, udp, unixPair } from '../helpers/sockets.ts';

const coded = (code: string, syscall: string) => expect.objectContaining({ code, syscall });
const late = (syscall: string) => expect.objectContaining({ name: 'TimeoutError', syscall });

describe('without waiting: timeout 0', () => {
  test('each call throws EAGAIN', () => {
    const [a, b] = unixPair();
    a.setTimeout(0);
    expect(() => a.recvSync()).toThrow(coded('EAGAIN', 'recv'));
    expect(() => a.recvIntoSync(new Uint8Array(1))).toThrow(coded('EAGAIN', 'recv'));
    expect(() => a.recvfromSync()).toThrow(coded('EAGAIN', 'recvfrom'));
    expect(() => a.recvmsgSync({ buffers: [new Uint8Array(1)] })).toThrow(coded('EAGAIN', 'recvmsg'));
    expect(() => a.recvFdsSync(1, 1)).toThrow(coded('EAGAIN', 'recvmsg'));
    expect(() => a.recvmmsgSync(new s.MessageBatch({ messages: 1, size: 1 }))).toThrow(coded('EAGAIN', 'recvmmsg'));
    while (nothrow.send(a.fd, new Uint8Array(65536)) > 0);
    expect(() => a.sendSync('x')).toThrow(coded('EAGAIN', 'send'));
    expect(() => a.sendAllSync('x')).toThrow(coded('EAGAIN', 'send'));
    expect(() => a.sendmsgSync({ buffers: ['x'] })).toThrow(coded('EAGAIN', 'sendmsg'));
    expect(() => a.sendFdsSync([b.fd], 'x')).toThrow(coded('EAGAIN', 'sendmsg'));
    const { server } = tcpServer();
    server.setBlocking(false);
    expect(() => server.acceptSync()).toThrow(coded('EAGAIN', 'accept'));
  });

  test('each call returns available data', async () => {
    const [a, b] = unixPair(s.SOCK_DGRAM);
    b.setTimeout(0);
    expect(a.sendSync('1')).toBe(1);
    expect(String(b.recvSync())).toBe('1');
    a.sendAllSync('2');
    const buffer = Buffer.alloc(2);
    expect([b.recvIntoSync(buffer), buffer[0]]).toEqual([1, 0x32]);
    a.sendmsgSync({ buffers: ['3'] });
    expect(b.recvmsgSync({ buffers: [buffer] }).length).toBe(1);
    a.sendFdsSync([a.fd], '4');
    const { data, fds } = b.recvFdsSync(8, 1);
    expect([String(data), fds.length]).toEqual(['4', 1]);
    for (const fd of fds) s.close(fd);
    const { socket, address } = udp();
    socket.sendtoSync('5', 0, address);
    expect(socket.recvfromSync()).toEqual({ data: Buffer.from('5'), address });
    const batch = new s.MessageBatch({ messages: 4, size: 8 });
    batch.push('6');
    batch.push('7');
    expect(a.sendmmsgSync(batch)).toBe(2);
    expect(b.recvmmsgSync(batch)).toBe(2);
  });

  test('connect throws EINPROGRESS, then EALREADY or succeeds; AF_UNIX with a full backlog throws EAGAIN', async () => {
    const { address } = tcpServer();
    const client = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
    client.setTimeout(0);
    expect(() => client.connectSync(address)).toThrow(coded('EINPROGRESS', 'connect'));
    await client.writable();
    client.connectSync(address);
    expect(client.connectExSync(address)).toBe(s.EISCONN);
    const path = { family: s.AF_UNIX, path: join(folder(), 's') } as const;
    const server = keep(new s.Socket(s.AF_UNIX, s.SOCK_STREAM));
    server.bind(path);
    server.listen(0);
    const errors = Array.from({ length: 3 }, () => {
      const socket = keep(new s.Socket(s.AF_UNIX, s.SOCK_STREAM));
      socket.setTimeout(0);
      return socket.connectExSync(path);
    });
    expect(errors).toEqual([0, s.EAGAIN, s.EAGAIN]);
  });
});

describe('with a timeout in milliseconds', () => {
  test('each call throws a TimeoutError after that time', () => {
    const [a] = unixPair();
    a.setTimeout(60);
    const calls: [string, () => unknown][] = [
      ['recv', () => a.recvSync()],
      ['recvmsg', () => a.recvmsgSync({ buffers: [new Uint8Array(1)] })],
    ];
    while (nothrow.send(a.fd, new Uint8Array(65536)) > 0);
    calls.push(['send', () => a.sendAllSync('x')]);
    for (const [syscall, call] of calls) {
      const began = performance.now();
      expect(call).toThrow(late(syscall));
      expect(performance.now() - began).toBeGreaterThan(55);
    }
  });

  test('each call ends, however late poll returns', () => {
    const [a] = unixPair();
    for (let i = 0; i < 300; i++) {
      a.setTimeout(0.2 + (i % 10) / 7);
      expect(() => a.recvSync()).toThrow(late('recv'));
    }
  });

  test('a call with MSG_DONTWAIT does not wait', () => {
    const [a] = unixPair();
    a.setTimeout(60_000);
    expect(() => a.recvSync(8, s.MSG_DONTWAIT)).toThrow(coded('EAGAIN', 'recv'));
  });

  test('connect is refused, succeeds, or times out', async () => {
    const client = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
    client.setTimeout(60_000);
    expect(() => client.connectSync(nobody)).toThrow(
      expect.objectContaining({ code: 'ECONNREFUSED', syscall: 'connect', address: nobody }),
    );
    const { server, address } = tcpServer();
    client.connectSync(address);
    server.setTimeout(60_000);
    const { socket, address: from } = server.acceptSync();
    expect(from).toEqual(client.getsockname());
    socket.close();
    const path = { family: s.AF_UNIX, path: join(folder(), 's') } as const;
    const full = keep(new s.Socket(s.AF_UNIX, s.SOCK_STREAM));
    full.bind(path);
    full.listen(0);
    const [first, second] = [0, 1].map(() => keep(new s.Socket(s.AF_UNIX, s.SOCK_STREAM)));
    first!.connectSync(path);
    second!.setTimeout(40);
    expect(() => second!.connectSync(path)).toThrow(late('connect'));
    expect(() => second!.connectExSync(path)).toThrow(late('connect'));
  });

  test('sendmmsg and sendto wait for the queue of an AF_UNIX peer', () => {
    const receiver = keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
    const address = { family: s.AF_UNIX, path: join(folder(), 's') } as const;
    receiver.bind(address);
    const sender = keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
    sender.setTimeout(40);
    const fill = () => {
      for (;;) sender.sendtoSync('x', 0, address);
    };
    expect(fill).toThrow(late('sendto'));
    const batch = new s.MessageBatch({ messages: 1, size: 8 });
    batch.push('y', address);
    expect(() => sender.sendmmsgSync(batch)).toThrow(late('sendmmsg'));
  });
});

describe('without a timeout', () => {
  const peer = `
    const { fd, wait } = workerData;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait);
    s.send(fd, 'from the worker');
    s.close(fd);`;

  test('recvSync waits until a worker sends', async () => {
    const script = `
      const [a, b] = s.Socket.pair();
      const began = performance.now();
      new Worker(new URL('peer.mjs', import.meta.url), { workerData: { fd: a.detach(), wait: 100 } });
      console.log(String(b.recvSync()), b.recvSync().length, performance.now() - began > 50);
      b.close();`;
    expect(await output(script, [], { 'peer.mjs': peer })).toBe('from the worker 0 true');
  });

  test('a call in a worker blocks only that thread', async () => {
    const worker = `
      const socket = s.Socket.fromFd(workerData);
      socket.sendAllSync(socket.recvSync());
      socket.sendAllSync(Buffer.alloc(1_000_000, 'x'));
      socket.close();`;
    const script = `
      const [a, b] = s.Socket.pair();
      new Worker(new URL('worker.mjs', import.meta.url), { workerData: b.detach() });
      await sleep(50);
      await a.sendAll('ping');
      let length = 0;
      for (let data = await a.recv(4); data.length > 0; data = await a.recv()) length += data.length;
      a.close();
      console.log(length);`;
    expect(await output(script, [], { 'worker.mjs': worker })).toBe('1000004');
  });
});

describe('signals during a call (PEP 475)', () => {
  test('the call continues, and the handler runs when the event loop does', async () => {
    const child = start(`
      const signalled = once(process, 'SIGUSR1');
      const socket = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
      socket.bind(loopback);
      console.log(socket.getsockname().port);
      const { data } = socket.recvfromSync();
      const alive = setTimeout(() => {}, 60_000); // a listener for a signal does not keep the process alive
      await signalled;
      clearTimeout(alive);
      console.log(String(data), 'signalled');`);
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    for (let i = 0; i < 5; i++) {
      await sleep(40);
      process.kill(child.pid!, 'SIGUSR1');
    }
    await sleep(40);
    const { socket } = udp();
    await socket.sendto('data', 0, { family: s.AF_INET, address: '127.0.0.1', port: Number(line) });
    const [[answer], [code]] = await Promise.all([once(child.stdout!, 'data'), once(child, 'exit')]);
    expect([String(answer).trim(), code]).toEqual(['data signalled', 0]);
  });

  test('the call waits for the rest of its timeout, not for the whole timeout again', async () => {
    const child = start(`
      process.on('SIGUSR1', () => {});
      const [a] = s.Socket.pair();
      a.setTimeout(600);
      console.log('waiting');
      const began = performance.now();
      try { a.recvSync(); } catch (error) { console.log(error.name, Math.round(performance.now() - began)); }
      process.exit(0);`);
    await once(child.stdout!, 'data');
    const timer = setInterval(() => process.kill(child.pid!, 'SIGUSR1'), 50);
    const [[answer]] = await Promise.all([once(child.stdout!, 'data'), once(child, 'exit')]);
    clearInterval(timer);
    const [name, taken] = String(answer).trim().split(' ');
    expect(name).toBe('TimeoutError');
    expect(Number(taken)).toBeGreaterThanOrEqual(595);
  });
});

test('the data that a Sync method returns belongs to the caller, too', async () => {
  const [client, server] = await tcpPair();
  client.sendAllSync('one');
  const one = server.recvSync();
  client.sendAllSync('two');
  server.recvSync();
  expect(String(one)).toBe('one');
});
