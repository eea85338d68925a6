import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { need, node } from '../helpers/need.ts';
import { MAJORS, nodeLine, nodeOf } from '../helpers/node-versions.ts';

const script = join(import.meta.dirname, 'shared-memory.js');

function run(program: string, ...options: string[]): void {
  const { status, signal, stdout, stderr } = spawnSync(program, ['--no-warnings', script, ...options], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  expect(stdout).toMatch(/^shared memory: \d+ calls/);
}

describe('memory that changes under a call', () => {
  test('no more is written, no descriptor is lost', { timeout: 130_000 }, (context) => {
    need(context, node);
    run(process.execPath, '--rounds=10');
  });

  for (const major of MAJORS) {
    test(`Node ${major}`, { timeout: 130_000 }, (context) => {
      need(context, nodeLine(major));
      run(nodeOf(major)!, '--rounds=4', `--seed=${major}`);
    });
  }
});
