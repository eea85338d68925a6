/** Waiting until a condition is met, which is checked when a file descriptor is ready. */
import { AbortError } from './errors.ts';
import { type WaitOptions, waitOptions } from './options.ts';
import { PromiseWaiter } from './promise-waiter.ts';
import { FOR_EVENT } from './reactor.ts';
import type { Kind } from './readiness.ts';
import { find } from './registration.ts';

/** A condition to wait for, which a function checks. */
export interface Condition<T> {
  readonly fd: number;
  readonly kind: Kind;
  /** Whether epoll reports no event for it, so that it is checked again after a time. */
  readonly retriedByTime?: boolean;
  readonly syscall: string;
  /** Whether the file descriptor belongs to a Socket. */
  readonly owned: boolean;
  /** Calls one of the two functions if the condition is met or has failed. Returns false to continue waiting. */
  attempt(resolve: (value: T) => void, reject: (error: Error) => void): boolean;
}

class ConditionWaiter<T> extends PromiseWaiter<T> {
  get transfers(): boolean {
    return false;
  }
  readonly #condition: Condition<T>;

  constructor(condition: Condition<T>) {
    super();
    this.#condition = condition;
    this.retriedByTime = condition.retriedByTime === true;
  }

  get syscall(): string {
    return this.#condition.syscall;
  }

  attempt(): boolean {
    return this.#condition.attempt(
      (value) => this.resolve(value),
      (error) => this.reject(error),
    );
  }
}

/** Waits in the reactor until `attempt` returns true, the signal is aborted or the timeout expires. */
export async function waitFor<T>(condition: Condition<T>, options: WaitOptions): Promise<T> {
  const { signal, timeout } = waitOptions(options);
  if (signal?.aborted) throw new AbortError(signal, condition.syscall);
  const waiter = new ConditionWaiter(condition);
  return await waiter.begin(find(condition.fd), condition.kind, FOR_EVENT, signal, timeout);
}
