/**
 * The limits for the work in one turn of the event loop. Without them, a loop in which every operation completes
 * immediately would starve timers, signals and all other sockets. Operations over the budget run in the next turn,
 * without a request to epoll.
 *
 * A turn begins when the event loop calls the reactor. The budget of a socket, in which each call counts as a fixed
 * number of bytes, limits a loop over that socket. The budget of the thread limits loops over many sockets, or over ever
 * new ones. It grows with the number of sockets that are served, so that it never stops many sockets that do little each.
 */
import type { Readiness } from './readiness.ts';

/** The cost of a system call, in addition to its bytes. */
const CALL = 4096;
/** The cost of a message of a batch. */
export const MESSAGE = 2048;
/** The budget of one socket: 256 calls without data, or 1 MiB in a few calls. */
export const MOST: number = 1 << 20;
/** The budget of the thread in calls, and the amount that each event adds to it. */
const CALLS = 2048;
const CALLS_PER_EVENT = 8;
/** The same in bytes, in which each call counts, too. */
const BYTES = 8 * MOST;
const BYTES_PER_EVENT = 32 * CALL;

let turn = 1;
let calls = CALLS;
let bytes = BYTES;

/** Begins a turn in which the given number of sockets is served. */
export function beginTurn(events: number): void {
  turn = (turn + 1) | 0;
  calls = CALLS + events * CALLS_PER_EVENT;
  bytes = BYTES + events * BYTES_PER_EVENT;
}

/** Returns whether the next operation has to wait for the next turn. */
export function isSpent(readiness: Readiness): boolean {
  return calls <= 0 || bytes <= 0 || (readiness.spent >= MOST && readiness.turn === turn);
}

/** Counts a call that transferred the given number of bytes. */
export function spend(readiness: Readiness, transferred: number): void {
  const cost = CALL + transferred;
  calls--;
  bytes -= cost;
  if (readiness.turn === turn) {
    readiness.spent += cost;
  } else {
    readiness.turn = turn;
    readiness.spent = cost;
  }
}
