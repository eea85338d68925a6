/**
 * The records that netlink data consists of. Each begins with its length, which includes its header, and is padded to 4
 * bytes: messages (NLMSG_ALIGN), attributes (RTA_ALIGN) and next hops (RTNH_ALIGN).
 */
import { Buffer } from 'node:buffer';
import { LITTLE } from '../native/byte-order.ts';

/** NLMSG_ALIGNTO, RTA_ALIGNTO and RTNH_ALIGNTO. */
const ALIGN = 4;

/** Returns the length of a record with its padding. */
export const align = (length: number): number => Math.ceil(length / ALIGN) * ALIGN;

/** The view of detached memory. */
const EMPTY = new DataView(new ArrayBuffer(0));

/** Returns a view of the same memory, or an empty view if the memory is detached. */
export function view(bytes: Uint8Array): DataView {
  if (bytes.byteLength === 0) return EMPTY;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The header of a kind of record: its size, and the size of the length at its beginning. */
export interface RecordHeader {
  readonly size: number;
  readonly length: 'uint16' | 'uint32';
}

/** Encodes records. The function writes the fields of a header that follow the length. */
export function encodeRecords<Part extends { readonly data: Uint8Array }>(
  parts: readonly Part[],
  { size, length }: RecordHeader,
  write: (to: DataView, at: number, part: Part) => void,
): Uint8Array {
  const bytes = Buffer.alloc(parts.reduce((sum, { data }) => sum + align(size + data.length), 0));
  const to = view(bytes);
  let at = 0;
  for (const part of parts) {
    const total = size + part.data.length;
    if (length === 'uint16') to.setUint16(at, total, LITTLE);
    else to.setUint32(at, total, LITTLE);
    write(to, at, part);
    bytes.set(part.data, at + size);
    at += align(total);
  }
  return bytes;
}

/**
 * Decodes the records in the first `end` bytes. It stops where C's NLMSG_OK, RTA_OK and RTNH_OK do: at a record that is
 * incomplete, or whose length is less than that of its header. The function is called with a view of all bytes, the offset
 * of the header, and the bytes that follow it.
 */
export function decodeRecords<Entry>(
  bytes: Uint8Array,
  { size, length }: RecordHeader,
  read: (from: DataView, at: number, data: Uint8Array) => Entry,
  end: number = bytes.byteLength,
): Entry[] {
  const entries: Entry[] = [];
  const from = view(bytes);
  let at = 0;
  while (end - at >= size) {
    const total = length === 'uint16' ? from.getUint16(at, LITTLE) : from.getUint32(at, LITTLE);
    if (total < size || total > end - at) break;
    entries.push(read(from, at, bytes.subarray(at + size, at + total)));
    at += align(total);
  }
  return entries;
}
