// What a worker does under torture: the start and the end of an environment, and what lives as long as one.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import * as s from '../../dist/index.js';
import { ringSize, ringSocket } from './steps.js';

const { binary, tree, step, terminated } = workerData;
const load = () => createRequire(import.meta.url)(binary);
const library = () => import(pathToFileURL(`${tree}/dist/index.js`).href);

/** A wait that should end within this time, and does not, has failed silently. */
const soon = () => ({ timeout: 3000 });

function released(native, id) {
  try {
    return native.reactorRef(0, id) === 0;
  } catch {
    return false;
  }
}

const works = {
  init() {
    const native = load();
    native.gethostname();
  },

  /** More file descriptors than the table has room for. The environment closes them. */
  own() {
    const native = load();
    for (let i = 0; i < 40; i++) {
      try {
        native.socketpair(s.AF_UNIX, s.SOCK_STREAM, 0, 1);
      } catch {} // it closes them itself
    }
  },

  /** The library's reactor: waits that end, and one that is pending at the end. */
  async reactor() {
    const t = await library();
    const [a, b] = t.Socket.pair();
    const received = b.recv(64, 0, soon());
    a.sendSync('x');
    await received;
    // A file descriptor that is closed without the knowledge of the reactor makes it renew its epoll set.
    const [kept, d] = t.Socket.pair();
    const c = s.fcntl(kept.fd, s.F_DUPFD_CLOEXEC, 0);
    const gone = t.readable(c, soon()).catch(() => {});
    s.close(c);
    d.sendSync('x');
    const again = b.recv(64, 0, soon());
    a.sendSync('y');
    await again;
    void gone;
    kept.close();
    d.close();
    if (terminated) b.recv().catch(() => {});
  },

  /** The reactor for runtimes without uv_poll. */
  async thread() {
    const native = load();
    // These are Socket objects, which are closed even when the worker ends with an exception.
    const sockets = s.Socket.pair();
    const [a, b] = sockets.map(({ fd }) => fd);
    const list = new Int32Array(new SharedArrayBuffer(120));
    let id = -1;
    try {
      const served = new Promise((resolve) => {
        id = native.reactorThreadStart(list, resolve);
        if (id < 0) throw new Error(`reactorThreadStart: ${id}`);
      });
      if (native.reactorRef(1, id) !== 0) throw new Error('reactorRef failed');
      const n = native.reactorControl(s.EPOLL_CTL_ADD, a, s.EPOLLIN | s.EPOLLONESHOT, 7, id);
      if (n !== 0) throw new Error(`reactorControl: ${n}`);
      s.write(b, 'x');
      const late = new Promise((_, reject) => {
        setTimeout(() => reject(new Error('the event did not arrive')), 3000).unref();
      });
      const count = await Promise.race([served, late]);
      if (count !== 1 || list[0] !== a || list[1] !== 7) throw new Error('the reactor reported another event');
    } finally {
      // What failed once succeeds the second time, and the worker ends.
      while (id >= 0 && !terminated && !released(native, id));
      for (const socket of sockets) socket.close();
    }
  },

  ring() {
    const native = load();
    const fd = ringSocket();
    let id = -1;
    try {
      id = native.ringMap(fd, ringSize);
    } finally {
      s.close(fd);
    }
    if (id < 0) throw new Error(`ringMap: ${id}`);
    let buffer = native.ringBuffer(id);
    if (buffer instanceof ArrayBuffer && terminated) new Uint8Array(buffer)[0] = 1;
    if (!terminated) {
      native.ringUnmap(id);
      buffer = undefined;
      gc();
    }
  },

  /** Look-ups that are still running when the worker ends, or that end before it. */
  async lookups() {
    const native = load();
    const ask = (name, ...args) =>
      new Promise((resolve) => {
        const id = native[name](...args, 2, resolve);
        if (id <= 0) resolve(id);
      });
    const all = [
      ask('getaddrinfoLater', '127.0.0.1', '80', s.AI_NUMERICHOST | s.AI_NUMERICSERV, 0, 1, 0),
      ask('getnameinfoLater', s.encodeAddress({ family: s.AF_INET, address: '127.0.0.1', port: 1 }), s.NI_NUMERICHOST),
      ask('gethostLater', s.AF_INET, '127.0.0.1', undefined),
    ];
    if (!terminated) await Promise.all(all);
  },
};

try {
  await works[step]();
  parentPort.postMessage('done');
} catch (error) {
  if (String(error.message).includes('the event did not arrive') || error.name === 'TimeoutError')
    parentPort.postMessage(`silent: ${error.message}`);
  else parentPort.postMessage(`failed: ${error.message}`);
  if (!terminated) process.exit(0); // pending operations are of no interest any more
}
if (terminated) await once(parentPort, 'message');
process.exitCode = 0;
