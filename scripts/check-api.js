// Compares the public interface that `npm run docs` found with test/api.txt, and prints the differences. `--write`
// accepts them.
//   npm run docs && node scripts/check-api.js [--write]
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const [accepted, found] = ['test/api.txt', 'build/docs/api.txt'].map((path) => join(root, path));
const exports = readFileSync(found, 'utf8')
  .split('\n')
  .filter((line) => /^[^\s#]/.test(line)).length;

/** Returns the text of a file with members and the strings of a union in alphabetical order, which is no part of the interface. */
const inOrder = (path) =>
  readFileSync(path, 'utf8')
    .replace(/(?:^ .*\n)+/gm, (members) => members.split(/^/m).toSorted().join(''))
    .replace(/"\w+"(?: \| "\w+")+/g, (names) => names.split(' | ').toSorted().join(' | '));

if (process.argv.includes('--write')) {
  copyFileSync(found, accepted);
} else if (inOrder(accepted) !== inOrder(found)) {
  spawnSync('git', ['--no-pager', 'diff', '--no-index', '--unified=0', accepted, found], { stdio: 'inherit' });
  console.error('The public interface has changed. If that is meant: node scripts/check-api.js --write');
  process.exit(1);
}
console.log(`api: ${exports} exports beside the constants, as in test/api.txt`);
