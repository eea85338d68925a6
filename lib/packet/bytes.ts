/** Numbers in network byte order, and the refusal of values that a field cannot hold. */

import { invalidType } from '../posix/errno.ts';
import { byteLengthOf, isArrayBuffer, isUint8Array, isView, onSameMemory } from '../posix/kind.ts';
import type { Bytes } from '../posix/native.ts';
import { integer } from '../posix/number.ts';
import { attached } from '../posix/snapshot.ts';

export { uint8, uint16, uint32 } from '../posix/number.ts';

/** A 16-bit number in network order. */
export function get16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** A 32-bit number in network order, never negative. */
export function get32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Writes a 16-bit number in network order. */
export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes a 32-bit number in network order. */
export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** A field that is an integer from 0 to `max`; `absent` is the value of one that was not given. */
export function uint(value: unknown, max: number, name: string, absent?: number): number {
  return integer(value, name, 0, max, absent);
}

/** A field that is bytes; none when it was not given. */
export function data(value: unknown, name: string): Uint8Array {
  if (value === undefined) return NONE;
  return attached(value, name);
}

const NONE = new Uint8Array(0);

/** Refuses what is no array. */
export function list<T>(value: readonly T[], name: string): readonly T[] {
  if (!Array.isArray(value)) throw invalidType(name, 'an array');
  return value;
}

/** Any bytes as a Uint8Array on the same memory. */
export function asBytes(value: Bytes, name: string): Uint8Array {
  // A proxy of one that has a length is taken too: this memory is read in JavaScript alone.
  if (isUint8Array(value) && value.byteLength > 0) return value;
  if (!isUint8Array(value) && value instanceof Uint8Array && byteLengthOf(value) !== undefined) return value;
  if (isView(value) || isArrayBuffer(value)) return onSameMemory(value);
  throw invalidType(name, 'an ArrayBufferView or an ArrayBuffer');
}

/** Whether a value is what `asBytes` takes. */
export function isBytes(value: unknown): value is Bytes {
  return isArrayBuffer(value) || value instanceof Uint8Array || value instanceof DataView || ArrayBuffer.isView(value);
}

/** A size rounded up to a multiple. */
export function roundUp(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}
