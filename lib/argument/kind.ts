/**
 * Determines the type of a value from any realm. `instanceof` checks only for the prototype of this realm, which a value of
 * another realm (a vm context, a jest test) does not have, and which a program can give to any plain object.
 */
import { types } from 'node:util';

// These are read once, so that functions with which a program later replaces them are not called.
export const isArrayBuffer: (value: unknown) => value is ArrayBuffer = types.isArrayBuffer;
export const isInt32Array: (value: unknown) => value is Int32Array = types.isInt32Array;
export const isNativeError: (value: unknown) => value is Error = types.isNativeError;
export const isUint8Array: (value: unknown) => value is Uint8Array = types.isUint8Array;

const isAnyArrayBuffer = types.isAnyArrayBuffer;
const bufferOf = Function.prototype.call.bind(Object.getOwnPropertyDescriptor(DataView.prototype, 'buffer')!.get!) as (
  value: unknown,
) => ArrayBufferLike;

/**
 * Returns whether a value is a DataView. It reads a property that only a DataView has, because the optimizing compiler of
 * V8 13.6 (Node 24) makes `ArrayBuffer.isView`, and with it `types.isDataView`, return false where it knows that the value is one.
 */
export function isDataView(value: unknown): value is DataView {
  try {
    return bufferOf(value) !== undefined;
  } catch {
    return false; // any other value
  }
}

/** Returns whether a value is a typed array or a DataView, like `ArrayBuffer.isView` but without the bug described at `isDataView`. */
export function isView(value: unknown): value is ArrayBufferView {
  return ArrayBuffer.isView(value) || (typeof value === 'object' && !isAnyArrayBuffer(value) && isDataView(value));
}

/** Throws for a typed array whose memory is detached. It has no other effect on a typed array without bytes. */
const validate = Function.prototype.call.bind(Object.getPrototypeOf(Uint8Array.prototype).indexOf) as (
  array: unknown,
  element: number,
) => number;

/**
 * Returns whether the memory of bytes is gone: transferred, or shrunk below them. It is only called for bytes whose `byteLength`
 * is 0. Their `length` is not reliable: in Node 20 and 22, code that V8 optimized after it met resizable memory can return the
 * previous length.
 */
export function isGone(bytes: ArrayBufferView | ArrayBuffer): boolean {
  try {
    if (isArrayBuffer(bytes)) new Uint8Array(bytes);
    else if (isDataView(bytes)) void bytes.byteLength;
    else validate(bytes, 0);
    return false;
  } catch {
    return true;
  }
}

/** Returns the length of bytes, 0 if their memory is gone, or undefined for a value that has no length. */
export function byteLengthOf(value: unknown): number | undefined {
  try {
    const length = (value as Partial<ArrayBufferView> | null | undefined)?.byteLength;
    return typeof length === 'number' ? length : undefined;
  } catch {
    return isDataView(value) ? 0 : undefined; // a proxy of bytes has no length
  }
}

/** Returns a Uint8Array on the same memory, or an empty one if the memory is gone. */
export function onSameMemory(value: ArrayBufferView | ArrayBuffer): Uint8Array {
  if (byteLengthOf(value) === 0) return new Uint8Array(0);
  return isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);
}
