/**
 * The only owner of a file descriptor, which closes it once, even if it is garbage-collected or its environment ends.
 */

import process from 'node:process';
import { invalidValue } from '../argument/argument-error.ts';
import { ACCEPT, CLOSE, DUP, SOCKET, SOCKETPAIR } from '../call/socket.ts';
import { EBADF, F_DUPFD_CLOEXEC, SOCK_NONBLOCK } from '../native/constants.ts';
import { OUT_NAME_LENGTH, OUT_PAIR_FIRST, OUT_PAIR_SECOND } from '../native/contract.ts';
import { native, out } from '../native/native.ts';
import type { SockaddrStorage } from '../struct/address.ts';
import { call, check, fail, unlessRefused } from '../struct/errno.ts';
import { channels } from './diagnostics.ts';
import type { Readiness } from './readiness.ts';
import { adopt, endAll, evict } from './registration.ts';

/**
 * Ends the use of a file descriptor: removes it from the epoll set, makes the last call, and only then ends its
 * waiters.
 */
function end<T>(readiness: Readiness, last: () => T): T {
  const left = evict(readiness);
  try {
    return last();
  } finally {
    endAll(left, 0, true);
  }
}

/** The call that checks, by F_GETFD, whether a file descriptor is open. */
const HOLD = call('fcntl', 'fd');

let warned = false;

const listeners = new Set<() => void>();

/**
 * Registers a function that is called when a Socket of this thread has closed its file descriptor or given it away.
 * Returns a function that removes it.
 */
export function onRelease(call: () => void): () => void {
  listeners.add(call);
  return () => void listeners.delete(call);
}

function released(): void {
  for (const call of listeners) call();
}

/** Closes the file descriptors of garbage-collected Descriptors, and warns once, as Node does for its FileHandle. */
const forgotten = new FinalizationRegistry<Readiness>((readiness) => {
  const { fd, closed } = readiness;
  if (closed) return; // it was closed elsewhere, and the number belongs to another file descriptor now
  if (!warned) {
    warned = true;
    process.emitWarning(`A Socket with file descriptor ${fd} was not closed before it was garbage-collected`, {
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

// A worker can be terminated, and the stack can overflow, at the start of any JavaScript function. Therefore, the
// native call that creates a file descriptor also marks it as owned, and no other function starts before the caller has
// it. A caller that fails to create an object for it closes it.

/** Calls socket(2). The new file descriptor is non-blocking and owned. */
export function openSocket(family: number, type: number, protocol: number): Descriptor {
  const fd = native.socket(family, type | SOCK_NONBLOCK, protocol, 1);
  if (fd < 0) fail(fd, SOCKET);
  try {
    return new Descriptor(fd);
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

/** Calls socketpair(2). Both file descriptors are non-blocking and owned. */
export function openPair(family: number, type: number): [number, number] {
  const pair: [number, number] = [-1, -1]; // created before the call, because an array literal needs stack space too
  const n = native.socketpair(family, type | SOCK_NONBLOCK, 0, 1);
  if (n < 0) fail(n, SOCKETPAIR);
  pair[0] = out[OUT_PAIR_FIRST]!;
  pair[1] = out[OUT_PAIR_SECOND]!;
  return pair;
}

/** Calls accept4(2). Returns a non-blocking, owned file descriptor or -errno, and stores the address in `from`. */
export function acceptSocket(fd: number, from: SockaddrStorage): number {
  const n = native.accept4(fd, from.bytes, SOCK_NONBLOCK, 1);
  from.length = n < 0 ? 0 : out[OUT_NAME_LENGTH]!;
  return n < 0 ? unlessRefused(n, ACCEPT) : n;
}

/** Duplicates a file descriptor, like dup(2). The duplicate is owned. */
export function duplicate(fd: number): number {
  const n = native.fcntl(fd, F_DUPFD_CLOEXEC, 0, 1);
  return n < 0 ? fail(n, DUP) : n;
}

export class Descriptor {
  #fd: number;
  /** The state of the file descriptor, with its waiters. */
  readonly readiness: Readiness;

  /**
   * @param fd An open file descriptor. If the constructor throws, the file descriptor is not owned.
   * @throws TypeError or RangeError if it is not an int or another Descriptor owns it; SocketError EBADF.
   */
  constructor(fd: number) {
    if (check(native.hold(fd), HOLD) !== 0) throw invalidValue('fd', 'a file descriptor that no other Socket owns');
    try {
      this.readiness = adopt(fd);
      forgotten.register(this, this.readiness, this);
    } catch (error) {
      native.disown(fd); // restores the previous state
      throw error;
    }
    this.#fd = fd;
  }

  /** The file descriptor, or -1 after it was closed or given away. */
  get fd(): number {
    return this.#fd;
  }

  /** Marks the Descriptor as closed and returns its number. */
  #leave(): number {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd !== -1) forgotten.unregister(this);
    return fd;
  }

  /** Gives the file descriptor away and returns it. */
  release(): number {
    const fd = this.#leave();
    if (fd === -1 || this.readiness.closed) return fd;
    end(this.readiness, () => {
      native.disown(fd);
      released();
    });
    return fd;
  }

  /** Calls close(2) once, and then ends the waiters. Returns 0 or -errno. */
  close(): number {
    const fd = this.#fd;
    if (fd === -1) return 0;
    this.#fd = -1;
    const { readiness } = this;
    let gone = readiness.closed; // it was closed elsewhere, and the number belongs to another file descriptor now
    let n = -EBADF;
    try {
      forgotten.unregister(this);
      if (gone) return n;
      n = end(readiness, () => {
        gone = true;
        return native.closeHeld(fd);
      });
    } catch (error) {
      if (!gone) native.closeHeld(fd); // the stack overflowed before the call
      throw error;
    }
    released();
    return unlessRefused(n, CLOSE);
  }
}
