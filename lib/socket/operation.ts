/**
 * One operation of a Socket, as a promise or at once. The call is tried first; only EAGAIN waits. An operation that must
 * not wait (MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, an empty buffer) answers as the kernel does.
 *
 * Operations of one direction are done in the order in which they were called. What answers at once does not overtake
 * those that wait: a `...Sync` method throws a BusyError, MSG_DONTWAIT is EAGAIN, and an empty buffer waits for its turn.
 */
import { performance } from 'node:perf_hooks';
import { decodeAddress } from '../posix/address.ts';
import { EAGAIN, EINTR, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, POLLERR, POLLIN, POLLOUT } from '../posix/constants.ts';
import { invalidType, SocketError } from '../posix/errno.ts';
import { type PollFdResult, pollNothrow } from '../posix/poll.ts';
import { isSpent, spend } from './budget.ts';
import { AbortError, BusyError, TimeoutError, withSent } from './errors.ts';
import { NONE, type WaitOptions, waitOptions } from './options.ts';
import * as reactor from './reactor.ts';
import { READ, type Readiness, type WRITE } from './readiness.ts';
import { Wait } from './wait.ts';

/** The Socket that an operation is of. */
export interface Owner {
  readonly fd: number;
  readonly family: number;
  readonly type: number;
}

/** When an operation answers. */
export const WAITS = 0;
/** Before anything else: what it asks for has no queue (the error queue, out-of-band data). */
export const AT_ONCE = 1;
/** At once, after those that wait: EAGAIN when there are any. */
export const NEVER_WAITS = 2;
/** When it is its turn, and then at once: an empty buffer. */
export const IN_TURN = 3;
export type Patience = typeof WAITS | typeof AT_ONCE | typeof NEVER_WAITS | typeof IN_TURN;

/** Refuses flags that are no number; what else they cannot be is told by the call. */
export function flagsOf(flags: number): number {
  if (typeof flags !== 'number') {
    throw invalidType('flags', typeof flags === 'object' ? 'a number, before an address and the options' : 'a number');
  }
  return flags;
}

/** What the flags and the length of a buffer say of it. */
export function patience(flags: number, length = 1): Patience {
  if (flags !== 0 && (flagsOf(flags) & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)) !== 0) {
    return (flags & (MSG_ERRQUEUE | MSG_OOB)) !== 0 ? AT_ONCE : NEVER_WAITS;
  }
  return length === 0 ? IN_TURN : WAITS;
}

/** An operation: `call` gives n or -errno, `finish` makes the result of n. Its facts are fields, not accessors. */
export abstract class Operation<T> extends Wait<T> {
  get transfers(): boolean {
    return true;
  }
  /** The Socket, which is not collected (and so closed) while this waits. */
  owner: Owner;
  readonly target: Readiness;
  readonly direction: typeof READ | typeof WRITE;
  patience: Patience;
  /** Whether it reads all that there is, so that another may be spared its try. */
  drains = false;
  /** Whether it is done in this thread, without a budget. */
  sync = false;

  constructor(owner: Owner, target: Readiness, direction: typeof READ | typeof WRITE, patience: Patience) {
    super();
    this.owner = owner;
    this.target = target;
    this.direction = direction;
    this.patience = patience;
  }

  get fd(): number {
    return this.target.fd;
  }

  /** Makes the system call once; an operation that needs several makes as many as its budget allows. */
  abstract call(): number;
  abstract finish(n: number): T;

  /** How many bytes n says were moved, for the budget. */
  weight(n: number): number {
    return n;
  }

  /** The sockaddr that it was given: its errors carry the address. */
  get name(): Uint8Array | undefined {
    return undefined;
  }

  /** How much was sent, of an operation that sends all. */
  get sent(): number | undefined {
    return undefined;
  }

  /** Whether it has something to give although it was not ended by its event. */
  get hasPart(): boolean {
    return false;
  }

  /** What it fails with when it must not wait, in the place of EAGAIN. */
  get unfinished(): number {
    return -EAGAIN;
  }

  /** The call, again after EINTR. */
  try(): number {
    const { target } = this;
    if (target.failed !== 0 && this.direction === READ && this.patience !== AT_ONCE) {
      const { failed } = target;
      target.failed = 0;
      return failed;
    }
    let n = this.call();
    while (n === -EINTR) n = this.call();
    spend(target, n > 0 ? this.weight(n) : 0);
    return n;
  }

  failure(n: number): Error {
    const { name } = this;
    return this.told(new SocketError(-n, this.syscall, name === undefined ? undefined : decodeAddress(name)));
  }

  /** An error says how much was done before it. */
  told(error: Error): Error {
    return withSent(error, this.sent);
  }

  attempt(): boolean {
    try {
      const n = this.try();
      if (n === -EAGAIN && this.patience !== IN_TURN) return false;
      if (n >= 0) this.resolve(this.finish(n));
      else super.reject(this.failure(n));
    } catch (error) {
      this.reject(error as Error); // a buffer that was detached meanwhile
    }
    return true;
  }

  override reject(error: Error): void {
    if (this.hasPart) this.resolve(this.finish(0));
    else super.reject(this.told(error));
  }
}

/** The operation as a promise, after those of its kind that wait already. */
export function run<T>(operation: Operation<T>, options: WaitOptions): Promise<T> {
  const { target, direction } = operation;
  let signal: AbortSignal | undefined;
  let { timeout } = target;
  if (options !== NONE) {
    const given = waitOptions(options);
    signal = given.signal;
    if (given.timeout !== undefined) timeout = given.timeout;
    else if (timeout === 0) timeout = undefined;
    if (signal?.aborted) return Promise.reject(operation.told(new AbortError(signal, operation.syscall)));
  } else if (timeout === 0) {
    timeout = undefined;
  }
  let how: typeof reactor.FOR_EVENT | typeof reactor.FOR_TURN = reactor.FOR_EVENT;
  if (operation.patience !== WAITS) {
    if (isFirst(operation) || operation.patience === NEVER_WAITS) return once(operation);
  } else if (target.heads[direction] === undefined) {
    if (isSpent(target)) {
      how = reactor.FOR_TURN;
    } else if (!operation.drains || !reactor.isDrained(target)) {
      const n = operation.try();
      if (n >= 0) return Promise.resolve(operation.finish(n));
      if (n !== -EAGAIN) return Promise.reject(operation.failure(n));
    }
  }
  return operation.begin(target, direction, how, signal, timeout);
}

/** Whether an operation that answers at once may do so now. */
function isFirst<T>({ patience, target, direction }: Operation<T>): boolean {
  return patience === AT_ONCE || !target.isBusy(direction);
}

/** What answers at once: when the budget is spent, it is told in the next turn. */
function once<T>(operation: Operation<T>): Promise<T> {
  const { target } = operation;
  const spent = isSpent(target);
  let n = -EAGAIN;
  if (isFirst(operation)) n = operation.try();
  else spend(target, 0);
  const result = n >= 0 ? Promise.resolve(operation.finish(n)) : Promise.reject(operation.failure(n));
  return spent ? reactor.nextTurn(result) : result;
}

/** How often an operation that no event tells of is tried again in this thread, in milliseconds. */
const RETRY = 5;

/**
 * The operation at once, in this thread: waits by poll(2) as long as the timeout says (undefined: for ever, 0: not at
 * all), and goes on with the rest of the time after a signal, as PEP 475 has it.
 */
export function runSync<T>(operation: Operation<T>): T {
  const { target, syscall, patience } = operation;
  if (!isFirst(operation)) {
    throw patience === NEVER_WAITS ? operation.failure(-EAGAIN) : operation.told(new BusyError(syscall));
  }
  operation.sync = true;
  const { timeout } = target;
  const end = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  let byTime = operation.eventless;
  for (;;) {
    const n = operation.try();
    if (n >= 0) return operation.finish(n);
    if (n !== -EAGAIN) throw operation.failure(n);
    if (patience !== WAITS || timeout === 0) {
      if (operation.hasPart) return operation.finish(0);
      throw operation.failure(operation.unfinished);
    }
    // An error alone (a full error queue) is told for ever: should it not be that of the operation, time is waited for.
    const fds: PollFdResult[] = byTime
      ? []
      : [{ fd: operation.fd, events: operation.direction === READ ? POLLIN : POLLOUT }];
    const error = waitSync(fds, syscall, timeout, end);
    if (error !== undefined) {
      if (operation.hasPart) return operation.finish(0);
      throw operation.told(error);
    }
    byTime = operation.eventless || fds[0]?.revents === POLLERR;
  }
}

/** Waits by poll(2) until the descriptor is ready, or for a short time without one. Gives the error when the end has come. */
function waitSync(
  fds: readonly PollFdResult[],
  syscall: string,
  timeout: number | undefined,
  end: number,
): Error | undefined {
  const byTime = fds.length === 0;
  const longest = byTime ? RETRY : 0x7fffffff;
  for (;;) {
    const left = Math.ceil(end - performance.now());
    if (left <= 0) return new TimeoutError(syscall, timeout!);
    // -1 is for ever, which no time that is left may be.
    const n = pollNothrow(fds, left === Number.POSITIVE_INFINITY && !byTime ? -1 : Math.min(left, longest));
    if (n > 0 || (n === 0 && byTime)) return undefined;
    if (n < 0 && n !== -EINTR) return new SocketError(-n, 'poll');
  }
}
