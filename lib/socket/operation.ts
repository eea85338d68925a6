/**
 * One operation of a Socket, as a promise or at once. The call is tried first; only EAGAIN waits. An operation that must
 * not wait (MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, an empty buffer) answers as the kernel does.
 */

import type { Address } from '../posix/address.ts';
import { EAGAIN, EINTR, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, POLLIN, POLLOUT } from '../posix/constants.ts';
import { SocketError } from '../posix/errno.ts';
import { pollNothrow } from '../posix/poll.ts';
import { TimeoutError } from './errors.ts';
import * as reactor from './reactor.ts';
import { type WaitOptions, waitFor } from './wait.ts';

/** What an operation does: `attempt` gives n or -errno, `finish` makes the result of n. */
export interface Operation<T> {
  readonly syscall: string;
  readonly kind: typeof reactor.READ | typeof reactor.WRITE;
  /** Whether it answers at once, EAGAIN too. */
  readonly now?: boolean;
  /** Whether its EAGAIN is followed by no event (AF_UNIX, when the queue of the peer is full): then it is tried again
   * after a time. */
  readonly eventless?: boolean;
  readonly address?: Address | undefined;
  attempt(): number;
  finish(n: number): T;
}

/** Flags with which a call never waits. */
export function answersAtOnce(flags: number, length = 1): boolean {
  return length === 0 || (flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)) !== 0;
}

function tryOnce<T>({ attempt }: Operation<T>): number {
  let n = attempt();
  while (n === -EINTR) n = attempt();
  return n;
}

function failure<T>(n: number, { syscall, address }: Operation<T>): SocketError {
  return new SocketError(-n, syscall, address);
}

/** How often an operation without an event is tried again, in milliseconds. */
const RETRY = 5;

/** The operation as a promise, after those of its kind that wait already. */
export function run<T>(fd: number, operation: Operation<T>, options: WaitOptions): Promise<T> {
  const { kind, now = false, eventless = false, syscall } = operation;
  if (options.signal?.aborted !== true && (now || !reactor.isWaiting(fd, kind))) {
    const n = tryOnce(operation);
    if (n >= 0) return Promise.resolve(operation.finish(n));
    if (n !== -EAGAIN || now) return Promise.reject(failure(n, operation));
  }
  if (eventless) return retry(operation, options);
  return waitFor<T>(fd, kind, syscall, options, (resolve, reject) => {
    const n = tryOnce(operation);
    if (n === -EAGAIN) return false;
    if (n >= 0) resolve(operation.finish(n));
    else reject(failure(n, operation));
    return true;
  });
}

async function retry<T>(operation: Operation<T>, { signal, timeout }: WaitOptions): Promise<T> {
  const { setTimeout: sleep } = await import('node:timers/promises');
  const end = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  for (;;) {
    if (signal?.aborted) throw new (await import('./errors.ts')).AbortError(signal);
    const n = tryOnce(operation);
    if (n >= 0) return operation.finish(n);
    if (n !== -EAGAIN) throw failure(n, operation);
    if (performance.now() >= end) throw new TimeoutError(operation.syscall, timeout!);
    await sleep(RETRY);
  }
}

/**
 * The operation at once, in this thread: waits by poll(2) as long as the timeout says (undefined: for ever, 0: not at
 * all), and goes on with the rest of the time after a signal, as PEP 475 has it.
 */
export function runSync<T>(fd: number, operation: Operation<T>, timeout: number | undefined): T {
  const end = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  for (;;) {
    const n = tryOnce(operation);
    if (n >= 0) return operation.finish(n);
    if (n !== -EAGAIN || operation.now === true || timeout === 0) throw failure(n, operation);
    waitSync(fd, operation, timeout, end);
  }
}

/** Waits by poll(2) until the descriptor is ready or the end has come. */
export function waitSync<T>(fd: number, operation: Operation<T>, timeout: number | undefined, end: number): void {
  const { kind, eventless = false, syscall } = operation;
  const fds = eventless ? [] : [{ fd, events: kind === reactor.READ ? POLLIN : POLLOUT }];
  for (;;) {
    const left = end === Number.POSITIVE_INFINITY ? -1 : Math.ceil(end - performance.now());
    if (left <= 0 && left !== -1) throw new TimeoutError(syscall, timeout!);
    const most = eventless ? (left === -1 ? RETRY : Math.min(left, RETRY)) : Math.min(left, 0x7fffffff);
    const n = pollNothrow(fds, most);
    if (n > 0 || (n === 0 && eventless)) return;
    if (n < 0 && n !== -EINTR) throw new SocketError(-n, 'poll');
  }
}
