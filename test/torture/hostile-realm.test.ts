import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HANGING } from '../helpers/limits.ts';
import { need, node } from '../helpers/need.ts';
import { MAJORS, nodeLine, nodeOf } from '../helpers/node-versions.ts';

const script = join(import.meta.dirname, 'hostile-realm.js');

function run(program: string, ...options: string[]): void {
  const { status, signal, stdout, stderr } = spawnSync(program, options, { encoding: 'utf8', timeout: HANGING });
  expect({ status, signal, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  expect(stdout).toMatch(/^\d+ built-ins were replaced/);
}

describe('built-ins that a program has replaced', () => {
  test('see no memory that native code keeps', (context) => {
    need(context, node);
    run(process.execPath, script, 'record');
  });

  test('crash nothing when they detach buffers', (context) => {
    need(context, node);
    run(process.execPath, script, 'steal');
  });

  test('frozen built-ins cause no failure', (context) => {
    need(context, node);
    run(process.execPath, '--frozen-intrinsics', '--no-warnings', script, 'plain');
  });

  for (const major of MAJORS) {
    test(`Node ${major}`, (context) => {
      need(context, nodeLine(major));
      for (const mode of ['record', 'steal']) run(nodeOf(major)!, script, mode);
    });
  }
});
