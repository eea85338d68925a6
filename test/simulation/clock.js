/** Simulated time: the timers and immediates that the library gets in place of node:timers. */

/** The timers of Node, which the simulation itself uses. */
export const real = { setImmediate: globalThis.setImmediate, Promise: globalThis.Promise };

let now = 1000;
let made = 0;
const timers = new Set();
const immediates = new Set();

class Handle {
  constructor(set, call, args) {
    this.set = set;
    this.call = call;
    this.args = args;
    this.order = made++;
    this.refed = true;
    set.add(this);
  }
  ref() {
    this.refed = true;
    return this;
  }
  unref() {
    this.refed = false;
    return this;
  }
  hasRef() {
    return this.refed;
  }
  close() {
    this.set.delete(this);
    return this;
  }
  [Symbol.dispose]() {
    this.close();
  }
  [Symbol.toPrimitive]() {
    return this.order;
  }
}

class Timer extends Handle {
  constructor(call, after, args, repeats) {
    super(timers, call, args);
    this.after = after >= 1 && after <= 0x7fffffff ? Math.trunc(after) : 1;
    this.repeats = repeats;
    this.due = now + this.after;
  }
  refresh() {
    this.due = now + this.after;
    this.set.add(this);
    return this;
  }
}

const clear = (handle) => handle?.set?.delete(handle);

export const setTimeout = (call, after = 1, ...args) => new Timer(call, after, args, false);
export const setInterval = (call, after = 1, ...args) => new Timer(call, after, args, true);
export const setImmediate = (call, ...args) => new Handle(immediates, call, args);
export const clearTimeout = clear;
export const clearInterval = clear;
export const clearImmediate = clear;

/** The same as in node:perf_hooks. */
export const performance = { now: () => now };

export const clock = {
  get now() {
    return now;
  },
  advance(milliseconds) {
    now += milliseconds;
  },
  /** The timers that are due, in order. */
  due() {
    const list = [];
    for (const timer of timers) if (timer.due <= now) list.push(timer);
    return list.length < 2 ? list : list.sort((a, b) => a.due - b.due || a.order - b.order);
  },
  /** Runs a timer that is due, unless it was cleared meanwhile. */
  run(handle) {
    if (!handle.set.has(handle)) return false;
    if (handle.repeats === true) handle.due = now + handle.after;
    else handle.set.delete(handle);
    handle.call(...handle.args);
    return true;
  },
  immediates: () => [...immediates],
  timers: () => [...timers],
  /** Whether a timer keeps the process alive. */
  alive() {
    for (const set of [timers, immediates]) for (const handle of set) if (handle.refed) return true;
    return false;
  },
  clear() {
    timers.clear();
    immediates.clear();
  },
};

export default { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate };
