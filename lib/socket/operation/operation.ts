/**
 * One operation of a Socket: the system call, its result and its errors. The same object serves the method that returns a
 * promise (run.ts) and the one that blocks the thread (run-sync.ts).
 */
import { invalidType } from '../../argument/argument-error.ts';
import { count } from '../../argument/number.ts';
import { isSpent, spend } from '../../loop/budget.ts';
import { withSent } from '../../loop/errors.ts';
import { PromiseWaiter } from '../../loop/promise-waiter.ts';
import { READ, type Readiness, type WRITE } from '../../loop/readiness.ts';
import { resumeLater } from '../../loop/retry.ts';
import { EAGAIN, EINTR, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB } from '../../native/constants.ts';
import { decodeAddress } from '../../struct/address.ts';
import { SocketError } from '../../struct/errno.ts';

/** The Socket that an operation belongs to. */
export interface Owner {
  readonly fd: number;
  readonly family: number;
  readonly type: number;
}

/** The operation waits until the system call no longer returns EAGAIN. */
export const WAITS = 0;
/**
 * The operation runs immediately, even before others that wait, because it reads the error queue or out-of-band data.
 */
const AT_ONCE = 1;
/** The operation runs immediately, but fails with EAGAIN if others in the same direction wait. */
export const NEVER_WAITS = 2;
/** The operation runs after the others that wait, and then does not wait itself: it has an empty buffer. */
export const IN_TURN = 3;
/** When an operation runs, and whether it waits. */
export type Patience = typeof WAITS | typeof AT_ONCE | typeof NEVER_WAITS | typeof IN_TURN;

/** Throws unless the flags are a number. The system call checks the range. */
export function flagsOf(flags: number): number {
  if (typeof flags !== 'number') {
    throw invalidType('flags', typeof flags === 'object' ? 'a number, before an address and the options' : 'a number');
  }
  return flags;
}

/** Throws unless the size is one that the system call accepts. */
export function sizeOf(size: number): number {
  if (typeof size === 'object') throw invalidType('size', 'a number, before the flags and the options');
  return count(size, 'size');
}

/** Returns when an operation with these flags and a buffer of this length runs. */
export function patienceFor(flags: number, length = 1): Patience {
  if (flags !== 0 && (flagsOf(flags) & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)) !== 0) {
    return (flags & (MSG_ERRQUEUE | MSG_OOB)) !== 0 ? AT_ONCE : NEVER_WAITS;
  }
  return length === 0 ? IN_TURN : WAITS;
}

/** Returns a copy of bytes. (The method `slice` of a Buffer does not copy.) */
export function copyOf<T extends Uint8Array | undefined>(bytes: T): T {
  return (bytes === undefined ? undefined : new Uint8Array(bytes)) as T;
}

/**
 * An operation. What every call needs is in fields, not in accessors, which would cost a call each.
 */
export abstract class Operation<T> extends PromiseWaiter<T> {
  get transfers(): boolean {
    return true;
  }
  /** The Socket. The reference prevents it from being garbage-collected, and thus closed, while the operation waits. */
  owner: Owner;
  /** The state of its file descriptor. Unlike `readiness`, it is known before the operation waits, too. */
  readonly state: Readiness;
  readonly direction: typeof READ | typeof WRITE;
  patience: Patience;
  /**
   * Whether a short result means that the receive queue is empty, so that the next operation need not make a call that
   * would fail.
   */
  emptiesQueue = false;
  /** Whether the operation blocks the thread and has no budget. */
  sync = false;

  constructor(owner: Owner, state: Readiness, direction: typeof READ | typeof WRITE, patience: Patience) {
    super();
    this.owner = owner;
    this.state = state;
    this.direction = direction;
    this.patience = patience;
  }

  get fd(): number {
    return this.state.fd;
  }

  /** Makes the system call once. An operation that needs several calls makes as many as its budget allows. */
  abstract call(): number;
  /** Makes the result of a call that returned n. */
  abstract finish(n: number): T;

  /** Called before it waits. It copies what is short and what the program may change meanwhile, such as an address. */
  keep(): void {}

  /** Returns how many bytes a result of n counts for the budget. */
  weight(n: number): number {
    return n;
  }

  /** The address that the system call is given, as a sockaddr. Errors report it. */
  get name(): Uint8Array | undefined {
    return undefined;
  }

  /** How much has been sent, for an operation that sends everything it is given. */
  get sent(): number | undefined {
    return undefined;
  }

  /** Whether the operation has a partial result, which it returns if it is ended early. */
  get hasPart(): boolean {
    return false;
  }

  /** The -errno that an operation fails with if it is not finished and must not wait: -EAGAIN or -EINPROGRESS. */
  get errnoUnlessWaiting(): number {
    return -EAGAIN;
  }

  /**
   * Makes the call, and repeats it after EINTR. For n >= 0, `finish` must follow before any other native call, because the
   * addon may still hold the data.
   */
  try(): number {
    const { state } = this;
    if (state.failed !== 0 && this.direction === READ && this.patience !== AT_ONCE) {
      const { failed } = state;
      state.failed = 0;
      return failed;
    }
    let n = this.call();
    while (n === -EINTR) n = this.call();
    spend(state, n > 0 ? this.weight(n) : 0);
    return n;
  }

  /**
   * Counts one of several calls for the budget. Returns whether the next call has to wait for the next turn of the event
   * loop, which is then prepared.
   */
  protected mustPause(bytes: number): boolean {
    if (this.sync) return false;
    spend(this.state, bytes);
    if (this.patience !== WAITS || !isSpent(this.state)) return false;
    resumeLater(this.state);
    return true;
  }

  /** Returns the error for a call that returned -errno. */
  failure(n: number): Error {
    const { name } = this;
    return this.addSent(new SocketError(-n, this.syscall, name === undefined ? undefined : decodeAddress(name)));
  }

  /** Adds to an error how much was sent before it. */
  addSent(error: Error): Error {
    return withSent(error, this.sent);
  }

  attempt(): boolean {
    try {
      const n = this.try();
      if (n === -EAGAIN && this.patience !== IN_TURN) return false;
      if (n >= 0) this.resolve(this.finish(n));
      else super.reject(this.failure(n));
    } catch (error) {
      this.reject(error as Error); // the buffer was detached during the wait
    }
    return true;
  }

  override reject(error: Error): void {
    let reason = error;
    try {
      if (this.hasPart) {
        this.resolve(this.finish(0));
        return;
      }
    } catch (failed) {
      reason = failed as Error; // there is no memory for the part
    }
    super.reject(this.addSent(reason));
  }
}

/** Returns whether an operation may run now, because no other in its direction waits or it does not wait for those. */
export function isFirst<T>({ patience, state, direction }: Operation<T>): boolean {
  return patience === AT_ONCE || !state.isBusy(direction);
}
