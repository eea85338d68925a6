/** A timer for the time without activity, like that of `setTimeout` of net.Socket. */
import { clearTimeout, setTimeout } from 'node:timers';
import { outOfRange } from '../argument/argument-error.ts';
import { LONGEST, milliseconds } from '../loop/options.ts';

/** Calls a function when nothing has happened for a time. It does not keep the process alive. */
export class IdleTimer {
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(expired: () => void) {
    this.#expired = expired;
  }

  /** Starts the timer with a `duration` in milliseconds; 0 stops it. */
  start(duration: number): void {
    if (milliseconds(duration, 'timeout') === Number.POSITIVE_INFINITY) throw outOfRange('timeout', 'a finite number');
    const limit = Math.min(duration, LONGEST);
    this.stop();
    if (limit > 0) this.#timer = setTimeout(this.#expired, limit).unref();
  }

  /** Restarts the timer after activity. */
  refresh(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
