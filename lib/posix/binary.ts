/** Finds the native binary for this process and loads it. Nothing here needs the binary. */
import { accessSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Failure, loadError } from './binary-error.ts';
import { type Libc, libc } from './libc.ts';

/**
 * Where the package carries the binary for a target. Each URL is written out as a whole, made by the global class and returned
 * as it is, because bundlers and file tracers follow only that. It throws where a CommonJS bundle has no `import.meta.url`.
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

/** The version of the package, which its binary has too: the functions of another one take and return other things. */
const VERSION = '0.1.0';

function attempt<Value>(action: () => Value): Value | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** This file, or the bundle or the executable that it became part of. */
function runningFile(): string | undefined {
  return attempt(() => fileURLToPath(import.meta.url)) ?? (typeof __filename === 'string' ? __filename : undefined);
}

/** The folder of the package, if this file is still in it. */
function packageFolder(): string | undefined {
  const file = runningFile();
  const folder = file && resolve(dirname(file), '../..');
  return folder && isPackage(folder) ? folder : undefined;
}

function isPackage(folder: string): boolean {
  const manifest = attempt(() => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
  return manifest?.name === 'sys-socket';
}

/** The package as it is installed in one of the folders above a file. */
function installedAbove(file: string): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules/sys-socket');
    if (isPackage(found)) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Every place where a binary for this process may be, in the order in which they are tried. */
function candidates(root: string | undefined, kinds: readonly Libc[]): string[] {
  if (process.platform !== 'linux') return [];
  const found: (string | undefined)[] = [];
  const at = `linux-${process.arch}`;
  const names = kinds.map((kind) => `prebuilds/${at}/sys-socket.${kind}.node`);
  if (root) {
    // What was built here comes first.
    for (const name of ['build/Release/sys_socket.node', 'build/Debug/sys_socket.node', ...names])
      found.push(join(root, name));
  } else {
    for (const kind of kinds) {
      const url = attempt(() => carried(`${at}-${kind}`));
      found.push(url && attempt(() => fileURLToPath(url)));
    }
    // A bundle that did not take the binary along: it is beside it, or in a package that is installed where it runs.
    const files = [runningFile(), process.argv[1], process.execPath].filter((file) => file !== undefined);
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

/** Refuses the addon of another version of the package. */
function ofThisVersion(addon: object): object {
  const { version } = addon as { version?: unknown };
  if (version === VERSION) return addon;
  const its = typeof version === 'string' ? `version ${version}` : 'an older version';
  const error = new Error(`it belongs to ${its} of sys-socket, and this is ${VERSION}`);
  throw Object.assign(error, { code: 'ERR_SYS_SOCKET_VERSION' });
}

/** Loads the first of the paths that can be loaded. Returns it, or why each of them cannot be. */
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
      // The permission model restricts the reading of files, not the loading of addons.
    }
    try {
      return { path, addon: open(path) };
    } catch (error) {
      failures.push({ path, error: error as NodeJS.ErrnoException });
    }
  }
  return failures;
}

interface Loaded {
  /** The path of the binary, or undefined if the program gave the loaded addon. */
  readonly path: string | undefined;
  readonly addon: object;
}

let chosen: string | object | undefined;
let loaded = false;

/**
 * Chooses the native binary that the package will load, instead of looking for it. Call it before the first import of
 * `sys-socket` is evaluated: in a module of its own that is imported first. It is meant for programs that are bundled, or made
 * into a single executable. The environment variable `SYS_SOCKET_BINARY` (a path) is stronger than it.
 *
 * There is no such function in C.
 *
 * @param binary a path (relative to the working directory), a `file:` URL, or the exports of the loaded addon, as
 *   `require('sys-socket/prebuilds/linux-x64/sys-socket.glibc.node')` returns them
 * @throws TypeError if it is none of these; Error if the package has loaded its binary already
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
    throw Object.assign(new Error('sys-socket has loaded its binary already: call useBinary before it is imported'), {
      code: 'ERR_SYS_SOCKET_BINARY_LOADED',
    });
  }
  chosen = choice;
}

function isAddon(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'layout' in value && 'reactorStart' in value;
}

/** The addon that the program gave, if it is of this version. */
function given(addon: object): object {
  try {
    return ofThisVersion(addon);
  } catch (error) {
    const failure = { path: 'the addon that was given to useBinary', error: error as NodeJS.ErrnoException };
    throw loadError([failure], { root: undefined, kind: libc(), by: 'useBinary' });
  }
}

/** Loads the binary: the one that was chosen, else the first that is found. */
export function loadBinary(): Loaded {
  loaded = true;
  const { SYS_SOCKET_BINARY: variable } = process.env;
  if (!variable && typeof chosen === 'object') return { path: undefined, addon: given(chosen) };
  const choice = variable || (chosen as string | undefined);
  const root = packageFolder();
  const kind = libc();
  // The other C library's binary is tried only when nothing tells which one this is: to load it may load a second one.
  const paths = choice === undefined ? candidates(root, kind ? [kind] : ['glibc', 'musl']) : [resolve(choice)];
  const result = first(paths);
  if (!Array.isArray(result)) return result;
  const by = variable ? 'SYS_SOCKET_BINARY' : choice && 'useBinary';
  throw loadError(result, { root, kind, by });
}
