/** Callbacks in the place of promises: onReadable and onWritable. */
import { AsyncResource } from 'node:async_hooks';
import { type Abortable, listen, unlisten } from './abort.ts';
import { throwAside } from './errors.ts';
import * as reactor from './reactor.ts';
import { type Kind, READ, type Readiness, type Watcher } from './readiness.ts';

/**
 * How a callback ends other than by `stop`.
 *
 * @see https://nodejs.org/api/globals.html#class-abortsignal
 */
export interface WatchOptions {
  /** Stops it. */
  signal?: AbortSignal | undefined;
  /**
   * Called once, in the place of the callback from then on, when epoll does not take the descriptor any more: with a
   * SocketError (ENOMEM, ENOSPC), or with a ClosedError when a plain descriptor was closed and its number used again before
   * it was stopped. Without it, the error reaches uncaughtException.
   */
  onError?: ((error: Error) => void) | undefined;
}

/**
 * A callback that is called in each turn of the event loop in which there is an event, until it is stopped: see
 * `onReadable`. It runs in the async context in which it was registered.
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

  /** Stops it: it is called no more. Stopping again does nothing; to close a Socket stops those of its own. */
  stop(): void {
    this.#registration.stop();
  }

  /** As `stop`. */
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
  stopped: boolean;
  /** The Socket, which is not collected (and so closed) while this is called. */
  readonly owner: object | undefined;

  constructor(readiness: Readiness, kind: Kind, call: () => void, options: WatchOptions, owner: object | undefined) {
    super('SysSocketWatch');
    this.asks = reactor.ASK[kind];
    this.serves = reactor.SERVES[kind];
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
      throwAside(error);
    }
  }

  end(error: Error | undefined): void {
    if (this.#signal !== undefined) unlisten(this.#signal, this);
    if (error === undefined) return;
    const onError = this.#onError;
    try {
      if (onError === undefined) throw error;
      this.runInAsyncScope(onError, undefined, error);
    } catch (thrown) {
      throwAside(thrown);
    }
  }

  abort(): void {
    this.stop();
  }

  stop(): void {
    this.stopped = true;
    if (reactor.unwatch(this.#readiness, this)) this.end(undefined);
  }
}

/** Registers a callback for the events of a descriptor, that of a Socket (`owner`) or a plain one. */
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
