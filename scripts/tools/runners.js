// The rows for test runners: several test files in one process or thread, each of which loads the package anew.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './project.js';

/** The body of a test: plain calls, file descriptors from the kernel, typed errors, and the event loop. */
const body = `
  const [left, right] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
  const control = [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [right] }];
  s.sendmsg(left, { buffers: [new Uint8Array(3)], control });
  const got = s.recvmsg(right, { buffers: [Buffer.alloc(9)], controlLength: 64 });
  if (got.length !== 3 || got.control[0].fds.length !== 1) throw new Error('no file descriptor arrived');
  for (const fd of [left, right, ...got.control[0].fds]) s.close(fd);
  let thrown;
  try {
    s.close(left);
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof s.SocketError) || thrown.code !== 'EBADF') throw new Error('close threw no SocketError');
  const [a, b] = s.Socket.pair();
  const received = b.recv(100, 0, { timeout: 5000 });
  await a.sendAll('works');
  if (String(await received) !== 'works') throw new Error('recv returned other data');
  const [c, d] = s.Socket.pair();
  await d.recv(100, 0, { timeout: 20 }).then(
    () => { throw new Error('recv did not time out'); },
    (error) => { if (error.name !== 'TimeoutError') throw error; },
  );
  for (const socket of [a, b, c, d]) socket.close();`;

/** Returns three files with the same test; each ends with an open socket that still waits, as careless tests do. */
function files(head, tail, ending) {
  const text = `${head}async () => {${body}\n}${tail}`;
  return Object.fromEntries(['one', 'two', 'three'].map((name) => [`${name}.test.${ending}`, text]));
}
const imported = "import * as s from 'sys-socket';\n";
const required = "const s = require('sys-socket');\n";

function jest({ type, args = [] }) {
  return (bench) => {
    const head = `${type === 'module' ? imported : required}test('works', `;
    const config = JSON.stringify({ transform: {}, testEnvironment: 'node' });
    const project = bench.project({ ...files(head, ');', 'js'), 'jest.config.json': config }, { type });
    const options = type === 'module' ? ['--experimental-vm-modules', '--no-warnings'] : [];
    for (const node of bench.nodes) {
      run(node, [...options, bench.tool('jest', 'bin/jest.js'), '--config=jest.config.json', ...args], {
        cwd: project,
      });
    }
  };
}

function vitest(pool) {
  return (bench) => {
    const head = `import { test } from 'vitest';\n${imported}test('works', `;
    const project = bench.project(files(head, ');', 'js'), { tools: ['vitest'] });
    for (const node of bench.nodes) {
      run(node, [bench.tool('vitest', 'vitest.mjs'), 'run', `--pool=${pool}`, '--maxWorkers=1'], { cwd: project });
    }
  };
}

export const runners = [
  { tool: 'jest', how: 'CommonJS, `--runInBand`', todo: '', check: jest({ type: 'commonjs', args: ['--runInBand'] }) },
  { tool: 'jest', how: 'CommonJS, workers', todo: '', check: jest({ type: 'commonjs', args: ['--maxWorkers=2'] }) },
  { tool: 'jest', how: 'ES modules, `--runInBand`', todo: '', check: jest({ type: 'module', args: ['--runInBand'] }) },
  { tool: 'jest', how: 'ES modules, workers', todo: '', check: jest({ type: 'module', args: ['--maxWorkers=2'] }) },
  { tool: 'vitest', how: '`threads`', todo: '', check: vitest('threads') },
  { tool: 'vitest', how: '`forks`', todo: '', check: vitest('forks') },
  { tool: 'vitest', how: '`vmThreads`', todo: '', check: vitest('vmThreads') },
  { tool: 'vitest', how: '`vmForks`', todo: '', check: vitest('vmForks') },
  {
    tool: 'node:test',
    how: 'ES modules and CommonJS; all files in one process where Node can',
    todo: '',
    short: true,
    version: (bench) => bench.nodes.map((node) => bench.nodeVersion(node)).join(', '),
    check: (bench) => {
      const tests = {
        ...files(`import test from 'node:test';\n${imported}test('works', `, ');', 'mjs'),
        ...files(`const test = require('node:test');\n${required}test('works', `, ');', 'cjs'),
      };
      const project = bench.project(tests);
      for (const node of bench.nodes) {
        run(node, ['--test', ...Object.keys(tests)], { cwd: project });
        const major = bench.major(node);
        const isolation = major < 24 ? '--experimental-test-isolation=none' : '--test-isolation=none';
        if (major > 20) run(node, ['--test', isolation, ...Object.keys(tests)], { cwd: project });
      }
    },
  },
  {
    tool: 'ava',
    how: 'worker threads, and processes',
    todo: '',
    check: (bench) => {
      const head = `import test from 'ava';\n${imported}test('works', async (t) => { await (`;
      const project = bench.project(files(head, ')(); t.pass(); });', 'js'), { tools: ['ava'] });
      for (const node of bench.nodes) {
        for (const option of ['--worker-threads', '--no-worker-threads']) {
          run(node, [bench.tool('ava', 'entrypoints/cli.mjs'), option], { cwd: project });
        }
      }
    },
  },
  {
    tool: 'two versions',
    how: 'in one process',
    todo: '',
    short: true,
    version: () => '',
    check: (bench) => {
      const project = bench.project({
        'main.js': `
          import * as one from 'sys-socket';
          import * as two from 'another';
          if (one.Socket === two.Socket) throw new Error('both packages have the same class');
          for (const s of [one, two, one, two]) {${body}}
          // Both packages wait for the same file descriptor.
          const [left, right] = one.socketpair(one.AF_UNIX, one.SOCK_STREAM | one.SOCK_NONBLOCK);
          const ready = [one.readable(right), two.readable(right)];
          two.send(left, 'x');
          await Promise.all(ready);
          console.log('works');`,
      });
      const another = join(project, 'node_modules/another');
      cpSync(join(project, 'node_modules/sys-socket'), another, { recursive: true });
      const manifest = JSON.parse(readFileSync(join(another, 'package.json'), 'utf8'));
      writeFileSync(join(another, 'package.json'), JSON.stringify({ ...manifest, version: '0.0.1' }));
      bench.works(project, 'main.js');
    },
  },
];
