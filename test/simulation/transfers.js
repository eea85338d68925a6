/** Reading, writing and waiting in a schedule. */
import * as s from '../../dist/index.js';
import * as c from '../../dist/native/constants.js';
import { kernel } from './kernel.js';
import { ERROR, fresh, plainly, READ, WRITE } from './world.js';

function batch(world) {
  return new s.MessageBatch({ messages: world.random.between(1, 4), size: 64 });
}

export function read(world) {
  const subject = world.any('stream', 'datagram', 'named');
  if (subject === undefined) return;
  const { socket, role } = subject;
  const { random } = world;
  const kind = random.pick(role === 'stream' ? ['recv', 'recvInto', 'recvmsg'] : ['recv', 'recvfrom', 'recvmmsg']);
  const size = role === 'stream' ? random.pick([1, 7, 50, 400, 65536, 100_000]) : 64;
  const facts = {};
  const options = world.limits(facts);
  let start = () => socket[kind](size, 0, options);
  if (kind === 'recvInto') {
    facts.buffer = new Uint8Array(Math.min(size, 1000));
    start = () => socket.recvInto(facts.buffer, 0, options);
  } else if (kind === 'recvmsg') {
    facts.buffer = new Uint8Array(Math.min(size, 1000));
    start = () => socket.recvmsg({ buffers: [facts.buffer] }, 0, options);
  } else if (kind === 'recvmmsg') {
    const storage = batch(world);
    start = () => socket.recvmmsg(storage, 0, options);
    facts.done = (op) => {
      op.batch = Array.from({ length: storage.count }, (_, i) => Uint8Array.from(storage.bytes(i)));
    };
  }
  world.begin(subject, kind, READ, start, facts);
}

export function write(world) {
  const subject = world.any('stream', 'datagram', 'named');
  if (subject === undefined) return;
  const { socket, role } = subject;
  const { random } = world;
  const to = role === 'named' ? world.any('named') : undefined;
  const kinds = { stream: ['send', 'sendAll', 'sendAll', 'sendmsg'], datagram: ['send', 'sendmmsg', 'sendmsg'] };
  const kind = random.pick(kinds[role] ?? ['sendto', 'sendmmsg']);
  const data = fresh(role === 'stream' ? random.pick([1, 20, 300, 2000]) : random.between(1, 40));
  const facts = { data, to };
  const options = world.limits(facts);
  let start = () => socket[kind](data, 0, options);
  if (kind === 'sendmsg') start = () => socket.sendmsg({ buffers: [data] }, 0, options);
  else if (kind === 'sendto') start = () => socket.sendto(data, 0, to.address, options);
  else if (kind === 'sendmmsg') {
    const storage = batch(world);
    facts.messages = [];
    while (storage.count < storage.capacity) {
      const message = fresh(random.between(1, 40));
      facts.messages.push(message);
      storage.push(message, to?.address);
    }
    start = () => socket.sendmmsg(storage, 0, options);
  }
  world.begin(subject, kind, WRITE, start, facts);
}

const WAITS = { readable: READ, writable: WRITE, errorReady: ERROR };
const SHOWS = {
  readable: c.EPOLLIN | c.EPOLLRDHUP | c.EPOLLHUP,
  writable: c.EPOLLOUT | c.EPOLLHUP,
  errorReady: c.EPOLLPRI | c.EPOLLERR,
};

/**
 * Whether the awaited condition holds. On a plain file descriptor the error queue cannot be told from a pending error.
 */
function isKept(kind, { description, socket }) {
  const mask = description.mask();
  if ((mask & SHOWS[kind]) !== 0) return true;
  if (socket === undefined) return (mask & c.EPOLLERR) !== 0;
  return description.error !== 0 || (kind === 'readable' && description.taken.at(-1)?.peeked === true);
}

export function wait(world) {
  // Mostly sockets with an error queue: for lasting conditions, the library may ask epoll for changes only.
  const queued = world.subjects.filter(
    ({ closed, foreign, description }) => !closed && !foreign && description.queued > 0,
  );
  const subject = queued.length > 0 && world.random.chance(0.7) ? world.random.pick(queued) : world.any();
  if (subject === undefined) return;
  const kind = world.random.pick(Object.keys(WAITS));
  const facts = {
    /** A promise of readiness must be true when it resolves. */
    settling: (op, how) => {
      if (how !== 'resolve' || subject.foreign || kernel.threaded) return;
      if (!isKept(kind, subject)) kernel.violate(`${kind} #${op.id} resolved and nothing is there`);
    },
  };
  const options = world.limits(facts);
  if (subject.socket === undefined) {
    // The wait is aborted before the file descriptor is closed.
    facts.controller = new AbortController();
    options.signal = facts.signal = facts.controller.signal;
  }
  const start =
    subject.socket === undefined ? () => plainly[kind](subject.fd, options) : () => subject.socket[kind](options);
  world.begin(subject, kind, WAITS[kind], start, facts);
}

/** Calls that block this thread, if no other operation waits before them. */
export function sync(world) {
  const subject = world.any('stream', 'datagram');
  if (subject === undefined) return;
  const { random } = world;
  const direction = random.pick([READ, WRITE]);
  if (subject.pending(direction) !== undefined) return;
  const { socket } = subject;
  const before = socket.getTimeout();
  socket.setTimeout(random.pick([0, 10]));
  const kind = direction === READ ? 'recv' : random.pick(subject.role === 'stream' ? ['send', 'sendAll'] : ['send']);
  const data = fresh(20);
  const op = { id: world.operations++, subject, kind, direction, data, state: 'resolved' };
  kernel.log(`${kind}Sync #${op.id} of fd ${subject.fd}`);
  try {
    op.value = socket[`${kind}Sync`](direction === READ ? random.pick([7, 400]) : data);
  } catch (error) {
    op.state = 'rejected';
    if (error.code !== 'EAGAIN') op.error = error;
    else if (error.sent !== undefined) op.error = { sent: error.sent };
  }
  socket.setTimeout(before);
  subject.operations.push(op);
}
