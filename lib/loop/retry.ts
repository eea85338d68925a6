/**
 * The attempts of waiters: after an event, in the next turn of the event loop, or after a time. The waiters for one
 * file descriptor and kind are tried in order.
 */
import { beginTurn, isSpent } from './budget.ts';
import { countWaiters } from './epoll-set.ts';
import { forgetEvents } from './fresh-events.ts';
import { KINDS, type Kind, type Readiness, type Waiter, WRITE } from './readiness.ts';
import { keepInterest } from './registration.ts';
import { setImmediate, setRealTimeout } from './timers.ts';

/** The milliseconds between the attempts of an operation for which the kernel reports no event. */
export const RETRY = 5;
/** How many attempts may fail at a time, so that many waiters cost no more than a few. */
const MOST_TRIES = 16;

/** The file descriptors whose first writer waits without an event. */
const timed = new Set<Readiness>();
let isTicking = false;
/** The file descriptors whose waiters are tried again in the next turn. */
let resumed: Readiness[] = [];
/** The functions that settle, in the next turn, promises whose results are already known. */
let paused: (() => void)[] = [];

/** Serves the waiters in order until one has to continue waiting. Returns how many finished. */
export function serveQueue(readiness: Readiness, kind: Kind): number {
  const { heads } = readiness;
  let done = 0;
  for (let waiter = heads[kind]; waiter !== undefined; waiter = heads[kind]) {
    if (done > 0 && isSpent(readiness)) {
      resumeLater(readiness);
      break;
    }
    if (!waiter.attempt()) {
      if (readiness.looking > 0) {
        forgetEvents(); // the attempt may have used up what was reported
        done += serveLooking(readiness, waiter.next);
      }
      break;
    }
    if (waiter.transfers) forgetEvents();
    done++;
    remove(readiness, waiter);
  }
  if (heads[kind]?.retriedByTime === true) retryByTime(readiness);
  return done;
}

/** Removes a waiter that has finished, unless it was ended and removed during the attempt. */
function remove(readiness: Readiness, waiter: Waiter): void {
  if (waiter.readiness !== readiness) return;
  readiness.leave(waiter);
  waiter.retire();
  countWaiters(readiness, -1);
}

/** Serves those waiters from one on that transfer nothing, because they do not wait for their turn. */
function serveLooking(readiness: Readiness, from: Waiter | undefined): number {
  let done = 0;
  for (let waiter = from; waiter !== undefined; ) {
    const { next } = waiter;
    if (!waiter.transfers && waiter.attempt()) {
      done++;
      remove(readiness, waiter);
    }
    waiter = next;
  }
  return done;
}

/** Tries the waiters in the queue of a waiter once more, without an event, because its timeout has expired. */
export function tryOnce({ readiness, kind }: Waiter): void {
  if (readiness === undefined) return;
  forgetEvents();
  serveQueue(readiness, kind);
  if (!readiness.closed) keepInterest(readiness);
}

/** Tries the waiters of a file descriptor again in the next turn, without an event. */
export function resumeLater(readiness: Readiness): void {
  if (readiness.resuming) return;
  readiness.resuming = true;
  if (resumed.push(readiness) + paused.length === 1) setImmediate(resume);
}

function nothing(): void {}

/** Returns a promise that settles in the next turn like the given one, which is already settled. */
export async function nextTurn<T>(result: Promise<T>): Promise<T> {
  result.catch(nothing); // so that it is not reported as an unhandled rejection
  await new Promise<void>((resolve) => {
    if (resumed.length + paused.push(resolve) === 1) setImmediate(resume);
  });
  return result;
}

function resume(): void {
  const states = resumed;
  const promises = paused;
  resumed = [];
  paused = [];
  beginTurn(states.length + promises.length);
  forgetEvents();
  for (const settle of promises) settle();
  for (let i = 0; i < states.length; i++) {
    const readiness = states[i]!;
    readiness.resuming = false;
    if (readiness.closed) continue;
    for (const kind of KINDS) if (readiness.heads[kind] !== undefined) serveQueue(readiness, kind);
    if (!readiness.closed) keepInterest(readiness);
  }
}

/** Tries the first writer of a file descriptor again after a time, because epoll reports no event for it. */
export function retryByTime(readiness: Readiness): void {
  timed.add(readiness);
  startTicking();
}

function startTicking(): void {
  if (isTicking) return;
  isTicking = true;
  setRealTimeout(tick, RETRY).unref();
}

/** Tries writers again. Those that fail are tried after the others next time, so that each has its turn. */
function tick(): void {
  isTicking = false;
  forgetEvents();
  let left = MOST_TRIES;
  for (const readiness of [...timed]) {
    if (left === 0) break;
    timed.delete(readiness);
    if (readiness.heads[WRITE] === undefined) continue; // all waiters were cancelled
    if (serveQueue(readiness, WRITE) === 0) left--;
    if (!readiness.closed) keepInterest(readiness);
  }
  if (timed.size > 0) startTicking();
}
