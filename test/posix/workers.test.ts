import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folder } from '../helpers/fixtures.ts';
import { HANGING } from '../helpers/limits.ts';

const dist = new URL('../../dist/', import.meta.url).href;

const imports = `import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { parentPort, threadId, Worker } from 'node:worker_threads';
`;
const library = `import * as s from '${dist}index.js';
import * as nothrow from '${dist}nothrow.js';
const buffer = new Uint8Array(64);
`;

/** Runs a program that starts workers (`start()`), in its own process; returns its output. */
function run(main: string, worker: string): string {
  const here = folder();
  writeFileSync(join(here, 'worker.mjs'), imports + library + worker);
  const start = "const start = () => new Worker(new URL('worker.mjs', import.meta.url));\n";
  writeFileSync(join(here, 'main.mjs'), imports + start + main);
  const child = spawnSync(process.execPath, [join(here, 'main.mjs')], { encoding: 'utf8', timeout: HANGING });
  const { status, signal, stdout, stderr } = child;
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  return stdout.trim();
}

const busy = `
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM | s.SOCK_NONBLOCK);
  const batch = new s.MessageBatch({ messages: 8, size: 16, controlLength: s.CMSG_SPACE(4) });
  const unix = { family: s.AF_UNIX, path: '/nonexistent/socket' };
  const attempt = (call) => { try { call(); } catch {} };
  parentPort.postMessage(0);
  for (let i = 0; ; i++) {
    attempt(() => s.recv(b, buffer));                              // EAGAIN, thrown
    s.send(a, 'hello');
    s.recvmsg(b, { buffers: [buffer], controlLength: 64 });
    attempt(() => s.close(NaN));                                   // RangeError
    attempt(() => s.sendmsg(a, { buffers: [{}] }));                // TypeError
    attempt(() => s.connect(a, unix));                             // ENOENT with an address
    for (let j = 0; j < 4; j++) nothrow.send(a, buffer);
    nothrow.recvmmsg(b, batch);
    const [c, d] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    s.close(c);
    s.close(d);
  }
`;

test('80 workers that are terminated during their calls do not crash the process', () => {
  const main = `
    ${library}
    let ended = 0;
    const one = async () => {
      const worker = start();
      worker.on('error', (error) => { console.error(error); process.exit(3); });
      if (Math.random() < 0.8) await once(worker, 'message');
      if (Math.random() < 0.5) await setTimeout(Math.random() * 3);
      await worker.terminate();
      ended++;
    };
    for (let i = 0; i < 20; i++) await Promise.all([one(), one(), one(), one()]);
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    s.send(a, 'alive');
    console.log(ended, s.recv(b, buffer), Buffer.from(buffer).toString('latin1', 0, 5));`;
  expect(run(main, busy)).toBe('80 5 alive');
});

test('workers have separate states: results and pinned buffers are not mixed up', () => {
  const worker = `
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
    const u = s.socket(s.AF_INET, s.SOCK_DGRAM);
    s.bind(u, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
    const own = s.getsockname(u);
    const mark = threadId;
    const data = new Uint8Array(8).fill(mark);
    let wrong = 0;
    for (let i = 0; i < 3000; i++) {
      s.send(a, data);
      if (s.recv(b, buffer) !== 8 || buffer[0] !== mark || buffer[7] !== mark) wrong++;
      const got = s.sendto(u, data, 0, own) && s.recvfrom(u, buffer);
      if (got.length !== 8 || got.address.port !== own.port) wrong++;
      const [c, d] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
      if (s.close(c) !== undefined || s.close(d) !== undefined) wrong++;
    }
    for (const fd of [a, b, u]) s.close(fd);
    parentPort.postMessage(wrong);
  `;
  const main = `
    const wrong = await Promise.all([1, 2, 3, 4].map(async () => {
      const worker = start();
      const [[message]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
      return message;
    }));
    console.log(wrong.join());`;
  expect(run(main, worker)).toBe('0,0,0,0');
});

test('file descriptors belong to the process: threads can use those of others, and fill shared memory', () => {
  const worker = `
    parentPort.on('message', ({ fd, shared }) => {
      const view = new Uint8Array(shared, 4);
      parentPort.postMessage([s.recv(fd, view), s.recvfrom(fd, view).length, s.recv(fd, view)]);
      parentPort.close();
    });
    parentPort.postMessage('ready');
  `;
  const main = `
    ${library}
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
    const shared = new SharedArrayBuffer(16);
    for (const text of ['one', 'two', 'three']) s.send(a, text);
    const worker = start();
    await once(worker, 'message');
    worker.postMessage({ fd: b, shared });
    const [lengths] = await once(worker, 'message');
    console.log(lengths.join(), Buffer.from(new Uint8Array(shared)).toString('latin1', 4, 9));`;
  expect(run(main, worker)).toBe('3,3,5 three');
});

test('at the end of the stack, a call throws in a worker and in the main thread, and nothing breaks', () => {
  const deep = `
    const batch = new s.MessageBatch({ messages: 1024, size: 1 });
    const into = Array.from({ length: 1025 }, () => new Uint8Array(1));
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM | s.SOCK_NONBLOCK);
    let [depth, from, ran] = [0, Infinity, 0];
    const dive = (level) => {
      depth = level;
      if (level > from) {
        try { s.recvmmsg(b, batch); } catch {}
        try { s.recvmsg(b, { buffers: into }); } catch {}
        ran++;
      }
      dive(level + 1);
    };
    try { dive(0); } catch {}
    from = Math.max(0, depth - 1000); // only there something can go wrong
    let ended = '';
    try { dive(0); } catch (error) { ended = error.name; }
    const answer = (ran > 100) + ' ' + ended;`;
  const worker = `${deep} parentPort.postMessage(answer);`;
  const main = `
    ${library}
    ${deep}
    const worker = start();
    console.log(answer, ...(await once(worker, 'message')));`;
  expect(run(main, worker)).toBe('true RangeError true RangeError');
});

test('an addon that only workers load is unloaded and loaded again with them', () => {
  const worker = `
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    s.send(a, 'x');
    const n = s.recv(b, buffer);
    s.close(a);
    s.close(b);
    parentPort.postMessage(n);
  `;
  const main = `
    let sum = 0;
    const counts = [];
    for (let i = 0; i < 10; i++) {
      const worker = start();
      const [[n]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
      sum += n;
      counts.push(readdirSync('/proc/self/fd').length);
    }
    console.log(sum, counts[9] - counts[1]);`;
  expect(run(main, worker)).toBe('10 0');
});
