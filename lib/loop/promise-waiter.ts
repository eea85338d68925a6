/** Waiting with a promise, on which every other asynchronous operation is based. */
import { check } from '../struct/errno.ts';
import { type Abortable, listen, unlisten } from './abort.ts';
import { EPOLL_CTL } from './epoll-set.ts';
import { AbortError, ClosedError, TimeoutError } from './errors.ts';
import { LONGEST } from './options.ts';
import * as reactor from './reactor.ts';
import { type Kind, type Readiness, Waiter } from './readiness.ts';
import { tryOnce } from './retry.ts';
import { clearTimeout, setTimeout } from './timers.ts';

type Resolve = (value: unknown) => void;
type Executor<T> = (resolve: (value: T | PromiseLike<T>) => void) => void;

let grabbedResolve: Resolve;

/** The function that replaces `resolve` once a promise is settled. */
function nothing(): void {}

/** The executor of all promises. It passes the `resolve` function to the code that has just created the promise. */
function grab(resolve: Resolve): void {
  grabbedResolve = resolve;
}

/**
 * Returns a promise that rejects with an error whose stack includes the function that awaits the operation. V8 can only
 * determine that function while a promise between them is being resolved, which is two turns of the microtask queue
 * later. Only failures have this cost.
 */
export async function rejection(error: Error): Promise<never> {
  await undefined;
  await undefined;
  Error.captureStackTrace?.(error, rejection);
  throw error;
}

/** A waiter with a promise, which settles after an event, when the signal is aborted or when the timeout expires. */
export abstract class PromiseWaiter<T> extends Waiter implements Abortable {
  #resolve: Resolve = nothing;
  #timer: NodeJS.Timeout | undefined = undefined;
  #signal: AbortSignal | undefined = undefined;

  /** Starts to wait. The options must have been checked. */
  begin(
    readiness: Readiness,
    kind: Kind,
    how: typeof reactor.FOR_EVENT | typeof reactor.FOR_TURN,
    signal: AbortSignal | undefined,
    timeout: number | undefined,
  ): Promise<T> {
    const promise = new Promise<T>(grab as Executor<T>);
    this.#resolve = grabbedResolve;
    // Everything that may throw comes first, so that no waiter is left behind without a promise.
    if (signal !== undefined) {
      listen(signal, this);
      if (this.#resolve === nothing) return promise; // the signal was aborted in the meantime
      this.#signal = signal;
    }
    try {
      if (readiness.closed) throw new ClosedError(this.syscall); // by a method of the signal
      check(reactor.wait(readiness, kind, this, how), EPOLL_CTL);
    } catch (error) {
      this.#stopListening();
      this.#resolve = nothing; // the promise was not returned to the caller
      throw error;
    }
    // The timer is unref'ed, because the reactor decides whether a waiter keeps the process alive.
    if (timeout !== undefined && timeout <= LONGEST) {
      this.#timer = setTimeout(expire, timeout, this, timeout).unref();
    }
    return promise;
  }

  retire(): void {}

  /** Whether neither a timer nor a signal may still refer to this wait. */
  protected get isForgotten(): boolean {
    return this.#timer === undefined && this.#signal === undefined;
  }

  /** Whether the promise was created and has not settled. */
  protected get isPending(): boolean {
    return this.#resolve !== nothing;
  }

  abort(signal: AbortSignal): void {
    this.#signal = undefined;
    reactor.cancel(this);
    this.reject(new AbortError(signal, this.syscall));
  }

  /**
   * Handles the end of the timeout. A busy thread may run the timer before the event, so the wait is tried once more.
   */
  expire(timeout: number): void {
    tryOnce(this);
    if (this.#resolve === nothing) return;
    reactor.cancel(this);
    this.reject(new TimeoutError(this.syscall, timeout));
  }

  /** Ends the timer and the listener for the signal. */
  #stopListening(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#signal !== undefined) unlisten(this.#signal, this);
  }

  protected resolve(value: T): void {
    const resolve = this.#resolve;
    this.#resolve = nothing; // before code of the program may run, in a method of the signal
    this.#stopListening();
    resolve(value);
  }

  reject(error: Error): void {
    if (this.#resolve === nothing) return;
    const resolve = this.#resolve;
    this.#resolve = nothing;
    this.#stopListening();
    resolve(rejection(error));
  }
}

function expire(waiter: PromiseWaiter<unknown>, timeout: number): void {
  waiter.expire(timeout);
}
