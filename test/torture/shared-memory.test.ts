import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HANGING } from '../helpers/limits.ts';
import { need, node } from '../helpers/need.ts';
import { MAJORS, nodeLine, nodeOf } from '../helpers/node-versions.ts';

const script = join(import.meta.dirname, 'shared-memory.js');

function run(program: string, ...options: string[]): void {
  const { status, signal, stdout, stderr } = spawnSync(program, ['--no-warnings', script, ...options], {
    encoding: 'utf8',
    timeout: HANGING,
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  expect(stdout).toMatch(/^shared memory: \d+ calls/);
}

describe('memory that changes during a call', () => {
  test('no byte is written beyond it, and no file descriptor is lost', (context) => {
    need(context, node);
    run(process.execPath, '--rounds=10');
  });

  // From about the fortieth round on, V8 has optimized the functions that look at the length.
  for (const major of MAJORS) {
    test(`a pending sendAll whose memory is detached is rejected in optimized code, too: Node ${major}`, {
      timeout: HANGING,
    }, (context) => {
      need(context, nodeLine(major));
      const module = JSON.stringify(join(import.meta.dirname, 'changed-buffers.js'));
      const code = `import(${module}).then((m) => m.changedBuffers(80, ['sendAll, waiting'])).then(console.log)`;
      const args = ['--no-warnings', '-e', code];
      const { signal, stdout, stderr } = spawnSync(nodeOf(major)!, args, { encoding: 'utf8', timeout: HANGING });
      expect([signal, stdout, stderr]).toEqual([null, expect.stringMatching(/^\d+\n$/), '']);
    });
  }

  for (const major of MAJORS) {
    test(`Node ${major}`, (context) => {
      need(context, nodeLine(major));
      run(nodeOf(major)!, '--rounds=4', `--seed=${major}`);
    });
  }
});
