/** The operations of a Socket that read into memory of the library, or of the user. */
import { type Address, SockaddrStorage } from '../posix/address.ts';
import { type MessageBatch, recvmmsgNothrow } from '../posix/batch.ts';
import { RECV, RECVFROM } from '../posix/calls.ts';
import { SOCK_STREAM } from '../posix/constants.ts';
import { settle } from '../posix/errno.ts';
import { type Bytes, out } from '../posix/native.ts';
import { count } from '../posix/number.ts';
import * as pinned from '../posix/pinned.ts';
import { answersAtOnce, type Operation } from './operation.ts';
import { READ, setDrained } from './reactor.ts';

/**
 * A datagram that was received.
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export interface Datagram {
  data: Buffer;
  address: Address | undefined;
}

/** What a read takes when no size is given. */
export const CHUNK = 65536;

const from = new SockaddrStorage();

/** Where reads go whose data is then taken out. */
let scratch = Buffer.allocUnsafeSlow(CHUNK);

/** The first n bytes of the scratch buffer. What fills most of it is given away as it is; less is copied. */
function take(n: number): Buffer {
  if (n > CHUNK / 2) {
    const data = Buffer.from(scratch.buffer, 0, n);
    scratch = Buffer.allocUnsafeSlow(CHUNK);
    return data;
  }
  const data = Buffer.allocUnsafe(n);
  scratch.copy(data, 0, 0, n);
  return data;
}

/** The Socket that an operation is of. */
interface Owner {
  readonly fd: number;
  readonly type: number;
}

abstract class Reading<T> implements Operation<T> {
  readonly owner: Owner;
  readonly fd: number;
  readonly flags: number;

  constructor(owner: Owner, flags: number) {
    this.owner = owner;
    this.fd = owner.fd;
    this.flags = flags;
  }

  get syscall(): string {
    return 'recv';
  }
  get kind(): typeof READ {
    return READ;
  }
  abstract get now(): boolean;
  abstract attempt(): number;
  abstract finish(n: number): T;
}

/** Reads data that the library makes room for. */
abstract class Taking<T> extends Reading<T> {
  readonly size: number;
  /** Room for more than the scratch buffer has. */
  readonly #own: Buffer | undefined;

  constructor(owner: Owner, size: number, flags: number) {
    super(owner, flags);
    this.size = count(size, 'size');
    this.#own = size > CHUNK ? Buffer.from(new ArrayBuffer(size)) : undefined;
  }

  get now(): boolean {
    return answersAtOnce(this.flags, this.size);
  }

  protected get room(): Buffer {
    return this.#own ?? scratch;
  }

  /** With MSG_TRUNC n can exceed the room. */
  protected data(n: number): Buffer {
    const length = Math.min(n, this.size);
    return this.#own === undefined ? take(length) : this.#own.subarray(0, length);
  }
}

/** recv(2). */
export class Receive extends Taking<Buffer> {
  /** A read of a stream that was not filled emptied it. */
  get drains(): boolean {
    return this.flags === 0 && this.owner.type === SOCK_STREAM;
  }

  attempt(): number {
    return settle(pinned.recv(this.fd, this.room, this.flags, this.size), RECV);
  }

  finish(n: number): Buffer {
    if (this.drains) setDrained(this.fd, n > 0 && n < this.size);
    return this.data(n);
  }
}

/** recvfrom(2). */
export class ReceiveFrom extends Taking<Datagram> {
  override get syscall(): string {
    return 'recvfrom';
  }

  attempt(): number {
    const n = pinned.recvfrom(this.fd, this.room, this.flags, from.bytes, this.size);
    from.length = n < 0 ? 0 : out[0]!;
    return settle(n, RECVFROM);
  }

  finish(n: number): Datagram {
    return { data: this.data(n), address: from.decode() };
  }
}

/** recv(2) into a buffer of the user. */
export class ReceiveInto extends Reading<number> {
  readonly #buffer: Bytes;

  constructor(owner: Owner, buffer: Bytes, flags: number) {
    super(owner, flags);
    this.#buffer = buffer;
  }

  get now(): boolean {
    return answersAtOnce(this.flags, this.#buffer?.byteLength);
  }

  get drains(): boolean {
    return this.flags === 0 && this.owner.type === SOCK_STREAM && ArrayBuffer.isView(this.#buffer);
  }

  attempt(): number {
    return settle(pinned.recv(this.fd, this.#buffer, this.flags), RECV);
  }

  finish(n: number): number {
    if (this.drains) setDrained(this.fd, n > 0 && n < this.#buffer.byteLength);
    return n;
  }
}

/** recvmmsg(2). */
export class ReceiveBatch extends Reading<number> {
  readonly #batch: MessageBatch;

  constructor(owner: Owner, batch: MessageBatch, flags: number) {
    super(owner, flags);
    this.#batch = batch;
  }

  override get syscall(): string {
    return 'recvmmsg';
  }

  get now(): boolean {
    return answersAtOnce(this.flags);
  }

  attempt(): number {
    return recvmmsgNothrow(this.fd, this.#batch, this.flags);
  }

  finish(n: number): number {
    return n;
  }
}
