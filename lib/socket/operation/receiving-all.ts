/**
 * recv(2) and recvfrom(2) with MSG_WAITALL on a stream: they wait until all requested bytes have arrived. Because the
 * file descriptor is non-blocking, the kernel returns what has arrived, and the operation reads the rest as it arrives.
 *
 * As in C, the result is the part that has arrived if the end of the stream, an error, the timeout, the signal or
 * `close` ends the operation early. The next read reports the error.
 */
import { Buffer } from 'node:buffer';
import { READ, type Readiness } from '../../loop/readiness.ts';
import { EAGAIN, EINTR, MSG_PEEK, MSG_WAITALL, SOCK_STREAM } from '../../native/constants.ts';
import { flagsOf, Operation, type Owner, patienceFor, sizeOf, WAITS } from './operation.ts';
import { CHUNK, mayDiscard, scratchBuffer, takeResult } from './receive-buffer.ts';

/** Returns whether a read waits until all requested bytes have arrived: MSG_WAITALL on a stream. */
export function waitsForAll({ type }: Owner, flags: number): boolean {
  return (
    flags !== 0 &&
    type === SOCK_STREAM &&
    (flagsOf(flags) & MSG_WAITALL) !== 0 &&
    (flags & MSG_PEEK) === 0 &&
    patienceFor(flags) === WAITS
  );
}

/** An operation that receives `size` bytes with as many calls as necessary. */
export abstract class ReceivingAll<T> extends Operation<T> {
  abstract override get syscall(): string;
  readonly size: number;
  readonly flags: number;
  /** The number of bytes that have arrived. */
  protected got = 0;

  constructor(owner: Owner, state: Readiness, size: number, flags: number) {
    super(owner, state, READ, patienceFor(flags, size));
    this.size = size;
    this.flags = flags;
  }

  /** Reads once, at most the missing bytes. Returns their number or -errno. */
  protected abstract read(): number;

  call(): number {
    for (;;) {
      const n = this.read();
      if (n === -EAGAIN || n === -EINTR) return n;
      if (n < 0 && this.got === 0) return n;
      if (n < 0) this.state.failed = n;
      if (n <= 0) return this.got;
      this.got += n;
      if (this.got >= this.size) return this.got;
      if (this.mustPause(n)) return -EAGAIN;
    }
  }

  override weight(): number {
    return 0;
  }

  override get hasPart(): boolean {
    return this.got > 0;
  }
}

const NO_ROOM = Buffer.alloc(0);
/** The most memory that is allocated for parts before they arrive. */
const MOST_AHEAD = 1 << 20;

/**
 * Receives into memory of the library, which is allocated as data arrives. Small parts are appended to memory that doubles
 * what there is, because a peer that sends single bytes could otherwise make the receiver hold an object for each.
 */
export abstract class ReceivingParts<T> extends ReceivingAll<T> {
  readonly #parts: Buffer[] = [];
  /** Memory for small parts, and how much of it is used since the last part. */
  #room: Buffer = NO_ROOM;
  #used = 0;

  constructor(owner: Owner, state: Readiness, size: number, flags: number) {
    super(owner, state, sizeOf(size), flags);
  }

  /** Reads once into the buffer. Returns n or -errno. */
  protected abstract readInto(scratch: Buffer, wanted: number): number;

  protected read(): number {
    const wanted = Math.min(this.size - this.got, CHUNK);
    const scratch = scratchBuffer(wanted, mayDiscard(this.owner, this.flags));
    const n = this.readInto(scratch, wanted);
    if (n > 0) this.#add(scratch, n);
    return n;
  }

  /** Adds the first n bytes of the scratch buffer. The first part, and one that needs no copy, are parts of their own. */
  #add(scratch: Buffer, n: number): void {
    if (this.got === 0 || n > scratch.length / 2) {
      this.#endPart();
      this.#parts.push(takeResult(scratch, n));
      return;
    }
    if (n > this.#room.length - this.#used) {
      this.#endPart();
      this.#room = Buffer.allocUnsafe(Math.max(n, Math.min(this.got, this.size - this.got, MOST_AHEAD)));
    }
    this.#used += scratch.copy(this.#room, this.#used, 0, n);
  }

  /** Makes a part of the small ones. What is left of their memory is used for the next ones. */
  #endPart(): void {
    if (this.#used === 0) return;
    this.#parts.push(this.#room.subarray(0, this.#used));
    this.#room = this.#room.subarray(this.#used);
    this.#used = 0;
  }

  protected joined(): Buffer {
    this.state.drained = false;
    this.#endPart();
    return this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
  }
}
