/** Many datagrams by one system call: sendmmsg(2) and recvmmsg(2) over storage that is made once and used again. */

import { Buffer } from 'node:buffer';
import { decodeAddress, encodeAddress } from './address.ts';
import type { Address, AddressLike } from './address-type.ts';
import { NONE, RECEIPT_HIGH, RECEIPT_LOW, TWO_32 } from './arrived.ts';
import { RECVMMSG, SENDMMSG } from './calls.ts';
import { decodeControl, findSegmentSize } from './control.ts';
import type { ControlMessage } from './control-message.ts';
import { check, invalidType, outOfRange, settle } from './errno.ts';
import { namesOf as declareNames, onlyKnown } from './known-names.ts';
import { layout, native, out } from './native.ts';
import { integer } from './number.ts';
import { attached, bytes, object, own, ownOr } from './snapshot.ts';
import { controlBytes, type SendMessage } from './transfer.ts';

const NAME_SIZE = layout('sockaddr_storage');
/** UIO_MAXIOV: the kernel takes no more messages by one call. */
const MOST_MESSAGES = 1024;

/** The fields of one message in the header array: struct Header of native/batch.cc. */
const LENGTH = 0;
const NAME_LENGTH = 1;
const CONTROL_LENGTH = 2;
const FLAGS = 3;
const FIELDS = 4;

/**
 * The size of a MessageBatch.
 *
 * @see https://man7.org/linux/man-pages/man2/sendmmsg.2.html
 */
export interface MessageBatchOptions {
  /** How many messages it holds: 1 to 1024. */
  messages: number;
  /** Bytes of data for each message: 0 to 2147483647 in all. */
  size: number;
  /** Bytes of control data for each message, a sum of `CMSG_SPACE`. None by default. */
  controlLength?: number | undefined;
}

const NAMES = declareNames<MessageBatchOptions>({ messages: true, size: true, controlLength: true });

/** What the collector of garbage needs to close descriptors that nobody took. */
interface Storage {
  headers: Int32Array;
  control: Buffer;
  view: DataView;
  controlLength: number;
  /** How many messages were received last. */
  received: number;
  /** The receipt of the descriptors of the first of them: see arrived.ts. */
  receipt: number;
}

function closeUntaken(storage: Storage): void {
  const { headers, received } = storage;
  if (storage.receipt !== NONE) native.closeReceived(storage.receipt, received);
  for (let i = 0; i < received; i++) headers[i * FIELDS + CONTROL_LENGTH] = 0; // their numbers are those of others from now on
  storage.received = 0;
  storage.receipt = NONE;
}

const abandoned = new FinalizationRegistry<Storage>(closeUntaken);

let isBatch: (batch: unknown) => boolean;
let storageOf: (batch: MessageBatch) => Storage;
let namesOf: (batch: MessageBatch) => Uint8Array;

/**
 * Storage for many messages: one slab of data, one of addresses, one of control data, made once.
 *
 * To send, `push` the messages and call `sendmmsg`; to receive, call `recvmmsg` and look at messages 0 to `count` - 1.
 * Nothing is allocated per message unless a view (`bytes`), an address or control messages are asked for.
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
  /** How many messages it holds. */
  readonly capacity: number;
  /** Bytes of data for each message. */
  readonly size: number;
  /** Bytes of control data for each message. */
  readonly controlLength: number;
  /** The data of all messages: message i begins at `i * size`. */
  readonly data: Buffer;
  /** How many messages it has: pushed, or received last. */
  count = 0;

  readonly #storage: Storage;
  readonly #names: Buffer;

  static {
    isBatch = (batch) => typeof batch === 'object' && batch !== null && #storage in batch;
    storageOf = (batch) => batch.#storage;
    namesOf = (batch) => batch.#names;
  }

  constructor(options: MessageBatchOptions) {
    onlyKnown(object(options, 'options'), NAMES, 'options');
    this.capacity = integer(own(options, 'messages'), 'messages', 1, MOST_MESSAGES);
    this.size = integer(own(options, 'size'), 'size', 0, Math.floor(0x7fffffff / this.capacity));
    this.controlLength = integer(
      ownOr(options, 'controlLength', 0),
      'controlLength',
      0,
      Math.floor(0x7fffffff / this.capacity),
    );
    this.data = Buffer.from(new ArrayBuffer(this.capacity * this.size));
    this.#names = Buffer.from(new ArrayBuffer(this.capacity * NAME_SIZE));
    const control = Buffer.from(new ArrayBuffer(this.capacity * this.controlLength));
    this.#storage = {
      headers: new Int32Array(this.capacity * FIELDS),
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
   * Adds a message to send, copied into the storage.
   *
   * @param data Bytes, or a string that is sent as UTF-8.
   * @param address Where to, for a socket without a peer.
   * @param control Control messages, or their bytes.
   * @returns Its index.
   * @throws RangeError when the batch is full, or the message is larger than its place.
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
    if (this.data.length !== this.capacity * this.size || this.#names.length !== this.capacity * NAME_SIZE) {
      throw outOfRange('batch', 'attached and of the exact size');
    }
    closeUntaken(this.#storage);
    this.data.set(message, i * this.size);
    if (name !== undefined) this.#names.set(name, i * NAME_SIZE);
    if (extra !== undefined) this.#storage.control.set(extra, i * this.controlLength);
    const { headers } = this.#storage;
    headers[i * FIELDS + LENGTH] = message.length;
    headers[i * FIELDS + NAME_LENGTH] = name?.length ?? 0;
    headers[i * FIELDS + CONTROL_LENGTH] = extra?.length ?? 0;
    headers[i * FIELDS + FLAGS] = 0;
    this.count = i + 1;
    return i;
  }

  /** Forgets all messages. Received descriptors that nobody took are closed. */
  clear(): void {
    closeUntaken(this.#storage);
    this.count = 0;
  }

  /** The length of message i as the kernel told it: with MSG_TRUNC it can exceed `size`. */
  length(i: number): number {
    return this.#storage.headers[this.#index(i) * FIELDS + LENGTH]!;
  }

  /** The data of message i: a view, valid until the storage is filled again. */
  bytes(i: number): Buffer {
    const start = this.#index(i) * this.size;
    const { data } = this;
    return Buffer.from(data.buffer, data.byteOffset + start, Math.min(this.length(i), this.size));
  }

  /**
   * The size of the datagrams that message i was joined of (UDP_GRO, generic receive offload); its length when it is one
   * datagram. All have this size, the last perhaps less. Ask for it with `controlLength: CMSG_SPACE(4)`, the option UDP_GRO
   * set, and a `size` of 65535.
   *
   * @param i A message.
   * @see https://man7.org/linux/man-pages/man7/udp.7.html
   */
  segmentSize(i: number): number {
    const start = this.#index(i) * this.controlLength;
    const length = this.#storage.headers[i * FIELDS + CONTROL_LENGTH]!;
    if (length === 0) return this.length(i);
    const { view, controlLength } = this.#storage;
    return findSegmentSize(view, start, Math.min(length, controlLength)) || this.length(i);
  }

  /**
   * The datagrams that message i was joined of (UDP_GRO): views, valid until the storage is filled again.
   *
   * @param i A message.
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

  /** The flags of message i as the kernel set them: MSG_TRUNC, MSG_CTRUNC, MSG_EOR. */
  flags(i: number): number {
    return this.#storage.headers[this.#index(i) * FIELDS + FLAGS]!;
  }

  /** The address of message i; `undefined` when the kernel gave none. */
  address(i: number): Address | undefined {
    const start = this.#index(i) * NAME_SIZE;
    const length = this.#storage.headers[i * FIELDS + NAME_LENGTH]!;
    return decodeAddress(this.#names.subarray(start, start + NAME_SIZE), length);
  }

  /** The encoded address of message i: a view, valid until the storage is filled again. An answer can be sent to it. */
  name(i: number): Uint8Array {
    const start = this.#index(i) * NAME_SIZE;
    return this.#names.subarray(start, start + Math.min(this.#storage.headers[i * FIELDS + NAME_LENGTH]!, NAME_SIZE));
  }

  /**
   * The control messages of message i. From the first call on, the descriptors among them are yours to close; those
   * that nobody asked for are closed when the storage is filled again, cleared, disposed or collected.
   */
  control(i: number): ControlMessage[] {
    const storage = this.#storage;
    const start = this.#index(i) * this.controlLength;
    const messages = decodeControl(
      storage.control.subarray(start, start + this.controlLength),
      storage.headers[i * FIELDS + CONTROL_LENGTH]!,
    );
    if (storage.receipt !== NONE) native.handOverReceived(storage.receipt + i);
    return messages;
  }

  /** The same as `clear`. */
  [Symbol.dispose](): void {
    this.clear();
  }
}

/** The storage of a batch, and nothing else: the native code is never given another size. */
export function checked(batch: MessageBatch): MessageBatch {
  if (!isBatch(batch)) throw invalidType('batch', 'a MessageBatch');
  return batch;
}

function sendBatch(fd: number, batch: MessageBatch, flags: number, first: number): number {
  const { headers, control } = storageOf(checked(batch));
  if (typeof first !== 'number') throw invalidType('first', 'a number');
  const count = batch.count - first;
  return native.sendmmsg(
    fd,
    headers,
    batch.data,
    namesOf(batch),
    control,
    batch.size,
    batch.controlLength,
    first,
    count,
    flags,
  );
}

function receiveBatch(fd: number, batch: MessageBatch, flags: number, timeout: bigint | undefined): number {
  const storage = storageOf(checked(batch));
  if (timeout !== undefined && typeof timeout !== 'bigint') throw invalidType('timeout', 'a bigint');
  closeUntaken(storage);
  const { data, size: dataSize, controlLength } = batch;
  const names = namesOf(batch);
  const { headers, control } = storage;
  const n =
    timeout === undefined
      ? native.recvmmsg(fd, headers, data, names, control, dataSize, controlLength, flags)
      : native.recvmmsg(
          fd,
          headers,
          data,
          names,
          control,
          dataSize,
          controlLength,
          flags,
          timeout / 1_000_000_000n,
          Number(timeout % 1_000_000_000n),
        );
  if (n > 0) {
    storage.receipt = out[RECEIPT_HIGH]! * TWO_32 + (out[RECEIPT_LOW]! >>> 0);
    storage.received = n;
  }
  batch.count = storage.received;
  return n;
}

/**
 * Sends the messages of a batch by one system call: sendmmsg(2).
 *
 * @param fd A socket.
 * @param batch Messages that were pushed. They stay, to be sent again or cleared.
 * @param flags MSG_ flags, passed on as they are.
 * @param first The message to begin with: after a partial send, go on with `first + sent`.
 * @returns How many messages were sent; an error of a later message is reported by the next call.
 * @throws SocketError As `sendmsg`, of the first message.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_DGRAM);
 * const batch = new MessageBatch({ messages: 2, size: 100 });
 * batch.push('one');
 * batch.push('two');
 * console.log(sendmmsg(a, batch)); // 2
 * @see https://man7.org/linux/man-pages/man2/sendmmsg.2.html
 */
export function sendmmsg(fd: number, batch: MessageBatch, flags = 0, first = 0): number {
  return check(sendBatch(fd, batch, flags, first), SENDMMSG);
}

/**
 * Receives into a batch by one system call: recvmmsg(2).
 *
 * @param fd A socket. When it blocks, this waits until the batch is full: give MSG_WAITFORONE to wait for one message.
 * @param batch The storage; its messages are replaced, and `count` is how many came.
 * @param flags MSG_ flags, passed on as they are; MSG_CMSG_CLOEXEC is always added.
 * @param timeout Nanoseconds. The kernel looks at it only after each message (see BUGS in the man page).
 * @returns How many messages came.
 * @throws SocketError As `recvmsg`.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_DGRAM);
 * send(a, 'hello');
 * const batch = new MessageBatch({ messages: 64, size: 2048 });
 * console.log(recvmmsg(b, batch, MSG_WAITFORONE), String(batch.bytes(0))); // 1 hello
 * @see https://man7.org/linux/man-pages/man2/recvmmsg.2.html
 */
export function recvmmsg(fd: number, batch: MessageBatch, flags = 0, timeout?: bigint): number {
  return check(receiveBatch(fd, batch, flags, timeout), RECVMMSG);
}

/**
 * sendmmsg(2): how many messages were sent, or -errno. As `sendmmsg`.
 *
 * @example
 * const sv = [-1, -1];
 * socketpair(AF_UNIX, SOCK_DGRAM, 0, sv);
 * const batch = new MessageBatch({ messages: 2, size: 100 });
 * batch.push('one');
 * console.log(sendmmsg(sv[0], batch)); // 1
 * @see https://man7.org/linux/man-pages/man2/sendmmsg.2.html
 */
export function sendmmsgNothrow(fd: number, batch: MessageBatch, flags = 0, first = 0): number {
  return settle(sendBatch(fd, batch, flags, first), SENDMMSG);
}

/**
 * recvmmsg(2): how many messages came, or -errno. As `recvmmsg`.
 *
 * @example
 * const sv = [-1, -1];
 * socketpair(AF_UNIX, SOCK_DGRAM, 0, sv);
 * const batch = new MessageBatch({ messages: 64, size: 2048 });
 * console.log(recvmmsg(sv[0], batch, MSG_DONTWAIT) === -EAGAIN); // true
 * @see https://man7.org/linux/man-pages/man2/recvmmsg.2.html
 */
export function recvmmsgNothrow(fd: number, batch: MessageBatch, flags = 0, timeout?: bigint): number {
  return settle(receiveBatch(fd, batch, flags, timeout), RECVMMSG);
}
