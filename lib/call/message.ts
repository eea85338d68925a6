/** The calls that send and receive a message with control data: sendmsg(2), recvmsg(2). Each returns n or -errno. */

import { LIST_OF_BYTES_OR_TEXT } from '../argument/argument-error.ts';
import { isUint8Array } from '../argument/kind.ts';
import { type Names, namesOf, onlyKnown } from '../argument/known-names.ts';
import { assertObject, buffers, ownProperty } from '../argument/snapshot.ts';
import {
  OUT_CONTROL_LENGTH,
  OUT_MSG_FLAGS,
  OUT_NAME_LENGTH,
  OUT_RECEIPT_HIGH,
  OUT_RECEIPT_LOW,
} from '../native/contract.ts';
import { type Bytes, native, out } from '../native/native.ts';
import { encodeAddress, type SockaddrStorage } from '../struct/address.ts';
import type { AddressLike } from '../struct/address-type.ts';
import { encodeControl } from '../struct/control.ts';
import type { ControlInput } from '../struct/control-message.ts';
import { type Call, call, unlessRefused } from '../struct/errno.ts';
import { NONE, TWO_32 } from './arrived.ts';
import { prepare, storageBytes } from './storage.ts';

/**
 * A message to send: struct msghdr.
 *
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export interface SendMessage {
  /** The buffers that the data is gathered from. A string is sent as UTF-8. */
  buffers: readonly (Bytes | string)[];
  /** The destination, for a socket without a peer. */
  address?: AddressLike | undefined;
  /** The control messages, or their bytes as `encodeControl` returns them. */
  control?: readonly ControlInput[] | Uint8Array | undefined;
}

/** The property names that a message to send may have. */
export const SEND_NAMES: Names = namesOf<SendMessage>({ buffers: true, address: true, control: true });

/** Encodes control messages. Returns `undefined` for an empty list, so that the kernel gets a null pointer. */
export function controlBytes(control: SendMessage['control']): Uint8Array | undefined {
  if (control === undefined) return undefined;
  const bytes = isUint8Array(control) ? control : encodeControl(control);
  return bytes.length === 0 ? undefined : bytes;
}

/** The parts of a message to send. Each was read once. */
export interface SendParts {
  list: Bytes[];
  address: AddressLike | undefined;
  /** The encoded address. */
  name: Uint8Array | undefined;
  control: Uint8Array | undefined;
}

/** Copies and checks a message to send. No user code runs afterwards. */
export function partsOf(message: SendMessage, flags: number): SendParts {
  onlyKnown(assertObject(message, 'message'), SEND_NAMES, 'message');
  const list = buffers(ownProperty(message, 'buffers')!, 'buffers', true, flags);
  const address = ownProperty(message, 'address');
  const name = address === undefined ? undefined : encodeAddress(address);
  return { list, address, name, control: controlBytes(ownProperty(message, 'control')) };
}

export const SENDMSG: Call = {
  ...call('sendmsg', 'fd', 'buffers', 'address', 'control', 'flags'),
  accepts: { buffers: LIST_OF_BYTES_OR_TEXT },
};

/** Calls sendmsg(2). Returns n or -errno. */
export function sendParts(fd: number, { list, name, control }: SendParts, flags: number): number {
  return unlessRefused(native.sendmsg(fd, list, name, control, flags), SENDMSG);
}

/**
 * Sends a message like `sendmsg` of sys-socket, but returns the number of bytes or -errno: sendmsg(2).
 *
 * @example
 * const [a] = Socket.pair();
 * console.log(sendmsg(a.fd, { buffers: ['head', 'body'] })); // 8
 * @see https://man7.org/linux/man-pages/man2/send.2.html
 */
export function sendmsg(fd: number, message: SendMessage, flags = 0): number {
  return sendParts(fd, partsOf(message, flags), flags);
}

/**
 * A message to receive, which can be used repeatedly: struct msghdr.
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export interface ReceiveHeader {
  /** The buffers for the data, which are filled in order. */
  buffers: readonly Bytes[];
  /** The storage for the address of the sender. */
  name?: SockaddrStorage | undefined;
  /**
   * The buffer for control data, which `decodeControl(control, controlLength)` decodes. The caller owns file
   * descriptors in it.
   */
  control?: Uint8Array | undefined;
  /** Result: the number of bytes of control data that were received. */
  controlLength?: number;
  /** Result: the msg_flags that the kernel returned. */
  flags?: number;
}

const HEADER_NAMES = namesOf<ReceiveHeader>({
  buffers: true,
  name: true,
  control: true,
  controlLength: true,
  flags: true,
});

export const RECVMSG: Call = call('recvmsg', 'fd', 'buffers', 'address', 'control', 'flags');

/**
 * Receives a message like `recvmsg` of sys-socket, but returns the number of bytes or -errno: recvmsg(2). The other
 * results are stored in `message`.
 *
 * @example
 * const [a, b] = Socket.pair();
 * const message = { buffers: [new Uint8Array(100)], control: new Uint8Array(CMSG_SPACE(4)), controlLength: 0 };
 * sendmsg(a.fd, { buffers: ['x'], control: [{ level: SOL_SOCKET, type: SCM_RIGHTS, fds: [0] }] });
 * console.log(recvmsg(b.fd, message)); // 1
 * const control = decodeControl(message.control, message.controlLength);
 * console.log(findControl(control, SOL_SOCKET, SCM_RIGHTS)?.fds.length); // 1
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export function recvmsg(fd: number, message: ReceiveHeader, flags = 0): number {
  onlyKnown(assertObject(message, 'message'), HEADER_NAMES, 'message');
  const list = buffers(ownProperty(message, 'buffers')!, 'buffers');
  const name = ownProperty(message, 'name');
  const nameBytes = name === undefined ? undefined : storageBytes(name, 'name');
  const control = ownProperty(message, 'control');
  prepare(message, 'controlLength', 0, 'message');
  prepare(message, 'flags', 0, 'message');
  const n = unlessRefused(native.recvmsg(fd, list, nameBytes, control, flags), RECVMSG);
  const nameLength = n < 0 ? 0 : out[OUT_NAME_LENGTH]!; // read before any assignment, which may run code of the program
  const controlLength = n < 0 ? 0 : out[OUT_CONTROL_LENGTH]!;
  const returned = n < 0 ? 0 : out[OUT_MSG_FLAGS]!;
  const arrived = n < 0 ? NONE : out[OUT_RECEIPT_HIGH]! * TWO_32 + (out[OUT_RECEIPT_LOW]! >>> 0);
  try {
    if (name !== undefined) name.length = nameLength;
    message.controlLength = controlLength;
    message.flags = returned;
    if (arrived !== NONE) native.handOverReceived(arrived);
  } catch (error) {
    if (arrived !== NONE) native.closeReceived(arrived, 1); // after an error, the caller does not look for them
    throw error;
  }
  return n;
}
