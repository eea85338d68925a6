/** Waiting for descriptors: poll(2), ppoll(2), select(2). The whole thread waits; EINTR is given as the kernel gives it. */

import { POLL, PPOLL, PSELECT, SELECT } from './calls.ts';
import { check, invalidType, outOfRange, settle } from './errno.ts';
import { namesOf, onlyKnown } from './known-names.ts';
import { native } from './native.ts';
import { int32, integer } from './number.ts';
import { elements, object, own } from './snapshot.ts';

/**
 * What to wait for on one descriptor: struct pollfd.
 *
 * @see https://man7.org/linux/man-pages/man2/poll.2.html
 */
export interface PollFd {
  /** A negative one is passed over by the kernel. */
  fd: number;
  /** POLLIN, POLLOUT, POLLPRI, POLLRDHUP, ...; 0 waits for POLLERR and POLLHUP alone. */
  events: number;
}

const NAMES = namesOf<PollFdResult>({ fd: true, events: true, revents: true });

/** An array of struct pollfd: int fd, short events, short revents. */
export function pollfds(fds: readonly PollFd[]): Int16Array {
  if (!Array.isArray(fds)) throw invalidType('fds', 'an array');
  const entries = elements(fds, 'fds', fds.length, (entry) => {
    const given = onlyKnown(object(entry!, 'fds'), NAMES, 'fds');
    const fd = int32(own(given, 'fd'), 'fds.fd');
    return { fd, events: integer(own(given, 'events'), 'fds.events', -0x8000, 0xffff) };
  });
  const words = new Int16Array(entries.length * 4);
  const longs = new Int32Array(words.buffer);
  for (let i = 0; i < entries.length; i++) {
    longs[i * 2] = entries[i]!.fd;
    words[i * 4 + 2] = entries[i]!.events;
  }
  return words;
}

/** The revents of an array of struct pollfd. */
export function revents(words: Int16Array): number[] {
  const list: number[] = [];
  for (let i = 3; i < words.length; i += 4) list.push(words[i]! & 0xffff);
  return list;
}

/**
 * Waits until one of the descriptors is ready: poll(2).
 *
 * @param fds What to wait for.
 * @param timeoutMs Milliseconds; 0 looks and returns at once, -1 waits for ever.
 * @returns For each descriptor what is ready of it (POLLIN, ..., POLLERR, POLLHUP, POLLNVAL), in their order. All are 0
 *   when the time is over.
 * @throws SocketError EINTR, EINVAL (too many descriptors).
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
 * An array of int for the native code. By index: what a program has put in the place of Int32Array.from could give memory
 * of its own.
 */
function ints(list: readonly number[]): Int32Array {
  const copy = new Int32Array(list.length);
  for (let i = 0; i < copy.length; i++) copy[i] = list[i]!;
  return copy;
}

/** Seconds and the rest of a time in nanoseconds. */
export function timespec(timeout: bigint | undefined): [number | undefined, number] {
  if (timeout === undefined) return [undefined, 0];
  if (typeof timeout !== 'bigint') throw invalidType('timeout', 'a bigint');
  return [Number(timeout / 1_000_000_000n), Number(timeout % 1_000_000_000n)];
}

/** Signal numbers as an array of int. */
export function signals(sigmask: readonly number[] | undefined): Int32Array | undefined {
  if (sigmask === undefined) return undefined;
  if (!Array.isArray(sigmask)) throw invalidType('sigmask', 'an array of signal numbers');
  return ints(elements(sigmask, 'sigmask', sigmask.length, (signal) => integer(signal, 'sigmask', 1, 64)));
}

/**
 * Waits as `poll`, with nanoseconds and a signal mask for the time of the wait: ppoll(2).
 *
 * @param fds What to wait for.
 * @param timeout Nanoseconds; left out: for ever.
 * @param sigmask The signals that are blocked while it waits (`os.constants.signals`); left out: those of the thread.
 * @returns As `poll`.
 * @throws SocketError EINTR, EINVAL (a negative time).
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
 * The descriptors that select(2) found ready.
 *
 * @see https://man7.org/linux/man-pages/man2/select.2.html
 */
export interface Selected {
  readers: number[];
  writers: number[];
  excepts: number[];
}

function set(fds: readonly number[], name: string): Int32Array {
  if (!Array.isArray(fds)) throw invalidType(name, 'an array of descriptors');
  return ints(elements(fds, name, fds.length, (fd) => int32(fd, name)));
}

/**
 * Waits until a descriptor is ready: select(2). `poll` has no limit of 1024.
 *
 * @param readers Descriptors to read from.
 * @param writers Descriptors to write to.
 * @param excepts Descriptors with out-of-band data to come.
 * @param timeoutMs Milliseconds, to the microsecond; left out: for ever.
 * @returns Those that are ready; none when the time is over.
 * @throws SocketError EBADF, EINTR, EINVAL; RangeError for a descriptor that is negative or not below 1024
 *   (FD_SETSIZE): C would write outside of the set.
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
    const micros = Math.round(timeoutMs * 1000); // 0.07 * 1000 is not 70
    if (!Number.isSafeInteger(micros) || micros / 1000 !== timeoutMs)
      throw outOfRange('timeoutMs', 'a whole number of microseconds');
    seconds = Math.trunc(micros / 1_000_000);
    microseconds = micros % 1_000_000;
  }
  check(native.select(sets[0], sets[1], sets[2], seconds, microseconds), SELECT);
  return selected(sets);
}

/** What is left in the sets is ready. */
function selected(sets: readonly Int32Array[]): Selected {
  return { readers: ready(sets[0]!), writers: ready(sets[1]!), excepts: ready(sets[2]!) };
}

function ready(set: Int32Array): number[] {
  const list: number[] = [];
  for (let i = 0; i < set.length; i++) if (set[i]! >= 0) list.push(set[i]!);
  return list;
}

/**
 * Waits as `select`, with nanoseconds and a signal mask for the time of the wait: pselect(2).
 *
 * @param readers Descriptors to read from.
 * @param writers Descriptors to write to.
 * @param excepts Descriptors with out-of-band data to come.
 * @param timeout Nanoseconds; left out: for ever.
 * @param sigmask The signals that are blocked while it waits (`os.constants.signals`); left out: those of the thread.
 * @returns As `select`.
 * @throws SocketError As `select`; RangeError for a descriptor that is negative or not below 1024.
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

/**
 * A pollfd of `sys-socket/nothrow`, whose revents the call fills.
 *
 * @see https://man7.org/linux/man-pages/man2/poll.2.html
 */
export interface PollFdResult extends PollFd {
  revents?: number;
}

/**
 * poll(2): how many descriptors are ready, or -errno; what is ready of each goes to its `revents`. As `poll`.
 *
 * @example
 * const fds = [{ fd: 1, events: POLLOUT, revents: 0 }, { fd: 1000000, events: POLLIN, revents: 0 }];
 * console.log(poll(fds, 0) > 0, fds[1].revents === POLLNVAL); // true true
 * @see https://man7.org/linux/man-pages/man2/poll.2.html
 */
export function pollNothrow(fds: readonly PollFdResult[], timeoutMs: number): number {
  const words = pollfds(fds);
  const n = settle(native.poll(words, timeoutMs), POLL);
  if (n >= 0) {
    for (let i = 0; i * 4 < words.length; i++) fds[i]!.revents = words[i * 4 + 3]! & 0xffff;
  }
  return n;
}
