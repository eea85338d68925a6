/** Socket activation and notification: sd_listen_fds(3) and sd_notify(3), by their protocols, without libsystemd. */
import process from 'node:process';
import { AF_UNIX, F_GETFD, F_SETFD, FD_CLOEXEC, SCM_RIGHTS, SOCK_DGRAM, SOL_SOCKET } from '../posix/constants.ts';
import type { Rights } from '../posix/control.ts';
import { fcntl } from '../posix/option.ts';
import { Socket } from './socket.ts';
import { readable, type WaitOptions } from './wait.ts';

/**
 * A descriptor that the service manager passed.
 *
 * @see https://man7.org/linux/man-pages/man3/sd_listen_fds.3.html
 */
export interface ListenFd {
  fd: number;
  /** Of FileDescriptorName=; `'unknown'` when it gave none. */
  name: string;
}

const FIRST = 3;

/**
 * The descriptors that systemd passed to this process: sd_listen_fds(3). They become close-on-exec.
 *
 * @param env Where LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES are; they are removed from it, so that children do not
 *   take them for theirs.
 * @returns None when LISTEN_PID is not this process.
 * @throws SocketError EBADF when LISTEN_FDS counts more descriptors than there are.
 * @example
 * const sockets = listenFds().map(({ fd }) => Socket.fromFd(fd));
 * console.log(sockets.length); // 0
 * @see https://man7.org/linux/man-pages/man3/sd_listen_fds.3.html
 */
export function listenFds(env: NodeJS.ProcessEnv = process.env): ListenFd[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = env;
  if (Number(pid) !== process.pid || !/^\d+$/.test(count ?? '')) return [];
  for (const key of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[key];
  const named = names?.split(':') ?? [];
  return Array.from({ length: Number(count) }, (_, i) => {
    const fd = FIRST + i;
    fcntl(fd, F_SETFD, fcntl(fd, F_GETFD) | FD_CLOEXEC);
    return { fd, name: named[i] || 'unknown' };
  });
}

function notifySocket(env: NodeJS.ProcessEnv): { family: typeof AF_UNIX; path: string } | undefined {
  const { NOTIFY_SOCKET: path } = env;
  if (path === undefined || path === '') return undefined;
  return { family: AF_UNIX, path: path.startsWith('@') ? `\0${path.slice(1)}` : path };
}

/**
 * Tells the service manager something: sd_notify(3).
 *
 * @param state Lines such as `'READY=1'`, `'STATUS=...'`, `'WATCHDOG=1'`, `'STOPPING=1'`.
 * @param options AbortSignal, and timeout in milliseconds: it waits while the queue of the manager is full.
 * @param env Where NOTIFY_SOCKET is.
 * @returns false when there is no service manager to tell.
 * @throws SocketError ECONNREFUSED, ENOENT; AbortError, TimeoutError.
 * @example
 * console.log(await sdNotify('READY=1\nSTATUS=serving')); // false
 * @see https://man7.org/linux/man-pages/man3/sd_notify.3.html
 */
export async function sdNotify(
  state: string,
  options: WaitOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<boolean> {
  const address = notifySocket(env);
  if (address === undefined) return false;
  using socket = new Socket(AF_UNIX, SOCK_DGRAM);
  await socket.sendto(state, 0, address, options);
  return true;
}

/**
 * Waits until the service manager has taken everything that was sent before: sd_notify_barrier(3).
 *
 * @param options AbortSignal, and timeout in milliseconds.
 * @param env Where NOTIFY_SOCKET is.
 * @returns false when there is no service manager.
 * @throws SocketError; AbortError, TimeoutError.
 * @example
 * await sdNotify('STOPPING=1');
 * console.log(await sdNotifyBarrier({ timeout: 1000 })); // false
 * @see https://man7.org/linux/man-pages/man3/sd_notify.3.html
 */
export async function sdNotifyBarrier(
  options: WaitOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<boolean> {
  const address = notifySocket(env);
  if (address === undefined) return false;
  using socket = new Socket(AF_UNIX, SOCK_DGRAM);
  // The manager closes its copy of the other end when it has come that far, which hangs this end up.
  const [mine, theirs] = Socket.pair();
  try {
    const control = [{ level: SOL_SOCKET, type: SCM_RIGHTS, fds: [theirs.fd] } satisfies Rights];
    await socket.sendmsg({ buffers: ['BARRIER=1'], address, control }, 0, options);
    theirs.close();
    await readable(mine.fd, options);
    return true;
  } finally {
    theirs.close();
    mine.close();
  }
}
