import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { openSockets } from '../helpers/fds.ts';
import { need, program } from '../helpers/need.ts';
import { pythonAsync } from '../helpers/python.ts';
import { output } from '../helpers/scripts.ts';
import { failure, isSettled, keep, nobody, tcpPair, udp, unixPair } from '../helpers/sockets.ts';

const room = (size: number) => ({ buffers: [Buffer.alloc(size)] });

describe('received data', () => {
  test('recv returns at most the requested size, then the rest, then the end of the stream', async () => {
    const [client, server] = await tcpPair();
    await client.sendAll('hello world');
    expect(String(await server.recv(5))).toBe('hello');
    expect(String(await server.recv())).toBe(' world');
    client.shutdown(s.SHUT_WR);
    expect((await server.recv()).length).toBe(0);
  });

  test('recv returns more than the scratch buffer holds', async () => {
    const [a, b] = unixPair(s.SOCK_SEQPACKET);
    const data = Buffer.alloc(100_000, 'abcdefg');
    for (const size of [100_000, 200_000]) {
      await a.send(data);
      expect((await b.recv(size)).equals(data)).toBe(true);
    }
  });

  test('recvmsg reads its message once, so that no code of the program runs when data arrives', async () => {
    const [a, b] = unixPair();
    let reads = 0;
    const received = b.recvmsg({
      get buffers() {
        reads++;
        return [Buffer.alloc(9)];
      },
    });
    expect(await isSettled(received, 10)).toBe(false);
    await a.send('hello');
    expect([(await received).length, reads]).toEqual([5, 1]);
  });

  test('recvInto stores the bytes and returns their number', async () => {
    const [a, b] = unixPair(s.SOCK_DGRAM);
    const buffer = Buffer.alloc(8, '.');
    const received = b.recvInto(buffer.subarray(2));
    await a.send('data');
    expect([await received, buffer.toString()]).toEqual([4, '..data..']);
    await a.send('longer than that');
    expect(await b.recvInto(new Uint8Array(4), s.MSG_TRUNC)).toBe(16);
    for (const wrong of ['x', undefined, {}]) {
      expect(await failure(b.recvInto(wrong as never))).toBeInstanceOf(TypeError);
    }
  });

  test('recvfrom returns the sender, of both families, and of a socket without an address', async () => {
    const { socket, address } = udp();
    const sender = udp();
    const received = socket.recvfrom();
    await sender.socket.sendto('x', 0, address);
    expect(await received).toEqual({ data: Buffer.from('x'), address: sender.address });
    const [a, b] = unixPair(s.SOCK_DGRAM);
    await a.send('y');
    expect(await b.recvfrom()).toEqual({ data: Buffer.from('y'), address: undefined });
  });

  test('an empty datagram is received as empty data', async () => {
    const { socket, address } = udp();
    const received = socket.recvfrom();
    await udp().socket.sendto('', 0, address);
    expect((await received).data.length).toBe(0);
  });

  test('recvmsg returns several buffers, flags and control messages', async () => {
    const { socket, address } = udp();
    socket.setsockopt(s.IPPROTO_IP, s.IP_RECVTTL, true);
    const buffers = [Buffer.alloc(2), Buffer.alloc(3)];
    const received = socket.recvmsg({ buffers, controlLength: 64 });
    const sender = udp();
    await sender.socket.sendto('truncated', 0, address);
    const message = await received;
    expect([message.length, message.flags & s.MSG_TRUNC, message.address]).toEqual([5, s.MSG_TRUNC, sender.address]);
    expect(buffers.map(String)).toEqual(['tr', 'unc']);
    expect(message.control).toEqual([{ level: s.IPPROTO_IP, type: s.IP_TTL, value: 64 }]);
  });

  test('MSG_PEEK leaves the data in the queue; MSG_TRUNC returns the real length', async () => {
    const [a, b] = unixPair(s.SOCK_DGRAM);
    const peeked = b.recv(3, s.MSG_PEEK);
    await a.send('datagram');
    expect(String(await peeked)).toBe('dat');
    expect(await b.recvInto(new Uint8Array(1), s.MSG_PEEK | s.MSG_TRUNC)).toBe(8);
    expect(String(await b.recv(3, s.MSG_TRUNC)), 'no more than the size').toBe('dat');
  });

  test('all datagrams from Python arrive in order', async (context) => {
    need(context, program('python3'));
    const { socket, address } = udp();
    const script = `
sock = socket(AF_INET, SOCK_DGRAM)
for i in range(50):
    sock.sendto(str(i).encode(), ('127.0.0.1', int(sys.argv[1])))
print(json.dumps(sock.getsockname()[1]))`;
    const sent = pythonAsync<number>(script, String(address.port));
    const got: [number, number][] = [];
    for await (const { data, address: from } of socket.datagrams(2048, { timeout: 60_000 })) {
      got.push([Number(data), (from as s.InetAddress).port]);
      if (got.length === 50) break;
    }
    const port = await sent;
    expect(got).toEqual(Array.from({ length: 50 }, (_, i) => [i, port]));
  });
});

describe('received data belongs to the caller', () => {
  test('it is never overwritten, and does not share memory', async () => {
    const [a, b] = unixPair(s.SOCK_DGRAM);
    const { socket, address } = udp();
    const sender = udp().socket;
    const given: { data: Buffer; text: string }[] = [];
    for (let i = 0; i < 300; i++) {
      const text = `${i}:`.padEnd(1 + ((i * 37) % 900), String.fromCharCode(97 + (i % 26)));
      await a.send(text);
      given.push({ data: await (i % 2 === 0 ? b.recv() : b.recv(70_000)), text });
      await sender.sendto(text, 0, address);
      given.push({ data: (await socket.recvfrom(i % 2 === 0 ? 65_536 : 70_000)).data, text });
      await a.send(text);
      given.push({ data: (await b.recvFds(1000, 1)).data, text });
    }
    for (const { data, text } of given) expect(data.toString()).toBe(text);
    for (const [i, { data }] of given.entries()) data.fill(i % 256); // what is shared would show
    for (const [i, { data }] of given.entries()) expect(data.every((byte) => byte === i % 256)).toBe(true);
    for (const { data } of given) expect(data.buffer.byteLength, 'kept alive').toBeLessThanOrEqual(70_000);
  });

  test('data that fills a read has its own memory, which may be transferred', async () => {
    const [a, b] = unixPair();
    await a.send(Buffer.alloc(60_000, 'x'));
    const data = await b.recv();
    expect(data.equals(Buffer.alloc(60_000, 'x'))).toBe(true);
    structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
    expect(data.length).toBe(0);
    await a.send('after a transfer');
    expect(String(await b.recv())).toBe('after a transfer');
  });
});

describe('operations that complete immediately', () => {
  test('MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB and an empty buffer reject with EAGAIN or the error of the kernel', async () => {
    const [client, server] = await tcpPair();
    const { socket } = udp();
    const batch = new s.MessageBatch({ messages: 2, size: 8 });
    const calls: [string, string, Promise<unknown>][] = [
      ['recv', 'EAGAIN', server.recv(8, s.MSG_DONTWAIT)],
      ['recv', 'EAGAIN', server.recvInto(new Uint8Array(8), s.MSG_DONTWAIT)],
      ['recvfrom', 'EAGAIN', socket.recvfrom(8, s.MSG_DONTWAIT)],
      ['recvfrom', 'EAGAIN', socket.recvfrom(8, s.MSG_ERRQUEUE)],
      ['recvmsg', 'EAGAIN', socket.recvmsg(room(8), s.MSG_ERRQUEUE)],
      ['recvmsg', 'EAGAIN', socket.recvmsg(room(8), s.MSG_DONTWAIT)],
      ['recvmmsg', 'EAGAIN', socket.recvmmsg(batch, s.MSG_DONTWAIT)],
      ['recv', 'EINVAL', server.recv(1, s.MSG_OOB)],
      ['recvfrom', 'EAGAIN', socket.recvfrom(0)],
      ['recvmsg', 'EAGAIN', socket.recvmsg({ buffers: [] })],
      ['recvmsg', 'EAGAIN', socket.recvmsg(room(0))],
      ['recvmsg', 'EAGAIN', unixPair()[0].recvFds(8, 1, s.MSG_DONTWAIT)],
      ['recv', 'EAGAIN', socket.recvInto(new Uint8Array(0))],
    ];
    for (const [syscall, code, call] of calls) expect(await failure(call)).toMatchObject({ syscall, code });
    expect(
      (await unixPair()[0]
        .recv(0)
        .catch((error: Error) => error)) instanceof s.TimeoutError,
    ).toBe(false);
    client.close();
  });

  test('complete while others wait, and the others keep waiting', async () => {
    const { socket, address } = udp();
    const waits = socket.recv();
    expect(await failure(socket.recv(8, s.MSG_DONTWAIT))).toMatchObject({ code: 'EAGAIN' });
    expect(await isSettled(waits, 20)).toBe(false);
    await socket.sendto('x', 0, address);
    expect(String(await waits)).toBe('x');
  });

  test('include receiving out-of-band data', async () => {
    const [client, server] = await tcpPair();
    await client.send('ab', s.MSG_OOB);
    await server.errorReady();
    expect(String(await server.recv(1, s.MSG_OOB))).toBe('b');
    expect(String(await server.recv())).toBe('a');
  });
});

describe('errors', () => {
  test('an error of the connection rejects', async () => {
    const { socket } = udp();
    await socket.connect(nobody);
    await socket.send('x');
    expect(await failure(socket.recv())).toMatchObject({ code: 'ECONNREFUSED', syscall: 'recv' });
    const [client, server] = await tcpPair();
    client.setsockopt(s.SOL_SOCKET, s.SO_LINGER, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
    const pending = failure(server.recv());
    client.close();
    expect(await pending).toMatchObject({ code: 'ECONNRESET', syscall: 'recv' });
    expect(await failure(keep(new s.Socket(s.AF_INET, s.SOCK_STREAM)).recv())).toMatchObject({ code: 'ENOTCONN' });
  });

  test('invalid sizes reject', async () => {
    const [a] = unixPair();
    for (const size of [-1, 1.5, Number.NaN, 2 ** 31]) {
      expect(await failure(a.recv(size))).toBeInstanceOf(RangeError);
      expect(await failure(a.recvfrom(size))).toBeInstanceOf(RangeError);
    }
    expect(await failure(a.recv('8' as never))).toBeInstanceOf(TypeError);
    expect(await failure(a.recvmsg({ buffers: ['x' as never] }))).toBeInstanceOf(TypeError);
    expect(await failure(a.recvmsg(undefined as never))).toBeInstanceOf(TypeError);
  });

  test('an abort and a timeout lose no data', async () => {
    const [a, b] = unixPair(s.SOCK_DGRAM);
    const before = openSockets();
    for (let i = 0; i < 100; i++) {
      const controller = new AbortController();
      const waits = b.recv(8, 0, { signal: controller.signal });
      const outcome = waits.then(String, (error: Error) => error.name);
      if (i % 2 === 0) controller.abort();
      a.sendSync(String(i));
      if (i % 2 === 1) setImmediate(() => controller.abort());
      const got = await outcome;
      if (got === 'AbortError') expect(String(await b.recv())).toBe(String(i));
      else expect(got).toBe(String(i));
    }
    expect(openSockets()).toBe(before);
  });
});

describe('after a read that emptied a stream, the next one waits without trying first', () => {
  /** Blocks the event loop. */
  const block = (milliseconds: number) => {
    for (const end = performance.now() + milliseconds; performance.now() < end; );
  };

  async function emptied(): Promise<[s.Socket, s.Socket]> {
    const [a, b] = unixPair();
    for (const word of ['one', 'two']) {
      const received = b.recv();
      await a.send(word);
      expect(String(await received)).toBe(word);
    }
    return [a, b];
  }

  test('data that arrives before the timeout is returned, however late the event loop is', async () => {
    const [a, b] = await emptied();
    for (const read of [() => b.recv(9, 0, { timeout: 5 }), () => b.recvInto(new Uint8Array(9), 0, { timeout: 5 })]) {
      a.sendSync('three');
      const received = read();
      block(30);
      expect((await received).valueOf()).toEqual(typeof (await received) === 'number' ? 5 : Buffer.from('three'));
    }
    expect(await failure(b.recv(9, 0, { timeout: 5 }))).toBeInstanceOf(s.TimeoutError);
  });

  test('the end of the stream, an error and calls that must not wait are not delayed', async () => {
    const [a, b] = await emptied();
    expect(await failure(b.recv(9, s.MSG_DONTWAIT))).toMatchObject({ code: 'EAGAIN' });
    a.sendSync('three');
    expect(String(await b.recv(9, s.MSG_DONTWAIT))).toBe('three');
    expect(await failure(b.recvInto('no buffer' as never))).toBeInstanceOf(TypeError);
    a.close();
    expect(await b.recv()).toHaveLength(0);
    expect(await b.recv()).toHaveLength(0);
    const [client, server] = await tcpPair();
    await client.send('x');
    await server.recv();
    client.setsockopt(s.SOL_SOCKET, s.SO_LINGER, new Int32Array([1, 0]));
    client.close();
    expect(await failure(server.recv())).toMatchObject({ code: 'ECONNRESET' });
  });

  test('an unref’d socket receives what is available before the process exits', async () => {
    const script = `const [a, b] = s.Socket.pair();
      for (const word of ['one', 'two']) {
        const received = b.recv();
        a.sendSync(word);
        await received;
      }
      b.unref();
      a.sendSync('three');
      b.recv().then((data) => process.stdout.write(data));`;
    expect(await output(script)).toBe('three');
  });
});
