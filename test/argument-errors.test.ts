import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HANGING } from './helpers/limits.ts';
import { FORGOTTEN } from './helpers/scripts.ts';

test('whatever a function is given, its error has a code, and an argument error names the argument', () => {
  const program = join(import.meta.dirname, 'helpers/argument-errors.js');
  const { status, output } = spawnSync(process.execPath, [program], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: HANGING,
  });
  expect({ status, stderr: output[2]!.replaceAll(FORGOTTEN, '') }).toEqual({
    status: 0,
    stderr: '',
  });
  const { calls, faults } = JSON.parse(output[3]!);
  expect(faults).toEqual([]);
  expect(calls).toBeGreaterThan(50_000);
});
