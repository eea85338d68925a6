/** Calls that move data between file descriptors without copying it into this process: sendfile(2), splice(2), tee(2). */

import { outOfRange } from '../argument/argument-error.ts';
import { native } from '../native/native.ts';
import { type Call, call, check } from '../struct/errno.ts';

/** Throws for a negative size. A size_t is unsigned, so C would read -1 as the largest size. */
function size(value: number, name: string): number {
  if (typeof value === 'number' && value < 0) throw outOfRange(name, 'an integer from 0 to 9007199254740991');
  return value;
}

const SENDFILE: Call = call('sendfile', 'outFd', 'inFd', 'offset', 'count');

/**
 * Sends part of a file: sendfile(2).
 *
 * @param outFd The file descriptor to write to, for example a socket.
 * @param inFd The file to read from.
 * @param offset Where to start in the file. The position of the file does not change then. With `undefined`, the call starts at
 *   the position of the file and advances it.
 * @param count The maximum number of bytes to send.
 * @returns How many bytes were sent, which can be fewer than `count`; 0 at the end of the file. To continue a call that had an
 *   offset, add this number to `offset`.
 * @throws SocketError EAGAIN, EPIPE, EINVAL, EBADF, EINTR, EOVERFLOW.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * const { openSync } = await import('node:fs');
 * console.log(sendfile(a, openSync('/etc/passwd', 'r'), 0, 10)); // 10
 * console.log(recv(b, new Uint8Array(100))); // 10
 * @see https://man7.org/linux/man-pages/man2/sendfile.2.html
 */
export function sendfile(outFd: number, inFd: number, offset: number | undefined, count: number): number {
  return check(native.sendfile(outFd, inFd, offset, size(count, 'count')), SENDFILE);
}

const SPLICE: Call = call('splice', 'fdIn', 'offIn', 'fdOut', 'offOut', 'length', 'flags');

/**
 * Moves data between a pipe and another file descriptor: splice(2). At least one of the two must be a pipe.
 *
 * @param fdIn The file descriptor to read from.
 * @param offIn Where to start reading if `fdIn` is a file; `undefined` for a pipe or a socket.
 * @param fdOut The file descriptor to write to.
 * @param offOut Where to start writing if `fdOut` is a file; `undefined` for a pipe or a socket.
 * @param length The maximum number of bytes to move.
 * @param flags SPLICE_F_ flags.
 * @returns How many bytes were moved, which can be fewer than `length`; 0 at the end of the input.
 * @throws SocketError EAGAIN, EINVAL (neither is a pipe), ESPIPE, EBADF, EINTR.
 * @example
 * const { execSync } = await import('node:child_process');
 * execSync('mkfifo pipe');
 * const pipe = (await import('node:fs')).openSync('pipe', 'r+');
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * send(a, 'hello');
 * console.log(splice(b, undefined, pipe, undefined, 5)); // 5
 * @see https://man7.org/linux/man-pages/man2/splice.2.html
 */
export function splice(
  fdIn: number,
  offIn: number | undefined,
  fdOut: number,
  offOut: number | undefined,
  length: number,
  flags = 0,
): number {
  return check(native.splice(fdIn, offIn, fdOut, offOut, size(length, 'length'), flags), SPLICE);
}

const TEE: Call = call('tee', 'fdIn', 'fdOut', 'length', 'flags');

/**
 * Duplicates data from one pipe to another without consuming it: tee(2).
 *
 * @param fdIn The pipe to read from. Its data stays in it.
 * @param fdOut The pipe to write to.
 * @param length The maximum number of bytes to duplicate.
 * @param flags SPLICE_F_ flags.
 * @returns How many bytes were duplicated, which can be fewer than `length`; 0 if the input is empty and has no writer.
 * @throws SocketError EAGAIN, EINVAL (one of the two is not a pipe, or both are the same one), EBADF, EINTR.
 * @example
 * const { execSync } = await import('node:child_process');
 * execSync('mkfifo one two');
 * const { openSync, writeSync } = await import('node:fs');
 * const [one, two] = [openSync('one', 'r+'), openSync('two', 'r+')];
 * writeSync(one, 'hello');
 * console.log(tee(one, two, 100), read(two, new Uint8Array(9)), read(one, new Uint8Array(9))); // 5 5 5
 * @see https://man7.org/linux/man-pages/man2/tee.2.html
 */
export function tee(fdIn: number, fdOut: number, length: number, flags = 0): number {
  return check(native.tee(fdIn, fdOut, size(length, 'length'), flags), TEE);
}
