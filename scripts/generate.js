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

/** Returns the docstring of each constant: its meaning and the man page of its group in native/constants.def. */
function constantDocs() {
  const errnos = readFileSync(join(root, 'lib/native/errno-table.ts'), 'utf8');
  const descriptions = new Map(
    [...errnos.matchAll(/^ {2}\[\d+, '(\w+)', (['"])(.*)\2\],$/gm)].map(([, name, , text]) => [name, `${text}.`]),
  );
  const docs = new Map();
  let page;
  for (const line of lines('constants.def')) {
    const [, title, url] = /^\/\/ (\S+) (https:\S+)$/.exec(line) ?? [];
    if (title !== undefined) page = `{@link ${url} ${title}}`;
    const [, name, comment] = /^CONST\((\w+)\)(?: +\/\/ (.+))?$/.exec(line) ?? [];
    if (name === undefined) continue;
    const meaning = comment ?? descriptions.get(name);
    docs.set(name, block([meaning === undefined ? page : `${meaning} ${page}`]));
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

/** The types and levels of control messages that have an interface. */
const discriminants = new Set(
  [
    ...readFileSync(join(root, 'lib/struct/control-message.ts'), 'utf8').matchAll(/^ {2}(?:level|type): (.+);$/gm),
  ].flatMap(([, type]) => [...type.matchAll(/typeof (?:\w+\.)?(\w+)/g)].map(([, name]) => name)),
);

/**
 * Annotates the constants that discriminate the members of a union, address families, levels and types of control messages,
 * with their literal type, so that it stays literal in variables and objects. All others widen to number there, because flags
 * are combined with `|` and a variable may be assigned another value.
 */
function withLiteralTypes(text) {
  return text.replace(/^export const (\w+) = (.+);$/gm, (line, name, value) => {
    const literal = /^(?:AF|SOL|SCM)_/.test(name) || discriminants.has(name);
    return literal ? `export const ${name}: ${value} = ${value};` : line;
  });
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
  // The errnos first, because their descriptions are in the docstrings of the constants.
  for (const [what, path, docsOf] of [
    ['errnos', 'lib/native/errno-table.ts', () => new Map()],
    ['constants', 'lib/native/constants.ts', constantDocs],
    ['contract', 'lib/native/contract.ts', contractDocs],
  ]) {
    const printed = execFileSync(command, [...words, what], { encoding: 'utf8' });
    const text = withDocstrings(withLiteralTypes(printed), docsOf());
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
