/** Waits for file descriptors: poll(2), which returns n or -errno. */

import { invalidType } from '../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../argument/known-names.ts';
import { int32, integer } from '../argument/number.ts';
import { assertObject, copyElements, ownProperty } from '../argument/snapshot.ts';
import { native } from '../native/native.ts';
import { type Call, call, unlessRefused } from '../struct/errno.ts';

/**
 * The events to wait for on one file descriptor: struct pollfd.
 *
 * @see https://man7.org/linux/man-pages/man2/poll.2.html
 */
export interface PollFd {
  /** The file descriptor. The kernel ignores a negative one. */
  fd: number;
  /** POLLIN, POLLOUT, POLLPRI, POLLRDHUP, ...; 0 waits only for POLLERR and POLLHUP. */
  events: number;
}

/**
 * A pollfd for the `poll` of `sys-socket/nothrow`. The call sets its `revents`.
 *
 * @see https://man7.org/linux/man-pages/man2/poll.2.html
 */
export interface PollFdResult extends PollFd {
  revents?: number;
}

const NAMES = namesOf<PollFdResult>({ fd: true, events: true, revents: true });

/** Returns an array of struct pollfd: int fd, short events, short revents. */
export function pollfds(fds: readonly PollFd[]): Int16Array {
  if (!Array.isArray(fds)) throw invalidType('fds', 'an array');
  const entries = copyElements(fds, 'fds', fds.length, (entry) => {
    const given = onlyKnown(assertObject(entry!, 'fds'), NAMES, 'fds');
    const fd = int32(ownProperty(given, 'fd'), 'fds.fd');
    return { fd, events: integer(ownProperty(given, 'events'), 'fds.events', -0x8000, 0xffff) };
  });
  const words = new Int16Array(entries.length * 4);
  const longs = new Int32Array(words.buffer);
  for (let i = 0; i < entries.length; i++) {
    longs[i * 2] = entries[i]!.fd;
    words[i * 4 + 2] = entries[i]!.events;
  }
  return words;
}

export const POLL: Call = call('poll', 'fds', 'timeoutMs');

/**
 * Waits until at least one of the file descriptors is ready, like `poll` of sys-socket, but returns how many are ready or -errno:
 * poll(2). It sets `revents` of each entry to the events that occurred.
 *
 * @example
 * const output = { fd: 1, events: POLLOUT, revents: 0 };
 * const missing = { fd: 1000000, events: POLLIN, revents: 0 };
 * console.log(poll([output, missing], 0) > 0, missing.revents === POLLNVAL); // true true
 * @see https://man7.org/linux/man-pages/man2/poll.2.html
 */
export function poll(fds: readonly PollFdResult[], timeoutMs: number): number {
  const words = pollfds(fds);
  const n = unlessRefused(native.poll(words, timeoutMs), POLL);
  if (n >= 0) {
    for (let i = 0; i * 4 < words.length; i++) fds[i]!.revents = words[i * 4 + 3]! & 0xffff;
  }
  return n;
}
