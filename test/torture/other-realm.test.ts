import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HANGING } from '../helpers/limits.ts';
import { need } from '../helpers/need.ts';
import { MAJORS, nodeLine, nodeOf } from '../helpers/node-versions.ts';

const script = join(import.meta.dirname, 'other-realm.js');

describe('values of another realm are accepted, and the library works in a realm of its own', () => {
  for (const major of MAJORS) {
    test(`Node ${major}`, (context) => {
      need(context, nodeLine(major));
      const options = ['--experimental-vm-modules', '--no-warnings', script];
      const { stdout, stderr } = spawnSync(nodeOf(major)!, options, { encoding: 'utf8', timeout: HANGING });
      expect(stderr).toBe('');
      expect(stdout).toBe('ok\n');
    });
  }
});
