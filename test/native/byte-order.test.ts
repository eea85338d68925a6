import { readdirSync, readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LITTLE } from '../../lib/native/byte-order.ts';

const lib = join(import.meta.dirname, '../../lib');

/** Formats with a byte order of their own: captures, and the binary of the addon. */
const OWN_ORDER = /^(?:packet\/file\/|native\/binary-)/;

test('LITTLE is the byte order that Node reports', () => {
  expect(LITTLE).toBe(endianness() === 'LE');
});

test('nothing but a file is read or written as little-endian: structs of C have the byte order of the host', () => {
  // On a little-endian machine, no other test fails for this, whereas the opposite fault is noticed at once.
  const literal = /\b[gs]et(?:Big)?(?:Int|Uint|Float)(?:16|32|64)\([^;{}]*?,\s*true\s*,?\s*\)|\b(?:read|write)\w+LE\(/g;
  const found = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !OWN_ORDER.test(file))
    .flatMap((file) => {
      const code = readFileSync(join(lib, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
      return [...code.matchAll(literal)].map(([call]) => `${file}: ${call}`);
    });
  expect(found).toEqual([]);
});
