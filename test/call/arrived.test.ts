// Received file descriptors belong to the environment until the program has taken them: those that a worker has not
// taken when it ends are closed, and those that it has taken are not.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup, openFds } from '../helpers/fds.ts';
import { folder } from '../helpers/fixtures.ts';
import { HANGING } from '../helpers/limits.ts';
import { need, node } from '../helpers/need.ts';

const dist = new URL('../../dist/', import.meta.url).href;
const ways = ['end', 'exit', 'terminate'] as const;
const rights = (...fds: number[]): s.ControlMessage[] => [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds }];

/**
 * Checks that a worker that received three file descriptors for each message leaves this many open in the process,
 * however it ends. `receive` is a body in which `a` and `b` are connected, `keep` holds what must not be collected, and
 * `send(n)` sends n messages.
 */
function expectLeft(expected: number, receive: string): void {
  const here = folder();
  const mark = join(here, 'mark'); // the file whose descriptors are sent
  writeFileSync(mark, '');
  writeFileSync(
    join(here, 'worker.mjs'),
    `import { closeSync, openSync } from 'node:fs';
    import { parentPort, workerData } from 'node:worker_threads';
    import * as s from '${dist}index.js';
    import * as nothrow from '${dist}nothrow.js';
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
    const fds = [0, 1, 2].map(() => openSync('${mark}', 'r'));
    const send = (n) => {
      for (let i = 0; i < n; i++) {
        s.sendmsg(a, { buffers: ['x'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds }] });
      }
      fds.forEach((fd) => closeSync(fd));
    };
    const controlLength = s.CMSG_SPACE(12);
    globalThis.keep = [];
    const done = () => {
      if (workerData === 'exit') process.exit();
      if (workerData === 'end') return;
      parentPort.postMessage(0);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    };
    { ${receive} }
    s.close(a);
    s.close(b);
    done();`,
  );
  writeFileSync(
    join(here, 'main.mjs'),
    `import { once } from 'node:events';
    import { readdirSync, readlinkSync } from 'node:fs';
    import { setTimeout } from 'node:timers/promises';
    import { Worker } from 'node:worker_threads';
    const target = (fd) => {
      try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; }
    };
    const count = () => readdirSync('/proc/self/fd').filter((fd) => target(fd) === '${mark}').length;
    const run = async (workerData) => {
      const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData });
      if (workerData === 'terminate') {
        await once(worker, 'message');
        await worker.terminate();
      } else {
        await once(worker, 'exit');
      }
    };
    const left = [];
    const expected = ${expected};
    for (const way of ${JSON.stringify(ways)}) {
      const before = count();
      await run(way);
      // Bun reports the end before the worker has gone completely.
      for (let i = 0; i < 6000 && count() - before !== expected; i++) await setTimeout(10);
      left.push(count() - before);
    }
    console.log(JSON.stringify(left));`,
  );
  const child = spawnSync(process.execPath, [join(here, 'main.mjs')], { encoding: 'utf8', timeout: HANGING });
  expect(child.stderr).toBe('');
  expect(JSON.parse(child.stdout)).toEqual([expected, expected, expected]);
}

test('all file descriptors of a batch are closed, except those of a message whose control data was read', (context) => {
  need(context, node);
  const batch = 'const batch = new s.MessageBatch({ messages: 4, size: 8, controlLength }); keep.push(batch); send(3);';
  expectLeft(3, `${batch} s.recvmmsg(b, batch, s.MSG_DONTWAIT); batch.control(1);`);
});

test('file descriptors that recvmsg and recvFds returned belong to the program', (context) => {
  need(context, node);
  expectLeft(
    15,
    `send(5);
      s.recvmsg(b, { buffers: [new Uint8Array(8)], controlLength: controlLength });
      nothrow.recvmsg(b, { buffers: [new Uint8Array(8)], control: new Uint8Array(controlLength) });
      const socket = s.Socket.fromFd(s.dup(b));
      await socket.recvFds(8, 3);
      socket.recvFdsSync(8, 3);
      await socket.recvmsg({ buffers: [new Uint8Array(8)], controlLength: controlLength });
      socket.close();`,
  );
});

test('all file descriptors are closed if a worker ends in a setter of the message', (context) => {
  need(context, node);
  expectLeft(
    0,
    `send(1);
      const control = new Uint8Array(controlLength);
      const message = {
        buffers: [new Uint8Array(8)],
        control,
        set flags(value) {
          if (value === 0) return;
          s.close(a);
          s.close(b);
          done();
          process.exit();
        },
      };
      nothrow.recvmsg(b, message, s.MSG_CMSG_CLOEXEC);`,
  );
});

test('all file descriptors are closed if a worker ends before it has awaited a promise', (context) => {
  need(context, node);
  expectLeft(
    0,
    `const [one, two] = s.Socket.pair();
      const socket = s.Socket.fromFd(s.dup(b));
      void socket.recvFds(8, 3);
      one.onReadable(() => {
        s.close(a);
        s.close(b);
        done();
        process.exit();
      });
      send(1);
      await two.send('x');
      await new Promise(() => setTimeout(() => {}, 1e6));`,
  );
});

/** `stream`, to which the three file descriptors are sent. */
const STREAM = `
  const [one, two] = s.Socket.pair();
  const stream = two.makefile({ fds: 3 });
  keep.push(one, stream);
  s.sendmsg(one.fd, { buffers: ['x'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds }] });
  send(0);`;

test('file descriptors that a stream has read but not passed to its program are closed', (context) => {
  need(context, node);
  expectLeft(
    0,
    `${STREAM}
      while (nothrow.recv(two.fd, new Uint8Array(1), s.MSG_PEEK | s.MSG_DONTWAIT) > 0) await new Promise(setImmediate);`,
  );
});

test('file descriptors that a stream has passed to its program belong to the program', (context) => {
  need(context, node);
  expectLeft(
    3,
    `${STREAM}
      const given = new Promise((resolve) => stream.on('fds', resolve));
      stream.on('data', () => {});
      await given;
      stream.destroy();
      one.close();`,
  );
});

test('file descriptors are closed if a setter throws', () => {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
  cleanup(a, b);
  s.sendmsg(a, { buffers: ['x'], control: rights(0, 1) });
  const before = openFds().size;
  const message = {
    buffers: [new Uint8Array(8)],
    control: new Uint8Array(s.CMSG_SPACE(8)),
    set flags(value: number) {
      if (value !== 0) throw new Error('the result cannot be stored');
    },
  };
  expect(() => nothrow.recvmsg(b, message, s.MSG_CMSG_CLOEXEC)).toThrow('the result cannot be stored');
  expect(openFds().size).toBe(before);
});
