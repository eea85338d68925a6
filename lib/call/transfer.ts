/** The calls that send and receive data. Each returns n or -errno. Messages with control data are in message.ts. */

import { BYTES_OR_TEXT, LIST_OF_BYTES_OR_TEXT, outOfRange } from '../argument/argument-error.ts';
import { byteLengthOf, isUint8Array } from '../argument/kind.ts';
import { integer } from '../argument/number.ts';
import { buffers, bytes } from '../argument/snapshot.ts';
import { OUT_NAME_LENGTH } from '../native/contract.ts';
import { type Bytes, native, out } from '../native/native.ts';
import { encodeAddress, noAddress, type SockaddrStorage } from '../struct/address.ts';
import type { AddressLike } from '../struct/address-type.ts';
import { type Call, call, unlessRefused } from '../struct/errno.ts';
import * as pinned from './pinned.ts';
import { storageBytes } from './storage.ts';

export const READ: Call = call('read', 'fd', 'buffer');

/**
 * Reads bytes like `read` of sys-socket, but returns their number or -errno: read(2).
 *
 * @example
 * const [a, b] = Socket.pair();
 * write(a.fd, 'hello');
 * console.log(read(b.fd, new Uint8Array(100))); // 5
 * @see https://man7.org/linux/man-pages/man2/read.2.html
 */
export function read(fd: number, buffer: Bytes): number {
  return unlessRefused(native.read(fd, buffer), READ);
}

export const WRITE: Call = { ...call('write', 'fd', 'data'), accepts: { data: BYTES_OR_TEXT } };

/**
 * Writes bytes like `write` of sys-socket, but returns their number or -errno: write(2).
 *
 * @example
 * const [a, b] = Socket.pair();
 * b.close();
 * console.log(write(a.fd, 'hello') === -EPIPE); // true
 * @see https://man7.org/linux/man-pages/man2/write.2.html
 */
export function write(fd: number, data: Bytes | string): number {
  return unlessRefused(native.write(fd, bytes(data)), WRITE);
}

export const READV: Call = call('readv', 'fd', 'buffers');

/**
 * Reads into several buffers like `readv` of sys-socket, but returns the number of bytes or -errno: readv(2).
 *
 * @example
 * const [a, b] = Socket.pair();
 * write(a.fd, 'headbody');
 * console.log(readv(b.fd, [new Uint8Array(4), new Uint8Array(100)])); // 8
 * @see https://man7.org/linux/man-pages/man2/readv.2.html
 */
export function readv(fd: number, list: readonly Bytes[]): number {
  return unlessRefused(native.readv(fd, buffers(list, 'buffers')), READV);
}

export const WRITEV: Call = { ...call('writev', 'fd', 'buffers'), accepts: { buffers: LIST_OF_BYTES_OR_TEXT } };

/**
 * Writes several buffers like `writev` of sys-socket, but returns the number of bytes or -errno: writev(2).
 *
 * @example
 * const [a] = Socket.pair();
 * console.log(writev(a.fd, ['head', 'body'])); // 8
 * @see https://man7.org/linux/man-pages/man2/readv.2.html
 */
export function writev(fd: number, list: readonly (Bytes | string)[]): number {
  return unlessRefused(native.writev(fd, buffers(list, 'buffers', true)), WRITEV);
}

/**
 * Checks a length within a buffer and returns it as pinned.ts expects it. The system call checks anything that is not a
 * buffer.
 */
function within(length: number | undefined, buffer: Bytes): number {
  if (length === undefined) return pinned.ALL;
  const most = byteLengthOf(buffer);
  if (most === undefined) return pinned.ALL;
  if (integer(length, 'length', 0, 0x7fffffff) > most) {
    throw outOfRange('length', 'at most the length of the buffer');
  }
  return length;
}

export const SEND: Call = { ...call('send', 'fd', 'data', 'flags'), accepts: { data: BYTES_OR_TEXT } };

/**
 * Sends bytes like `send` of sys-socket, but returns their number or -errno: send(2). `length` is the number of bytes
 * to send, all by default, so that a buffer which is used again needs no view of a part.
 *
 * @example
 * const [a] = Socket.pair();
 * console.log(send(a.fd, 'hello')); // 5
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function send(fd: number, data: Bytes | string, flags = 0, length?: number): number {
  const given = bytes(data, flags);
  return unlessRefused(pinned.send(fd, given, flags, within(length, given)), SEND);
}

export const SENDTO: Call = { ...call('sendto', 'fd', 'data', 'flags', 'address'), accepts: { data: BYTES_OR_TEXT } };

/**
 * Sends bytes to an address like `sendto` of sys-socket, but returns their number or -errno: sendto(2). It is fastest
 * with an encoded address.
 *
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * const address = encodeAddress({ family: AF_INET, address: '127.0.0.1', port: 9 });
 * console.log(sendto(fd, 'hello', 0, address)); // 5
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function sendto(fd: number, data: Bytes | string, flags: number, address: AddressLike): number {
  const name = isUint8Array(address) ? address : encodeAddress(address ?? noAddress(flags));
  return unlessRefused(pinned.sendto(fd, bytes(data, flags), flags, name), SENDTO);
}

export const RECV: Call = call('recv', 'fd', 'buffer', 'flags');

/**
 * Receives bytes like `recv` of sys-socket, but returns their number or -errno: recv(2). `length` is the maximum number
 * of bytes, the length of the buffer by default.
 *
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * console.log(recv(fd, new Uint8Array(100), MSG_DONTWAIT) === -EAGAIN); // true
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export function recv(fd: number, buffer: Bytes, flags = 0, length?: number): number {
  return unlessRefused(pinned.recv(fd, buffer, flags, within(length, buffer)), RECV);
}

export const RECVFROM: Call = call('recvfrom', 'fd', 'buffer', 'flags', 'address');

/**
 * Receives bytes like `recvfrom` of sys-socket, but returns their number or -errno: recvfrom(2). The address of the
 * sender is stored in `from`, if given.
 *
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * const [buffer, from] = [Buffer.alloc(2048), new SockaddrStorage()];
 * console.log(recvfrom(fd, buffer, MSG_DONTWAIT, from) === -EAGAIN); // true
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export function recvfrom(fd: number, buffer: Bytes, flags = 0, from?: SockaddrStorage): number {
  const n = unlessRefused(
    from === undefined
      ? native.recvfrom(fd, buffer, flags, undefined)
      : pinned.recvfrom(fd, buffer, flags, storageBytes(from, 'from')),
    RECVFROM,
  );
  if (from !== undefined) from.length = n < 0 ? 0 : out[OUT_NAME_LENGTH]!;
  return n;
}
