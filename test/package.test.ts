import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, matchesGlob } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as index from '../lib/index.ts';
import * as native from '../lib/native/native.ts';
import * as nothrow from '../lib/nothrow.ts';
import { folder } from './helpers/fixtures.ts';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const built = native.binary as string;
/** The path of a build of this machine in the package. */
const binary = 'build/Release/sys_socket.node';

function run(cwd: string, type: 'module' | 'commonjs', script: string) {
  return spawnSync(process.execPath, [`--input-type=${type}`, '-e', script], { cwd, encoding: 'utf8' });
}

test('the package runs no script at installation, and installs no dependency', () => {
  const scripts = Object.keys(manifest.scripts);
  for (const name of ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare']) {
    expect(scripts).not.toContain(name);
  }
  expect(manifest.gypfile, 'without it, npm would run node-gyp because of binding.gyp').toBe(false);
  expect(manifest.files, 'with it, other package managers would run node-gyp').not.toContain('binding.gyp');
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies', 'bundledDependencies']) {
    expect(manifest[kind]).toBeUndefined();
  }
});

test('package.json says what the package is and where it runs', () => {
  expect(manifest).toMatchObject({ name: 'sys-socket', type: 'module', license: 'MIT', os: ['linux'] });
  expect(manifest.engines).toEqual({ node: '^20.19 || >=22.12' });
  expect(manifest.private).toBeUndefined();
});

test('tools that do not read exports find the CommonJS build', () => {
  expect(manifest.main).toBe(manifest.exports['.'].require.default);
});

/** All paths in the tree of "exports". */
function targets(entry: string | object): string[] {
  return typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(targets);
}

/** The paths that npm would publish. The cache of npm is elsewhere, as not every user may access that of root. */
function packed(): string[] {
  const home = folder();
  const text = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, HOME: home, npm_config_cache: join(home, 'cache'), npm_config_update_notifier: 'false' },
  });
  return JSON.parse(text)[0].files.map(({ path }: { path: string }) => path);
}

describe('the published files', () => {
  let known: string[] | undefined;
  const published = () => {
    known ??= packed();
    return known;
  };

  test('are what is needed', () => {
    const files = published();
    const needed = ['package.json', 'LICENSE', 'scripts/build-native.js'];
    for (const target of targets(manifest.exports)) {
      if (!target.endsWith('.node')) needed.push(target.slice(2)); // check-release checks those
    }
    needed.push(manifest.types.slice(2), 'dist/cjs/package.json');
    for (const name of readdirSync(join(root, 'native'))) needed.push(`native/${name}`);
    for (const room of ['argument', 'call', 'native', 'netlink', 'posix', 'struct', 'loop']) {
      for (const name of readdirSync(join(root, 'lib', room))) {
        // A module of types alone has no code.
        if (!/^export (?!type |interface )/m.test(readFileSync(join(root, 'lib', room, name), 'utf8'))) continue;
        needed.push(`dist/${room}/${name.slice(0, -3)}.js`, `dist/cjs/${room}/${name.slice(0, -3)}.js`);
      }
    }
    const sources = readFileSync(join(root, 'native/sys_socket.gypi'), 'utf8').match(/(?<=")\w+\.cc/g)!;
    expect(sources.length).toBeGreaterThan(5);
    expect(
      [...needed, ...sources.map((name) => `native/${name}`)].filter((path) => !files.includes(path)),
      'npm run build makes dist',
    ).toEqual([]);
    for (const path of ['README.md', 'CHANGELOG.md']) {
      if (existsSync(join(root, path))) expect(files).toContain(path);
    }
  });

  test('are no more than that', () => {
    const files = published();
    const allowed: string[] = [...manifest.files, 'package.json', 'LICENSE', 'README.md'];
    const strays = files.filter(
      (path) => !allowed.some((entry) => matchesGlob(path, entry) || path.startsWith(`${entry}/`)),
    );
    expect(strays).toEqual([]);
    expect(files.filter((path) => /\.(tgz|log|test\.[jt]s)$|(^|\/)\./.test(path))).toEqual([]);
  });

  test('have no declaration that no entry point refers to, and the constants only once', () => {
    const files = published();
    for (const name of ['call/pinned', 'argument/kind', 'doctor']) expect(files).not.toContain(`dist/${name}.d.ts`);
    for (const name of ['native/constants', 'socket/stream']) {
      for (const build of ['dist', 'dist/cjs']) expect(files).toContain(`${build}/${name}.d.ts`);
    }
    const size = (path: string) => readFileSync(join(root, path)).length;
    expect(readFileSync(join(root, 'dist/native/constants.d.ts'), 'utf8')).toContain('socket(2)');
    expect(size('dist/native/constants.js')).toBeLessThan(150_000); // several times as much with the comments of the declarations
    expect(size('dist/cjs/native/constants.js')).toBeLessThan(120_000);
  });

  test('have declarations that TypeScript 5.4 accepts too, where typed arrays and DataView are not generic', () => {
    const declarations = published().filter((path) => path.endsWith('.d.ts'));
    expect(declarations.length).toBeGreaterThan(100);
    const generic = /\b(?:DataView|Buffer|(?:Big)?(?:Ui|I)nt\d+(?:Clamped)?Array|Float\d+Array)</;
    expect(declarations.filter((path) => generic.test(readFileSync(join(root, path), 'utf8')))).toEqual([]);
  });

  test('refer to no source map, as there is none', () => {
    const files = published();
    expect(files.filter((path) => path.endsWith('.map'))).toEqual([]);
    for (const path of files.filter((name) => name.endsWith('.js'))) {
      expect(readFileSync(join(root, path), 'utf8')).not.toContain('sourceMappingURL');
    }
  });

  /** A project with the published files and the binary of this machine installed. */
  function project(withBinary = true): string {
    const files = published();
    const path = folder();
    const home = join(path, 'node_modules/sys-socket');
    for (const file of withBinary ? [...files, binary] : files.filter((file) => !file.startsWith('prebuilds/'))) {
      mkdirSync(dirname(join(home, file)), { recursive: true });
      cpSync(file === binary ? built : join(root, file), join(home, file));
    }
    writeFileSync(join(path, 'package.json'), '{ "private": true }');
    return path;
  }

  test('work in a project by import and by require', () => {
    const cwd = project();
    const use = 's.close(s.socket(s.AF_INET, s.SOCK_DGRAM)); console.log(s.AF_INET, typeof n.recv, n.close(-1));';
    const imported = run(
      cwd,
      'module',
      `import * as s from 'sys-socket'; import * as n from 'sys-socket/nothrow'; ${use}`,
    );
    expect(imported).toMatchObject({ status: 0, stdout: '2 function -9\n' });
    const required = run(cwd, 'commonjs', `const s = require('sys-socket'), n = require('sys-socket/nothrow'); ${use}`);
    expect(required).toMatchObject({ status: 0, stdout: '2 function -9\n' });
  });

  test('without a binary for the platform, the error says what to do', () => {
    const { status, stderr } = run(project(false), 'module', "import 'sys-socket';");
    expect(status).toBe(1);
    expect(stderr).toContain(`sys-socket cannot load its binary for linux-${process.arch} with glibc:`);
    expect(stderr).toContain(`prebuilds/linux-${process.arch}/sys-socket.glibc.node: there is no such file`);
    expect(stderr).toContain('npm run build:native');
  });

  test('the binary for the processor and the C library is loaded, and no other', () => {
    const cwd = project(false);
    const prebuilds = join(cwd, 'node_modules/sys-socket/prebuilds', `linux-${process.arch}`);
    mkdirSync(prebuilds, { recursive: true });
    writeFileSync(join(prebuilds, 'sys-socket.musl.node'), 'of no use here');
    const script = "import { AF_UNIX, socketpair, SOCK_STREAM } from 'sys-socket'; socketpair(AF_UNIX, SOCK_STREAM);";
    expect(run(cwd, 'module', script).stderr).toContain('ERR_SYS_SOCKET_BINARY');
    cpSync(built, join(prebuilds, 'sys-socket.glibc.node'));
    expect(run(cwd, 'module', script)).toMatchObject({ status: 0, stderr: '' });
  });

  test('their types pass the strict type check of a project', () => {
    const cwd = project();
    mkdirSync(join(cwd, 'node_modules/@types'));
    symlinkSync(join(root, 'node_modules/@types/node'), join(cwd, 'node_modules/@types/node'));
    const program = `
      import * as s from 'sys-socket';
      import { recv } from 'sys-socket/nothrow';
      const fd: number = s.socket(s.AF_INET, s.SOCK_DGRAM);
      const bytes: Buffer = s.getsockopt(fd, s.SOL_SOCKET, s.SO_LINGER, 8);
      const int: number = s.getsockopt(fd, s.SOL_SOCKET, s.SO_TYPE);
      const n: number = recv(fd, bytes);
      const two: 2 = s.AF_INET;
      // @ts-expect-error no number is an address
      s.bind(fd, 5);
      export { int, n, two };`;
    writeFileSync(join(cwd, 'use.mts'), program);
    const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
    const strict = ['--strict', '--noEmit', '--target', 'es2022', '--types', 'node', '--skipLibCheck', 'false'];
    for (const resolution of [
      ['--module', 'nodenext'],
      ['--module', 'preserve', '--moduleResolution', 'bundler'],
    ]) {
      const { status, stdout } = spawnSync(process.execPath, [compiler, ...strict, ...resolution, 'use.mts'], {
        cwd,
        encoding: 'utf8',
      });
      expect([status, stdout]).toEqual([0, '']);
    }
  });
});

test.each([
  ['sys-socket', Object.keys(index)],
  ['sys-socket/nothrow', Object.keys(nothrow)],
])('%s exports the same by its public name as its source, by import and by require', (name, expected) => {
  const print = 'console.log(JSON.stringify(Object.keys(x).filter((key) => key !== "__esModule").sort()));';
  const imported = run(root, 'module', `import * as x from '${name}'; ${print}`);
  expect(JSON.parse(imported.stdout)).toEqual([...expected].sort());
  const required = run(root, 'commonjs', `const x = require('${name}'); ${print}`);
  expect(JSON.parse(required.stdout)).toEqual([...expected].sort());
});

test.each(['index', 'binary', 'nothrow', 'promises', 'packet/index'])(
  'the CommonJS build of %s, for tools that cannot require an ES module, has the same names and works',
  (name) => {
    const script = `
      const assert = require('node:assert');
      const cjs = require('./dist/cjs/${name}.js'), esm = require('./dist/${name}.js');
      assert.deepStrictEqual(Object.keys(cjs).sort(), Object.keys(esm).sort());
      const { AF_UNIX, SOCK_STREAM, Socket, socketpair } = require('./dist/cjs/index.js');
      socketpair(AF_UNIX, SOCK_STREAM);
      const [a, b] = Socket.pair();
      a.sendAll('works').then(() => b.recv()).then((data) => console.log(String(data)));`;
    expect(run(root, 'commonjs', script)).toMatchObject({ status: 0, stdout: 'works\n', stderr: '' });
  },
);

test('in Node, import and require load the same copy of the package', () => {
  const script = `
    import { createRequire } from 'node:module';
    import { Socket } from 'sys-socket';
    console.log(createRequire(import.meta.url)('sys-socket').Socket === Socket);`;
  expect(run(root, 'module', script).stdout).toBe('true\n');
});

test('only the exported paths can be imported', () => {
  for (const path of ['dist/index.js', 'lib/index.ts', 'dist/native/native.js', 'posix']) {
    expect(run(root, 'module', `import 'sys-socket/${path}';`).stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  }
  const script = "import m from 'sys-socket/package.json' with { type: 'json' }; console.log(m.name);";
  expect(run(root, 'module', script).stdout).toBe('sys-socket\n');
});
