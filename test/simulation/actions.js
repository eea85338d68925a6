/** What a schedule does besides reading and writing: callbacks, iterators, peers, ends. */
import * as s from '../../dist/index.js';
import * as c from '../../dist/native/constants.js';
import * as nothrow from '../../dist/nothrow.js';
import { kernel } from './kernel.js';
import { accept, accepted, bound, connect, listener, pair, plain, stream } from './openings.js';
import { Stream } from './sockets.js';
import { read, sync, wait, write } from './transfers.js';
import { fresh, plainly, READ, THROWN, WRITE } from './world.js';

function watch(world) {
  const subject = world.any();
  if (subject === undefined || subject.watches.size > 2) return;
  const { random } = world;
  const reads = random.chance(0.7);
  const name = reads ? 'onReadable' : 'onWritable';
  const { description, fd } = subject;
  let watch;
  const call = () => {
    if (!subject.watches.has(watch)) kernel.violate(`a callback of fd ${fd} was called after it was stopped`);
    kernel.log(`callback ${name} of fd ${fd}`);
    watch.called = world.turn;
    if (reads && description instanceof Stream && random.chance(0.8) && !subject.foreign) {
      const before = description.taken.length;
      nothrow.recv(fd, new Uint8Array(random.pick([5, 100])));
      for (const record of description.taken.slice(before)) record.claimed = true;
    }
    if (random.chance(0.2)) stop(watch, subject);
    if (random.chance(0.3)) world.act();
    if (random.chance(0.05)) throw new Error(THROWN);
  };
  const onError = (error) => {
    kernel.log(`callback ${name} of fd ${fd} ended: ${error}`);
    subject.watches.delete(watch);
    world.judge(`${name} of fd ${fd}`, subject, error);
  };
  try {
    watch =
      subject.socket === undefined ? plainly[name](fd, call, { onError }) : subject.socket[name](call, { onError });
  } catch (error) {
    if (error.syscall !== 'epoll_ctl') throw error;
    return;
  }
  watch.reads = reads;
  subject.watches.add(watch);
}

function stop(watch, subject) {
  watch.stop();
  subject.watches.delete(watch);
}

function iterate(world) {
  const subject = world.any('listener', 'datagram', 'named');
  if (subject === undefined || subject.iterators.length > 0) return;
  const kind = subject.role === 'listener' ? 'connections' : 'datagrams';
  const facts = {};
  const options = world.limits(facts);
  const iterator = kind === 'connections' ? subject.socket.connections(options) : subject.socket.datagrams(64, options);
  subject.iterators.push(iterator);
  let left = world.random.between(1, 4);
  const next = () => {
    // The timeout starts anew with each call.
    if (facts.due !== undefined) world.limit(facts, options.timeout);
    world.begin(subject, kind, READ, () => iterator.next(), { ...facts, done });
  };
  const done = (op) => {
    if (kind === 'connections') accepted(world, subject)(op);
    if (op.state === 'rejected' || op.value.done || --left === 0) leave(world, subject);
    else next();
  };
  next();
}

/** Ends an iteration, even while it waits. */
function leave(world, subject) {
  const [iterator] = subject.iterators.splice(0);
  if (iterator === undefined) return;
  world.begin(subject, 'return', 'none', () => iterator.return());
}

// The rest of the world.

function peer(world) {
  const { random } = world;
  const open = world.peers.filter(({ closed }) => !closed);
  if (open.length === 0) return;
  const one = random.pick(open);
  switch (random.below(9)) {
    case 0:
      if (random.chance(0.5)) one.end();
      return;
    case 1:
      if (!random.chance(0.3)) return;
      if (random.chance(0.5) && !one.peer.closed) one.peer.error = c.ECONNRESET;
      return one.close();
    case 2:
    case 3:
    case 4:
      if (one.length > 0) one.read(random.pick([1, 50, 10_000]));
      return;
    default:
      one.write(fresh(random.pick([1, 20, 200])));
  }
}

/** What a schedule does, with weights. */
export const ACTIONS = [
  [pair, 3],
  [stream, 3],
  [plain, 1],
  [bound, 2],
  [listener, 2],
  [connect, 3],
  [accept, 3],
  [read, 10],
  [write, 10],
  [wait, 4],
  [sync, 2],
  [watch, 4],
  [iterate, 2],
  [peer, 8],
  [
    (world) => {
      const [first] = world.signals.splice(world.random.below(world.signals.length), 1);
      first?.abort();
    },
    2,
  ],
  [
    (world) => {
      const subject = world.any();
      const [first] = subject?.watches ?? [];
      if (first !== undefined) stop(first, subject);
    },
    1,
  ],
  [
    (world) => {
      const subject = world.any();
      if (subject !== undefined) leave(world, subject);
    },
    1,
  ],
  [
    (world) => {
      const subject = world.any();
      if (subject !== undefined) world.close(subject);
    },
    2,
  ],
  [
    (world) => {
      const subject = world.any('stream', 'datagram');
      if (subject === undefined) return;
      subject.ending = true;
      const fd = subject.socket.detach();
      subject.watches.clear();
      kernel.log(`detached fd ${fd}`);
      s.close(fd);
    },
    1,
  ],
  [
    (world) => {
      const subject = world.any('stream', 'datagram', 'named', 'listener', 'connecting');
      if (subject === undefined) return;
      subject.refed = world.random.chance(0.5);
      kernel.log(`${subject.refed ? 'ref' : 'unref'} fd ${subject.fd}`);
      if (subject.refed) subject.socket.ref();
      else subject.socket.unref();
    },
    2,
  ],
  [
    (world) => {
      const subject = world.any('stream', 'datagram');
      if (subject === undefined) return;
      subject.description.queued = 1;
      subject.description.wake();
    },
    3,
  ],
  [
    (world) => {
      const subject = world.any('stream');
      // Data that waits to be sent must go first, or the shutdown is refused.
      if (subject === undefined || subject.pending(WRITE) !== undefined) return;
      try {
        subject.socket.shutdown(c.SHUT_WR);
      } catch (error) {
        if (error.code !== 'ENOTCONN') throw error;
      }
    },
    1,
  ],
  [
    (world) => {
      // Somebody else closes a file descriptor; the socket that it refers to may live on.
      const subject = world.thieves ? world.any('stream', 'datagram') : undefined;
      if (subject === undefined) return;
      kernel.log(`stolen: fd ${subject.fd}`);
      if (world.random.chance(0.7)) world.extra.push(kernel.install(subject.description, false));
      kernel.close(subject.fd);
      kernel.owned.delete(subject.fd);
      subject.foreign = true;
      kernel.foreign.add(subject.fd);
    },
    2,
  ],
];
