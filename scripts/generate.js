// Writes lib/posix/constants.ts and lib/posix/errno-table.ts from what the compiler says. `--check` only compares; for
// another processor with its compiler as CXX and, to run what that makes, EMULATOR.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');
/** Gives each constant a docstring: the page of its group in native/constants.def. */
function withDocstrings(text) {
  const pages = new Map();
  let page;
  for (const line of readFileSync(join(root, 'native/constants.def'), 'utf8').split('\n')) {
    const [, title, url] = /^\/\/ (\S+) (https:\S+)$/.exec(line) ?? [];
    if (title !== undefined) page = `/** {@link ${url} ${title}} */`;
    const name = /^CONST\((\w+)\)$/.exec(line)?.[1];
    if (name !== undefined) pages.set(name, page);
  }
  return text.replace(/^export const ([A-Z]\w*)(?=:| =)/gm, (line, name) => `${pages.get(name)}\n${line}`);
}

const folder = mkdtempSync(join(tmpdir(), 'sys-socket-generate-'));
try {
  const program = join(folder, 'generate');
  const compiler = process.env.CXX ?? 'g++';
  // The kernel's own headers are the same for all processors; those beside a cross compiler may be older.
  const kernel = join(folder, 'kernel');
  mkdirSync(kernel);
  for (const name of ['linux', 'asm-generic']) symlinkSync(`/usr/include/${name}`, join(kernel, name));
  const options = ['-std=c++20', '-w', '-D_GNU_SOURCE', '-isystem', kernel];
  execFileSync(compiler, [...options, join(root, 'scripts/generate.cc'), '-o', program], { stdio: 'inherit' });
  const [command, ...words] = [...(process.env.EMULATOR?.split(' ') ?? []), program];
  for (const [what, path] of [
    ['constants', 'lib/posix/constants.ts'],
    ['errnos', 'lib/posix/errno-table.ts'],
  ]) {
    const text = withDocstrings(execFileSync(command, [...words, what], { encoding: 'utf8' }));
    const file = join(root, path);
    if (!check) writeFileSync(file, text);
    else if (readFileSync(file, 'utf8') !== text) {
      console.error(`${path} differs from what the compiler says: run npm run generate`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
