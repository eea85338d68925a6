/** Checks that a number fits its field in a struct. */
import { invalidType, outOfRange } from './argument-error.ts';

const INT_MAX = 0x7fffffff;

/** Returns an integer from `min` to `max`, or throws a TypeError or RangeError that names it. `absent` replaces undefined. */
export function integer(value: unknown, name: string, min: number, max: number, absent?: number): number {
  if (value === undefined && absent !== undefined) return absent;
  if (typeof value !== 'number') throw invalidType(name, 'a number');
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(name, `an integer from ${min} to ${max}`);
  }
  return value;
}

/** Returns the value if it is an unsigned char; otherwise throws. */
export function uint8(value: unknown, name: string, absent?: number): number {
  return integer(value, name, 0, 0xff, absent);
}

/** Returns the value if it is an unsigned short; otherwise throws. */
export function uint16(value: unknown, name: string, absent?: number): number {
  return integer(value, name, 0, 0xffff, absent);
}

/** Returns the value if it is an unsigned int; otherwise throws. */
export function uint32(value: unknown, name: string, absent?: number): number {
  return integer(value, name, 0, 0xffffffff, absent);
}

/** Returns the value if it is an int; otherwise throws. */
export function int32(value: unknown, name: string): number {
  return integer(value, name, -INT_MAX - 1, INT_MAX);
}

/** Returns the size of an allocation if it is from 0 to INT_MAX; otherwise throws. */
export function count(value: unknown, name: string): number {
  return integer(value, name, 0, INT_MAX);
}
