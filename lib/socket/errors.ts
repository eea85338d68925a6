/** How a wait ends other than by its event: given up, out of time, or the socket closed under it. */

/** The AbortSignal of an operation fired. `cause` is its reason. */
export class AbortError extends Error {
  override readonly name = 'AbortError' as const;
  readonly code = 'ABORT_ERR' as const;

  constructor(signal: AbortSignal) {
    super('The operation was aborted', { cause: signal.reason });
  }
}

/** An operation took longer than its timeout. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError' as const;
  readonly code = 'ERR_SOCKET_TIMEOUT' as const;
  readonly syscall: string;

  constructor(syscall: string, milliseconds: number) {
    super(`${syscall}: nothing within ${milliseconds} ms`);
    this.syscall = syscall;
  }
}

/** An operation on a closed Socket, or one that was waiting when it was closed. */
export class ClosedError extends Error {
  override readonly name = 'ClosedError' as const;
  readonly code = 'ERR_SOCKET_CLOSED' as const;
  readonly syscall: string;

  constructor(syscall: string) {
    super(`${syscall}: the socket is closed`);
    this.syscall = syscall;
  }
}
