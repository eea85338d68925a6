#!/usr/bin/env node
// @ts-check
// An http server whose next version takes the listening socket over from the running one, under load, without a lost
// connection: the descriptor goes from process to process by SCM_RIGHTS, so that its queue of connections stays.
//   node examples/zero-downtime-restart.js NAME [port]      run it again with the same NAME: that is the restart
import http from 'node:http';
import * as s from 'sys-socket';

const [name, port = '0', ...rest] = process.argv.slice(2);
if (name === undefined || name.startsWith('-') || !/^\d{1,5}$/.test(port) || rest.length > 0) {
  console.error('Usage: zero-downtime-restart.js NAME [port]');
  process.exit(2);
}
/** Where the running version is asked for its socket. An abstract name goes away with its process. */
const control = { family: s.AF_UNIX, path: `\0${name}` };
const version = `version ${process.pid}`;
let isLeaving = false;

const server = http.createServer((_request, response) => {
  // A client whose connection is kept would come back to a version that is leaving.
  if (isLeaving) response.setHeader('Connection', 'close');
  response.end(`${version}\n`);
});

/** Asks the running version for its listening socket. Without one a new socket is made. */
async function takeOver() {
  const predecessor = new s.Socket(s.AF_UNIX, s.SOCK_STREAM);
  try {
    await predecessor.connect(control);
  } catch (error) {
    predecessor.close();
    if (!s.isErrno(error, 'ECONNREFUSED')) throw error; // nobody has the name: this is the first version
    return { listener: s.createServer({ host: '127.0.0.1', port: Number(port) }), predecessor: undefined };
  }
  const { fds } = await predecessor.recvFds(16, 1, 0, { timeout: 5000 });
  if (fds[0] === undefined) throw new Error('the running version sent no descriptor');
  return { listener: s.Socket.fromFd(fds[0]), predecessor };
}

/** Serves http on each connection, until the listening socket is closed. @param {s.Socket} listener */
async function serve(listener) {
  for await (const { socket } of listener.connections()) {
    socket.setsockopt(s.IPPROTO_TCP, s.TCP_NODELAY, true); // as node:http sets it
    const stream = socket.makefile();
    stream.on('error', () => {}); // a client that resets
    server.emit('connection', stream);
  }
}

/** Waits for the next version, gives it the listening socket, and leaves when it serves. @param {s.Socket} listener */
async function handOver(listener) {
  for (;;) {
    const door = s.createServer({ path: control.path });
    const { socket: successor } = await door.accept();
    door.close(); // the name is free for the next version
    try {
      await successor.sendFds([listener.fd], 'listener');
      const answer = await successor.recv(16, 0, { timeout: 5000 });
      if (String(answer) === 'serving') break;
      console.log(`${version}: the next one failed, this one stays`);
    } catch (error) {
      console.log(`${version}: the next one failed (${/** @type {Error} */ (error).message}), this one stays`);
    } finally {
      successor.close();
    }
  }
  isLeaving = true;
  listener.close(); // the socket lives on in the next version; what was accepted here is answered here
  console.log(`${version}: leaves when its connections are done`);
}

const { listener, predecessor } = await takeOver();
const address = listener.getsockname();
console.log(`${version}: serves 127.0.0.1:${address !== undefined && 'port' in address ? address.port : '?'}`);
const serving = serve(listener);
const leaving = handOver(listener);
await predecessor?.sendAll('serving');
predecessor?.close();
await Promise.all([serving, leaving]);
