/** Storage for many messages, which sendmmsg(2) and recvmmsg(2) use repeatedly. */

import { Buffer } from 'node:buffer';
import { invalidType, outOfRange } from '../argument/argument-error.ts';
import { namesOf as declareNames, onlyKnown } from '../argument/known-names.ts';
import { integer } from '../argument/number.ts';
import { assertObject, attached, bytes, ownProperty, ownPropertyOr } from '../argument/snapshot.ts';
import * as contract from '../native/contract.ts';
import { MAX_VECTOR } from '../native/contract.ts';
import { native } from '../native/native.ts';
import { decodeAddress, encodeAddress, SOCKADDR_STORAGE } from '../struct/address.ts';
import type { Address, AddressLike } from '../struct/address-type.ts';
import { decodeControl, findSegmentSize } from '../struct/control.ts';
import type { ControlMessage } from '../struct/control-message.ts';
import { NONE } from './arrived.ts';
import { controlBytes, type SendMessage } from './message.ts';

// Constants of this module: see pinned.ts.
const { HEADER_CONTROL_LENGTH, HEADER_FIELDS, HEADER_FLAGS, HEADER_LENGTH, HEADER_NAME_LENGTH } = contract;
const NAME_SIZE = SOCKADDR_STORAGE;

/**
 * The size of a MessageBatch.
 *
 * @see https://man7.org/linux/man-pages/man2/sendmmsg.2.html
 */
export interface MessageBatchOptions {
  /** How many messages the batch can hold: 1 to 1024. */
  messages: number;
  /** The number of bytes of data for each message. All messages together can have 0 to 2147483647 bytes. */
  size: number;
  /** The number of bytes of control data for each message, a sum of `CMSG_SPACE`. The default is 0. */
  controlLength?: number | undefined;
}

const NAMES = declareNames<MessageBatchOptions>({ messages: true, size: true, controlLength: true });

/** What the finalizer needs to close the file descriptors that the program did not take, after garbage collection. */
export interface Storage {
  headers: Int32Array;
  names: Buffer;
  control: Buffer;
  view: DataView;
  controlLength: number;
  /** How many messages the last call received. */
  received: number;
  /** The receipt for the file descriptors of the first of these messages: see arrived.ts. */
  receipt: number;
}

/** Closes the file descriptors of the last call that the program did not take. */
export function closeUntaken(storage: Storage): void {
  const { headers, received } = storage;
  if (storage.receipt !== NONE) native.closeReceived(storage.receipt, received);
  for (let i = 0; i < received; i++) headers[i * HEADER_FIELDS + HEADER_CONTROL_LENGTH] = 0; // from now on, others can have these numbers
  storage.received = 0;
  storage.receipt = NONE;
}

const abandoned = new FinalizationRegistry<Storage>(closeUntaken);

let find: (batch: unknown) => Storage | undefined;

/**
 * Storage for many messages. It allocates one block of data, one of addresses and one of control data, and reuses them.
 *
 * To send, add messages with `push` and call `sendmmsg`. To receive, call `recvmmsg` and read messages 0 to `count` - 1.
 * Nothing is allocated per message unless the program asks for a view (`bytes`), an address or control messages.
 *
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_DGRAM);
 * const batch = new MessageBatch({ messages: 64, size: 2048 });
 * for (const text of ['one', 'two']) batch.push(text);
 * sendmmsg(a, batch);
 * recvmmsg(b, batch, MSG_WAITFORONE);
 * for (let i = 0; i < batch.count; i++) console.log(i, String(batch.bytes(i)));
 * // 0 one
 * // 1 two
 * @see https://man7.org/linux/man-pages/man2/recvmmsg.2.html
 */
export class MessageBatch {
  /** How many messages the batch can hold. */
  readonly capacity: number;
  /** The number of bytes of data for each message. */
  readonly size: number;
  /** The number of bytes of control data for each message. */
  readonly controlLength: number;
  /** The data of all messages: message i begins at `i * size`. */
  readonly data: Buffer;
  /** How many messages the batch contains: those that were pushed, or those that the last call received. */
  count = 0;

  readonly #storage: Storage;

  static {
    find = (batch) => (typeof batch === 'object' && batch !== null && #storage in batch ? batch.#storage : undefined);
  }

  constructor(options: MessageBatchOptions) {
    onlyKnown(assertObject(options, 'options'), NAMES, 'options');
    this.capacity = integer(ownProperty(options, 'messages'), 'messages', 1, MAX_VECTOR);
    this.size = integer(ownProperty(options, 'size'), 'size', 0, Math.floor(0x7fffffff / this.capacity));
    this.controlLength = integer(
      ownPropertyOr(options, 'controlLength', 0),
      'controlLength',
      0,
      Math.floor(0x7fffffff / this.capacity),
    );
    this.data = Buffer.from(new ArrayBuffer(this.capacity * this.size));
    const names = Buffer.from(new ArrayBuffer(this.capacity * NAME_SIZE));
    const control = Buffer.from(new ArrayBuffer(this.capacity * this.controlLength));
    this.#storage = {
      headers: new Int32Array(this.capacity * HEADER_FIELDS),
      names,
      control,
      view: new DataView(control.buffer),
      controlLength: this.controlLength,
      received: 0,
      receipt: NONE,
    };
    if (this.controlLength > 0) abandoned.register(this, this.#storage, this);
  }

  #index(i: number): number {
    return integer(i, 'index', 0, this.capacity - 1);
  }

  /**
   * Adds a message to send. It is copied into the storage.
   *
   * @param data Bytes, or a string that is sent as UTF-8.
   * @param address The destination, for a socket without a peer.
   * @param control Control messages, or their bytes.
   * @returns The index of the message.
   * @throws RangeError when the batch is full, or when the message is larger than the room for it.
   */
  push(data: Uint8Array | string, address?: AddressLike, control?: SendMessage['control']): number {
    const message = bytes(data) as Uint8Array;
    attached(message, 'data', 'a Uint8Array or a string');
    const name = address === undefined ? undefined : attached(encodeAddress(address), 'address');
    const extra = controlBytes(control);
    if (extra !== undefined) attached(extra, 'control');
    const i = this.count;
    if (!(i < this.capacity)) throw outOfRange('batch', `filled with at most ${this.capacity} messages`);
    if (message.length > this.size) throw outOfRange('data', `at most ${this.size} bytes long`);
    if (name !== undefined && name.length > NAME_SIZE) throw outOfRange('address', `at most ${NAME_SIZE} bytes long`);
    if (extra !== undefined && extra.length > this.controlLength) {
      throw outOfRange('control', `at most ${this.controlLength} bytes long`);
    }
    if (
      this.data.byteLength !== this.capacity * this.size ||
      this.#storage.names.byteLength !== this.capacity * NAME_SIZE
    ) {
      throw outOfRange('batch', 'attached and of the exact size');
    }
    closeUntaken(this.#storage);
    const { headers, names, control: room } = this.#storage;
    this.data.set(message, i * this.size);
    if (name !== undefined) names.set(name, i * NAME_SIZE);
    if (extra !== undefined) room.set(extra, i * this.controlLength);
    headers[i * HEADER_FIELDS + HEADER_LENGTH] = message.length;
    headers[i * HEADER_FIELDS + HEADER_NAME_LENGTH] = name?.length ?? 0;
    headers[i * HEADER_FIELDS + HEADER_CONTROL_LENGTH] = extra?.length ?? 0;
    headers[i * HEADER_FIELDS + HEADER_FLAGS] = 0;
    this.count = i + 1;
    return i;
  }

  /** Removes all messages. It closes the received file descriptors that the program did not take. */
  clear(): void {
    closeUntaken(this.#storage);
    this.count = 0;
  }

  /** Returns the length of message i as the kernel reported it. With MSG_TRUNC it can exceed `size`. */
  length(i: number): number {
    return this.#storage.headers[this.#index(i) * HEADER_FIELDS + HEADER_LENGTH]!;
  }

  /** Returns the data of message i as a view, which is valid until the storage is filled again. */
  bytes(i: number): Buffer {
    const start = this.#index(i) * this.size;
    const { data } = this;
    return Buffer.from(data.buffer, data.byteOffset + start, Math.min(this.length(i), this.size));
  }

  /**
   * Returns the size of the datagrams that the kernel joined into message i (UDP_GRO, generic receive offload), or the length
   * of the message when it is a single datagram. All the datagrams have this size, but the last one can be shorter. This needs
   * `controlLength: CMSG_SPACE(4)`, the option UDP_GRO on the socket, and a `size` of 65535.
   *
   * @param i The index of a message.
   * @see https://man7.org/linux/man-pages/man7/udp.7.html
   */
  segmentSize(i: number): number {
    const start = this.#index(i) * this.controlLength;
    const length = this.#storage.headers[i * HEADER_FIELDS + HEADER_CONTROL_LENGTH]!;
    if (length === 0) return this.length(i);
    const { view, controlLength } = this.#storage;
    return findSegmentSize(view, start, Math.min(length, controlLength)) || this.length(i);
  }

  /**
   * Returns the datagrams that the kernel joined into message i (UDP_GRO) as views, which are valid until the storage is filled
   * again.
   *
   * @param i The index of a message.
   * @example
   * const fd = socket(AF_INET, SOCK_DGRAM);
   * bind(fd, { family: AF_INET, address: '127.0.0.1', port: 0 });
   * setsockopt(fd, SOL_UDP, UDP_GRO, true);
   * const control = [{ level: SOL_UDP, type: UDP_SEGMENT, value: 4 }]; // sent as four datagrams, received as one message
   * sendmsg(fd, { buffers: ['one two three'], address: getsockname(fd), control });
   * const batch = new MessageBatch({ messages: 8, size: 65536, controlLength: CMSG_SPACE(4) });
   * recvmmsg(fd, batch, MSG_WAITFORONE);
   * for (const datagram of batch.segments(0)) console.log(datagram.length);
   * // 4
   * // 4
   * // 4
   * // 1
   */
  segments(i: number): Buffer[] {
    const size = this.segmentSize(i);
    const { buffer, byteOffset } = this.data;
    const start = byteOffset + i * this.size;
    const end = start + Math.min(this.length(i), this.size);
    const segments: Buffer[] = [];
    let at = start;
    do {
      segments.push(Buffer.from(buffer, at, Math.min(size, end - at)));
      at += size;
    } while (at < end);
    return segments;
  }

  /** Returns the flags of message i as the kernel set them: MSG_TRUNC, MSG_CTRUNC, MSG_EOR. */
  flags(i: number): number {
    return this.#storage.headers[this.#index(i) * HEADER_FIELDS + HEADER_FLAGS]!;
  }

  /** Returns the address of message i, or `undefined` when the kernel reported none. */
  address(i: number): Address | undefined {
    const start = this.#index(i) * NAME_SIZE;
    const { headers, names } = this.#storage;
    return decodeAddress(names.subarray(start, start + NAME_SIZE), headers[i * HEADER_FIELDS + HEADER_NAME_LENGTH]!);
  }

  /** Returns the encoded address of message i as a view, which is valid until the storage is filled again. A reply can be sent to it. */
  name(i: number): Uint8Array {
    const start = this.#index(i) * NAME_SIZE;
    const { headers, names } = this.#storage;
    return names.subarray(start, start + Math.min(headers[i * HEADER_FIELDS + HEADER_NAME_LENGTH]!, NAME_SIZE));
  }

  /**
   * Returns the control messages of message i. From the first call on, the program must close the file descriptors in them.
   * File descriptors that the program never asked for are closed when the storage is filled again, cleared, disposed or
   * garbage-collected.
   */
  control(i: number): ControlMessage[] {
    const storage = this.#storage;
    const start = this.#index(i) * this.controlLength;
    const messages = decodeControl(
      storage.control.subarray(start, start + this.controlLength),
      storage.headers[i * HEADER_FIELDS + HEADER_CONTROL_LENGTH]!,
    );
    if (storage.receipt !== NONE) native.handOverReceived(storage.receipt + i);
    return messages;
  }

  /** Does the same as `clear`. */
  [Symbol.dispose](): void {
    this.clear();
  }
}

/** Returns the storage of a batch. It throws for anything else, so that the native code never gets storage of another size. */
export function storageOf(batch: MessageBatch): Storage {
  const storage = find(batch);
  if (storage === undefined) throw invalidType('batch', 'a MessageBatch');
  return storage;
}

/** Throws unless the argument is a MessageBatch. */
export function checked(batch: MessageBatch): MessageBatch {
  storageOf(batch);
  return batch;
}
