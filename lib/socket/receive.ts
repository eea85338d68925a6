/** The operations of a Socket that read into memory of the library, or of the user. */
import { SockaddrStorage } from '../posix/address.ts';
import type { Address } from '../posix/address-type.ts';
import { MessageBatch, recvmmsgNothrow } from '../posix/batch.ts';
import { RECV, RECVFROM } from '../posix/calls.ts';
import { MSG_PEEK, MSG_WAITALL, SOCK_STREAM } from '../posix/constants.ts';
import { invalidType, settle } from '../posix/errno.ts';
import { byteLengthOf, isView } from '../posix/kind.ts';
import { type Bytes, out } from '../posix/native.ts';
import { count } from '../posix/number.ts';
import * as pinned from '../posix/pinned.ts';
import { MESSAGE } from './budget.ts';
import { flagsOf, Operation, type Owner, patience, WAITS } from './operation.ts';
import { READ, type Readiness } from './readiness.ts';
import { CHUNK, receive, received, room, take } from './received.ts';

/**
 * A datagram that was received.
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export interface Datagram<Sender extends Address | undefined = Address | undefined> {
  data: Buffer;
  /** The sender; `undefined` when the kernel gave none (a connected stream, an unbound AF_UNIX sender). */
  address: Sender;
}

/** The buffer and the owner of an operation that is done. */
const NO_BUFFER = new Uint8Array(0);
const NO_OWNER: Owner = { fd: -1, family: -1, type: -1 };

const from = new SockaddrStorage();

/** The length of a buffer; 0 of what is none, which the call refuses. */
export const lengthOf = (buffer: Bytes): number => byteLengthOf(buffer) ?? 0;

/** Reads of more bytes than this are taken out of their room without a copy, where they fill it. */
const BULK = 8192;

abstract class Reading<T> extends Operation<T> {
  readonly flags: number;

  constructor(owner: Owner, target: Readiness, flags: number, length: number) {
    super(owner, target, READ, patience(flags, length));
    this.flags = flags;
  }

  /** It is used again, without flags: to make one costs more than the rest of a read that waits. */
  protected renew(owner: Owner, length: number): void {
    this.patience = patience(0, length);
    this.owner = owner;
    this.target.spare = undefined;
  }

  /** Keeps nothing that the program has. */
  protected abstract forget(): void;

  override retire(): void {
    if (this.flags !== 0 || !this.isForgotten) return;
    this.forget();
    this.owner = NO_OWNER; // so that the Socket can be collected
    this.target.spare = this;
  }
}

/** Whether a read waits until all that it asks for is there: MSG_WAITALL on a stream. */
export function waitsForAll({ type }: Owner, flags: number): boolean {
  return (
    type === SOCK_STREAM &&
    (flagsOf(flags) & MSG_WAITALL) !== 0 &&
    (flags & MSG_PEEK) === 0 &&
    patience(flags) === WAITS
  );
}

/** recv(2). A read of a stream that was not filled emptied it. */
export class Receive extends Reading<Buffer> {
  override get syscall(): string {
    return 'recv';
  }
  size: number;
  #room: Buffer | undefined = undefined;

  constructor(owner: Owner, target: Readiness, size: number, flags: number) {
    super(owner, target, flags, count(size, 'size'));
    this.size = size;
    this.drains = flags === 0 && owner.type === SOCK_STREAM;
  }

  /** A new one, or the one that was done last. */
  static take(owner: Owner, target: Readiness, size: number, flags: number): Receive {
    const { spare } = target;
    if (flags !== 0 || !(spare instanceof Receive)) return new Receive(owner, target, size, flags);
    spare.renew(owner, count(size, 'size'));
    spare.size = size;
    return spare;
  }

  protected forget(): void {
    this.#room = undefined;
  }

  call(): number {
    const { fd, flags, size, target } = this;
    if (size <= CHUNK && !target.bulk && (flags | 0) === flags) {
      this.#room = undefined;
      return settle(receive(fd, flags, size), RECV);
    }
    this.#room = room(size);
    const n = settle(pinned.recv(fd, this.#room, flags, size), RECV);
    if (n < 0) this.#room = undefined;
    return n;
  }

  finish(n: number): Buffer {
    const { size, target } = this;
    if (this.drains) target.drained = n > 0 && n < size;
    target.bulk = n > BULK;
    const length = Math.min(n, size); // with MSG_TRUNC n can exceed the room
    return this.#room === undefined ? received(length) : take(this.#room, length);
  }
}

/** recvfrom(2). */
export class ReceiveFrom<Sender extends Address | undefined> extends Reading<Datagram<Sender>> {
  override get syscall(): string {
    return 'recvfrom';
  }
  size: number;
  #room: Buffer | undefined = undefined;

  constructor(owner: Owner, target: Readiness, size: number, flags: number) {
    super(owner, target, flags, count(size, 'size'));
    this.size = size;
  }

  /** A new one, or the one that was done last. */
  static take<Sender extends Address | undefined>(
    owner: Owner,
    target: Readiness,
    size: number,
    flags: number,
  ): ReceiveFrom<Sender> {
    const { spare } = target;
    if (flags !== 0 || !(spare instanceof ReceiveFrom)) return new ReceiveFrom(owner, target, size, flags);
    spare.renew(owner, count(size, 'size'));
    spare.size = size;
    return spare;
  }

  protected forget(): void {
    this.#room = undefined;
  }

  call(): number {
    this.#room = room(this.size);
    const n = pinned.recvfrom(this.fd, this.#room, this.flags, from.bytes, this.size);
    from.length = n < 0 ? 0 : out[0]!;
    if (n < 0) this.#room = undefined;
    return settle(n, RECVFROM);
  }

  finish(n: number): Datagram<Sender> {
    return { data: take(this.#room!, Math.min(n, this.size)), address: from.decode() as Sender };
  }
}

/** recv(2) into a buffer of the user. */
export class ReceiveInto extends Reading<number> {
  override get syscall(): string {
    return 'recv';
  }
  #buffer: Bytes;
  #empty: boolean;

  constructor(owner: Owner, target: Readiness, buffer: Bytes, flags: number) {
    super(owner, target, flags, lengthOf(buffer));
    this.#buffer = buffer;
    this.#empty = lengthOf(buffer) === 0;
    this.drains = flags === 0 && owner.type === SOCK_STREAM && isView(buffer);
  }

  /** A new one, or the one that was done last. */
  static take(owner: Owner, target: Readiness, buffer: Bytes, flags: number): ReceiveInto {
    const { spare } = target;
    if (flags !== 0 || !(spare instanceof ReceiveInto)) return new ReceiveInto(owner, target, buffer, flags);
    spare.renew(owner, lengthOf(buffer));
    spare.#buffer = buffer;
    spare.#empty = lengthOf(buffer) === 0;
    spare.drains = owner.type === SOCK_STREAM && isView(buffer);
    return spare;
  }

  protected forget(): void {
    this.#buffer = NO_BUFFER;
  }

  call(): number {
    // A buffer that was transferred while this waited has no room: the 0 bytes read would be no end of the stream.
    if (!this.#empty && lengthOf(this.#buffer) === 0) throw invalidType('buffer', 'attached until it is filled');
    return settle(pinned.recv(this.fd, this.#buffer, this.flags), RECV);
  }

  finish(n: number): number {
    if (this.drains) this.target.drained = n > 0 && n < this.#buffer.byteLength;
    return n;
  }
}

/** recvmmsg(2). Fewer than there is room for were all that there were. */
export class ReceiveBatch extends Reading<number> {
  override get syscall(): string {
    return 'recvmmsg';
  }
  readonly #batch: MessageBatch;

  constructor(owner: Owner, target: Readiness, batch: MessageBatch, flags: number) {
    super(owner, target, flags, 1);
    this.#batch = batch;
    this.drains = flags === 0 && batch instanceof MessageBatch;
  }

  /** A batch moves so much that the making of its operation does not count: it is not used again. */
  override retire(): void {}

  protected forget(): void {}

  call(): number {
    return recvmmsgNothrow(this.fd, this.#batch, this.flags);
  }

  override weight(n: number): number {
    return n * MESSAGE;
  }

  finish(n: number): number {
    if (this.drains) this.target.drained = n < this.#batch.capacity;
    return n;
  }
}
