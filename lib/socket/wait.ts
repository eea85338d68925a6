/** Readiness as promises: the primitive under everything else. */
import { clearTimeout, setTimeout } from 'node:timers';
import { invalidType, outOfRange } from '../posix/errno.ts';
import { AbortError, TimeoutError } from './errors.ts';
import * as reactor from './reactor.ts';

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

/** The longest time of a timer of Node, 24 days; it takes a longer one for 1 ms. */
export const LONGEST = 0x7fffffff;

/** Refuses what is no number of milliseconds. */
export function milliseconds(value: number, name: string): number {
  if (typeof value !== 'number') throw invalidType(name, 'a number');
  if (!(value >= 0)) throw outOfRange(name, 'a number from 0 on');
  return value;
}

/** The promise of something that is waited for, until it comes, the signal fires or the time is over. */
export abstract class Wait<T> extends reactor.Waiter {
  readonly fd: number;
  readonly #syscall: string;
  #resolve!: (value: T) => void;
  #reject!: (error: Error) => void;
  #timer: NodeJS.Timeout | undefined = undefined;
  #signal: AbortSignal | undefined = undefined;
  #abort: (() => void) | undefined = undefined;

  constructor(fd: number, syscall: string) {
    super();
    this.fd = fd;
    this.#syscall = syscall;
  }

  /** Begins to wait. `owned`: whether the descriptor is that of a Socket. */
  begin(kind: reactor.Kind, owned: boolean, { signal, timeout }: WaitOptions): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (timeout !== undefined) milliseconds(timeout, 'timeout');
      if (signal !== undefined && typeof signal.addEventListener !== 'function') {
        throw invalidType('signal', 'an AbortSignal');
      }
      if (signal?.aborted) throw new AbortError(signal);
      this.#resolve = resolve;
      this.#reject = reject;
      reactor.wait(this.fd, kind, this, owned);
      if (signal !== undefined) this.#listen(signal);
      if (timeout !== undefined && timeout <= LONGEST) this.#limit(timeout);
    });
  }

  #listen(signal: AbortSignal): void {
    this.#signal = signal;
    this.#abort = () => {
      reactor.cancel(this.fd, this);
      this.reject(new AbortError(signal));
    };
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  #limit(timeout: number): void {
    this.#timer = setTimeout(() => {
      const done = this.queue?.first === this && this.late();
      reactor.cancel(this.fd, this);
      if (!done) this.reject(new TimeoutError(this.#syscall, timeout));
    }, timeout).unref(); // who waits keeps the process alive, or does not: see the reactor
  }

  /** The time is over, and it is the first that waits: whether it is done all the same. */
  protected late(): boolean {
    return false;
  }

  #settle(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#abort !== undefined) this.#signal!.removeEventListener('abort', this.#abort);
  }

  protected resolve(value: T): void {
    this.#settle();
    this.#resolve(value);
  }

  reject(error: Error): void {
    this.#settle();
    this.#reject(error);
  }
}

/** What is waited for, where a function says whether it is there. */
export interface Condition<T> {
  readonly fd: number;
  readonly kind: reactor.Kind;
  readonly syscall: string;
  /** Whether the descriptor is that of a Socket. */
  readonly owned: boolean;
  /** Resolves or rejects by itself, through the two functions it is given, and returns false to wait on. */
  attempt(resolve: (value: T) => void, reject: (error: Error) => void): boolean;
}

class Conditional<T> extends Wait<T> {
  readonly #condition: Condition<T>;

  constructor(condition: Condition<T>) {
    super(condition.fd, condition.syscall);
    this.#condition = condition;
  }

  attempt(): boolean {
    return this.#condition.attempt(
      (value) => this.resolve(value),
      (error) => this.reject(error),
    );
  }
}

/** Waits in the reactor until `attempt` is done, the signal fires or the time is over. */
export function waitFor<T>(condition: Condition<T>, options: WaitOptions): Promise<T> {
  return new Conditional(condition).begin(condition.kind, condition.owned, options);
}

function ready(fd: number, kind: reactor.Kind, syscall: string, options: WaitOptions): Promise<void> {
  const attempt = (resolve: () => void) => {
    resolve();
    return true;
  };
  return waitFor<void>({ fd, kind, syscall, owned: false, attempt }, options);
}

/**
 * Waits until a read would not block: data, a connection, the end of the stream, an error or a hang-up. See epoll(7).
 *
 * The descriptor must stay open meanwhile: before you close it, abort the wait (class Socket does that by itself).
 *
 * @param fd A descriptor that epoll takes: a socket, a pipe, a terminal.
 * @param options AbortSignal, and timeout in milliseconds.
 * @returns When a read would not block.
 * @throws SocketError EPERM (a regular file, always ready), EBADF; AbortError; TimeoutError.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
 * send(a, 'hello');
 * await readable(b, { timeout: 1000 });
 * console.log(recv(b, new Uint8Array(100))); // 5
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function readable(fd: number, options: WaitOptions = {}): Promise<void> {
  return ready(fd, reactor.READ, 'readable', options);
}

/**
 * Waits until a write would not block: room, an error or a hang-up. See epoll(7).
 *
 * @param fd As for `readable`.
 * @param options AbortSignal, and timeout in milliseconds.
 * @returns When a write would not block.
 * @throws As `readable`.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
 * await writable(a, { timeout: 1000 });
 * console.log(send(a, 'hello')); // 5
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function writable(fd: number, options: WaitOptions = {}): Promise<void> {
  return ready(fd, reactor.WRITE, 'writable', options);
}

/**
 * Waits until the error queue (MSG_ERRQUEUE) has an entry, an error is pending, or out-of-band data came. See epoll(7).
 *
 * @param fd As for `readable`.
 * @param options AbortSignal, and timeout in milliseconds.
 * @returns When there is something.
 * @throws As `readable`.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);
 * setOption(fd, 'IP_RECVERR', true);
 * connect(fd, { family: AF_INET, address: '127.0.0.1', port: 9 }); // nobody is there
 * send(fd, 'hello');
 * await errorReady(fd, { timeout: 1000 });
 * const { control } = recvmsg(fd, { buffers: [new Uint8Array(100)], controlLength: 200 }, MSG_ERRQUEUE);
 * console.log(errnoName(control[0].error.errno)); // ECONNREFUSED
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function errorReady(fd: number, options: WaitOptions = {}): Promise<void> {
  return ready(fd, reactor.ERROR, 'errorReady', options);
}

function callback(call: () => void): () => void {
  if (typeof call !== 'function') throw invalidType('callback', 'a function');
  return call;
}

/**
 * Calls back in each turn of the event loop in which a read would not block, until it is stopped: what costs the least
 * for many small messages, as no promise is made. See epoll(7).
 *
 * Nothing is read meanwhile: read in the callback, once or until EAGAIN, best by the calls of `sys-socket/nothrow`. What
 * is left is told again in the next turn; so is the end of a stream, and an error: then `stop`, or close.
 *
 * Promises of the callback run when all that are ready have been called. What it throws reaches uncaughtException. It
 * keeps the process alive.
 *
 * @param fd As for `readable`: stop it before you close the descriptor. Of a Socket use its `onReadable`.
 * @param call Called without arguments.
 * @returns What stops it.
 * @throws SocketError EPERM (a regular file), EBADF; TypeError.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
 * const buffer = new Uint8Array(1500);
 * send(a, 'hello');
 * send(a, ' world');
 * shutdown(a, SHUT_WR);
 * await new Promise((resolve) => {
 *   const watch = onReadable(b, () => {
 *     const n = nothrow.recv(b, buffer);
 *     if (n > 0) return console.log(n); // 11
 *     watch.stop(); // 0: the end of the stream
 *     resolve();
 *   });
 * });
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function onReadable(fd: number, call: () => void): reactor.Watch {
  return reactor.watch(fd, reactor.READ, callback(call));
}

/**
 * Calls back in each turn of the event loop in which a write would not block, until it is stopped: as `onReadable`. Stop it
 * when there is nothing to write, as there mostly is room.
 *
 * @param fd As for `onReadable`.
 * @param call Called without arguments.
 * @returns What stops it.
 * @throws As `onReadable`.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
 * await new Promise((resolve) => {
 *   const watch = onWritable(a, () => {
 *     watch.stop();
 *     resolve();
 *   });
 * });
 * console.log(send(a, 'hello')); // 5
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function onWritable(fd: number, call: () => void): reactor.Watch {
  return reactor.watch(fd, reactor.WRITE, callback(call));
}

/** `onReadable` and `onWritable` of a Socket, which stops them when it is closed. */
export function watchOwned(owner: { readonly fd: number }, kind: reactor.WatchKind, call: () => void): reactor.Watch {
  return reactor.watch(owner.fd, kind, callback(call), owner);
}
