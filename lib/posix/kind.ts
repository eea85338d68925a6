/**
 * What a value is, whichever realm it comes from. `instanceof` asks for the prototype of this realm alone, which a value
 * of another one (a vm context, a test of jest) does not have, and which anybody can give to a plain object.
 */
import { types } from 'node:util';

// Taken once, so that what a program puts in their place later is not asked.
export const isArrayBuffer: (value: unknown) => value is ArrayBuffer = types.isArrayBuffer;
export const isInt32Array: (value: unknown) => value is Int32Array = types.isInt32Array;
export const isNativeError: (value: unknown) => value is Error = types.isNativeError;
export const isUint8Array: (value: unknown) => value is Uint8Array = types.isUint8Array;

const isAnyArrayBuffer = types.isAnyArrayBuffer;
const bufferOf = Function.prototype.call.bind(Object.getOwnPropertyDescriptor(DataView.prototype, 'buffer')!.get!) as (
  value: unknown,
) => ArrayBufferLike;

/**
 * Whether a value is a DataView. The DataView itself is asked: the optimizing compiler of V8 13.6 (Node 24) makes
 * `ArrayBuffer.isView`, and with it `types.isDataView`, false where it knows that the value is one.
 */
export function isDataView(value: unknown): value is DataView {
  try {
    return bufferOf(value) !== undefined;
  } catch {
    return false; // any other value
  }
}

/** Whether a value is a typed array or a DataView: `ArrayBuffer.isView`, without the mistake that `isDataView` tells of. */
export function isView(value: unknown): value is ArrayBufferView {
  return ArrayBuffer.isView(value) || (typeof value === 'object' && !isAnyArrayBuffer(value) && isDataView(value));
}

/** Throws for a typed array whose memory is gone, and does nothing else to one without bytes. */
const validate = Function.prototype.call.bind(Object.getPrototypeOf(Uint8Array.prototype).indexOf) as (
  array: unknown,
  element: number,
) => number;

/**
 * Whether the memory of bytes is gone: transferred, or shrunk below them. Only bytes whose `byteLength` is 0 are asked. Their
 * `length` does not tell: in Node 20 and 22, code that V8 optimized after it met resizable memory has the length from before.
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

/** The length of bytes, 0 where their memory is gone; undefined for what has none. */
export function byteLengthOf(value: unknown): number | undefined {
  try {
    const length = (value as Partial<ArrayBufferView> | null | undefined)?.byteLength;
    return typeof length === 'number' ? length : undefined;
  } catch {
    return isDataView(value) ? 0 : undefined; // a proxy of bytes has no length
  }
}

/** Bytes as a Uint8Array on the same memory; none where it is gone. */
export function onSameMemory(value: ArrayBufferView | ArrayBuffer): Uint8Array {
  if (byteLengthOf(value) === 0) return new Uint8Array(0);
  return isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);
}
