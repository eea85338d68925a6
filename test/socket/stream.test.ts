import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { numbered, numberOf, openSockets } from '../helpers/fds.ts';
import { loopback } from '../helpers/fixtures.ts';
import { need, program } from '../helpers/need.ts';
import { pythonPeer } from '../helpers/python.ts';
import { output } from '../helpers/scripts.ts';
import { failure, isSettled, keep, readAll, sleep, tcpPair, unixPair } from '../helpers/sockets.ts';

const sha = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/** Returns all data of a stream. It does not iterate, which would destroy a half-open stream. */
async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

function streams(options?: s.SocketStreamOptions): [s.SocketStream, s.SocketStream] {
  const [a, b] = unixPair();
  return [a.makefile(options), b.makefile(options)];
}

/** Resolves when the stream is closed, with or without an error. */
const ended = (stream: s.SocketStream): Promise<unknown> =>
  new Promise((resolve) => (stream.closed ? setImmediate(resolve) : stream.once('close', resolve)));

describe('data', () => {
  test('5 MB are transferred both ways at once, and both Sockets are closed at the end', async () => {
    const [client, server] = await tcpPair();
    const [a, b] = [client.makefile(), server.makefile()];
    const [x, y] = [randomBytes(5_000_000), randomBytes(5_000_000)];
    a.end(x);
    b.end(y);
    const [fromB, fromA] = await Promise.all([collect(a), collect(b)]);
    expect([sha(fromA), sha(fromB)]).toEqual([sha(x), sha(y)]);
    await Promise.all([ended(a), ended(b)]);
    expect([client.closed, server.closed]).toEqual([true, true]);
  });

  test('pipeline transfers data through an echo, strings too', async () => {
    const [a, b] = streams({ allowHalfOpen: true });
    const echo = pipeline(b, new PassThrough(), b);
    const lines = Array.from({ length: 1000 }, (_, i) => `Zeile ${i} ä\n`);
    const received = collect(a);
    await pipeline(Readable.from(lines), a);
    expect(String(await received)).toBe(lines.join(''));
    await echo;
    await Promise.all([ended(a), ended(b)]);
  });

  test('a stream exchanges data with a peer written in Python', async (context) => {
    need(context, program('python3'));
    const script = `
server = create_server(('127.0.0.1', 0))
print(server.getsockname()[1])
peer, _ = server.accept()
for line in peer.makefile('r'):
    peer.sendall(line.upper().encode())
peer.close()`;
    const { line } = await pythonPeer(script);
    const socket = await s.createConnection({ host: '127.0.0.1', port: Number(line) });
    const stream = socket.makefile({ allowHalfOpen: true });
    stream.setEncoding('utf8');
    stream.write('one\n');
    stream.end('two\n');
    let text = '';
    for await (const chunk of stream) text += chunk;
    expect(text).toBe('ONE\nTWO\n');
  });

  test('data left in the buffer is read after the end', async () => {
    const [a, b] = streams();
    a.end('last words');
    await once(a, 'finish');
    expect(String(await collect(b))).toBe('last words');
  });
});

describe('back-pressure', () => {
  test('the writer waits for a slow reader, and no data piles up', async () => {
    const [a, b] = streams({ readableHighWaterMark: 16_384, writableHighWaterMark: 16_384 });
    for (const { socket } of [a, b]) socket.setsockopt(s.SOL_SOCKET, s.SO_SNDBUF, 8192);
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let written = 0;
    let drained = 0;
    const source = new Readable({
      read() {
        written += chunk.length;
        this.push(written > 8_000_000 ? null : chunk);
      },
    });
    a.on('drain', () => drained++);
    source.pipe(a);
    b.read(0);
    await sleep(100);
    await expect.poll(() => a.writableNeedDrain).toBe(true);
    expect(b.readableLength).toBeLessThan(200_000);
    expect(written).toBeLessThan(1_000_000);
    let length = 0;
    const slow = new Writable({
      highWaterMark: 16_384,
      write(data: Buffer, _encoding, callback) {
        length += data.length;
        expect(b.readableLength + a.writableLength).toBeLessThan(400_000);
        setImmediate(callback);
      },
    });
    await pipeline(b, slow);
    expect([length, drained > 10]).toEqual([written - chunk.length, true]);
  });

  test('a paused reader reads no more than its high-water mark, and continues when it is resumed', async () => {
    const [a, b] = streams({ readableHighWaterMark: 1000 });
    const got: Buffer[] = [];
    b.on('data', (data: Buffer) => {
      got.push(data);
      b.pause();
    });
    const sending = a.socket.sendAll(Buffer.alloc(1_000_000));
    await once(b, 'data');
    await sleep(50);
    expect(got.length).toBe(1);
    b.on('data', () => b.resume());
    b.resume();
    while (got.reduce((sum, { length }) => sum + length, 0) < 1_000_000) await sleep(1);
    await sending;
    a.destroy();
    b.destroy();
  });
});

describe('the end', () => {
  test('by default, the writable side ends with the readable side', async () => {
    const [a, b] = streams();
    b.resume();
    a.end();
    await once(b, 'finish');
    await Promise.all([ended(b), ended(a.resume())]);
    expect(b.socket.closed).toBe(true);
  });

  test('with allowHalfOpen, an answer can be sent after the end', async () => {
    const [a, b] = streams({ allowHalfOpen: true });
    a.end('question');
    expect(String(await collect(b))).toBe('question');
    expect(await isSettled(ended(b), 20)).toBe(false);
    b.end('answer');
    expect(String(await collect(a))).toBe('answer');
    await Promise.all([ended(a), ended(b)]);
  });

  test('destroy with an error closes the Socket, and the peer sees the end', async () => {
    const [a, b] = streams();
    const errors: Error[] = [];
    a.on('error', (error) => errors.push(error));
    const writing = new Promise((resolve) => a.write(Buffer.alloc(5_000_000), resolve));
    b.resume().on('error', () => {});
    a.destroy(new Error('enough'));
    await ended(a);
    expect(errors.map(({ message }) => message)).toEqual(['enough']);
    expect(a.socket.closed).toBe(true);
    expect(await writing, 'the write reports the error').toBeInstanceOf(Error);
    await ended(b);
    b.destroy();
    b.destroy();
  });

  test('a reset of the connection is the kernel’s error', async () => {
    const [client, server] = await tcpPair();
    const stream = server.makefile();
    stream.resume();
    client.setsockopt(s.SOL_SOCKET, s.SO_LINGER, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
    client.close();
    const [error] = await once(stream, 'error');
    expect(error).toBeInstanceOf(s.SocketError);
    expect(error).toMatchObject({ code: 'ECONNRESET', errno: 104, syscall: 'recv' });
    await ended(stream);
    expect(server.closed).toBe(true);
  });

  test('a write to a peer that is gone emits the kernel’s error', async () => {
    const [a, b] = streams({ allowHalfOpen: true });
    b.destroy();
    await ended(b);
    a.write('x');
    const [error] = await once(a, 'error');
    expect(error).toMatchObject({ code: 'EPIPE', syscall: 'send' });
  });

  test('pipeline reports the error, and everything is closed', async () => {
    const [a, b] = streams();
    const broken = new Readable({
      read() {
        this.destroy(new Error('broken'));
      },
    });
    expect(await failure(pipeline(broken, a))).toMatchObject({ message: 'broken' });
    expect(a.socket.closed).toBe(true);
    b.destroy();
    expect(() => a.socket.makefile()).toThrow(s.ClosedError);
  });

  test('closing the Socket under the stream destroys it; a pending write fails', async () => {
    const [a, b] = streams();
    a.resume();
    await sleep(5);
    a.socket.close();
    expect(await once(a, 'close')).toEqual([false]);
    expect(a.destroyed).toBe(true);
    b.destroy();
    const [c, d] = streams();
    const writing = new Promise((resolve) => c.write(Buffer.alloc(5_000_000), resolve));
    c.socket.close();
    expect(await once(c, 'close')).toEqual([false]);
    d.destroy();
    expect(await writing).toMatchObject({ name: 'ClosedError', syscall: 'send' });
  });

  test('closing the Socket before or during a write, corked or with file descriptors, is not an error', async () => {
    const big = Buffer.alloc(2_000_000);
    const writes: ((stream: s.SocketStream) => unknown)[] = [
      (stream) => stream.write('x'),
      (stream) => stream.end(big),
      (stream) => stream.writeWithFds(big, [0]),
      (stream) => {
        stream.cork();
        for (let i = 0; i < 3; i++) stream.write(big);
        stream.uncork();
      },
    ];
    for (const write of writes) {
      for (const isFirst of [true, false]) {
        const [a, b] = streams();
        if (isFirst) a.socket.close();
        write(a);
        if (!isFirst) a.socket.close();
        expect(await once(a, 'close')).toEqual([false]);
        b.destroy();
      }
    }
  });

  test('closing the Socket while it is connecting is not an error', async () => {
    const server = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
    server.bind(loopback);
    server.listen(0);
    const fill = Array.from({ length: 4 }, () => keep(new s.Socket(s.AF_INET, s.SOCK_STREAM)));
    const connecting = fill.map((socket) => socket.connect(server.getsockname()!).catch((error) => error));
    await sleep(5);
    const stream = fill.at(-1)!.makefile();
    expect(stream.connecting, 'the backlog is full').toBe(true);
    stream.socket.close();
    expect(await once(stream, 'close')).toEqual([false]);
    expect(await connecting.at(-1)).toMatchObject({ name: 'ClosedError', syscall: 'connect' });
  });
});

describe('the Socket underneath', () => {
  test('has at most one stream', () => {
    const [a] = unixPair();
    const stream = a.makefile();
    expect(() => a.makefile()).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_HAS_STREAM' }));
    stream.destroy();
  });

  test.each([s.SOCK_DGRAM, s.SOCK_SEQPACKET])('of type %i throws: its records would lose their boundaries', (type) => {
    const [a] = unixPair(type);
    expect(() => a.makefile()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  });

  test('may have a timeout: an idle stream stays open', async () => {
    const [a, b] = unixPair();
    a.setTimeout(1);
    b.setTimeout(1);
    const [left, right] = [a.makefile(), b.makefile({ fds: 1 })];
    const got: string[] = [];
    right.on('data', (data) => got.push(String(data)));
    await sleep(20);
    left.write('after a while');
    await expect.poll(() => got.join('')).toBe('after a while');
    left.destroy();
    await ended(right);
  });

  test('may already be connected: connect() emits connect for libraries that call it', async () => {
    const [client] = await tcpPair();
    const stream = client.makefile();
    const events: string[] = [];
    stream.connect(5432, 'nowhere.invalid', () => events.push('callback'));
    stream.on('ready', () => events.push('ready'));
    await once(stream, 'ready');
    expect(events).toEqual(['callback', 'ready']);
    stream.destroy();
    const lonely = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM)).makefile();
    lonely.connect(1, '127.0.0.1');
    expect((await once(lonely, 'error'))[0]).toMatchObject({ code: 'ENOTCONN' });
  });

  test('may be connecting: connect and ready are emitted when it is connected, and earlier writes are sent then', async () => {
    const server = keep(s.createServer({ host: '127.0.0.1', port: 0 }));
    const socket = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
    const connected = socket.connect(server.getsockname() as s.InetAddress);
    const stream = socket.makefile();
    const events: string[] = [];
    for (const event of ['connect', 'ready'] as const) stream.on(event, () => events.push(event));
    stream.end('early');
    const { socket: peer } = await server.accept();
    expect(String(await readAll(peer))).toBe('early');
    await connected;
    expect(events).toEqual(['connect', 'ready']);
    expect(stream.connecting).toBe(false);
    peer.close();
    await ended(stream.resume());
  });
});

describe('exceptions of listeners', () => {
  test('of data, fds and a write cause one uncaughtException each, and the stream goes on', async () => {
    const script = `
      const seen = [];
      process.on('uncaughtException', (error, origin) => seen.push(error.message + ' ' + origin));
      const [a, b] = s.Socket.pair().map((socket) => socket.makefile({ fds: 4 }));
      const got = [];
      for (const stream of [a, b]) stream.on('error', (error) => seen.push('error: ' + error.message));
      b.on('fds', (fds) => { fds.forEach((fd) => s.close(fd)); throw new Error('fds'); });
      b.on('data', (data) => { got.push(String(data)); if (got.length === 1) throw new Error('data'); });
      const word = async (text, write) => { write(text); while (got.at(-1) !== text) await sleep(1); };
      await word('one', (text) => a.write(text));
      await word('two', (text) => a.write(text, () => { throw new Error('write'); }));
      await word('three', (text) => a.writeWithFds(text, [0]));
      await word('four', (text) => a.write(text));
      console.log(got.join(), seen.join());
      a.destroy();
      b.destroy();`;
    expect(await output(script)).toBe(
      'one,two,three,four data uncaughtException,write uncaughtException,fds uncaughtException',
    );
  });
});

describe('descriptors', () => {
  test('an fds event precedes the data that the file descriptors were sent with', async () => {
    const [a, b] = streams({ fds: 8 });
    const events: string[] = [];
    b.on('fds', (fds: number[]) => events.push(`fds ${fds.map(numberOf)}`));
    b.on('data', (data: Buffer) => events.push(`data ${data}`));
    const fds = [1, 2, 3].map(numbered);
    a.write('plain');
    await once(b, 'data');
    await new Promise((resolve) => a.writeWithFds('two', fds.slice(0, 2), resolve));
    await new Promise((resolve) => a.writeWithFds(Buffer.from('one'), fds.slice(2), resolve));
    for (const fd of fds) s.close(fd);
    a.end();
    await once(b, 'end');
    expect(events).toEqual(['data plain', 'fds 1,2', 'data two', 'fds 3', 'data one']);
    await ended(b);
  });

  test('each is sent once under back-pressure, in its place among the bytes', async () => {
    const [a, b] = streams({ fds: 8 });
    a.socket.setsockopt(s.SOL_SOCKET, s.SO_SNDBUF, 4096);
    const seen: number[] = [];
    let length = 0;
    b.on('fds', (fds: number[]) => seen.push(...fds.map(numberOf)));
    b.on('data', (data: Buffer) => {
      length += data.length;
    });
    let waited = 0;
    for (let i = 0; i < 300; i++) {
      const fd = numbered(i);
      const room = a.writeWithFds(Buffer.alloc(5000), [fd], () => s.close(fd));
      if (!room) {
        waited++;
        await once(a, 'drain');
      }
    }
    a.end();
    await once(b, 'end');
    expect([seen, length]).toEqual([Array.from({ length: 300 }, (_, i) => i), 1_500_000]);
    expect(waited).toBeGreaterThan(5);
    await Promise.all([ended(a.resume()), ended(b)]);
  });

  test('they are closed without a listener, and by the kernel without the option', async () => {
    for (const fds of [8, 0]) {
      const before = openSockets();
      const [a, b] = s.Socket.pair().map((socket) => socket.makefile({ fds })) as [s.SocketStream, s.SocketStream];
      for (let i = 0; i < 50; i++) {
        const fd = numbered(i);
        a.writeWithFds('x', [fd], () => s.close(fd));
      }
      a.end();
      expect((await collect(b)).length).toBe(50);
      await Promise.all([ended(a.resume()), ended(b)]);
      expect(openSockets()).toBe(before);
    }
  });

  test('more than were asked for cause an error, not a silent loss', async () => {
    const before = openSockets();
    const [a, b] = s.Socket.pair().map((socket) => socket.makefile({ fds: 2 })) as [s.SocketStream, s.SocketStream];
    b.on('fds', () => expect.fail('some of them'));
    b.resume();
    const fds = [1, 2, 3].map(numbered);
    a.writeWithFds('x', fds, () => {
      for (const fd of fds) s.close(fd);
    });
    const [error] = await once(b, 'error');
    expect(error).toMatchObject({ code: 'ERR_SOCKET_FDS_TRUNCATED' });
    a.destroy();
    await Promise.all([ended(a), ended(b)]);
    expect(openSockets()).toBe(before);
  });

  test('a file descriptor that is not open makes the write fail', async () => {
    const [a, b] = streams({ fds: 2 });
    const told = new Promise((resolve) => a.writeWithFds('x', [99_999], resolve));
    const [error] = await once(a, 'error');
    expect(error).toMatchObject({ code: 'EBADF', syscall: 'sendmsg' });
    expect(await told).toBe(error);
    b.destroy();
  });

  test('without a byte that carries them are refused, not lost', () => {
    const [a, b] = streams({ fds: 2 });
    for (const data of ['', new Uint8Array(0)]) {
      expect(() => a.writeWithFds(data, [0])).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    }
    expect(a.writeWithFds('', [])).toBe(true);
    for (const stream of [a, b]) stream.destroy();
  });
});

test('a thousand streams leave no file descriptor or listener behind', async () => {
  const before = openSockets();
  const server = keep(s.createServer({ host: '127.0.0.1', port: 0 }));
  const { port } = server.getsockname() as s.InetAddress;
  void (async () => {
    for await (const { socket } of server.connections()) {
      const stream = socket.makefile();
      stream.pipe(stream);
    }
  })();
  const one = async (i: number) => {
    const socket = new s.Socket(s.AF_INET, s.SOCK_STREAM);
    await socket.connect({ ...loopback, port });
    const stream = socket.makefile({ allowHalfOpen: true });
    stream.end(`stream ${i}`);
    expect(String(await collect(stream))).toBe(`stream ${i}`);
    await ended(stream);
  };
  for (let i = 0; i < 1000; i += 50) await Promise.all(Array.from({ length: 50 }, (_, j) => one(i + j)));
  server.close();
  for (let i = 0; i < 100 && openSockets() > before; i++) await sleep(10);
  expect(openSockets()).toBe(before);
  const [a, b] = unixPair();
  a.close();
  expect((await readAll(b)).length).toBe(0);
});
