/** Callbacks instead of promises: onReadable and onWritable. */
import { AsyncResource } from 'node:async_hooks';
import process from 'node:process';
import { type Abortable, listen, unlisten } from './abort.ts';
import { ASK, SERVES } from './epoll-set.ts';
import { throwUncaught } from './errors.ts';
import * as reactor from './reactor.ts';
import { type Kind, READ, type Readiness, type Watcher } from './readiness.ts';

/**
 * The options of `onReadable` and `onWritable`: what ends the calls other than `stop`.
 *
 * @see https://nodejs.org/api/globals.html#class-abortsignal
 */
export interface WatchOptions {
  /** Stops the calls when it is aborted. */
  signal?: AbortSignal | undefined;
  /**
   * A function that is called once if the calls end because epoll no longer accepts the file descriptor. Its argument
   * is a SocketError (ENOMEM, ENOSPC), or a ClosedError if a plain file descriptor was closed and its number reused
   * before `stop`. Without this option, the error reaches uncaughtException.
   */
  onError?: ((error: Error) => void) | undefined;
}

/**
 * The registration of a function that is called in each turn of the event loop in which there is an event, until it is
 * stopped: see `onReadable`.
 *
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
 * const watch = onWritable(a, () => {});
 * watch.stop();
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export class Watch {
  readonly #registration: Registration;

  constructor(registration: Registration) {
    this.#registration = registration;
  }

  /** Ends the calls. Stopping again does nothing. Closing a Socket stops all its registrations. */
  stop(): void {
    this.#registration.stop();
  }

  /** Calls `stop`. */
  [Symbol.dispose](): void {
    this.stop();
  }
}

class Registration extends AsyncResource implements Watcher, Abortable {
  readonly asks: number;
  readonly serves: number;
  readonly #readiness: Readiness;
  readonly #call: () => void;
  readonly #onError: ((error: Error) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly syscall: string;
  next: Watcher | undefined = undefined;
  previous: Watcher | undefined = undefined;
  since = 0;
  stopped: boolean;
  /**
   * The Socket. The reference prevents it from being garbage-collected, and thus closed, while the registration exists.
   */
  readonly owner: object | undefined;

  constructor(readiness: Readiness, kind: Kind, call: () => void, options: WatchOptions, owner: object | undefined) {
    super('SysSocketWatch');
    this.asks = ASK[kind];
    this.serves = SERVES[kind];
    this.syscall = kind === READ ? 'onReadable' : 'onWritable';
    this.#readiness = readiness;
    this.#call = call;
    this.#onError = options.onError;
    this.#signal = options.signal;
    this.owner = owner;
    this.stopped = Boolean(this.#signal?.aborted);
    if (this.#signal !== undefined && !this.stopped) listen(this.#signal, this);
  }

  call(): void {
    try {
      this.runInAsyncScope(this.#call);
    } catch (error) {
      throwUncaught(error);
    }
  }

  end(error: Error | undefined): void {
    if (this.#signal !== undefined) unlisten(this.#signal, this);
    // In a separate tick: the reactor is in the middle of its work, and the program may do anything with its sockets.
    if (error !== undefined) process.nextTick(() => this.#report(error));
  }

  #report(error: Error): void {
    if (this.stopped || this.#signal?.aborted) return;
    if (this.#onError === undefined) throw error;
    this.runInAsyncScope(this.#onError, undefined, error);
  }

  abort(): void {
    this.stop();
  }

  stop(): void {
    this.stopped = true;
    if (reactor.unwatch(this.#readiness, this)) this.end(undefined);
  }
}

/** Registers a function for the events of a file descriptor, which belongs to a Socket (`owner`) or is a plain one. */
export function watch(
  readiness: Readiness,
  kind: Kind,
  call: () => void,
  options: WatchOptions,
  owner?: object,
): Watch {
  const registration = new Registration(readiness, kind, call, options, owner);
  if (!registration.stopped) {
    try {
      reactor.watch(readiness, kind, registration);
    } catch (error) {
      registration.end(undefined);
      throw error;
    }
  }
  return new Watch(registration);
}
