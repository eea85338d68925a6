/** The number of bytes that a message consists of, or has room for. */
import { assertObject } from '../../argument/snapshot.ts';
import type { Bytes } from '../../native/native.ts';

function lengthOf(buffer: Bytes | string): number {
  return typeof buffer === 'object' ? (buffer?.byteLength ?? 1) : 1;
}

/**
 * Returns the number of bytes in the buffers of a message. A string counts as one byte, because it cannot be detached. The
 * system call checks anything that is not a list of buffers.
 */
export function messageSize(message: { readonly buffers: readonly (Bytes | string)[] }): number {
  const { buffers } = assertObject(message, 'message');
  return Array.isArray(buffers) ? buffers.reduce((sum, buffer) => sum + lengthOf(buffer), 0) : 1;
}
