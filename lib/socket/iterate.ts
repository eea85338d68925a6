/**
 * Async iteration over what a Socket accepts or receives. The iterators are written by hand, because an async generator
 * queues `return()` behind a `next()` that waits, perhaps for ever.
 */
import process from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { invalidType, isErrno, SocketError } from '../posix/errno.ts';
import { namesOf, onlyKnown } from '../posix/known-names.ts';
import { object } from '../posix/snapshot.ts';
import { type Abortable, listen, unlisten } from './abort.ts';
import { onRelease } from './descriptor.ts';
import { AbortError, ClosedError, TimeoutError } from './errors.ts';
import { optionalSignal, type WaitOptions, waitOptions } from './options.ts';
import type { AcceptedSocket, Socket } from './socket.ts';
import { clearTimeout, setTimeout } from './timers.ts';
import { rejection } from './wait.ts';

/** The signal of the operation that an iterator waits for: it fires when the iterator ends, and when the user's does. */
class Stop implements Abortable {
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

  /** Takes one listener at a time. It does so without an EventTarget, which costs more than many a receive. */
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener;
    if (this.#given !== undefined) listen(this.#given, this);
  }

  removeEventListener(): void {
    this.#listener = undefined;
    if (this.#given !== undefined) unlisten(this.#given, this);
  }

  /** The user's signal fired. */
  abort(): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.();
  }

  end(): void {
    this.#ended = true;
    this.abort();
  }
}

/** Takes the next value of an iterator, and gives up when the signal of the options fires. */
type Take<T> = (options: WaitOptions) => Promise<T>;

interface Caller<T> {
  resolve(result: IteratorResult<T, void> | Promise<never>): void;
}

const DONE: IteratorReturnResult<void> = { done: true, value: undefined };

/** Whether an error was made here, and not by a callback of the program: its stack is that of whoever awaits the value. */
function isOwn(error: unknown): error is Error {
  return error instanceof SocketError || error instanceof TimeoutError || error instanceof AbortError;
}

/** The iterator: one operation at a time, for the calls of `next()` in their order. */
class Each<T> implements AsyncGenerator<T, void, void> {
  readonly #socket: Socket;
  readonly #take: Take<T>;
  readonly #discard: ((value: T) => void) | undefined;
  readonly #options: WaitOptions;
  readonly #stop: Stop;
  readonly #callers: Caller<T>[] = [];
  #running = false;
  #ended = false;

  constructor(socket: Socket, take: Take<T>, { signal, timeout }: WaitOptions, discard?: (value: T) => void) {
    this.#socket = socket;
    this.#take = take;
    this.#discard = discard;
    this.#stop = new Stop(optionalSignal(signal));
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
    return this.next(); // it is told the end after those who wait
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

  /** Begins the operation for the first caller, or tells all callers that there is nothing any more. */
  #serve(): void {
    this.#running = false;
    if (this.#ended || this.#socket.closed) {
      this.#ended = true;
      for (const { resolve } of this.#callers.splice(0)) resolve(DONE);
    } else if (this.#callers.length > 0) {
      this.#running = true;
      this.#take(this.#options).then(
        (value) => this.#give(value),
        (error) => this.#fail(error),
      );
    }
  }

  #give(value: T): void {
    // Whoever ended the iterator looks at no value any more.
    if (this.#ended && this.#discard !== undefined) this.#discard(value);
    else this.#callers.shift()!.resolve({ done: false, value });
    this.#serve();
  }

  #fail(error: unknown): void {
    // An iterator that was ended aborted its own operation. An error that the call gave before that is told.
    const ended = error instanceof ClosedError || (this.#ended && error instanceof AbortError);
    if (!ended) this.#callers.shift()!.resolve(isOwn(error) ? rejection(error) : Promise.reject(error));
    this.#ended = true;
    this.#serve();
  }
}

/** Values that `take` gives, one after the other, until the Socket is closed. */
export function each<T>(socket: Socket, take: Take<T>, options: WaitOptions): AsyncGenerator<T, void, void> {
  return new Each(socket, take, waitOptions(options));
}

/**
 * How `connections` waits, and whom it tells of errors.
 *
 * @see https://man7.org/linux/man-pages/man2/accept.2.html
 */
export interface ConnectionsOptions extends WaitOptions {
  /** Is called with each error after which the iteration goes on. What it throws ends the iteration with that error. */
  onError?: ((error: SocketError) => void) | undefined;
}

/** The errors of accept(2) that belong to a connection which broke before it was accepted. */
const BROKEN = [
  'ECONNABORTED',
  'EPROTO',
  'ENETDOWN',
  'ENETUNREACH',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENONET',
  'ENOPROTOOPT',
] as const;

/** The errors that go away when somebody closes descriptors or frees memory. */
const EXHAUSTED = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'] as const;

/** The longest pause after an error of exhaustion, in milliseconds. */
const PAUSE = 1000;

let warned = false;

/** Tells the program once that connections wait, when it has no `onError`. */
function warn(error: SocketError): void {
  if (warned || !isErrno(error, ...EXHAUSTED)) return;
  warned = true;
  process.emitWarning(
    `A server accepts no connection for up to ${PAUSE} ms at a time, because accept failed with ${error.code}. ` +
      'The option onError of connections() is called each time.',
    { type: 'Warning', code: 'SYS_SOCKET_EXHAUSTED' },
  );
}

/** Waits for a second, or until a Socket is closed, which frees a descriptor (and may be this one). */
function pause(socket: Socket, longest: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      forget();
      unlisten(signal, member);
    };
    const end = () => {
      leave();
      resolve();
    };
    const abort = () => {
      leave();
      reject(new AbortError(signal, 'accept'));
    };
    const member = { abort };
    const timer = setTimeout(end, longest);
    const forget = onRelease(end);
    listen(signal, member);
    if (!socket.hasRef()) timer.unref();
    if (signal.aborted) abort();
  });
}

/** Waits until a connection waits. Where that needs a descriptor too, it waits for nothing. */
async function waitForConnection(socket: Socket, options: WaitOptions): Promise<void> {
  try {
    await socket.readable(options);
  } catch (error) {
    // The time of the whole is over as well, which is said there.
    if (!isErrno(error, ...EXHAUSTED) && !(error instanceof TimeoutError)) throw error;
  }
}

async function acceptNext<Family extends number, Type extends number>(
  socket: Socket<Family, Type>,
  options: WaitOptions,
  tell: (error: SocketError) => void,
): Promise<AcceptedSocket<Family, Type>> {
  const { signal, timeout = socket.getTimeout() || Number.POSITIVE_INFINITY } = options;
  const end = performance.now() + timeout;
  let left = options;
  let exhausted = false;
  for (;;) {
    try {
      return await socket.accept(left);
    } catch (error) {
      if (isErrno(error, ...BROKEN)) {
        tell(error);
        await setImmediate(); // a flood of them leaves the rest of the program its turn
      } else if (!isErrno(error, ...EXHAUSTED)) {
        throw error;
      } else if (performance.now() >= end) {
        throw new TimeoutError('accept', timeout); // it was tried once more at the end of its time
      } else if (exhausted) {
        tell(error);
        await pause(socket, Math.max(0, Math.min(PAUSE, end - performance.now())), signal!);
        exhausted = false;
      } else {
        // accept4(2) takes a descriptor before it looks for a connection: perhaps none waits, and there is no harm.
        await waitForConnection(socket, { signal, timeout: Math.max(0, end - performance.now()) });
        exhausted = true;
      }
    }
    left = { signal, timeout: end - performance.now() };
    if (left.timeout! <= 0) throw new TimeoutError('accept', timeout);
  }
}

const names = namesOf<ConnectionsOptions>({ signal: true, timeout: true, onError: true });

/** Connections, one after the other: see `connections` of Socket. */
export function eachConnection<Family extends number, Type extends number>(
  socket: Socket<Family, Type>,
  options: ConnectionsOptions,
): AsyncGenerator<AcceptedSocket<Family, Type>, void, void> {
  const { onError = warn } = onlyKnown(object(options, 'options'), names, 'options');
  if (typeof onError !== 'function') throw invalidType('onError', 'a function');
  const take = (waiting: WaitOptions) => acceptNext(socket, waiting, onError);
  return new Each(socket, take, options, (accepted) => accepted.socket.close());
}
