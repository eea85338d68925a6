/**
 * How much is done in one turn of the event loop. A loop whose every operation is done at once would leave timers,
 * signals and all other sockets none. What is over the budget is done in the next turn; epoll is not asked for that.
 *
 * A turn begins when the reactor is called by the event loop. Both budgets are counted in bytes, and a call counts as so
 * many: the one of a socket bounds a loop over it, the one of the thread a loop over ever new sockets. The latter grows
 * with the number of sockets that are served, so that many sockets that do a little each are never stopped by it.
 */
import type { Readiness } from './readiness.ts';

/** What a system call counts beside its bytes. */
const CALL = 4096;
/** What a message of a batch counts. */
export const MESSAGE = 2048;
/** The budget of one socket: 256 calls without data, or 1 MiB by few calls. */
export const MOST: number = 1 << 20;
/** The budget of the thread, and what each event adds to it. */
const BASE = 8 * MOST;
const EVENT = 32 * CALL;

let turn = 1;
let left = BASE;

/** A turn begins, in which so many sockets are served. */
export function beginTurn(events: number): void {
  turn = (turn + 1) | 0;
  left = BASE + events * EVENT;
}

/** Whether the next operation has to wait for the next turn. */
export function isSpent(readiness: Readiness): boolean {
  return left <= 0 || (readiness.spent >= MOST && readiness.turn === turn);
}

/** Counts a call that moved so many bytes. */
export function spend(readiness: Readiness, bytes: number): void {
  const cost = CALL + bytes;
  left -= cost;
  if (readiness.turn === turn) {
    readiness.spent += cost;
  } else {
    readiness.turn = turn;
    readiness.spent = cost;
  }
}
