/** The number of bytes that a message consists of, or has room for. */
import { byteLengthOf } from '../../argument/kind.ts';
import type { Bytes } from '../../native/native.ts';

/** Returns the number of bytes in the buffers of a message. The system call rejects anything that is not a buffer. */
export function messageSize(list: readonly Bytes[]): number {
  let size = 0;
  for (let i = 0; i < list.length; i++) size += byteLengthOf(list[i]) ?? 1;
  return size;
}
