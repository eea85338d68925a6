/**
 * The calls that create, name, connect and close a socket. This file decodes addresses, where lib/call/ stores them for the caller,
 * so both make the native calls that return one.
 */

import * as call from '../call/socket.ts';
import { SOMAXCONN } from '../native/constants.ts';
import { OUT_NAME_LENGTH, OUT_PAIR_FIRST, OUT_PAIR_SECOND } from '../native/contract.ts';
import { native, out } from '../native/native.ts';
import { decodeAddress, encodeAddress, SOCKADDR_STORAGE } from '../struct/address.ts';
import type { AddressLike, AddressOf, SocketFd } from '../struct/address-type.ts';
import { check, fail } from '../struct/errno.ts';

/** Room for one address. It is read before anything else can run. */
const scratch: Uint8Array = new Uint8Array(SOCKADDR_STORAGE);

/**
 * Creates a socket: socket(2).
 *
 * @param domain AF_INET, AF_INET6, AF_UNIX, AF_PACKET, AF_NETLINK, AF_VSOCK, or any other number.
 * @param type SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW, SOCK_RDM, or'ed with SOCK_NONBLOCK.
 * @param protocol An IPPROTO_ number; for AF_PACKET an ETH_P_ number through `htons`. 0 selects the default protocol of the type.
 * @returns The new file descriptor. Unlike in C, it is always close-on-exec (SOCK_CLOEXEC).
 * @throws SocketError EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EPERM and EACCES (raw and packet sockets without
 *   CAP_NET_RAW), EMFILE, ENFILE, EINVAL, ENOBUFS.
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
 * console.log(getsockopt(fd, SOL_SOCKET, SO_TYPE) === SOCK_STREAM); // true
 * @see https://man7.org/linux/man-pages/man2/socket.2.html
 */
export function socket<Family extends number, Type extends number>(
  domain: Family,
  type: Type,
  protocol = 0,
): SocketFd<Family, Type> {
  const fd = call.socket(domain, type, protocol);
  return fd >= 0 ? fd : fail(fd, call.SOCKET); // after success nothing is called: the stack may end here
}

/**
 * Creates two sockets that are connected to each other: socketpair(2).
 *
 * @param domain AF_UNIX (or AF_TIPC).
 * @param type As for `socket`.
 * @param protocol As for `socket`.
 * @returns Both file descriptors. They are close-on-exec.
 * @throws SocketError EAFNOSUPPORT, EOPNOTSUPP, EPROTONOSUPPORT, EMFILE.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_SEQPACKET);
 * send(a, 'hello');
 * console.log(recv(b, new Uint8Array(100))); // 5
 * @see https://man7.org/linux/man-pages/man2/socketpair.2.html
 */
export function socketpair<Family extends number, Type extends number>(
  domain: Family,
  type: Type,
  protocol = 0,
): [SocketFd<Family, Type>, SocketFd<Family, Type>] {
  const n = native.socketpair(domain, type, protocol);
  if (n < 0) fail(n, call.SOCKETPAIR);
  const one = out[OUT_PAIR_FIRST]!;
  const two = out[OUT_PAIR_SECOND]!;
  try {
    return [one, two];
  } catch (error) {
    native.close(one); // even a literal needs some of the stack
    native.close(two);
    throw error;
  }
}

/**
 * Binds a socket to a local address: bind(2). The function does not unlink an existing path and does not set any option.
 *
 * @param fd A socket.
 * @param address The address. Encoded bytes are passed to the kernel unchanged.
 * @throws SocketError EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL (the socket is already bound, or the address has the wrong length),
 *   EAFNOSUPPORT, ENOENT and ENOTDIR (AF_UNIX), EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * bind(fd, { family: AF_INET, address: '127.0.0.1', port: 0 }); // 0: the kernel chooses
 * console.log(getsockname(fd).port > 0); // true
 * @see https://man7.org/linux/man-pages/man2/bind.2.html
 */
export function bind(fd: number, address: AddressLike): void {
  const name = encodeAddress(address);
  const n = call.bind(fd, name);
  // The address is decoded from the bytes that the kernel was given, because user code must not run at this point.
  if (n < 0) fail(n, call.BIND, decodeAddress(name));
}

/**
 * Marks a socket as one that accepts connections: listen(2).
 *
 * @param fd A bound socket.
 * @param backlog How many connections may wait to be accepted. The default is SOMAXCONN. The kernel limits it to
 *   net.core.somaxconn.
 * @throws SocketError EADDRINUSE, EOPNOTSUPP, EINVAL, EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_UNIX, SOCK_STREAM);
 * bind(fd, { family: AF_UNIX, path: '' }); // autobind: a free abstract name
 * listen(fd);
 * console.log(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN)); // 1
 * @see https://man7.org/linux/man-pages/man2/listen.2.html
 */
export function listen(fd: number, backlog: number = SOMAXCONN): void {
  check(call.listen(fd, backlog), call.LISTEN);
}

/**
 * The result of accept(2): the connected socket and the address of its peer.
 *
 * @see https://man7.org/linux/man-pages/man2/accept.2.html
 */
export interface Accepted<Family extends number = number, Type extends number = number> {
  /** The new file descriptor. It is close-on-exec. */
  fd: SocketFd<Family, Type>;
  /** The address of the peer. */
  address: AddressOf<Family>;
}

/**
 * Accepts a waiting connection: accept(2). The function calls accept4(2) with SOCK_CLOEXEC, because every file descriptor
 * that this library creates is close-on-exec.
 *
 * @param fd A listening socket. On a blocking socket, the call blocks the whole thread until a connection arrives.
 * @returns The new file descriptor and the address of the peer.
 * @throws SocketError EAGAIN, ECONNABORTED, EINTR, EINVAL (not listening), EMFILE, EOPNOTSUPP, EBADF, ENOTSOCK.
 * @example
 * const listener = socket(AF_INET, SOCK_STREAM);
 * bind(listener, { family: AF_INET, address: '127.0.0.1', port: 0 });
 * listen(listener);
 * connect(socket(AF_INET, SOCK_STREAM), getsockname(listener));
 * const { fd, address } = accept(listener);
 * console.log(fd > 2, address.address); // true 127.0.0.1
 * @see https://man7.org/linux/man-pages/man2/accept.2.html
 */
export function accept<Family extends number = number, Type extends number = number>(
  fd: SocketFd<Family, Type>,
): Accepted<Family, Type> {
  const accepted = native.accept4(fd, scratch, 0);
  if (accepted < 0) fail(accepted, call.ACCEPT);
  try {
    return { fd: accepted, address: decodeAddress(scratch, out[OUT_NAME_LENGTH]!) as AddressOf<Family> };
  } catch (error) {
    native.close(accepted); // at the end of the stack: the program is not given it
    throw error;
  }
}

/**
 * Accepts a waiting connection and sets flags on the new socket: accept4(2).
 *
 * @param fd A listening socket.
 * @param flags SOCK_NONBLOCK or 0. SOCK_CLOEXEC is always added.
 * @returns The same as `accept`.
 * @throws SocketError The same errors as `accept`; EINVAL for flags that the kernel does not know.
 * @example
 * const listener = socket(AF_INET, SOCK_STREAM);
 * listen(listener); // unbound: the kernel chooses a port
 * connect(socket(AF_INET, SOCK_STREAM), getsockname(listener));
 * const { fd } = accept4(listener, SOCK_NONBLOCK);
 * console.log((fcntl(fd, F_GETFL) & O_NONBLOCK) !== 0); // true
 * @see https://man7.org/linux/man-pages/man2/accept.2.html
 */
export function accept4<Family extends number = number, Type extends number = number>(
  fd: SocketFd<Family, Type>,
  flags: number,
): Accepted<Family, Type> {
  const accepted = native.accept4(fd, scratch, flags);
  if (accepted < 0) fail(accepted, call.ACCEPT4);
  try {
    return { fd: accepted, address: decodeAddress(scratch, out[OUT_NAME_LENGTH]!) as AddressOf<Family> };
  } catch (error) {
    native.close(accepted);
    throw error;
  }
}

/**
 * Connects a socket to an address: connect(2). On a datagram socket, it sets the default peer.
 *
 * `{ family: AF_UNSPEC, data: new Uint8Array(0) }` removes the peer of a datagram socket.
 *
 * @param fd A socket. On a blocking socket, the call waits for the connection. On a non-blocking socket, it throws
 *   EINPROGRESS and the connection is made in the background.
 * @param address The address of the peer. Encoded bytes are passed to the kernel unchanged.
 * @throws SocketError ECONNREFUSED, EINPROGRESS, EALREADY, EISCONN, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH,
 *   EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN (AF_UNIX: the backlog is full), ENOENT, EACCES, EPROTOTYPE, EINTR, EINVAL,
 *   EBADF, ENOTSOCK.
 * @example
 * const receiver = socket(AF_INET, SOCK_DGRAM);
 * bind(receiver, { family: AF_INET, address: '127.0.0.1', port: 0 });
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * connect(fd, getsockname(receiver));
 * console.log(send(fd, 'hello')); // 5
 * @see https://man7.org/linux/man-pages/man2/connect.2.html
 */
export function connect(fd: number, address: AddressLike): void {
  const name = encodeAddress(address);
  const n = call.connect(fd, name);
  if (n < 0) fail(n, call.CONNECT, decodeAddress(name)); // see bind
}

/**
 * Shuts down a connection in one or both directions: shutdown(2). The file descriptor stays open.
 *
 * @param fd A connected socket.
 * @param how SHUT_RD, SHUT_WR or SHUT_RDWR.
 * @throws SocketError ENOTCONN, EINVAL, EBADF, ENOTSOCK.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * shutdown(a, SHUT_WR);
 * console.log(recv(b, new Uint8Array(1))); // 0
 * @see https://man7.org/linux/man-pages/man2/shutdown.2.html
 */
export function shutdown(fd: number, how: number): void {
  check(call.shutdown(fd, how), call.SHUTDOWN);
}

/**
 * Closes a file descriptor: close(2). The call is never repeated, because Linux releases the file descriptor even when
 * close reports an error.
 *
 * @param fd A file descriptor that belongs to the caller. Closing one that Node or another library uses breaks its owner,
 *   as in C.
 * @throws SocketError EBADF, EIO, EINTR.
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * close(fd);
 * @see https://man7.org/linux/man-pages/man2/close.2.html
 */
export function close(fd: number): void {
  check(call.close(fd), call.CLOSE);
}

/**
 * Returns the local address of a socket: getsockname(2).
 *
 * @param fd A socket.
 * @returns The address, or `undefined` when the kernel reports none.
 * @throws SocketError EBADF, ENOTSOCK, EOPNOTSUPP.
 * @example
 * const fd = socket(AF_INET6, SOCK_STREAM);
 * console.log(getsockname(fd).address); // ::
 * @see https://man7.org/linux/man-pages/man2/getsockname.2.html
 */
export function getsockname<Family extends number = number>(fd: SocketFd<Family>): AddressOf<Family> {
  check(native.getsockname(fd, scratch), call.GETSOCKNAME);
  return decodeAddress(scratch, out[OUT_NAME_LENGTH]!) as AddressOf<Family>;
}

/**
 * Returns the address of the peer: getpeername(2).
 *
 * @param fd A connected socket.
 * @returns The address, or `undefined` when the kernel reports none.
 * @throws SocketError ENOTCONN, EBADF, ENOTSOCK, EOPNOTSUPP.
 * @example
 * const listener = socket(AF_INET, SOCK_STREAM);
 * listen(listener);
 * const fd = socket(AF_INET, SOCK_STREAM);
 * connect(fd, getsockname(listener));
 * console.log(getpeername(fd).port === getsockname(listener).port); // true
 * @see https://man7.org/linux/man-pages/man2/getpeername.2.html
 */
export function getpeername<Family extends number = number>(fd: SocketFd<Family>): AddressOf<Family> {
  check(native.getpeername(fd, scratch), call.GETPEERNAME);
  return decodeAddress(scratch, out[OUT_NAME_LENGTH]!) as AddressOf<Family>;
}

/**
 * Returns whether the next byte is the one after the out-of-band mark: sockatmark(3).
 *
 * @param fd A TCP socket.
 * @returns true when the socket is at the mark.
 * @throws SocketError EBADF, ENOTTY, EINVAL.
 * @example
 * const listener = socket(AF_INET, SOCK_STREAM);
 * listen(listener);
 * const client = socket(AF_INET, SOCK_STREAM);
 * connect(client, getsockname(listener));
 * send(client, '!', MSG_OOB);
 * const { fd } = accept(listener);
 * poll([{ fd, events: POLLPRI }], 1000);
 * console.log(sockatmark(fd)); // true
 * @see https://man7.org/linux/man-pages/man3/sockatmark.3.html
 */
export function sockatmark(fd: number): boolean {
  return check(call.sockatmark(fd), call.SOCKATMARK) === 1;
}

/**
 * Creates a second file descriptor for the same socket: dup(2). The function calls fcntl(F_DUPFD_CLOEXEC), because every
 * file descriptor that this library creates is close-on-exec.
 *
 * @param fd Any file descriptor.
 * @returns The new file descriptor, which is the lowest free number.
 * @throws SocketError EBADF, EMFILE.
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * const second = dup(fd);
 * close(fd);
 * console.log(getsockname(second).family === AF_INET); // true
 * @see https://man7.org/linux/man-pages/man2/dup.2.html
 */
export function dup<Family extends number = number, Type extends number = number>(
  fd: SocketFd<Family, Type>,
): SocketFd<Family, Type> {
  const copy = call.dup(fd);
  return copy >= 0 ? copy : fail(copy, call.DUP);
}
