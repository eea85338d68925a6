import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { need, node } from '../helpers/need.ts';
import { output, run, start } from '../helpers/scripts.ts';
import { sleep, unixPair } from '../helpers/sockets.ts';

/** What is loaded before the program: nothing for the reactor of Node, or the file that selects that of Bun and Deno. */
const threadReactor = join(import.meta.dirname, '../helpers/thread-reactor.js');
const reactors: [name: string, flags: string[]][] = [
  ['uv_poll', []],
  ['the thread', ['--import', threadReactor]],
];

/** Returns whether a program is still running this many milliseconds after it reported its wait, and what it printed. */
async function outcome(script: string, flags: string[], milliseconds: number): Promise<string> {
  const child = start(script, flags);
  let said = '';
  const waiting = new Promise<void>((resolve) => {
    child.stdout!.on('data', (data: Buffer) => {
      said += data.toString();
      resolve();
    });
  });
  const ended = once(child, 'close').then(() => 'ended');
  await waiting;
  return `${await Promise.race([ended, sleep(milliseconds).then(() => 'alive')])}: ${said.trim().split('\n').join(', ')}`;
}

test('the preloaded file changes the reactor of Node', async (context) => {
  need(context, node);
  const script = `
    const [a, b] = s.Socket.pair();
    const waiting = b.recv();
    console.log(readdirSync('/proc/self/fd').some((fd) => {
      try { return readlinkSync('/proc/self/fd/' + fd).includes('eventpoll'); } catch { return false; }
    }), readdirSync('/proc/self/task').length);
    a.close();
    await waiting;
    b.close();`;
  const [[plain, few], [threaded, many]] = (await Promise.all(
    reactors.map(async ([, flags]) => (await output(script, flags)).split(' ')),
  )) as [[string, string], [string, string]];
  expect([plain, threaded]).toEqual(['true', 'true']);
  expect(Number(many) - Number(few)).toBe(1);
});

describe.each(reactors)('reactor: %s', (_name, flags) => {
  const pending = [
    '(await pairs()).recv()',
    '(await pairs()).readable()',
    '(await pairs()).errorReady()',
    '(await pairs()).recv(1, 0, { timeout: 60_000 })',
    'listener().accept()',
    'fullQueue()',
  ];
  const helpers = `
    const pairs = async () => {
      const [a, b] = s.Socket.pair();
      globalThis.kept = [...(globalThis.kept ?? []), a];
      if (unref) b.unref();
      return b;
    };
    const listener = () => {
      const server = s.createServer({ host: '127.0.0.1', port: 0 });
      return unref ? server.unref() : server;
    };
    const fullQueue = () => {
      const to = new s.Socket(s.AF_UNIX, s.SOCK_DGRAM);
      to.bind({ family: s.AF_UNIX, path: '' });
      globalThis.kept = to;
      const from = new s.Socket(s.AF_UNIX, s.SOCK_DGRAM);
      if (unref) from.unref();
      from.setTimeout(0);
      for (;;) {
        try { from.sendtoSync('x', 0, to.getsockname()); } catch { break; }
      }
      return from.sendto('x', 0, to.getsockname());
    };`;

  test('a pending operation keeps the process alive unless the Socket is unref’d', async () => {
    const script = (operation: string, unref: boolean) => `
      const unref = ${unref};
      ${helpers}
      (async () => ${operation})().catch(() => {});
      await sleep(20);
      process.on('exit', () => console.log('nothing left'));
      console.log('waits');`;
    const outcomes = async (unref: boolean) =>
      Promise.all(pending.map((operation) => outcome(script(operation, unref), flags, unref ? 60_000 : 400)));
    const [kept, free] = await Promise.all([outcomes(false), outcomes(true)]);
    expect(kept).toEqual(pending.map(() => 'alive: waits'));
    expect(free).toEqual(pending.map(() => 'ended: waits, nothing left'));
  });

  test('ref and unref take effect during an operation, and on one Socket among others', async () => {
    const script = `
      const [a, b] = s.Socket.pair();
      const [c, d] = s.Socket.pair();
      const seen = [];
      b.recv().then((data) => seen.push(String(data)), () => {});
      d.recv().then((data) => seen.push(String(data)));
      b.recv().catch(() => {});
      b.unref(); b.unref(); // twice is once
      setTimeout(() => c.sendSync('kept'), 100).unref(); // only d waits for it
      process.on('exit', () => {
        console.log(seen.join(), b.hasRef(), d.hasRef());
        for (const socket of [a, b, c, d]) socket.close();
      });`;
    expect(await output(script, flags)).toBe('kept false true');
  });

  test('an operation on an unref’d Socket completes as long as something else keeps the process alive', async () => {
    const script = `
      const [a, b] = s.Socket.pair(s.SOCK_DGRAM);
      b.unref();
      const received = b.recv();
      setTimeout(() => a.sendSync('x'), 20);
      const done = new AbortController(); // what keeps the process alive: a timer that ends with it
      const otherwise = sleep(60_000, 'late', { signal: done.signal });
      otherwise.catch(() => {});
      console.log(String(await Promise.race([received, otherwise])));
      const late = b.recv(8, 0, { timeout: 30 }).catch((error) => error.name);
      console.log(await Promise.race([late, otherwise]));
      done.abort();
      b.ref();
      setTimeout(() => a.sendSync('y'), 20).unref();
      console.log(String(await b.recv()));
      a.close(); b.close();`;
    expect((await output(script, flags)).split('\n')).toEqual(['x', 'TimeoutError', 'y']);
  });

  test('the next Socket with the same number is not unref’d', async () => {
    const script = `
      const [a, b] = s.Socket.pair();
      const { fd } = b.unref();
      b.recv().catch(() => {});
      b.close();
      const [c, d] = s.Socket.pair();
      const again = [c, d].find((socket) => socket.fd === fd);
      again.recv().then(String, (error) => error.name).then(console.log);
      console.log(again.hasRef());
      setTimeout(() => (again === c ? d : c).sendSync('x'), 100).unref();
      process.on('exit', () => [a, c, d].map((socket) => socket.close()));`;
    expect((await output(script, flags)).split('\n')).toEqual(['true', 'x']);
  });

  test('ref and unref of a stream', async () => {
    const script = `
      const [a, b] = s.Socket.pair();
      const stream = b.makefile();
      stream.unref();
      const alive = setInterval(() => {}, 1000); // until the data has come
      stream.on('data', (data) => {
        console.log(String(data));
        clearInterval(alive);
      });
      a.sendSync('x');
      process.on('exit', () => console.log('end'));`;
    const { status, stdout } = await run(script, flags);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'x\nend' });
  });
});

test('ref and unref return the Socket, and hasRef its state; on a closed Socket they do nothing', () => {
  const [a] = unixPair();
  expect(a.hasRef()).toBe(true);
  expect(a.unref()).toBe(a);
  expect(a.hasRef()).toBe(false);
  expect(a.ref().hasRef()).toBe(true);
  const stream = a.makefile();
  expect(stream.unref()).toBe(stream);
  expect(a.hasRef()).toBe(false);
  expect(stream.ref()).toBe(stream);
  expect(a.hasRef()).toBe(true);
  stream.destroy();
  a.close();
  expect(a.unref().hasRef()).toBe(false);
  const [b, c] = s.Socket.pair();
  expect([b.hasRef(), c.hasRef()]).toEqual([true, true]);
  for (const socket of [b, c]) socket.close();
});
