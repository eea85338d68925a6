/** Bytes and integers that fast-check generates, and a property of every decoder. */
import fc from 'fast-check';
import { expect } from 'vitest';

export const uint8: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xff });
export const uint16: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffff });
export const uint32: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffffffff });

/** Generates from `min` to `max` bytes. */
export function some(min: number, max: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength: min, maxLength: max, size: 'max' }).map((bytes) => Buffer.from(bytes));
}

/**
 * Checks that a decoder's result depends neither on bytes beyond the length nor on the position in memory.
 *
 * @param input The bytes to decode.
 * @param longest The largest length that is tried, also beyond the bytes.
 * @param decode The decoder, which is given bytes and a length.
 */
export function expectSameAnywhere(
  input: fc.Arbitrary<Buffer>,
  longest: number,
  decode: (bytes: Buffer, length: number) => unknown,
  numRuns: number,
): void {
  fc.assert(
    fc.property(input, fc.nat(longest), some(0, 9), some(0, 40), (bytes, length, before, after) => {
      const size = Math.min(length, bytes.length);
      const moved = Buffer.concat([before, bytes.subarray(0, size), after]).subarray(before.length);
      expect(decode(moved, size)).toEqual(decode(bytes, length));
    }),
    { numRuns },
  );
}
