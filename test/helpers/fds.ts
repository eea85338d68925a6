/** Descriptors of this process: to see that none leaks, and to close those of a test. */
import { readdirSync, readlinkSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import * as s from '../../lib/index.ts';
import { close } from '../../lib/nothrow.ts';

/** The open descriptors with what they are. */
export function openFds(): Map<number, string> {
  const fds = new Map<number, string>();
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      fds.set(Number(name), readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      // the descriptor that readdir itself had open
    }
  }
  return fds;
}

/** The open sockets: what Node opens for itself (pipes, epoll, files) does not count. */
export function openSockets(): number {
  return [...openFds().values()].filter((target) => target.startsWith('socket:')).length;
}

/** As `openSockets`, for the text of a program that has imported readdirSync and readlinkSync: `sockets()`. */
export const SOCKETS = `
  const sockets = () => readdirSync('/proc/self/fd').filter((fd) => {
    try { return readlinkSync('/proc/self/fd/' + fd).startsWith('socket:'); } catch { return false; }
  }).length;
`;

/** Closes descriptors when the test ends. Gives the first one back. */
export function cleanup<Fd extends number>(...fds: [Fd, ...number[]]): Fd {
  onTestFinished(() => {
    for (const fd of fds) close(fd);
  });
  return fds[0];
}

/** A descriptor that tells a number to whoever reads it. */
export function numbered(number: number): number {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
  s.send(a, String(number));
  s.close(a);
  return b;
}

/** The number of a descriptor, which is closed. */
export function numberOf(fd: number): number {
  const buffer = Buffer.alloc(16);
  const n = s.recv(fd, buffer, s.MSG_DONTWAIT);
  s.close(fd);
  return Number(buffer.toString('latin1', 0, n));
}
