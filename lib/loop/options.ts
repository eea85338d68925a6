/**
 * The options of everything that waits. They are checked before the first attempt, even if that does not have to wait.
 */
import { invalidType, outOfRange } from '../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../argument/known-names.ts';
import { assertObject, ownProperty } from '../argument/snapshot.ts';
import type { WatchOptions } from './watch.ts';

/**
 * The options that end a wait.
 *
 * @see https://nodejs.org/api/globals.html#class-abortsignal
 */
export interface WaitOptions {
  /** Rejects the promise with an AbortError when it is aborted. */
  signal?: AbortSignal | undefined;
  /**
   * The time in milliseconds after which the promise rejects with a TimeoutError. There is no limit if it is more than
   * 2147483647. If it is omitted, the timeout of the Socket applies, and none without a Socket.
   */
  timeout?: number | undefined;
}

/** The default options of every method. They are not checked. */
export const NONE: WaitOptions = Object.freeze({});

/** The longest duration of a timer in Node, 24 days. Node changes a longer one to 1 ms. */
export const LONGEST = 0x7fffffff;

const WAIT = namesOf<WaitOptions>({ signal: true, timeout: true });
const WATCH = namesOf<WatchOptions>({ signal: true, onError: true });

/** Throws unless the value is a number that is not negative. */
export function milliseconds(value: number, name: string): number {
  if (typeof value !== 'number') throw invalidType(name, 'a number');
  if (!(value >= 0)) throw outOfRange(name, 'a number that is not negative');
  return value;
}

/** Throws unless the value is an AbortSignal or undefined. */
export function optionalSignal(signal: AbortSignal | undefined, name = 'signal'): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  const isSignal = typeof signal?.addEventListener === 'function' && typeof signal.removeEventListener === 'function';
  if (!isSignal) throw invalidType(name, 'an AbortSignal');
  return signal;
}

function signalOf(options: { readonly signal?: AbortSignal | undefined }): AbortSignal | undefined {
  return optionalSignal(ownProperty(options, 'signal'));
}

/** Checks the options of a wait and throws for unknown ones. Returns a copy, for which each option was read once. */
export function waitOptions(options: WaitOptions): WaitOptions {
  if (options === NONE) return NONE;
  onlyKnown(assertObject(options, 'options'), WAIT, 'options');
  const timeout = ownProperty(options, 'timeout');
  return {
    signal: signalOf(options),
    timeout: timeout === undefined ? undefined : milliseconds(timeout, 'timeout'),
  };
}

/** Checks the options of a watch, like `waitOptions`. */
export function watchOptions(options: WatchOptions): WatchOptions {
  onlyKnown(assertObject(options, 'options'), WATCH, 'options');
  const onError = ownProperty(options, 'onError');
  if (onError !== undefined && typeof onError !== 'function') throw invalidType('onError', 'a function');
  return { signal: signalOf(options), onError };
}
