/** The one owner of a descriptor: closes it once, also when it is forgotten or its environment ends. */

import { close } from '../nothrow.ts';
import { native } from '../posix/native.ts';
import { ClosedError } from './errors.ts';
import * as reactor from './reactor.ts';

let warned = false;

/** A Descriptor was collected while open: it is closed, and the program is told once, as Node does for its FileHandle. */
const forgotten = new FinalizationRegistry<number>((fd) => {
  if (!warned) {
    warned = true;
    process.emitWarning(`A Socket with descriptor ${fd} was not closed before it was collected`, {
      type: 'Warning',
      code: 'SYS_SOCKET_UNCLOSED',
    });
  }
  reactor.evict(fd, new ClosedError('close'));
  native.own(fd, 0);
  close(fd);
});

export class Descriptor {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
    reactor.adopt(fd);
    native.own(fd, 1);
    forgotten.register(this, fd, this);
  }

  /** The number, or -1 when it was closed or given away. */
  get fd(): number {
    return this.#fd;
  }

  /** Gives the descriptor away: nothing here waits for it or closes it any more. */
  release(syscall: string): number {
    const fd = this.#fd;
    if (fd === -1) return -1;
    this.#fd = -1;
    forgotten.unregister(this);
    native.own(fd, 0);
    reactor.evict(fd, new ClosedError(syscall));
    return fd;
  }

  /** Closes it, once: first nobody waits any more, then close(2). Gives 0, or -errno. */
  close(): number {
    const fd = this.release('close');
    return fd === -1 ? 0 : close(fd);
  }
}
