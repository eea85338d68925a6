// Compiles lib/ to CommonJS once more, into dist/cjs, without comments: for tools that cannot require an ES module, such as
// jest. Node itself never loads it (the condition module-sync comes first), so that a process has one copy of the package.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const out = join(root, 'dist/cjs');
const compiler = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc');

// The compiler takes the kind of module from the package.json around the sources.
const work = mkdtempSync(join(root, '.cjs-'));
try {
  const write = (name, value) => writeFileSync(join(work, name), JSON.stringify(value));
  cpSync(join(root, 'lib'), join(work, 'lib'), { recursive: true });
  rmSync(join(work, 'lib/doctor.ts')); // a program, which Node runs
  write('package.json', { type: 'commonjs' });
  write('tsconfig.json', {
    extends: join(root, 'tsconfig.build.json'),
    compilerOptions: {
      rootDir: 'lib',
      outDir: out,
      removeComments: true,
      verbatimModuleSyntax: false,
    },
    include: ['lib'],
  });
  // It finds the package's folder as the ES module does, which is one folder higher.
  const binary = join(work, 'lib/posix/binary.ts');
  const source = readFileSync(binary, 'utf8')
    .replaceAll('import.meta.url', "pathToFileURL(resolve(__dirname, '../../posix/binary.js')).href")
    .replace('import { fileURLToPath }', 'import { fileURLToPath, pathToFileURL }');
  writeFileSync(binary, source);
  rmSync(out, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [compiler, '-p', work], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(join(out, 'package.json'), '{ "type": "commonjs" }\n');
} finally {
  rmSync(work, { recursive: true });
}
