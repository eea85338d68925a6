/** Descriptors of this process: to see that none leaks, and to close those of a test. */
import { readdirSync, readlinkSync } from 'node:fs';
import { onTestFinished } from 'vitest';
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

/** Closes descriptors when the test ends. Gives the first one back. */
export function cleanup(...fds: [number, ...number[]]): number {
  onTestFinished(() => {
    for (const fd of fds) close(fd);
  });
  return fds[0];
}
