import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folder } from './helpers/fixtures.ts';
import { HANGING } from './helpers/limits.ts';
import { need, program } from './helpers/need.ts';

test('every call reports every errno of Linux, with its name and system call, and leaks no file descriptor', (context) => {
  need(context, program('cc'));
  const helpers = join(import.meta.dirname, 'helpers');
  const shim = join(folder(), 'shim.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, join(helpers, 'fault-shim.c'), '-ldl']);
  const said = execFileSync(process.execPath, [join(helpers, 'fault-matrix.js')], {
    encoding: 'utf8',
    env: { ...process.env, LD_PRELOAD: shim },
    timeout: HANGING,
  });
  const { calls, errnos, cells } = JSON.parse(said);
  expect(calls).toBeGreaterThanOrEqual(30);
  expect(errnos).toBeGreaterThanOrEqual(131);
  expect(cells).toBeGreaterThan(calls * errnos);
});
