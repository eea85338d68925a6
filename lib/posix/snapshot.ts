/** Copies of what users hand in, made before a call reads it: own properties, each read once, and no user code after. */
import { Buffer } from 'node:buffer';
import { invalidType, invalidValue, outOfRange } from './errno.ts';
import { byteLengthOf, isGone, isUint8Array } from './kind.ts';
import type { Bytes } from './native.ts';

/** The kernel looks at no more than UIO_MAXIOV buffers: of a longer list it judges the count alone. */
const MOST_BUFFERS = 1025;

/** An own property, or undefined: what a polluted prototype supplies does not count. */
export function own<T extends object, K extends keyof T>(object: T, key: K): T[K] | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** An own property, or what stands for one that was left out. */
export function ownOr<T extends object, K extends keyof T, D>(object: T, key: K, absent: D): NonNullable<T[K]> | D {
  const value = own(object, key);
  return value === undefined ? absent : (value as NonNullable<T[K]>);
}

/** Refuses what is not an object. */
export function object<T>(value: T, name: string): T & object {
  if (typeof value !== 'object' || value === null) throw invalidType(name, 'an object');
  return value;
}

/** Refuses what is not a Uint8Array. */
export function uint8Array(value: unknown, name: string): Uint8Array {
  if (!isUint8Array(value)) throw invalidType(name, 'a Uint8Array');
  return value;
}

/** Refuses bytes whose memory is gone: what is made of them would be another thing, as an address without a path. */
export function present<T extends Bytes>(value: T, name: string): T {
  if (byteLengthOf(value) === 0 && isGone(value)) {
    throw invalidValue(name, 'attached: its memory was transferred or shrunk');
  }
  return value;
}

/** Refuses what is not a Uint8Array, and one whose memory is gone. */
export function attached(value: unknown, name: string, expected = 'a Uint8Array'): Uint8Array {
  if (!isUint8Array(value)) throw invalidType(name, expected);
  return present(value, name);
}

/** A plain array of the same buffers; strings, where allowed, as UTF-8 bytes. */
export function buffers(list: readonly (Bytes | string)[], name: string, strings = false): Bytes[] {
  if (!Array.isArray(list)) throw invalidType(name, 'an array of ArrayBufferViews or ArrayBuffers');
  return elements(list, name, MOST_BUFFERS, (item) =>
    strings && typeof item === 'string' ? Buffer.from(item) : (item as Bytes),
  );
}

/**
 * The own elements of an array, each read once: a hole is `undefined`. They are defined, not assigned or appended, as
 * accessors on a polluted Array.prototype would swallow them.
 */
export function elements<T, U>(
  list: readonly T[],
  name: string,
  most: number,
  take: (item: T | undefined, i: number) => U,
): U[] {
  const length: unknown = list.length;
  if (typeof length !== 'number') throw invalidType(name, 'an array'); // of a proxy it may be anything
  const count = Math.min(length, most);
  if (!(count >= 0)) throw outOfRange(name, 'an array with a length');
  if (count === 1) return [take(own(list, 0), 0)];
  const copy: U[] = [];
  for (let i = 0; i < count; i++) {
    const value = take(own(list, i), i);
    Object.defineProperty(copy, i, { value, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}

/** The bytes of a string in UTF-8, or the value as it is. */
export function bytes(data: Bytes | string): Bytes {
  return typeof data === 'string' ? Buffer.from(data) : data;
}
