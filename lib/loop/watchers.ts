/**
 * The watchers of a file descriptor: a list in the order in which they were registered. Adding, calling and removing one
 * costs the same however many there are.
 */
import { forgetEvents } from './fresh-events.ts';
import type { Readiness, Watcher } from './readiness.ts';

/** The number of the current round of calls. */
let round = 0;
/** The watcher that is called next in this round. */
let upcoming: Watcher | undefined;

/** Adds a watcher at the end of the list. */
export function addWatcher(readiness: Readiness, watcher: Watcher): void {
  const head = readiness.watcher;
  watcher.since = round;
  if (head === undefined) {
    readiness.watcher = watcher;
    watcher.previous = watcher;
  } else {
    head.previous!.next = watcher;
    watcher.previous = head.previous;
    head.previous = watcher;
  }
  readiness.waiting++;
}

/** Removes a watcher from the list, at any position. Returns whether it was in the list. */
export function removeWatcher(readiness: Readiness, watcher: Watcher): boolean {
  const { next, previous } = watcher;
  const head = readiness.watcher;
  if (previous === undefined || head === undefined) return false;
  if (upcoming === watcher) upcoming = next;
  if (watcher === head) {
    readiness.watcher = next;
    if (next !== undefined) next.previous = previous;
  } else {
    previous.next = next;
    (next ?? head).previous = previous;
  }
  watcher.previous = undefined;
  watcher.next = undefined;
  readiness.waiting--;
  return true;
}

/**
 * Calls the watchers that wait for these events, but not those that are added or removed in the meantime. Returns the
 * events that they request.
 */
export function callWatchers(readiness: Readiness, events: number): number {
  let served = 0;
  round = (round + 1) | 0;
  let watcher = readiness.watcher;
  // One without a previous one was removed with all others.
  while (watcher?.previous !== undefined && watcher.since !== round) {
    upcoming = watcher.next;
    if ((events & watcher.serves) !== 0) {
      served |= watcher.asks;
      forgetEvents();
      watcher.call();
    }
    watcher = upcoming;
  }
  upcoming = undefined;
  return served;
}
