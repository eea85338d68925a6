/**
 * Calls that wait for file descriptors: poll(2), ppoll(2), select(2). They block the whole thread, and they do not retry
 * after EINTR. This poll returns the events, where that of lib/call/ stores them in the entries of the caller.
 */

import { invalidType, outOfRange } from '../argument/argument-error.ts';
import { int32, integer } from '../argument/number.ts';
import { copyElements } from '../argument/snapshot.ts';
import { POLL, type PollFd, pollfds } from '../call/poll.ts';
import { native } from '../native/native.ts';
import { type Call, call, check } from '../struct/errno.ts';

/** Returns the revents of an array of struct pollfd. */
export function revents(words: Int16Array): number[] {
  const list: number[] = [];
  for (let i = 3; i < words.length; i += 4) list.push(words[i]! & 0xffff);
  return list;
}

/**
 * Waits until at least one of the file descriptors is ready: poll(2).
 *
 * @param fds The file descriptors and the events to wait for.
 * @param timeoutMs The timeout in milliseconds. 0 returns immediately, -1 waits forever.
 * @returns The events that occurred on each file descriptor (POLLIN, ..., POLLERR, POLLHUP, POLLNVAL), in the order of
 *   `fds`. All are 0 when the timeout expired.
 * @throws SocketError EINTR, EINVAL (too many file descriptors).
 * @example
 * const [fd] = socketpair(AF_UNIX, SOCK_STREAM);
 * const [ready] = poll([{ fd, events: POLLIN | POLLOUT }], 1000);
 * console.log(ready === POLLOUT); // true
 * @see https://man7.org/linux/man-pages/man2/poll.2.html
 */
export function poll(fds: readonly PollFd[], timeoutMs: number): number[] {
  const words = pollfds(fds);
  check(native.poll(words, timeoutMs), POLL);
  return revents(words);
}

/**
 * Returns an array of int for the native code. It is copied by index, because a program can replace Int32Array.from by a
 * function that returns memory of its own.
 */
function ints(list: readonly number[]): Int32Array {
  const copy = new Int32Array(list.length);
  for (let i = 0; i < copy.length; i++) copy[i] = list[i]!;
  return copy;
}

/** Splits a time in nanoseconds into seconds and the remaining nanoseconds. */
export function timespec(timeout: bigint | undefined): [number | undefined, number] {
  if (timeout === undefined) return [undefined, 0];
  if (typeof timeout !== 'bigint') throw invalidType('timeout', 'a bigint');
  return [Number(timeout / 1_000_000_000n), Number(timeout % 1_000_000_000n)];
}

/** Returns signal numbers as an array of int. */
export function signals(sigmask: readonly number[] | undefined): Int32Array | undefined {
  if (sigmask === undefined) return undefined;
  if (!Array.isArray(sigmask)) throw invalidType('sigmask', 'an array of signal numbers');
  return ints(copyElements(sigmask, 'sigmask', sigmask.length, (signal) => integer(signal, 'sigmask', 1, 64)));
}

const PPOLL: Call = call('ppoll', 'fds', 'timeout', 'timeout', 'sigmask');

/**
 * Waits like `poll`, but with a timeout in nanoseconds and a signal mask during the wait: ppoll(2).
 *
 * @param fds The file descriptors and the events to wait for.
 * @param timeout The timeout in nanoseconds. If omitted, the call waits forever.
 * @param sigmask The signals (`os.constants.signals`) that are blocked during the wait. If omitted, the signal mask of the
 *   thread applies.
 * @returns The same as `poll`.
 * @throws SocketError EINTR, EINVAL (a negative timeout).
 * @example
 * const [fd] = socketpair(AF_UNIX, SOCK_STREAM);
 * console.log(ppoll([{ fd, events: POLLIN }], 500_000n)); // [ 0 ]
 * @see https://man7.org/linux/man-pages/man2/poll.2.html
 */
export function ppoll(fds: readonly PollFd[], timeout?: bigint, sigmask?: readonly number[]): number[] {
  const words = pollfds(fds);
  const [seconds, nanoseconds] = timespec(timeout);
  check(native.ppoll(words, seconds, nanoseconds, signals(sigmask)), PPOLL);
  return revents(words);
}

/**
 * The file descriptors that select(2) found ready.
 *
 * @see https://man7.org/linux/man-pages/man2/select.2.html
 */
export interface Selected {
  readers: number[];
  writers: number[];
  excepts: number[];
}

function set(fds: readonly number[], name: string): Int32Array {
  if (!Array.isArray(fds)) throw invalidType(name, 'an array of file descriptors');
  return ints(copyElements(fds, name, fds.length, (fd) => int32(fd, name)));
}

const SELECT: Call = call('select', 'readers', 'writers', 'excepts', 'timeoutMs', 'timeoutMs');

/**
 * Waits until at least one file descriptor is ready: select(2). It accepts only file descriptors below 1024; `poll` has no
 * such limit.
 *
 * @param readers File descriptors to watch for reading.
 * @param writers File descriptors to watch for writing.
 * @param excepts File descriptors to watch for out-of-band data.
 * @param timeoutMs The timeout in milliseconds, in steps of whole microseconds. If omitted, the call waits forever.
 * @returns The file descriptors that are ready. The lists are empty when the timeout expired.
 * @throws SocketError EBADF, EINTR, EINVAL; RangeError for a file descriptor that is negative or not below 1024
 *   (FD_SETSIZE), because C would write outside the set.
 * @example
 * const [fd] = socketpair(AF_UNIX, SOCK_STREAM);
 * const { readers, writers } = select([fd], [fd], [], 1000);
 * console.log(readers.length, writers.length); // 0 1
 * @see https://man7.org/linux/man-pages/man2/select.2.html
 */
export function select(
  readers: readonly number[],
  writers: readonly number[],
  excepts: readonly number[],
  timeoutMs?: number,
): Selected {
  const sets = [set(readers, 'readers'), set(writers, 'writers'), set(excepts, 'excepts')] as const;
  let seconds: number | undefined;
  let microseconds = 0;
  if (timeoutMs !== undefined) {
    if (typeof timeoutMs !== 'number') throw invalidType('timeoutMs', 'a number');
    const micros = Math.round(timeoutMs * 1000); // 0.07 * 1000 is not exactly 70
    if (!Number.isSafeInteger(micros) || micros / 1000 !== timeoutMs)
      throw outOfRange('timeoutMs', 'a whole number of microseconds');
    seconds = Math.trunc(micros / 1_000_000);
    microseconds = micros % 1_000_000;
  }
  check(native.select(sets[0], sets[1], sets[2], seconds, microseconds), SELECT);
  return selected(sets);
}

/** Returns the file descriptors that are left in the sets. These are ready. */
function selected(sets: readonly Int32Array[]): Selected {
  return { readers: ready(sets[0]!), writers: ready(sets[1]!), excepts: ready(sets[2]!) };
}

function ready(set: Int32Array): number[] {
  const list: number[] = [];
  for (let i = 0; i < set.length; i++) if (set[i]! >= 0) list.push(set[i]!);
  return list;
}

const PSELECT: Call = call('pselect', 'readers', 'writers', 'excepts', 'timeout', 'timeout', 'sigmask');

/**
 * Waits like `select`, but with a timeout in nanoseconds and a signal mask during the wait: pselect(2).
 *
 * @param readers File descriptors to watch for reading.
 * @param writers File descriptors to watch for writing.
 * @param excepts File descriptors to watch for out-of-band data.
 * @param timeout The timeout in nanoseconds. If omitted, the call waits forever.
 * @param sigmask The signals (`os.constants.signals`) that are blocked during the wait. If omitted, the signal mask of the
 *   thread applies.
 * @returns The same as `select`.
 * @throws SocketError The same errors as `select`; RangeError for a file descriptor that is negative or not below 1024.
 * @example
 * const [fd] = socketpair(AF_UNIX, SOCK_STREAM);
 * console.log(pselect([fd], [], [], 500_000n).readers); // []
 * @see https://man7.org/linux/man-pages/man2/select.2.html
 */
export function pselect(
  readers: readonly number[],
  writers: readonly number[],
  excepts: readonly number[],
  timeout?: bigint,
  sigmask?: readonly number[],
): Selected {
  const sets = [set(readers, 'readers'), set(writers, 'writers'), set(excepts, 'excepts')] as const;
  const [seconds, nanoseconds] = timespec(timeout);
  check(native.pselect(sets[0], sets[1], sets[2], seconds, nanoseconds, signals(sigmask)), PSELECT);
  return selected(sets);
}
