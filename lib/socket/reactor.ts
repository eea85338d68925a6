/**
 * The reactor of a thread: one epoll set, which the native half (native/reactor.cc) watches. Once per turn of the event
 * loop it calls `serve` with all that is ready.
 *
 * Interest stays armed after those who waited are served, and is dropped when an event finds nobody: a Socket that is
 * read again and again costs no epoll_ctl. Who waits for one descriptor and kind is served in order.
 */
import { AsyncResource } from 'node:async_hooks';
import process from 'node:process';
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
} from '../posix/constants.ts';
import { type Call, call, check, SocketError } from '../posix/errno.ts';
import { native } from '../posix/native.ts';
import { beginTurn, isSpent } from './budget.ts';
import { ClosedError } from './errors.ts';
import { ERROR, type Kind, NOBODY, READ, Readiness, type Waiter, type Watcher, WRITE } from './readiness.ts';
import { setImmediate, setRealTimeout } from './timers.ts';

/** What is asked of epoll for each kind, and which events serve it: errors and hang-ups serve whoever waits. */
export const ASK: readonly [number, number, number] = [EPOLLIN | EPOLLRDHUP, EPOLLOUT, EPOLLPRI];
export const SERVES: readonly [number, number, number] = [
  EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR,
  EPOLLOUT | EPOLLHUP | EPOLLERR,
  EPOLLPRI | EPOLLERR,
];
const KINDS = [READ, WRITE, ERROR] as const;
const BROKEN = EPOLLERR | EPOLLHUP;

const EVENTS = 1024;
const FIELDS = 3;
/** Milliseconds between the attempts of those for whom epoll has no event. */
const RETRY = 5;
/** How many are tried in vain at a time: many who wait cost no more than a few. */
const MOST_TRIES = 16;
/** The call that refuses what cannot be waited for. */
export const EPOLL_CTL: Call = call('epoll_ctl', 'operation', 'fd', 'events', 'generation');
const START = call('epoll_create1', 'list', 'callback');

/**
 * uv_poll aborts in Bun, and fires once in Deno: there a thread waits. What it found may be evicted by the time it is
 * served, so that a stale event says nothing; EPOLLONESHOT keeps one that nobody can take out from coming again.
 */
const threaded = 'bun' in process.versions || 'deno' in process.versions;

/** The context of the callbacks of the reactor itself: not that of whoever waits first. */
const context = new AsyncResource('SysSocketReactor');
/** Shared memory: it cannot be detached while the native code writes into it. */
const list = new Int32Array(new SharedArrayBuffer(EVENTS * FIELDS * Int32Array.BYTES_PER_ELEMENT));
/** By descriptor number: with many sockets an index costs less than a look-up. Nothing is inherited in the place of what is not there. */
const byNumber: (Readiness | undefined)[] = Object.setPrototypeOf([], null);
/** Those whose first writer waits for no event. */
const timed = new Set<Readiness>();
/** Generations that were taken out of the set while their events were being served: their events explain themselves. */
const retired = new Set<number>();
/** Those that are tried again in the next turn. */
let resumed: Readiness[] = [];
/** Those that are told in the next turn of what is done already. */
let paused: (() => void)[] = [];
/** The number of this reactor among those of the environment, or -1 before it is started. */
let id = -1;
/** Whether the events of a list are being served, and whether one of them is that of nobody. */
let serving = false;
let stale = false;
let ticking = false;
let generations = 0;
let waiting = 0;
/** Whether the native half keeps the process alive; undefined when it failed to say. */
let alive: boolean | undefined = false;
/** What was done for others since the events were fetched, which may have made an event untrue. */
let acted = 0;
/** Whose event is being served, and which. */
let served: Readiness | undefined;
let told = 0;

/** Only those who wait keep the process alive. */
function count(readiness: Readiness, change: number): void {
  if (!readiness.refed) return;
  waiting += change;
  if (waiting > 0 !== alive) keepAlive();
}

/** Tells the native half whether somebody waits, again in the next turn when it had no memory for that. */
function keepAlive(): void {
  const wanted = waiting > 0;
  if (wanted === alive || id === -1) return;
  const ref = threaded ? native.reactorThreadRef : native.reactorRef;
  let n = -1;
  try {
    n = ref(wanted ? 1 : 0, id);
  } catch {} // as without memory
  alive = n === 0 ? wanted : undefined;
  if (alive === undefined) setImmediate(keepAlive);
}

function start(): void {
  if (id !== -1) return;
  const begin = threaded ? native.reactorThreadStart : native.reactorStart;
  id = check(context.runInAsyncScope(begin, native, list, serve), START);
}

function nextGeneration(): number {
  generations = (generations + 1) >>> 0;
  return generations;
}

/** A descriptor has a new owner: what is left of another one that had its number is none of it. */
export function adopt(fd: number): Readiness {
  const old = byNumber[fd];
  if (old !== undefined) {
    // The same descriptor, for which somebody waits already.
    if (!old.owned && old.waiting > 0 && (old.asked === -1 || ask(old, interest(old)) === 0)) {
      old.owned = true;
      return old;
    }
    endAll(evict(old));
  }
  const readiness = new Readiness(fd, nextGeneration(), true);
  byNumber[fd] = readiness;
  return readiness;
}

/** What is known of a descriptor, perhaps a plain one, which nobody owns. */
export function find(fd: number): Readiness {
  const known = typeof fd === 'number' ? byNumber[fd] : undefined;
  return known ?? new Readiness(fd, nextGeneration(), false);
}

/** Somebody waits for it. */
function occupy(readiness: Readiness): void {
  if (!readiness.owned) byNumber[readiness.fd] = readiness;
  count(readiness, 1);
}

/** Asks epoll for events of a descriptor: 0, or -errno (ENOENT: it was in the set and is no more). */
function ask(readiness: Readiness, events: number): number {
  const { fd, generation, edge } = readiness;
  const mask = edge ? events + EPOLLET : threaded ? events + EPOLLONESHOT : events;
  const operation = readiness.asked === -1 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  const n = native.reactorControl(operation, fd, mask, generation, id);
  readiness.asked = n === 0 ? events : -1;
  return n;
}

/** Takes the descriptor out of the set. That it is gone already is no error. */
function disarm(readiness: Readiness): void {
  if (readiness.asked === -1) return;
  readiness.asked = -1;
  readiness.edge = false;
  const n = native.reactorControl(EPOLL_CTL_DEL, readiness.fd, 0, 0, id);
  if (n === 0 && serving) retired.add(readiness.generation);
}

/** Nobody waits for it: a plain descriptor is forgotten. */
function release(readiness: Readiness): void {
  disarm(readiness);
  if (readiness.owned || readiness.waiting > 0) return;
  // What is no number was refused: it names no place of the list.
  if (typeof readiness.fd === 'number' && byNumber[readiness.fd] === readiness) byNumber[readiness.fd] = undefined;
}

/** What those who wait ask of epoll. Who is tried again without an event asks for nothing. */
function interest(readiness: Readiness): number {
  let events = 0;
  for (const watcher of readiness.watchers) events |= watcher.asks;
  if (readiness.resuming) return events;
  for (const kind of KINDS) {
    const head = readiness.heads[kind];
    if (head !== undefined && !head.eventless) events |= ASK[kind];
  }
  return events;
}

/**
 * The descriptor in the set, and asked for events of this kind: 0, or -errno.
 *
 * Of a plain descriptor nobody tells when it is closed and its number used again, so that what was asked for it before may
 * be void: it is asked again each time.
 */
function arm(readiness: Readiness, kind: Kind): number {
  start();
  const known = readiness.asked !== -1;
  const events = (known ? readiness.asked : 0) | ASK[kind];
  // Of changes only (EPOLLET) nothing is told that was told before: it is asked again as well.
  if (readiness.owned && !readiness.edge && events === readiness.asked) return 0;
  let n = ask(readiness, events);
  if (n < 0 && known) {
    // Closed under those who wait for it: they are told, and the number is that of another descriptor.
    readiness.edge = false;
    endAll(takeAll(readiness));
    readiness.generation = nextGeneration();
    n = ask(readiness, ASK[kind]);
  }
  return n;
}

/** How somebody waits: for an event, or for the next turn. */
export const FOR_EVENT = 0;
export const FOR_TURN = 1;

/**
 * Waits, after those who wait already.
 *
 * @returns 0, or -errno of epoll_ctl(2): EBADF, EPERM (a regular file, which is always ready), ENOMEM, ENOSPC.
 */
export function wait(
  readiness: Readiness,
  kind: Kind,
  waiter: Waiter,
  how: typeof FOR_EVENT | typeof FOR_TURN,
): number {
  const first = readiness.heads[kind] === undefined || !readiness.owned;
  if (first && how === FOR_EVENT && !waiter.eventless && !readiness.resuming) {
    const n = arm(readiness, kind);
    if (n < 0) {
      release(readiness);
      return n;
    }
  } else {
    start();
  }
  readiness.enter(kind, waiter);
  occupy(readiness);
  if (how === FOR_TURN) resumeLater(readiness);
  if (readiness.heads[kind] === waiter && waiter.eventless) tickLater(readiness);
  return 0;
}

/** Waits no longer. */
export function cancel(waiter: Waiter): void {
  const { readiness, kind } = waiter;
  if (readiness === undefined) return;
  const first = readiness.heads[kind] === waiter;
  readiness.leave(waiter);
  count(readiness, -1);
  // The next one may wait for something else, or for nothing.
  if (first && readiness.heads[kind] !== undefined) resumeLater(readiness);
}

/** Calls back in each turn of the event loop in which there is an event. */
export function watch(readiness: Readiness, kind: Kind, watcher: Watcher): void {
  const n = arm(readiness, kind);
  if (n < 0) {
    release(readiness);
    check(n, EPOLL_CTL);
  }
  readiness.watchers = [...readiness.watchers, watcher];
  readiness.waiting++;
  occupy(readiness);
  if (!readiness.edge) return;
  // It is told of what is left, too.
  readiness.edge = false;
  askOrEnd(readiness, readiness.asked);
}

/** Whether it was called until now. */
export function unwatch(readiness: Readiness, watcher: Watcher): boolean {
  if (!readiness.watchers.includes(watcher)) return false;
  const others = readiness.watchers.filter((other) => other !== watcher);
  readiness.watchers = others.length === 0 ? NOBODY : others;
  readiness.waiting--;
  count(readiness, -1);
  return true;
}

/** Sets whether those who wait for a descriptor, now and later, keep the process alive. */
export function setRefed(readiness: Readiness, refed: boolean): void {
  if (readiness.refed === refed) return;
  readiness.refed = true;
  count(readiness, refed ? readiness.waiting : -readiness.waiting);
  readiness.refed = refed;
}

/**
 * Whether a read would most likely be EAGAIN, and need not be tried: epoll tells in the next turn what is there by then.
 * Not so of one that tells changes only, or when the event loop may end before.
 */
export function isDrained({ drained, edge, asked, refed, failed }: Readiness): boolean {
  return drained && asked > 0 && (asked & EPOLLIN) !== 0 && !edge && refed && failed === 0;
}

/** The events of this descriptor, if they are being served and nothing was done since they were fetched; or else 0. */
export function freshEvents(readiness: Readiness): number {
  return served === readiness && acted === 0 && !threaded ? told : 0;
}

/** All who wait for it, taken out. */
interface Left {
  readonly first: Waiter | undefined;
  readonly watchers: readonly Watcher[];
}

/** Takes all who wait out of their queues: a chain by `next`. */
function takeAll(readiness: Readiness): Left {
  const { watchers, heads } = readiness;
  count(readiness, -readiness.waiting);
  let first: Waiter | undefined;
  let last: Waiter | undefined;
  for (const kind of KINDS) {
    const head = heads[kind];
    if (head === undefined) continue;
    heads[kind] = undefined;
    if (last === undefined) first = head;
    else last.next = head;
    last = head.previous!;
  }
  for (let waiter = first; waiter !== undefined; waiter = waiter.next) waiter.readiness = undefined;
  readiness.watchers = NOBODY;
  readiness.waiting = 0;
  timed.delete(readiness);
  return { first, watchers };
}

/**
 * A descriptor will be closed or given away: takes it out of the set.
 *
 * @returns All who waited, whom `endAll` tells when it is closed.
 */
export function evict(readiness: Readiness): Left {
  disarm(readiness);
  readiness.closed = true;
  if (byNumber[readiness.fd] === readiness) byNumber[readiness.fd] = undefined;
  return takeAll(readiness);
}

/**
 * Rejects all who waited, each with an error of its own: the errno of epoll_ctl(2), or that the descriptor is closed. The
 * callbacks of a Socket that is closed just end.
 */
export function endAll({ first, watchers }: Left, errno = 0, quiet = false): void {
  const failure = (syscall: string) =>
    errno === 0 ? new ClosedError(syscall) : new SocketError(errno, EPOLL_CTL.name);
  for (let waiter = first; waiter !== undefined; ) {
    const { next } = waiter;
    waiter.next = undefined;
    waiter.previous = undefined;
    waiter.reject(failure(waiter.syscall));
    waiter = next;
  }
  for (const watcher of watchers) watcher.end(quiet ? undefined : failure(watcher.syscall));
}

/** Changes what is asked, or ends all who wait with the error of it. */
function askOrEnd(readiness: Readiness, events: number): void {
  const n = ask(readiness, events);
  if (n === 0) return;
  const left = takeAll(readiness);
  release(readiness);
  endAll(left, -n);
}

/** Asks for what those who wait now need beside what is asked already. */
function keepInterest(readiness: Readiness): void {
  const wanted = interest(readiness);
  const asked = readiness.asked === -1 ? 0 : readiness.asked;
  if ((wanted & ~asked) !== 0) askOrEnd(readiness, asked | wanted);
}

/** Serves those who wait, in their order, until one waits on. Gives how many were done. */
function serveQueue(readiness: Readiness, kind: Kind): number {
  const { heads } = readiness;
  let done = 0;
  for (let waiter = heads[kind]; waiter !== undefined; waiter = heads[kind]) {
    if (done > 0 && isSpent(readiness)) {
      resumeLater(readiness);
      break;
    }
    if (!waiter.attempt()) break;
    if (waiter.transfers) acted++;
    done++;
    if (waiter.readiness !== readiness) continue; // ended meanwhile, which took it out
    readiness.leave(waiter);
    waiter.retire();
    count(readiness, -1);
  }
  if (heads[kind]?.eventless === true) tickLater(readiness);
  return done;
}

/** The time of somebody is over: those of its queue are tried once more, without an event. */
export function tryOnce({ readiness, kind }: Waiter): void {
  if (readiness === undefined) return;
  acted++;
  serveQueue(readiness, kind);
  if (!readiness.closed) keepInterest(readiness);
}

/** Tries those who wait in the next turn, without an event. */
export function resumeLater(readiness: Readiness): void {
  if (readiness.resuming) return;
  readiness.resuming = true;
  if (resumed.push(readiness) + paused.length === 1) setImmediate(resume);
}

function nothing(): void {}

/** A promise that is settled in the next turn, as another one, which is settled by now. */
export async function nextTurn<T>(result: Promise<T>): Promise<T> {
  result.catch(nothing); // not of those that nobody handles
  await new Promise<void>((resolve) => {
    if (resumed.length + paused.push(resolve) === 1) setImmediate(resume);
  });
  return result;
}

function resume(): void {
  const now = resumed;
  const told = paused;
  resumed = [];
  paused = [];
  beginTurn(now.length + told.length);
  acted++;
  for (const tell of told) tell();
  for (let i = 0; i < now.length; i++) {
    const readiness = now[i]!;
    readiness.resuming = false;
    if (readiness.closed) continue;
    for (const kind of KINDS) if (readiness.heads[kind] !== undefined) serveQueue(readiness, kind);
    if (!readiness.closed) keepInterest(readiness);
  }
}

function tickLater(readiness: Readiness): void {
  timed.add(readiness);
  startTicking();
}

function startTicking(): void {
  if (ticking) return;
  ticking = true;
  setRealTimeout(tick, RETRY).unref();
}

/** Those who were tried in vain are behind the others in the next turn, so that all have theirs. */
function tick(): void {
  ticking = false;
  acted++;
  let left = MOST_TRIES;
  for (const readiness of [...timed]) {
    if (left === 0) break;
    timed.delete(readiness);
    if (readiness.heads[WRITE] === undefined) continue; // all who waited gave up
    if (serveQueue(readiness, WRITE) === 0) left--;
    if (!readiness.closed) keepInterest(readiness);
  }
  if (timed.size > 0) startTicking();
}

/** What a plain descriptor, closed by somebody else while its description lives on, left in the set. */
function renew(): void {
  // Without a descriptor for a new set, all goes on as it is; the next event of this kind tries again.
  if (native.reactorRenew(id) < 0) return;
  const known: Readiness[] = [];
  for (let fd = 0; fd < byNumber.length; fd++) if (byNumber[fd] !== undefined) known.push(byNumber[fd]!);
  for (const readiness of known) {
    if (readiness.asked === -1) continue;
    readiness.asked = -1;
    const wanted = interest(readiness);
    if (wanted === 0) release(readiness);
    else askOrEnd(readiness, wanted);
  }
}

function serveOne(readiness: Readiness, events: number): void {
  const once = threaded && !readiness.edge;
  let idle = once;
  let done = 0;
  if (once) readiness.asked = 0; // EPOLLONESHOT: in the set, and asked for nothing
  let watched = 0;
  if (readiness.watchers !== NOBODY) {
    for (const watcher of readiness.watchers) {
      if ((events & watcher.serves) === 0 || !readiness.watchers.includes(watcher)) continue;
      watched |= watcher.asks;
      acted++;
      watcher.call();
      done++;
    }
  }
  const { heads } = readiness;
  const broken = (events & BROKEN) !== 0;
  for (let kind: Kind = READ; kind <= ERROR; kind++) {
    if ((events & SERVES[kind as Kind]) === 0) continue;
    const head = heads[kind as Kind];
    if (head !== undefined && (broken || !head.eventless)) done += serveQueue(readiness, kind as Kind);
    else if ((events & ASK[kind as Kind] & ~watched) !== 0) idle = true;
  }
  if (readiness.closed) return;
  const mended = readiness.edge && !broken;
  if (mended) readiness.edge = false;
  if (!idle && !broken) {
    if (mended) askOrEnd(readiness, readiness.asked); // the error was taken: from now on as if it had never been
    return;
  }
  // EPOLLERR and EPOLLHUP cannot be asked away: whom nobody waits for leaves the set, and those whom they do not
  // concern (a full error queue, and they wait for data) are told of changes only.
  const wanted = interest(readiness);
  if (wanted === 0) {
    release(readiness);
    return;
  }
  if (broken && done === 0 && !readiness.edge && readiness.watchers === NOBODY) {
    readiness.edge = true;
    idle = true;
  }
  if (idle) askOrEnd(readiness, wanted);
  else keepInterest(readiness);
}

/**
 * Serves the events of the list from `first` to `last`, of so many that were fetched at once. Between two calls for one
 * list, what awaited the first ones runs.
 */
function serve(events: number, first = 0, last = events): void {
  if (first === 0) {
    serving = true;
    stale = false;
    if (retired.size > 0) retired.clear(); // of a list that was not served to its end
    acted = 0;
    beginTurn(events);
  } else {
    acted++;
  }
  for (let i = first; i < last; i++) {
    const readiness = byNumber[list[i * FIELDS]!];
    const generation = list[i * FIELDS + 1]! >>> 0;
    if (readiness?.generation === generation) {
      served = readiness;
      told = list[i * FIELDS + 2]!;
      serveOne(readiness, told);
    } else if (!retired.has(generation)) {
      stale = true; // left behind by a descriptor that was closed elsewhere
    }
  }
  served = undefined;
  if (last < events) return;
  serving = false;
  if (retired.size > 0) retired.clear();
  if (stale && !threaded) renew();
}
