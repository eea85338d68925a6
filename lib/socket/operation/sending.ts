/** What the operations of a Socket that send data share. */

import { BYTES_OR_TEXT, invalidType } from '../../argument/argument-error.ts';
import { isArrayBuffer, isUint8Array, isView, onSameMemory } from '../../argument/kind.ts';
import { utf8 } from '../../argument/snapshot.ts';
import { type Readiness, WRITE } from '../../loop/readiness.ts';
import { AF_UNIX, EAGAIN, EINPROGRESS, MSG_FASTOPEN, MSG_OOB, SOCK_DGRAM } from '../../native/constants.ts';
import type { Bytes } from '../../native/native.ts';
import { flagsOf, Operation, type Owner, type Patience, patienceFor, WAITS } from './operation.ts';

/** Returns the data as bytes. Only a string is copied. */
function sentBytes(data: Bytes | string, flags: number): Uint8Array {
  if (typeof data === 'string') return utf8(data, 'data', flags);
  if (isUint8Array(data)) return data;
  if (isView(data) || isArrayBuffer(data)) return onSameMemory(data);
  throw invalidType('data', BYTES_OR_TEXT);
}

/**
 * Returns whether the full queue that EAGAIN reports may be the receive queue of the peer, for which epoll reports no
 * event.
 */
export function sendsWithoutEvent({ family, type }: Owner, addressed: boolean): boolean {
  return family === AF_UNIX && type === SOCK_DGRAM && addressed;
}

/**
 * An operation that sends with flags. MSG_OOB makes data urgent only for the peer: the operation still waits for its
 * turn.
 *
 * With MSG_FASTOPEN (or TCP_FASTOPEN_CONNECT) and without a cookie, the kernel returns EINPROGRESS: it has started to
 * connect and sent nothing. The operation waits for the connection and then sends the data, as a blocking file
 * descriptor would.
 */
export abstract class Sending<T> extends Operation<T> {
  flags: number;
  #connecting = false;

  constructor(owner: Owner, state: Readiness, flags: number, when: Patience = patienceFor(flagsOf(flags) & ~MSG_OOB)) {
    super(owner, state, WRITE, when);
    this.flags = flags;
  }

  /** Makes the system call once, without an address if the socket is already connecting. Returns n or -errno. */
  protected abstract send(connecting: boolean): number;

  call(): number {
    const n = this.send(this.#connecting);
    if (n !== -EINPROGRESS || this.patience !== WAITS) return n;
    this.#connecting = true;
    this.flags &= ~MSG_FASTOPEN;
    return -EAGAIN;
  }

  override get errnoUnlessWaiting(): number {
    return this.#connecting ? -EINPROGRESS : -EAGAIN;
  }
}

/** An operation that sends one buffer. */
export abstract class SendingData<T> extends Sending<T> {
  readonly data: Uint8Array;
  readonly length: number;

  constructor(owner: Owner, state: Readiness, data: Bytes | string, flags: number, when?: Patience) {
    const bytes = sentBytes(data, flags);
    super(owner, state, flags, when ?? patienceFor(flagsOf(flags) & ~MSG_OOB, bytes.byteLength));
    this.data = bytes;
    this.length = bytes.byteLength;
  }

  /** Returns the data. Throws if its memory was transferred or shrunk during the wait, because less would be sent. */
  whole(): Uint8Array {
    // Not `length`, which V8 of Node 20 and 22 remembers in optimized code after the memory was detached.
    if (this.data.byteLength !== this.length) throw invalidType('data', 'attached until it is sent');
    return this.data;
  }
}
