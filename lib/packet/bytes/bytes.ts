/** Integers in network byte order, and checks of values that do not fit into a field. */

import { invalidType } from '../../argument/argument-error.ts';
import { byteLengthOf, isArrayBuffer, isUint8Array, isView, onSameMemory } from '../../argument/kind.ts';
import { integer } from '../../argument/number.ts';
import { attached } from '../../argument/snapshot.ts';
import type { Bytes } from '../../native/native.ts';

export { uint8, uint16, uint32 } from '../../argument/number.ts';

/** Reads a 16-bit integer in network byte order. */
export function get16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Reads a 24-bit integer in network byte order. */
export function get24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** Reads an unsigned 32-bit integer in network byte order. */
export function get32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Writes a 16-bit integer in network byte order. */
export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes a 24-bit integer in network byte order. */
export function put24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 16;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value;
}

/** Writes a 32-bit integer in network byte order. */
export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Returns a field that is an integer from 0 to `max`. If the value is undefined, `absent` is used instead. */
export function uint(value: unknown, max: number, name: string, absent?: number): number {
  return integer(value, name, 0, max, absent);
}

/** Returns a field that is bytes. It is empty if the value is undefined. */
export function data(value: unknown, name: string): Uint8Array {
  if (value === undefined) return NONE;
  return attached(value, name);
}

const NONE = new Uint8Array(0);

/** Throws unless the value is an array. */
export function list<T>(value: readonly T[], name: string): readonly T[] {
  if (!Array.isArray(value)) throw invalidType(name, 'an array');
  return value;
}

/** Returns any bytes as a Uint8Array on the same memory. */
export function asBytes(value: Bytes, name: string): Uint8Array {
  // A proxy of a Uint8Array that has a length is accepted as well, because this memory is only read from JavaScript.
  if (isUint8Array(value) && value.byteLength > 0) return value;
  if (!isUint8Array(value) && value instanceof Uint8Array && byteLengthOf(value) !== undefined) return value;
  if (isView(value) || isArrayBuffer(value)) return onSameMemory(value);
  throw invalidType(name, 'an ArrayBufferView or an ArrayBuffer');
}

/** Returns whether `asBytes` accepts a value. */
export function isBytes(value: unknown): value is Bytes {
  return isArrayBuffer(value) || value instanceof Uint8Array || value instanceof DataView || ArrayBuffer.isView(value);
}

/** Rounds a size up to a multiple. */
export function roundUp(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}
