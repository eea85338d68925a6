/** recv(2) into a buffer of the caller. */
import { invalidType } from '../../argument/argument-error.ts';
import { byteLengthOf, isView } from '../../argument/kind.ts';
import * as pinned from '../../call/pinned.ts';
import { RECV } from '../../call/transfer.ts';
import type { Readiness } from '../../loop/readiness.ts';
import { SOCK_STREAM } from '../../native/constants.ts';
import type { Bytes } from '../../native/native.ts';
import { unlessRefused } from '../../struct/errno.ts';
import type { Operation, Owner } from './operation.ts';
import { Reading, reuseOrCreate } from './reading.ts';
import { ReceivingAll, waitsForAll } from './receiving-all.ts';

/** The buffer of a finished operation, so that it refers to no memory of the program. */
const NO_BUFFER = new Uint8Array(0);

/** Returns the length of a buffer in bytes. It returns 0 for any other value, which the system call then rejects. */
const lengthOf = (buffer: Bytes): number => byteLengthOf(buffer) ?? 0;

/** Receives into a buffer with one call. */
class ReceiveInto extends Reading<number> {
  override get syscall(): string {
    return 'recv';
  }
  buffer: Bytes = NO_BUFFER;

  protected forget(): void {
    this.buffer = NO_BUFFER;
  }

  call(): number {
    // A buffer that was transferred during the wait has length 0. The 0 bytes read into it would not mean the end of
    // the stream.
    if (this.size > 0 && lengthOf(this.buffer) === 0) throw invalidType('buffer', 'attached until it is filled');
    return unlessRefused(pinned.recv(this.fd, this.buffer, this.flags), RECV);
  }

  finish(n: number): number {
    if (this.emptiesQueue) this.state.drained = n > 0 && n < this.buffer.byteLength;
    return n;
  }
}

/** Fills a buffer: MSG_WAITALL. */
class ReceiveAllInto extends ReceivingAll<number> {
  override get syscall(): string {
    return 'recv';
  }
  readonly #buffer: Bytes;

  constructor(owner: Owner, state: Readiness, buffer: Bytes, flags: number) {
    super(owner, state, lengthOf(buffer), flags);
    this.#buffer = buffer;
  }

  protected read(): number {
    const buffer = this.#buffer;
    if (lengthOf(buffer) !== this.size) throw invalidType('buffer', 'attached until it is filled');
    if (this.got === 0) return unlessRefused(pinned.recv(this.fd, buffer, this.flags), RECV);
    const memory = isView(buffer) ? buffer.buffer : buffer;
    const start = isView(buffer) ? buffer.byteOffset : 0;
    const rest = new Uint8Array(memory, start + this.got, this.size - this.got);
    return unlessRefused(pinned.recv(this.fd, rest, this.flags), RECV);
  }

  finish(): number {
    this.state.drained = false;
    return this.got;
  }
}

/** Returns the operation for a buffer and flags. */
export function receiveIntoOperation(owner: Owner, state: Readiness, buffer: Bytes, flags: number): Operation<number> {
  if (waitsForAll(owner, flags)) return new ReceiveAllInto(owner, state, buffer, flags);
  const operation = reuseOrCreate(ReceiveInto, owner, state, lengthOf(buffer), flags);
  operation.buffer = buffer;
  operation.emptiesQueue = flags === 0 && owner.type === SOCK_STREAM && isView(buffer);
  return operation;
}
