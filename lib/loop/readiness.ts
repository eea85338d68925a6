/**
 * The state of one file descriptor: the events that are requested from epoll, the waiters, and how much was done in
 * this turn of the event loop. A Socket holds the object itself; the reactor finds those of plain file descriptors by
 * number.
 */

/** The kinds of readiness. */
export const READ = 0;
export const WRITE = 1;
/** Entries in the error queue, or out-of-band data. */
export const ERROR = 2;
export type Kind = typeof READ | typeof WRITE | typeof ERROR;
export const KINDS: readonly Kind[] = [READ, WRITE, ERROR];

/** A waiter in the queue of one file descriptor and kind. */
export abstract class Waiter {
  /** The state of the file descriptor that it waits for, or undefined while it is in no queue. */
  readiness: Readiness | undefined = undefined;
  kind: Kind = READ;
  next: Waiter | undefined = undefined;
  /** The previous waiter. For the first one, it is the last one. */
  previous: Waiter | undefined = undefined;
  /** Whether epoll reports no event for it, so that it is tried again after a time. */
  retriedByTime = false;
  /** The name of the operation, for its errors. */
  abstract get syscall(): string;
  /** Whether it is connect(2), whose result an error of the socket is. */
  get connects(): boolean {
    return false;
  }
  /** Whether it transfers data, so that a call which is made immediately must not overtake it. */
  abstract get transfers(): boolean;

  /** Tries to finish. Returns true if it has finished and false if it has to continue waiting. It does not throw. */
  abstract attempt(): boolean;
  /** Called after it has finished and was removed from its queue, when nothing refers to it any more. */
  abstract retire(): void;
  /** Ends it with an error, because the file descriptor is closed or epoll no longer accepts it. It does not throw. */
  abstract reject(error: Error): void;
}

/** A registration that is called in each turn of the event loop in which there is an event: see watch.ts. */
export interface Watcher {
  /** The events that are requested from epoll. */
  readonly asks: number;
  /** The events for which it is called. */
  readonly serves: number;
  /** The name of the operation, for its errors. */
  readonly syscall: string;
  next: Watcher | undefined;
  /** The previous watcher, or undefined while it is in no list. For the first one, it is the last one. */
  previous: Watcher | undefined;
  /** The round of calls in which it was added: see watchers.ts. */
  since: number;
  /** Calls the function. It does not throw. */
  call(): void;
  /** Ends the calls, with an error or because its Socket was closed. It does not throw. */
  end(error: Error | undefined): void;
}

export class Readiness {
  readonly fd: number;
  /** A number that distinguishes its events from those of other file descriptors that had the same number. */
  generation: number;
  /** Whether it belongs to a Socket, which reports when the file descriptor is closed. */
  owned: boolean;
  closed = false;
  /** The events that are requested from epoll, or -1 while the file descriptor is not in the set. */
  asked = -1;
  /**
   * Whether events are edge-triggered (EPOLLET). Otherwise, an error that nothing reads would be reported in every
   * turn.
   */
  edge = false;
  /** Whether the last read emptied the receive queue. */
  drained = false;
  /** Whether the last read returned much data, so that the next one reads into a buffer that can become the result. */
  bulk = false;
  /** A finished read that can be used again. */
  spare: Waiter | undefined = undefined;
  /** 0, or the -errno that ended a read which already had data. The next read reports it. */
  failed = 0;
  /** Whether waiters keep the process alive. */
  refed = true;
  /** The timeout of the Socket in milliseconds. */
  timeout: number | undefined = undefined;
  /** The first waiter of each kind. */
  readonly heads: [Waiter | undefined, Waiter | undefined, Waiter | undefined] = [undefined, undefined, undefined];
  /** The first watcher: see watchers.ts. */
  watcher: Watcher | undefined = undefined;
  /** The number of waiters that transfer nothing. */
  looking = 0;
  /** The number of waiters and watchers. */
  waiting = 0;
  /** The last turn in which calls were made, and their cost: see budget.ts. */
  turn = 0;
  spent = 0;
  /** Whether its waiters are tried again in the next turn, without an event. */
  resuming = false;

  constructor(fd: number, generation: number, owned: boolean) {
    this.fd = fd;
    this.generation = generation;
    this.owned = owned;
  }

  /** Adds a waiter at the end of a queue. */
  enter(kind: Kind, waiter: Waiter): void {
    waiter.readiness = this;
    waiter.kind = kind;
    const head = this.heads[kind];
    if (head === undefined) {
      this.heads[kind] = waiter;
      waiter.previous = waiter;
    } else {
      const last = head.previous!;
      last.next = waiter;
      waiter.previous = last;
      head.previous = waiter;
    }
    this.waiting++;
    if (!waiter.transfers) this.looking++;
  }

  /** Removes a waiter from its queue, at any position. */
  leave(waiter: Waiter): void {
    const { kind, next, previous } = waiter;
    const head = this.heads[kind]!;
    if (waiter === head) {
      this.heads[kind] = next;
      if (next !== undefined) next.previous = previous;
    } else {
      previous!.next = next;
      (next ?? head).previous = previous;
    }
    waiter.previous = undefined;
    waiter.next = undefined;
    waiter.readiness = undefined;
    this.waiting--;
    if (!waiter.transfers) this.looking--;
  }

  /** Whether a connect(2) waits. */
  get isConnecting(): boolean {
    return this.heads[WRITE]?.connects === true;
  }

  /** Returns whether an operation in this direction waits, which a call that is made immediately would overtake. */
  isBusy(kind: Kind): boolean {
    let waiter = this.heads[kind];
    while (waiter !== undefined && !waiter.transfers) waiter = waiter.next;
    return waiter !== undefined;
  }
}
