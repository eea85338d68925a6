/** Says why no native binary could be loaded, and what helps against exactly that. */
import type { Buffer } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Libc } from './libc.ts';

/** A path that was tried. Without an error there is no such file. */
export interface Failure {
  readonly path: string;
  readonly error: NodeJS.ErrnoException | undefined;
}

interface Situation {
  /** The folder of the installed package, or undefined if the code was bundled into another file. */
  readonly root: string | undefined;
  readonly kind: Libc | undefined;
  /** What chose the path, if anything did. */
  readonly by: string | undefined;
}

/** e_machine of elf(5), by the names of process.arch. */
const MACHINES: { readonly [machine: number]: string } = {
  3: 'ia32',
  8: 'mips',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64',
};

interface Cause {
  readonly reason: string;
  readonly help?: string;
}

/** What is wrong with a file that is there, from its first bytes and its names of libraries. */
function mismatch(path: string, kind: Libc | undefined): Cause | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES') return undefined;
    return { reason: message, help: 'Make the file and its folders readable for the user of this process.' };
  }
  if (bytes.length < 64 || bytes.toString('latin1', 0, 4) !== '\x7fELF') {
    const help = 'The file is damaged, or a placeholder that was never replaced (Git LFS): install the package again.';
    return { reason: 'it is no ELF file', help };
  }
  const machine = bytes[5] === 1 ? bytes.readUInt16LE(18) : bytes.readUInt16BE(18);
  const arch = MACHINES[machine] ?? `machine ${machine}`;
  if (arch !== process.arch) {
    const help = `This Node is built for ${process.arch}: use the binary of prebuilds/linux-${process.arch}, or build one here.`;
    return { reason: `it is built for ${arch}`, help };
  }
  const its: Libc = bytes.includes('libc.so.6\0') ? 'glibc' : 'musl';
  if (kind !== undefined && its !== kind) {
    const help = `This Node runs with ${kind}: use sys-socket.${kind}.node, and install on the system where it runs, not in another image.`;
    return { reason: `it is built for ${its}`, help };
  }
  return undefined;
}

/** Why a binary that is there was not loaded. */
function diagnose({ path, error }: Failure, kind: Libc | undefined): Cause {
  if (error === undefined) return { reason: 'there is no such file' };
  const [line] = error.message.split('\n') as [string];
  const reason = line.replace(`${path}: `, '');
  if (error.code === 'ERR_SYS_SOCKET_VERSION') {
    const help =
      'The code and the binary must come from the same version: build or copy the binary again (npm run build:native in ' +
      'a checkout), or name the one of this version by SYS_SOCKET_BINARY or useBinary().';
    return { reason, help };
  }
  if (error.code === 'ERR_DLOPEN_DISABLED') {
    const help =
      'permission' in process
        ? 'The permission model is on: run node with --allow-addons as well (and --allow-fs-read for the package).'
        : 'Run node without --no-addons (see also NODE_OPTIONS): this package is a native addon.';
    return { reason, help };
  }
  const other = mismatch(path, kind);
  if (other) return other;
  if (/GLIBC_[\d.]+'? not found/.test(reason)) {
    return { reason, help: 'The C library is too old: glibc 2.28 is the oldest one. Build the binary on this system.' };
  }
  if (/failed to map segment|Operation not permitted/.test(reason)) {
    return {
      reason,
      help: 'The file system may be mounted noexec: put the binary elsewhere and set SYS_SOCKET_BINARY.',
    };
  }
  return { reason };
}

/** What helps when the file is missing. */
function missing({ root, by }: Situation): string {
  if (by) return `${by} names a file that does not exist.`;
  if (process.platform !== 'linux') return 'sys-socket is for Linux only: elsewhere use node:net and node:dgram.';
  if (root === undefined) {
    return (
      'The package was bundled without its binary. Leave sys-socket out of the bundle (external), or copy ' +
      'node_modules/sys-socket/prebuilds beside the bundle or the executable, or name the binary by ' +
      'SYS_SOCKET_BINARY or useBinary() of sys-socket/binary. See docs/bundlers.md.'
    );
  }
  const carried = process.arch === 'x64' || process.arch === 'arm64';
  const what = carried
    ? 'The installed package is incomplete (files were left out of a copy or an image): install it again.'
    : `The package carries no binary for ${process.arch}.`;
  if (!existsSync(join(root, 'scripts/build-native.js'))) return what;
  return (
    `${what} To build it, with a C++20 compiler, make and Python: ` +
    `cd ${root} && npm install --ignore-scripts && npm run build:native`
  );
}

/** The error of an import that finds no binary: what was tried, why it failed, and what to do. */
export function loadError(failures: readonly Failure[], situation: Situation): Error {
  const { kind } = situation;
  const causes = failures.map((failure) => ({ ...failure, ...diagnose(failure, kind) }));
  const found = causes.find(({ error }) => error !== undefined);
  const lines = [
    `sys-socket cannot load its binary for ${process.platform}-${process.arch} with ${kind ?? 'an unknown C library'}:`,
    ...causes.map(({ path, reason }) => `  ${path}: ${reason}`),
    found ? found.help : missing(situation),
  ];
  const error = new Error(lines.filter((line) => line !== undefined).join('\n'), { cause: found?.error });
  return Object.assign(error, { code: 'ERR_SYS_SOCKET_BINARY' });
}
