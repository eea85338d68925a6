/**
 * One operation of a Socket, as a promise or at once. The call is tried first; only EAGAIN waits. An operation that must
 * not wait (MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, an empty buffer) answers as the kernel does.
 */

import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';
import { decodeAddress } from '../posix/address.ts';
import { EAGAIN, EINTR, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, POLLERR, POLLIN, POLLOUT } from '../posix/constants.ts';
import { SocketError } from '../posix/errno.ts';
import { type PollFdResult, pollNothrow } from '../posix/poll.ts';
import { TimeoutError } from './errors.ts';
import * as reactor from './reactor.ts';
import { Wait, type WaitOptions } from './wait.ts';

/** What an operation does: `attempt` gives n or -errno, `finish` makes the result of n. */
export interface Operation<T> {
  /** The Socket, which is not collected (and so closed) while this waits. */
  readonly owner: object;
  readonly syscall: string;
  readonly kind: typeof reactor.READ | typeof reactor.WRITE;
  /** Whether it answers at once, EAGAIN too. */
  readonly now?: boolean;
  /** Whether its EAGAIN is followed by no event (AF_UNIX, when the queue of the peer is full): then it is tried again
   * after a time. */
  readonly eventless?: boolean;
  /** Whether it reads all that there is, so that another may be spared its try. */
  readonly drains?: boolean;
  /** What it fails with when it must not wait, in the place of EAGAIN. */
  unfinished?(): number;
  /** The sockaddr that it was given: its errors carry the address. */
  readonly name?: Uint8Array | undefined;
  attempt(): number;
  finish(n: number): T;
}

/** Flags with which a call never waits. */
export function answersAtOnce(flags: number, length = 1): boolean {
  return length === 0 || (flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)) !== 0;
}

function tryOnce<T>(operation: Operation<T>): number {
  let n = operation.attempt();
  while (n === -EINTR) n = operation.attempt();
  return n;
}

function failure<T>(n: number, { syscall, name }: Operation<T>): SocketError {
  return new SocketError(-n, syscall, name === undefined ? undefined : decodeAddress(name));
}

/**
 * How many operations are done at once, one after the other, before the next waits for a turn of the event loop: a loop
 * whose every operation is done at once would leave timers, signals and all other sockets none.
 */
const MOST_AT_ONCE = 256;
let atOnce = 0;

/** An operation that waits for its event. */
class Pending<T> extends Wait<T> {
  readonly #operation: Operation<T>;
  readonly #tried: boolean;

  constructor(fd: number, operation: Operation<T>, tried: boolean) {
    super(fd, operation.syscall);
    this.#operation = operation;
    this.#tried = tried;
  }

  attempt(): boolean {
    atOnce = 0;
    const operation = this.#operation;
    try {
      const n = tryOnce(operation);
      if (n === -EAGAIN) return false;
      if (n >= 0) this.resolve(operation.finish(n));
      else this.reject(failure(n, operation));
    } catch (error) {
      this.reject(error as Error); // a buffer that was detached meanwhile
    }
    return true;
  }

  /** What was not tried in the beginning may have been there all the time. */
  protected override late(): boolean {
    return !this.#tried && this.attempt();
  }
}

/** The operation as a promise, after those of its kind that wait already. */
export function run<T>(fd: number, operation: Operation<T>, options: WaitOptions): Promise<T> {
  const { kind, now = false } = operation;
  const timed = operation.eventless === true || (kind === reactor.WRITE && reactor.isTimed(fd));
  const spent = atOnce >= MOST_AT_ONCE && !now && !timed;
  const untried = spent || (operation.drains === true && !now && reactor.isDrained(fd));
  if (!untried && options.signal?.aborted !== true && (now || !reactor.isWaiting(fd, kind))) {
    try {
      atOnce++;
      const n = tryOnce(operation);
      if (n >= 0) return Promise.resolve(operation.finish(n));
      if (n !== -EAGAIN || now) return Promise.reject(failure(n, operation));
    } catch (error) {
      return Promise.reject(error); // an argument that C has no form for
    }
  }
  if (spent) setImmediate(reactor.retry, fd, kind);
  return new Pending(fd, operation, !untried).begin(timed ? reactor.TIME : kind, true, options);
}

/** How often an operation that no event tells of is tried again in this thread, in milliseconds. */
const RETRY = 5;

/**
 * The operation at once, in this thread: waits by poll(2) as long as the timeout says (undefined: for ever, 0: not at
 * all), and goes on with the rest of the time after a signal, as PEP 475 has it.
 */
export function runSync<T>(fd: number, operation: Operation<T>, timeout: number | undefined): T {
  const end = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  let byTime = operation.eventless === true;
  for (;;) {
    const n = tryOnce(operation);
    if (n >= 0) return operation.finish(n);
    if (n !== -EAGAIN) throw failure(n, operation);
    if (operation.now === true || timeout === 0) throw failure(operation.unfinished?.() ?? n, operation);
    // An error alone (a full error queue) is told for ever: should it not be that of the operation, time is waited for.
    const fds: PollFdResult[] = byTime ? [] : [{ fd, events: operation.kind === reactor.READ ? POLLIN : POLLOUT }];
    waitSync(fds, operation.syscall, timeout, end);
    byTime = operation.eventless === true || fds[0]?.revents === POLLERR;
  }
}

/** Waits by poll(2) until the descriptor is ready or the end has come; without one, for a short time. */
function waitSync(fds: readonly PollFdResult[], syscall: string, timeout: number | undefined, end: number): void {
  const byTime = fds.length === 0;
  const longest = byTime ? RETRY : 0x7fffffff;
  for (;;) {
    const left = Math.ceil(end - performance.now());
    if (left <= 0) throw new TimeoutError(syscall, timeout!);
    // -1 is for ever, which no time that is left may be.
    const n = pollNothrow(fds, left === Number.POSITIVE_INFINITY && !byTime ? -1 : Math.min(left, longest));
    if (n > 0 || (n === 0 && byTime)) return;
    if (n < 0 && n !== -EINTR) throw new SocketError(-n, 'poll');
  }
}
