/**
 * Who waits for which descriptor. The native half (native/reactor.cc) watches one epoll set and calls `serve` once per
 * turn of the event loop with all that is ready.
 *
 * Interest stays armed after its waiters are served, and is dropped when an event finds no waiter: a Socket that is
 * read again and again costs no epoll_ctl. Waiters of one descriptor and kind are served in their order.
 */
import process from 'node:process';
import { setTimeout } from 'node:timers';
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
import { call, check, SocketError } from '../posix/errno.ts';
import { native } from '../posix/native.ts';
import { aside, ClosedError } from './errors.ts';

/** What can be waited for. */
export const READ = 0;
export const WRITE = 1;
/** The error queue, or out-of-band data. */
export const ERROR = 2;
/** Not an event: time. For what epoll tells nothing of, which is tried again and again. */
export const TIME = 3;
export type WatchKind = typeof READ | typeof WRITE | typeof ERROR;
export type Kind = typeof READ | typeof WRITE | typeof ERROR | typeof TIME;

/** Somebody who waits. */
export abstract class Waiter {
  /** The queue in which it waits, and who comes before and after it there. */
  queue: Queue | undefined = undefined;
  previous: Waiter | undefined = undefined;
  next: Waiter | undefined = undefined;

  /** The event is there: true when the waiter is done, false when it waits on. Does not throw. */
  abstract attempt(): boolean;
  /** The descriptor will be closed. */
  abstract reject(error: Error): void;
}

/** Those who wait, in their order. No array: most queues have one waiter or none, and there are many queues. */
class Queue {
  first: Waiter | undefined = undefined;
  #last: Waiter | undefined = undefined;

  push(waiter: Waiter): void {
    waiter.queue = this;
    if (this.first === undefined) this.first = waiter;
    else this.#last!.next = waiter;
    waiter.previous = this.#last;
    this.#last = waiter;
  }

  /** Takes one out, wherever it stands. */
  remove(waiter: Waiter): void {
    const { previous, next } = waiter;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    waiter.previous = undefined;
    waiter.next = undefined;
    waiter.queue = undefined;
  }

  /** Takes all out. */
  drain(): Waiter[] {
    const waiters: Waiter[] = [];
    while (this.first !== undefined) {
      waiters.push(this.first);
      this.remove(this.first);
    }
    return waiters;
  }

  get length(): number {
    let n = 0;
    for (let waiter = this.first; waiter !== undefined; waiter = waiter.next) n++;
    return n;
  }
}

/** What is asked of epoll for each kind, and which events serve it: errors and hang-ups serve whoever waits. */
const ASK = [EPOLLIN | EPOLLRDHUP, EPOLLOUT, EPOLLPRI] as const;
const SERVES = [
  EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR,
  EPOLLOUT | EPOLLHUP | EPOLLERR,
  EPOLLPRI | EPOLLERR,
] as const;
const KINDS = [READ, WRITE, ERROR] as const;

/**
 * A callback that is called in each turn of the event loop in which there is an event, until it is stopped: see
 * `onReadable`.
 *
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
 * const watch = onWritable(a, () => {});
 * watch.stop();
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export class Watch {
  readonly #fd: number;
  readonly #call: () => void;
  /** The Socket, which is not collected (and so closed) while this is called. */
  readonly owner: object | undefined;
  /** What is asked of epoll for it. */
  readonly asks: number;
  /** Which events it is called for. */
  readonly serves: number;

  constructor(fd: number, kind: WatchKind, call: () => void, owner: object | undefined) {
    this.#fd = fd;
    this.owner = owner;
    this.#call = call;
    this.asks = ASK[kind];
    this.serves = SERVES[kind];
  }

  /** Calls it. What it throws reaches uncaughtException, and nobody else. */
  call(): void {
    aside(this.#call);
  }

  /** It is called no more. Stopping again does nothing; to close a Socket stops those of its own. */
  stop(): void {
    const entry = entries.get(this.#fd);
    if (entry?.watches.includes(this) !== true) return;
    const others = entry.watches.filter((watch) => watch !== this);
    entry.watches = others.length === 0 ? NOBODY : others;
    count(this.#fd, -1);
  }

  /** As `stop`. */
  [Symbol.dispose](): void {
    this.stop();
  }
}

const NOBODY: readonly Watch[] = [];

class Entry {
  readonly fd: number;
  readonly generation: number;
  /** The events asked for, or -1 while the descriptor is not in the set. */
  asked = -1;
  /** Whether only changes are told (EPOLLET): an error that no waiter takes would be told for ever. */
  edge = false;
  drained = false;
  /** One for each kind. A queue is made when somebody waits in it. */
  readonly queues: [Queue | undefined, Queue | undefined, Queue | undefined] = [undefined, undefined, undefined];

  /** Replaced, never changed: who is stopped by another one is not called any more. */
  watches = NOBODY;

  constructor(fd: number, generation: number) {
    this.fd = fd;
    this.generation = generation;
  }

  /** Whether somebody waits for this. */
  awaits(kind: WatchKind): boolean {
    return this.queues[kind]?.first !== undefined;
  }
}

const EVENTS = 1024;
const FIELDS = 3;
/** Milliseconds between the attempts of those who wait for time. */
const RETRY = 5;
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
const timed = new Map<number, Queue>();
/** Shared memory: it cannot be detached while the native code writes into it. */
const list = new Int32Array(new SharedArrayBuffer(EVENTS * FIELDS * Int32Array.BYTES_PER_ELEMENT));
let started = false;
let ticking = false;
let generations = 0;
let waiting = 0;
let alive = false;
/** The descriptors whose waiters do not keep the process alive. */
const unrefed = new Set<number>();

/** Only those who wait keep the process alive. */
function count(fd: number, change: number): void {
  if (change === 0 || (unrefed.size > 0 && unrefed.has(fd))) return;
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

/** Asks epoll for events of a descriptor: 0, or -errno (ENOENT: it was in the set and is no more). */
function ask(entry: Entry, events: number): number {
  const { fd, generation, edge } = entry;
  const mask = edge ? events + EPOLLET : threaded ? events + EPOLLONESHOT : events;
  const operation = entry.asked === -1 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  const n = native.reactorControl(operation, fd, mask, generation);
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
  for (const kind of KINDS) if (entry.awaits(kind)) events |= ASK[kind];
  for (const watch of entry.watches) events |= watch.asks;
  return events;
}

/** The entry of a descriptor, made when there is none. */
function entryOf(fd: number): Entry {
  let entry = entries.get(fd);
  if (entry === undefined) {
    generations = (generations + 1) >>> 0;
    entry = new Entry(fd, generations);
    entries.set(fd, entry);
  }
  return entry;
}

/**
 * Waits for an event of a descriptor, after those who wait for it already.
 *
 * @param owned Whether `evict` comes before the descriptor is closed. Of another nobody tells when it is closed and its
 *   number used again, so that what was asked for it before may be void: it is asked again each time.
 * @throws SocketError EBADF, EPERM (a regular file, which is always ready), ENOMEM, ENOSPC.
 */
export function wait(fd: number, kind: Kind, waiter: Waiter, owned = false): void {
  if (kind === TIME) {
    waitForTime(fd, waiter);
    return;
  }
  const entry = arm(fd, kind, owned);
  entry.queues[kind] ??= new Queue();
  entry.queues[kind].push(waiter);
  count(fd, 1);
}

/**
 * Calls back in each turn of the event loop in which there is an event.
 *
 * @param owner The Socket that the descriptor is owned by.
 * @throws As `wait`.
 */
export function watch(fd: number, kind: WatchKind, call: () => void, owner?: object): Watch {
  const entry = arm(fd, kind, owner !== undefined);
  if (entry.edge) {
    // It is told of what is left, too.
    entry.edge = false;
    check(ask(entry, entry.asked), EPOLL_CTL);
  }
  const watch = new Watch(fd, kind, call, owner);
  entry.watches = [...entry.watches, watch];
  count(fd, 1);
  return watch;
}

/** The descriptor in the set, and asked for events of this kind. */
function arm(fd: number, kind: WatchKind, owned: boolean): Entry {
  start();
  let entry = entryOf(fd);
  const known = entry.asked !== -1;
  const events = (known ? entry.asked : 0) | ASK[kind];
  if (!owned || events !== entry.asked) {
    let n = ask(entry, events);
    if (n < 0 && known) {
      // Closed under those who wait for it: they are told, and the number is that of another descriptor.
      evict(fd, new ClosedError(EPOLL_CTL.name));
      entry = entryOf(fd);
      n = ask(entry, ASK[kind]);
    }
    if (n < 0) {
      entries.delete(fd);
      check(n, EPOLL_CTL);
    }
  }
  return entry;
}

function waitForTime(fd: number, waiter: Waiter): void {
  start();
  let queue = timed.get(fd);
  if (queue === undefined) {
    queue = new Queue();
    timed.set(fd, queue);
  }
  queue.push(waiter);
  count(fd, 1);
  if (ticking) return;
  ticking = true;
  setTimeout(tick, RETRY).unref();
}

function tick(): void {
  for (const [fd, queue] of timed) {
    serveQueue(fd, queue);
    if (queue.first === undefined) timed.delete(fd);
  }
  ticking = timed.size > 0;
  if (ticking) setTimeout(tick, RETRY).unref();
}

/** Serves those who wait, in their order, until one waits on. Gives how many were done. */
function serveQueue(fd: number, queue: Queue): number {
  let done = 0;
  for (let waiter = queue.first; waiter?.attempt() === true; waiter = queue.first) {
    if (queue.first !== waiter) continue; // cancelled meanwhile, which took it out
    queue.remove(waiter);
    count(fd, -1);
    done++;
  }
  return done;
}

/** Serves those who wait, without an event. */
export function retry(fd: number, kind: typeof READ | typeof WRITE): void {
  const queue = entries.get(fd)?.queues[kind];
  if (queue !== undefined) serveQueue(fd, queue);
}

/** Whether somebody waits for time: then those who want to write, too, wait after them. */
export function isTimed(fd: number): boolean {
  return timed.size > 0 && timed.get(fd)?.first !== undefined;
}

/** Whether somebody waits already: those who wait for time want to write. */
export function isWaiting(fd: number, kind: typeof READ | typeof WRITE): boolean {
  return entries.get(fd)?.awaits(kind) === true || (kind === WRITE && isTimed(fd));
}

/** The last read got all that was there, or not: as a hint for the next. */
export function setDrained(fd: number, drained: boolean): void {
  const entry = entries.get(fd);
  if (entry !== undefined) entry.drained = drained;
}

/**
 * Whether a read would most likely be EAGAIN, and need not be tried: epoll tells in the next turn what is there by then.
 * Not so of one that tells changes only, or when the event loop may end before.
 */
export function isDrained(fd: number): boolean {
  const entry = entries.get(fd);
  return entry?.drained === true && !entry.edge && entry.asked > 0 && (entry.asked & EPOLLIN) !== 0 && isRefed(fd);
}

/** Waits no longer. */
export function cancel(fd: number, waiter: Waiter): void {
  if (waiter.queue === undefined) return;
  waiter.queue.remove(waiter);
  count(fd, -1);
}

/** Whether those who wait for a descriptor keep the process alive. */
export function isRefed(fd: number): boolean {
  return unrefed.size === 0 || !unrefed.has(fd);
}

/** Sets whether those who wait for a descriptor, now and later, keep the process alive. */
export function setRefed(fd: number, refed: boolean): void {
  if (isRefed(fd) === refed) return;
  const entry = entries.get(fd);
  let waiters = timed.get(fd)?.length ?? 0;
  if (entry !== undefined) for (const kind of KINDS) waiters += entry.queues[kind]?.length ?? 0;
  waiters += entry?.watches.length ?? 0;
  unrefed.delete(fd);
  count(fd, refed ? waiters : -waiters);
  if (!refed) unrefed.add(fd);
}

/** Before a descriptor is closed or given away: takes it out of the set and rejects everybody who waits for it. */
export function evict(fd: number, error: Error): void {
  const waiters = timed.get(fd)?.drain() ?? [];
  const entry = entries.get(fd);
  if (entry !== undefined) {
    forget(entry);
    count(fd, -entry.watches.length);
    entry.watches = NOBODY;
    for (const kind of KINDS) waiters.push(...(entry.queues[kind]?.drain() ?? []));
  }
  count(fd, -waiters.length);
  unrefed.delete(fd);
  for (const waiter of waiters) waiter.reject(error);
}

/** A descriptor has a new owner: what is left of another one that had its number is none of it. */
export function adopt(fd: number): void {
  setRefed(fd, true);
  const entry = entries.get(fd);
  if (entry === undefined) return;
  if (interest(entry) === 0) forget(entry);
  else if (ask(entry, interest(entry)) < 0) evict(fd, new ClosedError(EPOLL_CTL.name));
}

/** The descriptor was closed by somebody else while its description lives on: only a new set is rid of its events. */
function renew(): void {
  native.reactorRenew();
  for (const entry of entries.values()) {
    if (entry.asked === -1) continue;
    entry.asked = -1;
    const wanted = interest(entry);
    if (wanted === 0) entries.delete(entry.fd);
    else askOrEvict(entry, wanted);
  }
}

function askOrEvict(entry: Entry, events: number): void {
  const n = ask(entry, events);
  if (n < 0) evict(entry.fd, new SocketError(-n, EPOLL_CTL.name));
}

function serveOne(entry: Entry, events: number): void {
  const once = threaded && !entry.edge;
  let idle = once;
  let done = 0;
  if (once) entry.asked = 0; // EPOLLONESHOT: in the set, and asked for nothing
  let watched = 0;
  for (const watch of entry.watches) {
    if ((events & watch.serves) === 0 || !entry.watches.includes(watch)) continue;
    watched |= watch.asks;
    watch.call();
    done++;
  }
  for (const kind of KINDS) {
    if ((events & SERVES[kind]) === 0) continue;
    const queue = entry.queues[kind];
    if (queue?.first !== undefined) done += serveQueue(entry.fd, queue);
    else if ((events & ASK[kind] & ~watched) !== 0) idle = true;
  }
  const broken = (events & (EPOLLERR | EPOLLHUP)) !== 0;
  const wanted = interest(entry);
  // EPOLLERR and EPOLLHUP cannot be asked away: whom nobody waits for leaves the set, and those whom they do not
  // concern (a full error queue, and they wait for data) are told of changes only.
  if (wanted === 0) {
    if (idle || broken) forget(entry);
    return;
  }
  if (broken && done === 0 && !entry.edge && entry.watches === NOBODY) {
    entry.edge = true;
    idle = true;
  }
  if (idle) askOrEvict(entry, wanted);
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
