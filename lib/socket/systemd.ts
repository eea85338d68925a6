/** Socket activation and notification: the protocols of sd_listen_fds(3) and sd_notify(3), without libsystemd. */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { invalidValue, text } from '../argument/argument-error.ts';
import { assertObject } from '../argument/snapshot.ts';
import { TimeoutError, withSent } from '../loop/errors.ts';
import { LONGEST, type WaitOptions, waitOptions } from '../loop/options.ts';
import {
  AF_UNIX,
  AF_VSOCK,
  F_GETFD,
  F_SETFD,
  FD_CLOEXEC,
  SCM_RIGHTS,
  SHUT_WR,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
  VMADDR_CID_ANY,
  VMADDR_CID_HOST,
  VMADDR_CID_HYPERVISOR,
  VMADDR_CID_LOCAL,
  VMADDR_PORT_ANY,
} from '../native/constants.ts';
import { fcntl } from '../posix/option.ts';
import type { UnixAddressInput, VsockAddressInput } from '../struct/address-type.ts';
import type { Rights } from '../struct/control-message.ts';
import { isErrno } from '../struct/errno.ts';
import { Socket } from './socket.ts';

/**
 * A file descriptor that the service manager passed to this process.
 *
 * @see https://man7.org/linux/man-pages/man3/sd_listen_fds.3.html
 */
export interface ListenFd {
  fd: number;
  /** The name that FileDescriptorName= sets, or `'unknown'` if there is none. */
  name: string;
}

/** The size of a read of what a manager may write to the descriptor of a barrier, which means nothing. */
const DISCARDED = 4096;

/** SD_LISTEN_FDS_START: the first file descriptor that is passed. */
const FIRST = 3;

/**
 * Returns the file descriptors that systemd passed to this process: sd_listen_fds(3). They become close-on-exec.
 *
 * @param env The environment, `process.env` by default. LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES are read and then removed, so
 *   that child processes do not use them.
 * @returns The file descriptors and their names. The array is empty if LISTEN_PID is not this process.
 * @throws SocketError EBADF if LISTEN_FDS is larger than the number of file descriptors that were passed.
 * @example
 * const sockets = listenFds().map(({ fd }) => Socket.fromFd(fd));
 * console.log(sockets.length); // 0
 * @see https://man7.org/linux/man-pages/man3/sd_listen_fds.3.html
 */
export function listenFds(env: NodeJS.ProcessEnv = process.env): ListenFd[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = assertObject(env, 'env');
  if (Number(pid) !== process.pid || !/^\d+$/.test(count ?? '')) return [];
  for (const key of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[key];
  const named = names?.split(':') ?? [];
  return Array.from({ length: Number(count) }, (_, i) => {
    const fd = FIRST + i;
    fcntl(fd, F_SETFD, fcntl(fd, F_GETFD) | FD_CLOEXEC);
    return { fd, name: named[i] || 'unknown' };
  });
}

/** The address of the service manager, and the socket type if an AF_VSOCK address specifies one. */
interface Manager {
  address: UnixAddressInput | VsockAddressInput;
  type?: number;
}

/** The socket types that the prefixes of an AF_VSOCK address in $NOTIFY_SOCKET specify. */
const VSOCK_TYPES: Readonly<Record<string, number | undefined>> = {
  __proto__: null as never,
  vsock: undefined,
  'vsock-stream': SOCK_STREAM,
  'vsock-dgram': SOCK_DGRAM,
  'vsock-seqpacket': SOCK_SEQPACKET,
};
/** The names that $NOTIFY_SOCKET may contain in place of a CID. */
const CIDS: Readonly<Record<string, number>> = {
  __proto__: null as never,
  hypervisor: VMADDR_CID_HYPERVISOR,
  local: VMADDR_CID_LOCAL,
  host: VMADDR_CID_HOST,
};

/** Parses $NOTIFY_SOCKET. Returns undefined if there is no service manager. */
function notifySocket(env: NodeJS.ProcessEnv): Manager | undefined {
  const { NOTIFY_SOCKET: text } = assertObject(env, 'env');
  if (text === undefined || text === '') return undefined;
  if (text.startsWith('/')) return { address: { family: AF_UNIX, path: text } };
  if (text.startsWith('@')) return { address: { family: AF_UNIX, path: `\0${text.slice(1)}` } };
  const [, kind = '', cidText = '', portText] = /^([^:]*):([^:]*):(\d{1,10})$/.exec(text) ?? [];
  const cid = CIDS[cidText] ?? (/^\d{1,10}$/.test(cidText) ? Number(cidText) : VMADDR_CID_ANY);
  const port = Number(portText);
  // The manager has one CID and one port. VMADDR_CID_ANY and VMADDR_PORT_ANY, the largest numbers, are neither.
  if (!(kind in VSOCK_TYPES) || !(cid < VMADDR_CID_ANY) || !(port < VMADDR_PORT_ANY)) {
    const forms = 'a path, @ and an abstract name, or vsock:CID:PORT (vsock-stream, vsock-dgram, vsock-seqpacket)';
    throw invalidValue('NOTIFY_SOCKET', forms);
  }
  const type = VSOCK_TYPES[kind];
  return { address: { family: AF_VSOCK, cid, port }, ...(type === undefined ? {} : { type }) };
}

/** Creates an AF_VSOCK socket of the given type, or of the first type that the kernel supports. */
function vsockSocket(type: number | undefined): Socket {
  if (type !== undefined) return new Socket(AF_VSOCK, type);
  for (const candidate of [SOCK_DGRAM, SOCK_SEQPACKET]) {
    try {
      return new Socket(AF_VSOCK, candidate);
    } catch (error) {
      if (!isErrno(error, 'ENODEV', 'EOPNOTSUPP', 'ESOCKTNOSUPPORT', 'EPROTONOSUPPORT')) throw error;
    }
  }
  return new Socket(AF_VSOCK, SOCK_STREAM);
}

/**
 * Binds the socket to a port below 1024 if the process may do so. The port proves to a manager on the host that the
 * sender is privileged.
 */
function bindPrivileged(socket: Socket): void {
  for (let port = 1023; port > 0; port--) {
    try {
      socket.bind({ family: AF_VSOCK, cid: VMADDR_CID_ANY, port });
      return;
    } catch (error) {
      if (isErrno(error, 'EACCES', 'EPERM')) return;
      if (!isErrno(error, 'EADDRINUSE') || port === 1) throw error;
    }
  }
}

/** Returns the options of the next wait of a call. */
type Left = () => WaitOptions;

/** Makes a call of several waits, which the timeout limits together: `left` gives each what is left of it. */
async function together(options: WaitOptions, call: (left: Left) => Promise<void>): Promise<void> {
  const { signal, timeout } = options;
  if (timeout === undefined || timeout > LONGEST) return await call(() => options);
  const end = performance.now() + timeout;
  try {
    await call(() => ({ signal, timeout: Math.ceil(Math.max(0, end - performance.now())) }));
  } catch (error) {
    throw error instanceof TimeoutError ? withSent(new TimeoutError(error.syscall, timeout), error.sent) : error;
  }
}

/** Sends the state to a manager outside this virtual machine. */
async function notifyVsock(state: string, address: VsockAddressInput, type: number | undefined, left: Left) {
  using socket = vsockSocket(type);
  bindPrivileged(socket);
  if (socket.type === SOCK_DGRAM) {
    await socket.sendto(state, 0, address, left());
    return;
  }
  await socket.connect(address, left());
  await socket.sendAll(state, 0, left());
  // The end of the stream marks the end of the message. The manager closes the connection when it has read it.
  socket.shutdown(SHUT_WR);
  await socket.recv(1, 0, left());
}

/**
 * Notifies the service manager of a change of state: sd_notify(3).
 *
 * @param state Lines such as `'READY=1'`, `'STATUS=...'`, `'WATCHDOG=1'`, `'STOPPING=1'`.
 * @param options An AbortSignal, and a timeout in milliseconds for the whole call. The function waits while the queue of
 *   the manager is full.
 * @param env The environment with NOTIFY_SOCKET: a path, `@` and an abstract name, or `vsock:CID:PORT` for a manager
 *   outside this virtual machine (`vsock-stream:`, `vsock-dgram:` and `vsock-seqpacket:` specify the socket type).
 * @returns true if the state was sent, and false if there is no service manager.
 * @throws SocketError ECONNREFUSED, ENOENT, ENODEV, ECONNRESET; AbortError, TimeoutError; TypeError if NOTIFY_SOCKET
 *   has another form.
 * @example
 * console.log(await sdNotify('READY=1\nSTATUS=serving')); // false
 * @see https://man7.org/linux/man-pages/man3/sd_notify.3.html
 */
export async function sdNotify(
  state: string,
  options: WaitOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<boolean> {
  text(state, 'state');
  const checked = waitOptions(options); // even without a manager, so that a mistake is detected early
  const manager = notifySocket(env);
  if (manager === undefined) return false;
  const { address } = manager;
  if (address.family === AF_VSOCK) {
    await together(checked, (left) => notifyVsock(state, address, manager.type, left));
    return true;
  }
  using socket = new Socket(AF_UNIX, SOCK_DGRAM);
  await socket.sendto(state, 0, address, checked);
  return true;
}

/**
 * Waits until the service manager has processed everything that was sent before: sd_notify_barrier(3).
 *
 * @param options An AbortSignal, and a timeout in milliseconds for the whole call.
 * @param env The environment with NOTIFY_SOCKET.
 * @returns true if the manager has processed everything, and false if there is no service manager.
 * @throws SocketError ECONNREFUSED, ENOENT; AbortError, TimeoutError; TypeError if NOTIFY_SOCKET is an AF_VSOCK
 *   address, over which no file descriptor can be passed, or has an unknown form.
 * @example
 * await sdNotify('STOPPING=1');
 * console.log(await sdNotifyBarrier({ timeout: 1000 })); // false
 * @see https://man7.org/linux/man-pages/man3/sd_notify.3.html
 */
export async function sdNotifyBarrier(
  options: WaitOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<boolean> {
  const checked = waitOptions(options);
  const manager = notifySocket(env);
  if (manager === undefined) return false;
  const { address } = manager;
  if (address.family !== AF_UNIX) {
    throw invalidValue('NOTIFY_SOCKET', 'an AF_UNIX address, because a barrier passes a file descriptor');
  }
  using socket = new Socket(AF_UNIX, SOCK_DGRAM);
  // The manager closes its copy of the other end when it reaches this message, which causes a hang-up at this end.
  const [mine, theirs] = Socket.pair();
  try {
    const control = [{ level: SOL_SOCKET, type: SCM_RIGHTS, fds: [theirs.fd] } satisfies Rights];
    await together(checked, async (left) => {
      await socket.sendmsg({ buffers: ['BARRIER=1'], address, control }, 0, left());
      theirs.close();
      while ((await mine.recv(DISCARDED, 0, left())).length > 0); // only the hang-up ends the wait
    });
    return true;
  } finally {
    theirs.close();
    mine.close();
  }
}
