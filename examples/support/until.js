// @ts-check
// Waits for events, for a given time or until Ctrl-C.
import { AbortError, TimeoutError } from 'sys-socket';

/** Returns a signal that SIGINT or SIGTERM aborts: the program then ends as usual, with the results it has. */
export function interruption() {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => controller.abort());
  return controller.signal;
}

/**
 * Yields the results of `next` until the time is over (undefined: no limit) or the signal is aborted.
 * @template T
 * @param {number | undefined} milliseconds
 * @param {AbortSignal} signal
 * @param {(options: import('sys-socket').WaitOptions) => Promise<T>} next an operation of a Socket
 */
export async function* until(milliseconds, signal, next) {
  const end = milliseconds === undefined ? undefined : performance.now() + milliseconds;
  for (;;) {
    const timeout = end === undefined ? undefined : Math.max(0, end - performance.now());
    if (timeout === 0) return;
    try {
      yield await next({ timeout, signal });
    } catch (error) {
      if (error instanceof TimeoutError || error instanceof AbortError) return;
      throw error;
    }
  }
}

/**
 * Calls `ask` and yields the results of `next` until it is time to ask again: first after `pause` milliseconds, then
 * after twice as many each time, until `milliseconds` are over or the signal is aborted.
 * @template T
 * @param {{ milliseconds: number, pause: number, signal: AbortSignal }} times
 * @param {() => Promise<void>} ask
 * @param {(options: import('sys-socket').WaitOptions) => Promise<T>} next an operation of a Socket
 */
export async function* asking({ milliseconds, pause, signal }, ask, next) {
  const end = performance.now() + milliseconds;
  for (let wait = pause; !signal.aborted && performance.now() < end; wait *= 2) {
    await ask();
    yield* until(Math.min(wait, end - performance.now()), signal, next);
  }
}

/**
 * Yields the answers of an exchange until it is over or its signal is aborted.
 * @template {{ answered: boolean }} One
 * @param {AsyncIterable<One>} outcomes
 * @returns {AsyncGenerator<Extract<One, { answered: true }>, void, void>}
 */
export async function* answersOf(outcomes) {
  try {
    for await (const outcome of outcomes) {
      if (outcome.answered) yield/** @type {Extract<One, { answered: true }>} */ (outcome);
    }
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
  }
}
