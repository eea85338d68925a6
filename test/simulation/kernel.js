/** The simulated kernel: a table of file descriptors, an epoll set, and the faults of one schedule. */
import * as c from '../../dist/native/constants.js';
import { clock } from './clock.js';
import { Random } from './random.js';

/** A promise that the kernel or the library broke. */
export class Violation extends Error {
  name = 'Violation';
}

/** File descriptors below this number belong to the program itself. */
const FIRST = 20;

/** How many events are handled at once: by native/reactor.cc, and at most. */
const PARTS = [64, 1024];

/** No faults: sent data arrives at once, and every event is reported in the next turn. */
const NONE = {
  atOnce: 1,
  eagain: 0,
  spurious: 0,
  short: 0,
  interrupt: 0,
  memory: 0,
  late: 0,
  split: 0,
  control: 0,
  renew: 0,
  parts: 0,
};

class Kernel {
  /** Kept for all schedules: the library starts its reactor once. */
  list = undefined;
  serve = undefined;
  threaded = false;
  trace = undefined;
  alive = false;
  items = new Set();

  reset(seed) {
    this.random = new Random(seed);
    this.faults = NONE;
    this.made = 0;
    this.descriptions = [];
    this.fds = new Map();
    this.names = new Map();
    /** File descriptors that the library owns, and how. */
    this.owned = new Map();
    this.limit = 100_000;
    this.port = 40_000;
    this.calls = 0;
    this.counts = {};
    /** Calls on each file descriptor in this turn. */
    this.turn = new Map();
    this.violations = [];
    /** Errors that epoll_ctl returned, by file descriptor. */
    this.refused = new Set();
    /** File descriptors that were closed without the knowledge of the library. */
    this.foreign = new Set();
    this.collected = [];
    for (const item of this.items) this.items.delete(item);
  }

  violate(text) {
    this.log(`VIOLATED: ${text}`);
    if (this.violations.length < 10) this.violations.push(new Violation(text));
  }

  log(text) {
    this.trace?.(text);
  }

  /** A short count. */
  shorten(n) {
    return n > 1 && this.random.chance(this.faults.short) ? this.random.between(1, n) : n;
  }

  // File descriptors.

  /** The lowest free number. That of a stolen file descriptor is reused only for one that the library learns about. */
  install(description, told = true) {
    if (this.fds.size >= this.limit) return -c.EMFILE;
    let fd = FIRST;
    while (this.fds.has(fd) || (this.foreign.has(fd) && !told)) fd++;
    this.foreign.delete(fd);
    this.fds.set(fd, description);
    description.refs++;
    return fd;
  }

  close(fd) {
    const description = this.fds.get(fd);
    if (description === undefined) return -c.EBADF;
    this.fds.delete(fd);
    if (--description.refs > 0) return 0;
    for (const item of description.items.values()) this.items.delete(item);
    description.items.clear();
    if (description.name !== undefined) this.names.delete(String(description.name));
    description.close();
    return 0;
  }

  // epoll.

  control(operation, fd, events, generation) {
    const description = this.fds.get(fd);
    if (description === undefined) return -c.EBADF;
    const item = description.items.get(fd);
    if (operation === c.EPOLL_CTL_ADD) {
      if (item !== undefined) return -c.EEXIST;
      if (this.random.chance(this.faults.control)) return -this.random.pick([c.ENOMEM, c.ENOSPC]);
      const added = { fd, description, events: events >>> 0, generation, edge: true, off: false, passed: 0, missed: 0 };
      description.items.set(fd, added);
      this.items.add(added);
      return 0;
    }
    if (item === undefined) return -c.ENOENT;
    if (operation === c.EPOLL_CTL_DEL) {
      description.items.delete(fd);
      this.items.delete(item);
    } else {
      Object.assign(item, { events: events >>> 0, generation, edge: true, off: false });
    }
    return 0;
  }

  /** A new, empty epoll set, which occupies a file descriptor for a moment. */
  renew() {
    if (this.fds.size >= this.limit || this.random.chance(this.faults.renew)) return -c.EMFILE;
    for (const { fd, description } of this.items) description.items.delete(fd);
    this.items.clear();
    return 0;
  }

  /** Stores what epoll_wait returns in the list that the library shares; returns the number of events. */
  wait() {
    const { random, faults } = this;
    const ready = [];
    for (const item of this.items) {
      if (item.off) continue;
      const events = item.description.mask() & (item.events | c.EPOLLERR | c.EPOLLHUP);
      const edges = (item.events & c.EPOLLET) !== 0;
      if (events === 0 || (edges && !item.edge)) continue;
      if (item.passed < 3 && random.chance(faults.late)) item.passed++;
      else ready.push([item, events]);
    }
    if (faults !== NONE) random.shuffle(ready);
    const most = random.chance(faults.split) ? random.between(1, 3) : 1024;
    if (ready.length > most) {
      // As in the kernel, which moves those that it has reported behind the others.
      ready.sort(([a], [b]) => b.missed - a.missed);
      for (const [item] of ready.splice(most)) item.missed++;
    }
    return ready.map(([item, events]) => {
      item.passed = 0;
      item.missed = 0;
      item.edge = false;
      if ((item.events & c.EPOLLONESHOT) !== 0) item.off = true;
      return [item.fd, item.generation, events];
    });
  }

  /**
   * One turn of the event loop: the events that are ready are served, in parts, between which the microtasks run
   * (`drained`). In a thread, those that were ready before, all at once.
   */
  async deliver(drained) {
    let events = this.wait();
    if (this.threaded) [this.collected, events] = [events, this.collected];
    events.forEach((event, i) => {
      this.list.set(event, 3 * i);
      this.log(`event fd ${event[0]} generation ${event[1]} events 0x${event[2].toString(16)}`);
    });
    const { random, faults } = this;
    const part = this.threaded ? 1024 : random.chance(faults.parts) ? random.between(1, 3) : random.pick(PARTS);
    for (let first = 0; first < events.length; first += part) {
      this.serve(events.length, first, Math.min(first + part, events.length));
      await drained();
    }
  }

  /** The thread sleeps. */
  sleep(milliseconds) {
    clock.advance(milliseconds);
  }

  /** Some or all of the data in transit arrives. */
  arrive(probability) {
    for (const description of this.descriptions) {
      if (!description.closed && this.random.chance(probability)) description.arrive();
    }
  }

  /** A turn passes for those that return nothing for some turns. */
  pass() {
    for (const description of this.descriptions) {
      if (description.blockedRead > 0 && --description.blockedRead === 0) description.wake();
      if (description.blockedWrite > 0 && --description.blockedWrite === 0) description.wake();
    }
    this.turn.clear();
  }

  /** Ends all faults, and delivers all data in transit. */
  settle() {
    this.faults = NONE;
    for (const description of this.descriptions) {
      if (description.blockedRead + description.blockedWrite > 0) description.wake();
      description.blockedRead = 0;
      description.blockedWrite = 0;
      if (!description.closed) description.arrive();
    }
  }
}

export const kernel = new Kernel();
