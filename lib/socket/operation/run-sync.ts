/**
 * Runs operations that block the thread. They wait in poll(2) after EAGAIN, and throw a BusyError if they would overtake an
 * operation with a promise that waits.
 */
import { performance } from 'node:perf_hooks';
import { type PollFdResult, poll } from '../../call/poll.ts';
import { BusyError, ClosedError, TimeoutError } from '../../loop/errors.ts';
import { READ } from '../../loop/readiness.ts';
import { RETRY } from '../../loop/retry.ts';
import { EAGAIN, EINTR, POLLERR, POLLIN, POLLOUT } from '../../native/constants.ts';
import { SocketError } from '../../struct/errno.ts';
import { isFirst, NEVER_WAITS, type Operation, WAITS } from './operation.ts';

/**
 * Runs an operation and blocks the thread, in poll(2), for at most the timeout of the Socket (undefined: no limit, 0:
 * not at all). After an interruption by a signal, it waits for the rest of the time, as PEP 475 specifies.
 */
export function runSync<T>(operation: Operation<T>): T {
  const { state, syscall, patience } = operation;
  if (state.closed) throw operation.addSent(new ClosedError(syscall)); // by a getter of the message
  if (!isFirst(operation)) {
    throw patience === NEVER_WAITS ? operation.failure(-EAGAIN) : operation.addSent(new BusyError(syscall));
  }
  operation.sync = true;
  const { timeout } = state;
  const end = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  let byTime = operation.retriedByTime;
  for (;;) {
    const n = operation.try();
    if (n >= 0) return operation.finish(n);
    if (n !== -EAGAIN) throw operation.failure(n);
    if (patience !== WAITS || timeout === 0) {
      if (operation.hasPart) return operation.finish(0);
      throw operation.failure(operation.errnoUnlessWaiting);
    }
    // POLLERR alone may come from the error queue, and poll(2) would report it again without waiting. If the operation
    // then still returns EAGAIN, the next wait is for a time only.
    const fds: PollFdResult[] = byTime
      ? []
      : [{ fd: operation.fd, events: operation.direction === READ ? POLLIN : POLLOUT }];
    const error = waitSync(fds, syscall, timeout, end);
    if (error !== undefined) {
      if (operation.hasPart) return operation.finish(0);
      throw operation.addSent(error);
    }
    byTime = operation.retriedByTime || fds[0]?.revents === POLLERR;
  }
}

/**
 * Waits in poll(2) until the file descriptor is ready, or for a short time if there is none. Returns the error if the
 * timeout has expired or poll(2) failed.
 */
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
    // Only an unlimited wait passes -1 to poll(2), never a remaining time.
    const n = poll(fds, left === Number.POSITIVE_INFINITY && !byTime ? -1 : Math.min(left, longest));
    if (n > 0 || (n === 0 && byTime)) return undefined;
    if (n < 0 && n !== -EINTR) return new SocketError(-n, 'poll');
  }
}
