/** The numbers that C++ and TypeScript share. constants.test.ts checks that both have the values of native/contract.def. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as contract from '../../lib/native/contract.ts';
import { out } from '../../lib/native/native.ts';

const root = join(import.meta.dirname, '../..');
const indexes = Object.entries(contract)
  .filter(([name]) => name.startsWith('OUT_') && name !== 'OUT_LENGTH')
  .map(([name, index]) => [name, index as number] as const);

test('the addon created `out` with the length of the contract, and every index is within it', () => {
  expect(out.length).toBe(contract.OUT_LENGTH);
  expect(indexes.length).toBeGreaterThan(10);
  expect(indexes.filter(([, index]) => index < 0 || index >= out.length)).toEqual([]);
});

test('no two results of one call have the same index', () => {
  // Only the first results of different calls share an index.
  const first = ['OUT_VALUE', 'OUT_OPTION_LENGTH', 'OUT_PAIR_FIRST', 'OUT_PAIR_SECOND'];
  const others = indexes.filter(([name]) => !first.includes(name)).map(([, index]) => index);
  expect(new Set(others).size).toBe(others.length);
  expect(contract.OUT_PAIR_FIRST).not.toBe(contract.OUT_PAIR_SECOND);
});

test('neither side has an index of its own', () => {
  const files = ['native', 'lib'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(cc|h|ts)$/.test(name))
      .map((name) => join(folder, name)),
  );
  expect(files.length).toBeGreaterThan(200);
  expect(files.filter((file) => /\bout(\(\))?\[\d/.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
});
