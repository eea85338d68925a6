import { availableParallelism } from 'node:os';
import type { ViteUserConfig } from 'vitest/config';
import { SkipsReporter } from './test/helpers/skips.ts';

const config: ViteUserConfig = {
  // Nothing is written beside the sources, so that a user who may only read them can run the tests.
  cacheDir: `/tmp/sys-socket-vite-${process.getuid?.() ?? 0}`,
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/helpers/setup.ts'],
    pool: 'forks',
    // Two at least: most tests wait for other programs.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 120_000, // for what hangs, not for what is slow: other work may load the machine
    // Their collectors close what tests dropped at other times than Node's: tests that count descriptors see that.
    retry: 'Bun' in globalThis || 'Deno' in globalThis ? 2 : 0,
    reporters: ['default', new SkipsReporter()],
  },
};

export default config;
