/** Hands file descriptors over to node:net, node:http and node:dgram, on every line of Node that the package supports. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { HANGING } from '../helpers/limits.ts';
import { need } from '../helpers/need.ts';
import { MAJORS, nodeLine, nodeOf } from '../helpers/node-versions.ts';

const script = join(import.meta.dirname, '../helpers/handover.js');

async function handover(node: string): Promise<{ version: string; passed: string[]; failed: Record<string, string> }> {
  const options = { encoding: 'utf8', timeout: HANGING, env: { ...process.env, NODE_OPTIONS: '' } } as const;
  // A failed check ends with status 1, and its name is printed all the same.
  const { stdout, stderr } = await promisify(execFile)(node, [script], options).catch((error) => error);
  expect(stderr).toBe(''); // no deprecation warning either
  return JSON.parse(stdout);
}

test('the modules of this version of Node take over file descriptors', async () => {
  const { version, passed, failed } = await handover(process.execPath);
  expect(failed).toEqual({});
  expect(version).toBe(process.version);
  expect(passed.length).toBeGreaterThan(10);
});

test.for(MAJORS)('the modules of Node %i take over file descriptors', async (major, context) => {
  need(context, nodeLine(major));
  const { version, passed, failed } = await handover(nodeOf(major)!);
  expect(failed).toEqual({});
  expect(version).toMatch(new RegExp(`^v${major}\\.`));
  expect(passed.length).toBeGreaterThan(10);
});
