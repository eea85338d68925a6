/** Checks of the objects in which a caller of `sys-socket/nothrow` receives further results. */

import { invalidType, invalidValue } from '../argument/argument-error.ts';
import { isInt32Array, isView } from '../argument/kind.ts';
import { assertObject } from '../argument/snapshot.ts';
import type { SockaddrStorage } from '../struct/address.ts';

/**
 * Clears the storage for a result before the call. If it could not be written after the call, the result would be lost.
 */
export function prepare<T extends object, K extends keyof T>(target: T, key: K, empty: T[K], name: string): void {
  if (!Reflect.set(target, key, empty)) throw invalidValue(name, 'an object that can be written');
}

/** Returns the bytes of the storage for an address. The storage is empty until the call has filled it. */
export function storageBytes(storage: SockaddrStorage, name: string): Uint8Array {
  const { bytes } = assertObject(storage, name);
  if (!isView(bytes)) throw invalidType(name, 'a SockaddrStorage');
  prepare(storage, 'length', 0, name);
  return bytes;
}

/** Throws unless the value can hold ints. A Uint8Array would truncate file descriptors. */
export function ints(value: number[] | Int32Array, count: number, name: string): void {
  if (!Array.isArray(value) && !isInt32Array(value)) throw invalidType(name, 'an array or an Int32Array');
  if (isInt32Array(value) ? value.length < count : Object.isFrozen(value)) {
    throw invalidValue(name, `one that can hold ${count} results`);
  }
}
