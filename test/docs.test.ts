/** What the documents say is so: the programs of README and of the guides run, and README's claims about Node hold. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../lib/index.ts';
import { byRuntime } from './helpers/differences.ts';
import { cleanup } from './helpers/fds.ts';
import { namespaces, need, program } from './helpers/need.ts';
import { nodeLine, nodeOf } from './helpers/node-versions.ts';
import { saidBy } from './helpers/said.ts';
import { datagram, folder } from './helpers/world.ts';

const root = join(import.meta.dirname, '..');
const text = (path: string) => readFileSync(join(root, path), 'utf8');
const readme = text('README.md');
const contributing = text('CONTRIBUTING.md');
const manifest = JSON.parse(text('package.json'));

/** The guides; what the package offers and the user's CI have tests of their own. */
const guides = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && name !== 'coverage.md');

/** A block of code in a document. */
interface Block {
  document: string;
  number: number;
  /** js, sh, ... and what else stands behind the fence. */
  language: string;
  privileged: boolean;
  code: string;
}

const blocks = ['README.md', ...guides.map((name) => `docs/${name}`)].flatMap((document) =>
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
/** Commands of the guides; README's are those of a clone, which CI runs. */
const commands = blocks.filter(({ language, document }) => language === 'sh' && document !== 'README.md');
/** A program that is a file: its name is its first line. */
const fileName = (code: string) => /^\/\/ ([\w-]+\.mjs)\n/.exec(code)?.[1];

/** A folder as that of a user: the package is installed, and the files of the document are there. */
function workplace(document: string): string {
  const path = folder();
  mkdirSync(join(path, 'node_modules'));
  symlinkSync(root, join(path, 'node_modules/sys-socket'));
  for (const { code } of programs.filter((block) => block.document === document)) {
    const name = fileName(code);
    if (name !== undefined) writeFileSync(join(path, name), code);
  }
  return path;
}

/** Runs a block, and compares what it prints with its comments. */
function expectOutput(
  { document, code, privileged }: Block,
  command: readonly string[],
  comment: Parameters<typeof saidBy>[1],
): void {
  const own = ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  const [file, ...args] = [...(privileged ? own : []), ...command];
  const { status, stdout, stderr } = spawnSync(file!, args, {
    cwd: workplace(document),
    encoding: 'utf8',
    input: code,
    timeout: 25_000,
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toBe(saidBy(code, comment));
}

test('README and every guide have programs', () => {
  expect(guides.length).toBeGreaterThan(6);
  for (const name of guides) expect(text(`docs/${name}`)).toMatch(/^# .+\n/);
  const without = guides.filter((name) => !programs.some(({ document }) => document === `docs/${name}`));
  expect(without).toEqual([]);
  expect(programs.filter(({ document }) => document === 'README.md').length).toBeGreaterThan(4);
  for (const { document, code } of programs.filter((block) => fileName(block.code) !== undefined)) {
    expect(commands.some((block) => block.document === document && block.code.includes(fileName(code)!))).toBe(true);
  }
});

test.for(
  programs
    .filter(({ code }) => fileName(code) === undefined)
    .map((block) => [block.number, block.document, block] as const),
)('the program in block %i of %s prints what it says', ([, , block], context) => {
  if (block.privileged) need(context, namespaces);
  expect(saidBy(block.code, '//')).not.toBe('');
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

test('the documents keep their length, and name what exists', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(250);
  expect(contributing.split('\n').length).toBeLessThanOrEqual(80);
  const documents = readme + contributing;
  for (const [, name] of documents.matchAll(/npm run ([a-z:]+)/g)) expect(manifest.scripts).toHaveProperty([name!]);
  const paths = /(?<![\w/-])((?:examples|lib|native|test|scripts|bench)\/[\w./-]*\w|\w+\.(?:md|gyp))(?![\w/])/g;
  for (const [, path] of documents.matchAll(paths)) expect(existsSync(join(root, path!)), path).toBe(true);
});

/** The anchors of the headings, as GitHub and typedoc make them. */
function anchors(document: string): string[] {
  const headings = [
    ...text(document)
      .replace(/^```.*?^```$/gms, '')
      .matchAll(/^#+ (.*)$/gm),
  ];
  return headings.map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
}

test('every link between the documents leads somewhere, and README to every guide', () => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'docs/coverage.md', ...guides.map((name) => `docs/${name}`)];
  const broken: string[] = [];
  for (const document of documents) {
    for (const [, target, anchor] of text(document).matchAll(/\]\((?!https?:)([\w./-]*)(?:#([\w-]+))?\)/g)) {
      const file = target === '' ? document : join(dirname(document), target!);
      const found = existsSync(join(root, file)) && (anchor === undefined || anchors(file).includes(anchor));
      if (!found) broken.push(`${document}: ${target}#${anchor}`);
    }
  }
  expect(broken).toEqual([]);
  for (const name of guides) expect(readme).toContain(`](docs/${name})`);
});

test('every development dependency has its reason, and there is no other dependency', () => {
  for (const name of Object.keys(manifest.devDependencies)) expect(contributing).toContain(`\n- \`${name}\`: `);
  expect(contributing.match(/^- `[@\w/-]+`: /gm)).toHaveLength(Object.keys(manifest.devDependencies).length);
  for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies']) {
    expect(manifest).not.toHaveProperty(kind);
  }
});

test('the changelog has the version of the package', () => {
  expect(text('CHANGELOG.md')).toMatch(new RegExp(`^## ${manifest.version.replaceAll('.', '\\.')} `, 'm'));
});

test('Node 20 pads abstract names, refuses AF_UNIX datagram descriptors and lacks names of errnos, as README says', (context) => {
  need(context, nodeLine(20));
  const input = `
    import assert from 'node:assert';
    import { once } from 'node:events';
    import net from 'node:net';
    import { getSystemErrorName } from 'node:util';
    import * as s from '${new URL('../dist/index.js', import.meta.url).href}';

    const path = '\\0sys-socket-docs-' + process.pid;
    const server = net.createServer().listen({ path });
    await once(server, 'listening');
    const fd = s.socket(s.AF_UNIX, s.SOCK_STREAM);
    assert.throws(() => s.connect(fd, { family: s.AF_UNIX, path }), { code: 'ECONNREFUSED' });
    s.connect(fd, { family: s.AF_UNIX, path: path.padEnd(108, '\\0') });
    server.close();
    s.close(fd);

    for (const type of [s.SOCK_DGRAM, s.SOCK_SEQPACKET]) {
      const fd = s.socket(s.AF_UNIX, type);
      assert.throws(() => new net.Socket({ fd }), /Unsupported fd type/);
      s.close(fd);
    }
    assert.equal(getSystemErrorName(-s.EINPROGRESS), 'Unknown system error -115');
    assert.equal(s.errnoName(s.EINPROGRESS), 'EINPROGRESS');
    console.log('as it says');`;
  const { stdout, stderr } = spawnSync(nodeOf(20)!, ['--input-type=module', '-'], { encoding: 'utf8', input });
  expect({ stdout, stderr }).toEqual({ stdout: 'as it says\n', stderr: '' });
});

test('net.Socket takes over a stream descriptor, as README says', async () => {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
  cleanup(b);
  const socket = new net.Socket({ fd: a });
  s.write(b, 'hello');
  const [data] = (await new Promise((resolve) => socket.once('data', (...args) => resolve(args)))) as [Buffer];
  expect(data.toString()).toBe('hello');
  await new Promise((resolve) => socket.write('back', resolve));
  const buffer = Buffer.alloc(10);
  expect(buffer.toString('utf8', 0, s.recv(b, buffer))).toBe('back');
  socket.destroy();
  await new Promise((resolve) => socket.once('close', resolve));
  expect(() => s.getsockname(a)).toThrow('EBADF');
});

test('a bad argument is refused as README says, and never cut', () => {
  const { fd } = datagram();
  const other = { family: s.AF_INET, address: '127.0.0.1' } as const;
  expect(() => s.recv(1.5, new Uint8Array(1))).toThrow(RangeError);
  expect(() => s.recv('1' as unknown as number, new Uint8Array(1))).toThrow(TypeError);
  expect(() => s.sendto(fd, '', 0, { ...other, port: 65536 })).toThrow(RangeError);
  expect(() => s.bind(fd, { family: s.AF_UNIX, path: 'x'.repeat(109) })).toThrow(RangeError);
  expect(() => s.setsockopt(fd, s.SOL_SOCKET, s.SO_ATTACH_FILTER, new Uint8Array(16))).toThrow(RangeError);
  expect(() => s.fcntl(fd, 0 /* F_DUPFD */, 0)).toThrow(RangeError);
  expect(s.fcntl(fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
  s.fcntl(fd, s.F_SETFD, 0);
  expect(s.fcntl(fd, s.F_GETFD)).toBe(0);
});

test('docs/runtimes.md has every reason for which Bun and Deno skip tests, and no other', () => {
  const rows = [...text('docs/runtimes.md').matchAll(/^\| (.*?) \| .* \|$/gm)].map((match) => match[1]!);
  const reasons = [...Object.values(byRuntime)].flat().map(({ reason }) => reason);
  const plain = rows.map((row) => row.replaceAll('`', ''));
  expect(
    plain.filter((row) => !row.startsWith('what it does') && !/^(runtime|Node|Bun|Deno)\b/.test(row)).sort(),
  ).toEqual(reasons.sort());
});
