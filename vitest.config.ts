import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { ViteUserConfig } from 'vitest/config';
import { SkipsReporter } from './test/helpers/skips.ts';

const lib = new URL('./lib/', import.meta.url).pathname;

/** Tests that mock a module of lib/, which only Vite's own modules allow. */
const mocking = ['test/loop/fairness.test.ts', 'test/socket/watch-limit.test.ts'];

/** What users load is tested, not a translation of Vite, which each test file would fetch module by module. */
const built = {
  name: 'lib-as-built',
  enforce: 'pre',
  resolveId(source: string, importer: string | undefined) {
    if (importer === undefined || !source.startsWith('.') || importer.startsWith(lib)) return undefined;
    if (mocking.some((file) => importer.endsWith(file))) return undefined;
    const path = resolve(dirname(importer), source);
    return path.startsWith(lib) ? path.replace(/\/lib\/(.*)\.ts$/, '/dist/$1.js') : undefined;
  },
} as const;

const config: ViteUserConfig = {
  plugins: [built],
  // Nothing is written beside the sources, so that a user who may only read them can run the tests.
  cacheDir: `/tmp/sys-socket-vite-${process.getuid?.() ?? 0}`,
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/helpers/setup.ts'],
    pool: 'forks',
    server: { deps: { external: [/\/dist\//] } },
    // Three at least: most tests wait for other programs.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    testTimeout: 300_000, // for what hangs, not for what is slow: other work may load the machine
    // Their collectors close what tests dropped at other times than Node's: tests that count descriptors see that.
    retry: 'Bun' in globalThis || 'Deno' in globalThis ? 2 : 0,
    reporters: ['default', new SkipsReporter()],
  },
};

export default config;
