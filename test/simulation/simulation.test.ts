/** The event loop under a simulated kernel: orders, faults and limits that a real one does not produce on demand. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { need, node } from '../helpers/need.ts';

/** The number of schedules in each test; `npm run test:stress -- schedules` runs a million. */
const SCHEDULES = 20_000;

function simulate(...options: string[]) {
  const program = [join(import.meta.dirname, 'run.js'), `--count=${SCHEDULES}`, '--workers=2', ...options];
  return spawnSync(process.execPath, program, { encoding: 'utf8' });
}

test('no operation is lost, starved, settled twice or left behind', (context) => {
  need(context, node);
  const { status, stdout, stderr } = simulate();
  expect(stderr).toBe('');
  expect(stdout).toContain(`${SCHEDULES} schedules`);
  expect(status).toBe(0);
});

// 5953497: an error that a reader had received was also reported to a writer in the same turn. 20318108: a sendAll that could not
// wait (ENOSPC) did not say how much it had sent. 20545162, 30242622: connections() was late to time out after a connection that was aborted.
test.for([5953497, 20318108, 20545162, 30242622])('a schedule that once failed passes: %i', (seed, context) => {
  need(context, node);
  const { status, stdout } = spawnSync(process.execPath, [join(import.meta.dirname, 'run.js'), `--seed=${seed}`], {
    encoding: 'utf8',
  });
  expect(stdout).toContain('nothing is violated');
  expect(status).toBe(0);
});

test.for(['lost-wake-up', 'double-resolve', 'budget-of-the-process', 'no-budget', 'no-last-try', 'told-once'])(
  'a planted defect is found: %s',
  (defect, context) => {
    need(context, node);
    const { status, stdout } = simulate(`--defect=${defect}`);
    expect(stdout).toMatch(/^VIOLATED by seed \d+: [\s\S]*replay: node test\/simulation\/run.js --seed=\d+/);
    expect(stdout).not.toMatch(/thrown|uncaught/);
    expect(status).toBe(1);
  },
);
