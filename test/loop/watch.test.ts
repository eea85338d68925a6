/** onReadable and onWritable: callbacks in place of promises. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { pair } from '../helpers/fixtures.ts';
import { output, run } from '../helpers/scripts.ts';
import { failure, nobody, sleep, udp, unixPair } from '../helpers/sockets.ts';

/** Waits until the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; !condition(); await sleep(1)) {
    expect(performance.now(), 'in time').toBeLessThan(end);
  }
}

const threadReactor = join(import.meta.dirname, '../helpers/thread-reactor.js');
const flags = { 'one epoll set': [], 'the thread': ['--import', threadReactor] };

describe('onReadable', () => {
  test('is called in each turn while data is left, and at the end of the stream', async () => {
    const [a, b] = unixPair();
    const buffer = new Uint8Array(10);
    const got: number[] = [];
    const watch = b.onReadable(() => {
      got.push(nothrow.recv(b.fd, buffer));
      if (got.at(-1) === 0) watch.stop();
    });
    await turn();
    expect(got).toEqual([]);
    a.sendSync('x'.repeat(25));
    await until(() => got.length === 3);
    expect(got).toEqual([10, 10, 5]);
    a.sendSync('x'.repeat(15));
    a.close(); // EPOLLHUP, while data is left
    await until(() => got.length === 6);
    expect(got.slice(3)).toEqual([10, 5, 0]);
    await sleep(20);
    expect(got, 'stopped').toHaveLength(6);
    watch.stop();
  });

  test('serves several watches beside a promise; one that is stopped is not called, even in the same turn', async () => {
    const [a, b] = unixPair();
    const calls: string[] = [];
    const first = b.onReadable(() => {
      calls.push('first');
      second.stop();
      b.onReadable(() => calls.push('third'));
      first.stop();
    });
    const second = b.onReadable(() => calls.push('second'));
    const received = b.recv();
    a.sendSync('x');
    expect(String(await received)).toBe('x');
    expect(calls).toEqual(['first']);
    a.sendSync('y');
    await until(() => calls.includes('third'));
    expect(String(await b.recv())).toBe('y');
    const count = calls.length;
    await sleep(20);
    expect(calls, 'nothing is left').toHaveLength(count);
  });

  test('a callback that another one registers is called in the next turn at the earliest', async () => {
    const [a, b] = unixPair();
    let turns = 0;
    const added: number[] = [];
    const called: number[] = [];
    b.onReadable(() => {
      if (added.length > 0) return;
      added.push(turns);
      b.onReadable(() => called.push(turns));
    });
    b.onReadable(() => {}); // so that the list goes on behind the one that registers
    a.sendSync('x');
    for (; called.length === 0; turns++) await turn();
    expect(called[0]).toBeGreaterThan(added[0]!);
    b.close();
  });

  test('is stopped by closing the Socket, even in its own callback, and the number may be reused', async () => {
    const [a, b] = unixPair();
    let calls = 0;
    const watch = b.onReadable(() => {
      calls++;
      b.close();
    });
    a.sendSync('x');
    await until(() => calls === 1);
    const [c, d] = unixPair();
    c.sendSync('x');
    d.sendSync('x');
    await sleep(20);
    expect([calls, String(await c.recv()), String(await d.recv())]).toEqual([1, 'x', 'x']);
    watch.stop();
    expect(() => b.onReadable(() => {})).toThrow(s.ClosedError);
  });

  test('is called for the data that is left beside an error that nobody receives and promises report only once', async () => {
    const { socket, address } = udp();
    socket.setsockopt(s.IPPROTO_IP, s.IP_RECVERR, true);
    await socket.sendto('x', 0, nobody);
    await socket.errorReady();
    expect(await failure(socket.recv())).toMatchObject({ code: 'ECONNREFUSED' });
    const received = socket.recv();
    await sleep(20);
    const sender = udp().socket;
    for (const word of ['one', 'two', 'three']) sender.sendtoSync(word, 0, address);
    expect(String(await received)).toBe('one');
    const got: string[] = [];
    const buffer = Buffer.alloc(9);
    const watch = socket.onReadable(() => {
      const n = nothrow.recv(socket.fd, buffer);
      if (n > 0) got.push(buffer.toString('utf8', 0, n));
    });
    await until(() => got.length === 2);
    expect(got).toEqual(['two', 'three']);
    watch.stop();
  });

  test('is called for a plain file descriptor until it is stopped', async () => {
    const [a, b] = pair();
    const got: number[] = [];
    {
      using _ = s.onReadable(b, () => got.push(nothrow.recv(b, new Uint8Array(9))));
      nothrow.send(a, 'abc');
      await until(() => got.length === 1);
    }
    nothrow.send(a, 'abc');
    await sleep(20);
    expect(got).toEqual([3]);
  });

  /** A plain file descriptor that was closed and is open again with its number, beside watches that do not know that. */
  function closedElsewhere(watch: (fd: number) => void): number {
    const [a] = pair();
    watch(a);
    nothrow.close(a);
    const [again] = pair();
    expect(again).toBe(a);
    return again;
  }

  test('whoever is stopped by the onError of another one gets no error', async () => {
    const errors: string[] = [];
    const others: s.Watch[] = [];
    const fd = closedElsewhere((a) => {
      const controller = new AbortController();
      const onError = ({ name }: Error) => {
        errors.push(name);
        for (const other of others) other.stop();
        controller.abort();
      };
      s.onReadable(a, () => {}, { onError });
      others.push(
        s.onReadable(a, () => {}),
        s.onReadable(a, () => {}, { onError }),
      );
      s.onReadable(a, () => {}, { onError, signal: controller.signal });
    });
    using _ = s.onReadable(fd, () => {});
    await until(() => errors.length > 0);
    await turn();
    expect(errors).toEqual(['ClosedError']);
  });

  test('what onError registers for the new file descriptor with the same number is called', async () => {
    const called: string[] = [];
    const watches: s.Watch[] = [];
    const fd = closedElsewhere((a) => {
      s.onReadable(a, () => {}, { onError: () => watches.push(s.onWritable(a, () => called.push('inner'))) });
    });
    watches.push(s.onReadable(fd, () => {}));
    await until(() => called.length > 0);
    for (const watch of watches) watch.stop();
  });

  test('very many callbacks of one socket are registered, called and stopped, each in the same time', async () => {
    // If the time grew with the number of the others, this would take many minutes.
    const most = 150_000;
    const [a, b] = unixPair();
    a.sendSync('x');
    let calls = 0;
    const call = () => {
      calls++;
    };
    const watches = Array.from({ length: most }, () => b.onReadable(call));
    await until(() => calls === most);
    for (const watch of watches) watch.stop();
    const controller = new AbortController();
    for (let i = 0; i < most; i++) b.onReadable(call, { signal: controller.signal });
    controller.abort();
    await turn();
    expect(calls).toBe(most);
  });

  test('throws for what cannot be watched', () => {
    const file = openSync('/dev/null', 'r');
    onTestFinished(() => closeSync(file));
    expect(() => s.onReadable(file, () => {})).toThrow(expect.objectContaining({ code: 'EPERM' }));
    expect(() => s.onReadable(-1, () => {})).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => s.onReadable(1.5, () => {})).toThrow(RangeError);
    const [, b] = unixPair();
    expect(() => b.onReadable('no function' as never)).toThrow(TypeError);
  });
});

test('onWritable is called when there is room', async () => {
  const [a, b] = unixPair();
  const data = Buffer.alloc(100_000, 'x');
  let [sent, received] = [0, 0];
  const watch = a.onWritable(() => {
    const n = nothrow.send(a.fd, data);
    if (n > 0) sent += n;
    if (sent > 2_000_000) watch.stop();
  });
  await until(() => s.poll([{ fd: a.fd, events: s.POLLOUT }], 0)[0] === 0);
  const full = sent;
  await sleep(10);
  expect(sent, 'no room').toBe(full);
  while (received < 2_000_000) received += (await b.recv()).length;
  await until(() => sent > 2_000_000);
});

describe.each(Object.entries(flags))('%s', (_, flag) => {
  test('keeps the process alive until it is stopped, not when it is unref’d', async () => {
    const script = `const [a, b] = s.Socket.pair();
      const watch = b.onReadable(() => {
        console.log(String(b.recvSync()));
        watch.stop();
      });
      setTimeout(() => a.sendSync('came'), 50).unref();
      const [c, d] = s.Socket.pair();
      d.unref().onReadable(() => console.log('never'));
      process.on('exit', () => c.closed);`;
    expect(await output(script, flag)).toBe('came');
  });

  test('what a callback throws is an uncaught exception, and the others are called', async () => {
    const script = `const pairs = [1, 2, 3].map(() => s.Socket.pair());
      for (const [i, [, b]] of pairs.entries()) {
        b.onReadable(() => {
          console.log(i, String(b.recvSync()));
          for (const socket of pairs[i]) socket.close();
          if (i < 2) throw new Error('of ' + i);
        });
      }
      process.on('uncaughtException', ({ message }) => console.log('uncaught', message));
      for (const [a] of pairs) a.sendSync('x');`;
    const lines = (await output(script, flag)).split('\n');
    expect(lines.toSorted()).toEqual(['0 x', '1 x', '2 x', 'uncaught of 0', 'uncaught of 1']);
    const { status, stderr } = await run(
      `const [a, b] = s.Socket.pair();
      b.onReadable(() => { throw new Error('nobody catches this'); });
      a.sendSync('x');`,
      flag,
    );
    expect([status, stderr]).toEqual([1, expect.stringContaining('nobody catches this')]);
  });
});

test('a promise with a timeout works beside a watch', async () => {
  const [a, b] = unixPair();
  const watch = b.onReadable(() => watch.stop());
  expect(await failure(b.recv(9, 0, { timeout: 20 }))).toBeInstanceOf(s.TimeoutError);
  a.sendSync('x');
  expect(String(await b.recv(9, 0, { timeout: 60_000 }))).toBe('x');
});

test('a Socket that is watched is not garbage-collected', async () => {
  const script = `const calls = [];
    const peers = [];
    for (let i = 0; i < 50; i++) {
      const [a, b] = s.Socket.pair();
      const { fd } = b;
      b.onReadable(() => calls.push(nothrow.recv(fd, new Uint8Array(9))));
      peers.push(a);
    }
    for (let i = 0; i < 5; i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (const peer of peers) peer.sendSync('x');
    setTimeout(() => {
      console.log(calls.length, calls.every((n) => n === 1));
      process.exit();
    }, 100);`;
  expect(await output(script, ['--expose-gc'])).toBe('50 true');
});
