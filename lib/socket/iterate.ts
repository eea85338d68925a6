/**
 * Async iteration over what a Socket receives or accepts. The iterators are not async generators, because those
 * queue `return()` behind a pending `next()`, which may never settle.
 */
import { type Abortable, listen, unlisten } from '../loop/abort.ts';
import { AbortError, ClosedError, TimeoutError } from '../loop/errors.ts';
import { optionalSignal, type WaitOptions, waitOptions } from '../loop/options.ts';
import { rejection } from '../loop/promise-waiter.ts';
import { SocketError } from '../struct/errno.ts';

/**
 * The signal for the operations of an iterator. It is aborted when the iterator ends or the signal of the caller is
 * aborted.
 */
class StopSignal implements Abortable {
  readonly #given: AbortSignal | undefined;
  #ended = false;
  #listener: (() => void) | undefined;

  constructor(given: AbortSignal | undefined) {
    this.#given = given;
  }

  get aborted(): boolean {
    return this.#ended || this.#given?.aborted === true;
  }

  get reason(): unknown {
    return this.#given?.reason;
  }

  /** Adds the listener. There is at most one, so no EventTarget is needed, which may cost more than a receive. */
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener;
    if (this.#given !== undefined) listen(this.#given, this);
  }

  removeEventListener(): void {
    this.#listener = undefined;
    if (this.#given !== undefined) unlisten(this.#given, this);
  }

  /** Calls the listener, because the signal of the caller was aborted. */
  abort(): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.();
  }

  end(): void {
    this.#ended = true;
    const listener = this.#listener;
    this.removeEventListener();
    listener?.();
  }
}

/**
 * A function that resolves with the next value of an iterator, and rejects when the signal in the options is aborted.
 */
type Next<T> = (options: WaitOptions) => Promise<T>;

/** A call of `next()` that has not settled. */
interface Caller<T> {
  resolve(result: IteratorResult<T, void> | Promise<never>): void;
}

const DONE: IteratorReturnResult<void> = { done: true, value: undefined };

/**
 * Returns whether an error comes from the library and not from a callback. Its stack then becomes that of the awaiting
 * function.
 */
function isLibraryError(error: unknown): error is Error {
  return error instanceof SocketError || error instanceof TimeoutError || error instanceof AbortError;
}

/** What an iterator asks of the Socket that it iterates over. */
export interface Iterated {
  readonly closed: boolean;
}

/**
 * The iterator. It runs one operation at a time and settles the calls of `next()` in order. A value that arrives after it was
 * ended is given to `discard`.
 */
export class SocketIterator<T> implements AsyncGenerator<T, void, void> {
  readonly #socket: Iterated;
  readonly #receiveNext: Next<T>;
  readonly #discard: ((value: T) => void) | undefined;
  readonly #options: WaitOptions;
  readonly #stop: StopSignal;
  readonly #callers: Caller<T>[] = [];
  #running = false;
  #ended = false;

  constructor(socket: Iterated, receiveNext: Next<T>, { signal, timeout }: WaitOptions, discard?: (value: T) => void) {
    this.#socket = socket;
    this.#receiveNext = receiveNext;
    this.#discard = discard;
    this.#stop = new StopSignal(optionalSignal(signal));
    this.#options = { signal: this.#stop as unknown as AbortSignal, timeout };
  }

  next(): Promise<IteratorResult<T, void>> {
    return new Promise((resolve) => {
      this.#callers.push({ resolve });
      if (!this.#running) this.#serve();
    });
  }

  return(): Promise<IteratorResult<T, void>> {
    this.#ended = true;
    this.#stop.end();
    return this.next(); // it settles after the calls of next() that are pending
  }

  async throw(error: unknown): Promise<never> {
    await this.return();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Starts the operation for the first caller, or settles all callers if the iteration has ended. */
  #serve(): void {
    this.#running = false;
    if (this.#ended || this.#socket.closed) {
      this.#ended = true;
      for (const { resolve } of this.#callers.splice(0)) resolve(DONE);
    } else if (this.#callers.length > 0) {
      this.#running = true;
      this.#receiveNext(this.#options).then(
        (value) => this.#deliver(value),
        (error) => this.#fail(error),
      );
    }
  }

  /** Resolves the first call of `next()` with a value. */
  #deliver(value: T): void {
    // The program ended the iterator and does not expect another value.
    if (this.#ended && this.#discard !== undefined) this.#discard(value);
    else this.#callers.shift()!.resolve({ done: false, value });
    this.#serve();
  }

  /** Ends the iteration with an error, which rejects the first call of `next()`. */
  #fail(error: unknown): void {
    // If the iterator was ended, an AbortError comes from its own signal. Any other error is still reported.
    const ended = error instanceof ClosedError || (this.#ended && error instanceof AbortError);
    if (!ended) this.#callers.shift()!.resolve(isLibraryError(error) ? rejection(error) : Promise.reject(error));
    this.#ended = true;
    this.#serve();
  }
}

/** Iterates over the values that `receiveNext` resolves with until the Socket is closed. */
export function iterate<T>(
  socket: Iterated,
  receiveNext: Next<T>,
  options: WaitOptions,
): AsyncGenerator<T, void, void> {
  return new SocketIterator(socket, receiveNext, waitOptions(options));
}
