/** sendmsg(2). */
import { invalidType } from '../../argument/argument-error.ts';
import { partsOf, type SendMessage, type SendParts, sendParts } from '../../call/message.ts';
import type { Readiness } from '../../loop/readiness.ts';
import { messageSize } from './message-size.ts';
import { copyOf, type Owner } from './operation.ts';
import { Sending, sendsWithoutEvent } from './sending.ts';

/** Sends a message, which may have an address and control messages. */
export class SendMessageOperation extends Sending<number> {
  override get syscall(): string {
    return 'sendmsg';
  }
  #parts: SendParts;
  readonly #size: number;

  constructor(owner: Owner, state: Readiness, message: SendMessage, flags: number) {
    super(owner, state, flags);
    this.#parts = partsOf(message, flags); // copied, so that no code of the program runs while it is sent
    this.#size = messageSize(this.#parts.list);
    this.retriedByTime = sendsWithoutEvent(owner, this.#parts.name !== undefined);
  }

  override keep(): void {
    const { name, control } = this.#parts;
    this.#parts = { ...this.#parts, name: copyOf(name), control: copyOf(control) };
  }

  override get name(): Uint8Array | undefined {
    return this.#parts.name;
  }

  protected send(connecting: boolean): number {
    const parts = this.#parts;
    if (messageSize(parts.list) < this.#size) throw invalidType('buffers', 'attached until they are sent');
    return sendParts(this.fd, connecting ? { ...parts, name: undefined } : parts, this.flags);
  }

  finish(n: number): number {
    return n;
  }
}
