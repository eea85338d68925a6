/** send(2). */
import * as pinned from '../../call/pinned.ts';
import { SEND } from '../../call/transfer.ts';
import { unlessRefused } from '../../struct/errno.ts';
import { SendingData } from './sending.ts';

/** Sends data with one call. */
export class Send extends SendingData<number> {
  override get syscall(): string {
    return 'send';
  }

  protected send(): number {
    return unlessRefused(pinned.send(this.fd, this.whole(), this.flags), SEND);
  }

  finish(n: number): number {
    return n;
  }
}
