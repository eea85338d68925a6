/** sendmmsg(2) until all of the messages have been sent. */

import { sendmmsg } from '../../call/batch.ts';
import { checked, type MessageBatch } from '../../call/message-batch.ts';
import { MESSAGE } from '../../loop/budget.ts';
import type { Readiness } from '../../loop/readiness.ts';
import { EAGAIN } from '../../native/constants.ts';
import type { Owner } from './operation.ts';
import { Sending, sendsWithoutEvent } from './sending.ts';

/** Returns whether a batch contains a message with an address. */
function isAddressed(batch: MessageBatch): boolean {
  for (let i = 0; i < batch.count; i++) if (batch.name(i).length > 0) return true;
  return false;
}

/** Sends all messages of a batch. */
export class SendBatch extends Sending<number> {
  override get syscall(): string {
    return 'sendmmsg';
  }
  readonly #batch: MessageBatch;
  #sent = 0;

  constructor(owner: Owner, state: Readiness, batch: MessageBatch, flags: number) {
    super(owner, state, flags);
    this.#batch = checked(batch);
    this.retriedByTime = sendsWithoutEvent(owner, true) && isAddressed(batch);
  }

  override get sent(): number {
    return this.#sent;
  }

  protected send(): number {
    return sendmmsg(this.fd, this.#batch, this.flags, this.#sent);
  }

  override call(): number {
    const { count } = this.#batch;
    while (this.#sent < count) {
      const n = super.call();
      if (n < 0) return n;
      this.#sent += n;
      if (this.#sent >= count) return n;
      if (this.mustPause(n * MESSAGE)) return -EAGAIN;
    }
    return 0;
  }

  override weight(n: number): number {
    return n * MESSAGE;
  }

  finish(): number {
    return this.#sent;
  }
}
