/** The one owner of a descriptor: closes it once, also when it is forgotten or its environment ends. */

import process from 'node:process';
import type { SockaddrStorage } from '../posix/address.ts';
import { ACCEPT, CLOSE, DUP, SOCKET, SOCKETPAIR } from '../posix/calls.ts';
import { EBADF, F_DUPFD_CLOEXEC, SOCK_NONBLOCK } from '../posix/constants.ts';
import { call, check, invalidValue, settle } from '../posix/errno.ts';
import { native, out } from '../posix/native.ts';
import { channels } from './diagnostics.ts';
import * as reactor from './reactor.ts';
import type { Readiness } from './readiness.ts';

/** Nobody waits for it any more: takes it out of the set, does the last call, and only then tells those who waited. */
function end<T>(readiness: Readiness, last: () => T): T {
  const left = reactor.evict(readiness);
  try {
    return last();
  } finally {
    reactor.endAll(left, 0, true);
  }
}

/** The kernel is asked by F_GETFD whether there is a descriptor. */
const HOLD = call('fcntl', 'fd');

let warned = false;

const listeners = new Set<() => void>();

/** Calls back when a Socket of this thread has closed its descriptor or given it away. Gives what stops it. */
export function onRelease(call: () => void): () => void {
  listeners.add(call);
  return () => void listeners.delete(call);
}

function released(): void {
  for (const call of listeners) call();
}

/** A Descriptor was collected while open: it is closed, and the program is told once, as Node does for its FileHandle. */
const forgotten = new FinalizationRegistry<Readiness>((readiness) => {
  const { fd, closed } = readiness;
  if (closed) return; // by somebody else, and the number is another's by now
  if (!warned) {
    warned = true;
    process.emitWarning(`A Socket with descriptor ${fd} was not closed before it was collected`, {
      type: 'Warning',
      code: 'SYS_SOCKET_UNCLOSED',
    });
  }
  end(readiness, () => {
    native.closeHeld(fd);
    released();
  });
  if (channels.close.hasSubscribers) channels.close.publish({ socket: undefined, fd, collected: true });
});

// A worker can be terminated wherever a function of JavaScript begins, and the stack can end there. A descriptor that is
// made here is owned by the call that makes it, and none begins before it is with its caller. Who does not come to make
// an object of it closes it.

/** socket(2): non-blocking and owned. */
export function openSocket(family: number, type: number, protocol: number): Descriptor {
  const fd = native.socket(family, type | SOCK_NONBLOCK, protocol, 1);
  if (fd < 0) throw check(fd, SOCKET);
  try {
    return new Descriptor(fd);
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

/** socketpair(2): two descriptors, non-blocking and owned. */
export function openPair(family: number, type: number): [number, number] {
  const pair: [number, number] = [-1, -1]; // before: to make a literal needs stack, too
  const n = native.socketpair(family, type | SOCK_NONBLOCK, 0, 1);
  if (n < 0) throw check(n, SOCKETPAIR);
  pair[0] = out[0]!;
  pair[1] = out[1]!;
  return pair;
}

/** accept4(2): the descriptor, non-blocking and owned, or -errno. The address goes to `from`. */
export function acceptSocket(fd: number, from: SockaddrStorage): number {
  const n = native.accept4(fd, from.bytes, SOCK_NONBLOCK, 1);
  from.length = n < 0 ? 0 : out[0]!;
  return n < 0 ? settle(n, ACCEPT) : n;
}

/** dup(2): the descriptor, owned. */
export function duplicate(fd: number): number {
  const n = native.fcntl(fd, F_DUPFD_CLOEXEC, 0, 1);
  return n < 0 ? check(n, DUP) : n;
}

export class Descriptor {
  #fd: number;
  /** Who waits for it, and what for. */
  readonly readiness: Readiness;

  /**
   * @param fd What was made above, or a descriptor that is open. When it throws, nobody has it.
   * @throws TypeError or RangeError when it is no int, or another Descriptor has it; SocketError EBADF.
   */
  constructor(fd: number) {
    if (check(native.hold(fd), HOLD) !== 0) throw invalidValue('fd', 'a descriptor that no other Socket has');
    try {
      this.readiness = reactor.adopt(fd);
      forgotten.register(this, this.readiness, this);
    } catch (error) {
      native.disown(fd); // it is as it was
      throw error;
    }
    this.#fd = fd;
  }

  /** The number, or -1 when it was closed or given away. */
  get fd(): number {
    return this.#fd;
  }

  /** From now on it is closed: this number is not used again. */
  #leave(): number {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd !== -1) forgotten.unregister(this);
    return fd;
  }

  /** Gives the descriptor away. */
  release(): number {
    const fd = this.#leave();
    if (fd === -1 || this.readiness.closed) return fd;
    end(this.readiness, () => {
      native.disown(fd);
      released();
    });
    return fd;
  }

  /** Closes it, once: close(2), then those who wait are told. Gives 0, or -errno. */
  close(): number {
    const fd = this.#fd;
    if (fd === -1) return 0;
    this.#fd = -1;
    const { readiness } = this;
    let gone = readiness.closed; // by somebody else: the number is another's by now
    let n = -EBADF;
    try {
      forgotten.unregister(this);
      if (gone) return n;
      n = end(readiness, () => {
        gone = true;
        return native.closeHeld(fd);
      });
    } catch (error) {
      if (!gone) native.closeHeld(fd); // the stack ended before
      throw error;
    }
    released();
    return settle(n, CLOSE);
  }
}
