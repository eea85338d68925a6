/** Checks programs as a new TypeScript project does: strictly, beside the installed package. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HANGING } from './limits.ts';

const root = join(import.meta.dirname, '../..');
const modules = join(root, 'node_modules');

/** A program, with a name for the report. */
export interface Source {
  name: string;
  code: string;
}

const options = [
  ...['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022'],
  ...['--lib', 'es2023,esnext.disposable', '--types', 'node'],
  // What `tsc --init` switches on besides, or suggests.
  ...['--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--verbatimModuleSyntax', '--isolatedModules'],
  ...['--noUncheckedSideEffectImports', '--noImplicitOverride', '--moduleDetection', 'force'],
];

/** Returns the messages of the compiler, each line with the name of its program in place of a file. */
export function typeErrors(
  sources: readonly Source[],
  installed: string = root,
  more: readonly string[] = [],
): string[] {
  const home = mkdtempSync(join(tmpdir(), 'sys-socket-types-'));
  try {
    mkdirSync(join(home, 'node_modules'));
    symlinkSync(installed, join(home, 'node_modules/sys-socket'));
    for (const name of ['@types', 'dns-packet']) symlinkSync(join(modules, name), join(home, 'node_modules', name));
    writeFileSync(join(home, 'package.json'), '{ "type": "module" }');
    const files = sources.map(({ code }, i) => {
      writeFileSync(join(home, `${i}.mts`), code);
      return `${i}.mts`;
    });
    const compiler = [join(modules, 'typescript/bin/tsc'), ...options, ...more, ...files];
    const { stdout, stderr } = spawnSync(process.execPath, compiler, { cwd: home, encoding: 'utf8', timeout: HANGING });
    return `${stdout}${stderr}`
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replace(/^(\d+)\.mts/, (_, i) => sources[i]!.name));
  } finally {
    rmSync(home, { recursive: true });
  }
}
