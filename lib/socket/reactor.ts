/**
 * Who waits for which descriptor. The native half (native/reactor.cc) watches one epoll set and calls `serve` once per
 * turn of the event loop with all that is ready.
 *
 * Interest stays armed after its waiters are served, and is dropped when an event finds no waiter: a socket that is
 * read again and again costs no epoll_ctl. Waiters of one descriptor and kind are served in their order.
 */
import {
  ENOENT,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
} from '../posix/constants.ts';
import { call, check, SocketError } from '../posix/errno.ts';
import { native } from '../posix/native.ts';

/** What can be waited for. */
export const READ = 0;
export const WRITE = 1;
/** The error queue, or out-of-band data. */
export const ERROR = 2;
export type Kind = typeof READ | typeof WRITE | typeof ERROR;

/** Somebody who waits. */
export interface Waiter {
  /** The event is there: true when the waiter is done, false when it waits on. Does not throw. */
  attempt(): boolean;
  /** The descriptor will be closed. */
  reject(error: Error): void;
}

/** What is asked of epoll for each kind, and which events serve it: errors and hang-ups serve whoever waits. */
const ASK = [EPOLLIN | EPOLLRDHUP, EPOLLOUT, EPOLLPRI] as const;
const SERVES = [
  EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR,
  EPOLLOUT | EPOLLHUP | EPOLLERR,
  EPOLLPRI | EPOLLERR,
] as const;
const KINDS = [READ, WRITE, ERROR] as const;

interface Entry {
  readonly fd: number;
  readonly generation: number;
  /** The events asked for, or -1 while the descriptor is not in the set. */
  asked: number;
  readonly queues: readonly [Waiter[], Waiter[], Waiter[]];
}

const EVENTS = 1024;
const FIELDS = 3;
const EPOLL_CTL = call('epoll_ctl', 'operation', 'fd', 'events', 'generation');
const START = call('epoll_create1', 'list', 'callback');

/**
 * uv_poll aborts in Bun, and fires once in Deno: there a thread waits. What it found may be evicted by the time it is
 * served, so that a stale event says nothing; EPOLLONESHOT keeps one that nobody can take out from coming again.
 */
const threaded = 'bun' in process.versions || 'deno' in process.versions;
const backend = threaded
  ? { start: native.reactorThreadStart, ref: native.reactorThreadRef }
  : { start: native.reactorStart, ref: native.reactorRef };

const entries = new Map<number, Entry>();
const list = new Int32Array(EVENTS * FIELDS);
let started = false;
let generations = 0;
let waiting = 0;
let alive = false;

/** Only those who wait keep the process alive. */
function count(change: number): void {
  waiting += change;
  const wanted = waiting > 0;
  if (wanted !== alive) {
    alive = wanted;
    backend.ref(wanted ? 1 : 0);
  }
}

function start(): void {
  if (started) return;
  check(backend.start(list, serve), START);
  started = true;
}

function ask(entry: Entry, events: number): number {
  const { fd, generation } = entry;
  const mask = threaded ? events + EPOLLONESHOT : events;
  let n = -ENOENT;
  if (entry.asked !== -1) n = native.reactorControl(EPOLL_CTL_MOD, fd, mask, generation);
  // Not in the set (any more: whoever closed the descriptor took it out).
  if (n === -ENOENT) n = native.reactorControl(EPOLL_CTL_ADD, fd, mask, generation);
  entry.asked = n === 0 ? events : -1;
  return n;
}

/** Takes the descriptor out of the set. That it is gone already is no error. */
function forget(entry: Entry): void {
  if (entry.asked !== -1) native.reactorControl(EPOLL_CTL_DEL, entry.fd, 0, 0);
  entry.asked = -1;
  if (entries.get(entry.fd) === entry) entries.delete(entry.fd);
}

function interest(entry: Entry): number {
  let events = 0;
  for (const kind of KINDS) if (entry.queues[kind].length > 0) events |= ASK[kind];
  return events;
}

/**
 * Waits for an event of a descriptor, after those who wait for it already.
 *
 * @throws SocketError EBADF, EPERM (a regular file, which is always ready), ENOMEM, ENOSPC.
 */
export function wait(fd: number, kind: Kind, waiter: Waiter): void {
  start();
  let entry = entries.get(fd);
  if (entry === undefined) {
    generations = (generations + 1) >>> 0;
    entry = { fd, generation: generations, asked: -1, queues: [[], [], []] };
    entries.set(fd, entry);
  }
  const events = entry.asked === -1 ? interest(entry) | ASK[kind] : entry.asked | ASK[kind];
  if (events !== entry.asked) {
    const n = ask(entry, events);
    if (n < 0) {
      if (interest(entry) === 0) entries.delete(fd);
      check(n, EPOLL_CTL);
    }
  }
  entry.queues[kind].push(waiter);
  count(1);
}

/** Whether somebody waits already. */
export function isWaiting(fd: number, kind: Kind): boolean {
  const entry = entries.get(fd);
  return entry !== undefined && entry.queues[kind].length > 0;
}

/** Waits no longer. */
export function cancel(fd: number, kind: Kind, waiter: Waiter): void {
  const queue = entries.get(fd)?.queues[kind];
  const at = queue?.indexOf(waiter) ?? -1;
  if (at === -1) return;
  queue!.splice(at, 1);
  count(-1);
}

/** Before a descriptor is closed or given away: takes it out of the set and rejects everybody who waits for it. */
export function evict(fd: number, error: Error): void {
  const entry = entries.get(fd);
  if (entry === undefined) return;
  forget(entry);
  for (const kind of KINDS) {
    const waiters = entry.queues[kind].splice(0);
    count(-waiters.length);
    for (const waiter of waiters) waiter.reject(error);
  }
}

/** The descriptor was closed by somebody else while its description lives on: only a new set is rid of its events. */
function renew(): void {
  native.reactorRenew();
  for (const entry of entries.values()) {
    if (entry.asked === -1) continue;
    entry.asked = -1;
    const n = ask(entry, interest(entry));
    if (n < 0) evict(entry.fd, new SocketError(-n, EPOLL_CTL.name));
  }
}

function serveOne(entry: Entry, events: number): void {
  let idle = threaded;
  if (threaded) entry.asked = 0; // EPOLLONESHOT: in the set, and asked for nothing
  for (const kind of KINDS) {
    if ((events & SERVES[kind]) === 0) continue;
    const queue = entry.queues[kind];
    if (queue.length === 0) {
      if ((events & ASK[kind]) !== 0) idle = true;
      continue;
    }
    for (let waiter = queue[0]; waiter?.attempt() === true; waiter = queue[0]) {
      if (queue[0] !== waiter) continue; // cancelled meanwhile, which took it out
      queue.shift();
      count(-1);
    }
  }
  const wanted = interest(entry);
  // EPOLLERR and EPOLLHUP cannot be asked away: whom nobody waits for leaves the set.
  if (wanted === 0 && (idle || (events & (EPOLLERR | EPOLLHUP)) !== 0)) forget(entry);
  else if (idle) ask(entry, wanted);
}

function serve(events: number): void {
  let stale = false;
  for (let i = 0; i < events; i++) {
    const fd = list[i * FIELDS]!;
    const entry = entries.get(fd);
    if (entry === undefined) {
      // Taken out in this very turn, or left behind by a descriptor that was closed elsewhere.
      if (native.reactorControl(EPOLL_CTL_DEL, fd, 0, 0) !== 0) stale = true;
    } else if (entry.generation !== list[i * FIELDS + 1]! >>> 0) {
      stale = true;
    } else {
      serveOne(entry, list[i * FIELDS + 2]!);
    }
  }
  if (stale && !threaded) renew();
}
