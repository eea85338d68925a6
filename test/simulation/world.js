/** The program of a schedule: sockets of the library, their peers, and what the seed does with them. */

import * as s from '../../dist/index.js';
import { clock } from './clock.js';
import { kernel } from './kernel.js';
import { isThere } from './state.js';

export { ERROR, READ, WRITE } from './state.js';

/** The operation that is being started: promises created meanwhile belong to it. */
export const beginning = { op: undefined };

/** What callbacks of the program throw on purpose. */
export const THROWN = 'thrown by a callback';

/** The operations that are tried once more when they time out. */
const TRIED_LAST = new Set(['recv', 'recvInto', 'recvfrom', 'recvmsg', 'recvmmsg', 'accept', 'readable']);

let state = 1;
/** Bytes that occur nowhere else. */
export function fresh(length) {
  const data = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = state >>> 24;
  }
  return data;
}

/** A socket, or a plain file descriptor, with the operations on it. */
export class Subject {
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

  /** The first waiter: those before it are settled, although they may not have been notified yet. */
  first(direction) {
    return this.operations.find((op) => op.state === 'pending' && op.settled !== true && op.direction === direction);
  }

  pending(direction) {
    return this.operations.find((op) => op.state === 'pending' && op.direction === direction);
  }
}

export class World {
  subjects = [];
  /** Peers that are not sockets of the library: the simulation reads and writes there. */
  peers = [];
  signals = [];
  /** Duplicates of file descriptors that somebody else closed. */
  extra = [];
  turn = 0;
  operations = 0;

  /** Takes the actions with their weights; each schedule omits some. */
  constructor(random, actions) {
    this.random = random;
    this.actions = actions;
    this.left = random.between(5, 40);
    state = 1;
    this.weights = actions.map(([, weight]) => (random.chance(0.25) ? 0 : weight * random.between(1, 3)));
    this.timed = random.chance(0.5) ? 0.3 : 0;
    this.signalled = random.chance(0.5) ? 0.3 : 0;
    this.thieves = random.chance(0.1);
  }

  act() {
    if (this.left-- <= 0) return;
    let at = this.random.below(this.weights.reduce((sum, weight) => sum + weight, 1));
    for (const [i, [action]] of this.actions.entries()) {
      at -= this.weights[i];
      if (at < 0) return action(this);
    }
  }

  /** Returns an open subject, with one of these roles if any are given. */
  any(...roles) {
    const list = this.subjects.filter(
      ({ closed, foreign, role }) => !closed && !foreign && (roles.length === 0 || roles.includes(role)),
    );
    return list.length === 0 ? undefined : this.random.pick(list);
  }

  /** Starts an operation, and follows it to its end. */
  begin(subject, kind, direction, start, facts = {}) {
    const op = { id: this.operations++, subject, kind, direction, state: 'pending', value: undefined, ...facts };
    op.settling = (_, how) => {
      op.missed ??= TRIED_LAST.has(kind) && subject.first(direction) === op && this.#isThere(op);
      op.settled = true;
      facts.settling?.(op, how);
    };
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
      if (op.missed && result?.name === 'TimeoutError') kernel.violate(`${kind} #${op.id} gave up what was there`);
      if (state === 'rejected' && !this.#isLimit(op, result)) this.judge(`${kind} #${op.id}`, subject, result);
      facts.done?.(op);
      if (this.random.chance(0.3)) this.act();
    };
    promise?.then(end('resolved'), end('rejected'));
    return op;
  }

  #isThere(op) {
    return !op.subject.foreign && !op.subject.description.lied && isThere(op);
  }

  #isLimit(op, { name }) {
    return (name === 'AbortError' && op.signal?.aborted) || (name === 'TimeoutError' && op.soonest <= clock.now);
  }

  /** Checks that an error is allowed. */
  judge(what, subject, error) {
    if (subject.foreign) return;
    const closed = error.name === 'ClosedError' && (subject.closed || subject.ending);
    if (error.name !== 'SocketError' && !closed) kernel.violate(`${what} of fd ${subject.fd} failed: ${error.stack}`);
    if (error.syscall === 'epoll_ctl' && !closed && !kernel.refused.has(`${subject.fd} ${error.errno}`)) {
      kernel.violate(`${what} of fd ${subject.fd} failed for another: ${error.stack}`);
    }
  }

  /** A timer of 0 ms fires after 1 ms; an operation that also looks at the clock may end earlier. */
  limit(facts, timeout) {
    facts.soonest = clock.now + timeout;
    facts.due = clock.now + Math.max(1, timeout);
  }

  /** Chooses a signal, a timeout, both or neither, and notes them in the facts of the operation. */
  limits(facts) {
    const options = {};
    if (this.random.chance(this.timed)) {
      options.timeout = this.random.pick([0, 1, 5, 20, 100]);
      this.limit(facts, options.timeout);
    }
    if (this.random.chance(this.signalled)) {
      // One signal is shared by many operations, or belongs to one.
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

/** The functions for a file descriptor without a Socket. */
export const plainly = {
  readable: s.readable,
  writable: s.writable,
  errorReady: s.errorReady,
  onReadable: s.onReadable,
  onWritable: s.onWritable,
};
