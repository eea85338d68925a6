/** A loop over sockets does not starve timers and other sockets, and postponed work costs no epoll_ctl. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import * as s from '../../lib/index.ts';
import { need, node } from '../helpers/need.ts';
import { output } from '../helpers/scripts.ts';
import { keep, readAll } from '../helpers/sockets.ts';

/** How often the native functions of the reactor are called. */
const calls = vi.hoisted(() => ({ control: 0, renew: 0 }));

vi.mock('../../lib/native/native.ts', async (original) => {
  const real = await original<typeof import('../../lib/native/native.ts')>();
  const { reactorControl, reactorRenew } = real.native;
  const native: typeof real.native = {
    ...real.native,
    reactorControl(...args) {
      calls.control++;
      return reactorControl(...args);
    },
    reactorRenew(id) {
      calls.renew++;
      return reactorRenew(id);
    },
  };
  return { ...real, native };
});

describe('a loop whose operations all complete at once', () => {
  // Collected Sockets emit a warning, so both ends are kept.
  const loops = {
    'sends and receives of one socket': `
      const [a, b] = s.Socket.pair();
      const step = async () => { await a.send('x'); await b.recv(1); };`,
    'ever new sockets': `
      const step = async () => {
        const [a, b] = s.Socket.pair();
        await a.send('x');
        await b.recv(1);
        a.close();
        b.close();
      };`,
    batches: `
      const a = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
      a.bind(loopback);
      const batch = new s.MessageBatch({ messages: 64, size: 64 });
      for (let i = 0; i < 64; i++) batch.push('x', a.getsockname());
      const step = () => a.sendmmsg(batch);`,
    'reads with MSG_DONTWAIT that find nothing': `
      const [a] = (globalThis.kept = s.Socket.pair());
      const step = () => a.recv(1, s.MSG_DONTWAIT).catch(() => {});`,
    'reads with MSG_DONTWAIT behind a read that waits': `
      const [a] = (globalThis.kept = s.Socket.pair());
      a.recv().catch(() => {});
      setTimeout(() => a.close(), 15);
      const step = () => a.recv(1, s.MSG_DONTWAIT).catch(() => {});`,
    'reads of the error queue, which is empty': `
      const a = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
      const message = { buffers: [], controlLength: 64 };
      const step = () => a.recvmsg(message, s.MSG_ERRQUEUE).catch(() => {});`,
    'reads with MSG_PEEK': `
      const [a, b] = (globalThis.kept = s.Socket.pair());
      a.sendSync('x');
      const step = () => b.recv(1, s.MSG_PEEK);`,
    'reads into an empty buffer': `
      const [a, b] = (globalThis.kept = s.Socket.pair());
      a.sendSync('x');
      const step = () => b.recvInto(new Uint8Array(0));`,
    'writes of nothing': `
      const [a] = (globalThis.kept = s.Socket.pair());
      const step = () => a.send('');`,
    'writes that fail': `
      const a = new s.Socket(s.AF_INET, s.SOCK_STREAM);
      const data = Buffer.from('x');
      const step = () => a.sendAll(data).catch(() => {});`,
    'reads of all kinds from many sockets': `
      const pairs = Array.from({ length: 400 }, () => s.Socket.pair());
      for (const [a] of pairs) a.sendSync('x');
      let i = 0;
      const step = () => {
        const [, b] = pairs[i++ % pairs.length];
        return i % 2 === 0 ? b.recv(1, s.MSG_PEEK) : b.recv(1, s.MSG_PEEK | s.MSG_DONTWAIT);
      };`,
  };
  test.each(Object.entries(loops))('%s: timers still run', async (_, setUp) => {
    const script = `${setUp}
      let ended = false;
      setTimeout(() => { ended = true; }, 10);
      const late = Date.now() + 60_000;
      while (!ended && Date.now() < late) await step();
      console.log(ended);`;
    expect(await output(script)).toBe('true');
  });

  test('one sendAll to a reader that keeps up sends a bounded part in one turn', async () => {
    const [a, b] = s.Socket.pair();
    keep(a, b);
    let turns = 0;
    let reading = true;
    const read = (async () => {
      for (let left = 64 << 20; left > 0; ) left -= (await b.recv()).length;
      reading = false;
    })();
    const counting = (async () => {
      for (; reading; turns++) await turn();
    })();
    await Promise.all([a.sendAll(Buffer.alloc(64 << 20)), read, counting]);
    expect(turns, 'turns for 64 MiB').toBeGreaterThan(60);
  });
});

test('a thousand sockets, each with much to read, make a bounded number of calls in one turn', async () => {
  const width = 1000;
  const pairs = Array.from({ length: width }, () => s.Socket.pair());
  const message = Buffer.alloc(40);
  for (const [a] of pairs) await a.sendAll(message);
  await turn();
  let reads = 0;
  const loops = pairs.map(async ([, b]) => {
    for (let i = 0; i < message.length; i++) {
      await b.recv(1);
      reads++;
    }
  });
  const perTurn: number[] = [];
  for (let before = 0; before < width * message.length; before = reads) {
    await turn();
    perTurn.push(reads - before);
  }
  await Promise.all(loops);
  for (const socket of pairs.flat()) socket.close();
  // 2,048, and eight for each socket that was ready.
  expect(Math.max(...perTurn)).toBeLessThan(12 * width);
});

test('sends that are not awaited stay pending beyond the limit of one turn, and close rejects them', async () => {
  const [a, b] = s.Socket.pair();
  keep(a, b);
  const sends = Array.from({ length: 300 }, () => a.send('x').catch((error) => error));
  a.close();
  const results = await Promise.all(sends);
  const rejected = results.filter((result) => result instanceof s.ClosedError);
  expect(rejected[0]).toMatchObject({ syscall: 'send' });
  expect([results.filter((n) => n === 1).length, rejected.length]).toEqual([256, 44]);
  expect((await readAll(b)).length).toBe(256);
});

describe('calls of epoll_ctl', () => {
  test.for([64, 300, 1000])('an echo over %d connections costs one for each connection', async (width, context) => {
    need(context, node); // elsewhere a thread waits, and every event is requested again
    const pairs = Array.from({ length: width }, () => s.Socket.pair());
    calls.control = 0;
    const echo = async (socket: s.Socket) => {
      for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) await socket.sendAll(data);
    };
    const ask = async (socket: s.Socket) => {
      for (let i = 0; i < 5; i++) {
        await socket.sendAll('hello');
        await socket.recv();
      }
      socket.shutdown(s.SHUT_WR);
    };
    await Promise.all(pairs.flatMap(([a, b]) => [echo(b), ask(a)]));
    const counted = calls.control;
    for (const socket of pairs.flat()) socket.close();
    expect(counted).toBeLessThanOrEqual(2 * width + 4);
  });

  test('sockets that are closed while the first ready one is handled cost one each, and no other is registered again', async (context) => {
    need(context, node);
    const pairs = Array.from({ length: 300 }, () => s.Socket.pair());
    const [[, first]] = pairs as [[s.Socket, s.Socket]];
    const waits = pairs.slice(1).map(([, b]) => b.recv().then(String, ({ name }) => name));
    const closed = first.recv().then(() => {
      for (const [, b] of pairs.slice(200)) b.close();
    });
    await turn();
    calls.control = 0;
    calls.renew = 0;
    for (const [a] of pairs) a.sendSync('x');
    await closed;
    const told = await Promise.all(waits);
    expect([calls.control, calls.renew], 'DEL of each').toEqual([100, 0]);
    expect(told).toEqual(told.map((_, i) => (i < 199 ? 'x' : 'ClosedError')));
    for (const socket of pairs.flat()) socket.close();
  });

  test('sockets that are closed in the turn of their events, beside 1,000 idle ones, cost one each', async (context) => {
    need(context, node);
    const idle = Array.from({ length: 500 }, () => s.Socket.pair());
    const waits = idle.flat().map((socket) => socket.recv().catch(() => {}));
    calls.control = 0;
    calls.renew = 0;
    for (let i = 0; i < 20; i++) {
      const [[a, b], [c, d]] = [s.Socket.pair(), s.Socket.pair()];
      let called = 0;
      const both = () => {
        called++;
        b.close();
        d.close();
      };
      b.onReadable(both);
      d.onReadable(both);
      a.close();
      c.close();
      for (let turns = 0; called === 0 && turns < 100; turns++) await turn();
      expect(called).toBe(1);
    }
    const counted = [calls.control, calls.renew];
    for (const socket of idle.flat()) socket.close();
    await Promise.all(waits);
    expect(counted, '2 sockets: ADD and DEL').toEqual([80, 0]);
  });
});
