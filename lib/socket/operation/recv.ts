/** recv(2) into memory of the library. */
import type { Buffer } from 'node:buffer';
import * as pinned from '../../call/pinned.ts';
import { RECV } from '../../call/transfer.ts';
import type { Readiness } from '../../loop/readiness.ts';
import { SOCK_STREAM } from '../../native/constants.ts';
import { unlessRefused } from '../../struct/errno.ts';
import { type Operation, type Owner, sizeOf } from './operation.ts';
import { Reading, reuseOrCreate } from './reading.ts';
import { CHUNK, mayDiscard, pool, pooledResult, scratchBuffer, takeResult, tinyPool } from './receive-buffer.ts';
import { ReceivingParts, waitsForAll } from './receiving-all.ts';

/**
 * If a read returned more bytes than this, the next read goes into a buffer that can become the result without a copy.
 */
const BULK = 8192;

/** Receives data with one call. A read from a stream that returns fewer bytes than requested has emptied the receive queue. */
class Receive extends Reading<Buffer> {
  override get syscall(): string {
    return 'recv';
  }
  /** The memory that was read into, or undefined if the data is in a pool or in memory of the addon. */
  #scratch: Buffer | undefined = undefined;

  protected forget(): void {
    this.#scratch = undefined;
  }

  call(): number {
    const { fd, flags, size, state } = this;
    const discards = mayDiscard(this.owner, flags);
    if (size <= CHUNK && !state.bulk && (flags | 0) === flags && !discards) {
      this.#scratch = undefined;
      return unlessRefused(pinned.recvPooled(fd, flags, size, pool, tinyPool), RECV);
    }
    this.#scratch = scratchBuffer(size, discards);
    const n = unlessRefused(pinned.recv(fd, this.#scratch, flags, size), RECV);
    if (n < 0) this.#scratch = undefined;
    return n;
  }

  finish(n: number): Buffer {
    const { size, state } = this;
    if (this.emptiesQueue) state.drained = n > 0 && n < size;
    state.bulk = n > BULK;
    const length = Math.min(n, size); // with MSG_TRUNC, n can exceed the size
    return this.#scratch === undefined ? pooledResult(length) : takeResult(this.#scratch, length);
  }
}

/** Receives all requested bytes: MSG_WAITALL. */
class ReceiveAll extends ReceivingParts<Buffer> {
  override get syscall(): string {
    return 'recv';
  }

  protected readInto(scratch: Buffer, wanted: number): number {
    return unlessRefused(pinned.recv(this.fd, scratch, this.flags, wanted), RECV);
  }

  finish(): Buffer {
    return this.joined();
  }
}

/** Returns the operation for a size and flags. */
export function receiveOperation(owner: Owner, state: Readiness, size: number, flags: number): Operation<Buffer> {
  if (waitsForAll(owner, flags)) return new ReceiveAll(owner, state, size, flags);
  const operation = reuseOrCreate(Receive, owner, state, sizeOf(size), flags);
  operation.emptiesQueue = flags === 0 && owner.type === SOCK_STREAM;
  return operation;
}
