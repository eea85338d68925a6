// The owner of a file descriptor: what a Socket takes over, and what happens when its number is closed without its knowledge.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup } from '../helpers/fds.ts';
import { folder } from '../helpers/fixtures.ts';
import { HANGING } from '../helpers/limits.ts';
import { need, node } from '../helpers/need.ts';

const dist = new URL('../../dist/', import.meta.url).href;
const code = (name: string) => expect.objectContaining({ code: name });

function take(fd: unknown): s.Socket {
  return new s.Socket(s.AF_UNIX, s.SOCK_STREAM, 0, fd as number);
}

describe('a file descriptor that is taken over', () => {
  test.each(['x', '3', 1n, true, {}, Symbol('fd')])('throws a TypeError if it is not a number: %o', (fd) => {
    expect(() => take(fd)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining('"fd"') }),
    );
  });

  test.each([1.5, Number.NaN, 2 ** 31, -(2 ** 31) - 1, Number.POSITIVE_INFINITY])(
    'throws a RangeError for %d',
    (fd) => {
      expect(() => take(fd)).toThrow(
        expect.objectContaining({ name: 'RangeError', message: expect.stringContaining('"fd"') }),
      );
    },
  );

  test.each([-1, -5, -(2 ** 31), 5e8, 1 << 30, 2 ** 31 - 1])('throws EBADF for %d, and reserves no memory', (fd) => {
    const before = process.memoryUsage().rss;
    expect(() => take(fd)).toThrow(code('EBADF'));
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('has only one Socket', () => {
    const [a, b] = s.Socket.pair();
    using _ = b;
    expect(() => take(a.fd)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining('no other Socket') }),
    );
    expect(() => s.Socket.fromFd(a.fd)).toThrow(code('ERR_INVALID_ARG_VALUE'));
    expect(s.getsockopt(a.fd, s.SOL_SOCKET, s.SO_TYPE), 'the socket is unchanged').toBe(s.SOCK_STREAM);
    const fd = a.detach();
    using again = take(fd);
    expect(again.fd).toBe(fd);
    expect(() => take(fd)).toThrow(code('ERR_INVALID_ARG_VALUE'));
  });

  test('is not closed if it was rejected', () => {
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    cleanup(a, b);
    const first = take(a);
    for (let i = 0; i < 10; i++) expect(() => take(a)).toThrow(code('ERR_INVALID_ARG_VALUE'));
    first.detach();
    expect(s.fcntl(a, s.F_GETFD)).toBe(s.FD_CLOEXEC);
  });
});

describe('a file descriptor that was closed without the knowledge of its Socket', () => {
  const others: [string, () => number, (fd: number) => void][] = [
    ['a file of Node', () => openSync('/dev/null', 'r'), closeSync],
    ['dup', () => s.dup(0), s.close],
    ['socket', () => s.socket(s.AF_UNIX, s.SOCK_STREAM), s.close],
    ['accept', acceptOne, s.close],
  ];

  function acceptOne(): number {
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    cleanup(b);
    return a;
  }

  test.each(others)('may belong to another owner, who keeps it: %s', (_, open, close) => {
    const socket = new s.Socket(s.AF_UNIX, s.SOCK_STREAM);
    const number = socket.fd;
    s.close(number);
    const fd = open();
    expect(fd).toBe(number);
    expect(() => socket.close()).toThrow(code('EBADF'));
    expect(socket.closed).toBe(true);
    expect(s.fcntl(fd, s.F_GETFD)).toBeGreaterThanOrEqual(0);
    close(fd);
  });

  test('may belong to another Socket, which keeps it', () => {
    const [first, second] = s.Socket.pair();
    const number = first.fd;
    s.close(number);
    using other = new s.Socket(s.AF_UNIX, s.SOCK_DGRAM);
    expect(other.fd).toBe(number);
    expect(() => first.close()).toThrow(code('EBADF'));
    expect(other.getsockname()).toEqual({ family: s.AF_UNIX, path: '' });
    s.close(second.fd);
    using third = new s.Socket(s.AF_UNIX, s.SOCK_DGRAM);
    expect(() => second.detach()).toThrow(s.ClosedError);
    expect(() => s.Socket.fromFd(third.fd)).toThrow(code('ERR_INVALID_ARG_VALUE'));
  });

  test('is not used by the first Socket, which behaves as a closed one', async () => {
    const [first, peer] = s.Socket.pair();
    const pending = first.recv().catch((error) => error);
    s.close(first.fd);
    const [other, sender] = s.Socket.pair();
    expect([other.fd, sender.fd]).toContain(first.fd);
    await sender.send('x');
    await other.send('x');
    const attempts = [
      first.recv(),
      first.send('y'),
      first.readable(),
      (async () => first.recvSync())(),
      (async () => first.shutdown(s.SHUT_RDWR))(),
      (async () => first.getsockname())(),
      (async () => first.onReadable(() => {}))(),
    ].map((attempt) => attempt.then(String, (error) => error));
    for (const error of [await pending, ...(await Promise.all(attempts))]) expect(error).toBeInstanceOf(s.ClosedError);
    expect([String(await other.recv()), String(await sender.recv())]).toEqual(['x', 'x']);
    for (const socket of [peer, other, sender]) socket.close();
    expect(() => first.close()).toThrow(code('EBADF'));
  });

  test('is not closed when the worker ends', (context) => {
    need(context, node);
    const here = folder();
    writeFileSync(
      join(here, 'worker.mjs'),
      `import { once } from 'node:events';
      import { parentPort } from 'node:worker_threads';
      import { close, Socket, AF_UNIX, SOCK_STREAM } from '${dist}index.js';
      globalThis.socket = new Socket(AF_UNIX, SOCK_STREAM);
      close(socket.fd);
      parentPort.postMessage(socket.fd);
      await once(parentPort, 'message');
      process.exit();`,
    );
    writeFileSync(
      join(here, 'main.mjs'),
      `import { once } from 'node:events';
      import { fstatSync, openSync } from 'node:fs';
      import { Worker } from 'node:worker_threads';
      const worker = new Worker(new URL('worker.mjs', import.meta.url));
      const [number] = await once(worker, 'message');
      let fd = -1;
      while (fd < number) fd = openSync('/dev/null', 'r');
      worker.postMessage(0);
      await once(worker, 'exit');
      fstatSync(number);
      console.log(fd === number);`,
    );
    const child = spawnSync(process.execPath, [join(here, 'main.mjs')], { encoding: 'utf8', timeout: HANGING });
    expect(child.stderr).toBe('');
    expect(child.stdout).toBe('true\n');
  });
});

/** Returns how often the garbage collector scans the whole heap while a program runs. */
function collections(program: string): number {
  const here = folder();
  writeFileSync(
    join(here, 'main.mjs'),
    `import { constants, PerformanceObserver } from 'node:perf_hooks';
    import { setTimeout } from 'node:timers/promises';
    import { Socket, AF_UNIX, SOCK_DGRAM } from '${dist}index.js';
    let major = 0;
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) major++;
    }).observe({ entryTypes: ['gc'] });
    const open = () => new Socket(AF_UNIX, SOCK_DGRAM);
    const most = Number(process.report.getReport().userLimits.open_files.soft);
    const many = Math.min(10_000, (Number.isNaN(most) ? 10_000 : most) - 100);
    ${program}
    await setTimeout(10);
    console.log(major);`,
  );
  const child = spawnSync(process.execPath, [join(here, 'main.mjs')], { encoding: 'utf8', timeout: HANGING });
  expect(child.stderr).toBe('');
  return Number(child.stdout);
}

test('ten thousand Sockets cause no more garbage collections than a few hundred do', (context) => {
  need(context, node);
  // With 64 KiB for each there would be nine to eleven.
  expect(collections('globalThis.sockets = Array.from({ length: many }, open);')).toBeLessThan(4);
});

test('a Socket releases the external memory that it reported, in whatever order Sockets are closed', (context) => {
  need(context, node);
  // With a difference of 62 KiB in each turn there would be dozens.
  const turns = `
    const sockets = Array.from({ length: 256 }, open);
    for (let i = 0; i < 20_000; i++) {
      sockets.push(open());
      sockets.shift().close();
    }`;
  expect(collections(turns)).toBeLessThan(6);
});
