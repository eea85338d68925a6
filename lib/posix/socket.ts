/** The life of a socket, call by call: creating, naming, connecting, closing. */
import { decodeAddress, encodeAddress } from './address.ts';
import type { Address, AddressLike, AddressOf, SocketFd } from './address-type.ts';
import {
  ACCEPT,
  ACCEPT4,
  BIND,
  CLOSE,
  CONNECT,
  DUP,
  GETPEERNAME,
  GETSOCKNAME,
  LISTEN,
  SHUTDOWN,
  SOCKATMARK,
  SOCKET,
  SOCKETPAIR,
} from './calls.ts';
import { F_DUPFD_CLOEXEC, SOMAXCONN } from './constants.ts';
import { check, isErrnoResult } from './errno.ts';
import { layout, native, out } from './native.ts';

/** Room for one address, read before anything else can run. */
const scratch: Uint8Array = new Uint8Array(layout('sockaddr_storage'));

/** The address of an error: read from the bytes that went to the kernel, as no user code may run any more. */
function given(n: number, name: Uint8Array): Address | undefined {
  return isErrnoResult(n) ? decodeAddress(name) : undefined;
}

/**
 * Creates a socket: socket(2).
 *
 * @param domain AF_INET, AF_INET6, AF_UNIX, AF_PACKET, AF_NETLINK, AF_VSOCK, or any other number.
 * @param type SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW, SOCK_RDM, or'ed with SOCK_NONBLOCK.
 * @param protocol An IPPROTO_ number; for AF_PACKET an ETH_P_ number through `htons`. 0 is the default of the type.
 * @returns The new descriptor. Unlike C it is always close-on-exec (SOCK_CLOEXEC).
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
  return check(native.socket(domain, type, protocol), SOCKET);
}

/**
 * Creates two sockets that are connected to each other: socketpair(2).
 *
 * @param domain AF_UNIX (or AF_TIPC).
 * @param type As for `socket`.
 * @param protocol As for `socket`.
 * @returns Both descriptors, close-on-exec.
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
  check(native.socketpair(domain, type, protocol), SOCKETPAIR);
  return [out[0]!, out[1]!];
}

/**
 * Gives a socket its own address: bind(2). Nothing is unlinked before and no option is set.
 *
 * @param fd A socket.
 * @param address The address; encoded bytes are passed on as they are.
 * @throws SocketError EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL (bound already, or an address of the wrong length),
 *   EAFNOSUPPORT, ENOENT and ENOTDIR (AF_UNIX), EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * bind(fd, { family: AF_INET, address: '127.0.0.1', port: 0 }); // 0: the kernel chooses
 * console.log(getsockname(fd).port > 0); // true
 * @see https://man7.org/linux/man-pages/man2/bind.2.html
 */
export function bind(fd: number, address: AddressLike): void {
  const name = encodeAddress(address);
  const n = native.bind(fd, name);
  if (n < 0) check(n, BIND, given(n, name));
}

/**
 * Makes a socket accept connections: listen(2).
 *
 * @param fd A bound socket.
 * @param backlog How many connections may wait; the kernel caps it at net.core.somaxconn.
 * @throws SocketError EADDRINUSE, EOPNOTSUPP, EINVAL, EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_UNIX, SOCK_STREAM);
 * bind(fd, { family: AF_UNIX, path: '' }); // autobind: a free abstract name
 * listen(fd);
 * console.log(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN)); // 1
 * @see https://man7.org/linux/man-pages/man2/listen.2.html
 */
export function listen(fd: number, backlog: number = SOMAXCONN): void {
  check(native.listen(fd, backlog), LISTEN);
}

/**
 * What accept(2) gives: the connected socket and the address of its peer.
 *
 * @see https://man7.org/linux/man-pages/man2/accept.2.html
 */
export interface Accepted<Family extends number = number, Type extends number = number> {
  /** The new descriptor, close-on-exec. */
  fd: SocketFd<Family, Type>;
  /** The peer. */
  address: AddressOf<Family>;
}

/**
 * Takes a connection that waits: accept(2). By accept4(2) with SOCK_CLOEXEC, as every descriptor here is close-on-exec.
 *
 * @param fd A listening socket. When it blocks, this waits, and the whole thread with it.
 * @returns The new descriptor and the peer's address.
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
  const accepted = check(native.accept4(fd, scratch, 0), ACCEPT);
  return { fd: accepted, address: decodeAddress(scratch, out[0]!) as AddressOf<Family> };
}

/**
 * Takes a connection that waits, with flags for the new socket: accept4(2).
 *
 * @param fd A listening socket.
 * @param flags SOCK_NONBLOCK or 0; SOCK_CLOEXEC is always added.
 * @returns As `accept`.
 * @throws SocketError As `accept`; EINVAL for flags that the kernel does not know.
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
  const accepted = check(native.accept4(fd, scratch, flags), ACCEPT4);
  return { fd: accepted, address: decodeAddress(scratch, out[0]!) as AddressOf<Family> };
}

/**
 * Connects a socket, or sets the peer of a datagram socket: connect(2).
 *
 * `{ family: AF_UNSPEC, data: new Uint8Array(0) }` dissolves the peer of a datagram socket.
 *
 * @param fd A socket. When it blocks, this waits; when not, the connection goes on in the background (EINPROGRESS).
 * @param address The peer; encoded bytes are passed on as they are.
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
  const n = native.connect(fd, name);
  if (n < 0) check(n, CONNECT, given(n, name));
}

/**
 * Ends a connection in one direction or both: shutdown(2). The descriptor stays open.
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
  check(native.shutdown(fd, how), SHUTDOWN);
}

/**
 * Closes a descriptor: close(2). Called once and never repeated: on Linux it is gone, whatever close said.
 *
 * @param fd A descriptor that is yours. Closing one that Node or another library uses breaks that one, as in C.
 * @throws SocketError EBADF, EIO, EINTR.
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * close(fd);
 * @see https://man7.org/linux/man-pages/man2/close.2.html
 */
export function close(fd: number): void {
  check(native.close(fd), CLOSE);
}

/**
 * The own address of a socket: getsockname(2).
 *
 * @param fd A socket.
 * @returns The address; `undefined` when the kernel gives none.
 * @throws SocketError EBADF, ENOTSOCK, EOPNOTSUPP.
 * @example
 * const fd = socket(AF_INET6, SOCK_STREAM);
 * console.log(getsockname(fd).address); // ::
 * @see https://man7.org/linux/man-pages/man2/getsockname.2.html
 */
export function getsockname<Family extends number = number>(fd: SocketFd<Family>): AddressOf<Family> {
  check(native.getsockname(fd, scratch), GETSOCKNAME);
  return decodeAddress(scratch, out[0]!) as AddressOf<Family>;
}

/**
 * The address of the peer: getpeername(2).
 *
 * @param fd A connected socket.
 * @returns The address; `undefined` when the kernel gives none.
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
  check(native.getpeername(fd, scratch), GETPEERNAME);
  return decodeAddress(scratch, out[0]!) as AddressOf<Family>;
}

/**
 * Whether the next byte is the one after the out-of-band mark: sockatmark(3).
 *
 * @param fd A TCP socket.
 * @returns true at the mark.
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
  return check(native.sockatmark(fd), SOCKATMARK) === 1;
}

/**
 * A second descriptor for the same socket: dup(2). By fcntl(F_DUPFD_CLOEXEC), as every descriptor here is close-on-exec.
 *
 * @param fd Any descriptor.
 * @returns The lowest free number.
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
  return check(native.fcntl(fd, F_DUPFD_CLOEXEC, 0), DUP);
}
