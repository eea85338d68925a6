#!/usr/bin/env node
// @ts-check
// An HTTP server whose next version takes over the listening socket from the running one, under load and without losing
// a connection. The file descriptor is passed by SCM_RIGHTS, so the queue of pending connections survives. Whichever of
// the two processes is killed meanwhile, the other one continues to serve.
//   node examples/zero-downtime-restart.js NAME [port]      to restart, run it again with the same NAME
import http from 'node:http';
import { setImmediate, setTimeout } from 'node:timers/promises';
import * as s from 'sys-socket';

const [name, port = '0', ...rest] = process.argv.slice(2);
if (name === undefined || name.startsWith('-') || !/^\d{1,5}$/.test(port) || rest.length > 0) {
  console.error('Usage: zero-downtime-restart.js NAME [port]');
  process.exit(2);
}
/** The running version passes its sockets here. An abstract name disappears when the last process closes its socket. */
const control = { family: s.AF_UNIX, path: `\0${name}` };
const version = `version ${process.pid}`;
let isLeaving = false;

/** The connections that this process has accepted. @type {Set<s.SocketStream>} */
const open = new Set();
const server = http.createServer((request, response) => {
  request.resume().on('end', () => {
    // A client must not reuse its connection to a version that is leaving.
    if (isLeaving) response.setHeader('Connection', 'close');
    response.end(`${version}\n`);
  });
});

/**
 * Creates the sockets of the first version. The next version connects to the door. Only one process can bind its name,
 * which decides between several processes that start at the same time.
 */
function first() {
  const door = s.createServer({ path: control.path });
  return { door, listener: s.createServer({ host: '127.0.0.1', port: Number(port) }), predecessor: undefined };
}

/** Asks the running version for its sockets, or creates them if no version is running. */
async function takeOver() {
  for (;;) {
    const predecessor = new s.Socket(s.AF_UNIX, s.SOCK_STREAM);
    try {
      await predecessor.connect(control);
      // An abstract name has no permissions: any user could have bound it first and answer.
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
          await setTimeout(10); // another first version has bound the name and will listen in a moment
        }
      } else if (!s.isErrno(error, 'ECONNRESET')) throw error;
    }
    predecessor.close(); // the running version ended before it passed the sockets: try again
  }
}

/** Serves HTTP on each connection until the socket is closed. @param {s.Socket} listener */
async function serve(listener) {
  for await (const { socket } of listener.connections()) {
    socket.setsockopt(s.IPPROTO_TCP, s.TCP_NODELAY, true); // as node:http does
    const stream = socket.makefile();
    open.add(stream);
    stream.on('error', () => {}); // a client that resets its connection
    stream.on('close', () => open.delete(stream));
    server.emit('connection', stream);
  }
}

/** Resolves to whether the process at the other end has ended: false if it sends data. @param {s.Socket} socket */
async function ends(socket) {
  try {
    return (await socket.recv(16)).length === 0;
  } catch {
    return true;
  }
}

/**
 * Waits for a version that has the sockets and serves. Its connection stays open: the kernel closes it when the process
 * ends.
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
      // The process ended before it received the sockets.
    }
    socket.close();
    console.log(`${version}: the next one failed, this one stays`);
  }
}

/** Resolves to false when all connections of this process have closed. */
async function drained() {
  for (const stream of open) if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  return false;
}

server.emit('listening'); // from here on, node:http enforces the time limits of its connections
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
  // Until then, this version keeps the sockets and serves again if the successor is lost.
  const isDrained = drained();
  const isLost = await Promise.race([
    ends(successor).then((hasEnded) => hasEnded || isDrained),
    isDrained.then(() => setImmediate(false)), // after a check of the successor
  ]);
  successor.close();
  if (!isLost) break;
  console.log(`${version}: the next one is lost`);
  isLeaving = false;
}
listener.close();
door.close();
