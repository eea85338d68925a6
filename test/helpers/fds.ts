/** File descriptors of this process: to check that none leaks, and to close those of a test. */
import { readdirSync, readlinkSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import * as s from '../../lib/index.ts';
import { close } from '../../lib/nothrow.ts';

/** Returns the open file descriptors with what they refer to. */
export function openFds(): Map<number, string> {
  const fds = new Map<number, string>();
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      fds.set(Number(name), readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      // the file descriptor that readdir itself had open
    }
  }
  return fds;
}

/** Returns the number of open sockets: what Node opens for itself (pipes, epoll, files) does not count. */
export function openSockets(): number {
  return [...openFds().values()].filter((target) => target.startsWith('socket:')).length;
}

/** The source of `sockets()`, which does the same as `openSockets` in a program that imports readdirSync and readlinkSync. */
export const SOCKETS = `
  const sockets = () => readdirSync('/proc/self/fd').filter((fd) => {
    try { return readlinkSync('/proc/self/fd/' + fd).startsWith('socket:'); } catch { return false; }
  }).length;
`;

/** Closes file descriptors when the test ends. Returns the first one. */
export function cleanup<Fd extends number>(...fds: [Fd, ...number[]]): Fd {
  onTestFinished(() => {
    for (const fd of fds) close(fd);
  });
  return fds[0];
}

/** Returns a file descriptor from which a number can be read. */
export function numbered(number: number): number {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
  s.send(a, String(number));
  s.close(a);
  return b;
}

/** Reads the number from a file descriptor, and closes it. */
export function numberOf(fd: number): number {
  const buffer = Buffer.alloc(16);
  const n = s.recv(fd, buffer, s.MSG_DONTWAIT);
  s.close(fd);
  return Number(buffer.toString('latin1', 0, n));
}
