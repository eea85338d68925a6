/** Callbacks run in the async context in which they were registered, and errors name the line that awaits. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { need, node } from '../helpers/need.ts';
import { output } from '../helpers/scripts.ts';
import { failure, tcpServer, unixPair } from '../helpers/sockets.ts';

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
