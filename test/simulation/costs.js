/**
 * Schedules without faults in which calls are counted: the costs of a server with many, with busy and with closing
 * connections.
 */

import * as s from '../../dist/index.js';
import * as c from '../../dist/native/constants.js';
import * as nothrow from '../../dist/nothrow.js';
import { kernel } from './kernel.js';
import { Stream } from './sockets.js';
import { drained, turn } from './turn.js';

/** Sockets of the library, and the other ends of their connections. */
function connections(count) {
  return Array.from({ length: count }, () => {
    const own = new Stream(kernel, c.AF_INET, c.SOCK_STREAM, 0);
    const peer = new Stream(kernel, c.AF_INET, c.SOCK_STREAM, 0);
    own.capacity = peer.capacity = 1 << 20;
    Stream.join(own, peer);
    return { socket: s.Socket.fromFd(kernel.install(own)), own, peer };
  });
}

const ignore = () => {};
const of = (name) => kernel.counts[name] ?? 0;

function atMost(what, count, most) {
  if (count > most) kernel.violate(`${what}: ${count}, which is more than ${most}`);
}

async function turns(count) {
  await drained();
  for (let i = 0; i < count; i++) await turn(1, false);
}

async function end(ends) {
  for (const { socket } of ends) socket.close();
  await turns(1);
}

/** All connections echo at once, again and again: each echo is one read and one write, without epoll_ctl. */
async function echo(random) {
  const width = random.pick([1, 64, 250, 257, 300, 400]);
  const rounds = Math.max(3, Math.ceil(40 / width));
  const ends = connections(width);
  let echoes = 0;
  for (const { socket } of ends) {
    (async () => {
      for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
        await socket.sendAll(data);
        echoes++;
      }
    })().catch(ignore);
  }
  await turns(1);
  kernel.counts = {};
  const question = new Uint8Array(64);
  for (let round = 0; round < rounds; round++) {
    for (const { peer } of ends) peer.write(question);
    for (let i = 0; echoes < (round + 1) * width && i < 20; i++) await turns(1);
  }
  if (echoes !== rounds * width) kernel.violate(`${rounds * width - echoes} echoes are missing`);
  atMost(`epoll_ctl for ${echoes} echoes on ${width} connections`, of('epoll_ctl'), 0);
  // Two calls for each echo; the rest allows for reads that found nothing before the first data arrived.
  atMost(`recv and send for ${echoes} echoes on ${width} connections`, of('recv') + of('send'), 2.02 * echoes);
  await end(ends);
}

/** Callbacks close sockets that are ready in the same turn, beside many idle ones. */
async function closing(random) {
  const idle = connections(random.pick([0, 10, 200]));
  const pairs = Array.from({ length: 20 }, () => connections(2));
  for (const { socket } of idle) socket.recv().catch(ignore);
  for (const [a, b] of pairs) {
    for (const { socket } of [a, b]) {
      if (random.chance(0.5)) {
        socket.recv().then(() => {
          a.socket.close();
          b.socket.close();
        }, ignore);
      } else {
        socket.onReadable(() => {
          a.socket.close();
          b.socket.close();
        });
      }
    }
  }
  await turns(1);
  kernel.counts = {};
  for (const [a, b] of pairs) {
    a.peer.close();
    b.peer.close();
  }
  kernel.arrive(1);
  await turns(2);
  const closed = of('close');
  if (closed !== 2 * pairs.length) kernel.violate(`${closed} closed of ${2 * pairs.length}`);
  atMost(`epoll_ctl for ${closed} that are closed beside ${idle.length}`, of('epoll_ctl'), closed);
  atMost('renewals of the epoll set', of('renew'), 0);
  await end(idle);
}

/** One socket could go on forever, in one operation or many: others are served in between. */
async function busy(random) {
  const [fast, other] = connections(2);
  const data = new Uint8Array(100_000);
  fast.own.devours = true;
  fast.own.mouthful = 64;
  const waiting = other.socket.recv();
  let served = false;
  waiting.then(() => {
    served = true;
  }, ignore);
  await turns(1);
  const loops = {
    sendAll: () => fast.socket.sendAll(data),
    send: async () => {
      for (let i = 0; i < 2000; i++) await fast.socket.send('x');
    },
    'many sendAll': async () => {
      const octet = new Uint8Array(1);
      for (let i = 0; i < 2000; i++) await fast.socket.sendAll(octet);
    },
    recv: async () => {
      for (let i = 0; i < 2000; i++) await fast.socket.recv(1);
    },
    callbacks: async () => {
      const watch = fast.socket.onReadable(() => nothrow.recv(fast.socket.fd, new Uint8Array(1)));
      await fast.socket.sendAll(data);
      watch.stop();
    },
  };
  fast.peer.write(new Uint8Array(2000));
  const name = random.pick(Object.keys(loops));
  let done = false;
  const loop = loops[name]().then(() => {
    done = true;
  });
  kernel.counts = {};
  await drained();
  other.peer.write(new Uint8Array(1));
  await turns(2);
  if (!served) kernel.violate(`${name}: another socket waits for more than two turns`);
  for (let i = 0; !done && i < 1000; i++) await turns(1);
  if (!done) kernel.violate(`${name} does not come to its end`);
  if (done) await loop;
  atMost(`epoll_ctl of ${name} that is never told to wait`, of('epoll_ctl'), 2);
  await end([fast, other]);
}

/** A hundred senders to one full AF_UNIX receiver, which epoll does not report: they retry on a timer. */
async function full() {
  const receiver = new s.Socket(c.AF_UNIX, c.SOCK_DGRAM);
  const address = { family: c.AF_UNIX, path: '\0full' };
  receiver.bind(address);
  const senders = Array.from({ length: 100 }, () => new s.Socket(c.AF_UNIX, c.SOCK_DGRAM));
  let sent = 0;
  for (const socket of senders) {
    socket.sendto('x', 0, address).then(() => {
      sent++;
    }, ignore);
  }
  await turns(1);
  kernel.counts = {};
  for (let i = 0; i < 200; i++) await turn(5, false);
  atMost('sendto in a second of a hundred that wait for room', of('sendto'), 4000);
  for (let i = 0; i < senders.length; i++) receiver.recv().catch(ignore);
  for (let i = 0; sent < senders.length && i < 1000; i++) await turn(5, false);
  if (sent !== senders.length) kernel.violate(`${senders.length - sent} were never sent, though there was room`);
  for (const socket of [receiver, ...senders]) socket.close();
}

export const costs = [echo, closing, busy, full];
