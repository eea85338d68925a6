/**
 * recv(2) with MSG_WAITALL on a stream: waits until all is there. The descriptor does not block, so that the kernel gives
 * what has come, and the rest is read when it comes.
 *
 * As in C, what ends it after a part (the end of the stream, an error, the timeout, the signal, close) gives the part. The
 * next read reports the error.
 */
import { Buffer } from 'node:buffer';
import { RECV } from '../posix/calls.ts';
import { EAGAIN, EINTR } from '../posix/constants.ts';
import { invalidType, settle } from '../posix/errno.ts';
import { isView } from '../posix/kind.ts';
import type { Bytes } from '../posix/native.ts';
import { count } from '../posix/number.ts';
import * as pinned from '../posix/pinned.ts';
import { isSpent, spend } from './budget.ts';
import { Operation, type Owner, patience } from './operation.ts';
import { resumeLater } from './reactor.ts';
import { READ, type Readiness } from './readiness.ts';
import { lengthOf, Receive, ReceiveInto, waitsForAll } from './receive.ts';
import { CHUNK, room, take } from './received.ts';

abstract class ReceivingAll<T> extends Operation<T> {
  override get syscall(): string {
    return 'recv';
  }
  readonly size: number;
  readonly flags: number;
  protected got = 0;

  constructor(owner: Owner, target: Readiness, size: number, flags: number) {
    super(owner, target, READ, patience(flags, size));
    this.size = size;
    this.flags = flags;
  }

  /** Reads once, at most what is missing: n or -errno. */
  protected abstract read(): number;

  call(): number {
    for (;;) {
      const n = this.read();
      if (n === -EAGAIN || n === -EINTR) return n;
      if (n < 0 && this.got === 0) return n;
      if (n < 0) this.target.failed = n;
      if (n <= 0) return this.got;
      this.got += n;
      if (this.got >= this.size) return this.got;
      if (this.sync) continue;
      spend(this.target, n);
      if (isSpent(this.target)) {
        resumeLater(this.target);
        return -EAGAIN;
      }
    }
  }

  override weight(): number {
    return 0;
  }

  override get hasPart(): boolean {
    return this.got > 0;
  }
}

/** Into memory of the library, which is reserved as data comes. */
export class ReceiveAll extends ReceivingAll<Buffer> {
  readonly #parts: Buffer[] = [];

  constructor(owner: Owner, target: Readiness, size: number, flags: number) {
    super(owner, target, count(size, 'size'), flags);
  }

  protected read(): number {
    const wanted = Math.min(this.size - this.got, CHUNK);
    const space = room(wanted);
    const n = settle(pinned.recv(this.fd, space, this.flags, wanted), RECV);
    if (n > 0) this.#parts.push(take(space, n));
    return n;
  }

  finish(): Buffer {
    this.target.drained = false;
    return this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
  }
}

/** Into a buffer of the user. */
export class ReceiveAllInto extends ReceivingAll<number> {
  readonly #buffer: Bytes;

  constructor(owner: Owner, target: Readiness, buffer: Bytes, flags: number) {
    super(owner, target, lengthOf(buffer), flags);
    this.#buffer = buffer;
  }

  protected read(): number {
    const buffer = this.#buffer;
    if (lengthOf(buffer) !== this.size) throw invalidType('buffer', 'attached until it is filled');
    if (this.got === 0) return settle(pinned.recv(this.fd, buffer, this.flags), RECV);
    const memory = isView(buffer) ? buffer.buffer : buffer;
    const start = isView(buffer) ? buffer.byteOffset : 0;
    const rest = new Uint8Array(memory, start + this.got, this.size - this.got);
    return settle(pinned.recv(this.fd, rest, this.flags), RECV);
  }

  finish(): number {
    this.target.drained = false;
    return this.got;
  }
}

/** recv(2) with a size and flags. */
export function receiveOperation(owner: Owner, target: Readiness, size: number, flags: number): Operation<Buffer> {
  if (flags !== 0 && waitsForAll(owner, flags)) return new ReceiveAll(owner, target, size, flags);
  return Receive.take(owner, target, size, flags);
}

/** recv(2) into a buffer. */
export function receiveIntoOperation(owner: Owner, target: Readiness, buffer: Bytes, flags: number): Operation<number> {
  if (flags !== 0 && waitsForAll(owner, flags)) return new ReceiveAllInto(owner, target, buffer, flags);
  return ReceiveInto.take(owner, target, buffer, flags);
}
