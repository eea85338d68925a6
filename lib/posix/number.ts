/** Numbers in structs: the byte order of this machine, and the refusal of what a field cannot hold. */
import { invalidType, outOfRange } from './errno.ts';

/** Whether this machine stores the low byte first: the last argument of DataView's methods, for host byte order. */
export const LITTLE: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

const INT_MAX = 0x7fffffff;

/** An integer from `min` to `max`, else a TypeError or RangeError that names it; `absent` stands for undefined. */
export function integer(value: unknown, name: string, min: number, max: number, absent?: number): number {
  if (value === undefined && absent !== undefined) return absent;
  if (typeof value !== 'number') throw invalidType(name, 'a number');
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(name, `an integer from ${min} to ${max}`);
  }
  return value;
}

/** An unsigned char. */
export function uint8(value: unknown, name: string, absent?: number): number {
  return integer(value, name, 0, 0xff, absent);
}

/** An unsigned short. */
export function uint16(value: unknown, name: string, absent?: number): number {
  return integer(value, name, 0, 0xffff, absent);
}

/** An unsigned int. */
export function uint32(value: unknown, name: string, absent?: number): number {
  return integer(value, name, 0, 0xffffffff, absent);
}

/** An int. */
export function int32(value: unknown, name: string): number {
  return integer(value, name, -INT_MAX - 1, INT_MAX);
}

/** How much is allocated here: 0 to INT_MAX. */
export function count(value: unknown, name: string): number {
  return integer(value, name, 0, INT_MAX);
}
