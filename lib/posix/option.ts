/** Options of a socket and flags of a descriptor: getsockopt(2), setsockopt(2), fcntl(2). */

import { Buffer } from 'node:buffer';
import { FCNTL, GETSOCKOPT, SETSOCKOPT } from './calls.ts';
import { check } from './errno.ts';
import { type Bytes, native, out } from './native.ts';
import { count } from './number.ts';

/**
 * Reads an option: getsockopt(2).
 *
 * Options whose bytes hold a pointer (SO_ATTACH_FILTER, TCP_ZEROCOPY_RECEIVE, XDP_UMEM_REG, ...) throw a RangeError:
 * JavaScript has no pointers. So do options that would make a descriptor which a child process inherits
 * (SCTP_SOCKOPT_PEELOFF, and SCTP_SOCKOPT_PEELOFF_FLAGS without SOCK_CLOEXEC). The options that write as many elements as
 * a count in the buffer says (MCAST_MSFILTER, IP_MSFILTER, TCP_AO_GET_KEYS) write no more than the buffer holds.
 *
 * @param fd A socket.
 * @param level SOL_SOCKET or a protocol.
 * @param name The option.
 * @returns The int.
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
 * @param length Room for this many bytes.
 * @returns The bytes that the kernel wrote, as many as it told.
 */
export function getsockopt(fd: number, level: number, name: number, length: number): Buffer;
export function getsockopt(fd: number, level: number, name: number, length?: number): number | Buffer {
  if (length === undefined) {
    check(native.getsockoptInt(fd, level, name), GETSOCKOPT);
    return out[0]!;
  }
  const buffer = Buffer.alloc(count(length, 'length'));
  check(native.getsockopt(fd, level, name, buffer), GETSOCKOPT);
  return buffer.subarray(0, out[0]!);
}

/**
 * Sets an option: setsockopt(2).
 *
 * @param fd A socket.
 * @param level SOL_SOCKET or a protocol.
 * @param name The option. Those whose bytes hold a pointer are a RangeError, as for `getsockopt`.
 * @param value An int; a boolean for 1 and 0; or the exact bytes of any other option. An unsigned number beyond
 *   2147483647 is given as bytes.
 * @throws SocketError ENOPROTOOPT, EINVAL, EPERM, EDOM, ENODEV, EADDRINUSE, EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, true);
 * setsockopt(fd, SOL_SOCKET, SO_LINGER, new Int32Array([1, 5])); // struct linger { 1, 5 }
 * @see https://man7.org/linux/man-pages/man2/setsockopt.2.html
 */
export function setsockopt(fd: number, level: number, name: number, value: number | boolean | Bytes): void {
  check(setRaw(fd, level, name, value), SETSOCKOPT);
}

/** setsockopt without its errors, for this file and for nothrow. */
export function setRaw(fd: number, level: number, name: number, value: number | boolean | Bytes): number {
  if (typeof value === 'number') return native.setsockoptInt(fd, level, name, value);
  if (typeof value === 'boolean') return native.setsockoptInt(fd, level, name, value ? 1 : 0);
  return native.setsockopt(fd, level, name, value);
}

/**
 * Controls a descriptor: fcntl(2).
 *
 * The command says what its argument is:
 * - An int: F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC, F_DUPFD_QUERY, F_CREATED_QUERY, F_SETOWN, F_GETOWN,
 *   F_SETSIG, F_GETSIG, F_SETLEASE, F_GETLEASE, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS.
 * - The 8 bytes of a struct f_owner_ex, two ints (F_OWNER_PID and its kind, and the number): F_SETOWN_EX, F_GETOWN_EX.
 * - The 32 bytes of a struct flock: F_SETLK, F_SETLKW, F_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_OFD_GETLK. Its type (F_RDLCK,
 *   F_WRLCK, F_UNLCK) is the 16-bit number at byte 0, its whence (0: from the start) that at 2, its start and length (0:
 *   to the end) are the 64-bit numbers at 8 and 16, its process is the int at 24. F_SETLKW and F_OFD_SETLKW block.
 * - The 8 bytes of a 64-bit number: F_GET_RW_HINT, F_SET_RW_HINT and their twins for a file (RWH_WRITE_LIFE_...).
 *
 * Any other command is a RangeError: F_DUPFD would give a descriptor that is not close-on-exec, and F_NOTIFY watches
 * directories, as node:fs does.
 *
 * @param fd Any descriptor.
 * @param command The command.
 * @param argument The int, or the bytes of the struct, which are changed in place.
 * @returns What the command gives. F_GETOWN of a process group is negative, as in C.
 * @throws SocketError EBADF, EINVAL, EMFILE, EPERM, ESRCH; of locks EAGAIN, EACCES, EDEADLK, EINTR, ENOLCK.
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
 * fcntl(fd, F_SETOWN_EX, new Int32Array([F_OWNER_PID, process.pid]));
 * @see https://man7.org/linux/man-pages/man2/fcntl.2.html
 */
export function fcntl(fd: number, command: number, argument: number | Bytes = 0): number {
  check(native.fcntl(fd, command, argument), FCNTL);
  return out[0]!;
}
