import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { need, node } from '../helpers/need.ts';
import { output, run, sleep, start, unixPair } from '../helpers/sockets.ts';

/** What is started before the program: the reactor of Node, and that of Bun and Deno. */
const threadReactor = join(import.meta.dirname, '../helpers/thread-reactor.js');
const reactors: [name: string, flags: string[]][] = [
  ['uv_poll', []],
  ['the thread', ['--import', threadReactor]],
];

/** Whether a program that says when it waits is still there so many milliseconds after, and what it said. */
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
    await waiting;`;
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

  test('an operation that waits keeps the process alive, and unref ends that', { timeout: 120_000 }, async () => {
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

  test('ref and unref while an operation waits, and of one socket among others', async () => {
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

  test('an operation of an unrefed socket is done as long as something else keeps the process alive', async () => {
    const script = `
      const [a, b] = s.Socket.pair(s.SOCK_DGRAM);
      b.unref();
      const received = b.recv();
      setTimeout(() => a.sendSync('x'), 20);
      console.log(String(await Promise.race([received, sleep(2000, 'late')])));
      const late = b.recv(8, 0, { timeout: 30 }).catch((error) => error.name);
      console.log(await Promise.race([late, sleep(2000, 'never')]));
      b.ref();
      setTimeout(() => a.sendSync('y'), 20).unref();
      console.log(String(await b.recv()));
      a.close(); b.close();`;
    expect((await output(script, flags)).split('\n')).toEqual(['x', 'TimeoutError', 'y']);
  });

  test('the next owner of the number is not unrefed', async () => {
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

  test('a stream', async () => {
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

test('hasRef, and what they return; a closed socket has no part in it', () => {
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
