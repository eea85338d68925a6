/** send(2), or sendmsg(2) with file descriptors, until all of the data has been sent. */
import { invalidType } from '../../argument/argument-error.ts';
import { sendmsg } from '../../call/message.ts';
import * as pinned from '../../call/pinned.ts';
import { SEND } from '../../call/transfer.ts';
import { MOST, spend } from '../../loop/budget.ts';
import type { WaitOptions } from '../../loop/options.ts';
import type { Readiness } from '../../loop/readiness.ts';
import { EAGAIN, MSG_DONTWAIT, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET } from '../../native/constants.ts';
import type { Bytes } from '../../native/native.ts';
import type { ControlInput } from '../../struct/control-message.ts';
import { unlessRefused } from '../../struct/errno.ts';
import { NEVER_WAITS, type Owner, WAITS } from './operation.ts';
import { run } from './run.ts';
import { isUnfinished, maySendNow } from './send-now.ts';
import { SendingData } from './sending.ts';

/** Sends all of the data, and file descriptors once, with its first bytes. */
export class SendAll extends SendingData<void> {
  readonly #withFds: boolean;
  #sent: number;
  /** The file descriptors, until the first bytes have been sent with them. */
  #control: ControlInput[] | undefined;

  constructor(
    owner: Owner,
    state: Readiness,
    data: Bytes | string,
    flags: number,
    fds?: readonly number[],
    sent: number = 0,
  ) {
    super(owner, state, data, flags, (flags & MSG_DONTWAIT) === 0 ? WAITS : NEVER_WAITS);
    this.#sent = sent;
    if (fds !== undefined && !Array.isArray(fds)) throw invalidType('fds', 'an array of file descriptors');
    this.#control =
      fds === undefined || fds.length === 0 ? undefined : [{ level: SOL_SOCKET, type: SCM_RIGHTS, fds: [...fds] }];
    this.#withFds = this.#control !== undefined;
  }

  override get syscall(): string {
    return this.#withFds ? 'sendmsg' : 'send';
  }

  override get sent(): number {
    return this.#sent;
  }

  /**
   * Returns the data for the next call. On a stream, it is limited, so that no call takes long. A message is sent
   * whole.
   */
  #next(): Uint8Array {
    const { data, length } = this;
    const sent = this.#sent;
    const part = length - sent <= MOST || this.owner.type !== SOCK_STREAM ? length - sent : MOST;
    return part === length ? data : new Uint8Array(data.buffer, data.byteOffset + sent, part);
  }

  protected send(): number {
    this.whole();
    const next = this.#next();
    return this.#control === undefined
      ? unlessRefused(pinned.send(this.fd, next, this.flags), SEND)
      : sendmsg(this.fd, { buffers: [next], control: this.#control }, this.flags);
  }

  override call(): number {
    for (;;) {
      const n = super.call();
      if (n < 0) return n;
      this.#control = undefined;
      this.#sent += n;
      if (this.#sent >= this.length) return n;
      if (this.mustPause(n)) return -EAGAIN;
    }
  }

  finish(): void {}
}

const DONE: Promise<void> = Promise.resolve();

/**
 * Sends all of the data. If the first call sends everything, no operation and no promise are
 * created.
 */
export function sendAll(
  owner: Owner,
  state: Readiness,
  data: Bytes | string,
  flags: number,
  options: WaitOptions,
): Promise<void> {
  if (!maySendNow(state, data, flags, options)) {
    return run(new SendAll(owner, state, data, flags), options);
  }
  const { byteLength: length } = data;
  if (length > MOST || state.closed) return run(new SendAll(owner, state, data, flags), options);
  const n = pinned.send(state.fd, data, 0);
  spend(state, Math.max(n, 0)); // a failed call counts too, so that a loop of them does not starve other sockets
  if (n === length) return DONE;
  const operation = new SendAll(owner, state, data, flags, undefined, Math.max(n, 0));
  // An error must be reported now, because the kernel reports an error of the connection only once.
  return n >= 0 || isUnfinished(n) ? run(operation, options) : Promise.reject(operation.failure(n));
}
