// Builds the addon; make decides what is out of date. `--debug` builds it with AddressSanitizer and UBSan, and
// `--directory=<folder>` builds the binding.gyp of another folder.
//   npm run build:native [-- --debug] [-- --directory=<folder>]
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');
const folder =
  process.argv.find((argument) => argument.startsWith('--directory='))?.slice('--directory='.length) ?? '.';
const cwd = resolve(root, folder);
const gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
const options = ['--loglevel=warn', process.argv.includes('--debug') ? '--debug' : '--release'];

// If Node was installed with its headers, node-gyp does not have to download them.
const prefix = dirname(dirname(process.execPath));
const version = join(prefix, 'include/node/node_version.h');
const [major, minor, patch] = process.versions.node.split('.');
if (
  existsSync(version) &&
  [`MAJOR_VERSION ${major}`, `MINOR_VERSION ${minor}`, `PATCH_VERSION ${patch}`].every((line) =>
    readFileSync(version, 'utf8').includes(line),
  )
) {
  options.push(`--nodedir=${prefix}`);
}

function run(...args) {
  const { status } = spawnSync(process.execPath, [gyp, ...args, ...options], { cwd, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

// The package has no binding.gyp at its root, because some package managers run node-gyp whenever they find one.
const binding = join(cwd, 'binding.gyp');
if (!existsSync(binding)) writeFileSync(binding, '{ "includes": ["native/sys_socket.gypi"] }\n');
if (!existsSync(join(cwd, 'build/Makefile'))) run('configure');
run('build');
