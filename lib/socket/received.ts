/**
 * The memory of what is received. A result owns its memory: at most twice as much as it holds, or, when it is small, a part
 * of a pool, as that of `Buffer.allocUnsafe` is: of 1 KiB up to 64 bytes, of 8 KiB up to 2 KiB. Nothing is reserved while an operation waits.
 */
import { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';
import { native } from '../posix/native.ts';
import * as pinned from '../posix/pinned.ts';

/** What a read takes when no size is given. */
export const CHUNK = 65536;
/** The largest room that is kept for the next read. */
const LARGEST = 1 << 20;

/** Where reads go whose data is then taken out. */
let scratch = Buffer.allocUnsafeSlow(CHUNK);
let large: Buffer | undefined;

/** Room for one read of so many bytes. What is in it is lost at the next read, unless `take` gives it away. */
export function room(size: number): Buffer {
  if (size <= CHUNK) return scratch;
  if (large !== undefined && large.length >= size) return large;
  const buffer = Buffer.from(new ArrayBuffer(size));
  if (size <= LARGEST) large = buffer;
  return buffer;
}

/** The first n bytes of a room. What fills most of it is given away as it is; less is copied. */
export function take(from: Buffer, n: number): Buffer {
  if (n > from.length / 2) {
    if (from === scratch) scratch = Buffer.allocUnsafeSlow(CHUNK);
    else if (from === large) large = undefined;
    return from.subarray(0, n);
  }
  const data = Buffer.allocUnsafe(n);
  from.copy(data, 0, 0, n);
  return data;
}

/** A new pool. As that of `Buffer`, it cannot be transferred: others have parts of it. */
function memory(size: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(size);
  markAsUntransferable(buffer.buffer);
  return buffer;
}

interface Pool {
  memory: Buffer;
  used: number;
}

/** Two of them, so that a tiny result which is kept for long keeps little beside it. */
const pool: Pool = { memory: memory(8192), used: 0 };
const tiny: Pool = { memory: memory(1024), used: 0 };
/** Whether the data of the last `receive` is in a pool. */
let pooled = false;

/** recv(2) of at most CHUNK bytes: n, -errno or a refusal. `received` gives the data, in the same turn. */
export function receive(fd: number, flags: number, size: number): number {
  const n = pinned.recvPooled(fd, flags, size, pool, tiny);
  pooled = pinned.isPooled();
  return n;
}

/** The n bytes that `receive` has just received. */
export function received(n: number): Buffer {
  const from = n <= pinned.TINY_RESULT ? tiny : pool;
  if (!pooled) {
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
