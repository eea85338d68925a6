/**
 * The memory of received data. Each result has its own memory, at most twice as large as the data. A small result is
 * part of a pool, like those of `Buffer.allocUnsafe`: results of up to 64 bytes come from pools of 1 KiB, and those of
 * up to 2 KiB from pools of 8 KiB. No memory is reserved while an operation waits.
 */
import { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';
import * as pinned from '../../call/pinned.ts';
import { MSG_TRUNC, SOCK_STREAM } from '../../native/constants.ts';
import { POOLED_MOST, TINY_RESULT } from '../../native/contract.ts';
import { native } from '../../native/native.ts';
import type { Owner } from './operation.ts';

/** The maximum number of bytes of a read without a size. */
export const CHUNK: number = POOLED_MOST;
/** The largest buffer that is kept for the next read. */
const LARGEST = 1 << 20;

/** The buffer for reads of up to CHUNK bytes, and one for larger reads. */
let scratch = Buffer.allocUnsafeSlow(CHUNK);
let large: Buffer | undefined;

/** Returns whether a receive returns a length and may write nothing: with MSG_TRUNC, TCP discards the data (tcp(7)). */
export function mayDiscard({ type }: Owner, flags: number): boolean {
  return (flags & MSG_TRUNC) !== 0 && type === SOCK_STREAM;
}

/**
 * Returns a buffer for one read of up to `size` bytes. The next read overwrites it, unless `takeResult` has given it away.
 * If the read may discard the data, the buffer contains zeros, and nothing that was received before.
 */
export function scratchBuffer(size: number, discards = false): Buffer {
  if (discards) return Buffer.from(new ArrayBuffer(size));
  if (size <= CHUNK) return scratch;
  if (large !== undefined && large.length >= size) return large;
  const buffer = Buffer.from(new ArrayBuffer(size));
  if (size <= LARGEST) large = buffer;
  return buffer;
}

/**
 * Returns the first n bytes of a buffer. If they fill more than half of it, the buffer itself is given away; otherwise
 * they are copied.
 */
export function takeResult(from: Buffer, n: number): Buffer {
  if (n > from.length / 2) {
    if (from === scratch) scratch = Buffer.allocUnsafeSlow(CHUNK);
    else if (from === large) large = undefined;
    return from.subarray(0, n);
  }
  const data = Buffer.allocUnsafe(n);
  from.copy(data, 0, 0, n);
  return data;
}

/** Creates the memory of a pool. Like that of `Buffer`, it cannot be transferred, because several results share it. */
function memory(size: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(size);
  markAsUntransferable(buffer.buffer);
  return buffer;
}

interface Pool extends pinned.Pool {
  memory: Buffer;
}

/** There are two pools, so that a tiny result that the program keeps for long retains little other memory. */
export const pool: Pool = { memory: memory(8192), used: 0 };
export const tinyPool: Pool = { memory: memory(1024), used: 0 };

/** Returns the n bytes that `pinned.recvPooled` has just received with these pools. No native call may come between. */
export function pooledResult(n: number): Buffer {
  const from = n <= TINY_RESULT ? tinyPool : pool;
  if (!pinned.isPooled()) {
    const data = Buffer.allocUnsafeSlow(n);
    if (n > 0) native.received(data);
    if (from.used > 0 && n <= from.memory.length / 4) {
      from.memory = memory(from.memory.length);
      from.used = 0;
    }
    return data;
  }
  const { used } = from;
  const data = from.memory.subarray(used, used + n);
  from.used = used + ((n + 7) & ~7);
  return data;
}
