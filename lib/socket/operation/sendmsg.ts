/** sendmsg(2). */
import { invalidType } from '../../argument/argument-error.ts';
import { onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { SEND_NAMES, type SendMessage, sendmsg } from '../../call/message.ts';
import type { Readiness } from '../../loop/readiness.ts';
import { encodeAddress } from '../../struct/address.ts';
import { messageSize } from './message-size.ts';
import type { Owner } from './operation.ts';
import { Sending, sendsWithoutEvent } from './sending.ts';

/** Sends a message, which may have an address and control messages. */
export class SendMessageOperation extends Sending<number> {
  override get syscall(): string {
    return 'sendmsg';
  }
  readonly #message: SendMessage;
  readonly #size: number;
  readonly #name: Uint8Array | undefined;

  constructor(owner: Owner, state: Readiness, message: SendMessage, flags: number) {
    super(owner, state, flags);
    onlyKnown(assertObject(message, 'message'), SEND_NAMES, 'message');
    const { address, buffers, control } = { ...message };
    this.#name = address === undefined ? undefined : encodeAddress(address);
    this.#message = { buffers, address: this.#name, control };
    this.#size = messageSize(this.#message);
    this.retriedByTime = sendsWithoutEvent(owner, this.#name !== undefined);
  }

  override get name(): Uint8Array | undefined {
    return this.#name;
  }

  protected send(connecting: boolean): number {
    const { buffers, control } = this.#message;
    if (messageSize(this.#message) < this.#size) throw invalidType('buffers', 'attached until they are sent');
    return sendmsg(this.fd, connecting ? { buffers, control } : this.#message, this.flags);
  }

  finish(n: number): number {
    return n;
  }
}
