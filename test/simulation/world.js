/** The program of a schedule: sockets of the library, their peers, and what is done with them, as the seed says. */

import * as s from '../../dist/index.js';
import * as nothrow from '../../dist/nothrow.js';
import * as c from '../../dist/posix/constants.js';
import { clock } from './clock.js';
import { kernel } from './kernel.js';
import { Stream } from './sockets.js';

export const READ = 'read';
export const WRITE = 'write';
export const ERROR = 'error';

/** The operation that is being begun: promises that are made meanwhile are its own. */
export const beginning = { op: undefined };

/** What callbacks of the program throw, on purpose. */
export const THROWN = 'thrown by a callback';

let state = 1;
/** Bytes that come nowhere else. */
function fresh(length) {
  const data = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = state >>> 24;
  }
  return data;
}

/** A socket, or a plain descriptor, with what was done with it. */
class Subject {
  operations = [];
  watches = new Set();
  iterators = [];
  refed = true;
  foreign = false;
  left = false;

  constructor(world, fd, socket, role) {
    this.world = world;
    this.fd = fd;
    this.socket = socket;
    this.role = role;
    this.description = kernel.fds.get(fd);
    world.subjects.push(this);
  }

  get closed() {
    return this.left || this.socket?.closed === true;
  }

  pending(direction) {
    return this.operations.find((op) => op.state === 'pending' && op.direction === direction);
  }
}

export class World {
  subjects = [];
  /** Peers that are no sockets of the library: the simulation reads and writes there. */
  peers = [];
  signals = [];
  /** Second descriptors of what was closed by somebody else. */
  extra = [];
  turn = 0;
  operations = 0;

  constructor(random) {
    this.random = random;
    this.left = random.between(5, 40);
    state = 1;
    this.weights = ACTIONS.map(([, weight]) => (random.chance(0.25) ? 0 : weight * random.between(1, 3)));
    this.timed = random.chance(0.5) ? 0.3 : 0;
    this.signalled = random.chance(0.5) ? 0.3 : 0;
    this.thieves = random.chance(0.1);
  }

  act() {
    if (this.left-- <= 0) return;
    let at = this.random.below(this.weights.reduce((sum, weight) => sum + weight, 1));
    for (const [i, [action]] of ACTIONS.entries()) {
      at -= this.weights[i];
      if (at < 0) return action(this);
    }
  }

  /** One that is open, of a role if given. */
  any(...roles) {
    const list = this.subjects.filter(
      ({ closed, foreign, role }) => !closed && !foreign && (roles.length === 0 || roles.includes(role)),
    );
    return list.length === 0 ? undefined : this.random.pick(list);
  }

  /** Begins an operation, and follows it to its end. */
  begin(subject, kind, direction, start, facts = {}) {
    const op = { id: this.operations++, subject, kind, direction, state: 'pending', value: undefined, ...facts };
    subject.operations.push(op);
    kernel.log(`begin ${kind} #${op.id} of fd ${subject.fd}`);
    beginning.op = op;
    let promise;
    try {
      promise = start();
    } catch (error) {
      kernel.violate(`${kind} #${op.id} threw: ${error.stack}`);
    } finally {
      beginning.op = undefined;
    }
    const end = (state) => (result) => {
      if (op.state !== 'pending') kernel.violate(`${kind} #${op.id} ended twice`);
      op.state = state;
      op[state === 'resolved' ? 'value' : 'error'] = result;
      kernel.log(`${state} ${kind} #${op.id} of fd ${subject.fd}${state === 'rejected' ? `: ${result}` : ''}`);
      if (state === 'rejected' && !this.#isLimit(op, result)) this.judge(`${kind} #${op.id}`, subject, result);
      facts.done?.(op);
      if (this.random.chance(0.3)) this.act();
    };
    promise?.then(end('resolved'), end('rejected'));
    return op;
  }

  #isLimit(op, { name }) {
    return (name === 'AbortError' && op.signal?.aborted) || (name === 'TimeoutError' && op.due <= clock.now);
  }

  /** Whether an error may be. */
  judge(what, subject, error) {
    if (subject.foreign) return;
    const closed = error.name === 'ClosedError' && (subject.closed || subject.ending);
    if (error.name !== 'SocketError' && !closed) kernel.violate(`${what} of fd ${subject.fd} failed: ${error.stack}`);
    if (error.syscall === 'epoll_ctl' && !closed && !kernel.refused.has(`${subject.fd} ${error.errno}`)) {
      kernel.violate(`${what} of fd ${subject.fd} failed for another: ${error.stack}`);
    }
  }

  /** A signal, a timeout, both or neither; the facts of the operation know of them. */
  limits(facts) {
    const options = {};
    if (this.random.chance(this.timed)) {
      options.timeout = this.random.pick([0, 1, 5, 20, 100]);
      facts.due = clock.now + Math.max(1, options.timeout);
    }
    if (this.random.chance(this.signalled)) {
      // One signal for many, or one of its own.
      const controller = this.random.chance(0.5) ? this.random.pick(this.signals) : undefined;
      const chosen = controller ?? new AbortController();
      if (controller === undefined) this.signals.push(chosen);
      options.signal = chosen.signal;
      facts.signal = chosen.signal;
    }
    return options;
  }

  close(subject) {
    kernel.log(`close fd ${subject.fd}`);
    subject.ending = true;
    if (subject.socket === undefined) {
      for (const op of subject.operations) op.controller?.abort();
      for (const watch of subject.watches) watch.stop();
      subject.watches.clear();
      subject.left = true;
      s.close(subject.fd);
      return;
    }
    if (subject.foreign) {
      try {
        subject.socket.close();
      } catch {}
    } else {
      subject.socket.close();
    }
    subject.watches.clear();
  }
}

// Sockets.

function pair(world) {
  const { random } = world;
  const type = random.chance(0.7) ? c.SOCK_STREAM : c.SOCK_DGRAM;
  const role = type === c.SOCK_STREAM ? 'stream' : 'datagram';
  let sockets;
  try {
    sockets = s.Socket.pair(type);
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
    return;
  }
  for (const socket of sockets) new Subject(world, socket.fd, socket, role);
}

/** A socket whose peer is none of the library. */
function stream(world) {
  const own = new Stream(kernel, c.AF_INET, c.SOCK_STREAM, 0);
  const peer = new Stream(kernel, c.AF_INET, c.SOCK_STREAM, 0);
  Stream.join(own, peer);
  own.devours = world.random.chance(0.1);
  const fd = kernel.install(own);
  if (fd < 0) return;
  new Subject(world, fd, s.Socket.fromFd(fd), 'stream');
  world.peers.push(peer);
}

/** A descriptor that is no Socket's. */
function plain(world) {
  const own = new Stream(kernel, c.AF_UNIX, c.SOCK_STREAM, 0);
  const peer = new Stream(kernel, c.AF_UNIX, c.SOCK_STREAM, 0);
  Stream.join(own, peer);
  const fd = kernel.install(own, false);
  if (fd < 0) return;
  new Subject(world, fd, undefined, 'plain');
  world.peers.push(peer);
}

function bound(world) {
  const address = { family: c.AF_UNIX, path: `\0${world.subjects.length}` };
  let socket;
  try {
    socket = new s.Socket(c.AF_UNIX, c.SOCK_DGRAM);
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
    return;
  }
  socket.bind(address);
  const subject = new Subject(world, socket.fd, socket, 'named');
  subject.address = s.encodeAddress(address);
}

function listener(world) {
  const inet = world.random.chance(0.5);
  const family = inet ? c.AF_INET : c.AF_UNIX;
  const address = inet
    ? { family, address: '127.0.0.1', port: 1000 + world.subjects.length }
    : { family, path: `\0${world.subjects.length}` };
  let socket;
  try {
    socket = new s.Socket(family, c.SOCK_STREAM);
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
    return;
  }
  socket.bind(address);
  socket.listen(world.random.between(1, 4));
  const subject = new Subject(world, socket.fd, socket, 'listener');
  subject.address = address;
}

function connect(world) {
  const to = world.any('listener');
  if (to === undefined) return;
  let socket;
  try {
    socket = new s.Socket(to.address.family, c.SOCK_STREAM);
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
    return;
  }
  const subject = new Subject(world, socket.fd, socket, 'connecting');
  subject.target = to;
  const facts = {
    done: (op) => {
      if (op.state === 'resolved') subject.role = 'stream';
    },
  };
  const options = world.limits(facts);
  world.begin(subject, 'connect', WRITE, () => socket.connect(to.address, options), facts);
}

function accepted(world, subject) {
  return (op) => {
    const socket = op.value?.socket ?? op.value?.value?.socket;
    if (socket === undefined) return;
    op.accepted = socket.fd;
    new Subject(world, socket.fd, socket, 'stream').accepted = subject;
  };
}

function accept(world) {
  const subject = world.any('listener');
  if (subject === undefined) return;
  const facts = { done: accepted(world, subject) };
  const options = world.limits(facts);
  world.begin(subject, 'accept', READ, () => subject.socket.accept(options), facts);
}

// Reading and writing.

function batch(world) {
  return new s.MessageBatch({ messages: world.random.between(1, 4), size: 64 });
}

function read(world) {
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

function write(world) {
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

/** What there is for a descriptor that is no Socket's. */
const plainly = {
  readable: s.readable,
  writable: s.writable,
  errorReady: s.errorReady,
  onReadable: s.onReadable,
  onWritable: s.onWritable,
};

const WAITS = { readable: READ, writable: WRITE, errorReady: ERROR };
const SHOWS = {
  readable: c.EPOLLIN | c.EPOLLRDHUP | c.EPOLLHUP | c.EPOLLERR,
  writable: c.EPOLLOUT | c.EPOLLHUP | c.EPOLLERR,
  errorReady: c.EPOLLPRI | c.EPOLLERR,
};

function wait(world) {
  const subject = world.any();
  if (subject === undefined) return;
  const kind = world.random.pick(Object.keys(WAITS));
  const facts = {
    /** A promise of readiness is kept when it is resolved. */
    settling: (op, how) => {
      if (how !== 'resolve' || subject.foreign || kernel.threaded) return;
      const { description } = subject;
      if ((description.mask() & SHOWS[kind]) === 0) kernel.violate(`${kind} #${op.id} resolved and nothing is there`);
    },
  };
  const options = world.limits(facts);
  if (subject.socket === undefined) {
    // Before the descriptor is closed, the wait is given up.
    facts.controller = new AbortController();
    options.signal = facts.signal = facts.controller.signal;
  }
  const start =
    subject.socket === undefined ? () => plainly[kind](subject.fd, options) : () => subject.socket[kind](options);
  world.begin(subject, kind, WAITS[kind], start, facts);
}

/** Calls that wait in this thread, where nobody waits before. */
function sync(world) {
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

// Callbacks and iterators.

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
    // Its time begins anew with each.
    if (facts.due !== undefined) facts.due = clock.now + Math.max(1, options.timeout);
    world.begin(subject, kind, READ, () => iterator.next(), { ...facts, done });
  };
  const done = (op) => {
    if (kind === 'connections') accepted(world, subject)(op);
    if (op.state === 'rejected' || op.value.done || --left === 0) leave(world, subject);
    else next();
  };
  next();
}

/** Ends an iteration, also while it waits. */
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

const ACTIONS = [
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
    1,
  ],
  [
    (world) => {
      const subject = world.any('stream');
      // What waits to be sent comes first, or this is refused.
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
      // Somebody else closes a descriptor; what it stands for may live on.
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
