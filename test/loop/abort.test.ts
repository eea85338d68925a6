/** One AbortSignal for many operations of every kind. */
import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as promises from '../../lib/promises.ts';
import { output } from '../helpers/scripts.ts';
import { failure, keep, tcpServer, udp, unixPair } from '../helpers/sockets.ts';

test('a signal has one listener for any number of operations, and none when they have finished', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const [a, b] = unixPair();
  const { server } = tcpServer();
  const received = Array.from({ length: 20 }, () => a.recv(1, 0, { signal }));
  await b.sendAll('x');
  expect(String(await received[0])).toBe('x');
  const pending: Promise<unknown>[] = received.slice(1);
  pending.push(server.accept({ signal }), server.connections({ signal }).next(), udp().socket.readable({ signal }));
  for (let i = 0; i < 20; i++) pending.push(promises.getaddrinfo('127.0.0.1', 80, { signal }));
  pending.push(s.createConnection({ host: 'localhost', port: 'no-such-service', signal }));
  keep(s.createServer({ host: '127.0.0.1', port: 0, signal })).close();
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  controller.abort('why');
  const errors = await Promise.all(pending.map(failure));
  expect(new Set(errors.map(({ name, cause }) => `${name} ${cause}`))).toEqual(new Set(['AbortError why']));
  expect(new Set(errors.map(({ syscall }) => syscall))).toEqual(
    new Set(['recv', 'accept', 'readable', 'getaddrinfo', 'connect']),
  );
  expect(errors[0]!.message).toBe('recv: the operation was aborted');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('an operation that has finished leaves no listener behind', async () => {
  const { signal } = new AbortController();
  const [a, b] = unixPair();
  for (let i = 0; i < 3; i++) {
    const received = a.recv(1, 0, { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await b.send('x');
    await received;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  }
});

test('a signal for many operations does not make Node warn of a leak', async () => {
  const script = `
    const controller = new AbortController();
    const { signal } = controller;
    const [a, b] = s.Socket.pair();
    const pending = Array.from({ length: 30 }, () => a.recv(1, 0, { signal }).catch(({ name }) => name));
    const servers = Array.from({ length: 15 }, () => s.createServer({ host: '127.0.0.1', port: 0, signal }));
    controller.abort();
    console.log(new Set(await Promise.all(pending)).size, servers.every(({ closed }) => closed));
    for (const socket of [a, b]) socket.close();`;
  expect(await output(script)).toBe('1 true');
});

/** A signal that is not an AbortSignal of the runtime. */
function signalOf(rest: object): AbortSignal {
  return { aborted: false, reason: 'why', addEventListener() {}, removeEventListener() {}, ...rest } as never;
}

test('a signal that is aborted while its listener is added ends that operation and the next one', async () => {
  const fires = () => signalOf({ addEventListener: (_type: string, listener: () => void) => listener() });
  const [a, b] = unixPair();
  const one = fires();
  for (const signal of [one, one, fires()]) {
    expect(await failure(a.recv(1, 0, { signal }))).toMatchObject({
      name: 'AbortError',
      cause: 'why',
      syscall: 'recv',
    });
    expect(await failure(a.readable({ signal }))).toMatchObject({ name: 'AbortError', syscall: 'readable' });
    expect(await failure(promises.getaddrinfo('127.0.0.1', 80, { signal }))).toMatchObject({ name: 'AbortError' });
    expect(await failure(s.createConnection({ host: 'localhost', port: 'no-such-service', signal }))).toMatchObject({
      name: 'AbortError',
    });
    expect(s.createServer({ host: '127.0.0.1', port: 0, signal }).closed).toBe(true);
    a.onReadable(() => expect.fail('it was aborted'), { signal });
  }
  await b.sendAll('x');
  expect(String(await a.recv())).toBe('x');
});

test('an `aborted` that is not a boolean is converted to one', async () => {
  const [a, b] = unixPair();
  await b.sendAll('x');
  a.onReadable(() => expect.fail('it was aborted'), { signal: signalOf({ aborted: 1 }) });
  let abort = () => {};
  const addEventListener = (_type: string, listener: () => void) => {
    abort = listener;
  };
  const signal = signalOf({ aborted: undefined, addEventListener });
  await new Promise<void>((resolve) => a.onReadable(resolve, { signal }));
  abort();
  const called = new Promise<void>((resolve) => {
    a.onReadable(resolve, { signal });
  });
  await called;
  expect(await failure(a.recv(1, 0, { signal: signalOf({ aborted: 1 }) }))).toMatchObject({ name: 'AbortError' });
});

test('a signal whose removeEventListener throws does not prevent an operation from ending, and its error is reported', async () => {
  const script = `
    const told = [];
    process.on('uncaughtException', ({ message }) => told.push(message));
    const signal = {
      addEventListener() {},
      removeEventListener() {
        throw new Error('not removed');
      },
    };
    const [a, b] = s.Socket.pair();
    const received = a.recv(1, 0, { signal });
    await b.sendAll('x');
    console.log(String(await received));
    await a.recv(1, 0, { signal, timeout: 1 }).catch(({ name }) => console.log(name));
    a.onReadable(() => {}, { signal }).stop();
    await sleep(1);
    console.log(told.join());`;
  expect(await output(script)).toBe('x\nTimeoutError\nnot removed,not removed,not removed');
});
