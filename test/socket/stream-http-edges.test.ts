/** The rarer parts of HTTP: the same program over net.Socket and over our stream, on the server and on the client side. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { need, node } from '../helpers/need.ts';
import { patient } from '../helpers/programs.ts';
import { keep } from '../helpers/sockets.ts';

type Server = http.Server | http2.Http2Server;
interface Side {
  /** Makes a server of Node listen on a port. */
  serve(server: Server): Promise<number>;
  /** A connected stream. */
  dial(port: number): Promise<net.Socket>;
}

const sides: Record<'net' | 'ours', Side> = {
  net: {
    async serve(server) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      onTestFinished(() => void server.close());
      return (server.address() as net.AddressInfo).port;
    },
    async dial(port) {
      const stream = net.connect(port, '127.0.0.1');
      await once(stream, 'connect');
      return stream;
    },
  },
  ours: {
    async serve(server) {
      const listener = keep(s.createServer({ host: '127.0.0.1', port: 0, noDelay: true }));
      server.emit('listening'); // from here on it counts its connections, and looks at their time
      onTestFinished(() => void server.close());
      void (async () => {
        for await (const { socket } of listener.connections()) server.emit('connection', socket.makefile());
      })();
      return (listener.getsockname() as s.InetAddress).port;
    },
    async dial(port) {
      return keep(await s.createConnection({ host: '127.0.0.1', port })).makefile() as unknown as net.Socket;
    },
  },
};

/** The environment of a scenario: both sides, and what each of them saw. */
interface World extends Side {
  server: string[];
  client: string[];
  /** An agent whose connections are of the client's kind; `made` counts them. */
  agent(options?: http.AgentOptions): http.Agent & { made: number };
  /** A connection that is destroyed at the end. */
  dial(port: number): Promise<net.Socket>;
}

function world(serving: Side, dialling: Side): World {
  const dial = async (port: number) => {
    const stream = await dialling.dial(port);
    onTestFinished(() => void stream.destroy());
    return stream;
  };
  return {
    serve: serving.serve,
    dial,
    server: [],
    client: [],
    agent(options = {}) {
      const result = Object.assign(new http.Agent(options), { made: 0 });
      onTestFinished(() => result.destroy());
      type Made = (error: Error | null, stream?: net.Socket) => void;
      (result as unknown as { createConnection: unknown }).createConnection = (o: { port: number }, made: Made) => {
        result.made += 1;
        dial(o.port).then((stream) => made(null, stream), made);
      };
      return result;
    },
  };
}

const code = (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error);
const closed = (emitter: NodeJS.EventEmitter) => new Promise<void>((resolve) => emitter.once('close', () => resolve()));
const response = async (request: http.ClientRequest) =>
  ((await once(request, 'response')) as [http.IncomingMessage])[0];

/** Everything that a connection answers, without the dates. */
const answers = async (stream: net.Socket) => (await text(stream)).replaceAll(/Date: .*\r\n/g, '');

const scenarios: Record<string, (world: World) => Promise<void>> = {
  async '100-continue is sent automatically, decided by a listener, and refused'(w) {
    const server = http.createServer(async (request, answer) => answer.end(`got ${await text(request)}`));
    const port = await w.serve(server);
    const ask = async (expectation: string) => {
      const headers = { Expect: expectation, 'Content-Length': 4 };
      const request = http.request({ host: '127.0.0.1', port, method: 'PUT', headers, agent: w.agent() });
      request.on('continue', () => {
        w.client.push('continue');
        request.end('body');
      });
      request.on('error', (error) => w.client.push(code(error)));
      request.flushHeaders();
      const answer = await response(request);
      w.client.push(`${answer.statusCode} ${await text(answer)}`);
      request.destroy();
    };
    await ask('100-continue');
    await ask('something-else');
    server.on('checkContinue', (request, answer) => {
      w.server.push(`checkContinue ${request.method}`);
      answer.writeHead(413, { Connection: 'close' }).end('too large');
    });
    await ask('100-continue');
  },

  async 'CONNECT hands the stream over on both sides, with the data that came early'(w) {
    const server = http.createServer();
    server.on('connect', (request, stream, head) => {
      w.server.push(`${request.url} ${head}`);
      stream.write('HTTP/1.1 200 Connection Established\r\n\r\nearly ');
      stream.on('data', (data) => stream.write(data));
      stream.on('end', () => stream.end());
      stream.on('close', (hadError: boolean) => w.server.push(`close ${hadError}`));
    });
    const port = await w.serve(server);
    const path = 'example.test:443';
    const request = http.request({ host: '127.0.0.1', port, method: 'CONNECT', path, agent: w.agent() });
    request.end();
    const [answer, stream, head] = (await once(request, 'connect')) as [http.IncomingMessage, net.Socket, Buffer];
    stream.end('tunnelled');
    w.client.push(`${answer.statusCode}`, `${head}${await text(stream)}`);
    await expect.poll(() => w.server.length, patient).toBe(2);
  },

  async 'pipelining: responses come in the order of the requests'(w) {
    const waiting: http.ServerResponse[] = [];
    const server = http.createServer((request, answer) => {
      w.server.push(request.url!);
      waiting.push(answer);
      if (waiting.length === 3) for (const [i, last] of waiting.reverse().entries()) last.end(`answer ${3 - i}`);
    });
    const stream = await w.dial(await w.serve(server));
    const get = (path: string, rest = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${rest}\r\n`;
    stream.write(get('/1') + get('/2') + get('/3', 'Connection: close\r\n'));
    w.client.push(await answers(stream));
  },

  async 'trailers of requests and of responses'(w) {
    const server = http.createServer(async (request, answer) => {
      await text(request);
      w.server.push(JSON.stringify(request.trailers));
      answer.writeHead(200, { Trailer: 'X-Sum' });
      answer.write('part');
      answer.addTrailers({ 'X-Sum': '42' });
      answer.end();
    });
    const port = await w.serve(server);
    const headers = { Trailer: 'X-Count', 'Transfer-Encoding': 'chunked' };
    const request = http.request({ host: '127.0.0.1', port, method: 'POST', headers, agent: w.agent() });
    request.write('one');
    request.addTrailers({ 'X-Count': '1' });
    request.end();
    const answer = await response(request);
    w.client.push(await text(answer), JSON.stringify(answer.trailers));
  },

  async 'headersTimeout and requestTimeout answer 408 and end the connection'(w) {
    const limits = { headersTimeout: 100, requestTimeout: 400, connectionsCheckingInterval: 10 };
    const server = http.createServer({ ...limits, keepAliveTimeout: 0 }, (request) => {
      request.on('error', (error) => w.server.push(`request ${code(error)}`));
    });
    const port = await w.serve(server);
    for (const begun of ['GET / HTTP/1.1\r\nHost:', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf']) {
      const stream = await w.dial(port);
      stream.write(begun);
      w.client.push(await answers(stream));
    }
    server.on('clientError', (error, stream) => {
      w.server.push(code(error));
      stream.end('HTTP/1.1 408 Mine\r\n\r\n');
    });
    const stream = await w.dial(port);
    stream.write('GET / HTTP/1.1\r\n');
    w.client.push(await answers(stream));
    await expect.poll(() => w.server.length, patient).toBe(3); // at last the end in the midst of the headers
  },

  async 'keep-alive: a connection that the server closes while it is idle is not reused'(w) {
    const server = http.createServer((request, answer) => answer.end(request.url));
    const port = await w.serve(server);
    const agent = w.agent({ keepAlive: true, maxSockets: 1 });
    const ask = async (path: string) => {
      const request = http.get({ host: '127.0.0.1', port, path, agent });
      const connected = once(request, 'socket') as Promise<[net.Socket]>;
      w.client.push(`${await text(await response(request))} ${request.reusedSocket} ${agent.made}`);
      return (await connected)[0];
    };
    await ask('/first');
    const stream = await ask('/again');
    await expect.poll(() => Object.keys(agent.freeSockets).length, patient).toBe(1);
    const over = closed(stream);
    server.closeIdleConnections();
    await over;
    await ask('/anew');
    await expect.poll(() => Object.keys(agent.freeSockets).length, patient).toBe(1);
    server.removeAllListeners('request');
    server.on('request', (request) => request.socket.destroy());
    const request = http.get({ host: '127.0.0.1', port, agent });
    const [error] = await once(request, 'error');
    w.client.push(`${code(error)} ${request.reusedSocket} ${agent.made}`);
  },

  async 'keep-alive: keepAliveTimeout, and the limit of maxRequestsPerSocket'(w) {
    const options = { keepAliveTimeout: 30, keepAliveTimeoutBuffer: 0 };
    const server = http.createServer(options, (_request, answer) => answer.end('x'));
    server.maxRequestsPerSocket = 2;
    const port = await w.serve(server);
    const all = [1, 3].map(async (requests) => {
      const stream = await w.dial(port);
      stream.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(requests));
      return answers(stream);
    });
    w.client.push(...(await Promise.all(all)));
  },

  async 'uploads that the client aborts'(w) {
    const server = http.createServer((request, answer) => {
      request.on('aborted', () => w.server.push('aborted'));
      request.on('error', (error) => w.server.push(`error ${code(error)}`));
      request.on('close', () => w.server.push(`close ${request.complete} ${request.destroyed}`));
      answer.on('close', () => w.server.push(`answer ${answer.writableEnded}`));
      request.once('data', () => request.emit('begun'));
      request.once('begun', () => begun?.());
    });
    let begun: (() => void) | undefined;
    const port = await w.serve(server);
    for (const headers of [{ 'Content-Length': 1_000_000 }, { 'Transfer-Encoding': 'chunked' }]) {
      const seen = w.server.length;
      const request = http.request({ host: '127.0.0.1', port, method: 'POST', headers, agent: w.agent() });
      request.on('error', (error) => w.client.push(`error ${code(error)}`));
      request.on('close', () => w.client.push('close'));
      const hasBegun = new Promise<void>((resolve) => {
        begun = resolve;
      });
      request.write('x'.repeat(1000));
      await hasBegun;
      request.destroy();
      await expect.poll(() => w.server.length - seen, patient).toBe(4);
    }
  },

  async 'uploads that the server answers early, and those that it destroys'(w) {
    const server = http.createServer((request, answer) => {
      if (request.url === '/early') answer.writeHead(413, { Connection: 'close' }).end('enough');
      else {
        request.once('data', () => request.destroy());
        request.on('close', () => w.server.push(`close ${request.complete}`));
      }
    });
    const port = await w.serve(server);
    const send = (path: string) => {
      const headers = { 'Transfer-Encoding': 'chunked' };
      const request = http.request({ host: '127.0.0.1', port, method: 'POST', path, headers, agent: w.agent() });
      request.write('x'.repeat(1000));
      return request;
    };
    const early = send('/early');
    early.on('error', () => {}); // by then the answer is there
    const answer = await response(early);
    w.client.push(`${answer.statusCode} ${await text(answer)}`);
    early.destroy();
    const request = send('/destroyed');
    const [error] = await once(request, 'error');
    w.client.push(`error ${code(error)}`);
    await expect.poll(() => w.server.length, patient).toBe(1);
  },

  async 'http2: goaway refuses new streams, and open streams are finished'(w) {
    const server = http2.createServer();
    let finish: (() => void) | undefined;
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('begun ');
      stream.on('close', () => w.server.push('stream closed'));
      finish = () => stream.end('finished');
    });
    server.on('session', (session) => {
      session.on('error', (error) => w.server.push(`session ${code(error)}`));
      goaway = () => session.goaway(http2.constants.NGHTTP2_NO_ERROR, 1, Buffer.from('bye'));
    });
    let goaway: (() => void) | undefined;
    const port = await w.serve(server);
    const stream = await w.dial(port);
    const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => stream });
    const over = Promise.all([closed(session), closed(stream)]);
    session.on('goaway', (number, last, data) => w.client.push(`goaway ${number} ${last} ${data}`));
    session.on('error', (error) => w.client.push(`session ${code(error)}`));
    const running = session.request({ ':path': '/' });
    await once(running, 'response');
    const told = once(session, 'goaway');
    goaway!();
    await told;
    try {
      session.request({ ':path': '/late' }).on('error', (error) => w.client.push(`late ${code(error)}`));
    } catch (error) {
      w.client.push(`late ${code(error)}`);
    }
    finish!();
    w.client.push(await text(running), `${session.closed} ${session.destroyed}`);
    stream.destroy(); // a session that was told to go away does not end by itself
    await over;
    await expect.poll(() => w.server.length, patient).toBe(1);
  },

  async 'http2: an error code of goaway ends the session on both sides'(w) {
    const server = http2.createServer();
    server.on('session', (session) => {
      session.on('error', (error) => w.server.push(`session ${code(error)}`));
      session.on('close', () => w.server.push('session closed'));
    });
    server.on('stream', (stream) => stream.on('error', (error) => w.server.push(`stream ${code(error)}`)));
    server.on('stream', (stream) => stream.session!.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM));
    const port = await w.serve(server);
    const stream = await w.dial(port);
    const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => stream });
    const over = Promise.all([closed(session), closed(stream)]);
    session.on('error', (error) => w.client.push(`session ${code(error)}`));
    session.on('goaway', (number) => w.client.push(`goaway ${number}`));
    const request = session.request({ ':path': '/' });
    request.on('error', (error) => w.client.push(`stream ${code(error)}`));
    await over;
    await expect.poll(() => w.server.at(-1), patient).toBe('session closed');
  },

  async 'bufferSize counts what waits to be written'(w) {
    const server = http.createServer();
    server.on('connection', (stream: net.Socket) => {
      w.server.push(`${stream.bufferSize}`);
      stream.destroy();
      w.server.push(`${stream.bufferSize}`);
    });
    const stream = await w.dial(await w.serve(server));
    stream.on('error', () => {}); // the server is gone
    stream.cork();
    stream.write('12345');
    w.client.push(`${stream.bufferSize}`);
    stream.destroy();
    w.client.push(`${stream.bufferSize}`);
    await expect.poll(() => w.server.length, patient).toBe(2);
  },
};

for (const [name, run] of Object.entries(scenarios)) {
  test(name, async (context) => {
    need(context, node); // other runtimes have modules of their own
    const seen = await Promise.all(
      (
        [
          [sides.net, sides.net],
          [sides.ours, sides.net],
          [sides.net, sides.ours],
          [sides.ours, sides.ours],
        ] as const
      ).map(async ([serving, dialling]) => {
        const here = world(serving, dialling);
        await run(here);
        return { server: here.server, client: here.client };
      }),
    );
    const [ofNode, ourServer, ourClient, both] = seen;
    expect(ofNode!.client.length).toBeGreaterThan(0);
    expect({ ourServer, ourClient, both }).toEqual({ ourServer: ofNode, ourClient: ofNode, both: ofNode });
  });
}
