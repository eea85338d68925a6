// Compiles lib/ a second time, to CommonJS without comments, into dist/cjs. It serves tools that cannot require an ES
// module: jest requires one only with a flag, and TypeScript's `node16` refuses to. Node itself never loads it (the
// condition module-sync comes first), so a process has one copy of the package.
//   npm run build:ts
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const out = join(root, 'dist/cjs');
const compiler = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc');

// The compiler decides the module format by the package.json nearest to the sources.
const work = mkdtempSync(join(root, '.cjs-'));
try {
  const write = (name, value) => writeFileSync(join(work, name), JSON.stringify(value));
  cpSync(join(root, 'lib'), join(work, 'lib'), { recursive: true });
  rmSync(join(work, 'lib/doctor.ts')); // a program that Node runs as an ES module
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
  // The compiled module must look for the package's folder where the ES module does, one folder higher.
  const binary = join(work, 'lib/native/binary.ts');
  const source = readFileSync(binary, 'utf8')
    .replaceAll('import.meta.url', "pathToFileURL(resolve(__dirname, '../../native/binary.js')).href")
    .replace('import { fileURLToPath }', 'import { fileURLToPath, pathToFileURL }');
  writeFileSync(binary, source);
  rmSync(out, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [compiler, '-p', work], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(join(out, 'package.json'), '{ "type": "commonjs" }\n');
} finally {
  rmSync(work, { recursive: true });
}
