/** Errors for arguments that C cannot express: they are thrown before the system call, with the codes that Node uses. */

/** Creates the error for an argument of the wrong type: Node's ERR_INVALID_ARG_TYPE. */
export function invalidType(name: string, expected: string): TypeError {
  return Object.assign(new TypeError(`The "${name}" argument must be ${expected}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

/** What a call accepts that sends strings as UTF-8. */
export const BYTES_OR_TEXT = 'an ArrayBufferView, an ArrayBuffer or a string';
/** What a call accepts that sends a list of these. */
export const LIST_OF_BYTES_OR_TEXT = 'an array of ArrayBufferViews, ArrayBuffers or strings';

/** Throws unless the value is a string. */
export function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw invalidType(name, 'a string');
  return value;
}

/** Creates the error for an argument of the right type that C cannot express: Node's ERR_INVALID_ARG_VALUE. */
export function invalidValue(name: string, expected: string): TypeError {
  return Object.assign(new TypeError(`The "${name}" argument must be ${expected}`), { code: 'ERR_INVALID_ARG_VALUE' });
}

/** Creates the error for a number outside the range of its C type: Node's ERR_OUT_OF_RANGE. */
export function outOfRange(name: string, expected: string): RangeError {
  return Object.assign(new RangeError(`The "${name}" argument must be ${expected}`), { code: 'ERR_OUT_OF_RANGE' });
}
