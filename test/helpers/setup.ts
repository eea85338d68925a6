/** Runs before every test file. */
import { join } from 'node:path';
import { beforeEach } from 'vitest';
import { differences } from './differences.ts';

// Under AddressSanitizer, only Node runs with the preloaded runtime: other programs run without it, and a wrapper
// restores it for child processes of Node (scripts/test-asan.sh).
if (process.env.SANITIZED_NODE !== undefined) {
  delete process.env.LD_PRELOAD;
  process.execPath = process.env.SANITIZED_NODE;
}

if ('Deno' in globalThis) {
  // Child processes are started with the command line of Node, also by other programs.
  process.env.DENO ??= process.execPath;
  process.execPath = join(import.meta.dirname, 'deno-node.sh');
  // The first listener for a signal creates two sockets, which are not ours.
  process.on('SIGUSR2', () => {});
}

if (differences.length > 0) {
  beforeEach((context) => {
    const known = differences.find(({ tests }) => tests.some((test) => test.test(context.task.fullName)));
    if (known !== undefined) context.skip(known.reason);
  });
}
