/** The one owner of a descriptor: closes it once, also when it is forgotten or its environment ends. */

import process from 'node:process';
import type { SockaddrStorage } from '../posix/address.ts';
import { ACCEPT, CLOSE, DUP, SOCKET, SOCKETPAIR } from '../posix/calls.ts';
import { F_DUPFD_CLOEXEC, SOCK_NONBLOCK } from '../posix/constants.ts';
import { check, settle } from '../posix/errno.ts';
import { native, out } from '../posix/native.ts';
import { ClosedError } from './errors.ts';
import * as reactor from './reactor.ts';

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
  native.close(fd);
  released();
});

// A worker can be terminated wherever a function of JavaScript begins. A descriptor that is made here is owned before
// the next one does, so that none is left behind.

/** socket(2): the descriptor, non-blocking and owned. */
export function openSocket(family: number, type: number, protocol: number): number {
  const fd = native.socket(family, type | SOCK_NONBLOCK, protocol);
  if (fd >= 0) native.own(fd, 1);
  return check(fd, SOCKET);
}

/** socketpair(2): two descriptors, non-blocking and owned. */
export function openPair(family: number, type: number): [number, number] {
  const n = native.socketpair(family, type | SOCK_NONBLOCK, 0);
  if (n === 0) {
    native.own(out[0]!, 1);
    native.own(out[1]!, 1);
  }
  check(n, SOCKETPAIR);
  return [out[0]!, out[1]!];
}

/** accept4(2): the descriptor, non-blocking and owned, or -errno. The address goes to `from`. */
export function acceptSocket(fd: number, from: SockaddrStorage): number {
  const n = native.accept4(fd, from.bytes, SOCK_NONBLOCK);
  if (n >= 0) native.own(n, 1);
  from.length = n < 0 ? 0 : out[0]!;
  return settle(n, ACCEPT);
}

/** dup(2): the descriptor, owned. */
export function duplicate(fd: number): number {
  const n = native.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (n >= 0) native.own(n, 1);
  return check(n, DUP);
}

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

  /** Nothing here waits for it or closes it any more; it is owned still. */
  #leave(syscall: string): number {
    const fd = this.#fd;
    if (fd === -1) return -1;
    this.#fd = -1;
    forgotten.unregister(this);
    reactor.evict(fd, new ClosedError(syscall));
    return fd;
  }

  /** Gives the descriptor away. */
  release(syscall: string): number {
    const fd = this.#leave(syscall);
    if (fd === -1) return -1;
    native.own(fd, 0);
    released();
    return fd;
  }

  /** Closes it, once: first nobody waits any more, then close(2). Gives 0, or -errno. */
  close(): number {
    const fd = this.#leave('close');
    if (fd === -1) return 0;
    native.own(fd, 0);
    const n = native.close(fd);
    released();
    return settle(n, CLOSE);
  }
}
