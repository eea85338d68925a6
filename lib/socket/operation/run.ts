/**
 * Runs operations that return a promise. An operation first makes the system call, and waits only after EAGAIN. One that must
 * not wait (MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, an empty buffer) returns what the kernel returns.
 *
 * Operations in the same direction run in the order in which they were started. An operation that completes immediately
 * does not overtake those that wait: MSG_DONTWAIT results in EAGAIN, and an empty buffer waits for its turn.
 */
import { isSpent, spend } from '../../loop/budget.ts';
import { AbortError, ClosedError } from '../../loop/errors.ts';
import { type WaitOptions, waitOptions } from '../../loop/options.ts';
import * as reactor from '../../loop/reactor.ts';
import { READ } from '../../loop/readiness.ts';
import { nextTurn } from '../../loop/retry.ts';
import { EAGAIN } from '../../native/constants.ts';
import { IN_TURN, isFirst, type Operation, WAITS } from './operation.ts';

/** Runs an operation, after those in the same direction that already wait, and returns a promise of its result. */
export function run<T>(operation: Operation<T>, options: WaitOptions): Promise<T> {
  const { state, direction } = operation;
  const { signal, timeout = state.timeout || undefined } = waitOptions(options);
  // A getter of the options or of the message can have closed the Socket. Its number may belong to another one now.
  if (state.closed) return Promise.reject(operation.addSent(new ClosedError(operation.syscall)));
  if (signal?.aborted) return Promise.reject(operation.addSent(new AbortError(signal, operation.syscall)));
  if (mustNotWait(operation)) return runOnce(operation);
  let how: typeof reactor.FOR_EVENT | typeof reactor.FOR_TURN = reactor.FOR_EVENT;
  if (!state.isBusy(direction) && !(direction === READ && state.isConnecting)) {
    if (isSpent(state)) {
      how = reactor.FOR_TURN;
    } else if (!operation.emptiesQueue || !reactor.isDrained(state)) {
      const n = operation.try();
      if (n >= 0) return Promise.resolve(operation.finish(n));
      if (n !== -EAGAIN) return Promise.reject(operation.failure(n));
    }
  }
  try {
    operation.keep();
    return operation.begin(state, direction, how, signal, timeout);
  } catch (error) {
    // It cannot wait. What it has done until now is reported all the same.
    return operation.hasPart ? Promise.resolve(operation.finish(0)) : Promise.reject(operation.addSent(error as Error));
  }
}

/** Returns whether an operation may neither wait for an event nor for its turn. */
function mustNotWait<T>({ patience, state, direction }: Operation<T>): boolean {
  return patience !== WAITS && (patience !== IN_TURN || !state.isBusy(direction));
}

/**
 * Runs an operation that does not wait. If the budget is spent, the promise settles in the next turn of the event loop.
 */
function runOnce<T>(operation: Operation<T>): Promise<T> {
  const { state } = operation;
  const spent = isSpent(state);
  let n = -EAGAIN;
  if (isFirst(operation)) n = operation.try();
  else spend(state, 0);
  const result = n >= 0 ? Promise.resolve(operation.finish(n)) : Promise.reject(operation.failure(n));
  return spent ? nextTurn(result) : result;
}
