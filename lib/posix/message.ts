/**
 * The calls that send and receive a message with control data: sendmsg(2), recvmsg(2). This recvmsg returns new objects, where that
 * of lib/call/ fills those of the caller, so both make the native call.
 */

import { namesOf, onlyKnown } from '../argument/known-names.ts';
import { count } from '../argument/number.ts';
import { assertObject, buffers, ownProperty } from '../argument/snapshot.ts';
import { NONE, TWO_32 } from '../call/arrived.ts';
import { partsOf, RECVMSG, SENDMSG, type SendMessage, sendParts } from '../call/message.ts';
import { SOL_SOCKET } from '../native/constants.ts';
import {
  OUT_CONTROL_LENGTH,
  OUT_MSG_FLAGS,
  OUT_NAME_LENGTH,
  OUT_RECEIPT_HIGH,
  OUT_RECEIPT_LOW,
} from '../native/contract.ts';
import { type Bytes, native, out } from '../native/native.ts';
import { decodeAddress, SOCKADDR_STORAGE } from '../struct/address.ts';
import type { Address, SenderOf, SocketFd } from '../struct/address-type.ts';
import { decodeControl } from '../struct/control.ts';
import type { ControlMessage } from '../struct/control-message.ts';
import { fail } from '../struct/errno.ts';

/** Room for one address. It is read before anything else can run. */
const scratch: Uint8Array = new Uint8Array(SOCKADDR_STORAGE);

/**
 * Sends data from several buffers, optionally to an address and with control messages: sendmsg(2).
 *
 * A stream socket needs at least one byte of data to carry file descriptors. When the kernel accepted only a part of the
 * data, the control messages were sent with that part, so send the rest without them.
 *
 * @param fd A socket.
 * @param message The buffers and, if needed, the address and the control messages.
 * @param flags MSG_ flags. They are passed to the kernel unchanged.
 * @returns The number of bytes that the kernel accepted.
 * @throws SocketError The same errors as `sendto`; EMSGSIZE for more than 1024 buffers; EINVAL for control data that the
 *   kernel does not accept; ETOOMANYREFS for too many file descriptors in flight; EBADF for a file descriptor in SCM_RIGHTS
 *   that is not open.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM);
 * const rights = { level: SOL_SOCKET, type: SCM_RIGHTS, fds: [0] };
 * console.log(sendmsg(a, { buffers: ['take', ' this'], control: [rights] })); // 9
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function sendmsg(fd: number, message: SendMessage, flags = 0): number {
  const parts = partsOf(message, flags);
  const n = sendParts(fd, parts, flags);
  return n >= 0 ? n : fail(n, SENDMSG, parts.address === parts.name ? undefined : decodeAddress(parts.name!));
}

/**
 * The buffers that receive a message: struct msghdr.
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export interface ReceiveMessage {
  /** The buffers to fill, one after the other. */
  buffers: readonly Bytes[];
  /** The room for control messages in bytes (a sum of `CMSG_SPACE`). Without it no control messages are received, and the
   * kernel closes the file descriptors that were sent. */
  controlLength?: number | undefined;
}

/**
 * The result of recvmsg(2).
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export interface ReceivedMessage<Sender extends Address | undefined = Address | undefined> {
  /** The number of bytes that the call returned. */
  length: number;
  /** The address of the sender, or `undefined` when the kernel reports none. */
  address: Sender;
  /** The control messages. The file descriptors in them are new, and the program must close them. */
  control: ControlMessage[];
  /** msg_flags as the kernel set them: MSG_TRUNC, MSG_CTRUNC, MSG_EOR, MSG_ERRQUEUE, MSG_OOB. */
  flags: number;
}

const RECEIVE_NAMES = namesOf<ReceiveMessage>({ buffers: true, controlLength: true });

/** Returns the room for control messages. It is checked here because it is allocated here. */
function controlRoom(length: unknown): number {
  return length === undefined ? 0 : count(length, 'controlLength');
}

/**
 * Receives data into several buffers, together with the sender, the flags and the control messages: recvmsg(2).
 *
 * Received file descriptors are close-on-exec: when there is room for control messages, the call always adds
 * MSG_CMSG_CLOEXEC. Families that reject this flag, such as AF_PACKET, do not get it; they do not pass file descriptors.
 * With MSG_CTRUNC, the file descriptors that fitted are in `control`. If decoding fails, no file descriptor leaks.
 *
 * @param fd A socket.
 * @param message The buffers and the room for control messages.
 * @param flags MSG_ flags. They are passed to the kernel unchanged.
 * @returns The number of bytes, the sender, the control messages and the flags.
 * @throws SocketError The same errors as `recv`; EMSGSIZE for more than 1024 buffers.
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
  if (typeof result === 'number') fail(result, RECVMSG);
  handOver(result.control);
  return result as ReceivedMessage<SenderOf<Family, Type, Flags>>;
}

/**
 * Passes the ownership of the file descriptors in these messages to the program. It must be called last. Until then they
 * belong to the environment, which closes them when it ends, for example when a worker is terminated.
 */
export function handOver(messages: readonly ControlMessage[]): void {
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!;
    if (message.level !== SOL_SOCKET) continue;
    if ('fds' in message) handOverAll(message.fds);
    else if ('pidfd' in message) native.handOver(message.pidfd);
  }
}

/** Does the same as `handOver` for a list of file descriptors. */
export function handOverAll(fds: readonly number[]): void {
  for (let i = 0; i < fds.length; i++) native.handOver(fds[i]!);
}

/** Closes the file descriptors in messages that are not returned to the program. */
export function discard(messages: readonly ControlMessage[]): void {
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!;
    if (message.level !== SOL_SOCKET) continue;
    if ('fds' in message) for (let at = 0; at < message.fds.length; at++) native.close(message.fds[at]!);
    else if ('pidfd' in message) native.close(message.pidfd);
  }
}

/** The parts of a message to receive. Each was read once. */
export interface ReceiveParts {
  readonly list: Bytes[];
  /** The room for control messages. */
  readonly space: number;
}

/** Copies and checks a message to receive. No user code runs afterwards. */
export function receivePartsOf(message: ReceiveMessage): ReceiveParts {
  onlyKnown(assertObject(message, 'message'), RECEIVE_NAMES, 'message');
  const list = buffers(ownProperty(message, 'buffers')!, 'buffers');
  return { list, space: controlRoom(ownProperty(message, 'controlLength')) };
}

/** Calls recvmsg(2) like `receiveParts`, with a message that was not copied yet. */
export function receive(fd: number, message: ReceiveMessage, flags: number): ReceivedMessage | number {
  return receiveParts(fd, receivePartsOf(message), flags);
}

/**
 * Calls recvmsg(2). Returns the message, or the result of the native call when it failed: -errno or a refusal. The caller
 * must then call `handOver` for the file descriptors in the control messages.
 */
export function receiveParts(fd: number, { list, space }: ReceiveParts, flags: number): ReceivedMessage | number {
  return receiveInto(fd, list, space === 0 ? undefined : new Uint8Array(space), flags);
}

/** Does the same with checked buffers and memory for control data, which the result does not refer to. */
export function receiveInto(
  fd: number,
  list: Bytes[],
  control: Uint8Array | undefined,
  flags: number,
): ReceivedMessage | number {
  let arrived = NONE;
  try {
    const received = native.recvmsg(fd, list, scratch, control, flags);
    if (received < 0) return received;
    arrived = out[OUT_RECEIPT_HIGH]! * TWO_32 + (out[OUT_RECEIPT_LOW]! >>> 0);
    // The elements are read by index because destructuring would use an iterator that a program can replace, and that
    // iterator would get the memory that the native code writes into.
    const nameLength = out[OUT_NAME_LENGTH]!;
    const controlLength = out[OUT_CONTROL_LENGTH]!;
    const returned = out[OUT_MSG_FLAGS]!;
    return {
      length: received,
      address: decodeAddress(scratch, nameLength),
      control: control === undefined ? [] : decodeControl(control, controlLength),
      flags: returned,
    };
  } catch (error) {
    // The received file descriptors would not reach the program.
    if (arrived !== NONE) native.closeReceived(arrived, 1);
    throw error;
  }
}
