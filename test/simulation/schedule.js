/** One schedule: a program and its faults, turn by turn, and what must be true after each turn and at the end. */
import * as c from '../../dist/native/constants.js';
import { ACTIONS } from './actions.js';
import simulated, { clock, real } from './clock.js';
import { costs } from './costs.js';
import { kernel } from './kernel.js';
import { checkBytes } from './oracle.js';
import { isThere } from './state.js';
import { drained, turn } from './turn.js';
import { beginning, ERROR, READ, THROWN, World, WRITE } from './world.js';

export { kernel };

/** The turns in which the first waiter for something that is available may not be served. */
const MOST_TURNS = 25;

/** Checks that every promise that the library creates is settled once. */
function watchPromises() {
  const { Promise: Native } = real;
  function Watched(executor) {
    const { op } = beginning;
    return new Native((resolve, reject) => {
      let settled = false;
      const once = (settle, how) => (value) => {
        if (settled) kernel.violate(`a promise was settled twice${op === undefined ? '' : `: ${op.kind} #${op.id}`}`);
        settled = true;
        // It was resolved with another promise, and so with the failure of that one.
        op?.settling?.(op, value instanceof Native ? 'reject' : how);
        settle(value);
      };
      executor(once(resolve, 'resolve'), once(reject, 'reject'));
    });
  }
  Watched.prototype = Native.prototype;
  for (const name of ['resolve', 'reject', 'all', 'allSettled', 'race', 'any'])
    Watched[name] = Native[name].bind(Native);
  globalThis.Promise = Watched;
}

/** Before the library is loaded: time is simulated, promises are watched. */
export function prepare() {
  watchPromises();
  Object.defineProperty(globalThis, 'performance', { value: { now: () => clock.now }, configurable: true });
  Object.assign(globalThis, simulated);
  process.on('uncaughtException', (error) => {
    if (error.message !== THROWN) kernel.violate(`uncaught: ${error.stack}`);
  });
  process.on('unhandledRejection', (error) => kernel.violate(`a rejection that nobody can handle: ${error?.stack}`));
}

// The invariants.

/** The first waiters of each direction. */
function* heads(world) {
  for (const subject of world.subjects) {
    if (subject.closed || subject.foreign) continue;
    for (const direction of [READ, WRITE, ERROR]) {
      const op = subject.pending(direction);
      if (op !== undefined) yield op;
    }
  }
}

function checkTurn(world) {
  for (const op of heads(world)) {
    const { taken, given } = op.subject.description;
    const moved = taken.length + given.length;
    op.starved = isThere(op) && op.moved === moved ? op.starved + 1 : 0;
    op.moved = moved;
    // A server without free file descriptors pauses for up to a second, which is checked at the end.
    const pauses = op.kind === 'connections' && taken.at(-1)?.errno !== undefined;
    if (op.starved === MOST_TURNS && !pauses) {
      kernel.violate(`${op.kind} #${op.id} of fd ${op.subject.fd} was not served in ${MOST_TURNS} turns`);
    }
  }
  for (const subject of world.subjects) {
    for (const op of subject.operations) {
      if (op.state !== 'pending') continue;
      if (subject.closed) kernel.violate(`${op.kind} #${op.id} is pending and fd ${subject.fd} is closed`);
      else if (op.signal?.aborted) kernel.violate(`${op.kind} #${op.id} is pending and its signal has fired`);
      else if (op.due < kernel.timed) {
        kernel.violate(`${op.kind} #${op.id} is pending ${clock.now - op.due} ms after its time`);
      }
    }
  }
  checkAlive(world);
}

/** Checks that waiters keep the process alive, and nothing else does. */
function checkAlive(world) {
  if (world.subjects.some(({ foreign }) => foreign)) return;
  let waiting = 0;
  for (const { closed, refed, operations, watches } of world.subjects) {
    if (closed || !refed) continue;
    waiting += watches.size;
    for (const { state, direction } of operations) if (state === 'pending' && direction !== 'none') waiting++;
  }
  if (waiting > 0 && !kernel.alive && !clock.alive()) kernel.violate(`${waiting} wait, and the process ends`);
  if (waiting === 0 && kernel.alive) kernel.violate('nobody waits, and the process does not end');
}

/** Counts for each callback the turns in which its event was there. One that came in the last turn is not served yet. */
function countMissed(world) {
  for (const { watches, description } of world.subjects) {
    for (const watch of watches) {
      const there = (description.mask() & (watch.reads ? c.EPOLLIN : c.EPOLLOUT)) !== 0;
      watch.missed = there ? (watch.missed ?? 0) + 1 : 0;
    }
  }
}

async function finish(world) {
  kernel.settle();
  for (let i = 0; i < 12; i++) {
    await turn(6, false);
    kernel.settle();
    checkTurn(world);
    countMissed(world);
  }
  for (const op of heads(world)) {
    if (op.starved > 5 && op.kind !== 'connections') {
      kernel.violate(`${op.kind} #${op.id} of fd ${op.subject.fd} waits for what is there`);
    }
  }
  for (const { foreign, fd, watches, closed } of world.subjects) {
    if (closed || foreign) continue;
    for (const { missed, called } of watches) {
      if (missed > 5 && !(called > 0)) kernel.violate(`a callback of fd ${fd} was never called`);
    }
  }
  // As long as any pause of a server.
  for (let i = 0; i < 5; i++) {
    await turn(2000, false);
    kernel.settle();
    checkTurn(world);
  }
  for (const op of heads(world)) {
    if (op.starved > 3) kernel.violate(`${op.kind} #${op.id} of fd ${op.subject.fd} was never served`);
  }
  world.left = 0;
  for (const subject of world.subjects) if (!subject.closed) world.close(subject);
  await drained();
  await turn(1, false);
  checkTurn(world);
}

function checkEnd(world) {
  for (const subject of world.subjects) {
    for (const { state, kind, id } of subject.operations) {
      if (state === 'pending') kernel.violate(`${kind} #${id} of fd ${subject.fd} was never settled`);
    }
    if (!subject.foreign) checkBytes(subject, subject.operations);
  }
  for (const fd of world.extra) kernel.close(fd);
  for (const [fd] of kernel.fds) kernel.violate(`descriptor ${fd} was left open`);
  for (const fd of kernel.owned.keys()) kernel.violate(`descriptor ${fd} is owned and closed`);
  for (const { fd } of kernel.items) kernel.violate(`descriptor ${fd} was left in the epoll set`);
  if (kernel.alive) kernel.violate('the process does not end');
}

/** One of this many schedules counts calls. */
const COSTS = 200;

/** Runs the schedule of a seed; returns what was violated. */
export async function run(seed) {
  kernel.reset(seed);
  try {
    await schedule(seed);
  } catch (error) {
    kernel.violate(`thrown: ${error.stack}`);
  }
  return kernel.violations;
}

async function schedule(seed) {
  const { random } = kernel;
  if (seed % COSTS === 0) {
    await costs[(seed / COSTS) % costs.length](random);
    checkEnd(new World(random, ACTIONS));
    return;
  }
  const some = (most) => (random.chance(0.5) ? 0 : most * random.fraction());
  const world = new World(random, ACTIONS);
  kernel.faults = {
    atOnce: random.fraction(),
    eagain: some(0.3),
    spurious: some(0.2),
    short: some(0.7),
    interrupt: some(0.3),
    memory: some(0.05),
    files: some(0.1),
    late: some(0.5),
    split: some(0.7),
    control: some(0.1),
    renew: some(1),
    parts: some(1),
  };
  if (random.chance(0.1)) kernel.limit = random.between(4, 20);
  const late = random.chance(0.3);
  const arrival = random.fraction();
  while (world.left > 0 && kernel.violations.length === 0) {
    world.turn++;
    for (let i = random.below(4); i > 0; i--) world.act();
    await drained();
    kernel.arrive(arrival);
    await turn(random.pick([0, 0, 1, 3, 7]), late);
    checkTurn(world);
  }
  if (kernel.violations.length === 0) {
    await finish(world);
    // The library may keep a timer that finds nothing to do, once.
    await turn(10, false);
    for (const timer of clock.timers()) kernel.violate(`a timer of ${timer.after} ms was left`);
    checkEnd(world);
  }
}

/** Discards what is left of a failed schedule before the next one. */
export function forget() {
  clock.clear();
}
