/** A stream over a Socket that is connecting emits the same events as net.connect, also over the loopback interface. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { need, node } from '../helpers/need.ts';
import { silentNetwork, silentNetworks } from '../helpers/networks.ts';
import { output } from '../helpers/scripts.ts';
import { isSettled, keep, tcpServer } from '../helpers/sockets.ts';
import { closed, code, type Log, type Stream, state } from '../helpers/stream-pairs.ts';

const nodes = (port: number): Stream => net.connect({ port, host: '127.0.0.1' });

function ours(port: number): Stream {
  const socket = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  socket.connect({ family: s.AF_INET, address: '127.0.0.1', port }).catch(() => {});
  return socket.makefile() as unknown as Stream;
}

function record(stream: Stream, log: Log): void {
  for (const event of ['connect', 'ready', 'end', 'finish'] as const) stream.on(event, () => log.push(event));
  stream.on('error', (error: NodeJS.ErrnoException) => log.push(`error ${code(error)} ${error.syscall}`));
  stream.on('close', (hadError) => log.push(`close ${hadError}`));
  stream.on('data', (data) => log.push(`data ${data}`));
}

async function echo(): Promise<number> {
  const server = net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

/** A port on which nothing listens. */
function nobody(): number {
  const socket = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  socket.bind({ family: s.AF_INET, address: '127.0.0.1', port: 0 });
  return (socket.getsockname() as s.InetAddress).port;
}

const scenarios: Record<string, (stream: Stream, log: Log) => void> = {
  'nothing is done': (stream) => stream.once('ready', () => stream.end()),
  'end at once': (stream) => stream.end(),
  'destroySoon at once': (stream) => stream.destroySoon(),
  'destroy at once': (stream) => stream.destroy(),
  'a write and an end': (stream, log) => {
    stream.write('one', (error) => log.push(`wrote ${code(error)}`));
    log.push(`${stream.bytesWritten}`);
    stream.end();
  },
  'corked writes': (stream, log) => {
    stream.cork();
    stream.write('one');
    stream.write('two');
    stream.uncork();
    stream.end('three', () => log.push('ended'));
  },
  'destroy inside connect, with a write that waits': (stream, log) => {
    stream.prependListener('connect', () => stream.destroy());
    stream.write('one', (error) => log.push(`wrote ${error instanceof Error}`));
  },
  'end inside connect': (stream) => stream.once('connect', () => stream.end('bye')),
  'an exchange': (stream) => {
    stream.write('one');
    stream.once('data', () => stream.end());
  },
};

for (const [where, port] of Object.entries({ 'to a server': echo, 'to nobody': nobody })) {
  for (const [name, run] of Object.entries(scenarios)) {
    if (where === 'to nobody' && /inside|exchange/.test(name)) continue;
    test(`${name}, ${where}`, async (context) => {
      need(context, node);
      const logs: Log[] = [];
      for (const connect of [nodes, ours]) {
        const log: Log = [];
        const stream = connect(await port());
        log.push(state(stream));
        record(stream, log);
        run(stream, log);
        await closed(stream);
        log.push(state(stream));
        logs.push(log.map((entry) => entry.replace(/ERR_SOCKET_CLOSED_BEFORE_CONNECTION/, 'ERR_SOCKET_CLOSED')));
      }
      expect(logs[1]).toEqual(logs[0]);
    });
  }
}

test('the promise of connect keeps the error of the kernel', async () => {
  const socket = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  const connecting = socket.connect({ family: s.AF_INET, address: '127.0.0.1', port: nobody() });
  const stream = socket.makefile();
  const failed = once(stream, 'error');
  await expect(connecting).rejects.toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' });
  expect((await failed)[0]).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' });
});

test('a stream ends after the sends that the program began on the Socket', async () => {
  const [a, b] = s.Socket.pair();
  keep(b);
  const data = Buffer.alloc(1_000_000, 'x');
  const sending = a.sendAll(data);
  const stream = a.makefile();
  stream.end();
  let length = 0;
  for (let part = await b.recv(); part.length > 0; part = await b.recv()) length += part.length;
  expect(length).toBe(data.length);
  await sending;
  b.close();
  await closed(stream.resume() as unknown as Stream);
});

test.for([
  ['first', 'before'],
  ['first', 'after'],
  ['second', 'before'],
  ['second', 'after'],
] as const)('the abort of the %s of two connects %s makefile does not affect the other', async ([aborted, when]) => {
  const server = keep(new s.Socket(s.AF_UNIX, s.SOCK_STREAM));
  server.bind({ family: s.AF_UNIX, path: `\0${randomUUID()}` });
  server.listen(0);
  await keep(new s.Socket(s.AF_UNIX, s.SOCK_STREAM)).connect(server.getsockname()); // fills the backlog
  const socket = keep(new s.Socket(s.AF_UNIX, s.SOCK_STREAM));
  const controllers = [new AbortController(), new AbortController()];
  const connects = controllers.map(({ signal }) => socket.connect(server.getsockname(), { signal }));
  const [lost, kept] = aborted === 'first' ? [0, 1] : [1, 0];
  const abort = async () => {
    controllers[lost]!.abort();
    await expect(connects[lost]).rejects.toThrow(s.AbortError);
  };
  if (when === 'before') await abort();
  const stream = socket.makefile();
  expect(stream.connecting).toBe(true);
  const connected = once(stream, 'connect');
  if (when === 'after') await abort();
  keep((await server.accept()).socket);
  await connects[kept];
  await connected;
  stream.end('hello');
  const peer = keep((await server.accept()).socket);
  expect(String(await peer.recv())).toBe('hello');
});

/** Whether the kernel lets a program connect with its first data, without a cookie. */
function fastOpen(): string | undefined {
  try {
    delayed().close();
    return undefined;
  } catch (error) {
    return `no TCP_FASTOPEN_NO_COOKIE: ${(error as Error).message}`;
  }
}

/** A Socket whose connect(2) only stores the address: TCP_FASTOPEN_CONNECT. */
function delayed(): s.Socket {
  const socket = new s.Socket(s.AF_INET, s.SOCK_STREAM);
  try {
    socket.setsockopt(s.IPPROTO_TCP, s.TCP_FASTOPEN_CONNECT, true);
    socket.setsockopt(s.IPPROTO_TCP, s.TCP_FASTOPEN_NO_COOKIE, true);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** A stream over such a Socket, after connect(2). */
async function delayedStream(address: s.InetAddress): Promise<s.SocketStream> {
  const socket = keep(delayed());
  await socket.connect(address);
  return socket.makefile();
}

test('the first write connects a Socket with TCP_FASTOPEN_CONNECT', async (context) => {
  need(context, fastOpen);
  const { server, address } = tcpServer();
  const stream = await delayedStream(address);
  expect(stream.connecting).toBe(false);
  const announced = once(stream.connect(), 'connect'); // as pg does
  stream.write('hello');
  expect(String(await keep((await server.accept()).socket).recv())).toBe('hello');
  await announced;
  expect(stream.remotePort).toBe(address.port);
  stream.destroy();
});

test('the end of a stream without a write connects a Socket with TCP_FASTOPEN_CONNECT', async (context) => {
  need(context, fastOpen);
  const { server, address } = tcpServer();
  const stream = await delayedStream(address);
  const ended = once(stream.resume(), 'end');
  stream.end();
  const peer = keep((await server.accept()).socket);
  expect((await peer.recv()).length).toBe(0);
  peer.close();
  await ended;
});

test('the end of a stream waits for the connection that its first write has begun', async (context) => {
  need(context, fastOpen);
  const { server, address } = tcpServer(0);
  await keep(new s.Socket(s.AF_INET, s.SOCK_STREAM)).connect(address); // fills the backlog, so that the next SYN is lost
  const stream = await delayedStream(address);
  const finished = once(stream, 'finish');
  stream.end('hello');
  expect(await isSettled(finished)).toBe(false);
  keep((await server.accept()).socket);
  const peer = keep((await server.accept()).socket); // after a second, when the kernel repeats the SYN
  let got = '';
  for (let data = await peer.recv(); data.length > 0; data = await peer.recv()) got += data;
  expect(got).toBe('hello');
  await finished;
});

test('the end of a stream whose first write finds no server is not an error of its own', async (context) => {
  need(context, fastOpen);
  const stream = await delayedStream({ family: s.AF_INET, address: '127.0.0.1', port: nobody() });
  const failed = once(stream, 'error');
  stream.end('hello');
  expect((await failed)[0]).toMatchObject({ code: 'ECONNREFUSED' });
});

test('a first write that cannot connect with data connects without it, and then sends it', async (context) => {
  need(context, silentNetworks);
  const script = `
    const allow = (bits) => writeFileSync('/proc/sys/net/ipv4/tcp_fastopen', bits);
    allow('5'); // by any client, and without a cookie
    const server = s.createServer({ host: '127.0.0.1', port: 0 });
    const socket = new s.Socket(s.AF_INET, s.SOCK_STREAM);
    socket.setsockopt(s.IPPROTO_TCP, s.TCP_FASTOPEN_CONNECT, true);
    await socket.connect(server.getsockname());
    allow('1'); // there is no cookie
    const stream = socket.makefile();
    stream.end('hello');
    const peer = (await server.accept()).socket;
    console.log(String(await peer.recv()), (await peer.recv()).length);
    peer.close();
    server.close();`;
  expect(await output(`import { writeFileSync } from 'node:fs';${script}`, [], {}, silentNetwork())).toBe('hello 0');
});
