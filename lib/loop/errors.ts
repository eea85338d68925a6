/** The errors of operations that wait: aborted, timed out, or on a Socket that is closed or busy. */
import process from 'node:process';
import { invalidType, text } from '../argument/argument-error.ts';
import { assertObject } from '../argument/snapshot.ts';

/**
 * The error of an operation whose AbortSignal was aborted. `cause` is the reason of the signal.
 *
 * @example
 * const [a] = Socket.pair();
 * await a.recv(100, 0, { signal: AbortSignal.abort() }).catch((error) => console.log(error.name, error.code));
 * // AbortError ABORT_ERR
 * @see https://nodejs.org/api/globals.html#class-abortsignal
 */
export class AbortError extends Error {
  override readonly name = 'AbortError' as const;
  /**
   * How much had been sent, of an operation that sends all: bytes of `sendAll` and `sendFds`, messages of `sendmmsg`.
   */
  declare readonly sent?: number;
  readonly code = 'ABORT_ERR' as const;
  /** The operation that was aborted. */
  readonly syscall: string;

  constructor(signal: AbortSignal, syscall: string) {
    super(`${text(syscall, 'syscall')}: the operation was aborted`, { cause: assertObject(signal, 'signal').reason });
    this.syscall = syscall;
  }
}

/**
 * The error of an operation that took longer than its timeout.
 *
 * @example
 * const [a] = Socket.pair();
 * await a.recv(100, 0, { timeout: 10 }).catch((error) => console.log(error.name)); // TimeoutError
 * @see https://man7.org/linux/man-pages/man2/epoll_wait.2.html
 */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError' as const;
  /**
   * How much had been sent, of an operation that sends all: bytes of `sendAll` and `sendFds`, messages of `sendmmsg`.
   */
  declare readonly sent?: number;
  readonly code = 'ERR_SOCKET_TIMEOUT' as const;
  readonly syscall: string;
  /** The timeout of the operation in milliseconds. */
  readonly timeout: number;

  constructor(syscall: string, milliseconds: number) {
    if (typeof milliseconds !== 'number') throw invalidType('milliseconds', 'a number');
    super(`${text(syscall, 'syscall')}: not done within ${milliseconds} ms`);
    this.syscall = syscall;
    this.timeout = milliseconds;
  }
}

/**
 * The error of an operation on a closed Socket, or of one that was pending when the Socket was closed.
 *
 * An operation on a closed Socket rejects at once, not in a later turn of the event loop. A loop that ignores this error
 * and tries again never ends and never lets a timer run.
 *
 * @example
 * const [a] = Socket.pair();
 * a.close();
 * await a.recv().catch((error) => console.log(error instanceof ClosedError)); // true
 * @see https://man7.org/linux/man-pages/man2/close.2.html
 */
export class ClosedError extends Error {
  override readonly name = 'ClosedError' as const;
  /**
   * How much had been sent, of an operation that sends all: bytes of `sendAll` and `sendFds`, messages of `sendmmsg`.
   */
  declare readonly sent?: number;
  readonly code = 'ERR_SOCKET_CLOSED' as const;
  readonly syscall: string;

  constructor(syscall: string) {
    super(`${text(syscall, 'syscall')}: the socket is closed`);
    this.syscall = syscall;
  }
}

/**
 * The error of an immediate call (a `...Sync` method, or `shutdown(SHUT_WR)`) while operations in the same direction
 * are pending. The call would overtake them or interrupt one that is partly done. Await them first.
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
    super(`${text(syscall, 'syscall')}: operations in the same direction are pending on this socket`);
    this.syscall = syscall;
  }
}

/** Adds to an error how much was sent before it. */
export function withSent<T extends Error>(error: T, sent: number | undefined): T {
  if (sent !== undefined) Object.defineProperty(error, 'sent', { value: sent, enumerable: true, configurable: true });
  return error;
}

/** Throws an error in a separate tick, so that it reaches uncaughtException like one from an event listener. */
export function throwUncaught(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

/**
 * Calls a listener or callback of the program. If it throws, the error reaches uncaughtException, as from any other
 * event.
 */
export function reportUncaught(call: () => void): void {
  try {
    call();
  } catch (error) {
    throwUncaught(error);
  }
}
