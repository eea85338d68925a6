/** One AbortSignal for many operations of every kind. */
import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as promises from '../../lib/promises.ts';
import { failure, keep, output, tcpServer, udp, unixPair } from '../helpers/sockets.ts';

test('a signal has one listener, however many operations wait for it, and none when they are done', async () => {
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

test('an operation that was done leaves no listener behind', async () => {
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

test('a signal for many is no leak to Node: nothing is said', async () => {
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
