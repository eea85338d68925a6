/** The event loop under a simulated kernel: orders, faults and limits that no real one gives when it is asked. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { need, node } from '../helpers/need.ts';

/** As many are run in each test; `npm run test:stress -- schedules` runs a million. */
const SCHEDULES = 20_000;

function simulate(...options: string[]) {
  const program = [join(import.meta.dirname, 'run.js'), `--count=${SCHEDULES}`, '--workers=2', ...options];
  return spawnSync(process.execPath, program, { encoding: 'utf8' });
}

test('nothing is lost, starved, settled twice or left behind', { timeout: 300_000 }, (context) => {
  need(context, node);
  const { status, stdout, stderr } = simulate();
  expect(stderr).toBe('');
  expect(stdout).toContain(`${SCHEDULES} schedules`);
  expect(status).toBe(0);
});

test.for(['lost-wake-up', 'double-resolve', 'budget-of-the-process', 'no-budget', 'no-last-try', 'told-once'])(
  'a planted defect is found: %s',
  { timeout: 300_000 },
  (defect, context) => {
    need(context, node);
    const { status, stdout } = simulate(`--defect=${defect}`);
    expect(stdout).toMatch(/^VIOLATED by seed \d+: [\s\S]*replay: node test\/simulation\/run.js --seed=\d+/);
    expect(stdout).not.toMatch(/thrown|uncaught/);
    expect(status).toBe(1);
  },
);
