/** Finds the native binary for this process and loads it. Nothing in this file needs the binary. */
import { accessSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Failure, loadError } from './binary-error.ts';
import { examine } from './binary-file.ts';
import { type Libc, libc } from './libc.ts';

/**
 * Returns the location of the package's binary for a target. Each URL is a complete literal that is passed to the global class
 * and returned unchanged, because bundlers and file tracers follow nothing else. The function throws in a CommonJS bundle,
 * which has no `import.meta.url`.
 */
function carried(target: string): URL | undefined {
  switch (target) {
    case 'linux-x64-glibc':
      return new URL('../../prebuilds/linux-x64/sys-socket.glibc.node', import.meta.url);
    case 'linux-x64-musl':
      return new URL('../../prebuilds/linux-x64/sys-socket.musl.node', import.meta.url);
    case 'linux-arm64-glibc':
      return new URL('../../prebuilds/linux-arm64/sys-socket.glibc.node', import.meta.url);
    case 'linux-arm64-musl':
      return new URL('../../prebuilds/linux-arm64/sys-socket.musl.node', import.meta.url);
    default:
      return undefined;
  }
}

/** The version of the package, which must equal that of the binary: the functions of other versions have other parameters and results. */
const VERSION = '0.1.0';

function attempt<Value>(action: () => Value): Value | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** Returns the path of this file, or of the bundle or the executable that it became part of. */
function runningFile(): string | undefined {
  return attempt(() => fileURLToPath(import.meta.url)) ?? (typeof __filename === 'string' ? __filename : undefined);
}

/** Returns the folder of the package, or undefined if this file is no longer in it. */
function packageFolder(): string | undefined {
  const file = runningFile();
  const folder = file && resolve(dirname(file), '../..');
  return folder && isPackage(folder) ? folder : undefined;
}

function isPackage(folder: string): boolean {
  const manifest = attempt(() => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
  return manifest?.name === 'sys-socket';
}

/** Returns the folder of the package that is installed in one of the folders above a file. */
function installedAbove(file: string): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules/sys-socket');
    if (isPackage(found)) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Returns every path where a binary for this process may be, in the order in which they are tried. */
function candidates(root: string | undefined, kinds: readonly Libc[]): string[] {
  if (process.platform !== 'linux') return [];
  const found: (string | undefined)[] = [];
  const at = `linux-${process.arch}`;
  const names = kinds.map((kind) => `prebuilds/${at}/sys-socket.${kind}.node`);
  if (root) {
    // A binary that was built here comes first.
    for (const name of ['build/Release/sys_socket.node', 'build/Debug/sys_socket.node', ...names])
      found.push(join(root, name));
  } else {
    for (const kind of kinds) {
      const url = attempt(() => carried(`${at}-${kind}`));
      found.push(url && attempt(() => fileURLToPath(url)));
    }
    // For a bundle without the binary, the binary is beside the bundle, or in a package that is installed where the bundle runs.
    // The name of a single executable may be no path, and the working directory may belong to another user.
    const isPath = (file: string | undefined): file is string => file !== undefined && isAbsolute(file);
    const files = [runningFile(), process.argv[1], process.execPath].filter(isPath);
    for (const folder of [...files.map(dirname), ...files.map(installedAbove)]) {
      if (folder !== undefined) found.push(...names.map((name) => join(folder, name)));
    }
  }
  return [...new Set(found.filter((path) => path !== undefined))];
}

function open(path: string): object {
  const module = { exports: {} };
  process.dlopen(module, path);
  return ofThisVersion(module.exports);
}

/** Returns the addon, or throws if it belongs to another version of the package. */
function ofThisVersion(addon: object): object {
  const { version } = addon as { version?: unknown };
  if (version === VERSION) return addon;
  const its = typeof version === 'string' ? `version ${version}` : 'an older version';
  const error = new Error(`it belongs to ${its} of sys-socket, and this is ${VERSION}`);
  throw Object.assign(error, { code: 'ERR_SYS_SOCKET_VERSION' });
}

/** Loads the first of the paths that can be loaded. Returns the binary, or the reason why each path failed. */
function first(paths: readonly string[]): Loaded | Failure[] {
  const failures: Failure[] = [];
  for (const path of paths) {
    try {
      accessSync(path);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code as string)) {
        failures.push({ path, error: undefined });
        continue;
      }
      // The permission model restricts the reading of files, but not the loading of addons.
    }
    try {
      examine(path);
      return { path, addon: open(path) };
    } catch (error) {
      failures.push({ path, error: error as NodeJS.ErrnoException });
    }
  }
  return failures;
}

interface Loaded {
  /** The path of the binary, or undefined if the program provided the loaded addon. */
  readonly path: string | undefined;
  readonly addon: object;
}

let chosen: string | object | undefined;
let loaded = false;

/**
 * Chooses the native binary that the package will load, so that the package does not search for it. Call this function before
 * the first import of `sys-socket` is evaluated, that is, in a module of its own that is imported first. It is meant for
 * programs that are bundled or turned into a single executable. The environment variable `SYS_SOCKET_BINARY` (a path) takes
 * precedence.
 *
 * There is no such function in C.
 *
 * @param binary A path (relative to the working directory), a `file:` URL, or the exports of the loaded addon, as
 *   `require('sys-socket/prebuilds/linux-x64/sys-socket.glibc.node')` returns them.
 * @throws TypeError if the argument is none of these; Error if the package has already loaded its binary.
 * @example
 * try {
 *   useBinary('/opt/app/sys-socket.glibc.node');
 * } catch (error) {
 *   if (error instanceof Error && 'code' in error) console.log(error.code); // ERR_SYS_SOCKET_BINARY_LOADED
 * }
 * @see https://man7.org/linux/man-pages/man3/dlopen.3.html
 */
export function useBinary(binary: string | URL | object): void {
  let choice: string | object | undefined;
  if (typeof binary === 'string' ? binary !== '' : isAddon(binary)) choice = binary;
  else if (typeof binary === 'object' && binary !== null && 'href' in binary) choice = fileURLToPath(binary.href);
  if (choice === undefined) {
    throw Object.assign(
      new TypeError('The "binary" argument must be a path, a file: URL or the exports of a binary of sys-socket'),
      { code: 'ERR_INVALID_ARG_TYPE' },
    );
  }
  if (loaded) {
    throw Object.assign(
      new Error('sys-socket has already loaded its binary. Call useBinary before sys-socket is imported.'),
      {
        code: 'ERR_SYS_SOCKET_BINARY_LOADED',
      },
    );
  }
  chosen = choice;
}

function isAddon(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'layout' in value && 'reactorStart' in value;
}

/** Returns the addon that the program provided, or throws if it belongs to another version. */
function checkedAddon(addon: object): object {
  try {
    return ofThisVersion(addon);
  } catch (error) {
    const failure = { path: 'the addon that was passed to useBinary', error: error as NodeJS.ErrnoException };
    throw loadError([failure], { root: undefined, kind: libc(), by: 'useBinary' });
  }
}

/** Loads the binary that was chosen, or otherwise the first one that is found. */
export function loadBinary(): Loaded {
  loaded = true;
  const { SYS_SOCKET_BINARY: variable } = process.env;
  if (!variable && typeof chosen === 'object') return { path: undefined, addon: checkedAddon(chosen) };
  const choice = variable || (chosen as string | undefined);
  const root = packageFolder();
  const kind = libc();
  // Both binaries are tried only if the C library is unknown, because loading the wrong one may load a second C library.
  const paths = choice === undefined ? candidates(root, kind ? [kind] : ['glibc', 'musl']) : [resolve(choice)];
  const result = first(paths);
  if (!Array.isArray(result)) return result;
  const by = variable ? 'SYS_SOCKET_BINARY' : choice && 'useBinary';
  throw loadError(result, { root, kind, by });
}
