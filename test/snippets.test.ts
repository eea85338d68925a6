/** The programs and commands in README and in the guides run, and print what they say. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { documentedOutput } from './helpers/documented-output.ts';
import { folder } from './helpers/fixtures.ts';
import { HANGING } from './helpers/limits.ts';
import { namespaces, need, program } from './helpers/need.ts';
import { typeErrors } from './helpers/type-check.ts';

const root = join(import.meta.dirname, '..');
/** The project of a user that installed the package from its tarball: if it is set, only the README is tested, there. */
const installed = process.env.SYS_SOCKET_INSTALLED;
const home = installed === undefined ? root : join(installed, 'node_modules/sys-socket');
const text = (path: string) => readFileSync(join(home, path), 'utf8');

/** Pages without programs: a table, and a page for maintainers that test/structure.test.ts compares with the code. */
const PAGES = ['coverage.md', 'architecture.md'];
const guides = () => readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && !PAGES.includes(name));
const documents = ['README.md', ...(installed === undefined ? guides().map((name) => `docs/${name}`) : [])];

/** A block of code in a document. */
interface Block {
  document: string;
  number: number;
  /** js, sh, ... and what else follows the fence. */
  language: string;
  privileged: boolean;
  code: string;
}

const blocks = documents.flatMap((document) =>
  [...text(document).matchAll(/^```(\w+)( privileged)?\n(.*?)^```$/gms)].map(
    ([, language, privileged, code], i): Block => ({
      document,
      number: i + 1,
      language: language!,
      privileged: privileged !== undefined,
      code: code!,
    }),
  ),
);
const programs = blocks.filter(({ language }) => language === 'js');
/** Commands of the guides; those of README are for a clone, and CI runs them. */
const commands = blocks.filter(({ language, document }) => language === 'sh' && document !== 'README.md');
/** A block that is a file, whose first line is its name. */
const fileName = (code: string) => /^(?:\/\/|#) ([\w-]+\.(?:mjs|socket|service))\n/.exec(code)?.[1];

/** Creates a directory like that of a user, with the package installed, and the files of the document. */
function workplace(document: string): string {
  if (installed !== undefined) return installed;
  const path = folder();
  mkdirSync(join(path, 'node_modules'));
  symlinkSync(root, join(path, 'node_modules/sys-socket'));
  symlinkSync(join(root, 'node_modules/dns-packet'), join(path, 'node_modules/dns-packet')); // what a guide uses
  for (const { code } of blocks.filter((block) => block.document === document)) {
    const name = fileName(code);
    if (name !== undefined) writeFileSync(join(path, name), code);
  }
  return path;
}

/** Runs a block, and compares what it prints with its comments. */
function expectOutput(
  { document, code, privileged }: Block,
  command: readonly string[],
  comment: Parameters<typeof documentedOutput>[1],
): void {
  const own = ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  const [file, ...args] = [...(privileged ? own : []), ...command];
  const { status, stdout, stderr } = spawnSync(file!, args, {
    cwd: workplace(document),
    encoding: 'utf8',
    input: code,
    timeout: HANGING,
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toBe(documentedOutput(code, comment));
}

/** The minimum number of programs in a document, if it is not one: measurements are tables. */
const least = new Map([
  ['README.md', 5],
  ['docs/performance.md', 0],
]);

test('every document contains programs', () => {
  expect(documents.length).toBeGreaterThan(installed === undefined ? 8 : 0);
  for (const document of documents) {
    expect(text(document)).toMatch(/^# .+\n/);
    const own = programs.filter((block) => block.document === document);
    expect(own.length, document).toBeGreaterThanOrEqual(least.get(document) ?? 1);
    for (const name of own.map(({ code }) => fileName(code)).filter((name) => name !== undefined)) {
      expect(commands.some((block) => block.document === document && block.code.includes(name))).toBe(true);
    }
  }
});

test('the programs pass the type check of a new project', () => {
  const sources = programs.map(({ document, number, code }) => ({ name: `${document}, block ${number}`, code }));
  expect(typeErrors(sources, home)).toEqual([]);
});

test.for(
  programs
    .filter(({ code }) => fileName(code) === undefined)
    .map((block) => [block.number, block.document, block] as const),
)('the program in block %i of %s prints what it says', ([, , block], context) => {
  if (block.privileged) need(context, namespaces);
  expect(documentedOutput(block.code, '//')).not.toBe('');
  expectOutput(block, [process.execPath, '--input-type=module', '-'], '//');
});

test.for(commands.map((block) => [block.number, block.document, block] as const))(
  'the commands of block %i of %s print what they say',
  ([, , block], context) => {
    if (block.privileged) need(context, namespaces);
    for (const name of ['systemd-socket-activate', 'curl']) if (block.code.includes(name)) need(context, program(name));
    expectOutput(block, ['sh', '-e'], '#');
  },
);

const units = blocks.filter(({ language }) => language === 'ini');

if (installed === undefined) {
  test('systemd finds no fault in the units', (context) => {
    need(context, program('systemd-analyze'), program('/usr/bin/node'));
    expect(units.length).toBeGreaterThan(1);
    for (const { document, code } of units) {
      const args = ['verify', '--man=no', `./${fileName(code)}`];
      const { status, stderr } = spawnSync('systemd-analyze', args, { cwd: workplace(document), encoding: 'utf8' });
      expect([status, stderr]).toEqual([0, '']);
    }
  });
}

const workflows = blocks.filter(({ language }) => language === 'yaml');

test.skipIf(installed !== undefined)('the check of workflows finds no fault in the workflows', (context) => {
  need(context, program('shellcheck'));
  expect(workflows.length).toBeGreaterThan(0);
  const cwd = folder();
  mkdirSync(join(cwd, '.github/workflows'), { recursive: true });
  for (const [i, { code }] of workflows.entries()) writeFileSync(join(cwd, `.github/workflows/${i}.yml`), code);
  const args = [join(root, 'scripts/lint-workflows.js'), cwd];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
});

test('every block of a guide is a program, commands, a unit or a workflow, which a test above runs', () => {
  const others = blocks.filter((block) => ![...programs, ...commands, ...units, ...workflows].includes(block));
  // scripts/check-tools.js tests these, as they need tools.
  const bundlers = ['console', 'javascript', 'javascript', 'javascript'].map(
    (language) => `docs/bundlers.md: ${language}`,
  );
  expect(others.map(({ document, language }) => `${document}: ${language}`)).toEqual([
    'README.md: sh',
    'README.md: sh',
    ...(installed === undefined ? bundlers : []),
  ]);
});
