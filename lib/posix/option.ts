/** Options of a socket and flags of a file descriptor: getsockopt(2), setsockopt(2), fcntl(2). */

import { Buffer } from 'node:buffer';
import { count } from '../argument/number.ts';
import * as call from '../call/option.ts';
import { SO_PEERPIDFD, SOL_SOCKET } from '../native/constants.ts';
import { OUT_OPTION_LENGTH, OUT_VALUE } from '../native/contract.ts';
import { type Bytes, native, out } from '../native/native.ts';
import { check, fail } from '../struct/errno.ts';

/** The size of a file descriptor. */
const PIDFD = 4;

/**
 * Reads an option: getsockopt(2).
 *
 * Options whose bytes contain a pointer (SO_ATTACH_FILTER, TCP_ZEROCOPY_RECEIVE, XDP_UMEM_REG, ...) throw a RangeError,
 * because JavaScript has no pointers. Options that would create a file descriptor which child processes inherit
 * (SCTP_SOCKOPT_PEELOFF, and SCTP_SOCKOPT_PEELOFF_FLAGS without SOCK_CLOEXEC) throw one too. Options that write as many
 * elements as a count in the buffer says (MCAST_MSFILTER, IP_MSFILTER, TCP_AO_GET_KEYS) never write beyond the buffer.
 * SO_PEERPIDFD, which creates a file descriptor, throws a RangeError for a length below 4, with which C would lose it.
 *
 * @param fd A socket.
 * @param level SOL_SOCKET or a protocol.
 * @param name The option.
 * @returns The value of the option, an int.
 * @throws SocketError ENOPROTOOPT, EINVAL, EOPNOTSUPP, ERANGE, EPERM, EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * console.log(getsockopt(fd, SOL_SOCKET, SO_TYPE) === SOCK_STREAM); // true
 * console.log(getsockopt(fd, SOL_SOCKET, SO_LINGER, 8).length); // 8
 * @see https://man7.org/linux/man-pages/man2/getsockopt.2.html
 */
export function getsockopt(fd: number, level: number, name: number): number;
/**
 * Reads an option that is not an int: getsockopt(2).
 *
 * @param fd A socket.
 * @param level SOL_SOCKET or a protocol.
 * @param name The option.
 * @param length The size of the buffer for the value, in bytes.
 * @returns The bytes that the kernel wrote, with the length that it reported.
 */
export function getsockopt(fd: number, level: number, name: number, length: number): Buffer;
export function getsockopt(fd: number, level: number, name: number, length?: number): number | Buffer {
  if (length === undefined) {
    // After success nothing is called, here and below: the stack may end here, and the value may be a new descriptor.
    const n = native.getsockoptInt(fd, level, name);
    if (n < 0) fail(n, call.GETSOCKOPT);
    return out[OUT_VALUE]!;
  }
  // The kernel writes no more than the 4 bytes of a new descriptor, so the buffer need not be cut afterwards.
  const given = count(length, 'length');
  const size = level === SOL_SOCKET && name === SO_PEERPIDFD && given > PIDFD ? PIDFD : given;
  const buffer = Buffer.alloc(size);
  const n = native.getsockopt(fd, level, name, buffer);
  if (n < 0) fail(n, call.GETSOCKOPT);
  return out[OUT_OPTION_LENGTH] === size ? buffer : buffer.subarray(0, out[OUT_OPTION_LENGTH]!);
}

/**
 * Sets an option: setsockopt(2).
 *
 * @param fd A socket.
 * @param level SOL_SOCKET or a protocol.
 * @param name The option. An option whose bytes contain a pointer throws a RangeError, as in `getsockopt`.
 * @param value An int, a boolean (which means 1 or 0), or the exact bytes of any other option. Pass an unsigned number above
 *   2147483647 as bytes.
 * @throws SocketError ENOPROTOOPT, EINVAL, EPERM, EDOM, ENODEV, EADDRINUSE, EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, true);
 * setsockopt(fd, SOL_SOCKET, SO_LINGER, new Int32Array([1, 5])); // struct linger { 1, 5 }
 * @see https://man7.org/linux/man-pages/man2/setsockopt.2.html
 */
export function setsockopt(fd: number, level: number, name: number, value: number | boolean | Bytes): void {
  check(call.setsockopt(fd, level, name, value), call.SETSOCKOPT);
}

/**
 * Controls a file descriptor: fcntl(2).
 *
 * The command determines the argument:
 * - An int: F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC, F_DUPFD_QUERY, F_CREATED_QUERY, F_SETOWN, F_GETOWN,
 *   F_SETSIG, F_GETSIG, F_SETLEASE, F_GETLEASE, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS.
 * - The 8 bytes of a struct f_owner_ex, two ints (F_OWNER_PID and its kind, and the number): F_SETOWN_EX, F_GETOWN_EX.
 * - The 32 bytes of a struct flock: F_SETLK, F_SETLKW, F_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_OFD_GETLK. Its type (F_RDLCK,
 *   F_WRLCK, F_UNLCK) is the 16-bit number at byte 0, its whence (0 means from the start) is the 16-bit number at byte 2, its
 *   start and its length (0 means to the end) are the 64-bit numbers at bytes 8 and 16, and its process is the int at byte 24.
 *   F_SETLKW and F_OFD_SETLKW block.
 * - The 8 bytes of a 64-bit number: F_GET_RW_HINT, F_SET_RW_HINT and their variants for a file (RWH_WRITE_LIFE_...).
 *
 * Any other command throws a RangeError: F_DUPFD would return a file descriptor that is not close-on-exec, and F_NOTIFY watches
 * directories, which node:fs does too.
 *
 * @param fd Any file descriptor.
 * @param command The command.
 * @param argument The int, or the bytes of the struct. The bytes are changed in place.
 * @returns The result of the command. For a process group, F_GETOWN returns a negative number, as in C.
 * @throws SocketError EBADF, EINVAL, EMFILE, EPERM, ESRCH; for locks EAGAIN, EACCES, EDEADLK, EINTR, ENOLCK.
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
 * fcntl(fd, F_SETOWN_EX, new Int32Array([F_OWNER_PID, process.pid]));
 * @see https://man7.org/linux/man-pages/man2/fcntl.2.html
 */
export function fcntl(fd: number, command: number, argument: number | Bytes = 0): number {
  const n = native.fcntl(fd, command, argument);
  if (n < 0) fail(n, call.FCNTL); // after success nothing is called: see getsockopt
  return out[OUT_VALUE]!;
}
