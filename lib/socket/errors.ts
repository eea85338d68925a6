/** How a wait ends other than by its event: given up, out of time, or the socket closed under it. */
import process from 'node:process';
import { invalidType, text } from '../posix/errno.ts';
import { object } from '../posix/snapshot.ts';

/**
 * The AbortSignal of an operation fired. `cause` is its reason.
 *
 * @example
 * const [a] = Socket.pair();
 * await a.recv(100, 0, { signal: AbortSignal.abort() }).catch((error) => console.log(error.name, error.code));
 * // AbortError ABORT_ERR
 * @see https://nodejs.org/api/globals.html#class-abortsignal
 */
export class AbortError extends Error {
  override readonly name = 'AbortError' as const;
  /** How much had been sent, of an operation that sends all: bytes of `sendAll` and `sendFds`, messages of `sendmmsg`. */
  declare readonly sent?: number;
  readonly code = 'ABORT_ERR' as const;
  /** The operation that was aborted. */
  readonly syscall: string;

  constructor(signal: AbortSignal, syscall: string) {
    super(`${text(syscall, 'syscall')}: the operation was aborted`, { cause: object(signal, 'signal').reason });
    this.syscall = syscall;
  }
}

/**
 * An operation took longer than its timeout.
 *
 * @example
 * const [a] = Socket.pair();
 * await a.recv(100, 0, { timeout: 10 }).catch((error) => console.log(error.name)); // TimeoutError
 * @see https://man7.org/linux/man-pages/man2/epoll_wait.2.html
 */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError' as const;
  /** How much had been sent, of an operation that sends all: bytes of `sendAll` and `sendFds`, messages of `sendmmsg`. */
  declare readonly sent?: number;
  readonly code = 'ERR_SOCKET_TIMEOUT' as const;
  readonly syscall: string;
  /** How long the operation was allowed to take, in milliseconds. */
  readonly timeout: number;

  constructor(syscall: string, milliseconds: number) {
    if (typeof milliseconds !== 'number') throw invalidType('milliseconds', 'a number');
    super(`${text(syscall, 'syscall')}: not done within ${milliseconds} ms`);
    this.syscall = syscall;
    this.timeout = milliseconds;
  }
}

/**
 * An operation on a closed Socket, or one that was waiting when it was closed.
 *
 * @example
 * const [a] = Socket.pair();
 * a.close();
 * await a.recv().catch((error) => console.log(error instanceof ClosedError)); // true
 * @see https://man7.org/linux/man-pages/man2/close.2.html
 */
export class ClosedError extends Error {
  override readonly name = 'ClosedError' as const;
  /** How much had been sent, of an operation that sends all: bytes of `sendAll` and `sendFds`, messages of `sendmmsg`. */
  declare readonly sent?: number;
  readonly code = 'ERR_SOCKET_CLOSED' as const;
  readonly syscall: string;

  constructor(syscall: string) {
    super(`${text(syscall, 'syscall')}: the socket is closed`);
    this.syscall = syscall;
  }
}

/**
 * A call that is made at once (a `...Sync` method, or `shutdown(SHUT_WR)`) while operations of the same direction are
 * pending: it would overtake them, or cut one in two. Wait for them first.
 *
 * @example
 * const [a] = Socket.pair();
 * const pending = a.recv().catch(() => {});
 * try {
 *   a.recvSync();
 * } catch (error) {
 *   if (error instanceof BusyError) console.log(error.code, error.syscall); // ERR_SOCKET_BUSY recv
 * }
 * a.close();
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export class BusyError extends Error {
  override readonly name = 'BusyError' as const;
  readonly code = 'ERR_SOCKET_BUSY' as const;
  readonly syscall: string;

  constructor(syscall: string) {
    super(`${text(syscall, 'syscall')}: operations of the same direction are pending on this socket`);
    this.syscall = syscall;
  }
}

/** An error says how much was done before it. */
export function withSent<T extends Error>(error: T, sent: number | undefined): T {
  if (sent !== undefined) Object.defineProperty(error, 'sent', { value: sent, enumerable: true, configurable: true });
  return error;
}

/** Throws it where only uncaughtException sees it, as what a listener of an event throws. */
export function throwAside(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

/** What a listener or a callback of the user throws reaches uncaughtException, as from any other event. */
export function aside(call: () => void): void {
  try {
    call();
  } catch (error) {
    throwAside(error);
  }
}
