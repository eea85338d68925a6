/**
 * The calls that create, name, connect and close a socket: each returns n or -errno, and throws only for an argument that C
 * cannot express.
 */

import { invalidValue } from '../argument/argument-error.ts';
import { F_DUPFD_CLOEXEC, SOMAXCONN } from '../native/constants.ts';
import { OUT_NAME_LENGTH, OUT_PAIR_FIRST, OUT_PAIR_SECOND } from '../native/contract.ts';
import { native, out } from '../native/native.ts';
import { encodeAddress, type SockaddrStorage } from '../struct/address.ts';
import type { AddressLike } from '../struct/address-type.ts';
import { type Call, call, unlessRefused } from '../struct/errno.ts';
import { ints, storageBytes } from './storage.ts';

export const SOCKET: Call = call('socket', 'domain', 'type', 'protocol');

/**
 * Creates a socket like `socket` of sys-socket, but returns the file descriptor or -errno: socket(2).
 *
 * @example
 * console.log(socket(AF_INET, SOCK_RDM) === -ESOCKTNOSUPPORT); // true
 * @see https://man7.org/linux/man-pages/man2/socket.2.html
 */
export function socket(domain: number, type: number, protocol = 0): number {
  const fd = native.socket(domain, type, protocol);
  return fd >= 0 ? fd : unlessRefused(fd, SOCKET); // after success nothing is called: the stack may end here
}

export const SOCKETPAIR: Call = call('socketpair', 'domain', 'type', 'protocol');

/**
 * Creates two connected sockets like `socketpair` of sys-socket, but returns 0 or -errno: socketpair(2). The file
 * descriptors are stored in `sv[0]` and `sv[1]`.
 *
 * @example
 * const sv = new Int32Array(2);
 * console.log(socketpair(AF_UNIX, SOCK_STREAM, 0, sv)); // 0
 * for (const fd of sv) console.log(close(fd));
 * // 0
 * // 0
 * @see https://man7.org/linux/man-pages/man2/socketpair.2.html
 */
export function socketpair(domain: number, type: number, protocol: number, sv: number[] | Int32Array): number {
  ints(sv, 2, 'sv');
  const n = native.socketpair(domain, type, protocol);
  if (n < 0) return unlessRefused(n, SOCKETPAIR);
  const one = out[OUT_PAIR_FIRST]!; // by index, because a program can replace the iterator of an array
  const two = out[OUT_PAIR_SECOND]!;
  try {
    if (Reflect.set(sv, 0, one) && Reflect.set(sv, 1, two) && sv[0] === one && sv[1] === two) return n;
  } catch (error) {
    native.close(one);
    native.close(two);
    throw error;
  }
  native.close(one);
  native.close(two);
  throw invalidValue('sv', 'one that can hold 2 results');
}

export const BIND: Call = call('bind', 'fd', 'address');

/**
 * Binds a socket to a local address like `bind` of sys-socket, but returns 0 or -errno: bind(2).
 *
 * @example
 * console.log(bind(0, { family: AF_UNIX, path: '/tmp' }) < 0); // true
 * @see https://man7.org/linux/man-pages/man2/bind.2.html
 */
export function bind(fd: number, address: AddressLike): number {
  return unlessRefused(native.bind(fd, encodeAddress(address)), BIND);
}

export const LISTEN: Call = call('listen', 'fd', 'backlog');

/**
 * Marks a socket as one that accepts connections like `listen` of sys-socket, but returns 0 or -errno: listen(2).
 *
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * console.log(listen(fd) === -EOPNOTSUPP); // true
 * @see https://man7.org/linux/man-pages/man2/listen.2.html
 */
export function listen(fd: number, backlog: number = SOMAXCONN): number {
  return unlessRefused(native.listen(fd, backlog), LISTEN);
}

export const ACCEPT: Call = call('accept', 'fd', 'address', 'flags');

/**
 * Accepts a connection like `accept` of sys-socket, but returns the file descriptor or -errno: accept(2). The address
 * is stored in `from`, if given.
 *
 * @example
 * const listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
 * listen(listener);
 * const from = new SockaddrStorage();
 * console.log(accept(listener, from) === -EAGAIN); // true
 * @see https://man7.org/linux/man-pages/man2/accept.2.html
 */
export function accept(fd: number, from?: SockaddrStorage): number {
  return acceptInto(fd, 0, from, ACCEPT);
}

export const ACCEPT4: Call = call('accept4', 'fd', 'address', 'flags');

/** Accepts a connection and stores its address. Closes the connection if the address cannot be stored. */
function acceptInto(fd: number, flags: number, from: SockaddrStorage | undefined, call: Call): number {
  const n = native.accept4(fd, from === undefined ? undefined : storageBytes(from, 'from'), flags);
  if (n < 0) unlessRefused(n, call);
  if (from === undefined) return n;
  try {
    from.length = n < 0 ? 0 : out[OUT_NAME_LENGTH]!;
  } catch (error) {
    if (n >= 0) native.close(n);
    throw error;
  }
  return n;
}

/**
 * Accepts a connection and sets flags like `accept4` of sys-socket, but returns the file descriptor or -errno:
 * accept4(2). The address is stored in `from`, if given.
 *
 * @example
 * const listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
 * listen(listener);
 * console.log(accept4(listener, SOCK_NONBLOCK) === -EAGAIN); // true
 * @see https://man7.org/linux/man-pages/man2/accept.2.html
 */
export function accept4(fd: number, flags: number, from?: SockaddrStorage): number {
  return acceptInto(fd, flags, from, ACCEPT4);
}

export const CONNECT: Call = call('connect', 'fd', 'address');

/**
 * Connects a socket to an address like `connect` of sys-socket, but returns 0 or -errno: connect(2).
 *
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * console.log(connect(fd, { family: AF_UNSPEC, data: new Uint8Array(14) })); // 0
 * @see https://man7.org/linux/man-pages/man2/connect.2.html
 */
export function connect(fd: number, address: AddressLike): number {
  return unlessRefused(native.connect(fd, encodeAddress(address)), CONNECT);
}

export const SHUTDOWN: Call = call('shutdown', 'fd', 'how');

/**
 * Shuts down a connection like `shutdown` of sys-socket, but returns 0 or -errno: shutdown(2).
 *
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * console.log(shutdown(fd, SHUT_WR) === -ENOTCONN); // true
 * @see https://man7.org/linux/man-pages/man2/shutdown.2.html
 */
export function shutdown(fd: number, how: number): number {
  return unlessRefused(native.shutdown(fd, how), SHUTDOWN);
}

export const CLOSE: Call = call('close', 'fd');

/**
 * Closes a file descriptor like `close` of sys-socket, but returns 0 or -errno: close(2).
 *
 * @example
 * console.log(close(-1) === -EBADF); // true
 * @see https://man7.org/linux/man-pages/man2/close.2.html
 */
export function close(fd: number): number {
  return unlessRefused(native.close(fd), CLOSE);
}

export const GETSOCKNAME: Call = call('getsockname', 'fd', 'address');

/**
 * Gets the local address like `getsockname` of sys-socket, but returns 0 or -errno: getsockname(2). The address is
 * stored in `name`.
 *
 * @example
 * const name = new SockaddrStorage();
 * console.log(getsockname(socket(AF_INET, SOCK_DGRAM), name), name.decode()?.family === AF_INET); // 0 true
 * @see https://man7.org/linux/man-pages/man2/getsockname.2.html
 */
export function getsockname(fd: number, name: SockaddrStorage): number {
  const n = unlessRefused(native.getsockname(fd, storageBytes(name, 'name')), GETSOCKNAME);
  name.length = n < 0 ? 0 : out[OUT_NAME_LENGTH]!;
  return n;
}

export const GETPEERNAME: Call = call('getpeername', 'fd', 'address');

/**
 * Gets the address of the peer like `getpeername` of sys-socket, but returns 0 or -errno: getpeername(2). The address
 * is stored in `name`.
 *
 * @example
 * const name = new SockaddrStorage();
 * console.log(getpeername(socket(AF_INET, SOCK_DGRAM), name) === -ENOTCONN); // true
 * @see https://man7.org/linux/man-pages/man2/getpeername.2.html
 */
export function getpeername(fd: number, name: SockaddrStorage): number {
  const n = unlessRefused(native.getpeername(fd, storageBytes(name, 'name')), GETPEERNAME);
  name.length = n < 0 ? 0 : out[OUT_NAME_LENGTH]!;
  return n;
}

export const SOCKATMARK: Call = call('sockatmark', 'fd');

/**
 * Tests for the out-of-band mark like `sockatmark` of sys-socket, but returns 1, 0 or -errno: sockatmark(3).
 *
 * @example
 * console.log(sockatmark(-1) === -EBADF); // true
 * @see https://man7.org/linux/man-pages/man3/sockatmark.3.html
 */
export function sockatmark(fd: number): number {
  return unlessRefused(native.sockatmark(fd), SOCKATMARK);
}

export const DUP: Call = call('dup', 'fd');

/**
 * Duplicates a file descriptor like `dup` of sys-socket, but returns the new one or -errno: dup(2).
 *
 * @example
 * console.log(dup(0) > 2, dup(-1) === -EBADF); // true true
 * @see https://man7.org/linux/man-pages/man2/dup.2.html
 */
export function dup(fd: number): number {
  const copy = native.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy >= 0 ? copy : unlessRefused(copy, DUP);
}
