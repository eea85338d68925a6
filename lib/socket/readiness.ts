/**
 * What is known of one descriptor: what epoll is asked for, who waits, and how much was done in this turn of the event
 * loop. A Socket holds the object itself; plain descriptors find theirs by number in the reactor.
 */

/** What can be waited for. */
export const READ = 0;
export const WRITE = 1;
/** The error queue, or out-of-band data. */
export const ERROR = 2;
export type Kind = typeof READ | typeof WRITE | typeof ERROR;

/** Somebody who waits in the queue of one descriptor and kind. */
export abstract class Waiter {
  /** The descriptor that it waits for, or undefined while it is in no queue. */
  readiness: Readiness | undefined = undefined;
  kind: Kind = READ;
  next: Waiter | undefined = undefined;
  /** The one before it. That of the first one is the last one. */
  previous: Waiter | undefined = undefined;
  /** Whether epoll has no event for it, so that it is tried again after a time. */
  eventless = false;
  /** The name of the operation, for its errors. */
  abstract get syscall(): string;
  /** Whether it moves data, so that a call that is made at once must not overtake it. */
  abstract get transfers(): boolean;

  /** Tries it: true when it is done, false when it waits on. It does not throw. */
  abstract attempt(): boolean;
  /** It is done, and was taken out of its queue: nobody has it any more. */
  abstract retire(): void;
  /** Ends it: the descriptor is closed, or epoll does not take it any more. It does not throw. */
  abstract reject(error: Error): void;
}

/** Somebody who is called in each turn in which there is an event: see watch.ts. */
export interface Watcher {
  /** What epoll is asked for. */
  readonly asks: number;
  /** The events for which it is called. */
  readonly serves: number;
  /** The name of the operation, for its errors. */
  readonly syscall: string;
  /** Neither throws. */
  call(): void;
  /** It is called no more: by an error, or because its Socket was closed. */
  end(error: Error | undefined): void;
}

export const NOBODY: readonly Watcher[] = [];

export class Readiness {
  readonly fd: number;
  /** Tells its events from those of other descriptors that had the same number. */
  generation: number;
  /** Whether it is that of a Socket, which says when the descriptor is closed. */
  owned: boolean;
  closed = false;
  /** The events that epoll is asked for, or -1 while the descriptor is not in the set. */
  asked = -1;
  /** Whether only changes are told (EPOLLET): an error that nobody takes would be told for ever. */
  edge = false;
  /** Whether the last read took all that there was. */
  drained = false;
  /** Whether the last read brought much, so that the next is read where it can stay. */
  bulk = false;
  /** A read that is done, to be used again. */
  spare: Waiter | undefined = undefined;
  /** An error that ended a read which had data already: the next read reports it. 0 or -errno. */
  failed = 0;
  /** Whether those who wait keep the process alive. */
  refed = true;
  /** The timeout of the Socket in milliseconds. */
  timeout: number | undefined = undefined;
  /** The first one that waits, for each kind. */
  readonly heads: [Waiter | undefined, Waiter | undefined, Waiter | undefined] = [undefined, undefined, undefined];
  /** Replaced, never changed: who is stopped by another one is not called any more. */
  watchers: readonly Watcher[] = NOBODY;
  /** How many wait, watchers among them. */
  waiting = 0;
  /** The turn in which it last did something, and what that cost: see budget.ts. */
  turn = 0;
  spent = 0;
  /** Whether it is tried again in the next turn, without an event. */
  resuming = false;

  constructor(fd: number, generation: number, owned: boolean) {
    this.fd = fd;
    this.generation = generation;
    this.owned = owned;
  }

  /** Puts somebody at the end of a queue. */
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
  }

  /** Takes somebody out of the queue, wherever he stands. */
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
  }

  /** Whether an operation of this direction waits, which a call that is made at once would overtake. */
  isBusy(kind: Kind): boolean {
    let waiter = this.heads[kind];
    while (waiter !== undefined && !waiter.transfers) waiter = waiter.next;
    return waiter !== undefined;
  }
}
