/**
 * The epoll set of this thread. The native part (native/reactor.cc) waits for its events, stores them in a list, and
 * keeps the process alive while there are waiters.
 */
import { AsyncResource } from 'node:async_hooks';
import process from 'node:process';
import {
  EEXIST,
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
} from '../native/constants.ts';
import { native } from '../native/native.ts';
import { type Call, call, check } from '../struct/errno.ts';
import type { Readiness } from './readiness.ts';
import { setImmediate } from './timers.ts';

/**
 * The events that are requested from epoll for each kind, and the events that serve it. Errors and hang-ups serve every
 * kind that they can end.
 */
export const ASK: readonly [number, number, number] = [EPOLLIN | EPOLLRDHUP, EPOLLOUT, EPOLLPRI];
export const SERVES: readonly [number, number, number] = [
  EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR,
  EPOLLOUT | EPOLLHUP | EPOLLERR,
  EPOLLPRI | EPOLLERR,
];

/** The call that fails for a file descriptor that cannot be waited for. */
export const EPOLL_CTL: Call = call('epoll_ctl', 'operation', 'fd', 'events', 'generation');
const START = call('epoll_create1', 'list', 'callback');

/**
 * Whether a separate thread waits for events: uv_poll aborts in Bun, and reports only one event in Deno. A file
 * descriptor may be evicted between the report of the thread and `serve`, so a stale event does not show that another
 * one was closed elsewhere. EPOLLONESHOT prevents an event of a registration that can no longer be removed from being
 * reported again.
 */
export const isThreaded: boolean = 'bun' in process.versions || 'deno' in process.versions;

/** The async context of the callbacks of the reactor, so that they do not run in the context of the first waiter. */
const context = new AsyncResource('SysSocketReactor');
/** The number of this reactor in its environment, or -1 before it is started. */
let id = -1;
let generations = 0;
let waiting = 0;
/** Whether the native part keeps the process alive; undefined if the call that sets it failed. */
let alive: boolean | undefined = false;
/** Whether the events of a list are being served. */
let isServing = false;
/**
 * The generations that were removed from the set while the list was being served. Their remaining events are not stale.
 */
const removed = new Set<number>();

/** Starts the reactor, if it has not been started, with a list for events and the function that serves them. */
export function start(list: Int32Array, serve: (events: number, first: number, last: number) => void): void {
  if (id !== -1) return;
  const begin = isThreaded ? native.reactorThreadStart : native.reactorStart;
  id = check(context.runInAsyncScope(begin, native, list, serve), START);
}

/** Returns a number for the next file descriptor that is registered, by which its events are recognized. */
export function nextGeneration(): number {
  generations = (generations + 1) >>> 0;
  return generations;
}

/** Counts waiters of a file descriptor. Only waiters keep the process alive. */
export function countWaiters(readiness: Readiness, change: number): void {
  if (!readiness.refed) return;
  waiting += change;
  if (waiting > 0 !== alive) keepAlive();
}

/** Sets whether the present and future waiters of a file descriptor keep the process alive. */
export function setRefed(readiness: Readiness, refed: boolean): void {
  if (readiness.refed === refed) return;
  readiness.refed = true;
  countWaiters(readiness, refed ? readiness.waiting : -readiness.waiting);
  readiness.refed = refed;
}

/** Tells the native part whether there are waiters. If it has no memory for that, the next turn tries again. */
function keepAlive(): void {
  const wanted = waiting > 0;
  if (wanted === alive || id === -1) return;
  let n = -1;
  try {
    n = native.reactorRef(wanted ? 1 : 0, id);
  } catch {} // treated like the lack of memory
  alive = n === 0 ? wanted : undefined;
  if (alive === undefined) setImmediate(keepAlive);
}

/** Requests events of a file descriptor from epoll. Returns 0 or -errno (ENOENT: it is no longer in the set). */
export function request(readiness: Readiness, events: number): number {
  const { fd, generation, edge } = readiness;
  const mask = edge ? events + EPOLLET : isThreaded ? events + EPOLLONESHOT : events;
  const operation = readiness.asked === -1 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  let n = native.reactorControl(operation, fd, mask, generation, id);
  // Code outside the library closed this file descriptor while it was registered, and a duplicate has its number again.
  if (n === -EEXIST) n = native.reactorControl(EPOLL_CTL_MOD, fd, mask, generation, id);
  readiness.asked = n === 0 ? events : -1;
  return n;
}

/** Removes a file descriptor from the set. It is not an error if the set no longer contains it. */
export function remove(readiness: Readiness): void {
  if (readiness.asked === -1) return;
  readiness.asked = -1;
  readiness.edge = false;
  const n = native.reactorControl(EPOLL_CTL_DEL, readiness.fd, 0, 0, id);
  if (n === 0 && isServing) removed.add(readiness.generation);
}

/** Replaces the set by an empty one. Returns false if there is no file descriptor for it: the old one stays in use. */
export function renewSet(): boolean {
  return native.reactorRenew(id) >= 0;
}

/** Called before the events of a list are served, and after them. */
export function setServing(serving: boolean): void {
  isServing = serving;
  if (removed.size > 0) removed.clear(); // also if the previous list was not served to its end
}

/** Returns whether a generation was removed from the set while the events of the list were being served. */
export function wasRemoved(generation: number): boolean {
  return removed.has(generation);
}
