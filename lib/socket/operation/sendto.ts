/** sendto(2). */

import * as pinned from '../../call/pinned.ts';
import { SEND, SENDTO } from '../../call/transfer.ts';
import { spend } from '../../loop/budget.ts';
import { ClosedError } from '../../loop/errors.ts';
import type { WaitOptions } from '../../loop/options.ts';
import type { Readiness } from '../../loop/readiness.ts';
import type { Bytes } from '../../native/native.ts';
import { encodeShared } from '../../struct/address.ts';
import type { AddressLike } from '../../struct/address-type.ts';
import { unlessRefused } from '../../struct/errno.ts';
import { copyOf, type Owner } from './operation.ts';
import { run } from './run.ts';
import { isUnfinished, maySendNow } from './send-now.ts';
import { SendingData, sendsWithoutEvent } from './sending.ts';

/** Sends data to an address with one call. */
export class SendTo extends SendingData<number> {
  override get syscall(): string {
    return 'sendto';
  }
  #name: Uint8Array;

  constructor(owner: Owner, state: Readiness, data: Bytes | string, flags: number, address: AddressLike) {
    super(owner, state, data, flags);
    this.#name = encodeShared(address);
    this.retriedByTime = sendsWithoutEvent(owner, true);
  }

  override keep(): void {
    this.#name = copyOf(this.#name);
  }

  override get name(): Uint8Array {
    return this.#name;
  }

  protected send(connecting: boolean): number {
    if (connecting) return unlessRefused(pinned.send(this.fd, this.whole(), this.flags), SEND);
    return unlessRefused(pinned.sendto(this.fd, this.whole(), this.flags, this.#name), SENDTO);
  }

  finish(n: number): number {
    return n;
  }
}

/** Sends data to an address. If the first call succeeds, no operation is created. */
export function sendTo(
  owner: Owner,
  state: Readiness,
  data: Bytes | string,
  flags: number,
  address: AddressLike,
  options: WaitOptions,
): Promise<number> {
  if (!maySendNow(state, data, flags, options)) {
    return run(new SendTo(owner, state, data, flags, address), options);
  }
  const name = encodeShared(address);
  if (state.closed) return Promise.reject(new ClosedError('sendto')); // by a getter of the address
  const n = pinned.sendto(state.fd, data, 0, name);
  spend(state, Math.max(n, 0));
  if (n >= 0) return Promise.resolve(n);
  const operation = new SendTo(owner, state, data, flags, address);
  // An error must be reported now, because the kernel reports an error of an earlier datagram only once.
  return isUnfinished(n) ? run(operation, options) : Promise.reject(operation.failure(n));
}
