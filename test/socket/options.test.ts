/** Options of waiting operations: they are checked whether an operation waits or not, and one signal serves many waits. */
import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { output } from '../helpers/scripts.ts';
import { failure, unixPair } from '../helpers/sockets.ts';

const wrong = [
  [{ timeout: Number.NaN }, 'ERR_OUT_OF_RANGE'],
  [{ timeout: -1 }, 'ERR_OUT_OF_RANGE'],
  [{ timeout: '1' }, 'ERR_INVALID_ARG_TYPE'],
  [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
  [{ signal: null }, 'ERR_INVALID_ARG_TYPE'],
  [{ timeOut: 1 }, 'ERR_INVALID_ARG_VALUE'],
  [null, 'ERR_INVALID_ARG_TYPE'],
  [1, 'ERR_INVALID_ARG_TYPE'],
] as const;

describe.each(wrong)('the options %o reject, whether data is available or not', (options, code) => {
  const given = options as never;
  test('from every method', async () => {
    const [a, b] = unixPair();
    for (const there of [false, true]) {
      if (there) a.sendSync('x');
      for (const promise of [
        b.recv(9, 0, given),
        b.recvInto(new Uint8Array(9), 0, given),
        b.recvfrom(9, 0, given),
        b.recvmsg({ buffers: [new Uint8Array(9)] }, 0, given),
        b.recvFds(9, 1, 0, given),
        b.recvmmsg(new s.MessageBatch({ messages: 1, size: 9 }), 0, given),
        b.readable(given),
        b.writable(given),
        b.errorReady(given),
        a.send('x', 0, given),
        a.sendAll('x', 0, given),
        a.sendmsg({ buffers: ['x'] }, 0, given),
        a.sendFds([0], 'x', 0, given),
        a.accept(given),
        a.connect({ family: s.AF_UNIX, path: '\0nobody' }, given),
        s.readable(b.fd, given),
        s.writable(b.fd, given),
        s.errorReady(b.fd, given),
      ]) {
        expect(await failure(promise)).toMatchObject({ code });
      }
    }
    expect(String(await b.recv(9)), 'nothing was taken').toBe('x');
  });
});

test('setTimeout applies to readable, writable and errorReady', async () => {
  const [, b] = unixPair();
  b.setTimeout(10);
  for (const wait of [b.readable(), b.errorReady()]) expect(await failure(wait)).toBeInstanceOf(s.TimeoutError);
  b.setTimeout(0);
  const controller = new AbortController();
  const waits = failure(b.readable({ signal: controller.signal }));
  controller.abort();
  expect(await waits, 'a timeout of 0 concerns only the Sync methods').toBeInstanceOf(s.AbortError);
});

test('a thousand waits with one signal share one listener, which is removed with the last of them', async () => {
  const [, b] = unixPair();
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = () => getEventListeners(signal, 'abort').length;
  const waits = Array.from({ length: 1000 }, () => failure(b.recv(1, 0, { signal })));
  expect(listeners()).toBe(1);
  controller.abort('why');
  for (const error of await Promise.all(waits)) expect(error).toMatchObject({ name: 'AbortError', cause: 'why' });
  expect(listeners()).toBe(0);
  const next = new AbortController();
  const [c, d] = unixPair();
  const received = [1, 2].map(() => d.recv(1, 0, { signal: next.signal }));
  c.sendSync('xy');
  await Promise.all(received);
  expect(getEventListeners(next.signal, 'abort')).toHaveLength(0);
});

test('10,000 operations with a signal and a timeout leave no file descriptors, listeners or heap behind', async () => {
  const script = `
    import { getEventListeners } from 'node:events';
    const [a, b] = s.Socket.pair();
    const { signal } = new AbortController();
    const fds = () => readdirSync('/proc/self/fd').length;
    const round = async (count) => {
      for (let i = 0; i < count; i++) {
        const received = b.recv(1, 0, { signal, timeout: 60_000 });
        await a.sendAll('x', 0, { signal, timeout: 60_000 });
        await received;
      }
      gc();
      return process.memoryUsage().heapUsed;
    };
    await round(1000);
    const before = [fds(), await round(1000)];
    const heap = await round(Number(process.env.OPERATIONS ?? 5000));
    console.log(fds() - before[0], getEventListeners(signal, 'abort').length, heap - before[1] < 500_000);`;
  expect(await output(script, ['--expose-gc'])).toBe('0 0 true');
});
