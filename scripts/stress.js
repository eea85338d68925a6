// Tests what shows only in large numbers: workers that are terminated while they wait, file descriptors that are closed
// and reused, ten thousand simultaneous connections. Prints a line for each part, and exits with 1 if a promise is
// broken. It includes the programs of test/torture/: they let every call of the addon fail once, test every option, and
// compare calls with Python.
//   npm run test:stress [part ...]        parts: workers reuse operations connections captures filters streams torture
//   options memory differential fuzz schedules; STRESS_SCALE=0.1 reduces each to a tenth
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import * as s from '../dist/index.js';

const file = fileURLToPath(import.meta.url);
const loopback = { family: s.AF_INET, address: '127.0.0.1', port: 0 };
const scale = Number(process.env.STRESS_SCALE ?? 1);
const times = (count) => Math.max(1, Math.round(count * scale));
const fds = () => readdirSync('/proc/self/fd').length;
const ignore = () => {};

let broken = false;
function report(part, figures, violations) {
  console.log(`${part}: ${figures}${violations.length === 0 ? '' : `; VIOLATED: ${violations.join(', ')}`}`);
  if (violations.length > 0) broken = true;
}

// Workers.

/** Runs in a worker: waits in sixteen operations of all kinds, with traffic beside them. */
async function waitInWorker() {
  const pairs = Array.from({ length: 4 }, () => s.Socket.pair());
  const server = s.createServer({ host: '127.0.0.1', port: 0 });
  const udp = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  udp.bind(loopback);
  for (const [a, b] of pairs) {
    a.recv().catch(ignore);
    b.readable().catch(ignore);
  }
  server.accept().catch(ignore);
  udp.recvfrom(64, 0, { timeout: 60_000 }).catch(ignore);
  udp.recvmmsg(new s.MessageBatch({ messages: 4, size: 64 })).catch(ignore);
  udp.errorReady({ signal: new AbortController().signal }).catch(ignore);
  pairs[0][0].sendAll(Buffer.alloc(5_000_000)).catch(ignore);
  pairs[1][0].makefile().resume().on('error', ignore);
  pairs[2][0].recvFds(8, 2).catch(ignore);
  pairs[3][0].recvmsg({ buffers: [Buffer.alloc(8)], controlLength: 64 }).catch(ignore);
  parentPort.postMessage('waiting');
  const [a, b] = s.Socket.pair();
  for (;;) {
    a.sendSync('x');
    await b.recv();
    if (Math.random() < 0.01) await turn();
  }
}

async function workers() {
  const count = times(1000);
  const errors = [];
  const one = async (i) => {
    const worker = new Worker(file);
    worker.on('error', (error) => errors.push(error.message));
    if (i % 10 !== 0) await once(worker, 'message');
    if (i % 3 === 0) await sleep(i % 5);
    await worker.terminate();
  };
  await Promise.all([one(1), one(2)]);
  const before = fds();
  const began = performance.now();
  for (let i = 0; i < count; i += 4) {
    await Promise.all([i, i + 1, i + 2, i + 3].filter((number) => number < count).map(one));
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const left = fds() - before;
  const violations = [];
  if (left !== 0) violations.push(`${left} descriptors left`);
  if (errors.length > 0) violations.push(errors[0]);
  report(
    'workers',
    `${count} terminated with 16 operations pending in ${seconds} s, ${left} descriptors left`,
    violations,
  );
}

// Close and reuse.

async function reuse() {
  const count = times(100_000);
  const server = net.createServer((peer) => peer.pipe(peer)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const beside = net.connect(server.address().port, '127.0.0.1');
  await once(beside, 'connect');
  const ask = async (word) => {
    beside.write(word);
    const [data] = await once(beside, 'data', { signal: AbortSignal.timeout(10_000) });
    return String(data) === word;
  };
  let wrong = 0;
  let lost = 0;
  let unrelated = 0;
  const numbers = new Set();
  // The event loop owns file descriptors from the first wait on.
  for (const socket of s.Socket.pair()) {
    await socket.recv(1, 0, { timeout: 1 }).catch(ignore);
    socket.close();
  }
  const before = fds();
  const began = performance.now();
  for (let i = 0; i < count; i++) {
    const [a, b] = s.Socket.pair(s.SOCK_DGRAM);
    numbers.add(b.fd);
    const old = [b.recv(), b.readable(), b.recvfrom(64)].map((wait) => wait.then(ignore, (error) => error));
    if (i % 3 === 0) await turn();
    if (i % 2 === 0) a.sendSync(`old ${i}`);
    b.close();
    const [c, d] = s.Socket.pair(s.SOCK_DGRAM);
    const received = d.recv(64, 0, { timeout: 10_000 });
    if (i % 2 === 1) a.close();
    c.sendSync(`new ${i}`);
    if (String(await received.catch(() => 'nothing')) !== `new ${i}`) wrong++;
    for (const error of await Promise.all(old)) if (!(error instanceof s.ClosedError)) lost++;
    for (const socket of [a, c, d]) socket.close();
    if (i % 1000 === 0 && !(await ask(`cycle ${i}`).catch(() => false))) unrelated++;
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const left = fds() - before;
  beside.destroy();
  server.close();
  const violations = [];
  if (wrong > 0) violations.push(`${wrong} sockets without their data`);
  if (lost > 0) violations.push(`${lost} waits that were not told of the close`);
  if (unrelated > 0) violations.push('the unrelated net.Socket went deaf');
  if (left > 0) violations.push(`${left} descriptors left`);
  report(
    'reuse',
    `${count} cycles over ${numbers.size} descriptor numbers in ${seconds} s, ${wrong} wrong events, ${lost} lost waits`,
    violations,
  );
}

// Connections.

/** Runs in a process of its own: an echo server of this library or of node:net that reports the resources it uses. */
async function serve(kind) {
  let open = 0;
  let port;
  if (kind === 'net') {
    const server = net.createServer((peer) => {
      open++;
      peer.on('data', (data) => peer.write(data));
      peer.on('error', ignore);
      peer.on('close', () => open--);
    });
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
    await once(server, 'listening');
    port = server.address().port;
  } else {
    const server = s.createServer({ host: '127.0.0.1', port: 0 });
    port = server.getsockname().port;
    const echo = async (socket) => {
      open++;
      try {
        for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) await socket.sendAll(data);
      } finally {
        socket.close();
        open--;
      }
    };
    (async () => {
      for await (const { socket } of server.connections()) echo(socket).catch(ignore);
    })();
  }
  process.on('message', async () => {
    const till = process.cpuUsage();
    for (let i = 0; i < 4; i++) {
      gc();
      await sleep(20);
    }
    // The time for garbage collection must not count as part of the traffic before or after it.
    process.send({ rss: process.memoryUsage.rss(), open, till, from: process.cpuUsage() });
  });
  process.send({ port });
}

/** Runs in a process of its own, always with node:net: opens many connections, each of which asks three times. */
async function ask(port, count) {
  const peers = [];
  const connect = async () => {
    while (peers.length < count) {
      const peer = net.connect(port, '127.0.0.1');
      peers.push(peer);
      peer.failed = new Promise((resolve) => peer.on('error', resolve).on('close', () => resolve(new Error('closed'))));
      await once(peer, 'connect');
    }
  };
  await Promise.all(Array.from({ length: 100 }, connect));
  process.send({ connected: peers.length });
  await once(process, 'message');
  let echoed = 0;
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      peers.map(async (peer, i) => {
        const word = `round ${round} of connection ${i} `.padEnd(256, 'x');
        let got = '';
        const answer = new Promise((resolve) => {
          peer.on('data', function listen(data) {
            got += data;
            if (got.length < word.length) return;
            peer.off('data', listen);
            resolve();
          });
        });
        peer.write(word);
        await Promise.race([answer, peer.failed]);
        if (got === word) echoed++;
      }),
    );
  }
  process.send({ echoed });
  await once(process, 'message');
  for (const peer of peers) peer.destroy();
  process.disconnect();
}

async function connectionsOf(kind, count) {
  const start = (...args) => fork(file, args, { execArgv: ['--expose-gc'] });
  const next = async (child) => (await once(child, 'message'))[0];
  const asked = async (child) => {
    child.send(0);
    return next(child);
  };
  const server = start('serve', kind);
  const { port } = await next(server);
  const empty = await asked(server);
  const client = start('ask', String(port), String(count));
  await next(client);
  const idle = await asked(server);
  const began = performance.now();
  const { echoed } = await asked(client);
  const seconds = (performance.now() - began) / 1000;
  const after = await asked(server);
  client.send(0);
  await once(client, 'exit');
  let left = count;
  for (let i = 0; i < 50 && left > 0; i++) left = (await asked(server)).open;
  server.kill();
  await once(server, 'exit');
  const each = (rss) => ((rss - empty.rss) / count / 1024).toFixed(1);
  const cpu = ({ user, system }) => (user + system) / 1000;
  const perEcho = ((1000 * (cpu(after.till) - cpu(idle.from))) / (3 * count)).toFixed(1);
  const violations = [];
  if (idle.open !== count) violations.push(`${idle.open} connections open`);
  if (echoed !== 3 * count) violations.push(`${3 * count - echoed} echoes lost`);
  if (left !== 0) violations.push(`${left} connections left`);
  report(
    `connections ${kind === 'net' ? 'node:net' : 'sys-socket'}`,
    `${count} at once, ${echoed} echoes in ${seconds.toFixed(1)} s (${perEcho} us CPU of the server each), ` +
      `RSS ${each(idle.rss)} KiB per idle connection, ${each(after.rss)} KiB after the traffic`,
    violations,
  );
}

async function connections() {
  const count = times(10_000);
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' });
  if (stdout.trim() !== 'unlimited' && Number(stdout) < count + 100) {
    // Root can raise the limit, of this process and therefore of its children.
    const raised = spawnSync('prlimit', [`--pid=${process.pid}`, `--nofile=${count + 1000}:${count + 1000}`]);
    if (raised.status !== 0) {
      report('connections', `not run: at most ${stdout.trim()} descriptors`, ['ulimit -n']);
      return;
    }
  }
  for (const kind of ['sys-socket', 'net']) await connectionsOf(kind, count);
}

/** Runs a test at its full size, which an environment variable selects. */
function fullTest(part, what, environment, ...args) {
  const vitest = [fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url)), 'run'];
  const options = { env: { ...process.env, ...environment, NO_COLOR: '1' }, encoding: 'utf8' };
  const { status, stdout } = spawnSync(process.execPath, [...vitest, '--configLoader', 'runner', ...args], options);
  const ran = /Tests {2}\d+ passed/.test(stdout);
  report(part, ran ? what : 'skipped, or failed', status === 0 ? [] : ['the test failed']);
}

function captures() {
  const count = 4 * times(125);
  const test = ['test/packet/capture/ring.test.ts', '-t', 'workers that are terminated with a capture'];
  fullTest(
    'captures',
    `${count} workers with one terminated: all is given back`,
    { CAPTURE_WORKERS: String(count) },
    ...test,
  );
}

/** Compares filters with libpcap and the kernel: all expressions, on packets of each of the twelve link types. */
function filters() {
  const count = times(2000);
  const what = `the same verdicts as libpcap and the kernel on ${12 * count} packets, and programs that are no longer`;
  fullTest('filters', what, { FILTER_PACKETS: String(count) }, 'test/packet/filter/libpcap.test.ts');
}

/** Compares reassembled TCP connections, a thousand of them, with tshark. */
function streams() {
  const full = scale < 1 ? {} : { STRESS_REASSEMBLY: '1' };
  const what = `${scale < 1 ? 300 : 1000} connections in turns are what was sent, and what tshark follows`;
  fullTest('streams', what, full, 'test/packet/reassembly/tcp-streams.test.ts');
}

/** Runs a program of test/torture/, which prints what it did and how to replay a fault. */
function machine(program, ...args) {
  const { status } = spawnSync(program, args, { stdio: 'inherit', cwd: fileURLToPath(new URL('..', import.meta.url)) });
  if (status !== 0) broken = true;
}
const torture = () => machine(process.execPath, 'test/torture/torture.js', `--most=${times(10)}`);
const options = () => {
  const size = scale < 1 ? [] : ['--full'];
  machine(process.execPath, 'test/torture/options.js', ...size);
  machine(process.execPath, 'test/torture/option-twin.js', ...size);
};
const memory = () => machine(process.execPath, 'test/torture/shared-memory.js', `--rounds=${times(3000)}`);
const differential = () => machine(process.execPath, 'test/torture/differential.js', `--calls=${times(100_000)}`);
const fuzz = () => machine('test/torture/fuzz/run.sh', String(times(600)));

/** Runs schedules of the event loop under a simulated kernel. */
const schedules = () =>
  machine(process.execPath, 'test/simulation/run.js', `--count=${times(1_000_000)}`, '--workers=all');

/** Runs operations with a timeout and a signal, and checks what they leave behind. */
const operations = () =>
  machine(process.execPath, '--expose-gc', 'scripts/stress-operations.js', `--count=${times(100_000)}`);

const parts = {
  workers,
  reuse,
  operations,
  connections,
  captures,
  filters,
  streams,
  torture,
  options,
  memory,
  differential,
  fuzz,
  schedules,
};
const [first, ...rest] = process.argv.slice(2);
if (!isMainThread) await waitInWorker();
else if (first === 'serve') await serve(rest[0]);
else if (first === 'ask') await ask(Number(rest[0]), Number(rest[1]));
else {
  const chosen = first === undefined ? Object.keys(parts) : [first, ...rest];
  for (const name of chosen) {
    if (parts[name] === undefined)
      throw new Error(`there is no part ${name}; the parts are ${Object.keys(parts).join(', ')}`);
    await parts[name]();
  }
  process.exitCode = broken ? 1 : 0;
}
