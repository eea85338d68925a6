// Checks what must be true of a tag before it is published: package.json and CHANGELOG.md have its version, package.json
// has the addresses of the project, and all binaries are present.
//   node scripts/check-release.js v0.1.0
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const [tag = ''] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const dated = /^## \[?(.*?)\]? - \d{4}-\d{2}-\d{2}$/gm;
const versions = [...readFileSync(join(root, 'CHANGELOG.md'), 'utf8').matchAll(dated)].map(([, version]) => version);

function fail(...faults) {
  console.error(faults.join('\n'));
  process.exit(1);
}

const version = tag.slice(1);
if (!/^v\d/.test(tag)) fail(`the tag ${tag} is not v<version>`);
if (manifest.version !== version) fail(`package.json has another version than ${version}`);
if (!versions.includes(version)) fail(`CHANGELOG.md has no date for ${version}`);

// npm refuses provenance unless the repository is the one that publishes, and it resolves the links of the README by it.
const publisher = process.env.GITHUB_REPOSITORY ?? '';
const { repository, homepage, bugs, author } = manifest;
const faults = [
  ['repository.url', repository?.url, 'git+https://<host>/<owner>/<name>.git'],
  ['homepage', homepage, '<address of a page>'],
  ['bugs.url', bugs?.url, '<where to report>'],
  ['author', author, '<name>'],
].flatMap(([field, value = '', like]) => {
  const set = `npm pkg set ${field}='${like}'`;
  if (value === '') return [`package.json has no ${field}: ${set}`];
  if (/example\.|TODO|OWNER|</.test(value)) return [`package.json has a placeholder for ${field}, ${value}: ${set}`];
  if (field !== 'repository.url' || value.replace(/\.git$/, '').endsWith(publisher)) return [];
  return [`package.json has the repository.url ${value}, but ${publisher} publishes: npm would refuse the provenance`];
});
if (faults.length > 0) fail(...faults);

const binaries = ['x64', 'arm64'].flatMap((arch) =>
  ['glibc', 'musl'].map((libc) => `prebuilds/linux-${arch}/sys-socket.${libc}.node`),
);
for (const binary of binaries) if (!existsSync(join(root, binary))) fail(`there is no ${binary}`);
execFileSync(process.execPath, [join(root, 'scripts/check-binary.js'), ...binaries], { cwd: root, stdio: 'inherit' });
