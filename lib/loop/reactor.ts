/**
 * The reactor of a thread: whoever waits for a file descriptor registers here. Once per turn of the event loop, the
 * native part (native/reactor.cc) calls `serve` with all file descriptors that are ready.
 */
import { EPOLLERR, EPOLLHUP, EPOLLIN } from '../native/constants.ts';
import * as contract from '../native/contract.ts';
import { check } from '../struct/errno.ts';
import { beginTurn } from './budget.ts';
import { ASK, countWaiters, EPOLL_CTL, isThreaded, SERVES, setServing, start, wasRemoved } from './epoll-set.ts';
import { ClosedError } from './errors.ts';
import { beginEvents, forgetEvents, setCurrent } from './fresh-events.ts';
import { ERROR, type Kind, READ, type Readiness, type Waiter, type Watcher, WRITE } from './readiness.ts';
import { arm, interest, keepInterest, occupy, registered, release, renew, requestOrEnd } from './registration.ts';
import { resumeLater, retryByTime, serveQueue } from './retry.ts';
import { addWatcher, callWatchers, removeWatcher } from './watchers.ts';

const BROKEN = EPOLLERR | EPOLLHUP;
// Constants of this module: see call/pinned.ts.
const { MAX_READY, READY_EVENTS, READY_FD, READY_FIELDS, READY_GENERATION } = contract;

/** The list of events. It is shared memory, which cannot be detached while the native code writes into it. */
const list = new Int32Array(new SharedArrayBuffer(MAX_READY * READY_FIELDS * Int32Array.BYTES_PER_ELEMENT));
/** Whether an event of the list that is being served belongs to no known file descriptor. */
let isStale = false;

/** What a waiter waits for: an event, or the next turn of the event loop. */
export const FOR_EVENT = 0;
export const FOR_TURN = 1;

/**
 * Adds a waiter after those that already wait.
 *
 * @returns 0, or -errno of epoll_ctl(2): EBADF, EPERM (a regular file, which is always ready), ENOMEM, ENOSPC.
 */
export function wait(
  readiness: Readiness,
  kind: Kind,
  waiter: Waiter,
  how: typeof FOR_EVENT | typeof FOR_TURN,
): number {
  start(list, serve);
  const first = readiness.heads[kind] === undefined || !readiness.owned;
  if (first && how === FOR_EVENT && !waiter.retriedByTime && !readiness.resuming) {
    const n = arm(readiness, kind);
    if (n < 0) {
      release(readiness);
      return n;
    }
  }
  readiness.enter(kind, waiter);
  occupy(readiness);
  if (how === FOR_TURN) resumeLater(readiness);
  if (readiness.heads[kind] === waiter && waiter.retriedByTime) retryByTime(readiness);
  return 0;
}

/** Removes a waiter. */
export function cancel(waiter: Waiter): void {
  const { readiness, kind } = waiter;
  if (readiness === undefined) return;
  const first = readiness.heads[kind] === waiter;
  readiness.leave(waiter);
  countWaiters(readiness, -1);
  // The next waiter may need other events, or may be able to finish now.
  if (first && readiness.heads[kind] !== undefined) resumeLater(readiness);
}

/** Adds a watcher, which is called in each turn of the event loop in which there is an event. */
export function watch(readiness: Readiness, kind: Kind, watcher: Watcher): void {
  if (readiness.closed) throw new ClosedError(watcher.syscall); // by a getter of the options
  start(list, serve);
  const n = arm(readiness, kind);
  if (n < 0) {
    release(readiness);
    check(n, EPOLL_CTL);
  }
  addWatcher(readiness, watcher);
  occupy(readiness);
  if (!readiness.edge) return;
  // A watcher is also called for events that were reported before, so EPOLLET is switched off.
  readiness.edge = false;
  requestOrEnd(readiness, readiness.asked);
}

/** Removes a watcher. Returns whether it was registered. */
export function unwatch(readiness: Readiness, watcher: Watcher): boolean {
  if (!removeWatcher(readiness, watcher)) return false;
  countWaiters(readiness, -1);
  return true;
}

/**
 * Returns whether a read would most likely fail with EAGAIN and can be skipped, because epoll reports new data in the
 * next turn. It returns false with EPOLLET, and if the event loop may end before the next turn.
 */
export function isDrained({ drained, edge, asked, refed, failed }: Readiness): boolean {
  return drained && asked > 0 && (asked & EPOLLIN) !== 0 && !edge && refed && failed === 0;
}

/** Serves the events of one file descriptor. */
function serveOne(readiness: Readiness, events: number): void {
  const once = isThreaded && !readiness.edge;
  if (once) readiness.asked = 0; // after EPOLLONESHOT, it is in the set, but no events are requested
  const watched = readiness.watcher === undefined ? 0 : callWatchers(readiness, events);
  const { heads } = readiness;
  const broken = (events & BROKEN) !== 0;
  // A read would take the error that belongs to connect(2).
  let served = watched + (broken && readiness.isConnecting ? serveQueue(readiness, WRITE) : 0);
  let unserved = 0;
  for (let kind: Kind = READ; kind <= ERROR; kind++) {
    if ((events & SERVES[kind as Kind]) === 0) continue;
    const head = heads[kind as Kind];
    if (head !== undefined && (broken || !head.retriedByTime)) served += serveQueue(readiness, kind as Kind);
    else unserved |= events & ASK[kind as Kind] & ~watched;
  }
  if (readiness.closed) return;
  if (broken || once || unserved !== 0) {
    changeInterest(readiness, broken, once || unserved !== 0, served !== 0);
  } else if (readiness.edge) {
    readiness.edge = false;
    requestOrEnd(readiness, readiness.asked); // the error was read: EPOLLET is no longer needed
  }
}

/**
 * Requests what the waiters still need. EPOLLERR and EPOLLHUP are always reported. Therefore, a file descriptor without
 * waiters is removed from the set, and one whose waiters they do not serve (the error queue has entries, and they wait
 * for data) is switched to EPOLLET.
 *
 * @param broken Whether there was an error or a hang-up.
 * @param idle Whether the present request must be replaced: an event served nobody, or EPOLLONESHOT ended it.
 * @param served Whether anybody was served.
 */
function changeInterest(readiness: Readiness, broken: boolean, idle: boolean, served: boolean): void {
  if (!broken) readiness.edge = false;
  const wanted = interest(readiness);
  if (wanted === 0) {
    release(readiness);
    return;
  }
  const toEdge = broken && !served && !readiness.edge && readiness.watcher === undefined;
  if (toEdge) readiness.edge = true;
  if (idle || toEdge) requestOrEnd(readiness, wanted);
  else keepInterest(readiness);
}

/**
 * Serves the events of the list from `first` to `last`, out of `events` that were fetched at once. Between two calls
 * for one list, the code that awaited the first events runs.
 */
function serve(events: number, first = 0, last = events): void {
  if (first === 0) {
    setServing(true);
    isStale = false;
    beginEvents();
    beginTurn(events);
  } else {
    forgetEvents();
  }
  for (let i = first; i < last; i++) {
    const generation = list[i * READY_FIELDS + READY_GENERATION]! >>> 0;
    const readiness = registered(list[i * READY_FIELDS + READY_FD]!, generation);
    if (readiness !== undefined) {
      const reported = list[i * READY_FIELDS + READY_EVENTS]!;
      setCurrent(readiness, reported);
      serveOne(readiness, reported);
    } else if (!wasRemoved(generation)) {
      isStale = true; // the file descriptor was closed elsewhere
    }
  }
  setCurrent(undefined, 0);
  if (last < events) return;
  setServing(false);
  if (isStale && !isThreaded) renew();
}
