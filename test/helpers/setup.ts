/** Before every test file. */
import { join } from 'node:path';
import { beforeEach } from 'vitest';
import { differences } from './differences.ts';

// Under AddressSanitizer the preloaded runtime is for Node alone: other programs run without it, and child processes that
// are Node get it back through a wrapper (scripts/test-asan.sh).
if (process.env.SANITIZED_NODE !== undefined) {
  delete process.env.LD_PRELOAD;
  process.execPath = process.env.SANITIZED_NODE;
}

if ('Deno' in globalThis) {
  // Children are started with the command line of Node, also by other programs.
  process.env.DENO ??= process.execPath;
  process.execPath = join(import.meta.dirname, 'deno-node.sh');
  // The first signal that is listened to makes two sockets, which are none of ours.
  process.on('SIGUSR2', () => {});
}

if (differences.length > 0) {
  beforeEach((context) => {
    const known = differences.find(({ tests }) => tests.some((test) => test.test(context.task.fullName)));
    if (known !== undefined) context.skip(known.reason);
  });
}
