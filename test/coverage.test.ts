import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { need, program } from './helpers/need.ts';
import { python } from './helpers/python.ts';

const root = join(import.meta.dirname, '..');

test('docs/options.md agrees with the tables of options and control messages', () => {
  execFileSync(process.execPath, [join(root, 'scripts/option-list.js'), '--check']);
});

test('docs/options.md names the value of each option by a type that the package exports, or by one of the language', () => {
  const text = readFileSync(join(root, 'docs/options.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `\w+` \| `\w+` \| `(\w+)(?:\[\])?` \| (?:get|set)/gm)];
  expect(rows.length).toBeGreaterThan(150);
  const exported = new Set(readFileSync(join(root, 'lib/index.ts'), 'utf8').match(/\w+/g));
  const known = (type: string) =>
    ['boolean', 'number', 'bigint', 'string', 'Buffer'].includes(type) || exported.has(type);
  expect(rows.map(([, type = '']) => type).filter((type) => !known(type))).toEqual([]);
});

test('docs/coverage.md agrees with the exports and the reasons, and has no empty cell', () => {
  execFileSync(process.execPath, [join(root, 'scripts/coverage.js'), '--check']);
  const text = readFileSync(join(root, 'docs/coverage.md'), 'utf8');
  expect(text).not.toMatch(/\| *\|/);
});

test("every name of this machine's Python socket module is in the table", (context) => {
  need(context, program('python3'));
  const script = "import socket as module; print(json.dumps([n for n in dir(module) if not n.startswith('_')]))";
  const text = readFileSync(join(root, 'docs/coverage.md'), 'utf8');
  expect(python<string[]>(script).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});
