/** Servers that share a port: processes of node:cluster, and worker threads. */
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { need, node } from '../helpers/need.ts';
import { output } from '../helpers/scripts.ts';
import { keep } from '../helpers/sockets.ts';

/** A free port, which a socket reserves that does not listen, and shares it. */
function sharedPort(): number {
  const holder = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  holder.setsockopt(s.SOL_SOCKET, s.SO_REUSEPORT, true);
  holder.bind({ family: s.AF_INET, address: '127.0.0.1', port: 0 });
  return (holder.getsockname() as s.InetAddress).port;
}

/** The primary of a cluster: starts two workers, makes forty requests when both listen, and prints how many workers answered. */
const primary = (worker: string) => `
  import cluster from 'node:cluster';
  import http from 'node:http';
  if (cluster.isPrimary) {
    const workers = [cluster.fork(), cluster.fork()];
    const answers = await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
    if (answers[0].port !== undefined) {
      const seen = new Set();
      for (let i = 0; i < 40; i++) {
        const response = await fetch('http://127.0.0.1:' + answers[0].port, { headers: { connection: 'close' } });
        seen.add(await response.text());
      }
      console.log(seen.size > 0 && seen.size <= 2, [...seen].every((pid) => workers.some((w) => String(w.process.pid) === pid)));
    } else console.log(answers.map(({ code, syscall }) => code + ' ' + syscall).join());
    for (const worker of workers) worker.kill();
  } else {
    const answer = (request, response) => response.end(String(process.pid));
    const listen = () => s.createServer({ host: '127.0.0.1', port: Number(process.env.PORT), reusePort: true });
    ${worker}
  }`;

const run = (worker: string) => output(primary(worker), [], {}, ['env', `PORT=${sharedPort()}`]);

test('a cluster worker serves HTTP from its own accept loop, on a port that the workers share', async (context) => {
  need(context, node);
  const worker = `
    const listener = listen();
    const server = http.createServer(answer);
    process.send({ port: listener.getsockname().port });
    for await (const { socket } of listener.connections()) {
      socket.setsockopt(s.IPPROTO_TCP, s.TCP_NODELAY, true);
      server.emit('connection', socket.makefile());
    }`;
  expect(await run(worker)).toBe('true true');
});

test('a cluster worker hands each connection to a net.Socket', async (context) => {
  need(context, node);
  const worker = `
    const listener = listen();
    const server = http.createServer(answer);
    process.send({ port: listener.getsockname().port });
    for await (const { socket } of listener.connections()) {
      server.emit('connection', new net.Socket({ fd: socket.detach() }));
    }`;
  expect(await run(worker)).toBe('true true');
});

test('listen({ fd }) in a cluster worker asks the primary for the number, which is another file descriptor there', async (context) => {
  need(context, node);
  const worker = `
    const server = http.createServer(answer);
    server.on('error', ({ code, syscall }) => process.send({ code, syscall }));
    server.listen({ fd: listen().detach() });`;
  expect(await run(worker)).toMatch(/^E[A-Z]+ \w+,E[A-Z]+ \w+$/);
});

test('worker threads share a port, and each serves HTTP over listen({ fd })', async (context) => {
  need(context, node);
  const thread = `
    import http from 'node:http';
    import { threadId } from 'node:worker_threads';
    const listener = s.createServer({ host: '127.0.0.1', port: workerData, reusePort: true });
    const server = http.createServer((request, response) => response.end(String(threadId)));
    server.listen({ fd: listener.detach() }, () => parentPort.postMessage('listening'));`;
  const script = `
    const port = Number(process.env.PORT);
    const threads = [0, 1].map(() => new Worker(new URL('./thread.mjs', import.meta.url), { workerData: port }));
    await Promise.all(threads.map((thread) => once(thread, 'message')));
    let answers = 0;
    for (let i = 0; i < 20; i++) answers += (await (await fetch('http://127.0.0.1:' + port)).text()) > 0;
    console.log(answers);
    process.exit();`;
  expect(await output(script, [], { 'thread.mjs': thread }, ['env', `PORT=${sharedPort()}`])).toBe('20');
});
