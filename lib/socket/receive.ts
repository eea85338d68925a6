/** The operations of a Socket that read into memory of the library, or of the user. */
import { Buffer } from 'node:buffer';
import { type Address, SockaddrStorage } from '../posix/address.ts';
import { MessageBatch, recvmmsgNothrow } from '../posix/batch.ts';
import { RECV, RECVFROM } from '../posix/calls.ts';
import { SOCK_STREAM } from '../posix/constants.ts';
import { invalidType, settle } from '../posix/errno.ts';
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

/** Its facts are fields, not accessors: one function looks at the operations of all classes. */
abstract class Reading<T> implements Operation<T> {
  readonly owner: Owner;
  readonly fd: number;
  readonly kind: typeof READ = READ;
  readonly flags: number;
  readonly now: boolean;
  readonly drains: boolean;

  constructor(owner: Owner, flags: number, length: number, drains: boolean) {
    this.owner = owner;
    this.fd = owner.fd;
    this.flags = flags;
    this.now = answersAtOnce(flags, length);
    this.drains = drains && flags === 0;
  }

  get syscall(): string {
    return 'recv';
  }
  abstract attempt(): number;
  abstract finish(n: number): T;
}

/** Room for more than the scratch buffer has. */
function roomOf(size: number): Buffer | undefined {
  return count(size, 'size') > CHUNK ? Buffer.from(new ArrayBuffer(size)) : undefined;
}

/** The data that was read. With MSG_TRUNC n can exceed the room. */
function dataOf(own: Buffer | undefined, n: number, size: number): Buffer {
  const length = Math.min(n, size);
  return own === undefined ? take(length) : own.subarray(0, length);
}

/** recv(2). A read of a stream that was not filled emptied it. */
export class Receive extends Reading<Buffer> {
  readonly size: number;
  readonly own: Buffer | undefined;

  constructor(owner: Owner, size: number, flags: number) {
    super(owner, flags, size, owner.type === SOCK_STREAM);
    this.size = size;
    this.own = roomOf(size);
  }

  attempt(): number {
    return settle(pinned.recv(this.fd, this.own ?? scratch, this.flags, this.size), RECV);
  }

  finish(n: number): Buffer {
    if (this.drains) setDrained(this.fd, n > 0 && n < this.size);
    return dataOf(this.own, n, this.size);
  }
}

/** recvfrom(2). */
export class ReceiveFrom extends Reading<Datagram> {
  readonly size: number;
  readonly own: Buffer | undefined;

  constructor(owner: Owner, size: number, flags: number) {
    super(owner, flags, size, false);
    this.size = size;
    this.own = roomOf(size);
  }

  override get syscall(): string {
    return 'recvfrom';
  }

  attempt(): number {
    const n = pinned.recvfrom(this.fd, this.own ?? scratch, this.flags, from.bytes, this.size);
    from.length = n < 0 ? 0 : out[0]!;
    return settle(n, RECVFROM);
  }

  finish(n: number): Datagram {
    return { data: dataOf(this.own, n, this.size), address: from.decode() };
  }
}

/** recv(2) into a buffer of the user. */
export class ReceiveInto extends Reading<number> {
  readonly #buffer: Bytes;
  readonly #empty: boolean;

  constructor(owner: Owner, buffer: Bytes, flags: number) {
    super(owner, flags, buffer?.byteLength, owner.type === SOCK_STREAM && ArrayBuffer.isView(buffer));
    this.#buffer = buffer;
    this.#empty = buffer?.byteLength === 0;
  }

  attempt(): number {
    // A buffer that was transferred while this waited has no room: the 0 bytes read would be no end of the stream.
    if (!this.#empty && this.#buffer?.byteLength === 0) throw invalidType('buffer', 'attached until it is filled');
    return settle(pinned.recv(this.fd, this.#buffer, this.flags), RECV);
  }

  finish(n: number): number {
    if (this.drains) setDrained(this.fd, n > 0 && n < this.#buffer.byteLength);
    return n;
  }
}

/** recvmmsg(2). Fewer than there is room for were all that there were. */
export class ReceiveBatch extends Reading<number> {
  readonly #batch: MessageBatch;

  constructor(owner: Owner, batch: MessageBatch, flags: number) {
    super(owner, flags, 1, batch instanceof MessageBatch);
    this.#batch = batch;
  }

  override get syscall(): string {
    return 'recvmmsg';
  }

  attempt(): number {
    return recvmmsgNothrow(this.fd, this.#batch, this.flags);
  }

  finish(n: number): number {
    if (this.drains) setDrained(this.fd, n < this.#batch.capacity);
    return n;
  }
}
