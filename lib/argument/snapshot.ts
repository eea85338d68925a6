/** Copies the arguments before a call uses them. Only own properties count, each is read once, and no user code runs afterwards. */
import { Buffer } from 'node:buffer';
import { MSG_ZEROCOPY } from '../native/constants.ts';
import { MAX_VECTOR } from '../native/contract.ts';
import type { Bytes } from '../native/native.ts';
import { invalidType, invalidValue, LIST_OF_BYTES_OR_TEXT, outOfRange } from './argument-error.ts';
import { byteLengthOf, isGone, isUint8Array } from './kind.ts';

/** How many buffers of a list are copied. For a list that is longer than MAX_VECTOR, the kernel only checks the count. */
const MOST_BUFFERS = MAX_VECTOR + 1;

/** Returns an own property or undefined. Properties from a polluted prototype do not count. */
export function ownProperty<T extends object, K extends keyof T>(object: T, key: K): T[K] | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Returns an own property, or `absent` if it was omitted. */
export function ownPropertyOr<T extends object, K extends keyof T, D>(
  object: T,
  key: K,
  absent: D,
): NonNullable<T[K]> | D {
  const value = ownProperty(object, key);
  return value === undefined ? absent : (value as NonNullable<T[K]>);
}

/** Throws unless the value is an object. */
export function assertObject<T>(value: T, name: string): T & object {
  if (typeof value !== 'object' || value === null) throw invalidType(name, 'an object');
  return value;
}

/** Throws unless the value is a Uint8Array. */
export function uint8Array(value: unknown, name: string): Uint8Array {
  if (!isUint8Array(value)) throw invalidType(name, 'a Uint8Array');
  return value;
}

/** Throws if the memory of the bytes is detached. Encoding them would produce something else, such as an address without a path. */
export function present<T extends Bytes>(value: T, name: string): T {
  if (byteLengthOf(value) === 0 && isGone(value)) {
    throw invalidValue(name, 'attached: its memory was transferred or shrunk');
  }
  return value;
}

/** Throws unless the value is a Uint8Array whose memory is not detached. */
export function attached(value: unknown, name: string, expected = 'a Uint8Array'): Uint8Array {
  if (!isUint8Array(value)) throw invalidType(name, expected);
  return present(value, name);
}

/**
 * Returns a plain array of the same buffers. Strings, where allowed, become UTF-8 bytes that are sent with these flags.
 */
export function buffers(list: readonly (Bytes | string)[], name: string, strings = false, flags = 0): Bytes[] {
  if (!Array.isArray(list)) {
    throw invalidType(name, strings ? LIST_OF_BYTES_OR_TEXT : 'an array of ArrayBufferViews or ArrayBuffers');
  }
  return copyElements(list, name, MOST_BUFFERS, (item) =>
    strings && typeof item === 'string' ? utf8(item, name, flags) : (item as Bytes),
  );
}

/**
 * Returns the own elements of an array, each read once. A hole is `undefined`. The elements are defined instead of assigned or
 * appended, because accessors on a polluted Array.prototype would swallow them.
 */
export function copyElements<T, U>(
  list: readonly T[],
  name: string,
  most: number,
  take: (item: T | undefined, i: number) => U,
): U[] {
  const length: unknown = list.length;
  if (typeof length !== 'number') throw invalidType(name, 'an array'); // the length of a proxy can be anything
  const count = Math.min(length, most);
  if (!(count >= 0)) throw outOfRange(name, 'an array with a length');
  if (count === 1) return [take(ownProperty(list, 0), 0)];
  const copy: U[] = [];
  for (let i = 0; i < count; i++) {
    const value = take(ownProperty(list, i), i);
    Object.defineProperty(copy, i, { value, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}

/**
 * Returns the UTF-8 bytes of a string that is sent with these flags. With MSG_ZEROCOPY, the kernel would read them after
 * the call, when their memory belongs to other data.
 */
export function utf8(text: string, name: string, flags: number): Uint8Array {
  const isInt = typeof flags === 'number' && (flags | 0) === flags; // the call rejects all others
  if (isInt && (flags & MSG_ZEROCOPY) !== 0) throw invalidType(name, 'bytes with MSG_ZEROCOPY');
  return Buffer.from(text);
}

/** Returns the UTF-8 bytes of a string that is sent with these flags, or any other value unchanged. */
export function bytes(data: Bytes | string, flags = 0): Bytes {
  return typeof data === 'string' ? utf8(data, 'data', flags) : data;
}
