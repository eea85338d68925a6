/** Callbacks run in the async context in which they were registered, and errors name the line that awaits. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { need, node } from '../helpers/need.ts';
import { patient } from '../helpers/programs.ts';
import { output } from '../helpers/scripts.ts';
import { failure, keep, tcpServer, unixPair } from '../helpers/sockets.ts';

test('onReadable and onWritable run in their own async context, not in that of the first waiter', async () => {
  const script = `
    import { AsyncLocalStorage } from 'node:async_hooks';
    const storage = new AsyncLocalStorage();
    const pairs = [s.Socket.pair(), s.Socket.pair(), s.Socket.pair()];
    const first = storage.run('first', () => pairs[0][1].recv(1, 0, { timeout: 5 }).catch(() => storage.getStore()));
    const seen = [];
    const take = (socket) => () => { nothrow.recv(socket.fd, new Uint8Array(9)); seen.push(storage.getStore() ?? 'none'); };
    storage.run('second', () => pairs[1][1].onReadable(take(pairs[1][1])));
    pairs[2][1].onReadable(take(pairs[2][1]));
    storage.run('third', () => { const watch = pairs[0][0].onWritable(() => { seen.push(storage.getStore()); watch.stop(); }); });
    for (const [a] of pairs.slice(1)) a.sendSync('x');
    for (const end = Date.now() + 60_000; seen.length < 3 && Date.now() < end; ) await sleep(1);
    console.log(seen.sort().join(), await first);
    process.exit();`;
  expect(await output(script)).toBe('none,second,third first');
});

test('onError runs in its own async context too', async () => {
  const storage = new AsyncLocalStorage<string>();
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK);
  const seen = new Promise((resolve) => {
    const onError = (error: Error) =>
      resolve([storage.getStore(), (error as s.ClosedError).code, (error as s.ClosedError).syscall]);
    storage.run('mine', () => s.onReadable(b, () => {}, { onError }));
  });
  nothrow.close(b);
  expect(s.fcntl(a, s.F_DUPFD_CLOEXEC, b), 'the number is reused').toBe(b);
  const next = s.readable(b, { timeout: 1 }).catch(() => {});
  expect(await seen).toEqual(['mine', 'ERR_SOCKET_CLOSED', 'onReadable']);
  nothrow.close(a);
  s.close(b);
  await next;
});

/** Returns the events of a stream, each with the async context of its listener. The stream was created in 'creator'. */
async function contextsOf(
  storage: AsyncLocalStorage<string>,
  stream: Duplex,
  peer: s.Socket,
  end: (stream: Duplex) => void,
): Promise<string[]> {
  const seen: string[] = [];
  let length = 0;
  const see = (event: string) => seen.push(`${event} ${storage.getStore()}`);
  stream.on('data', (data: Buffer) => {
    length += data.length;
    see('data');
  });
  for (const event of ['end', 'error', 'close']) stream.on(event, () => see(event));
  const closed = new Promise((resolve) => stream.once('close', resolve));
  const arrived = async (bytes: number) => {
    while (length < bytes) await once(stream, 'data');
  };
  await peer.sendAll('1');
  await arrived(1);
  stream.pause();
  const sent = peer.sendAll(Buffer.alloc(1_000_000));
  while (stream.readableLength < stream.readableHighWaterMark) await new Promise(setImmediate);
  storage.run('resumer', () => stream.resume());
  await Promise.all([sent, arrived(1_000_001)]);
  seen.length = 0; // what was buffered is emitted in the context of the resumer
  await peer.sendAll('2');
  await arrived(1_000_002);
  storage.run('ender', () => end(stream));
  await closed;
  return seen;
}

test.for(['the peer ends', 'a reset', 'destroy', 'destroy with an error'])(
  'a stream has the async contexts of net.Socket, whoever has resumed it: %s',
  async (how, context) => {
    need(context, node); // other runtimes have their own net.Socket
    const storage = new AsyncLocalStorage<string>();
    const { server, address } = tcpServer();
    const ours = async () => {
      const socket = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
      await socket.connect(address);
      return storage.run('creator', () => socket.makefile());
    };
    const nodes = async () => {
      const socket = storage.run('creator', () => net.connect(address.port, address.address));
      onTestFinished(() => void socket.destroy());
      return socket;
    };
    const results: string[][] = [];
    for (const create of [nodes, ours]) {
      const [{ socket: peer }, stream] = await Promise.all([server.accept(), create()]);
      keep(peer);
      const end = (stream: Duplex) => {
        if (how.startsWith('destroy')) {
          stream.destroy(how === 'destroy' ? undefined : new Error('enough'));
          return;
        }
        if (how === 'a reset') peer.setsockopt(s.SOL_SOCKET, s.SO_LINGER, Int32Array.of(1, 0));
        peer.close();
      };
      results.push(await contextsOf(storage, stream as Duplex, peer, end));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[0]).toContain('data creator');
  },
);

test('file descriptors arrive in the async context of their stream, whoever has read what preceded them', async () => {
  const storage = new AsyncLocalStorage<string>();
  const [a, b] = unixPair();
  const stream = storage.run('creator', () => b.makefile({ fds: 1 }));
  await a.sendAll('before');
  await a.sendFds([a.fd], 'with');
  // The stream has read both from its Socket, and holds the second until the first was consumed.
  await expect.poll(() => s.ioctl(b.fd, s.FIONREAD), patient).toBe(0);
  const seen = new Promise((resolve) => {
    stream.on('fds', (fds: number[]) => {
      for (const fd of fds) s.close(fd);
      resolve(storage.getStore());
    });
  });
  storage.run('resumer', () => stream.resume());
  expect(await seen).toBe('creator');
  stream.destroy();
});

test('a rejection contains the stack of the awaiting functions', async (context) => {
  need(context, node);
  const [a] = unixPair();
  async function caller(): Promise<void> {
    await a.recv(1, 0, { timeout: 1 });
  }
  expect((await failure(caller())).stack).toMatch(/at (async )?caller \(.*context\.test\.ts/);
  async function waiter(): Promise<void> {
    await a.readable({ timeout: 1 });
  }
  expect((await failure(waiter())).stack).toMatch(/at (async )?waiter \(.*context\.test\.ts/);
  async function connecting(): Promise<void> {
    await new s.Socket(s.AF_INET, s.SOCK_STREAM).connect({ family: s.AF_INET, address: '127.0.0.66', port: 1 });
  }
  expect((await failure(connecting())).stack).toMatch(/at (async )?connecting \(.*context\.test\.ts/);
  const controller = new AbortController();
  async function aborted(): Promise<void> {
    await a.recv(1, 0, { signal: controller.signal });
  }
  const failed = failure(aborted());
  controller.abort();
  expect((await failed).stack).toMatch(/at (async )?aborted \(.*context\.test\.ts/);
});

test('a rejection of an iterator contains the stack of the awaiting functions', async (context) => {
  need(context, node);
  const [a] = unixPair(s.SOCK_DGRAM);
  const { server } = tcpServer();
  const iterators = [
    (limits: s.WaitOptions) => a.datagrams(9, limits),
    (limits: s.WaitOptions) => a.batches(new s.MessageBatch({ messages: 1, size: 1 }), limits),
    (limits: s.WaitOptions) => server.connections(limits),
    (limits: s.WaitOptions) => a.connections(limits), // EOPNOTSUPP
  ];
  for (const iterator of iterators) {
    for (const limits of [{ timeout: 1 }, { signal: AbortSignal.timeout(1) }]) {
      async function iterating(): Promise<void> {
        for await (const _ of iterator(limits)) expect.fail();
      }
      expect((await failure(iterating())).stack).toMatch(/at (async )?iterating \(.*context\.test\.ts/);
    }
  }
});
