/**
 * The events that are being served, and whether they are fresh. Each waiter and callback that runs after the events of
 * the list were fetched may have made a later event untrue.
 */
import { isThreaded } from './epoll-set.ts';
import type { Readiness } from './readiness.ts';

/** Whether no waiter and no callback has run since the events were fetched. */
let isFresh = false;
/** The file descriptor whose events are being served, and its events. */
let current: Readiness | undefined;
let reported = 0;

/** Called when the events of a list were fetched. */
export function beginEvents(): void {
  isFresh = true;
}

/** Called before the events of each file descriptor are served, and with undefined after the last. */
export function setCurrent(readiness: Readiness | undefined, events: number): void {
  current = readiness;
  reported = events;
}

/** Makes the events that are being served stale, so that `freshEvents` does not return them any more. */
export function forgetEvents(): void {
  isFresh = false;
}

/**
 * Returns the events of a file descriptor if they are being served and nothing has run since they were fetched.
 * Otherwise, returns 0.
 */
export function freshEvents(readiness: Readiness): number {
  return current === readiness && isFresh && !isThreaded ? reported : 0;
}
