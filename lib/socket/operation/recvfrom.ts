/** recvfrom(2). */
import type { Buffer } from 'node:buffer';
import * as pinned from '../../call/pinned.ts';
import { RECVFROM } from '../../call/transfer.ts';
import type { Readiness } from '../../loop/readiness.ts';
import { OUT_NAME_LENGTH } from '../../native/contract.ts';
import { out } from '../../native/native.ts';
import { SockaddrStorage } from '../../struct/address.ts';
import type { Address } from '../../struct/address-type.ts';
import { unlessRefused } from '../../struct/errno.ts';
import { type Operation, type Owner, sizeOf } from './operation.ts';
import { Reading, reuseOrCreate } from './reading.ts';
import { mayDiscard, scratchBuffer, takeResult } from './receive-buffer.ts';
import { ReceivingParts, waitsForAll } from './receiving-all.ts';

/**
 * A received datagram.
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export interface Datagram<Sender extends Address | undefined = Address | undefined> {
  data: Buffer;
  /**
   * The address of the sender, or `undefined` if the kernel returns none (a connected stream, an unbound AF_UNIX
   * sender).
   */
  address: Sender;
}

/** The memory for the address of a sender. */
const sender = new SockaddrStorage();

/** Returns the address that recvfrom(2) has just stored in `sender`. No other native call may come between. */
function senderAddress(): Address | undefined {
  sender.length = out[OUT_NAME_LENGTH]!;
  return sender.decode();
}

/** Receives data and the address of its sender with one call. */
class ReceiveFrom<Sender extends Address | undefined> extends Reading<Datagram<Sender>> {
  override get syscall(): string {
    return 'recvfrom';
  }
  #scratch: Buffer | undefined = undefined;

  protected forget(): void {
    this.#scratch = undefined;
  }

  call(): number {
    this.#scratch = scratchBuffer(this.size, mayDiscard(this.owner, this.flags));
    const n = unlessRefused(pinned.recvfrom(this.fd, this.#scratch, this.flags, sender.bytes, this.size), RECVFROM);
    if (n < 0) this.#scratch = undefined;
    return n;
  }

  finish(n: number): Datagram<Sender> {
    return { data: takeResult(this.#scratch!, Math.min(n, this.size)), address: senderAddress() as Sender };
  }
}

/**
 * Receives all requested bytes: MSG_WAITALL. The address is that of the first part. AF_UNIX returns one if the peer is bound.
 */
class ReceiveAllFrom<Sender extends Address | undefined> extends ReceivingParts<Datagram<Sender>> {
  override get syscall(): string {
    return 'recvfrom';
  }
  #sender: Address | undefined;

  protected readInto(scratch: Buffer, wanted: number): number {
    const n = unlessRefused(pinned.recvfrom(this.fd, scratch, this.flags, sender.bytes, wanted), RECVFROM);
    if (this.got === 0 && n > 0) this.#sender = senderAddress();
    return n;
  }

  finish(): Datagram<Sender> {
    return { data: this.joined(), address: this.#sender as Sender };
  }
}

/** Returns the operation for a size and flags. */
export function receiveFromOperation<Sender extends Address | undefined>(
  owner: Owner,
  state: Readiness,
  size: number,
  flags: number,
): Operation<Datagram<Sender>> {
  if (waitsForAll(owner, flags)) return new ReceiveAllFrom(owner, state, size, flags);
  return reuseOrCreate(ReceiveFrom<Sender>, owner, state, sizeOf(size), flags);
}
