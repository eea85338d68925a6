/** The async iterators of a Socket: how they end, and which call gets what they received. */
import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { openSockets } from '../helpers/fds.ts';
import { failure, isSettled, keep, tcpServer, udp, unixPair } from '../helpers/sockets.ts';

const DONE = { done: true, value: undefined };

async function client(address: s.Address): Promise<s.Socket> {
  const socket = keep(new s.Socket(address.family, s.SOCK_STREAM));
  await socket.connect(address);
  return socket;
}

const iterators: [string, (options?: s.WaitOptions) => AsyncGenerator<unknown, void, void>][] = [
  ['connections', (options) => tcpServer().server.connections(options)],
  ['datagrams', (options) => udp().socket.datagrams(100, options)],
  ['batches', (options) => udp().socket.batches(new s.MessageBatch({ messages: 2, size: 100 }), options)],
];

test.each(iterators)('%s: return() ends all pending calls, at once and in order', async (_name, iterate) => {
  const iterator = iterate();
  const order: string[] = [];
  const note = (name: string) => (result: unknown) => {
    order.push(name);
    return result;
  };
  const results = await Promise.all([
    iterator.next().then(note('first')),
    iterator.next().then(note('second')),
    iterator.return().then(note('return')),
    iterator.next().then(note('after')),
  ]);
  expect(results).toEqual([DONE, DONE, DONE, DONE]);
  expect(order.slice(0, 3)).toEqual(['first', 'second', 'return']);
  expect(await iterator.next()).toEqual(DONE);
  expect(await iterator.return()).toEqual(DONE);
});

test.each(iterators)('%s: throw() ends the iterator, and rejects with its argument', async (_name, iterate) => {
  const iterator = iterate();
  const next = iterator.next();
  const why = new Error('enough');
  await expect(iterator.throw(why)).rejects.toBe(why);
  expect(await next).toEqual(DONE);
  expect(await iterator.next()).toEqual(DONE);
});

test.each(iterators)('%s: await using ends the iterator', async (_name, iterate) => {
  let next: Promise<unknown>;
  {
    await using iterator = iterate();
    next = iterator.next();
  }
  expect(await next).toEqual(DONE);
});

test.each(iterators)(
  '%s: the signal and the timeout reject the first pending call and end the others',
  async (_name, iterate) => {
    const controller = new AbortController();
    const aborted = iterate({ signal: controller.signal });
    const [first, second] = [failure(aborted.next()), aborted.next()];
    controller.abort('why');
    expect([await first, await second]).toMatchObject([{ name: 'AbortError', cause: 'why' }, DONE]);
    expect(await failure(iterate({ signal: controller.signal }).next())).toMatchObject({ name: 'AbortError' });
    const timed = iterate({ timeout: 1 });
    expect(await failure(timed.next())).toMatchObject({ name: 'TimeoutError' });
    expect(await timed.next()).toEqual(DONE);
    expect(() => iterate({ signal: {} as never })).toThrow(TypeError);
    expect(() => iterate({ signal: null as never })).toThrow(TypeError);
  },
);

test('concurrent calls of next() receive connections and datagrams in order', async () => {
  const { server, address } = tcpServer();
  const connections = server.connections();
  const nexts = [connections.next(), connections.next(), connections.next()];
  const clients = [await client(address), await client(address)];
  const given = await Promise.all(nexts.slice(0, 2));
  for (const [i, { value }] of given.entries()) {
    expect((value as s.AcceptedSocket).address).toEqual(clients[i]!.getsockname());
    keep((value as s.AcceptedSocket).socket);
  }
  server.close();
  expect(await nexts[2]).toEqual(DONE);

  const [a, b] = unixPair(s.SOCK_DGRAM);
  const datagrams = b.datagrams();
  const texts = [datagrams.next(), datagrams.next()].map((next) => next.then(({ value }) => String(value?.data)));
  for (const text of ['one', 'two']) await a.send(text);
  expect(await Promise.all(texts)).toEqual(['one', 'two']);
});

test('after return() a connection stays in the backlog, and the next iterator gets it', async () => {
  const { server, address } = tcpServer();
  const first = server.connections();
  const next = first.next();
  await first.return();
  expect(await next).toEqual(DONE);
  const socket = await client(address);
  const { value } = await server.connections().next();
  keep(value!.socket);
  expect(value!.address).toEqual(socket.getsockname());
});

test('a connection that is accepted in the same turn as return() is called is closed', async () => {
  const { server, address } = tcpServer();
  const peer = await client(address);
  const before = openSockets();
  const connections = server.connections();
  const next = connections.next(); // is accepted at once
  const returned = connections.return();
  expect([await next, await returned]).toEqual([DONE, DONE]);
  expect(openSockets()).toBe(before);
  expect((await peer.recv().catch(() => '')).length).toBe(0);
});

test('a datagram that arrived before return() was called goes to the pending call', async () => {
  const [a, b] = unixPair(s.SOCK_DGRAM);
  await a.send('hello');
  const datagrams = b.datagrams();
  const [next, second, returned] = [datagrams.next(), datagrams.next(), datagrams.return()];
  expect(String((await next).value?.data)).toBe('hello');
  expect([await second, await returned]).toEqual([DONE, DONE]);
});

test('Readable.from(server.connections()).destroy() ends at once and loses no connection', async () => {
  const { server, address } = tcpServer();
  const stream = Readable.from(server.connections());
  const seen: s.AcceptedSocket[] = [];
  const closed = new Promise((resolve) => stream.on('close', resolve));
  stream.on('data', (accepted: s.AcceptedSocket) => {
    keep(accepted.socket);
    seen.push(accepted);
  });
  const first = await client(address);
  while (seen.length === 0) await new Promise(setImmediate);
  stream.destroy();
  await closed;
  const second = await client(address);
  const { socket, address: name } = await server.accept({ timeout: 60_000 });
  keep(socket);
  expect([seen.map(({ address: of }) => of), name]).toEqual([[first.getsockname()], second.getsockname()]);
});

test('an iterator whose next() is not called again waits for nothing', async () => {
  const { server, address } = tcpServer();
  const connections = server.connections();
  const next = connections.next();
  await client(address);
  keep((await next).value!.socket);
  const second = await client(address);
  expect(await isSettled(second.recv())).toBe(false);
  expect((await server.accept()).address).toEqual(second.getsockname());
});

test('a long-lived signal has no listener between the calls', async () => {
  const { server, address } = tcpServer();
  const { signal } = new AbortController();
  let listeners = 0;
  const [add, remove] = [signal.addEventListener, signal.removeEventListener];
  signal.addEventListener = function (this: AbortSignal, ...rest: Parameters<typeof add>) {
    listeners++;
    return add.apply(this, rest);
  } as typeof add;
  signal.removeEventListener = function (this: AbortSignal, ...rest: Parameters<typeof remove>) {
    listeners--;
    return remove.apply(this, rest);
  } as typeof remove;
  const connections = server.connections({ signal });
  const next = connections.next();
  expect(listeners).toBe(1);
  await client(address);
  keep((await next).value!.socket);
  expect(listeners).toBe(0);
});

test('an error that arrived before return() was called rejects the pending call', async () => {
  const closed = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  closed.bind({ family: s.AF_INET, address: '127.0.0.1', port: 0 });
  using socket = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  await socket.connect(closed.getsockname()!);
  closed.close();
  socket.sendSync('x'); // nobody is there: the next call has the error
  const datagrams = socket.datagrams();
  const next = datagrams.next();
  const returned = datagrams.return();
  await expect(next).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(await returned).toEqual({ done: true, value: undefined });
});

test.each(iterators)('%s: return() during a wait leaves no listener on the signal', async (_name, iterate) => {
  const { signal } = new AbortController();
  for (const end of [
    (it: AsyncGenerator) => it.return(undefined),
    (it: AsyncGenerator) => it.throw('end').catch(() => {}),
  ]) {
    const iterator = iterate({ signal });
    const next = iterator.next();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await end(iterator);
    expect(await next).toEqual(DONE);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  }
});
