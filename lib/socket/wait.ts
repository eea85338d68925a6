/** Readiness as promises: the primitive under everything else. */
import { getsockopt, recv } from '../nothrow.ts';
import {
  EAGAIN,
  MSG_DONTWAIT,
  MSG_PEEK,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  SK_MEMINFO_RMEM_ALLOC,
  SO_MEMINFO,
  SOL_SOCKET,
} from '../posix/constants.ts';
import { check, invalidType } from '../posix/errno.ts';
import { type PollFdResult, pollNothrow } from '../posix/poll.ts';
import { type Abortable, listen, unlisten } from './abort.ts';
import { AbortError, TimeoutError } from './errors.ts';
import { LONGEST, NONE, type WaitOptions, waitOptions, watchOptions } from './options.ts';
import * as reactor from './reactor.ts';
import { ERROR, type Kind, READ, type Readiness, Waiter, WRITE } from './readiness.ts';
import { clearTimeout, setTimeout } from './timers.ts';
import { type Watch, type WatchOptions, watch } from './watch.ts';

type Resolve = (value: unknown) => void;
type Executor<T> = (resolve: (value: T | PromiseLike<T>) => void) => void;

let grabbedResolve: Resolve;

/** What a promise has in the place of its function when it is settled. */
function nothing(): void {}

/** The executor of all promises: gives their functions to whoever has just made one. */
function grab(resolve: Resolve): void {
  grabbedResolve = resolve;
}

/**
 * A promise that is rejected by the error, whose stack is that of whoever awaits the operation: V8 finds it when the error is
 * made while a promise on the way is being resolved, which is two turns of the microtask queue later. Only a failure pays.
 */
export async function rejection(error: Error): Promise<never> {
  await undefined;
  await undefined;
  Error.captureStackTrace?.(error, rejection);
  throw error;
}

/** The promise of something that is waited for, until it comes, the signal fires or the time is over. */
export abstract class Wait<T> extends Waiter implements Abortable {
  #resolve: Resolve = nothing;
  #timer: NodeJS.Timeout | undefined = undefined;
  #signal: AbortSignal | undefined = undefined;

  /** Begins to wait. The options have been checked. */
  begin(
    readiness: Readiness,
    kind: Kind,
    how: typeof reactor.FOR_EVENT | typeof reactor.FOR_TURN,
    signal: AbortSignal | undefined,
    timeout: number | undefined,
  ): Promise<T> {
    const promise = new Promise<T>(grab as Executor<T>);
    this.#resolve = grabbedResolve;
    // First what may throw, so that nobody waits who was never promised anything.
    if (signal !== undefined) {
      listen(signal, this);
      if (this.#resolve === nothing) return promise; // it has fired
      this.#signal = signal;
    }
    try {
      check(reactor.wait(readiness, kind, this, how), reactor.EPOLL_CTL);
    } catch (error) {
      this.#settle();
      this.#resolve = nothing; // nobody has the promise
      throw error;
    }
    // Who waits keeps the process alive, or does not: see the reactor.
    if (timeout !== undefined && timeout <= LONGEST) {
      this.#timer = setTimeout(expire, timeout, this, timeout).unref();
    }
    return promise;
  }

  retire(): void {}

  /** Whether neither a timer nor a signal may still know of it. */
  protected get isForgotten(): boolean {
    return this.#timer === undefined && this.#signal === undefined;
  }

  abort(signal: AbortSignal): void {
    this.#signal = undefined;
    reactor.cancel(this);
    this.reject(new AbortError(signal, this.syscall));
  }

  /** The time is over. A busy thread sees that before the event, so that it is tried once more. */
  expire(timeout: number): void {
    reactor.tryOnce(this);
    if (this.#resolve === nothing) return;
    reactor.cancel(this);
    this.reject(new TimeoutError(this.syscall, timeout));
  }

  #settle(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#signal !== undefined) unlisten(this.#signal, this);
  }

  protected resolve(value: T): void {
    this.#settle();
    const resolve = this.#resolve;
    this.#resolve = nothing;
    resolve(value);
  }

  reject(error: Error): void {
    if (this.#resolve === nothing) return;
    this.#settle();
    const resolve = this.#resolve;
    this.#resolve = nothing;
    resolve(rejection(error));
  }
}

function expire(wait: Wait<unknown>, timeout: number): void {
  wait.expire(timeout);
}

/** What is waited for, where a function says whether it is there. */
export interface Condition<T> {
  readonly fd: number;
  readonly kind: Kind;
  /** Whether epoll has no event for it: then it is asked again after a time. */
  readonly eventless?: boolean;
  readonly syscall: string;
  /** Whether the descriptor is that of a Socket. */
  readonly owned: boolean;
  /** Resolves or rejects by itself, through the two functions it is given, and returns false to wait on. */
  attempt(resolve: (value: T) => void, reject: (error: Error) => void): boolean;
}

class Conditional<T> extends Wait<T> {
  get transfers(): boolean {
    return false;
  }
  readonly #condition: Condition<T>;

  constructor(condition: Condition<T>) {
    super();
    this.#condition = condition;
    this.eventless = condition.eventless === true;
  }

  get syscall(): string {
    return this.#condition.syscall;
  }

  attempt(): boolean {
    return this.#condition.attempt(
      (value) => this.resolve(value),
      (error) => this.reject(error),
    );
  }
}

/** Waits in the reactor until `attempt` is done, the signal fires or the time is over. */
export async function waitFor<T>(condition: Condition<T>, options: WaitOptions): Promise<T> {
  const { signal, timeout } = waitOptions(options);
  if (signal?.aborted) throw new AbortError(signal, condition.syscall);
  const wait = new Conditional(condition);
  return await wait.begin(reactor.find(condition.fd), condition.kind, reactor.FOR_EVENT, signal, timeout);
}

/** What poll(2) is asked for each kind. */
const POLL = [POLLIN | POLLRDHUP, POLLOUT, POLLPRI] as const;
/** What of it says that a read or a write would not block. */
const SHOWS = [POLLIN | POLLRDHUP | POLLHUP | POLLERR, POLLOUT | POLLHUP | POLLERR] as const;
/** The answer of SO_MEMINFO: what is used for data that came, entries of the error queue among them, and more. */
const memory = new Uint32Array(9);
const octet = new Uint8Array(1);
const SYSCALL = ['readable', 'writable', 'errorReady'] as const;

/** Waits until a descriptor is ready. */
class Ready extends Wait<void> {
  get transfers(): boolean {
    return false;
  }
  readonly owner: object | undefined;
  readonly #fd: number;

  constructor(fd: number, owner: object | undefined) {
    super();
    this.#fd = fd;
    this.owner = owner;
  }

  get syscall(): string {
    return SYSCALL[this.kind];
  }

  /** An event is true when it is fetched: what was done since, and those who waited before, may have taken the data. */
  attempt(): boolean {
    const { readiness, kind } = this;
    if (readiness === undefined || kind !== READ || readiness.failed === 0) {
      let events = readiness === undefined ? 0 : reactor.freshEvents(readiness);
      if (events === 0) {
        const fds: PollFdResult[] = [{ fd: this.#fd, events: POLL[kind] }];
        if (pollNothrow(fds, 0) === 0) return false;
        events = fds[0]!.revents ?? 0;
      }
      // A hang-up, of which poll always tells, is no error.
      if (kind === ERROR ? events === POLLHUP : (events & SHOWS[kind]) === POLLERR && !this.#fails()) return false;
    }
    this.resolve();
    return true;
  }

  /**
   * Whether a read or a write would fail, where poll tells of an error alone: that may also be an entry of the error queue, and
   * the kernel tells a pending error only by giving it away. So it is asked for only if there are entries, and only of a
   * Socket, whose next read reports it.
   */
  #fails(): boolean {
    const { readiness } = this;
    if (readiness === undefined || !readiness.owned || getsockopt(this.#fd, SOL_SOCKET, SO_MEMINFO, memory) < 0)
      return true;
    if (memory[SK_MEMINFO_RMEM_ALLOC] === 0) return true;
    if (this.kind === WRITE) return false; // room comes, and with it the error is told
    const n = recv(this.#fd, octet, MSG_PEEK | MSG_DONTWAIT);
    if (n === -EAGAIN) return false;
    if (n < 0) readiness.failed = n;
    return true;
  }
}

/** Waits until the descriptor of a Socket (`owner`), or a plain one, is ready. */
export async function ready(readiness: Readiness, kind: Kind, options: WaitOptions, owner?: object): Promise<void> {
  const { signal, timeout = readiness.timeout || undefined } = waitOptions(options);
  if (signal?.aborted) throw new AbortError(signal, SYSCALL[kind]);
  // Of an error that is reported by the next read there is no event.
  const how = kind === READ && readiness.failed !== 0 ? reactor.FOR_TURN : reactor.FOR_EVENT;
  return await new Ready(readiness.fd, owner).begin(readiness, kind, how, signal, timeout);
}

/**
 * Waits until a read would not block: data, a connection, the end of the stream, a pending error or a hang-up. See epoll(7).
 *
 * An entry of the error queue (MSG_ERRQUEUE) ends it too, although a read may find nothing: the kernel does not tell it from a
 * pending error. `readable` of a Socket tells them apart.
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
export function readable(fd: number, options: WaitOptions = NONE): Promise<void> {
  return ready(reactor.find(fd), READ, options);
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
export function writable(fd: number, options: WaitOptions = NONE): Promise<void> {
  return ready(reactor.find(fd), WRITE, options);
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
 * console.log(findControl(control, IPPROTO_IP, IP_RECVERR)?.error.errno === ECONNREFUSED); // true
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function errorReady(fd: number, options: WaitOptions = NONE): Promise<void> {
  return ready(reactor.find(fd), ERROR, options);
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
 * @param call Called without arguments, in the async context in which it was registered.
 * @param options AbortSignal, and `onError` for what ends it.
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
 *     resolve(undefined);
 *   });
 * });
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function onReadable(fd: number, call: () => void, options: WatchOptions = NONE): Watch {
  return watch(reactor.find(fd), READ, callback(call), watchOptions(options));
}

/**
 * Calls back in each turn of the event loop in which a write would not block, until it is stopped: as `onReadable`. Stop it
 * when there is nothing to write, as there mostly is room.
 *
 * @param fd As for `onReadable`.
 * @param call Called without arguments, in the async context in which it was registered.
 * @param options AbortSignal, and `onError` for what ends it.
 * @returns What stops it.
 * @throws As `onReadable`.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
 * await new Promise((resolve) => {
 *   const watch = onWritable(a, () => {
 *     watch.stop();
 *     resolve(undefined);
 *   });
 * });
 * console.log(send(a, 'hello')); // 5
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function onWritable(fd: number, call: () => void, options: WatchOptions = NONE): Watch {
  return watch(reactor.find(fd), WRITE, callback(call), watchOptions(options));
}

/** `onReadable` and `onWritable` of a Socket, which stops them when it is closed. */
export function watchOwned(
  owner: object,
  readiness: Readiness,
  kind: Kind,
  call: () => void,
  options: WatchOptions,
): Watch {
  return watch(readiness, kind, callback(call), watchOptions(options), owner);
}
