/** How the package finds and loads its native binary: where it searches, what selects another one, and what each error says. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as native from '../lib/native/native.ts';
import { folder } from './helpers/fixtures.ts';
import { need, program } from './helpers/need.ts';

const root = join(import.meta.dirname, '..');
const built = native.binary as string;
const target = `linux-${process.arch}`;
const binary = `prebuilds/${target}/sys-socket.glibc.node`;
const superuser = process.getuid?.() === 0;
const use = "import { AF_UNIX, SOCK_STREAM, socketpair } from 'sys-socket'; socketpair(AF_UNIX, SOCK_STREAM);";
const works = { status: 0, stdout: '', stderr: '' };

let installed: string;
beforeAll(() => {
  installed = mkdtempSync(join(tmpdir(), 'sys-socket-loading-'));
  chmodSync(installed, 0o755);
  install(installed);
});
afterAll(() => rmSync(installed, { recursive: true }));

/** The compiled package, without maps and types. */
function copyCode(to: string): void {
  cpSync(join(root, 'dist'), to, { recursive: true, filter: (path) => !/\.(ts|map)$|\/packet$/.test(path) });
}

/** Creates a project with the package as npm installs it, with one binary. */
function install(project: string): string {
  const home = join(project, 'node_modules/sys-socket');
  copyCode(join(home, 'dist'));
  for (const path of ['scripts/build-native.js', 'package.json']) cpSync(join(root, path), join(home, path));
  mkdirSync(join(home, `prebuilds/${target}`), { recursive: true });
  copyFileSync(built, join(home, binary));
  writeFileSync(join(project, 'use.mjs'), use);
  return home;
}

interface Options {
  cwd?: string;
  env?: Record<string, string>;
  node?: string;
  as?: string[];
}

function run(args: string[], { cwd = installed, env = {}, node = process.execPath, as = [] }: Options = {}) {
  const [command, ...rest] = [...as, node, ...args] as [string, ...string[]];
  // The environment of this process must not select another binary.
  const { SYS_SOCKET_BINARY: _, NODE_OPTIONS: __, ...rest_ } = process.env;
  const { status, stdout, stderr } = spawnSync(command, rest, { cwd, env: { ...rest_, ...env }, encoding: 'utf8' });
  return { status, stdout, stderr };
}

const evaluate = (script: string, options?: Options) => run(['--input-type=module', '-e', script], options);

/** Returns the thrown error without the stack. */
const said = ({ stderr }: { stderr: string }) => stderr.split(/\n\s+at /)[0]!;

describe('the C library is found without the program file', () => {
  test('when the program is replaced while it runs, as by an upgrade', () => {
    const node = join(folder(), 'node');
    copyFileSync(process.execPath, node);
    const script = `import { rmSync } from 'node:fs'; rmSync(process.execPath); await import('sys-socket');`;
    expect(evaluate(script, { node })).toEqual(works);
  });

  test('when the program may be run but not read', (context) => {
    if (superuser) need(context, program('setpriv'));
    const path = folder();
    chmodSync(path, 0o755);
    const node = join(path, 'node');
    copyFileSync(process.execPath, node);
    chmodSync(node, 0o111);
    const as = superuser ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all'] : [];
    expect(run(['use.mjs'], { node, as })).toEqual(works);
  });

  test('when process.execPath does not exist', () => {
    expect(evaluate("process.execPath = '/nowhere'; await import('sys-socket');")).toEqual(works);
  });

  test('from the report of Node when /proc is not available', () => {
    const script = `
      import fs from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      const { readFileSync } = fs;
      fs.readFileSync = (path, ...rest) => {
        if (String(path).startsWith('/proc/')) throw new Error('there is no /proc');
        return readFileSync(path, ...rest);
      };
      syncBuiltinESMExports();
      const { libc } = await import(${JSON.stringify(join(root, 'dist/native/libc.js'))});
      console.log(libc());`;
    expect(evaluate(script)).toEqual({ ...works, stdout: 'glibc\n' });
  });
});

describe('a binary of another version of the package throws a clear error, and is not called', () => {
  /** The binary, patched to contain another version. */
  function other(version: string): string {
    const path = join(folder(), 'other.node');
    const bytes = readFileSync(built);
    const own = `${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}\0`;
    const at = bytes.indexOf(own, 0, 'latin1');
    expect(at).toBeGreaterThan(0);
    bytes.write(version.padEnd(own.length, '\0'), at, 'latin1');
    writeFileSync(path, bytes);
    return path;
  }

  test('named by SYS_SOCKET_BINARY', () => {
    const result = run(['use.mjs'], { env: { SYS_SOCKET_BINARY: other('0.0.9') } });
    expect(result.status).toBe(1);
    expect(said(result)).toMatch(/it belongs to version 0\.0\.9 of sys-socket, and this is \d/);
    expect(said(result)).toContain('must come from the same version');
  });

  test('given to useBinary, and older than the version check', () => {
    const script = `
      const { useBinary } = await import('sys-socket/binary');
      useBinary({ layout: {}, reactorStart() {} });
      await import('sys-socket').catch((error) => console.log(error.code, error.message));`;
    const { stdout } = evaluate(script);
    expect(stdout).toMatch(/^ERR_SYS_SOCKET_BINARY .*useBinary: it belongs to an older version of sys-socket/s);
  });

  test('the binary and the library contain the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(readFileSync(join(root, 'native/addon.cc'), 'utf8')).toContain(`kVersion[] = "${version}"`);
    expect(readFileSync(join(root, 'lib/native/binary.ts'), 'utf8')).toContain(`VERSION = '${version}'`);
  });
});

describe('the permission model', () => {
  // Node 20 has the permission model under its old name, and warns that it is experimental.
  const [major] = process.versions.node.split('.').map(Number) as [number];
  const permission = [major < 22 ? '--experimental-permission' : '--permission', '--no-warnings'];
  const read = () => `--allow-fs-read=${realpathSync(installed)}/*`;

  test('--allow-addons and reading the package are enough', () => {
    expect(run([...permission, '--allow-addons', read(), 'use.mjs'])).toEqual(works);
  });

  test('capabilities() reports that the process may start no other', () => {
    const script = `import { capabilities } from 'sys-socket';
      const { unix, networkNamespace } = capabilities();
      console.log(unix.able, networkNamespace.able, networkNamespace.reason.startsWith('no unshare(1): '));`;
    writeFileSync(join(installed, 'try.mjs'), script);
    const result = run([...permission, '--allow-addons', read(), 'try.mjs']);
    expect(result).toEqual({ status: 0, stdout: 'true false true\n', stderr: '' });
  });

  test('without --allow-addons the error says so', () => {
    const result = run([...permission, read(), 'use.mjs']);
    expect(result.status).toBe(1);
    expect(said(result)).toContain('Run node with --allow-addons, too');
    expect(result.stderr).toContain("code: 'ERR_SYS_SOCKET_BINARY'");
  });
});

test('with --no-addons the error says so', () => {
  const result = run(['--no-addons', 'use.mjs']);
  expect(result.status).toBe(1);
  expect(said(result)).toContain('Run node without --no-addons');
});

describe('the error says what was tried, and what to do:', () => {
  test('a binary that is missing from the package', () => {
    const cwd = folder();
    const home = install(cwd);
    rmSync(join(home, 'prebuilds'), { recursive: true });
    const result = run(['use.mjs'], { cwd });
    expect(result.status).toBe(1);
    expect(said(result)).toContain(`cannot load its binary for ${target} with glibc:`);
    expect(said(result)).toContain(`${realpathSync(home)}/${binary}: there is no such file`);
    expect(said(result)).toContain('The installed package is incomplete');
    expect(said(result)).toContain(`cd ${realpathSync(home)} && npm install --ignore-scripts && npm run build:native`);
  });

  test('for a bundle without the binary: no command in a directory of another package', () => {
    const cwd = folder();
    copyCode(join(cwd, 'app/out')); // as a bundler would, without a package around it
    writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }');
    const result = run(['app/out/index.js'], { cwd });
    expect(result.status).toBe(1);
    expect(said(result)).toContain(`${realpathSync(cwd)}/app/out/native/${binary}: there is no such file`);
    expect(said(result)).toContain('The package was bundled without its binary');
    expect(said(result)).not.toContain('npm install');
    expect(result.stderr).not.toContain('[cause]');
    // A binary in the place that the error advises is found.
    mkdirSync(join(cwd, 'app/out', `prebuilds/${target}`), { recursive: true });
    copyFileSync(built, join(cwd, 'app/out', binary));
    expect(run(['app/out/index.js'], { cwd })).toEqual(works);
  });

  /** Creates a binary that exists but cannot be loaded, for use in place of ours. */
  function broken(change: (bytes: Buffer) => Buffer) {
    const file = join(folder(), 'sys-socket.node');
    writeFileSync(file, change(readFileSync(built)));
    return run(['use.mjs'], { env: { SYS_SOCKET_BINARY: file } });
  }

  test('another processor', () => {
    const result = broken((bytes) => {
      bytes.writeUInt16LE(243, 18); // e_machine: RISC-V
      return bytes;
    });
    expect(said(result)).toContain('it is built for riscv64');
    expect(said(result)).toContain(`This Node is built for ${process.arch}. Use the binary in prebuilds/${target}`);
  });

  test('another C library', () => {
    const result = broken((bytes) => {
      bytes.write('libc.mu.6\0', bytes.indexOf('libc.so.6\0'), 'latin1'); // the name of a library that does not exist
      return bytes;
    });
    expect(said(result)).toContain('it is built for musl');
    expect(said(result)).toContain('Use sys-socket.glibc.node, and install the package on the system where it runs');
  });

  test('no binary at all', () => {
    expect(said(broken(() => Buffer.from('version https://git-lfs.github.com/spec/v1\n')))).toContain(
      'it is not an ELF file',
    );
  });

  test('a binary whose copy was interrupted, instead of a SIGBUS', () => {
    for (const size of [100, 3000, 60_000]) {
      const result = broken((bytes) => bytes.subarray(0, size));
      expect(result.status).toBe(1);
      expect(said(result)).toContain(`it ends after ${size} bytes\nThe file is incomplete`);
    }
  });

  test('a folder, and a FIFO, on which dlopen would wait', () => {
    const fifo = join(folder(), 'fifo');
    spawnSync('mkfifo', [fifo]);
    for (const path of [folder(), fifo]) {
      const text = said(run(['use.mjs'], { env: { SYS_SOCKET_BINARY: path } }));
      expect(text).toContain(`${path}: it is not a regular file`);
    }
  });

  test('a library that is not an addon', () => {
    const library = process.report.getReport() as unknown as { sharedObjects: string[] };
    const libc = library.sharedObjects.find((path) => /\/libc\.so/.test(path)) as string;
    const text = said(run(['use.mjs'], { env: { SYS_SOCKET_BINARY: libc } }));
    expect(text).toContain('It is a library, but not the binary of sys-socket');
  });

  test('a file that may not be read', (context) => {
    if (superuser) need(context, program('setpriv'));
    const cwd = folder();
    chmodSync(cwd, 0o755);
    const home = install(cwd);
    chmodSync(join(home, binary), 0o000);
    const as = superuser ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all'] : [];
    const result = run(['use.mjs'], { cwd, as });
    expect(said(result)).toMatch(/permission denied/i);
    expect(said(result)).toContain('Make the file and its folders readable');
  });

  test('a file system without execution', (context) => {
    const path = folder();
    const mount = [
      'unshare',
      '-rm',
      'sh',
      '-c',
      'mount -t tmpfs -o noexec tmpfs "$0" && cp "$1" "$0"/x.node && shift && "$@"',
    ];
    const probe = spawnSync(mount[0]!, [...mount.slice(1), path, built, 'true'], { encoding: 'utf8' });
    if (probe.status !== 0) context.skip('no mounts in a user namespace');
    const as = [...mount, path, built];
    const result = run(['use.mjs'], { as, env: { SYS_SOCKET_BINARY: join(path, 'x.node') } });
    expect(said(result)).toContain('may be mounted noexec');
  });
});

describe('another binary is chosen', () => {
  const elsewhere = () => {
    const path = join(folder(), 'of-my-own.node');
    copyFileSync(built, path);
    return path;
  };
  /** Runs a program that loads what `choose` selected, in an installation without binaries. */
  const choose = (choice: string, options: Options = {}) => {
    const cwd = folder();
    rmSync(join(install(cwd), 'prebuilds'), { recursive: true });
    const setUp = `
      import { createRequire } from 'node:module';
      import { pathToFileURL } from 'node:url';
      import { useBinary } from 'sys-socket/binary';
      ${choice}`;
    writeFileSync(join(cwd, 'binary.mjs'), setUp);
    writeFileSync(join(cwd, 'use.mjs'), `import './binary.mjs'; ${use}`);
    return run(['use.mjs'], { cwd, ...options });
  };

  test('by SYS_SOCKET_BINARY', () => {
    expect(run(['use.mjs'], { env: { SYS_SOCKET_BINARY: elsewhere() } })).toEqual(works);
    const result = run(['use.mjs'], { env: { SYS_SOCKET_BINARY: 'not/there.node' } });
    expect(said(result)).toContain(`${realpathSync(installed)}/not/there.node: there is no such file`);
    expect(said(result)).toContain('SYS_SOCKET_BINARY names a file that does not exist.');
  });

  test.each([
    ['a path', (path: string) => JSON.stringify(path)],
    ['a URL', (path: string) => `pathToFileURL(${JSON.stringify(path)})`],
    ['the loaded addon', (path: string) => `createRequire(import.meta.url)(${JSON.stringify(path)})`],
  ])('by useBinary with %s', (_, form) => {
    expect(choose(`useBinary(${form(elsewhere())})`)).toEqual(works);
  });

  test('the variable takes precedence over the function', () => {
    expect(choose("useBinary('/nowhere')", { env: { SYS_SOCKET_BINARY: elsewhere() } })).toEqual(works);
    expect(said(choose("useBinary('/nowhere')"))).toContain('useBinary names a file that does not exist.');
  });

  test.each(['undefined', 'null', "''", '5', '{}', '[]', "new URL('https://example.org/')", '() => {}'])(
    '%s throws',
    (value) => {
      const script = `import { useBinary } from 'sys-socket/binary'; try { useBinary(${value}); } catch (error) {
        console.log(error instanceof TypeError, error.code); }`;
      expect(evaluate(script).stdout).toMatch(/^true ERR_INVALID_(ARG_TYPE|URL_SCHEME)\n$/);
    },
  );

  test('a choice after the import throws', () => {
    const script = `import 'sys-socket'; import { useBinary } from 'sys-socket/binary'; useBinary('/x');`;
    expect(evaluate(script).stderr).toContain("code: 'ERR_SYS_SOCKET_BINARY_LOADED'");
  });
});

test('a bundle finds the binary of the package that is installed above it', () => {
  const cwd = folder();
  install(cwd);
  copyCode(join(cwd, 'out/server'));
  writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }');
  expect(run(['out/server/index.js'], { cwd })).toEqual(works);
});

test('a program whose name is not a path loads nothing from the working directory', () => {
  const [home, cwd] = [folder(), folder()];
  copyCode(join(home, 'out'));
  writeFileSync(join(home, 'package.json'), '{ "type": "module" }');
  install(cwd);
  cpSync(join(cwd, 'node_modules/sys-socket/prebuilds'), join(cwd, 'prebuilds'), { recursive: true });
  // process.argv[1] is `name`, as in a single executable that the shell found by its PATH.
  const result = run(['--input-type=commonjs', '-e', `import('${home}/out/index.js')`, 'name'], { cwd });
  expect(said(result)).toContain('The package was bundled without its binary');
});

test('every binary that is looked for is an entry of the package, and vice versa', () => {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const entries = Object.keys(exports).filter((name) => name.endsWith('.node'));
  for (const name of entries) expect(exports[name]).toBe(name);
  const source = readFileSync(join(root, 'lib/native/binary.ts'), 'utf8');
  const literals = [...source.matchAll(/new URL\('\.\.\/\.\.\/(prebuilds\/[^']+)', import\.meta\.url\)/g)];
  expect(literals.map(([, path]) => `./${path}`).sort()).toEqual([...entries].sort());
});
