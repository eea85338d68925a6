/** sendmsg(2) with UDP_SEGMENT (generic segmentation offload). */

import { SENDMSG } from '../../call/message.ts';
import type { Readiness } from '../../loop/readiness.ts';
import { SOL_UDP, UDP_SEGMENT } from '../../native/constants.ts';
import { type Bytes, native } from '../../native/native.ts';
import { encodeShared } from '../../struct/address.ts';
import type { AddressLike } from '../../struct/address-type.ts';
import { encodeControl } from '../../struct/control.ts';
import { unlessRefused } from '../../struct/errno.ts';
import { copyOf, type Owner } from './operation.ts';
import { SendingData } from './sending.ts';

/** The control data for the segment size that was used last. */
let segments: { size: number; control: Uint8Array } = { size: -1, control: new Uint8Array(0) };

/** Returns the control data for a segment size. */
function segmentControl(size: number): Uint8Array {
  if (size !== segments.size) {
    segments = { size, control: encodeControl([{ level: SOL_UDP, type: UDP_SEGMENT, value: size }]) };
  }
  return segments.control;
}

/** Sends one buffer as several datagrams, which the kernel splits. */
export class SendSegments extends SendingData<number> {
  override get syscall(): string {
    return 'sendmsg';
  }
  readonly #control: Uint8Array;
  #name: Uint8Array | undefined;

  constructor(owner: Owner, state: Readiness, data: Bytes | string, size: number, address: AddressLike | undefined) {
    super(owner, state, data, 0);
    this.#control = segmentControl(size);
    this.#name = address === undefined ? undefined : encodeShared(address);
  }

  override keep(): void {
    this.#name = copyOf(this.#name);
  }

  override get name(): Uint8Array | undefined {
    return this.#name;
  }

  protected send(): number {
    return unlessRefused(native.sendmsg(this.fd, [this.whole()], this.#name, this.#control, this.flags), SENDMSG);
  }

  finish(n: number): number {
    return n;
  }
}
