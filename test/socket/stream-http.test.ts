/** Node's own modules over our streams, on either side: they provide what these modules need of a net.Socket. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type net from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { openSockets } from '../helpers/fds.ts';
import { folder } from '../helpers/fixtures.ts';
import { need, node, program } from '../helpers/need.ts';
import { output } from '../helpers/scripts.ts';
import { keep } from '../helpers/sockets.ts';

/** Our listening socket, whose connections go to a server of Node as streams. */
function serve(
  server: http.Server | http2.Http2Server | https.Server | tls.Server,
  options?: s.SocketStreamOptions,
): number {
  const listener = keep(s.createServer({ host: '127.0.0.1', port: 0 }));
  void (async () => {
    for await (const { socket } of listener.connections()) {
      socket.setsockopt(s.IPPROTO_TCP, s.TCP_NODELAY, true);
      server.emit('connection', socket.makefile(options));
    }
  })();
  onTestFinished(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
  return (listener.getsockname() as s.InetAddress).port;
}

/** Returns one of our streams, connected to a server. */
async function dial(port: number): Promise<net.Socket> {
  const socket = keep(await s.createConnection({ host: '127.0.0.1', port }));
  return socket.makefile() as unknown as net.Socket;
}

/** An agent of node:http whose connections are our streams. */
function agent(options: http.AgentOptions): http.Agent & { made: number } {
  const result = Object.assign(new http.Agent(options), { made: 0 });
  (result as unknown as { createConnection: unknown }).createConnection = (
    { port }: { port: number },
    callback: (error: Error | null, stream?: net.Socket) => void,
  ) => {
    result.made += 1;
    dial(port).then((stream) => callback(null, stream), callback);
  };
  onTestFinished(() => result.destroy());
  return result;
}

const closed = (request: http.ClientRequest) => new Promise((resolve) => request.once('close', resolve));

async function get(port: number, options: http.RequestOptions = {}): Promise<string> {
  const request = http.get({ host: '127.0.0.1', port, ...options });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return text(response);
}

test('an HTTP server sees the address of the client, keeps connections alive, and transfers a body both ways', async () => {
  const server = http.createServer(async (request, response) => {
    const { remoteAddress, remoteFamily, localAddress } = request.socket;
    response.end([remoteAddress, remoteFamily, localAddress, await text(request)].join());
  });
  const port = serve(server);
  const keepAlive = new http.Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => keepAlive.destroy());
  for (const body of ['one', 'two', 'x'.repeat(300_000)]) {
    const request = http.request({ host: '127.0.0.1', port, method: 'POST', agent: keepAlive });
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(await text(response)).toBe(`127.0.0.1,IPv4,127.0.0.1,${body}`);
  }
  server.close();
});

test('an HTTP agent with keepAlive reuses a stream, and unrefs it while it is idle', async () => {
  const server = http.createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const ours = agent({ keepAlive: true, maxSockets: 1, timeout: 60_000 });
  for (let i = 0; i < 3; i++) expect(await get(port, { agent: ours })).toBe('hello');
  expect(ours.made).toBe(1);
  server.closeAllConnections();
  server.close();
});

test('timeouts of requests, responses and servers work', async (context) => {
  need(context, node);
  const server = http.createServer(() => {}); // never answers
  const port = serve(server);
  const request = http.get({ host: '127.0.0.1', port, agent: agent({}) });
  request.on('error', () => {}); // it hangs up
  request.setTimeout(30);
  await once(request, 'timeout');
  request.destroy();
  await closed(request);

  const withOption = http.get({ host: '127.0.0.1', port, agent: agent({}), timeout: 30 });
  withOption.on('error', () => {});
  await once(withOption, 'timeout');
  withOption.destroy();
  await closed(withOption);

  server.setTimeout(30, (stream) => stream.destroy());
  expect(await get(port).catch((error: NodeJS.ErrnoException) => error.code)).toBe('ECONNRESET');
  server.close();
});

test('an upgrade hands the stream over', async () => {
  const server = http.createServer();
  server.on('upgrade', (_request, stream, head) => {
    stream.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    if (head.length > 0) stream.write(head);
    stream.pipe(stream);
  });
  const port = serve(server);
  const headers = { Connection: 'Upgrade', Upgrade: 'echo' };
  const request = http.get({ host: '127.0.0.1', port, headers, agent: agent({}) });
  const [, stream] = (await once(request, 'upgrade')) as [http.IncomingMessage, net.Socket];
  stream.end('over to you');
  expect(await text(stream)).toBe('over to you');
  server.close();
});

test('fifty corked writes cost one call of sendmsg', async (context) => {
  need(context, program('strace'));
  const script = `
    const [a, b] = s.Socket.pair();
    const stream = a.makefile();
    await sleep(20);
    process.stdout.write('<writes>\\n');
    stream.cork();
    for (let i = 0; i < 50; i++) stream.write('chunk ' + i);
    stream.uncork();
    await new Promise((resolve) => stream.write('last', resolve));
    process.stdout.write('<>\\n');
    let length = 0;
    while (length < 394) length += (await b.recv()).length;
    console.log(length);
    stream.destroy();
    b.close();`;
  const file = join(folder(), 'trace');
  expect(await output(script, [], {}, ['strace', '-f', '-e', 'trace=sendmsg,sendto,write', '-o', file])).toContain(
    '394',
  );
  const lines = readFileSync(file, 'utf8').split('\n');
  const from = lines.findIndex((line) => line.includes('<writes>'));
  const calls = lines
    .slice(
      from + 1,
      lines.findIndex((line) => line.includes('"<>')),
    )
    .join('\n');
  expect(calls.match(/sendmsg\(/g)).toHaveLength(1);
  expect(calls.match(/sendto\(/g)).toHaveLength(1);
});

test('500 clients of a server that only says hello leave no file descriptor open', async () => {
  const before = openSockets();
  const listener = keep(s.createServer({ host: '127.0.0.1', port: 0 }));
  void (async () => {
    for await (const { socket } of listener.connections()) {
      const stream = socket.makefile();
      stream.on('error', () => {});
      stream.end('hello');
    }
  })();
  const { port } = listener.getsockname() as s.InetAddress;
  const one = async () => {
    const socket = await s.createConnection({ host: '127.0.0.1', port });
    expect(String(await socket.recv())).toBe('hello');
    socket.close();
  };
  for (let i = 0; i < 500; i += 50) await Promise.all(Array.from({ length: 50 }, one));
  listener.close();
  await expect.poll(() => openSockets(), { timeout: 60_000 }).toBe(before);
});

/** A certificate for localhost, made by openssl. */
function certificate(): { key: Buffer; cert: Buffer } {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder(), name)) as [string, string];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...[...subject, '-keyout', key, '-out', cert],
  ]);
  expect(made.status).toBe(0);
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

test('HTTPS works over streams on both sides', async (context) => {
  need(context, node, program('openssl'));
  const { key, cert } = certificate();
  const server = https.createServer({ key, cert }, (request, response) => {
    response.end(`encrypted ${(request.socket as tls.TLSSocket).encrypted}`);
  });
  const port = serve(server);
  const socket = tls.connect({ socket: await dial(port), ca: cert, servername: 'localhost' });
  await once(socket, 'secureConnect');
  const request = https.get({ host: 'localhost', port, createConnection: () => socket });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  expect(await text(response)).toBe('encrypted true');
  socket.destroy();
  server.close();
});

test('HTTP/2 works over streams on both sides, with many requests at once', async () => {
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    stream.respond({ ':status': 200 });
    stream.end(`path ${headers[':path']}`);
  });
  const port = serve(server);
  const stream = await dial(port);
  const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => stream });
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => text(session.request({ ':path': `/${i}` }))));
  expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => `path /${i}`));
  session.close();
  await once(session, 'close');
  stream.destroy();
  server.close();
});

test('TLS sends all that it has after the peer ended, over a stream with allowHalfOpen', async (context) => {
  need(context, node, program('openssl'));
  const server = tls.createServer(certificate(), (socket) => socket.pipe(socket));
  const port = serve(server, { allowHalfOpen: true });
  const data = Buffer.alloc(3_000_000, 'x');
  const client = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  client.end(data);
  let length = 0;
  for await (const chunk of client) length += chunk.length;
  expect(length).toBe(data.length);
});
