/**
 * The file descriptors that are waited for, by number, and what is requested from epoll for their waiters.
 *
 * A file descriptor stays registered after its waiters are served, and is removed when an event finds no waiter. Thus,
 * a Socket that is read repeatedly needs no further epoll_ctl(2).
 */
import { SocketError } from '../struct/errno.ts';
import { ASK, countWaiters, EPOLL_CTL, nextGeneration, remove, renewSet, request } from './epoll-set.ts';
import { ClosedError } from './errors.ts';
import { KINDS, type Kind, Readiness, type Waiter, type Watcher } from './readiness.ts';

/**
 * The states by file descriptor: with many sockets, an array costs less than a Map. It has no prototype, from which a
 * missing element could be inherited.
 */
const byNumber: (Readiness | undefined)[] = Object.setPrototypeOf([], null);

/** Returns the state of the file descriptor with this number and generation, or undefined if it was closed. */
export function registered(fd: number, generation: number): Readiness | undefined {
  const readiness = byNumber[fd];
  return readiness?.generation === generation ? readiness : undefined;
}

/**
 * Returns the state for a file descriptor that has a new owner. The state of an earlier file descriptor with the same
 * number is discarded.
 */
export function adopt(fd: number): Readiness {
  const old = byNumber[fd];
  if (old !== undefined) {
    // If epoll still knows it, it is the same file descriptor, which already has waiters.
    if (!old.owned && old.waiting > 0 && (old.asked === -1 || request(old, interest(old)) === 0)) {
      old.owned = true;
      return old;
    }
    endAll(evict(old));
  }
  const readiness = new Readiness(fd, nextGeneration(), true);
  byNumber[fd] = readiness;
  return readiness;
}

/** Returns the state of a file descriptor, which may be a plain one that no Socket owns. */
export function find(fd: number): Readiness {
  const known = typeof fd === 'number' ? byNumber[fd] : undefined;
  return known ?? new Readiness(fd, nextGeneration(), false);
}

/** Counts a new waiter for a file descriptor. */
export function occupy(readiness: Readiness): void {
  if (!readiness.owned) byNumber[readiness.fd] = readiness;
  countWaiters(readiness, 1);
}

/** Removes a file descriptor without waiters from the set. The state of a plain file descriptor is dropped. */
export function release(readiness: Readiness): void {
  remove(readiness);
  if (readiness.owned || readiness.waiting > 0) return;
  // Any other value than a number was rejected before and must not be used as an index.
  if (typeof readiness.fd === 'number' && byNumber[readiness.fd] === readiness) byNumber[readiness.fd] = undefined;
}

/**
 * Returns the events that the waiters of a file descriptor need. A waiter that is tried again without an event needs
 * none.
 */
export function interest(readiness: Readiness): number {
  let events = 0;
  for (let { watcher } = readiness; watcher !== undefined; watcher = watcher.next) events |= watcher.asks;
  if (readiness.resuming) return events;
  for (const kind of KINDS) {
    const head = readiness.heads[kind];
    if (head !== undefined && !head.retriedByTime) events |= ASK[kind];
  }
  return events;
}

/**
 * Adds a file descriptor to the set and requests the events of a kind. Returns 0 or -errno.
 *
 * The reactor does not learn when a plain file descriptor is closed and its number reused, which ends its registration.
 * Therefore, the events of a plain file descriptor are requested again each time.
 */
export function arm(readiness: Readiness, kind: Kind): number {
  const known = readiness.asked !== -1;
  const events = (known ? readiness.asked : 0) | ASK[kind];
  // With EPOLLET, an event that was reported before is not reported again unless it is requested again.
  if (readiness.owned && !readiness.edge && events === readiness.asked) return 0;
  let n = request(readiness, events);
  if (n < 0 && known) {
    // The file descriptor was closed while waiters waited, and its number was reused: the waiters end with an error.
    readiness.edge = false;
    endAll(takeAll(readiness));
    readiness.generation = nextGeneration();
    n = request(readiness, ASK[kind]);
  }
  return n;
}

/** The waiters and watchers that were removed from a file descriptor. */
interface Removed {
  readonly first: Waiter | undefined;
  readonly watcher: Watcher | undefined;
}

/** Removes all waiters and watchers from their queues. They are linked by `next`. */
function takeAll(readiness: Readiness): Removed {
  const { watcher, heads } = readiness;
  countWaiters(readiness, -readiness.waiting);
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
  for (let one = watcher; one !== undefined; one = one.next) one.previous = undefined;
  readiness.watcher = undefined;
  readiness.waiting = 0;
  return { first, watcher };
}

/**
 * Removes a file descriptor that will be closed or given away.
 *
 * @returns Its waiters and watchers, which `endAll` ends after it is closed.
 */
export function evict(readiness: Readiness): Removed {
  remove(readiness);
  readiness.closed = true;
  if (byNumber[readiness.fd] === readiness) byNumber[readiness.fd] = undefined;
  return takeAll(readiness);
}

/**
 * Rejects all waiters, each with its own error: a SocketError with the errno of epoll_ctl(2), or a ClosedError. If
 * `quiet` is true, watchers end without an error, because their Socket was closed.
 */
export function endAll({ first, watcher }: Removed, errno = 0, quiet = false): void {
  const failure = (syscall: string) =>
    errno === 0 ? new ClosedError(syscall) : new SocketError(errno, EPOLL_CTL.name);
  for (let waiter = first; waiter !== undefined; ) {
    const { next } = waiter;
    waiter.next = undefined;
    waiter.previous = undefined;
    waiter.reject(failure(waiter.syscall));
    waiter = next;
  }
  for (let one = watcher; one !== undefined; ) {
    const { next } = one;
    one.next = undefined;
    one.end(quiet ? undefined : failure(one.syscall));
    one = next;
  }
}

/** Requests events from epoll. If that fails, it ends all waiters and watchers with the error. */
export function requestOrEnd(readiness: Readiness, events: number): void {
  const n = request(readiness, events);
  if (n === 0) return;
  const left = takeAll(readiness);
  release(readiness);
  endAll(left, -n);
}

/** Requests the events that the waiters need in addition to those already requested. */
export function keepInterest(readiness: Readiness): void {
  const wanted = interest(readiness);
  const asked = readiness.asked === -1 ? 0 : readiness.asked;
  if ((wanted & ~asked) !== 0) requestOrEnd(readiness, asked | wanted);
}

/**
 * Replaces the epoll set, to remove the registration of a plain file descriptor that was closed elsewhere while its
 * open file description still exists. If this fails, the next event of such a file descriptor tries again.
 */
export function renew(): void {
  if (!renewSet()) return;
  const known: Readiness[] = [];
  for (let fd = 0; fd < byNumber.length; fd++) if (byNumber[fd] !== undefined) known.push(byNumber[fd]!);
  for (const readiness of known) {
    if (readiness.asked === -1) continue;
    readiness.asked = -1;
    const wanted = interest(readiness);
    if (wanted === 0) release(readiness);
    else requestOrEnd(readiness, wanted);
  }
}
