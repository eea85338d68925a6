/** recvmmsg(2). */

import { recvmmsg } from '../../call/batch.ts';
import { MessageBatch } from '../../call/message-batch.ts';
import { MESSAGE } from '../../loop/budget.ts';
import { READ, type Readiness } from '../../loop/readiness.ts';
import { Operation, type Owner, patienceFor } from './operation.ts';

/** Fills a batch with one call. If it returns fewer messages than the batch has room for, it has emptied the receive queue. */
export class ReceiveBatch extends Operation<number> {
  override get syscall(): string {
    return 'recvmmsg';
  }
  readonly #batch: MessageBatch;
  readonly #flags: number;

  constructor(owner: Owner, state: Readiness, batch: MessageBatch, flags: number) {
    super(owner, state, READ, patienceFor(flags));
    this.#flags = flags;
    this.#batch = batch;
    this.emptiesQueue = flags === 0 && batch instanceof MessageBatch;
  }

  call(): number {
    return recvmmsg(this.fd, this.#batch, this.#flags);
  }

  override weight(n: number): number {
    return n * MESSAGE;
  }

  finish(n: number): number {
    if (this.emptiesQueue) this.state.drained = n < this.#batch.capacity;
    return n;
  }
}
