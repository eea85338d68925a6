// Builds the addon; make decides what is out of date. `--debug` builds with AddressSanitizer and UBSan.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
const mode = process.argv.includes('--debug') ? ['--debug'] : ['--release'];

function run(...args) {
  const { status } = spawnSync(process.execPath, [gyp, '--loglevel=warn', ...args, ...mode], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(join(root, 'build/Makefile'))) run('configure');
run('build');
