/** The operations of a Socket that send bytes. */

import { Buffer } from 'node:buffer';
import { encodeShared } from '../posix/address.ts';
import type { AddressLike } from '../posix/address-type.ts';
import { checked, type MessageBatch, sendmmsgNothrow } from '../posix/batch.ts';
import { SEND, SENDMSG, SENDTO } from '../posix/calls.ts';
import {
  AF_UNIX,
  EAGAIN,
  EINPROGRESS,
  EINTR,
  MSG_FASTOPEN,
  MSG_OOB,
  SCM_RIGHTS,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  SOL_UDP,
  UDP_SEGMENT,
} from '../posix/constants.ts';
import { encodeControl } from '../posix/control.ts';
import type { ControlInput } from '../posix/control-message.ts';
import { invalidType, isErrnoResult, settle } from '../posix/errno.ts';
import { isArrayBuffer, isUint8Array, isView, onSameMemory } from '../posix/kind.ts';
import { type Bytes, native } from '../posix/native.ts';
import * as pinned from '../posix/pinned.ts';
import { sendChecked } from '../posix/transfer.ts';
import { isSpent, MESSAGE, MOST, spend } from './budget.ts';
import { flagsOf, Operation, type Owner, type Patience, patience, run, WAITS } from './operation.ts';
import { NONE, type WaitOptions } from './options.ts';
import { resumeLater } from './reactor.ts';
import { type Readiness, WRITE } from './readiness.ts';

function view(data: Bytes | string): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (isUint8Array(data)) return data;
  if (isView(data) || isArrayBuffer(data)) return onSameMemory(data);
  throw invalidType('data', 'an ArrayBufferView, an ArrayBuffer or a string');
}

/** Whether a full queue is one of the peer's, of which epoll tells nothing. */
export function sendsWithoutEvent({ family, type }: Owner, addressed: boolean): boolean {
  return family === AF_UNIX && type === SOCK_DGRAM && addressed;
}

/**
 * The flags of sending. MSG_OOB is urgent for the peer, not here: it waits in order.
 *
 * EINPROGRESS comes of MSG_FASTOPEN (or TCP_FASTOPEN_CONNECT) without a cookie: the connection was begun, and nothing sent.
 * It is waited for, and the data sent then, as with a descriptor that blocks.
 */
abstract class Sending<T> extends Operation<T> {
  flags: number;
  #connecting = false;

  constructor(owner: Owner, target: Readiness, flags: number, when: Patience = patience(flagsOf(flags) & ~MSG_OOB)) {
    super(owner, target, WRITE, when);
    this.flags = flags;
  }

  /** Sends once, without an address where the connection is under way: n or -errno. */
  protected abstract send(connecting: boolean): number;

  call(): number {
    const n = this.send(this.#connecting);
    if (n !== -EINPROGRESS || this.patience !== WAITS) return n;
    this.#connecting = true;
    this.flags &= ~MSG_FASTOPEN;
    return -EAGAIN;
  }

  override get unfinished(): number {
    return this.#connecting ? -EINPROGRESS : -EAGAIN;
  }
}

/** What sends bytes of one buffer. */
abstract class SendingData<T> extends Sending<T> {
  readonly data: Uint8Array;
  readonly length: number;

  constructor(owner: Owner, target: Readiness, data: Bytes | string, flags: number, when?: Patience) {
    const bytes = view(data);
    super(owner, target, flags, when ?? patience(flagsOf(flags) & ~MSG_OOB, bytes.length));
    this.data = bytes;
    this.length = bytes.length;
  }

  /** The data. When its memory was transferred or shrunk while this waited, less would be sent, or nothing. */
  whole(): Uint8Array {
    if (this.data.length !== this.length) throw invalidType('data', 'attached until it is sent');
    return this.data;
  }
}

/** send(2). */
export class Send extends SendingData<number> {
  override get syscall(): string {
    return 'send';
  }

  protected send(): number {
    return settle(pinned.send(this.fd, this.whole(), this.flags), SEND);
  }

  finish(n: number): number {
    return n;
  }
}

/** sendto(2). */
export class SendTo extends SendingData<number> {
  override get syscall(): string {
    return 'sendto';
  }
  readonly #name: Uint8Array;

  constructor(owner: Owner, target: Readiness, data: Bytes | string, flags: number, address: AddressLike) {
    super(owner, target, data, flags);
    this.#name = encodeShared(address);
    this.eventless = sendsWithoutEvent(owner, true);
  }

  override get name(): Uint8Array {
    return this.#name;
  }

  protected send(connecting: boolean): number {
    if (connecting) return settle(pinned.send(this.fd, this.whole(), this.flags), SEND);
    return settle(pinned.sendto(this.fd, this.whole(), this.flags, this.#name), SENDTO);
  }

  finish(n: number): number {
    return n;
  }
}

/** send(2), or sendmsg(2) with descriptors, until all of the data is taken. */
export class SendAll extends SendingData<void> {
  readonly #withFds: boolean;
  #sent: number;
  /** Descriptors go with the first bytes that are taken, and only once. */
  #control: ControlInput[] | undefined;

  constructor(
    owner: Owner,
    target: Readiness,
    data: Bytes | string,
    flags: number,
    fds?: readonly number[],
    sent: number = 0,
  ) {
    super(owner, target, data, flags, WAITS); // it waits with any flag: what has been sent is sent
    this.#sent = sent;
    if (fds !== undefined && !Array.isArray(fds)) throw invalidType('fds', 'an array of descriptors');
    this.#control =
      fds === undefined || fds.length === 0 ? undefined : [{ level: SOL_SOCKET, type: SCM_RIGHTS, fds: [...fds] }];
    this.#withFds = this.#control !== undefined;
  }

  override get syscall(): string {
    return this.#withFds ? 'sendmsg' : 'send';
  }

  override get sent(): number {
    return this.#sent;
  }

  /** A stream takes what it is given in parts, so that no call takes long; a message is sent whole. */
  #next(): Uint8Array {
    const { data, length } = this;
    const sent = this.#sent;
    const part = length - sent <= MOST || this.owner.type !== SOCK_STREAM ? length - sent : MOST;
    return part === length ? data : new Uint8Array(data.buffer, data.byteOffset + sent, part);
  }

  protected send(): number {
    this.whole();
    const next = this.#next();
    return this.#control === undefined
      ? settle(pinned.send(this.fd, next, this.flags), SEND)
      : settle(sendChecked(this.fd, { buffers: [next], control: this.#control }, this.flags), SENDMSG);
  }

  override call(): number {
    for (;;) {
      const n = super.call();
      if (n < 0) return n;
      this.#control = undefined;
      this.#sent += n;
      if (this.#sent >= this.length) return n;
      if (this.sync) continue;
      spend(this.target, n);
      if (isSpent(this.target)) {
        resumeLater(this.target);
        return -EAGAIN;
      }
    }
  }

  finish(): void {}
}

const DONE: Promise<void> = Promise.resolve();

/** send(2) until all of the data is taken. What one call takes at once needs no operation, and no promise of its own. */
export function sendAll(
  owner: Owner,
  target: Readiness,
  data: Bytes | string,
  flags: number,
  options: WaitOptions,
): Promise<void> {
  if (options !== NONE || flags !== 0 || !isUint8Array(data) || target.heads[WRITE] !== undefined || isSpent(target)) {
    return run(new SendAll(owner, target, data, flags), options);
  }
  const { length } = data;
  if (length > MOST) return run(new SendAll(owner, target, data, flags), options);
  const n = pinned.send(target.fd, data, 0);
  spend(target, Math.max(n, 0)); // what fails counts, too: a loop over it leaves the others their turn
  if (n === length) return DONE;
  const operation = new SendAll(owner, target, data, flags, undefined, Math.max(n, 0));
  // What the call said is said once: an error of the connection is gone when it was told.
  if (n >= 0 || n === -EAGAIN || n === -EINTR || n === -EINPROGRESS || !isErrnoResult(n))
    return run(operation, options);
  return Promise.reject(operation.failure(n));
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
  override get syscall(): string {
    return 'sendmsg';
  }
  readonly #control: Uint8Array;
  readonly #name: Uint8Array | undefined;

  constructor(owner: Owner, target: Readiness, data: Bytes | string, size: number, address: AddressLike | undefined) {
    super(owner, target, data, 0);
    this.#control = segmentControl(size);
    this.#name = address === undefined ? undefined : encodeShared(address);
  }

  override get name(): Uint8Array | undefined {
    return this.#name;
  }

  protected send(): number {
    return settle(native.sendmsg(this.fd, [this.whole()], this.#name, this.#control, this.flags), SENDMSG);
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
  override get syscall(): string {
    return 'sendmmsg';
  }
  readonly #batch: MessageBatch;
  #sent = 0;

  constructor(owner: Owner, target: Readiness, batch: MessageBatch, flags: number) {
    super(owner, target, flags);
    this.#batch = checked(batch);
    this.eventless = sendsWithoutEvent(owner, true) && isAddressed(batch);
  }

  override get sent(): number {
    return this.#sent;
  }

  protected send(): number {
    return sendmmsgNothrow(this.fd, this.#batch, this.flags, this.#sent);
  }

  override call(): number {
    const batch = this.#batch;
    while (this.#sent < batch.count) {
      const n = super.call();
      if (n < 0) return n;
      this.#sent += n;
      if (this.sync) continue;
      spend(this.target, n * MESSAGE);
      if (this.#sent < batch.count && isSpent(this.target)) {
        resumeLater(this.target);
        return -EAGAIN;
      }
    }
    return this.#sent;
  }

  override weight(): number {
    return 0;
  }

  finish(): number {
    return this.#sent;
  }
}
