#!/usr/bin/env node
// @ts-check
// An http server whose next version takes the listening socket over from the running one, under load, without a lost
// connection: the descriptor goes from process to process by SCM_RIGHTS, so that its queue of connections stays. Whichever
// process is killed during this, the other one serves.
//   node examples/zero-downtime-restart.js NAME [port]      run it again with the same NAME: that is the restart
import http from 'node:http';
import { setImmediate, setTimeout } from 'node:timers/promises';
import * as s from 'sys-socket';

const [name, port = '0', ...rest] = process.argv.slice(2);
if (name === undefined || name.startsWith('-') || !/^\d{1,5}$/.test(port) || rest.length > 0) {
  console.error('Usage: zero-downtime-restart.js NAME [port]');
  process.exit(2);
}
/** Where the running version is asked for its sockets. An abstract name goes away with the last process that has it. */
const control = { family: s.AF_UNIX, path: `\0${name}` };
const version = `version ${process.pid}`;
let isLeaving = false;

/** The connections that this process has accepted. @type {Set<s.SocketStream>} */
const open = new Set();
const server = http.createServer((request, response) => {
  request.resume().on('end', () => {
    // A client whose connection is kept would come back to a version that is leaving.
    if (isLeaving) response.setHeader('Connection', 'close');
    response.end(`${version}\n`);
  });
});

/**
 * The sockets of the first version: the door is where the next version knocks. Its name can be bound once, which decides
 * between several processes that start together.
 */
function first() {
  const door = s.createServer({ path: control.path });
  return { door, listener: s.createServer({ host: '127.0.0.1', port: Number(port) }), predecessor: undefined };
}

/** Asks the running version for its sockets. Without one they are made. */
async function takeOver() {
  for (;;) {
    const predecessor = new s.Socket(s.AF_UNIX, s.SOCK_STREAM);
    try {
      await predecessor.connect(control);
      // An abstract name has no permissions: whoever bound it first could answer.
      if (s.getOption(predecessor.fd, 'SO_PEERCRED').uid !== process.getuid?.()) throw new Error(`${name} is taken`);
      const { data, fds } = await predecessor.recvFds(16, 2);
      const [listener, door] = fds.map((fd) => s.Socket.fromFd(fd));
      if (listener !== undefined && door !== undefined) return { listener, door, predecessor };
      if (data.length > 0) throw new Error('the sockets did not arrive: too many descriptors are open');
    } catch (error) {
      if (s.isErrno(error, 'ECONNREFUSED')) {
        try {
          return first();
        } catch (taken) {
          if (!s.isErrno(taken, 'EADDRINUSE') || taken.address?.family !== s.AF_UNIX) throw taken;
          await setTimeout(10); // another first version has the name, and will listen in a moment
        }
      } else if (!s.isErrno(error, 'ECONNRESET')) throw error;
    }
    predecessor.close(); // the running version ended before it gave anything: look again
  }
}

/** Serves http on each connection, until the socket is closed. @param {s.Socket} listener */
async function serve(listener) {
  for await (const { socket } of listener.connections()) {
    socket.setsockopt(s.IPPROTO_TCP, s.TCP_NODELAY, true); // as node:http sets it
    const stream = socket.makefile();
    open.add(stream);
    stream.on('error', () => {}); // a client that resets
    stream.on('close', () => open.delete(stream));
    server.emit('connection', stream);
  }
}

/** Whether the process at the other end has ended; false when it says something. @param {s.Socket} socket */
async function ends(socket) {
  try {
    return (await socket.recv(16)).length === 0;
  } catch {
    return true;
  }
}

/**
 * Waits for a version that has the sockets and serves. Its connection stays open: the kernel ends it with the process.
 *
 * @param {s.Socket} listener
 * @param {s.Socket} door
 */
async function successorAt(door, listener) {
  for (;;) {
    const { socket } = await door.accept();
    try {
      if (s.getOption(socket.fd, 'SO_PEERCRED').uid === process.getuid?.()) {
        await socket.sendFds([listener.fd, door.fd], 'sockets');
        if (!(await ends(socket))) return socket;
      }
    } catch {
      // It ended before it took them.
    }
    socket.close();
    console.log(`${version}: the next one failed, this one stays`);
  }
}

/** Resolves to false when all connections of this process are done. */
async function drained() {
  for (const stream of open) if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  return false;
}

server.emit('listening'); // node:http looks at the time limits of its connections from here on
const { listener, door, predecessor } = await takeOver();
for (;;) {
  const accepting = listener.dup();
  const serving = serve(accepting);
  const address = listener.getsockname();
  console.log(`${version}: serves 127.0.0.1:${address !== undefined && 'port' in address ? address.port : '?'}`);
  if (predecessor?.closed === false) await predecessor.sendAll('serving').catch(() => {}); // it may have been killed

  const successor = await successorAt(door, listener);
  isLeaving = true;
  accepting.close();
  await serving;
  if (predecessor?.closed === false) await predecessor.sendAll('leaving').catch(() => {}); // this one is not lost
  predecessor?.close();
  console.log(`${version}: leaves when its connections are done`);
  // Until then it keeps the sockets: when the successor is lost, it serves again.
  const isDrained = drained();
  const isLost = await Promise.race([
    ends(successor).then((hasEnded) => hasEnded || isDrained),
    isDrained.then(() => setImmediate(false)), // after a look at the successor
  ]);
  successor.close();
  if (!isLost) break;
  console.log(`${version}: the next one is lost`);
  isLeaving = false;
}
listener.close();
door.close();
