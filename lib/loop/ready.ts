/** Waiting until a file descriptor is ready, without reading or writing. */

import { getsockopt } from '../call/option.ts';
import { type PollFdResult, poll } from '../call/poll.ts';
import { recv } from '../call/transfer.ts';
import {
  EAGAIN,
  MSG_DONTWAIT,
  MSG_PEEK,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  SK_MEMINFO_RMEM_ALLOC,
  SO_MEMINFO,
  SOL_SOCKET,
} from '../native/constants.ts';
import { AbortError, ClosedError } from './errors.ts';
import { forgetEvents, freshEvents } from './fresh-events.ts';
import { type WaitOptions, waitOptions } from './options.ts';
import { PromiseWaiter } from './promise-waiter.ts';
import { FOR_EVENT, FOR_TURN } from './reactor.ts';
import { ERROR, type Kind, READ, type Readiness, WRITE } from './readiness.ts';

/** The events that are requested from poll(2) for each kind. */
const POLL = [POLLIN | POLLRDHUP, POLLOUT, POLLPRI] as const;
/** The events that mean that a read or a write would not block. */
const SHOWS = [POLLIN | POLLRDHUP | POLLHUP | POLLERR, POLLOUT | POLLHUP | POLLERR] as const;
/** The result of SO_MEMINFO, which contains the memory used for received data and the error queue. */
const memory = new Uint32Array(9);
const octet = new Uint8Array(1);
const SYSCALL = ['readable', 'writable', 'errorReady'] as const;

/** Waits until a file descriptor is ready. */
class ReadinessWaiter extends PromiseWaiter<void> {
  get transfers(): boolean {
    return false;
  }
  readonly owner: object | undefined;
  readonly #fd: number;

  constructor(fd: number, owner: object | undefined) {
    super();
    this.#fd = fd;
    this.owner = owner;
  }

  get syscall(): string {
    return SYSCALL[this.kind];
  }

  /** Checks the state again, because other waiters may have taken the data since the event was fetched. */
  attempt(): boolean {
    const { readiness, kind } = this;
    if (readiness === undefined || kind !== READ || readiness.failed === 0) {
      let events = readiness === undefined ? 0 : freshEvents(readiness);
      if (events === 0) {
        const fds: PollFdResult[] = [{ fd: this.#fd, events: POLL[kind] }];
        if (poll(fds, 0) <= 0) return false; // it can fail, too: with RLIMIT_NOFILE 0, it always does
        events = fds[0]!.revents ?? 0;
      }
      // poll(2) always reports a hang-up, which is not an error.
      if (kind === ERROR ? events === POLLHUP : (events & SHOWS[kind]) === POLLERR && !this.#fails()) return false;
    }
    this.resolve();
    return true;
  }

  /**
   * Returns whether a read or a write would fail, if poll(2) reports only POLLERR. The reason may also be an entry in
   * the error queue, and the kernel returns a pending error only by clearing it. Therefore, the error is read only if
   * the queue may have entries, and only from a Socket, whose next read reports it.
   */
  #fails(): boolean {
    const { readiness } = this;
    if (readiness === undefined || !readiness.owned || getsockopt(this.#fd, SOL_SOCKET, SO_MEMINFO, memory) < 0)
      return true;
    if (memory[SK_MEMINFO_RMEM_ALLOC] === 0) return true;
    if (this.kind === WRITE) return false; // an event follows when there is space, and then the write reports the error
    const n = recv(this.#fd, octet, MSG_PEEK | MSG_DONTWAIT);
    if (n === -EAGAIN) return false;
    if (n < 0) {
      readiness.failed = n;
      forgetEvents(); // the error may have been what a writer was told of
    }
    return true;
  }
}

/** Waits until a file descriptor is ready, which belongs to a Socket (`owner`) or is a plain one. */
export async function ready(readiness: Readiness, kind: Kind, options: WaitOptions, owner?: object): Promise<void> {
  const { signal, timeout = readiness.timeout || undefined } = waitOptions(options);
  if (readiness.closed) throw new ClosedError(SYSCALL[kind]); // by a getter of the options
  if (signal?.aborted) throw new AbortError(signal, SYSCALL[kind]);
  // There is no event for an error that is stored for the next read.
  const how = kind === READ && readiness.failed !== 0 ? FOR_TURN : FOR_EVENT;
  return await new ReadinessWaiter(readiness.fd, owner).begin(readiness, kind, how, signal, timeout);
}
