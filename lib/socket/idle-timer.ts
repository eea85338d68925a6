/** The time without activity, as `setTimeout` of net.Socket measures it. */
import { clearTimeout, setTimeout } from 'node:timers';
import { outOfRange } from '../posix/errno.ts';
import { LONGEST, milliseconds } from './options.ts';

/** Calls back when nothing has happened for a time. It does not keep the process alive. */
export class IdleTimer {
  readonly #expired: () => void;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(expired: () => void) {
    this.#expired = expired;
  }

  /** Starts to measure anew: `duration` in milliseconds, 0 stops. */
  start(duration: number): void {
    if (milliseconds(duration, 'timeout') === Number.POSITIVE_INFINITY) throw outOfRange('timeout', 'a finite number');
    const limit = Math.min(duration, LONGEST);
    this.stop();
    if (limit > 0) this.#timer = setTimeout(this.#expired, limit).unref();
  }

  /** Something happened. */
  refresh(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
