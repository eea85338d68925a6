/** The documents are correct: their links and names lead somewhere, and README's claims about Node hold. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../lib/index.ts';
import { byRuntime } from './helpers/differences.ts';
import { cleanup } from './helpers/fds.ts';
import { datagram } from './helpers/fixtures.ts';
import { need } from './helpers/need.ts';
import { nodeLine, nodeOf } from './helpers/node-versions.ts';

const root = join(import.meta.dirname, '..');
const text = (path: string) => readFileSync(join(root, path), 'utf8');
const readme = text('README.md');
const contributing = text('CONTRIBUTING.md');
const manifest = JSON.parse(text('package.json'));

/** The guides: the documents in docs/, except the list that a program generates. */
const guides = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && name !== 'coverage.md');

test('the documents keep within their length, and name only what exists', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(250);
  expect(contributing.split('\n').length).toBeLessThanOrEqual(110);
  const documents = readme + contributing;
  for (const [, name] of documents.matchAll(/npm run ([a-z:]+)/g)) expect(manifest.scripts).toHaveProperty([name!]);
  const paths = /(?<![\w/-])((?:examples|lib|native|test|scripts|bench)\/[\w./-]*\w|\w+\.(?:md|gyp))(?![\w/])/g;
  for (const [, path] of documents.matchAll(paths)) expect(existsSync(join(root, path!)), path).toBe(true);
});

/** Returns the anchors of the headings, as GitHub and typedoc create them. */
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

test('every link between the documents leads somewhere, and README links to every guide', () => {
  const others = [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'examples/README.md',
    'test/README.md',
    'docs/coverage.md',
  ];
  const documents = [...others, ...guides.map((name) => `docs/${name}`)];
  const broken: string[] = [];
  for (const document of documents) {
    for (const [, target, anchor] of text(document).matchAll(/\]\((?!https?:)([\w./-]*)(?:#([\w-]+))?\)/g)) {
      const file = target === '' ? document : join(dirname(document), target!);
      const found = existsSync(join(root, file)) && (anchor === undefined || anchors(file).includes(anchor));
      if (!found) broken.push(`${document}: ${target}#${anchor}`);
    }
  }
  expect(broken).toEqual([]);
  const site = text('docs/typedoc.json');
  for (const name of guides) {
    expect(readme).toContain(`](docs/${name})`);
    expect(site, 'the list of what is in the site').toContain(`"./${name}"`);
  }
});

test('examples/README.md has a row for every example, with a command that runs it', () => {
  const rows = [...text('examples/README.md').matchAll(/^\| \[([\w-]+\.js)\]\(\1\): `(.+?)` \| .+ \|$/gm)];
  const programs = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.js'));
  expect(rows.map(([, name]) => name!).sort()).toEqual(programs.sort());
  for (const [, name, command] of rows) {
    if (name !== 'demo.js') expect(command).toMatch(new RegExp(`^(sudo )?node examples/${name}( |$)`));
  }
});

test('docs/tables.md lists the sizes of control messages that CMSG_SPACE returns', () => {
  const rows = [...text('docs/tables.md').matchAll(/^\| .+ \| (\d+) \| (\d+) \|$/gm)];
  expect(rows.length).toBeGreaterThan(15);
  for (const [row, length, space] of rows) expect(s.CMSG_SPACE(Number(length)), row).toBe(Number(space));
});

test('every development dependency has a reason, and there is no other dependency', () => {
  const rows = contributing.match(/^- `.+?`(?=:)/gm)?.join(' ') ?? '';
  const reasons = [...rows.matchAll(/`([@\w/-]+)`/g)].map(([, name]) => name!);
  expect(reasons.sort()).toEqual(Object.keys(manifest.devDependencies).sort());
  for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies']) {
    expect(manifest).not.toHaveProperty(kind);
  }
});

test('Node 20 pads abstract names, rejects AF_UNIX datagram file descriptors and lacks names of errnos, as README says', (context) => {
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

test('net.Socket takes over the file descriptor of a stream, as README says', async () => {
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

test('an invalid argument throws as README says, and is never truncated', () => {
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

test('every script begins with its usage, and package.json or CONTRIBUTING.md names it', () => {
  const named = text('package.json') + contributing;
  for (const name of readdirSync(join(root, 'scripts')).filter((name) => /\.(js|sh)$/.test(name))) {
    expect(named, name).toContain(name);
    const head = /^(?:(?:#|\/\/).*\n)+/.exec(text(`scripts/${name}`))?.[0];
    expect(head, name).toMatch(new RegExp(`^(#|//) {3}(npm run |.*scripts/${name})`, 'm'));
  }
});

test('docs/runtimes.md lists every reason for which Bun and Deno skip tests, and no other', () => {
  const rows = [...text('docs/runtimes.md').matchAll(/^\| (.*?) \| .* \|$/gm)].map((match) => match[1]!);
  const reasons = [...Object.values(byRuntime)].flat().map(({ reason }) => reason);
  const plain = rows.map((row) => row.replaceAll('`', ''));
  expect(plain.filter((row) => row !== 'difference' && !/^(runtime|Node|Bun|Deno)\b/.test(row)).sort()).toEqual(
    reasons.sort(),
  );
});
