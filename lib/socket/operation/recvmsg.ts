/** recvmsg(2). */
import { invalidType } from '../../argument/argument-error.ts';
import { RECVMSG } from '../../call/message.ts';
import { READ, type Readiness } from '../../loop/readiness.ts';
import {
  type ReceivedMessage,
  type ReceiveMessage,
  type ReceiveParts,
  receiveParts,
  receivePartsOf,
} from '../../posix/message.ts';
import type { Address } from '../../struct/address-type.ts';
import { unlessRefused } from '../../struct/errno.ts';
import { messageSize } from './message-size.ts';
import { Operation, type Owner, patienceFor } from './operation.ts';

/** Receives a message with its sender, flags and control messages. */
export class ReceiveMessageOperation<Sender extends Address | undefined> extends Operation<ReceivedMessage<Sender>> {
  override get syscall(): string {
    return 'recvmsg';
  }
  readonly #parts: ReceiveParts;
  readonly #flags: number;
  readonly #size: number;
  #received: ReceivedMessage<Sender> | undefined;

  constructor(owner: Owner, state: Readiness, message: ReceiveMessage, flags: number) {
    const parts = receivePartsOf(message);
    const size = messageSize(parts.list);
    super(owner, state, READ, patienceFor(flags, size));
    this.#parts = parts;
    this.#flags = flags;
    this.#size = size;
  }

  call(): number {
    // If a buffer was transferred during the wait, data would be lost.
    if (messageSize(this.#parts.list) < this.#size) throw invalidType('buffers', 'attached until they are filled');
    const result = receiveParts(this.fd, this.#parts, this.#flags);
    if (typeof result === 'number') return unlessRefused(result, RECVMSG);
    this.#received = result as ReceivedMessage<Sender>;
    return result.length;
  }

  finish(): ReceivedMessage<Sender> {
    return this.#received!;
  }
}
