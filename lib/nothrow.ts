/**
 * `sys-socket/nothrow`: the same calls without exceptions for errnos. Each returns n or -errno, and further results go
 * where C puts them: into storage that the caller gives and uses again. Only what C cannot express still throws.
 *
 * @example
 * const n = recv(fd, buffer);
 * if (n === -EAGAIN) return;
 *
 * @module sys-socket/nothrow
 */

import { encodeAddress, noAddress, type SockaddrStorage } from './posix/address.ts';
import type { AddressLike } from './posix/address-type.ts';
import { NONE, RECEIPT_HIGH, RECEIPT_LOW, TWO_32 } from './posix/arrived.ts';
import {
  ACCEPT,
  ACCEPT4,
  BIND,
  CLOSE,
  CONNECT,
  DUP,
  FCNTL,
  GETPEERNAME,
  GETSOCKNAME,
  GETSOCKOPT_INTO,
  IOCTL,
  IOCTL_DATA,
  LISTEN,
  READ,
  READV,
  RECV,
  RECVFROM,
  RECVMSG,
  SEND,
  SENDMSG,
  SENDTO,
  SETSOCKOPT,
  SHUTDOWN,
  SOCKATMARK,
  SOCKET,
  SOCKETPAIR,
  WRITE,
  WRITEV,
} from './posix/calls.ts';
import { F_DUPFD_CLOEXEC, F_GETOWN, SOMAXCONN } from './posix/constants.ts';
import { type Call, invalidType, invalidValue, outOfRange, settle } from './posix/errno.ts';
import { byteLengthOf, isInt32Array, isUint8Array, isView } from './posix/kind.ts';
import { namesOf, onlyKnown } from './posix/known-names.ts';
import { type Bytes, native, out } from './posix/native.ts';
import { integer } from './posix/number.ts';
import { setRaw } from './posix/option.ts';
import * as pinned from './posix/pinned.ts';
import { buffers, bytes, object, own } from './posix/snapshot.ts';
import { SEND_NAMES, type SendMessage, sendChecked } from './posix/transfer.ts';

export { recvmmsgNothrow as recvmmsg, sendmmsgNothrow as sendmmsg } from './posix/batch.ts';
export { type PollFdResult, pollNothrow as poll } from './posix/poll.ts';

/** Empties a place for a result before the call: after it a place that cannot be written would cost the result. */
function prepare<T extends object, K extends keyof T>(target: T, key: K, empty: T[K], name: string): void {
  if (!Reflect.set(target, key, empty)) throw invalidValue(name, 'an object that can be written');
}

/** The bytes of a place for an address, which is empty until the call has filled it. */
function room(storage: SockaddrStorage, name: string): Uint8Array {
  const { bytes } = object(storage, name);
  if (!isView(bytes)) throw invalidType(name, 'a SockaddrStorage');
  prepare(storage, 'length', 0, name);
  return bytes;
}

/** A length within a buffer, as pinned.ts takes it. What is no buffer is judged by the call. */
function within(length: number | undefined, buffer: Bytes): number {
  if (length === undefined) return pinned.ALL;
  const most = byteLengthOf(buffer);
  if (most === undefined) return pinned.ALL;
  if (integer(length, 'length', 0, 0x7fffffff) > most) {
    throw outOfRange('length', 'at most the length of the buffer');
  }
  return length;
}

/** Refuses what cannot hold ints: a Uint8Array would cut descriptors. */
function ints(value: number[] | Int32Array, count: number, name: string): void {
  if (!Array.isArray(value) && !isInt32Array(value)) throw invalidType(name, 'an array or an Int32Array');
  if (isInt32Array(value) ? value.length < count : Object.isFrozen(value)) {
    throw invalidValue(name, `one that can hold ${count} results`);
  }
}

/**
 * socket(2): the descriptor or -errno. As `socket`.
 *
 * @example
 * console.log(socket(AF_INET, SOCK_RDM) === -ESOCKTNOSUPPORT); // true
 * @see https://man7.org/linux/man-pages/man2/socket.2.html
 */
export function socket(domain: number, type: number, protocol = 0): number {
  return settle(native.socket(domain, type, protocol), SOCKET);
}

/**
 * socketpair(2): 0 or -errno. The descriptors go to `sv[0]` and `sv[1]`. As `socketpair`.
 *
 * @example
 * const sv = new Int32Array(2);
 * console.log(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), sv[0] > 2); // 0 true
 * @see https://man7.org/linux/man-pages/man2/socketpair.2.html
 */
export function socketpair(domain: number, type: number, protocol: number, sv: number[] | Int32Array): number {
  ints(sv, 2, 'sv');
  const n = settle(native.socketpair(domain, type, protocol), SOCKETPAIR);
  const one = out[0]!; // by index: no iterator, which a program can replace, is handed `out`
  const two = out[1]!;
  if (n === 0 && !(Reflect.set(sv, 0, one) && Reflect.set(sv, 1, two) && sv[0] === one && sv[1] === two)) {
    native.close(one);
    native.close(two);
    throw invalidValue('sv', 'one that can hold 2 results');
  }
  return n;
}

/**
 * bind(2): 0 or -errno. As `bind`.
 *
 * @example
 * console.log(bind(0, { family: AF_UNIX, path: '/tmp' }) < 0); // true
 * @see https://man7.org/linux/man-pages/man2/bind.2.html
 */
export function bind(fd: number, address: AddressLike): number {
  return settle(native.bind(fd, encodeAddress(address)), BIND);
}

/**
 * listen(2): 0 or -errno. As `listen`.
 *
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * console.log(listen(fd) === -EOPNOTSUPP); // true
 * @see https://man7.org/linux/man-pages/man2/listen.2.html
 */
export function listen(fd: number, backlog: number = SOMAXCONN): number {
  return settle(native.listen(fd, backlog), LISTEN);
}

/**
 * accept(2): the descriptor or -errno. The address goes to `from`, if given. As `accept`.
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

/** A connection and its address. It is closed when the caller's object does not take the address. */
function acceptInto(fd: number, flags: number, from: SockaddrStorage | undefined, call: Call): number {
  const n = settle(native.accept4(fd, from === undefined ? undefined : room(from, 'from'), flags), call);
  if (from === undefined) return n;
  try {
    from.length = n < 0 ? 0 : out[0]!;
  } catch (error) {
    if (n >= 0) native.close(n);
    throw error;
  }
  return n;
}

/**
 * accept4(2): the descriptor or -errno. The address goes to `from`, if given. As `accept4`.
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

/**
 * connect(2): 0 or -errno. As `connect`.
 *
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * console.log(connect(fd, { family: AF_UNSPEC, data: new Uint8Array(14) })); // 0
 * @see https://man7.org/linux/man-pages/man2/connect.2.html
 */
export function connect(fd: number, address: AddressLike): number {
  return settle(native.connect(fd, encodeAddress(address)), CONNECT);
}

/**
 * shutdown(2): 0 or -errno. As `shutdown`.
 *
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * console.log(shutdown(fd, SHUT_WR) === -ENOTCONN); // true
 * @see https://man7.org/linux/man-pages/man2/shutdown.2.html
 */
export function shutdown(fd: number, how: number): number {
  return settle(native.shutdown(fd, how), SHUTDOWN);
}

/**
 * close(2): 0 or -errno. As `close`.
 *
 * @example
 * console.log(close(-1) === -EBADF); // true
 * @see https://man7.org/linux/man-pages/man2/close.2.html
 */
export function close(fd: number): number {
  return settle(native.close(fd), CLOSE);
}

/**
 * getsockname(2): 0 or -errno. The address goes to `name`. As `getsockname`.
 *
 * @example
 * const name = new SockaddrStorage();
 * console.log(getsockname(socket(AF_INET, SOCK_DGRAM), name), name.decode()?.family === AF_INET); // 0 true
 * @see https://man7.org/linux/man-pages/man2/getsockname.2.html
 */
export function getsockname(fd: number, name: SockaddrStorage): number {
  const n = settle(native.getsockname(fd, room(name, 'name')), GETSOCKNAME);
  name.length = n < 0 ? 0 : out[0]!;
  return n;
}

/**
 * getpeername(2): 0 or -errno. The address goes to `name`. As `getpeername`.
 *
 * @example
 * const name = new SockaddrStorage();
 * console.log(getpeername(socket(AF_INET, SOCK_DGRAM), name) === -ENOTCONN); // true
 * @see https://man7.org/linux/man-pages/man2/getpeername.2.html
 */
export function getpeername(fd: number, name: SockaddrStorage): number {
  const n = settle(native.getpeername(fd, room(name, 'name')), GETPEERNAME);
  name.length = n < 0 ? 0 : out[0]!;
  return n;
}

/**
 * sockatmark(3): 1, 0 or -errno. As `sockatmark`.
 *
 * @example
 * console.log(sockatmark(-1) === -EBADF); // true
 * @see https://man7.org/linux/man-pages/man3/sockatmark.3.html
 */
export function sockatmark(fd: number): number {
  return settle(native.sockatmark(fd), SOCKATMARK);
}

/**
 * dup(2): the descriptor or -errno. As `dup`.
 *
 * @example
 * console.log(dup(0) > 2, dup(-1) === -EBADF); // true true
 * @see https://man7.org/linux/man-pages/man2/dup.2.html
 */
export function dup(fd: number): number {
  return settle(native.fcntl(fd, F_DUPFD_CLOEXEC, 0), DUP);
}

/**
 * read(2): the number of bytes or -errno. As `read`.
 *
 * @example
 * const sv = [-1, -1];
 * socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
 * write(sv[0], 'hello');
 * console.log(read(sv[1], new Uint8Array(100))); // 5
 * @see https://man7.org/linux/man-pages/man2/read.2.html
 */
export function read(fd: number, buffer: Bytes): number {
  return settle(native.read(fd, buffer), READ);
}

/**
 * write(2): the number of bytes or -errno. As `write`.
 *
 * @example
 * const sv = [-1, -1];
 * socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
 * close(sv[1]);
 * console.log(write(sv[0], 'hello') === -EPIPE); // true
 * @see https://man7.org/linux/man-pages/man2/write.2.html
 */
export function write(fd: number, data: Bytes | string): number {
  return settle(native.write(fd, bytes(data)), WRITE);
}

/**
 * readv(2): the number of bytes or -errno. As `readv`.
 *
 * @example
 * const sv = [-1, -1];
 * socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
 * write(sv[0], 'headbody');
 * console.log(readv(sv[1], [new Uint8Array(4), new Uint8Array(100)])); // 8
 * @see https://man7.org/linux/man-pages/man2/readv.2.html
 */
export function readv(fd: number, list: readonly Bytes[]): number {
  return settle(native.readv(fd, buffers(list, 'buffers')), READV);
}

/**
 * writev(2): the number of bytes or -errno. As `writev`.
 *
 * @example
 * const sv = [-1, -1];
 * socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
 * console.log(writev(sv[0], ['head', 'body'])); // 8
 * @see https://man7.org/linux/man-pages/man2/readv.2.html
 */
export function writev(fd: number, list: readonly (Bytes | string)[]): number {
  return settle(native.writev(fd, buffers(list, 'buffers', true)), WRITEV);
}

/**
 * send(2): the number of bytes or -errno. As `send`; `length` says how many of the bytes, all by default: a buffer that
 * is used again needs no view of its part.
 *
 * @example
 * const sv = [-1, -1];
 * socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
 * console.log(send(sv[0], 'hello', MSG_DONTWAIT)); // 5
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function send(fd: number, data: Bytes | string, flags = 0, length?: number): number {
  const given = bytes(data);
  return settle(pinned.send(fd, given, flags, within(length, given)), SEND);
}

/**
 * sendto(2): the number of bytes or -errno. As `sendto`; fastest with an encoded address.
 *
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * const address = encodeAddress({ family: AF_INET, address: '127.0.0.1', port: 9 });
 * console.log(sendto(fd, 'hello', 0, address)); // 5
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function sendto(fd: number, data: Bytes | string, flags: number, address: AddressLike): number {
  const name = isUint8Array(address) ? address : encodeAddress(address ?? noAddress(flags));
  return settle(pinned.sendto(fd, bytes(data), flags, name), SENDTO);
}

/**
 * sendmsg(2): the number of bytes or -errno. As `sendmsg`.
 *
 * @example
 * const sv = [-1, -1];
 * socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
 * console.log(sendmsg(sv[0], { buffers: ['head', 'body'] })); // 8
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function sendmsg(fd: number, message: SendMessage, flags = 0): number {
  onlyKnown(object(message, 'message'), SEND_NAMES, 'message');
  return settle(sendChecked(fd, message, flags), SENDMSG);
}

/**
 * recv(2): the number of bytes or -errno. As `recv`; `length` says how much of the buffer, all by default.
 *
 * @example
 * const sv = [-1, -1];
 * socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
 * console.log(recv(sv[1], new Uint8Array(100), MSG_DONTWAIT) === -EAGAIN); // true
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export function recv(fd: number, buffer: Bytes, flags = 0, length?: number): number {
  return settle(pinned.recv(fd, buffer, flags, within(length, buffer)), RECV);
}

/**
 * recvfrom(2): the number of bytes or -errno. The sender goes to `from`, if given. As `recvfrom`.
 *
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * const [buffer, from] = [Buffer.alloc(2048), new SockaddrStorage()];
 * console.log(recvfrom(fd, buffer, MSG_DONTWAIT, from) === -EAGAIN); // true
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export function recvfrom(fd: number, buffer: Bytes, flags = 0, from?: SockaddrStorage): number {
  const n = settle(
    from === undefined
      ? native.recvfrom(fd, buffer, flags, undefined)
      : pinned.recvfrom(fd, buffer, flags, room(from, 'from')),
    RECVFROM,
  );
  if (from !== undefined) from.length = n < 0 ? 0 : out[0]!;
  return n;
}

/**
 * A message to receive, to be used again and again: struct msghdr.
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export interface ReceiveHeader {
  /** Where the data goes, one after the other. */
  buffers: readonly Bytes[];
  /** Where the sender goes. */
  name?: SockaddrStorage | undefined;
  /** Where control data goes; `decodeControl(control, controlLength)` reads it. Its descriptors are the caller's. */
  control?: Uint8Array | undefined;
  /** Result: how many bytes of control data came. */
  controlLength?: number;
  /** Result: msg_flags as the kernel set them. */
  flags?: number;
}

const HEADER_NAMES = namesOf<ReceiveHeader>({
  buffers: true,
  name: true,
  control: true,
  controlLength: true,
  flags: true,
});

/**
 * recvmsg(2): the number of bytes or -errno. The further results go into `message`. As `recvmsg`.
 *
 * @example
 * const sv = [-1, -1];
 * socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
 * const message = { buffers: [new Uint8Array(100)], control: new Uint8Array(CMSG_SPACE(4)), controlLength: 0 };
 * sendmsg(sv[0], { buffers: ['x'], control: [{ level: SOL_SOCKET, type: SCM_RIGHTS, fds: [0] }] });
 * console.log(recvmsg(sv[1], message)); // 1
 * const control = decodeControl(message.control, message.controlLength);
 * console.log(findControl(control, SOL_SOCKET, SCM_RIGHTS)?.fds.length); // 1
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export function recvmsg(fd: number, message: ReceiveHeader, flags = 0): number {
  onlyKnown(object(message, 'message'), HEADER_NAMES, 'message');
  const list = buffers(own(message, 'buffers')!, 'buffers');
  const name = own(message, 'name');
  const nameBytes = name === undefined ? undefined : room(name, 'name');
  const control = own(message, 'control');
  prepare(message, 'controlLength', 0, 'message');
  prepare(message, 'flags', 0, 'message');
  const n = settle(native.recvmsg(fd, list, nameBytes, control, flags), RECVMSG);
  const nameLength = n < 0 ? 0 : out[0]!; // read before anything is assigned, which can run code of the user
  const controlLength = n < 0 ? 0 : out[1]!;
  const returned = n < 0 ? 0 : out[2]!;
  const arrived = n < 0 ? NONE : out[RECEIPT_HIGH]! * TWO_32 + (out[RECEIPT_LOW]! >>> 0);
  try {
    if (name !== undefined) name.length = nameLength;
    message.controlLength = controlLength;
    message.flags = returned;
    if (arrived !== NONE) native.handOverReceived(arrived);
  } catch (error) {
    if (arrived !== NONE) native.closeReceived(arrived, 1); // the caller does not look for them now
    throw error;
  }
  return n;
}

/**
 * getsockopt(2): the length that the kernel told, or -errno; the bytes go into `value`. The length can exceed the
 * buffer where the kernel says so (NETLINK_LIST_MEMBERSHIPS). As `getsockopt`.
 *
 * @example
 * const value = new Int32Array(1);
 * const length = getsockopt(socket(AF_INET, SOCK_DGRAM), SOL_SOCKET, SO_TYPE, value);
 * console.log(length, value[0] === SOCK_DGRAM); // 4 true
 * @see https://man7.org/linux/man-pages/man2/getsockopt.2.html
 */
export function getsockopt(fd: number, level: number, name: number, value: Bytes): number {
  const n = settle(native.getsockopt(fd, level, name, value), GETSOCKOPT_INTO);
  return n < 0 ? n : out[0]!;
}

/**
 * setsockopt(2): 0 or -errno. As `setsockopt`.
 *
 * @example
 * console.log(setsockopt(socket(AF_INET, SOCK_DGRAM), SOL_SOCKET, SO_REUSEADDR, true)); // 0
 * @see https://man7.org/linux/man-pages/man2/setsockopt.2.html
 */
export function setsockopt(fd: number, level: number, name: number, value: number | boolean | Bytes): number {
  return settle(setRaw(fd, level, name, value), SETSOCKOPT);
}

/**
 * fcntl(2): what the command gives, or -errno. F_GETOWN, which may be negative, is refused: use `fcntl`. As `fcntl`.
 *
 * @example
 * console.log(fcntl(socket(AF_INET, SOCK_DGRAM), F_GETFD) === FD_CLOEXEC); // true
 * @see https://man7.org/linux/man-pages/man2/fcntl.2.html
 */
export function fcntl(fd: number, command: number, argument: number | Bytes = 0): number {
  if (command === F_GETOWN) throw invalidType('command', 'one whose result is never negative');
  return settle(native.fcntl(fd, command, argument), FCNTL);
}

/**
 * ioctl(2): what the call returned, or -errno. The int of an int request goes to `value[0]`. As `ioctl`.
 *
 * @example
 * const sv = [-1, -1];
 * socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
 * const value = [0];
 * send(sv[0], 'hello');
 * console.log(ioctl(sv[1], FIONREAD, undefined, value), value[0]); // 0 5
 * @see https://man7.org/linux/man-pages/man2/ioctl.2.html
 */
export function ioctl(fd: number, request: number, argument?: number | Bytes, value?: number[] | Int32Array): number {
  if (value !== undefined) ints(value, 1, 'value');
  const n = settle(native.ioctl(fd, request, argument), IOCTL);
  if (n >= 0 && value !== undefined) value[0] = out[0]!;
  return n;
}

/**
 * Makes a request whose struct ifreq points to further data: ioctl(2), netdevice(7). 0 or -errno. As `ioctlData`.
 *
 * @example
 * const value = new Uint32Array([ETHTOOL_GLINK, 0]);
 * console.log(ioctlData(socket(AF_INET, SOCK_DGRAM), SIOCETHTOOL, ifreq('nosuch0'), value) === -ENODEV); // true
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function ioctlData(fd: number, request: number, argument: Bytes, data: Bytes): number {
  return settle(native.ioctlData(fd, request, argument, data), IOCTL_DATA);
}
