// The rows for libraries that receive our streams, or connections that our accept loop accepted.
/** The code that the programs share: a Node server behind our accept loop, and a stream of ours to it. */
const head = `
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { createConnection, createServer } from 'sys-socket';

function serve(server) {
  const listener = createServer({ host: '127.0.0.1', port: 0, noDelay: true });
  void (async () => {
    for await (const { socket } of listener.connections()) server.emit('connection', socket.makefile());
  })();
  return {
    port: listener.getsockname().port,
    close() {
      listener.close();
      server.closeAllConnections();
    },
  };
}

const dial = async (options) => (await createConnection(options)).makefile();

/** A stream to a server that is being started. */
async function persist(options) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await dial(options);
    } catch (error) {
      if (attempt === 600) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
`;

/** Returns a row with the program of this name, which must print `works` on every Node. */
export const row = (tool, how, text, options = {}) => ({
  tool,
  how,
  check(bench) {
    bench.works(bench.project({ 'main.js': `${head}${text}\nconsole.log('works');\n` }, { tools: [tool] }), 'main.js');
  },
  ...options,
});

const programs = {
  undici: `
import { Agent, fetch, request } from 'undici';
const { port, close } = serve(http.createServer((request, response) => request.pipe(response)));
const connect = ({ hostname, port }, callback) => {
  dial({ host: hostname, port: Number(port) }).then((stream) => callback(null, stream), callback);
};
const dispatcher = new Agent({ connect, keepAliveTimeout: 500 });
const url = 'http://127.0.0.1:' + port;
for (const body of ['one', 'x'.repeat(500_000)]) {
  const response = await request(url, { dispatcher, method: 'POST', body });
  assert.equal(await response.body.text(), body);
}
assert.equal(await (await fetch(url, { dispatcher, method: 'POST', body: 'fetched' })).text(), 'fetched');
await assert.rejects(request('http://127.0.0.1:1', { dispatcher }));
await dispatcher.close();
close();`,

  ws: `
import { WebSocket, WebSocketServer } from 'ws';
const server = http.createServer();
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket, request) => {
  socket.send(request.socket.remoteAddress);
  socket.on('message', (message) => socket.send(message));
});
const { port, close } = serve(server);
const stream = await dial({ host: '127.0.0.1', port });
const client = new WebSocket('ws://127.0.0.1:' + port, { createConnection: () => stream });
const got = [];
client.on('message', (message) => got.push(String(message)));
await once(client, 'open');
client.send('hello');
client.send('x'.repeat(100_000));
while (got.length < 3) await once(client, 'message');
assert.deepEqual(got, ['127.0.0.1', 'hello', 'x'.repeat(100_000)]);
client.close(1000, 'bye');
assert.equal((await once(client, 'close'))[0], 1000);
sockets.close();
close();`,

  express: `
import express from 'express';
const app = express();
app.use(express.json());
app.post('/', (request, response) => response.json({ ip: request.ip, secure: request.secure, body: request.body }));
app.get('/large', (_request, response) => response.send('y'.repeat(1_000_000)));
const { port, close } = serve(http.createServer(app));
const url = 'http://127.0.0.1:' + port;
const headers = { 'content-type': 'application/json' };
const answer = await fetch(url, { method: 'POST', headers, body: '{"a":1}' });
assert.deepEqual(await answer.json(), { ip: '127.0.0.1', secure: false, body: { a: 1 } });
assert.equal((await (await fetch(url + '/large')).text()).length, 1_000_000);
close();`,

  fastify: `
import fastify from 'fastify';
const app = fastify({ serverFactory: (handler) => http.createServer(handler) });
app.get('/', async (request) => ({ ip: request.ip }));
await app.ready();
const { port, close } = serve(app.server);
assert.deepEqual(await (await fetch('http://127.0.0.1:' + port)).json(), { ip: '127.0.0.1' });
close();
await app.close();`,
};

export const clients = [
  row('undici', '`Agent({ connect })`: requests and fetch over streams', programs.undici, { short: true }),
  row('ws', 'server behind `connections()`, client by `createConnection`', programs.ws, { short: true }),
  row('express', 'behind `connections()`: `request.ip`, bodies', programs.express, { short: true }),
  row('fastify', 'behind `connections()`, by `serverFactory`', programs.fastify),
];
