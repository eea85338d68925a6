/** Explains why no native binary could be loaded, and how to fix it. */
import type { Buffer } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Libc } from './libc.ts';

/** A path that was tried. If there is no error, the file does not exist. */
export interface Failure {
  readonly path: string;
  readonly error: NodeJS.ErrnoException | undefined;
}

interface Situation {
  /** The folder of the installed package, or undefined if the code was bundled into another file. */
  readonly root: string | undefined;
  readonly kind: Libc | undefined;
  /** The name of what chose the path: useBinary or the environment variable. Undefined if the path was not chosen. */
  readonly by: string | undefined;
}

/** The value of process.arch for each e_machine of elf(5). */
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

/** Returns what is wrong with an existing file, judging from its ELF header and the names of the libraries that it needs. */
function mismatch(path: string, kind: Libc | undefined): Cause | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES') return undefined;
    return { reason: message, help: 'Make the file and its folders readable by the user of this process.' };
  }
  if (bytes.length < 64 || bytes.toString('latin1', 0, 4) !== '\x7fELF') {
    const help =
      'The file is damaged, or it is a Git LFS placeholder that was never replaced. Install the package again.';
    return { reason: 'it is not an ELF file', help };
  }
  const machine = bytes[5] === 1 ? bytes.readUInt16LE(18) : bytes.readUInt16BE(18);
  const arch = MACHINES[machine] ?? `machine ${machine}`;
  if (arch !== process.arch) {
    const help = `This Node is built for ${process.arch}. Use the binary in prebuilds/linux-${process.arch}, or build one here.`;
    return { reason: `it is built for ${arch}`, help };
  }
  const its: Libc = bytes.includes('libc.so.6\0') ? 'glibc' : 'musl';
  if (kind !== undefined && its !== kind) {
    const help = `This Node runs with ${kind}. Use sys-socket.${kind}.node, and install the package on the system where it runs.`;
    return { reason: `it is built for ${its}`, help };
  }
  return undefined;
}

/** Returns why a binary was not loaded. */
function diagnose({ path, error }: Failure, kind: Libc | undefined): Cause {
  if (error === undefined) return { reason: 'there is no such file' };
  const [line] = error.message.split('\n') as [string];
  const reason = line.replace(`${path}: `, '');
  if ('help' in error) return { reason, help: String(error.help) };
  if (error.code === 'ERR_SYS_SOCKET_VERSION') {
    const help =
      'The code and the binary must come from the same version. Build or copy the binary again (in a checkout, run ' +
      'npm run build:native), or choose the binary of this version with SYS_SOCKET_BINARY or useBinary().';
    return { reason, help };
  }
  if (error.code === 'ERR_DLOPEN_DISABLED') {
    const help =
      'permission' in process
        ? 'The permission model is on. Run node with --allow-addons, too (and with --allow-fs-read for the package).'
        : 'This package is a native addon. Run node without --no-addons (see also NODE_OPTIONS).';
    return { reason, help };
  }
  const other = mismatch(path, kind);
  if (other) return other;
  if (/did not self-register/.test(reason)) {
    return { reason, help: 'It is a library, but not the binary of sys-socket.' };
  }
  if (/GLIBC_[\d.]+'? not found/.test(reason)) {
    return {
      reason,
      help: 'The C library is too old. The oldest supported version is glibc 2.28. Build the binary on this system.',
    };
  }
  if (/failed to map segment|Operation not permitted/.test(reason)) {
    return {
      reason,
      help: 'The file system may be mounted noexec. Put the binary elsewhere and set SYS_SOCKET_BINARY.',
    };
  }
  return { reason };
}

/** Returns what helps if the file is missing. */
function missing({ root, by }: Situation): string {
  if (by) return `${by} names a file that does not exist.`;
  if (process.platform !== 'linux')
    return 'sys-socket supports Linux only. On other systems, use node:net and node:dgram.';
  if (root === undefined) {
    return (
      'The package was bundled without its binary. Leave sys-socket out of the bundle (external), or copy ' +
      'node_modules/sys-socket/prebuilds beside the bundle or the executable, or choose the binary with ' +
      'SYS_SOCKET_BINARY or useBinary() of sys-socket/binary. See docs/bundlers.md.'
    );
  }
  const carried = process.arch === 'x64' || process.arch === 'arm64';
  const what = carried
    ? 'The installed package is incomplete (files are missing from a copy or an image). Install it again.'
    : `The package contains no binary for ${process.arch}.`;
  if (!existsSync(join(root, 'scripts/build-native.js'))) return what;
  return (
    `${what} To build it with a C++20 compiler, make and Python, run: ` +
    `cd ${root} && npm install --ignore-scripts && npm run build:native`
  );
}

/** Returns the error for an import that finds no binary. It says what was tried, why it failed, and what to do. */
export function loadError(failures: readonly Failure[], situation: Situation): Error {
  const { kind } = situation;
  const causes = failures.map((failure) => ({ ...failure, ...diagnose(failure, kind) }));
  const found = causes.find(({ error }) => error !== undefined);
  const lines = [
    `sys-socket cannot load its binary for ${process.platform}-${process.arch} with ${kind ?? 'an unknown C library'}:`,
    ...causes.map(({ path, reason }) => `  ${path}: ${reason}`),
    found ? found.help : missing(situation),
  ];
  const error = new Error(lines.filter((line) => line !== undefined).join('\n'), found && { cause: found.error });
  return Object.assign(error, { code: 'ERR_SYS_SOCKET_BINARY' });
}
