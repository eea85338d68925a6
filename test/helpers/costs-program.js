// What the event loop costs, counted by strace. Each part writes a mark to standard output before and after it.
//   node test/helpers/costs-program.js <part>=<width> ...        parts: echo close ready sendAll errors
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import * as s from '../../dist/index.js';
import * as nothrow from '../../dist/nothrow.js';

const mark = (name) => writeSync(1, `<${name}>\n`);
const ignore = () => {};

/** A Socket, and the file descriptor of its peer, which is read and written by other calls than those of a Socket. */
function pairs(count) {
  return Array.from({ length: count }, () => {
    const [own, peer] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK);
    return { socket: s.Socket.fromFd(own), peer };
  });
}

function end(list) {
  for (const { socket, peer } of list) {
    socket.close();
    nothrow.close(peer);
  }
}

/** An address on which nobody listens any more. */
function deserted() {
  const socket = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  socket.bind({ family: s.AF_INET, address: '127.0.0.1', port: 0 });
  const address = socket.getsockname();
  socket.close();
  return address;
}

const parts = {
  /** Every connection has one pending request; all of them exist at once. */
  async echo(width, name) {
    const list = pairs(width);
    let echoed = 0;
    for (const { socket } of list) {
      (async () => {
        for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
          await socket.sendAll(data);
          echoed++;
        }
      })().catch(ignore);
    }
    const question = new Uint8Array(64);
    const answer = new Uint8Array(64);
    const rounds = Math.max(2, Math.ceil(100 / width));
    let asked = 0;
    const round = async () => {
      for (const { peer } of list) nothrow.write(peer, question);
      asked += width;
      while (echoed < asked) await turn();
      for (const { peer } of list) nothrow.read(peer, answer);
    };
    await round();
    mark(name);
    for (let i = 0; i < rounds; i++) await round();
    mark('');
    end(list);
  },

  /** Closes twenty sockets that have a pending wait, beside this many idle ones. */
  async close(width, name) {
    const idle = pairs(width);
    const list = pairs(20);
    for (const { socket } of [...idle, ...list]) socket.recv().catch(ignore);
    await turn();
    mark(name);
    for (const { socket } of list) socket.close();
    await turn();
    mark('');
    end([...idle, ...list]);
  },

  /** Closes twenty pairs, each by a callback that closes both sockets, which are ready in the same turn. */
  async ready(width, name) {
    const idle = pairs(width);
    const list = pairs(20);
    for (const { socket } of idle) socket.recv().catch(ignore);
    for (let i = 0; i < list.length; i += 2) {
      const both = () => {
        list[i].socket.close();
        list[i + 1].socket.close();
      };
      list[i].socket.onReadable(both);
      list[i + 1].socket.onReadable(both);
    }
    await turn();
    mark(name);
    for (const { peer } of list) nothrow.write(peer, 'x');
    while (list.some(({ socket }) => !socket.closed)) await turn();
    await turn();
    mark('');
    end([...idle, ...list]);
  },

  /** Waits for each of this many datagrams, after an error was received from the error queue. */
  async errors(width, name) {
    const socket = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
    const sender = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
    socket.bind({ family: s.AF_INET, address: '127.0.0.1', port: 0 });
    socket.setsockopt(s.IPPROTO_IP, s.IP_RECVERR, true);
    s.connect(sender.fd, socket.getsockname());
    await socket.sendto('x', 0, deserted());
    await socket.errorReady();
    s.getsockopt(socket.fd, s.SOL_SOCKET, s.SO_ERROR); // the entry is still in the queue
    let data = socket.recv();
    for (let i = 0; i < 3; i++) await turn();
    await socket.recvmsg({ buffers: [new Uint8Array(9)], controlLength: 512 }, s.MSG_ERRQUEUE);
    mark(name);
    for (let i = 0; i < width; i++) {
      await turn();
      sender.sendSync('x');
      await data;
      data = socket.recv();
    }
    mark('');
    sender.sendSync('x');
    await data;
    socket.close();
    sender.close();
  },

  /** Sends this many MB to a reader that keeps up. */
  async sendAll(megabytes, name) {
    const [own, peer] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    const reader = spawn('cat', { stdio: [peer, 'ignore', 'inherit'] });
    const closed = once(reader, 'close');
    s.close(peer);
    const socket = s.Socket.fromFd(own);
    const data = new Uint8Array(megabytes << 20);
    await turn();
    mark(name);
    await socket.sendAll(data);
    mark('');
    socket.close();
    await closed;
  },
};

for (const part of process.argv.slice(2)) {
  const [name, width] = part.split('=');
  await parts[name](Number(width), part);
}
