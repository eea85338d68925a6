/** Data between descriptors that never comes into this process: sendfile(2), splice(2). */
import { SENDFILE, SPLICE } from './calls.ts';
import { check, outOfRange } from './errno.ts';
import { native } from './native.ts';

/** A size_t has no negative numbers: as C reads them, -1 is all there is. */
function size(value: number, name: string): number {
  if (typeof value === 'number' && value < 0) throw outOfRange(name, 'an integer from 0 to 9007199254740991');
  return value;
}

/**
 * Sends a part of a file: sendfile(2).
 *
 * @param outFd Where to, for example a socket.
 * @param inFd A file.
 * @param offset Where to begin in the file, whose own position stays; `undefined`: at its position, which moves on.
 * @param count The most bytes to send.
 * @returns How many were sent, perhaps fewer; 0 at the end of the file. With an offset, go on at `offset` + this.
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

/**
 * Moves data between a pipe and another descriptor: splice(2). One of the two is a pipe.
 *
 * @param fdIn Where from.
 * @param offIn Where to begin in it, if it is a file; `undefined` for a pipe or a socket.
 * @param fdOut Where to.
 * @param offOut Where to begin in it, if it is a file; `undefined` for a pipe or a socket.
 * @param length The most bytes to move.
 * @param flags SPLICE_F_ flags.
 * @returns How many were moved, perhaps fewer; 0 at the end.
 * @throws SocketError EAGAIN, EINVAL (no pipe), ESPIPE, EBADF, EINTR.
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
