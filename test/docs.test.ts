/** What the documents say is so: README's programs run, and its claims about Node hold. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../lib/index.ts';
import { cleanup } from './helpers/fds.ts';
import { type Need, need } from './helpers/need.ts';
import { datagram } from './helpers/world.ts';

const root = join(import.meta.dirname, '..');
const text = (path: string) => readFileSync(join(root, path), 'utf8');
const readme = text('README.md');
const contributing = text('CONTRIBUTING.md');
const manifest = JSON.parse(text('package.json'));

const blocks = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1]!);

test('README has programs', () => {
  expect(blocks.length).toBeGreaterThan(5);
});

test.each(blocks.map((block, i) => [i + 1, block] as const))('program %i of README prints what it says', (_, block) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-'], {
    cwd: root,
    encoding: 'utf8',
    input: block,
    timeout: 20_000,
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const said = [...block.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => `${match[1]}\n`);
  expect(said.length).toBe(block.split('console.log').length - 1);
  expect(stdout).toBe(said.join(''));
});

test('the documents keep their length, and name what exists', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(250);
  expect(contributing.split('\n').length).toBeLessThanOrEqual(80);
  const documents = readme + contributing;
  for (const [, name] of documents.matchAll(/npm run ([a-z:]+)/g)) expect(manifest.scripts).toHaveProperty([name!]);
  const paths = /(?<![\w/])((?:examples|lib|native|test|scripts|bench)\/[\w./-]*\w|\w+\.(?:md|gyp))(?![\w/])/g;
  for (const [, path] of documents.matchAll(paths)) expect(existsSync(join(root, path!)), path).toBe(true);
  for (const [, path] of documents.matchAll(/\]\(([\w./]+)\)/g)) expect(existsSync(join(root, path!)), path).toBe(true);
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

const node20: Need = () => (process.versions.node.startsWith('20.') ? undefined : 'Node is not version 20');

test('node:net of Node 20 pads abstract names, as README says', async (context) => {
  need(context, node20);
  const name = `\0sys-socket-docs-${process.pid}`;
  const server = net.createServer().listen({ path: name });
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM));
  expect(() => s.connect(fd, { family: s.AF_UNIX, path: name })).toThrow('ECONNREFUSED');
  s.connect(fd, { family: s.AF_UNIX, path: name.padEnd(108, '\0') });
});

test('Node 20 refuses AF_UNIX datagram descriptors, and lacks names of errnos, as README says', (context) => {
  need(context, node20);
  for (const type of [s.SOCK_DGRAM, s.SOCK_SEQPACKET]) {
    const fd = cleanup(s.socket(s.AF_UNIX, type));
    expect(() => new net.Socket({ fd })).toThrow('Unsupported fd type');
  }
  expect(getSystemErrorName(-s.EINPROGRESS)).toBe('Unknown system error -115');
  expect(s.errnoName(s.EINPROGRESS)).toBe('EINPROGRESS');
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
