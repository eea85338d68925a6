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
import { CHUNK, scratchBuffer, takeResult } from './receive-buffer.ts';

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

/** Receives into memory of the library, which is allocated as data arrives. */
export abstract class ReceivingParts<T> extends ReceivingAll<T> {
  readonly #parts: Buffer[] = [];

  constructor(owner: Owner, state: Readiness, size: number, flags: number) {
    super(owner, state, sizeOf(size), flags);
  }

  /** Reads once into the buffer. Returns n or -errno. */
  protected abstract readInto(scratch: Buffer, wanted: number): number;

  protected read(): number {
    const wanted = Math.min(this.size - this.got, CHUNK);
    const scratch = scratchBuffer(wanted);
    const n = this.readInto(scratch, wanted);
    if (n > 0) this.#parts.push(takeResult(scratch, n));
    return n;
  }

  protected joined(): Buffer {
    this.state.drained = false;
    return this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
  }
}
