/** Options of a socket and flags of a file descriptor: getsockopt(2), setsockopt(2), fcntl(2). Each call returns n or -errno. */

import { invalidType } from '../argument/argument-error.ts';
import { F_GETOWN } from '../native/constants.ts';
import { OUT_OPTION_LENGTH } from '../native/contract.ts';
import { type Bytes, native, out } from '../native/native.ts';
import { type Call, call, unlessRefused } from '../struct/errno.ts';

/** The call, with the arguments of `getsockopt` of sys-socket, which has a length in place of a buffer. */
export const GETSOCKOPT: Call = call('getsockopt', 'fd', 'level', 'name', 'length');

const GETSOCKOPT_INTO: Call = call('getsockopt', 'fd', 'level', 'name', 'value');

/**
 * Reads an option like `getsockopt` of sys-socket, but returns the length that the kernel reports or -errno:
 * getsockopt(2). The bytes are stored in `value`. The length can exceed the buffer for options such as
 * NETLINK_LIST_MEMBERSHIPS.
 *
 * @example
 * const value = new Int32Array(1);
 * const length = getsockopt(socket(AF_INET, SOCK_DGRAM), SOL_SOCKET, SO_TYPE, value);
 * console.log(length, value[0] === SOCK_DGRAM); // 4 true
 * @see https://man7.org/linux/man-pages/man2/getsockopt.2.html
 */
export function getsockopt(fd: number, level: number, name: number, value: Bytes): number {
  const n = native.getsockopt(fd, level, name, value);
  return n < 0 ? unlessRefused(n, GETSOCKOPT_INTO) : out[OUT_OPTION_LENGTH]!;
}

export const SETSOCKOPT: Call = {
  ...call('setsockopt', 'fd', 'level', 'name', 'value'),
  accepts: { value: 'a number, a boolean, an ArrayBufferView or an ArrayBuffer' },
};

/**
 * Sets an option like `setsockopt` of sys-socket, but returns 0 or -errno: setsockopt(2).
 *
 * @example
 * console.log(setsockopt(socket(AF_INET, SOCK_DGRAM), SOL_SOCKET, SO_REUSEADDR, true)); // 0
 * @see https://man7.org/linux/man-pages/man2/setsockopt.2.html
 */
export function setsockopt(fd: number, level: number, name: number, value: number | boolean | Bytes): number {
  if (typeof value === 'number') return unlessRefused(native.setsockoptInt(fd, level, name, value), SETSOCKOPT);
  if (typeof value === 'boolean')
    return unlessRefused(native.setsockoptInt(fd, level, name, value ? 1 : 0), SETSOCKOPT);
  return unlessRefused(native.setsockopt(fd, level, name, value), SETSOCKOPT);
}

export const FCNTL: Call = call('fcntl', 'fd', 'command', 'argument');

/**
 * Manipulates a file descriptor like `fcntl` of sys-socket, but returns the result of the command or -errno: fcntl(2).
 * It throws for F_GETOWN, whose result may be negative: use `fcntl` of sys-socket.
 *
 * @example
 * console.log(fcntl(socket(AF_INET, SOCK_DGRAM), F_GETFD) === FD_CLOEXEC); // true
 * @see https://man7.org/linux/man-pages/man2/fcntl.2.html
 */
export function fcntl(fd: number, command: number, argument: number | Bytes = 0): number {
  if (command === F_GETOWN) throw invalidType('command', 'one whose result is never negative');
  const n = native.fcntl(fd, command, argument);
  return n >= 0 ? n : unlessRefused(n, FCNTL);
}
