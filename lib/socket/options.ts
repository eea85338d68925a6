/** The options of everything that waits. They are checked before anything is tried, whether it waits or not. */
import { invalidType, outOfRange } from '../posix/errno.ts';
import { namesOf, onlyKnown } from '../posix/known-names.ts';
import { object, own } from '../posix/snapshot.ts';
import type { WatchOptions } from './watch.ts';

/**
 * How a wait can be given up.
 *
 * @see https://nodejs.org/api/globals.html#class-abortsignal
 */
export interface WaitOptions {
  /** Rejects with an AbortError. */
  signal?: AbortSignal | undefined;
  /** Milliseconds until it rejects with a TimeoutError; left out, or more than 2147483647: never. */
  timeout?: number | undefined;
}

/** No options: the default of every method, which is not checked. */
export const NONE: WaitOptions = Object.freeze({});

/** The longest time of a timer of Node, 24 days; Node takes a longer one for 1 ms. */
export const LONGEST = 0x7fffffff;

const WAIT = namesOf<WaitOptions>({ signal: true, timeout: true });
const WATCH = namesOf<WatchOptions>({ signal: true, onError: true });

/** Refuses what is no number of milliseconds. */
export function milliseconds(value: number, name: string): number {
  if (typeof value !== 'number') throw invalidType(name, 'a number');
  if (!(value >= 0)) throw outOfRange(name, 'a number from 0 on');
  return value;
}

/** Refuses what is no signal. */
export function optionalSignal(signal: AbortSignal | undefined, name = 'signal'): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  const isSignal = typeof signal?.addEventListener === 'function' && typeof signal.removeEventListener === 'function';
  if (!isSignal) throw invalidType(name, 'an AbortSignal');
  return signal;
}

function signalOf(options: { readonly signal?: AbortSignal | undefined }): AbortSignal | undefined {
  return optionalSignal(own(options, 'signal'));
}

/** Refuses options that no wait has. Gives them back, each read once. */
export function waitOptions(options: WaitOptions): WaitOptions {
  if (options === NONE) return NONE;
  onlyKnown(object(options, 'options'), WAIT, 'options');
  const timeout = own(options, 'timeout');
  return {
    signal: signalOf(options),
    timeout: timeout === undefined ? undefined : milliseconds(timeout, 'timeout'),
  };
}

/** As `waitOptions`, of a callback. */
export function watchOptions(options: WatchOptions): WatchOptions {
  onlyKnown(object(options, 'options'), WATCH, 'options');
  const onError = own(options, 'onError');
  if (onError !== undefined && typeof onError !== 'function') throw invalidType('onError', 'a function');
  return { signal: signalOf(options), onError };
}
