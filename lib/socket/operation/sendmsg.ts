/** sendmsg(2). */
import { invalidType } from '../../argument/argument-error.ts';
import { partsOf, type SendMessage, type SendParts, sendParts } from '../../call/message.ts';
import type { Readiness } from '../../loop/readiness.ts';
import { sizeOf } from './message-size.ts';
import type { Owner } from './operation.ts';
import { Sending, sendsWithoutEvent } from './sending.ts';

/** Returns a copy that cannot be detached. (The method `slice` of a Buffer does not copy.) */
function copyOf(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : new Uint8Array(bytes);
}

/** Sends a message, which may have an address and control messages. */
export class SendMessageOperation extends Sending<number> {
  override get syscall(): string {
    return 'sendmsg';
  }
  /** They are copies: a message that waits does not change, and no code of the program runs while it is sent. */
  readonly #parts: SendParts;
  readonly #size: number;

  constructor(owner: Owner, state: Readiness, message: SendMessage, flags: number) {
    super(owner, state, flags);
    const parts = partsOf(message, flags);
    this.#parts = { ...parts, name: copyOf(parts.name), control: copyOf(parts.control) };
    this.#size = sizeOf(parts.list);
    this.retriedByTime = sendsWithoutEvent(owner, parts.name !== undefined);
  }

  override get name(): Uint8Array | undefined {
    return this.#parts.name;
  }

  protected send(connecting: boolean): number {
    const parts = this.#parts;
    if (sizeOf(parts.list) < this.#size) throw invalidType('buffers', 'attached until they are sent');
    return sendParts(this.fd, connecting ? { ...parts, name: undefined } : parts, this.flags);
  }

  finish(n: number): number {
    return n;
  }
}
