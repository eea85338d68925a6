/** The checks of the workflows and of a release report what is wrong. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folder } from './helpers/fixtures.ts';
import { need, program } from './helpers/need.ts';

const root = join(import.meta.dirname, '..');

test('each fault of a workflow is reported', (context) => {
  need(context, program('shellcheck'));
  const cwd = folder();
  mkdirSync(join(cwd, '.github/workflows'), { recursive: true });
  const lint = (text: string) => {
    writeFileSync(join(cwd, '.github/workflows/one.yml'), text);
    return spawnSync(process.execPath, [join(root, 'scripts/lint-workflows.js'), cwd], { encoding: 'utf8' });
  };
  for (const [line, fault] of [
    ['    runs-on: ubuntu-latest', 'changes by itself'],
    ['      - uses: actions/checkout@v7', 'not pinned'],
    ['      - run: |', 'more than a line'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the template is GitHub's
    ['      - run: echo "${{ github.ref }}"', 'an expression'],
    ['      - run: scripts/nothing.sh', 'there is no scripts/nothing.sh'],
    ['      - run: if true', 'bash: '],
    ['        run: rm $1', 'shellcheck: '],
  ] as const) {
    const { status, stderr } = lint(`name: one\n${line}\n`);
    expect([line, status, stderr]).toEqual([line, 1, expect.stringContaining(`one.yml:2: `)]);
    expect(stderr).toContain(fault);
  }
  expect(lint('      - uses: ./here\n      - run: "true"\n')).toMatchObject({ status: 0, stderr: '' });
});

test('the workflows of this repository have no fault', (context) => {
  need(context, program('shellcheck'));
  const cwd = folder();
  for (const path of ['.github/workflows', 'scripts', '.ci'])
    cpSync(join(root, path), join(cwd, path), { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/lint-workflows.js'), cwd], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
});

test('a tag is released when its version, change log and binaries exist', () => {
  const cwd = folder();
  for (const path of ['scripts/check-release.js', 'scripts/check-binary.js']) cpSync(join(root, path), join(cwd, path));
  const release = (tag: string, GITHUB_REPOSITORY = '') => {
    const env = { ...process.env, GITHUB_REPOSITORY };
    const { status, stderr } = spawnSync(process.execPath, ['scripts/check-release.js', tag], {
      cwd,
      env,
      encoding: 'utf8',
    });
    return [status, stderr.trim()];
  };
  writeFileSync(join(cwd, 'package.json'), '{ "version": "1.2.3", "type": "module" }');
  writeFileSync(join(cwd, 'CHANGELOG.md'), '## [1.2.3] (unreleased)\n');
  expect(release('1.2.3')).toEqual([1, 'the tag 1.2.3 is not v<version>']);
  expect(release('v1.2.4')).toEqual([1, 'package.json has another version than 1.2.4']);
  expect(release('v1.2.3')).toEqual([1, 'CHANGELOG.md has no date for 1.2.3']);
  writeFileSync(join(cwd, 'CHANGELOG.md'), '## [1.2.3] - 2026-01-02\n');
  const project: Record<string, unknown> = { version: '1.2.3', type: 'module' };
  const url = 'git+https://github.com/sys-socket/sys-socket.git';
  const fields = [
    ['repository.url', 'repository', { type: 'git', url }],
    ['homepage', 'homepage', url],
    ['bugs.url', 'bugs', { url }],
    ['author', 'author', 'The authors of sys-socket'],
  ] as const;
  const wrong = () => String(release('v1.2.3')[1]).split('\n');
  // All that is missing is reported at once, each line with the command that sets it.
  const commands = fields.map(([field]) => expect.stringMatching(`has no ${field}: npm pkg set ${field}='(<|git)`));
  expect(wrong()).toEqual(commands);
  for (const [index, [field, key, value]] of fields.entries()) {
    const placeholder = JSON.parse(JSON.stringify(value).replace(/sys-socket/g, 'OWNER')) as unknown;
    writeFileSync(join(cwd, 'package.json'), JSON.stringify({ ...project, [key]: placeholder }));
    expect(wrong()[0]).toMatch(`package.json has a placeholder for ${field}, `);
    project[key] = value;
    writeFileSync(join(cwd, 'package.json'), JSON.stringify(project));
    if (index < fields.length - 1) expect(wrong()).toEqual(commands.slice(index + 1));
  }
  expect(release('v1.2.3', 'others/sys-socket')).toEqual([1, expect.stringContaining('others/sys-socket publishes')]);
  expect(release('v1.2.3', 'sys-socket/sys-socket')).toEqual([
    1,
    'there is no prebuilds/linux-x64/sys-socket.glibc.node',
  ]);
});

test('the change log contains the version of package.json, in the format of Keep a Changelog', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const log = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  expect(/^## \[(.*)\] - \d{4}-\d\d-\d\d$/m.exec(log)?.[1]).toBe(version);
  const kinds = [...log.matchAll(/^### (.*)$/gm)].map(([, kind]) => kind!);
  expect(kinds.length).toBeGreaterThan(0);
  for (const kind of kinds) expect(['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']).toContain(kind);
});
