/** Data in and out, call by call. Batches of datagrams are in batch.ts. */

import { decodeAddress, encodeAddress, noAddress } from './address.ts';
import type { Address, AddressLike, SenderOf, SocketFd } from './address-type.ts';
import { NONE, RECEIPT_HIGH, RECEIPT_LOW, TWO_32 } from './arrived.ts';
import { READ, READV, RECV, RECVFROM, RECVMSG, SEND, SENDMSG, SENDTO, WRITE, WRITEV } from './calls.ts';
import { SOL_SOCKET } from './constants.ts';
import { decodeControl, encodeControl } from './control.ts';
import type { ControlInput, ControlMessage } from './control-message.ts';
import { check, isErrnoResult } from './errno.ts';
import { isUint8Array } from './kind.ts';
import { type Names, namesOf, onlyKnown } from './known-names.ts';
import { type Bytes, layout, native, out } from './native.ts';
import { count } from './number.ts';
import * as pinned from './pinned.ts';
import { buffers, bytes, object, own } from './snapshot.ts';

/** Room for one address, read before anything else can run. */
const scratch: Uint8Array = new Uint8Array(layout('sockaddr_storage'));

/**
 * Reads from a descriptor: read(2).
 *
 * @param fd Any descriptor. When it blocks, this waits, and the whole thread with it.
 * @param buffer Where the bytes go: any typed array, DataView or ArrayBuffer, counted in bytes.
 * @returns The number of bytes; 0 is the end of a stream, or an empty datagram.
 * @throws SocketError EAGAIN, EINTR, ECONNRESET, ENOTCONN, EBADF, EISDIR.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * write(a, 'hello');
 * const buffer = Buffer.alloc(100);
 * console.log(buffer.toString('utf8', 0, read(b, buffer))); // hello
 * @see https://man7.org/linux/man-pages/man2/read.2.html
 */
export function read(fd: number, buffer: Bytes): number {
  return check(native.read(fd, buffer), READ);
}

/**
 * Writes to a descriptor: write(2). Node ignores SIGPIPE, so that a lost peer is EPIPE.
 *
 * @param fd Any descriptor.
 * @param data Bytes, or a string that is sent as UTF-8.
 * @returns The number of bytes that were taken, perhaps not all.
 * @throws SocketError EAGAIN, EINTR, EPIPE, ECONNRESET, ENOTCONN, EDESTADDRREQ, EMSGSIZE, EBADF.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM);
 * console.log(write(a, 'hello')); // 5
 * @see https://man7.org/linux/man-pages/man2/write.2.html
 */
export function write(fd: number, data: Bytes | string): number {
  return check(native.write(fd, bytes(data)), WRITE);
}

/**
 * Reads into several buffers: readv(2).
 *
 * @param fd Any descriptor.
 * @param list The buffers, filled one after the other.
 * @returns The number of bytes in all.
 * @throws SocketError As `read`; EINVAL for more than 1024 buffers.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * write(a, 'headbody');
 * const [head, body] = [Buffer.alloc(4), Buffer.alloc(100)];
 * console.log(readv(b, [head, body]), String(head)); // 8 head
 * @see https://man7.org/linux/man-pages/man2/readv.2.html
 */
export function readv(fd: number, list: readonly Bytes[]): number {
  return check(native.readv(fd, buffers(list, 'buffers')), READV);
}

/**
 * Writes several buffers as one: writev(2).
 *
 * @param fd Any descriptor.
 * @param list The buffers or strings.
 * @returns The number of bytes that were taken, perhaps not all.
 * @throws SocketError As `write`; EINVAL for more than 1024 buffers.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM);
 * console.log(writev(a, ['head', Buffer.from('body')])); // 8
 * @see https://man7.org/linux/man-pages/man2/readv.2.html
 */
export function writev(fd: number, list: readonly (Bytes | string)[]): number {
  return check(native.writev(fd, buffers(list, 'buffers', true)), WRITEV);
}

/**
 * Sends on a connected socket: send(2).
 *
 * @param fd A connected socket.
 * @param data Bytes, or a string that is sent as UTF-8. With MSG_ZEROCOPY they must stay as they are until the
 *   completion arrives in the error queue.
 * @param flags MSG_ flags, passed on as they are.
 * @returns The number of bytes that were taken: of a stream perhaps not all, of a datagram all.
 * @throws SocketError EAGAIN, EPIPE, ECONNRESET, ECONNREFUSED, ENOTCONN, EDESTADDRREQ, EMSGSIZE, EOPNOTSUPP, ENOBUFS,
 *   EINTR, EBADF, ENOTSOCK.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM);
 * console.log(send(a, 'hello', MSG_NOSIGNAL)); // 5
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function send(fd: number, data: Bytes | string, flags = 0): number {
  return check(pinned.send(fd, bytes(data), flags), SEND);
}

/**
 * Sends to an address: sendto(2).
 *
 * @param fd A socket.
 * @param data Bytes, or a string that is sent as UTF-8.
 * @param flags MSG_ flags, passed on as they are.
 * @param address Where to. Encode it once (`encodeAddress`) when it is used often.
 * @returns The number of bytes that were taken.
 * @throws SocketError As `send`; EISCONN, EACCES (broadcast without SO_BROADCAST), EAFNOSUPPORT, EINVAL, ENETUNREACH,
 *   ENOENT (AF_UNIX).
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * bind(fd, { family: AF_INET, address: '127.0.0.1', port: 0 });
 * console.log(sendto(fd, 'to myself', 0, getsockname(fd))); // 9
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function sendto(fd: number, data: Bytes | string, flags: number, address: AddressLike): number {
  const name = isUint8Array(address) ? address : encodeAddress(address ?? noAddress(flags));
  const n = pinned.sendto(fd, bytes(data), flags, name);
  return n >= 0 ? n : check(n, SENDTO, address === name || !isErrnoResult(n) ? undefined : decodeAddress(name));
}

/**
 * A message to send: struct msghdr.
 *
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export interface SendMessage {
  /** The data, gathered from these. A string is sent as UTF-8. */
  buffers: readonly (Bytes | string)[];
  /** Where to, for a socket without a peer. */
  address?: AddressLike | undefined;
  /** Control messages, or their bytes (`encodeControl`). */
  control?: readonly ControlInput[] | Uint8Array | undefined;
}

/** The names of a message to send. */
export const SEND_NAMES: Names = namesOf<SendMessage>({ buffers: true, address: true, control: true });

/**
 * Sends data from several buffers, to an address, with control messages: sendmsg(2).
 *
 * A stream socket needs at least one byte of data to carry descriptors. When a part was sent, its control messages went
 * with it: send the rest without them.
 *
 * @param fd A socket.
 * @param message The buffers, and if needed the address and the control messages.
 * @param flags MSG_ flags, passed on as they are.
 * @returns The number of bytes that were taken.
 * @throws SocketError As `sendto`; EMSGSIZE for more than 1024 buffers; EINVAL for control data that the kernel does
 *   not take, ETOOMANYREFS for too many descriptors in flight, EBADF for a descriptor in SCM_RIGHTS that is not open.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM);
 * const rights = { level: SOL_SOCKET, type: SCM_RIGHTS, fds: [0] };
 * console.log(sendmsg(a, { buffers: ['take', ' this'], control: [rights] })); // 9
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function sendmsg(fd: number, message: SendMessage, flags = 0): number {
  onlyKnown(object(message, 'message'), SEND_NAMES, 'message');
  const list = buffers(own(message, 'buffers')!, 'buffers', true);
  const address = own(message, 'address');
  const name = address === undefined ? undefined : encodeAddress(address);
  const n = native.sendmsg(fd, list, name, controlBytes(own(message, 'control')), flags);
  return n >= 0
    ? n
    : check(n, SENDMSG, address === name || !isErrnoResult(n) ? undefined : decodeAddress(name as Uint8Array));
}

/** sendmsg(2) with a message whose names were checked: n, -errno or a refusal. */
export function sendChecked(fd: number, message: SendMessage, flags: number): number {
  const list = buffers(own(message, 'buffers')!, 'buffers', true);
  const address = own(message, 'address');
  const name = address === undefined ? undefined : encodeAddress(address);
  return native.sendmsg(fd, list, name, controlBytes(own(message, 'control')), flags);
}

/** Control messages as bytes. No messages are no control data: the kernel is given a null pointer. */
export function controlBytes(control: SendMessage['control']): Uint8Array | undefined {
  if (control === undefined) return undefined;
  const bytes = isUint8Array(control) ? control : encodeControl(control);
  return bytes.length === 0 ? undefined : bytes;
}

/**
 * Receives from a connected socket: recv(2).
 *
 * @param fd A socket. When it blocks, this waits, and the whole thread with it.
 * @param buffer Where the bytes go: any typed array, DataView or ArrayBuffer, counted in bytes.
 * @param flags MSG_ flags, passed on as they are. With MSG_TRUNC the real length of a datagram is returned, which can
 *   be more than the buffer holds.
 * @returns The number of bytes; 0 is the end of a stream, or an empty datagram.
 * @throws SocketError EAGAIN, ECONNREFUSED, ECONNRESET, ENOTCONN, EINTR, EBADF, ENOTSOCK.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_DGRAM);
 * send(a, 'a long datagram');
 * console.log(recv(b, new Uint8Array(4), MSG_PEEK | MSG_TRUNC)); // 15
 * console.log(recv(b, new Uint8Array(4))); // 4
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export function recv(fd: number, buffer: Bytes, flags = 0): number {
  return check(pinned.recv(fd, buffer, flags), RECV);
}

/**
 * What recvfrom(2) gives.
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export interface ReceivedFrom<Sender extends Address | undefined = Address | undefined> {
  /** The number of bytes, as the call returned it. */
  length: number;
  /** The sender; `undefined` when the kernel gave none (a connected stream, an unbound AF_UNIX sender). */
  address: Sender;
}

/**
 * Receives, and tells from whom: recvfrom(2).
 *
 * @param fd A socket.
 * @param buffer Where the bytes go.
 * @param flags As for `recv`.
 * @returns The number of bytes, as `recv`, and the sender.
 * @throws SocketError As `recv`.
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
  const received = check(pinned.recvfrom(fd, buffer, flags, scratch), RECVFROM);
  return { length: received, address: decodeAddress(scratch, out[0]!) as SenderOf<Family, Type, Flags> };
}

/**
 * Where a message shall be received: struct msghdr.
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export interface ReceiveMessage {
  /** Where the data goes, one after the other. */
  buffers: readonly Bytes[];
  /** Room for control messages in bytes (sums of `CMSG_SPACE`). Without it none is received, and descriptors that were
   * sent are closed by the kernel. */
  controlLength?: number | undefined;
}

/**
 * What recvmsg(2) gives.
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export interface ReceivedMessage<Sender extends Address | undefined = Address | undefined> {
  /** The number of bytes, as the call returned it. */
  length: number;
  /** The sender; `undefined` when the kernel gave none. */
  address: Sender;
  /** The control messages. The descriptors among them are new and yours to close. */
  control: ControlMessage[];
  /** msg_flags as the kernel set them: MSG_TRUNC, MSG_CTRUNC, MSG_EOR, MSG_ERRQUEUE, MSG_OOB. */
  flags: number;
}

const RECEIVE_NAMES = namesOf<ReceiveMessage>({ buffers: true, controlLength: true });

/** The room for control messages; checked here, as it is allocated here. */
function controlRoom(length: unknown): number {
  return length === undefined ? 0 : count(length, 'controlLength');
}

/**
 * Receives into several buffers, with the sender, the flags and the control messages: recvmsg(2).
 *
 * Descriptors that arrive are close-on-exec: with room for control messages MSG_CMSG_CLOEXEC is always given (but to
 * families that refuse it, AF_PACKET for one, which hand no descriptors over). With MSG_CTRUNC those that fitted are in
 * `control`. Nothing leaks if decoding fails.
 *
 * @param fd A socket.
 * @param message The buffers, and the room for control messages.
 * @param flags MSG_ flags, passed on as they are.
 * @returns The number of bytes, the sender, the control messages and the flags.
 * @throws SocketError As `recv`; EMSGSIZE for more than 1024 buffers.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * sendmsg(a, { buffers: ['x'], control: [{ level: SOL_SOCKET, type: SCM_RIGHTS, fds: [0] }] });
 * const message = { buffers: [new Uint8Array(9)], controlLength: controlSpace('SCM_RIGHTS') };
 * const { length, control } = recvmsg(b, message);
 * console.log(length, findControl(control, SOL_SOCKET, SCM_RIGHTS)?.fds.length); // 1 1
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export function recvmsg<Family extends number = number, Type extends number = number, Flags extends number = 0>(
  fd: SocketFd<Family, Type>,
  message: ReceiveMessage,
  flags: Flags = 0 as Flags,
): ReceivedMessage<SenderOf<Family, Type, Flags>> {
  const result = receive(fd, message, flags);
  if (typeof result === 'number') throw check(result, RECVMSG);
  handOver(result.control);
  return result as ReceivedMessage<SenderOf<Family, Type, Flags>>;
}

/**
 * The program has the descriptors in these messages from now on: to be called last. Until then they belong to the
 * environment, which closes them when it ends (a worker that is terminated).
 */
export function handOver(messages: readonly ControlMessage[]): void {
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!;
    if (message.level !== SOL_SOCKET) continue;
    if ('fds' in message) handOverAll(message.fds);
    else if ('pidfd' in message) native.handOver(message.pidfd);
  }
}

/** As `handOver`, of descriptors. */
export function handOverAll(fds: readonly number[]): void {
  for (let i = 0; i < fds.length; i++) native.handOver(fds[i]!);
}

/** Closes the descriptors in messages that reach nobody. */
export function discard(messages: readonly ControlMessage[]): void {
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!;
    if (message.level !== SOL_SOCKET) continue;
    if ('fds' in message) for (let at = 0; at < message.fds.length; at++) native.close(message.fds[at]!);
    else if ('pidfd' in message) native.close(message.pidfd);
  }
}

/**
 * recvmsg, or what the native call gave when it failed: -errno or a refusal. The descriptors among the control messages
 * wait for `handOver`.
 */
export function receive(fd: number, message: ReceiveMessage, flags: number): ReceivedMessage | number {
  onlyKnown(object(message, 'message'), RECEIVE_NAMES, 'message');
  const list = buffers(own(message, 'buffers')!, 'buffers');
  const room = controlRoom(own(message, 'controlLength'));
  const control = room === 0 ? undefined : new Uint8Array(room);
  let arrived = NONE;
  try {
    const received = native.recvmsg(fd, list, scratch, control, flags);
    if (received < 0) return received;
    arrived = out[RECEIPT_HIGH]! * TWO_32 + (out[RECEIPT_LOW]! >>> 0);
    // By index: what is taken apart as a list goes through an iterator that a program can replace, and that would be
    // handed the memory that the native code writes into.
    const nameLength = out[0]!;
    const controlLength = out[1]!;
    const returned = out[2]!;
    return {
      length: received,
      address: decodeAddress(scratch, nameLength),
      control: control === undefined ? [] : decodeControl(control, controlLength),
      flags: returned,
    };
  } catch (error) {
    // They would reach nobody.
    if (arrived !== NONE) native.closeReceived(arrived, 1);
    throw error;
  }
}
