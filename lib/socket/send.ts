/** The operations of a Socket that send bytes. */

import { Buffer } from 'node:buffer';
import * as nothrow from '../nothrow.ts';
import { type AddressLike, encodeShared } from '../posix/address.ts';
import { type MessageBatch, sendmmsgNothrow } from '../posix/batch.ts';
import { SEND, SENDMSG, SENDTO } from '../posix/calls.ts';
import { AF_UNIX, MSG_OOB, SCM_RIGHTS, SOCK_DGRAM, SOL_SOCKET, SOL_UDP, UDP_SEGMENT } from '../posix/constants.ts';
import { type ControlMessage, encodeControl } from '../posix/control.ts';
import { invalidType, settle } from '../posix/errno.ts';
import { isArrayBuffer, isUint8Array } from '../posix/kind.ts';
import { type Bytes, native } from '../posix/native.ts';
import * as pinned from '../posix/pinned.ts';
import { answersAtOnce, type Operation } from './operation.ts';
import { WRITE } from './reactor.ts';

/** The Socket that an operation is of. */
export interface Owner {
  readonly fd: number;
  readonly family: number;
  readonly type: number;
}

function view(data: Bytes | string): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (isUint8Array(data)) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (isArrayBuffer(data)) return new Uint8Array(data);
  throw invalidType('data', 'an ArrayBufferView, an ArrayBuffer or a string');
}

/** Whether a full queue is one of the peer's, of which epoll tells nothing. */
export function sendsWithoutEvent({ family, type }: Owner, addressed: boolean): boolean {
  return family === AF_UNIX && type === SOCK_DGRAM && addressed;
}

/** Its facts are fields, not accessors: one function looks at the operations of all classes. */
abstract class Sending<T> implements Operation<T> {
  readonly owner: Owner;
  readonly fd: number;
  readonly kind: typeof WRITE = WRITE;
  readonly flags: number;
  readonly now: boolean;
  readonly drains: boolean = false;

  constructor(owner: Owner, flags: number, now: boolean = answersAtOnce(flags & ~MSG_OOB)) {
    this.owner = owner;
    this.fd = owner.fd;
    this.flags = flags;
    this.now = now;
  }

  get syscall(): string {
    return 'send';
  }
  abstract attempt(): number;
  abstract finish(n: number): T;
}

/** What sends bytes of one buffer. */
abstract class SendingData<T> extends Sending<T> {
  readonly data: Uint8Array;
  readonly length: number;

  constructor(owner: Owner, data: Bytes | string, flags: number, now?: boolean) {
    super(owner, flags, now);
    this.data = view(data);
    this.length = this.data.length;
  }

  /** The data. When its memory was transferred or shrunk while this waited, less would be sent, or nothing. */
  whole(): Uint8Array {
    if (this.data.length !== this.length) throw invalidType('data', 'attached until it is sent');
    return this.data;
  }
}

/** send(2). */
export class Send extends SendingData<number> {
  attempt(): number {
    return settle(pinned.send(this.fd, this.whole(), this.flags), SEND);
  }

  finish(n: number): number {
    return n;
  }
}

/** sendto(2). */
export class SendTo extends SendingData<number> {
  readonly name: Uint8Array;

  constructor(owner: Owner, data: Bytes | string, flags: number, address: AddressLike) {
    super(owner, data, flags);
    this.name = encodeShared(address);
  }

  override get syscall(): string {
    return 'sendto';
  }

  get eventless(): boolean {
    return sendsWithoutEvent(this.owner, true);
  }

  attempt(): number {
    return settle(pinned.sendto(this.fd, this.whole(), this.flags, this.name), SENDTO);
  }

  finish(n: number): number {
    return n;
  }
}

/** send(2), or sendmsg(2) with descriptors, until all of the data is taken. */
export class SendAll extends SendingData<void> {
  #sent = 0;
  /** Descriptors go with the first bytes that are taken, and only once. */
  #control: ControlMessage[] | undefined;

  constructor(owner: Owner, data: Bytes | string, flags: number, fds?: readonly number[]) {
    super(owner, data, flags, false); // it waits with any flag: what has been sent is sent
    this.#control =
      fds === undefined || fds.length === 0 ? undefined : [{ level: SOL_SOCKET, type: SCM_RIGHTS, fds: [...fds] }];
  }

  override get syscall(): string {
    return this.#control === undefined ? 'send' : 'sendmsg';
  }

  #send(rest: Uint8Array): number {
    return this.#control === undefined
      ? settle(pinned.send(this.fd, rest, this.flags), SEND)
      : nothrow.sendmsg(this.fd, { buffers: [rest], control: this.#control }, this.flags);
  }

  attempt(): number {
    const data = this.whole();
    do {
      const rest =
        this.#sent === 0 ? data : new Uint8Array(data.buffer, data.byteOffset + this.#sent, this.length - this.#sent);
      const n = this.#send(rest);
      if (n < 0) return n;
      this.#control = undefined;
      this.#sent += n;
    } while (this.#sent < this.length);
    return this.#sent;
  }

  finish(): void {}
}

/** The control data of the last size of segments. */
let segments: { size: number; control: Uint8Array } = { size: -1, control: new Uint8Array(0) };

function segmentControl(size: number): Uint8Array {
  if (size !== segments.size) {
    segments = { size, control: encodeControl([{ level: SOL_UDP, type: UDP_SEGMENT, value: size }]) };
  }
  return segments.control;
}

/** sendmsg(2) with UDP_SEGMENT. */
export class SendSegments extends SendingData<number> {
  readonly #control: Uint8Array;
  readonly name: Uint8Array | undefined;

  constructor(owner: Owner, data: Bytes | string, size: number, address: AddressLike | undefined) {
    super(owner, data, 0);
    this.#control = segmentControl(size);
    this.name = address === undefined ? undefined : encodeShared(address);
  }

  override get syscall(): string {
    return 'sendmsg';
  }

  attempt(): number {
    return settle(native.sendmsg(this.fd, [this.whole()], this.name, this.#control, this.flags), SENDMSG);
  }

  finish(n: number): number {
    return n;
  }
}

/** Whether a batch has a message with an address. */
function isAddressed(batch: MessageBatch): boolean {
  for (let i = 0; i < batch.count; i++) if (batch.name(i).length > 0) return true;
  return false;
}

/** sendmmsg(2), until all of the messages are sent. */
export class SendBatch extends Sending<number> {
  readonly #batch: MessageBatch;
  #sent = 0;

  constructor(owner: Owner, batch: MessageBatch, flags: number) {
    super(owner, flags);
    this.#batch = batch;
  }

  override get syscall(): string {
    return 'sendmmsg';
  }

  get eventless(): boolean {
    return sendsWithoutEvent(this.owner, true) && isAddressed(this.#batch);
  }

  attempt(): number {
    const batch = this.#batch;
    while (this.#sent < batch.count) {
      const n = sendmmsgNothrow(this.fd, batch, this.flags, this.#sent);
      if (n < 0) return n;
      this.#sent += n;
    }
    return this.#sent;
  }

  finish(n: number): number {
    return n;
  }
}
