/**
 * The calls that send and receive data. Messages with control data are in message.ts, batches of datagrams in batch.ts. This recvfrom
 * decodes the address, where that of lib/call/ stores it for the caller, so both make the call. So do send and recv, because the check
 * of a length, which only lib/call/ accepts, costs a percent or two.
 */

import { isUint8Array } from '../argument/kind.ts';
import { bytes } from '../argument/snapshot.ts';
import * as pinned from '../call/pinned.ts';
import * as call from '../call/transfer.ts';
import { OUT_NAME_LENGTH } from '../native/contract.ts';
import { type Bytes, out } from '../native/native.ts';
import { decodeAddress, encodeAddress, noAddress, SOCKADDR_STORAGE } from '../struct/address.ts';
import type { Address, AddressLike, SenderOf, SocketFd } from '../struct/address-type.ts';
import { check, fail } from '../struct/errno.ts';

/** Room for one address. It is read before anything else can run. */
const scratch: Uint8Array = new Uint8Array(SOCKADDR_STORAGE);

/**
 * Reads from a file descriptor: read(2).
 *
 * @param fd Any file descriptor. A blocking one blocks the whole thread until there is data.
 * @param buffer The buffer to fill: any typed array, DataView or ArrayBuffer. Its size counts in bytes.
 * @returns The number of bytes received. 0 means the end of a stream, or an empty datagram.
 * @throws SocketError EAGAIN, EINTR, ECONNRESET, ENOTCONN, EBADF, EISDIR.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * write(a, 'hello');
 * const buffer = Buffer.alloc(100);
 * console.log(buffer.toString('utf8', 0, read(b, buffer))); // hello
 * @see https://man7.org/linux/man-pages/man2/read.2.html
 */
export function read(fd: number, buffer: Bytes): number {
  return check(call.read(fd, buffer), call.READ);
}

/**
 * Writes to a file descriptor: write(2). Node ignores SIGPIPE, so writing to a peer that is gone throws EPIPE.
 *
 * @param fd Any file descriptor.
 * @param data Bytes, or a string that is sent as UTF-8.
 * @returns The number of bytes that the kernel accepted, which can be fewer than given.
 * @throws SocketError EAGAIN, EINTR, EPIPE, ECONNRESET, ENOTCONN, EDESTADDRREQ, EMSGSIZE, EBADF.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM);
 * console.log(write(a, 'hello')); // 5
 * @see https://man7.org/linux/man-pages/man2/write.2.html
 */
export function write(fd: number, data: Bytes | string): number {
  return check(call.write(fd, data), call.WRITE);
}

/**
 * Reads into several buffers: readv(2).
 *
 * @param fd Any file descriptor.
 * @param list The buffers. They are filled one after the other.
 * @returns The total number of bytes read.
 * @throws SocketError The same errors as `read`; EINVAL for more than 1024 buffers.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * write(a, 'headbody');
 * const [head, body] = [Buffer.alloc(4), Buffer.alloc(100)];
 * console.log(readv(b, [head, body]), String(head)); // 8 head
 * @see https://man7.org/linux/man-pages/man2/readv.2.html
 */
export function readv(fd: number, list: readonly Bytes[]): number {
  return check(call.readv(fd, list), call.READV);
}

/**
 * Writes several buffers with one call: writev(2).
 *
 * @param fd Any file descriptor.
 * @param list The buffers or strings.
 * @returns The number of bytes that the kernel accepted, which can be fewer than given.
 * @throws SocketError The same errors as `write`; EINVAL for more than 1024 buffers.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM);
 * console.log(writev(a, ['head', Buffer.from('body')])); // 8
 * @see https://man7.org/linux/man-pages/man2/readv.2.html
 */
export function writev(fd: number, list: readonly (Bytes | string)[]): number {
  return check(call.writev(fd, list), call.WRITEV);
}

/**
 * Sends data on a connected socket: send(2).
 *
 * @param fd A connected socket.
 * @param data Bytes, or a string that is sent as UTF-8. With MSG_ZEROCOPY only bytes are accepted. They must not change, and
 *   the program must keep a reference to them, until the completion arrives in the error queue.
 * @param flags MSG_ flags. They are passed to the kernel unchanged.
 * @returns The number of bytes that the kernel accepted. A stream socket can accept a part of the data; a datagram socket
 *   accepts all of it.
 * @throws SocketError EAGAIN, EPIPE, ECONNRESET, ECONNREFUSED, ENOTCONN, EDESTADDRREQ, EMSGSIZE, EOPNOTSUPP, ENOBUFS,
 *   EINTR, EBADF, ENOTSOCK.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM);
 * console.log(send(a, 'hello', MSG_NOSIGNAL)); // 5
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function send(fd: number, data: Bytes | string, flags = 0): number {
  return check(pinned.send(fd, bytes(data, flags), flags), call.SEND);
}

/**
 * Sends data to an address: sendto(2).
 *
 * @param fd A socket.
 * @param data Bytes, or a string that is sent as UTF-8.
 * @param flags MSG_ flags. They are passed to the kernel unchanged.
 * @param address The destination. Encode it once with `encodeAddress` when it is used often.
 * @returns The number of bytes that the kernel accepted.
 * @throws SocketError The same errors as `send`; EISCONN, EACCES (broadcast without SO_BROADCAST), EAFNOSUPPORT, EINVAL,
 *   ENETUNREACH, ENOENT (AF_UNIX).
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * bind(fd, { family: AF_INET, address: '127.0.0.1', port: 0 });
 * console.log(sendto(fd, 'to myself', 0, getsockname(fd))); // 9
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function sendto(fd: number, data: Bytes | string, flags: number, address: AddressLike): number {
  const name = isUint8Array(address) ? address : encodeAddress(address ?? noAddress(flags));
  const n = call.sendto(fd, data, flags, name);
  return n >= 0 ? n : fail(n, call.SENDTO, address === name ? undefined : decodeAddress(name));
}

/**
 * Receives data from a connected socket: recv(2).
 *
 * @param fd A socket. A blocking one blocks the whole thread until there is data.
 * @param buffer The buffer to fill: any typed array, DataView or ArrayBuffer. Its size counts in bytes.
 * @param flags MSG_ flags. They are passed to the kernel unchanged. With MSG_TRUNC the call returns the
 *   real length of a datagram, which can be greater than the size of the buffer.
 * @returns The number of bytes received. 0 means the end of a stream, or an empty datagram.
 * @throws SocketError EAGAIN, ECONNREFUSED, ECONNRESET, ENOTCONN, EINTR, EBADF, ENOTSOCK.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_DGRAM);
 * send(a, 'a long datagram');
 * console.log(recv(b, new Uint8Array(4), MSG_PEEK | MSG_TRUNC)); // 15
 * console.log(recv(b, new Uint8Array(4))); // 4
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export function recv(fd: number, buffer: Bytes, flags = 0): number {
  return check(pinned.recv(fd, buffer, flags), call.RECV);
}

/**
 * The result of recvfrom(2).
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export interface ReceivedFrom<Sender extends Address | undefined = Address | undefined> {
  /** The number of bytes that the call returned. */
  length: number;
  /** The address of the sender, or `undefined` when the kernel reports none (a connected stream, an unbound AF_UNIX sender). */
  address: Sender;
}

/**
 * Receives data and the address of its sender: recvfrom(2).
 *
 * @param fd A socket.
 * @param buffer The buffer to fill.
 * @param flags MSG_ flags, as for `recv`.
 * @returns The number of bytes, as `recv` returns it, and the address of the sender.
 * @throws SocketError The same errors as `recv`.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * bind(fd, { family: AF_INET, address: '127.0.0.1', port: 0 });
 * sendto(fd, 'to myself', 0, getsockname(fd));
 * const { length, address } = recvfrom(fd, new Uint8Array(100));
 * console.log(length, address.address); // 9 127.0.0.1
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export function recvfrom<Family extends number = number, Type extends number = number, Flags extends number = 0>(
  fd: SocketFd<Family, Type>,
  buffer: Bytes,
  flags: Flags = 0 as Flags,
): ReceivedFrom<SenderOf<Family, Type, Flags>> {
  const received = check(pinned.recvfrom(fd, buffer, flags, scratch), call.RECVFROM);
  return { length: received, address: decodeAddress(scratch, out[OUT_NAME_LENGTH]!) as SenderOf<Family, Type, Flags> };
}
