// Writes constants.ts, errno-table.ts and contract.ts of lib/native according to the compiler. `--check` only compares.
// To check another processor, set CXX to its compiler and, to run the compiled program, EMULATOR.
//   npm run generate [-- --check]
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');
const lines = (name) => readFileSync(join(root, 'native', name), 'utf8').split('\n');

/** Returns the docstring of each constant: the man page of its group in native/constants.def. */
function constantDocs() {
  const docs = new Map();
  let page;
  for (const line of lines('constants.def')) {
    const [, title, url] = /^\/\/ (\S+) (https:\S+)$/.exec(line) ?? [];
    if (title !== undefined) page = `/** {@link ${url} ${title}} */`;
    const name = /^CONST\((\w+)\)$/.exec(line)?.[1];
    if (name !== undefined) docs.set(name, page);
  }
  return docs;
}

/** Returns the docstring of each number of the contract: the comment above it. */
function contractDocs() {
  const docs = new Map();
  let comment = [];
  for (const line of lines('contract.def')) {
    const [, list, name] = /^(CONTRACT|HEADER_FIELD|READY_FIELD)\((\w+)/.exec(line) ?? [];
    if (name !== undefined) docs.set((list.replace(/CONTRACT|FIELD/, '') + name).toUpperCase(), block(comment));
    comment = line.startsWith('// ') ? [...comment, line.slice(3)] : [];
  }
  return docs;
}

const block = (text) => (text.length === 1 ? `/** ${text[0]} */` : `/**\n * ${text.join('\n * ')}\n */`);

/** Puts its docstring, if it has one, before each constant. */
function withDocstrings(text, docs) {
  return text.replace(/^export const ([A-Z]\w*)(?=:| =)/gm, (line, name) => {
    return docs.has(name) ? `${docs.get(name)}\n${line}` : line;
  });
}

const folder = mkdtempSync(join(tmpdir(), 'sys-socket-generate-'));
try {
  const program = join(folder, 'generate');
  const compiler = process.env.CXX ?? 'g++';
  // The kernel's own headers are the same for all processors, whereas those of a cross compiler may be older.
  const kernel = join(folder, 'kernel');
  mkdirSync(kernel);
  for (const name of ['linux', 'asm-generic']) symlinkSync(`/usr/include/${name}`, join(kernel, name));
  const options = ['-std=c++20', '-w', '-D_GNU_SOURCE', '-isystem', kernel];
  execFileSync(compiler, [...options, join(root, 'scripts/generate.cc'), '-o', program], { stdio: 'inherit' });
  const [command, ...words] = [...(process.env.EMULATOR?.split(' ') ?? []), program];
  for (const [what, path, docs] of [
    ['constants', 'lib/native/constants.ts', constantDocs()],
    ['errnos', 'lib/native/errno-table.ts', new Map()],
    ['contract', 'lib/native/contract.ts', contractDocs()],
  ]) {
    const text = withDocstrings(execFileSync(command, [...words, what], { encoding: 'utf8' }), docs);
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
