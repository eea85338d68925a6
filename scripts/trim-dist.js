// Removes from dist what no program can reach, so that the package is no larger than necessary: declarations that no
// declaration of an entry point refers to, modules that contain only types, the comments of the constants (their
// declarations keep them), and the first of the two lines that the compiler writes for each constant in CommonJS.
//   npm run build:ts
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const targets = (entry) => (typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(targets));
const entries = [exports, bin].flatMap(targets).filter((path) => /^(\.\/)?dist\//.test(path));

const reached = new Set();
function reach(path) {
  if (reached.has(path)) return;
  reached.add(path);
  const ending = path.endsWith('.d.ts') ? '.d.ts' : '.js';
  const text = readFileSync(path, 'utf8');
  for (const [, name] of text.matchAll(/(?:from|import|require)\s*\(?\s*["'](\.[^"']+)\.(?:js|ts)["']/g)) {
    reach(join(dirname(path), name + ending));
  }
}
for (const entry of entries) reach(join(root, entry));

for (const name of readdirSync(join(root, 'dist'), { recursive: true })) {
  const path = join(root, 'dist', name);
  if (/\.(d\.ts|js)$/.test(name) && !reached.has(path)) rmSync(path);
}

function withoutLines(name, pattern) {
  const path = join(root, 'dist', name);
  writeFileSync(path, readFileSync(path, 'utf8').replace(pattern, ''));
}
withoutLines('native/constants.js', /^\/\*\*.*\*\/\n/gm);
withoutLines('cjs/native/constants.js', /^exports\.\w+ = exports\..* = void 0;\n/gm);
