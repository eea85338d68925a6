/** Waits for a state that lasts: each wait reports it, even where epoll only reports changes. */
import { getEventListeners } from 'node:events';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { need, node } from '../helpers/need.ts';
import { output } from '../helpers/scripts.ts';
import { failure, keep, tcpPair, udp } from '../helpers/sockets.ts';

/** A connected datagram socket whose error queue has an entry, and on which a read waits for data meanwhile. */
async function withErrorQueue() {
  const closed = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  closed.bind({ family: s.AF_INET, address: '127.0.0.1', port: 0 });
  const nobody = closed.getsockname()!;
  const socket = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  socket.setsockopt(s.IPPROTO_IP, s.IP_RECVERR, true);
  s.connect(socket.fd, nobody);
  closed.close();
  s.send(socket.fd, 'x');
  await socket.errorReady();
  s.getsockopt(socket.fd, s.SOL_SOCKET, s.SO_ERROR); // the entry is still in the queue
  const data = socket.recv().then(String, (error) => error.name);
  await sleep(20);
  return { socket, data };
}

test('errorReady and writable resolve again and again while the error queue is full and a read waits', async () => {
  const { socket, data } = await withErrorQueue();
  for (let i = 0; i < 3; i++) {
    await socket.errorReady({ timeout: 60_000 });
    await socket.writable({ timeout: 60_000 });
  }
  socket.close();
  expect(await data).toBe('ClosedError');
});

describe('readable of a Socket is kept while its error queue has an entry', () => {
  const { AF_INET, SOCK_DGRAM } = s;
  /** The address of a socket that is already closed. */
  function deserted() {
    const socket = new s.Socket(AF_INET, SOCK_DGRAM);
    socket.bind({ family: AF_INET, address: '127.0.0.1', port: 0 });
    const address = socket.getsockname()!;
    socket.close();
    return address as s.InetAddress;
  }
  /** A bound socket with an entry, whose error is pending. */
  async function failing() {
    const { socket, address } = udp();
    socket.setsockopt(s.IPPROTO_IP, s.IP_RECVERR, true);
    s.sendto(socket.fd, 'x', 0, deserted());
    await socket.errorReady();
    return { socket, address };
  }

  test('readable waits for data', async () => {
    const { socket, address } = await failing();
    expect(await failure(socket.recv())).toMatchObject({ code: 'ECONNREFUSED' });
    for (const word of ['one', 'two']) {
      let done = false;
      const waits = socket.readable().then(() => {
        done = true;
      });
      await socket.errorReady();
      await socket.writable();
      await sleep(10);
      expect(done).toBe(false);
      udp().socket.sendtoSync(word, 0, address);
      await waits;
      expect(String(await socket.recv())).toBe(word);
    }
  });

  test('readable resolves once for a pending error, which the next read reports', async () => {
    const { socket } = await failing();
    await socket.readable();
    await socket.recvmsg({ buffers: [new Uint8Array(9)], controlLength: 512 }, s.MSG_ERRQUEUE);
    await socket.readable(); // the error is still pending, without the entry
    expect(await failure(socket.recv())).toMatchObject({ code: 'ECONNREFUSED', syscall: 'recv' });
    expect(await failure(socket.readable({ timeout: 10 }))).toMatchObject({ name: 'TimeoutError' });
  });

  test('without an entry, readable takes nothing from the kernel', async () => {
    const socket = keep(new s.Socket(AF_INET, SOCK_DGRAM));
    s.connect(socket.fd, deserted());
    s.send(socket.fd, 'x');
    await socket.readable();
    expect(nothrow.recv(socket.fd, new Uint8Array(1))).toBe(-s.ECONNREFUSED);
  });

  test('transmit timestamps do not count as data', async () => {
    const { socket } = udp();
    const flags = s.SOF_TIMESTAMPING_TX_SOFTWARE | s.SOF_TIMESTAMPING_SOFTWARE;
    socket.setsockopt(s.SOL_SOCKET, s.SO_TIMESTAMPING, flags);
    const peer = udp();
    await socket.sendto('x', 0, peer.address);
    await socket.errorReady();
    expect(await failure(socket.readable({ timeout: 10 }))).toMatchObject({ name: 'TimeoutError' });
    await peer.socket.sendto('y', 0, socket.getsockname()!);
    await socket.readable();
  });

  test('transmit timestamps do not count as room', async () => {
    const [client, server] = await tcpPair();
    client.setsockopt(s.SOL_SOCKET, s.SO_TIMESTAMPING, s.SOF_TIMESTAMPING_TX_SOFTWARE | s.SOF_TIMESTAMPING_SOFTWARE);
    const chunk = new Uint8Array(65536);
    while (nothrow.send(client.fd, chunk) > 0);
    await client.errorReady();
    let done = false;
    const events = client.writable().then(() => {
      done = true;
      return s.poll([{ fd: client.fd, events: s.POLLOUT }], 0)[0]!;
    });
    await client.errorReady();
    while (!done) {
      await server.recv(65536);
      await turn();
    }
    expect((await events) & s.POLLOUT).toBe(s.POLLOUT);
  });

  test('an error that ended MSG_WAITALL after a part makes the socket readable', async () => {
    const [client, server] = await tcpPair();
    server.setsockopt(s.SOL_SOCKET, s.SO_LINGER, Buffer.from(new Int32Array([1, 0]).buffer));
    await server.sendAll('part');
    const part = client.recv(100, s.MSG_WAITALL);
    await turn();
    await turn();
    server.close(); // by RST
    expect(String(await part)).toBe('part');
    await client.readable();
    expect(await failure(client.recv())).toMatchObject({ code: 'ECONNRESET' });
  });
});

test('after a thread was busy for longer than the timeout, a wait still reports what is ready', async () => {
  const [a, b] = s.Socket.pair();
  await b.readable({ timeout: 1 }).catch(() => {}); // what is made once is made
  await turn(); // timers come next, and then events
  const waits = b.readable({ timeout: 1 });
  a.sendSync('x');
  const end = performance.now() + 20;
  while (performance.now() < end);
  await waits;
  a.close();
  b.close();
});

test('of many sockets that are ready in one turn, one whose data was taken meanwhile keeps waiting', async (context) => {
  need(context, node); // elsewhere all complete at once
  const pairs = Array.from({ length: 200 }, () => s.Socket.pair());
  const last = pairs.at(-1)![1];
  let done = false;
  const waits = last.readable().then(() => {
    done = true;
  });
  const others = pairs
    .slice(0, -1)
    .map(([, b], i) => b.readable().then(() => i === 0 && s.recv(last.fd, Buffer.alloc(9))));
  await turn();
  for (const [a] of pairs) a.sendSync('x');
  await Promise.all(others);
  await turn();
  expect(done).toBe(false);
  pairs.at(-1)![0].sendSync('y');
  await waits;
  for (const socket of pairs.flat()) socket.close();
});

/** Begins operations with a timeout, makes them possible, and blocks the thread beyond the timeout. */
async function busyBeyond(begin: (socket: s.Socket) => Promise<unknown>[], data: string) {
  const [a, b] = s.Socket.pair(s.SOCK_SEQPACKET);
  await b.readable({ timeout: 1 }).catch(() => {}); // what is made once is made
  await turn(); // timers come next, and then events
  const waits = begin(b).map((wait) => wait.then(String, (error) => error.name));
  for (const message of data) a.sendSync(message);
  const end = performance.now() + 20;
  while (performance.now() < end);
  const got = await Promise.all(waits);
  a.close();
  b.close();
  return got;
}

test('an operation that found nothing is tried once more when its timeout expires', async () => {
  expect(await busyBeyond((b) => [b.recv(9, 0, { timeout: 1 })], '1')).toEqual(['1']);
  expect(await busyBeyond((b) => [b.recvInto(Buffer.alloc(9), 0, { timeout: 1 })], '1')).toEqual(['1']);
});

test('an operation behind others is tried once more after them', async () => {
  const two = (b: s.Socket) => [b.recv(), b.recv(9, 0, { timeout: 1 }), b.recv(9, 0, { timeout: 1 })];
  expect(await busyBeyond(two, '123')).toEqual(['1', '2', '3']);
  expect(await busyBeyond(two, '12')).toEqual(['1', '2', 'TimeoutError']);
});

test('a callback with a signal that has fired leaves no listener behind', () => {
  const [a, b] = s.Socket.pair();
  const signal = AbortSignal.abort();
  a.onReadable(() => {}, { signal });
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  a.close();
  b.close();
});

test('a signal that accepts no listener rejects the wait, which receives nothing', async () => {
  const [a, b] = s.Socket.pair();
  const signal = {
    aborted: false,
    addEventListener() {
      throw new Error('no listener');
    },
    removeEventListener() {},
  } as unknown as AbortSignal;
  await expect(b.recv(9, 0, { signal })).rejects.toThrow('no listener');
  a.sendSync('x');
  expect(String(await b.recv())).toBe('x');
  a.close();
  b.close();
});

test('fake timers do not stop the attempts of operations for which epoll has no event', async (context) => {
  need(context, node);
  const script = `
    const { mock } = await import('node:test');
    const { syncBuiltinESMExports } = await import('node:module');
    const flood = (path) => {
      const receiver = new s.Socket(s.AF_UNIX, s.SOCK_DGRAM);
      const sender = new s.Socket(s.AF_UNIX, s.SOCK_DGRAM);
      const address = { family: s.AF_UNIX, path };
      receiver.bind(address);
      return [receiver, Promise.all(Array.from({ length: 40 }, () => sender.sendto('x', 0, address)))];
    };
    mock.timers.enable({ apis: ['setTimeout'] });
    syncBuiltinESMExports();
    const [one, first] = flood('\\0fake timers ${process.pid}');
    mock.timers.reset();
    syncBuiltinESMExports();
    for (let i = 0; i < 40; i++) await one.recv();
    console.log((await first).length);
    process.exit();`;
  expect(await output(script, ['--no-warnings'])).toBe('40');
});
