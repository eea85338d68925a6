/**
 * The limits for the work in one turn of the event loop. Without them, a loop in which every operation completes
 * immediately would starve timers, signals and all other sockets. Operations over the budget run in the next turn,
 * without a request to epoll.
 *
 * A turn begins when the event loop calls the reactor. Both budgets are counted in bytes, and each call counts as a
 * fixed number of bytes. The budget of a socket limits a loop over that socket, and the budget of the thread limits a
 * loop over ever new sockets. The latter grows with the number of sockets that are served, so that it never stops many
 * sockets that do little each.
 */
import type { Readiness } from './readiness.ts';

/** The cost of a system call, in addition to its bytes. */
const CALL = 4096;
/** The cost of a message of a batch. */
export const MESSAGE = 2048;
/** The budget of one socket: 256 calls without data, or 1 MiB in a few calls. */
export const MOST: number = 1 << 20;
/** The budget of the thread, and the amount that each event adds to it. */
const BASE = 8 * MOST;
const EVENT = 32 * CALL;

let turn = 1;
let left = BASE;

/** Begins a turn in which the given number of sockets is served. */
export function beginTurn(events: number): void {
  turn = (turn + 1) | 0;
  left = BASE + events * EVENT;
}

/** Returns whether the next operation has to wait for the next turn. */
export function isSpent(readiness: Readiness): boolean {
  return left <= 0 || (readiness.spent >= MOST && readiness.turn === turn);
}

/** Counts a call that transferred the given number of bytes. */
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
