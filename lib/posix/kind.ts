/**
 * What a value is, whichever realm it comes from. `instanceof` asks for the prototype of this realm alone, which a value
 * of another one (a vm context, a test of jest) does not have, and which anybody can give to a plain object.
 */
import { types } from 'node:util';

// Taken once, so that what a program puts in their place later is not asked.
export const isArrayBuffer: (value: unknown) => value is ArrayBuffer = types.isArrayBuffer;
export const isDataView: (value: unknown) => value is DataView = types.isDataView;
export const isInt32Array: (value: unknown) => value is Int32Array = types.isInt32Array;
export const isNativeError: (value: unknown) => value is Error = types.isNativeError;
export const isUint8Array: (value: unknown) => value is Uint8Array = types.isUint8Array;
