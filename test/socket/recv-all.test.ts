/** Flags that the kernel obeys only on descriptors that block: MSG_WAITALL and MSG_FASTOPEN. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import * as s from '../../lib/index.ts';
import { need, node } from '../helpers/need.ts';
import { output } from '../helpers/scripts.ts';
import { failure, isSettled, tcpPair, tcpServer, unixPair } from '../helpers/sockets.ts';

describe('MSG_WAITALL on a stream', () => {
  test('recv and recvInto wait until all bytes have arrived', async () => {
    const [a, b] = unixPair();
    const buffer = Buffer.alloc(4);
    const received = b.recv(200_000, s.MSG_WAITALL);
    const into = b.recvInto(buffer, s.MSG_WAITALL);
    a.sendSync('x');
    expect(await isSettled(received, 10)).toBe(false);
    await a.sendAll('x'.repeat(199_999));
    expect((await received).equals(Buffer.alloc(200_000, 'x'))).toBe(true);
    for (const byte of 'abcd') {
      a.sendSync(byte);
      await isSettled(into, 1);
    }
    expect([await into, String(buffer)]).toEqual([4, 'abcd']);
  });

  test('recvfrom waits until all bytes have arrived, and returns the address of the peer', async () => {
    const [client, server] = await tcpPair();
    const received = client.recvfrom(200_000, s.MSG_WAITALL);
    server.sendSync('x');
    expect(await isSettled(received, 10)).toBe(false);
    await server.sendAll('x'.repeat(199_999));
    const { data, address } = await received;
    expect([data.equals(Buffer.alloc(200_000, 'x')), address], 'TCP gives no address').toEqual([true, undefined]);
    server.sendSync('ab');
    client.setTimeout(30);
    expect(String(client.recvfromSync(4, s.MSG_WAITALL).data), 'after the timeout, as in C').toBe('ab');

    const listener = s.createServer({ path: '' });
    const peer = new s.Socket(s.AF_UNIX, s.SOCK_STREAM);
    peer.bind({ family: s.AF_UNIX, path: `\0recv-all-${process.pid}` });
    await peer.connect(listener.getsockname());
    const { socket } = await listener.accept();
    const named = socket.recvfrom(4, s.MSG_WAITALL);
    for (const part of ['ab', 'cd']) {
      peer.sendSync(part);
      await isSettled(named, 10);
    }
    expect(await named).toEqual({ data: Buffer.from('abcd'), address: peer.getsockname() });
    for (const one of [listener, peer, socket]) one.close();
  });

  test('the Sync methods wait too', () => {
    const [a, b] = unixPair();
    a.sendSync('ab');
    b.setTimeout(30);
    expect(String(b.recvSync(4, s.MSG_WAITALL)), 'after the timeout, as in C').toBe('ab');
    a.sendSync('abcd');
    expect(String(b.recvSync(4, s.MSG_WAITALL))).toBe('abcd');
    a.sendSync('xy');
    a.close();
    const buffer = Buffer.alloc(4);
    expect([b.recvIntoSync(buffer, s.MSG_WAITALL), buffer.toString('latin1', 0, 2)]).toEqual([2, 'xy']);
  });

  test('the end of the stream, the timeout, the signal and close return the part that has arrived', async () => {
    for (const end of ['end', 'timeout', 'signal', 'close']) {
      const [a, b] = unixPair();
      const controller = new AbortController();
      const options = end === 'timeout' ? { timeout: 20 } : { signal: controller.signal };
      const received = b.recv(4, s.MSG_WAITALL, options);
      a.sendSync('ab');
      await isSettled(received, 10);
      if (end === 'end') a.close();
      if (end === 'signal') controller.abort();
      if (end === 'close') b.close();
      expect([end, String(await received)]).toEqual([end, 'ab']);
    }
  });

  test('an error after a part is reported by the next read', async () => {
    const [client, server] = await tcpPair();
    const received = client.recv(4, s.MSG_WAITALL);
    await server.sendAll('ab');
    await isSettled(received, 10);
    server.setsockopt(s.SOL_SOCKET, s.SO_LINGER, new Int32Array([1, 0]));
    server.close();
    expect(String(await received)).toBe('ab');
    expect(await failure(client.recv())).toMatchObject({ code: 'ECONNRESET' });
    expect((await client.recv()).length, 'once').toBe(0);
  });

  test('parts of any sizes are joined in order', async () => {
    const [a, b] = unixPair();
    const sizes = [1, 1, 5, 40_000, 1, 2, 65_536, 300, 33_000, 33_000, 7, 1, 20_000, 20_000, 1, 50_000];
    const bytes = Buffer.from(Array.from({ length: sizes.reduce((sum, n) => sum + n) }, (_, i) => i % 251));
    const received = b.recv(bytes.length, s.MSG_WAITALL);
    let at = 0;
    for (const size of sizes) {
      await a.sendAll(bytes.subarray(at, at + size));
      at += size;
      while (s.ioctl(b.fd, s.FIONREAD) > 0) await new Promise(setImmediate); // each is a part of its own
    }
    expect((await received).equals(bytes)).toBe(true);
  });

  test('single bytes hold little more memory than their number', async (context) => {
    need(context, node);
    const script = `
      const count = 40_000;
      const [a, b] = s.Socket.pair();
      const used = () => {
        gc();
        const { heapUsed, external } = process.memoryUsage();
        return heapUsed + external;
      };
      const send = async (bytes) => {
        for (let i = 0; i < bytes; i++) {
          a.sendSync('x');
          await new Promise(setImmediate);
        }
      };
      const received = b.recv(count + 1000, s.MSG_WAITALL);
      await send(1000); // what is compiled and allocated once is no part of the comparison
      const before = used();
      await send(count - 1);
      console.log(Math.max(0, used() - before) >> 20);
      a.sendSync('x');
      console.log((await received).equals(Buffer.alloc(count + 1000, 'x')));
      for (const socket of [a, b]) socket.close();`;
    const [megabytes, same] = (await output(script, ['--expose-gc'])).split('\n');
    expect(Number(megabytes)).toBeLessThan(2);
    expect(same).toBe('true');
  });

  test('rejects if there is no memory to join the parts, however it ends, and ends everything else that waits', async () => {
    const join = vi.spyOn(Buffer, 'concat').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    onTestFinished(() => join.mockRestore());
    for (const end of ['data', 'signal', 'close']) {
      const [a, b] = unixPair();
      const controller = new AbortController();
      const received = failure(b.recv(3, s.MSG_WAITALL, { signal: controller.signal }));
      const next = b.recv();
      next.catch(() => {});
      for (const part of ['a', 'b']) {
        a.sendSync(part);
        await isSettled(received, 10);
      }
      if (end === 'data') a.sendSync('c');
      if (end === 'signal') controller.abort();
      if (end === 'close') b.close();
      expect([end, (await received).message]).toEqual([end, 'Array buffer allocation failed']);
      if (end === 'close') expect(await failure(next)).toBeInstanceOf(s.ClosedError);
      else a.sendSync('d');
      if (end !== 'close') expect(String(await next)).toBe('d');
    }
  });

  test('with MSG_DONTWAIT, with MSG_PEEK and on datagrams, it returns what is available', async () => {
    const [a, b] = unixPair();
    a.sendSync('ab');
    expect(String(await b.recv(4, s.MSG_WAITALL | s.MSG_PEEK))).toBe('ab');
    expect(String(await b.recv(4, s.MSG_WAITALL | s.MSG_DONTWAIT))).toBe('ab');
    const [c, d] = unixPair(s.SOCK_DGRAM);
    c.sendSync('ab');
    expect(String(await d.recv(4, s.MSG_WAITALL))).toBe('ab');
  });
});

test('MSG_TRUNC on TCP discards the data: the result has its length, and zeros in place of what was received before', async () => {
  for (const read of [
    (socket: s.Socket, flags: number) => socket.recv(22, flags),
    (socket: s.Socket, flags: number) => socket.recv(100_000, flags),
    async (socket: s.Socket, flags: number) => socket.recvSync(22, flags),
    async (socket: s.Socket, flags: number) => (await socket.recvfrom(22, flags)).data,
    async (socket: s.Socket, flags: number) => (await socket.recvFds(22, 1, flags)).data,
    (socket: s.Socket, flags: number) => socket.recv(22, flags | s.MSG_WAITALL),
    async (socket: s.Socket, flags: number) => (await socket.recvfrom(22, flags | s.MSG_WAITALL)).data,
  ]) {
    const [client, server] = await tcpPair();
    const secret = 'of another connection!';
    client.sendSync(secret);
    await server.readable();
    expect(String(await read(server, 0))).toBe(secret);
    client.sendSync(secret);
    await server.readable();
    expect((await read(server, s.MSG_TRUNC)).equals(Buffer.alloc(22))).toBe(true);
    client.sendSync('next');
    expect(String(await server.recv())).toBe('next');
  }
  const [a, b] = unixPair();
  a.sendSync('AF_UNIX discards nothing');
  expect(String(await b.recv(100, s.MSG_TRUNC))).toBe('AF_UNIX discards nothing');
});

describe('MSG_FASTOPEN without a cookie', () => {
  const fresh = () => new s.Socket(s.AF_INET, s.SOCK_STREAM);

  test.each([
    ['sendto', (socket: s.Socket, to: s.Address) => socket.sendto('hello', s.MSG_FASTOPEN, to)],
    [
      'sendmsg',
      (socket: s.Socket, to: s.Address) => socket.sendmsg({ buffers: ['hello'], address: to }, s.MSG_FASTOPEN),
    ],
    ['sendtoSync', async (socket: s.Socket, to: s.Address) => socket.sendtoSync('hello', s.MSG_FASTOPEN, to)],
  ])('%s connects, and then sends', async (_, send) => {
    const { server, address } = tcpServer();
    using socket = fresh();
    const accepted = server.accept();
    expect(await send(socket, address)).toBe(5);
    const { socket: peer } = await accepted;
    expect(String(await peer.recv())).toBe('hello');
    peer.close();
  });

  test('the error of the connection is reported when nobody listens', async () => {
    using socket = fresh();
    const to = { family: s.AF_INET, address: '127.0.0.66', port: 1 } as const;
    expect(await failure(socket.sendto('hello', s.MSG_FASTOPEN, to))).toMatchObject({ code: 'ECONNREFUSED' });
  });
});
