/** Socket activation and notification: sd_listen_fds(3) and sd_notify(3), by their protocols, without libsystemd. */
import process from 'node:process';
import type { UnixAddressInput, VsockAddressInput } from '../posix/address-type.ts';
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
} from '../posix/constants.ts';
import type { Rights } from '../posix/control-message.ts';
import { invalidValue, isErrno, text } from '../posix/errno.ts';
import { fcntl } from '../posix/option.ts';
import { object } from '../posix/snapshot.ts';
import { type WaitOptions, waitOptions } from './options.ts';
import { Socket } from './socket.ts';
import { readable } from './wait.ts';

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
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = object(env, 'env');
  if (Number(pid) !== process.pid || !/^\d+$/.test(count ?? '')) return [];
  for (const key of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[key];
  const named = names?.split(':') ?? [];
  return Array.from({ length: Number(count) }, (_, i) => {
    const fd = FIRST + i;
    fcntl(fd, F_SETFD, fcntl(fd, F_GETFD) | FD_CLOEXEC);
    return { fd, name: named[i] || 'unknown' };
  });
}

/** Where the service manager listens. A type is that of AF_VSOCK when the address forces one. */
interface Manager {
  address: UnixAddressInput | VsockAddressInput;
  type?: number;
}

const VSOCK_TYPES: Readonly<Record<string, number | undefined>> = {
  __proto__: null as never,
  vsock: undefined,
  'vsock-stream': SOCK_STREAM,
  'vsock-dgram': SOCK_DGRAM,
  'vsock-seqpacket': SOCK_SEQPACKET,
};
const CIDS: Readonly<Record<string, number>> = {
  __proto__: null as never,
  hypervisor: VMADDR_CID_HYPERVISOR,
  local: VMADDR_CID_LOCAL,
  host: VMADDR_CID_HOST,
};

/** Reads $NOTIFY_SOCKET: undefined when there is no service manager. */
function notifySocket(env: NodeJS.ProcessEnv): Manager | undefined {
  const { NOTIFY_SOCKET: text } = object(env, 'env');
  if (text === undefined || text === '') return undefined;
  if (text.startsWith('/')) return { address: { family: AF_UNIX, path: text } };
  if (text.startsWith('@')) return { address: { family: AF_UNIX, path: `\0${text.slice(1)}` } };
  const [, kind = '', cidText = '', portText] = /^([^:]*):([^:]*):(\d{1,10})$/.exec(text) ?? [];
  const cid = CIDS[cidText] ?? (/^\d{1,10}$/.test(cidText) ? Number(cidText) : VMADDR_CID_ANY);
  const port = Number(portText);
  // The manager is at one CID and one port: VMADDR_CID_ANY and VMADDR_PORT_ANY, the largest numbers, name none.
  if (!(kind in VSOCK_TYPES) || !(cid < VMADDR_CID_ANY) || !(port < VMADDR_PORT_ANY)) {
    const forms = 'a path, @ and an abstract name, or vsock:CID:PORT (vsock-stream, vsock-dgram, vsock-seqpacket)';
    throw invalidValue('NOTIFY_SOCKET', forms);
  }
  const type = VSOCK_TYPES[kind];
  return { address: { family: AF_VSOCK, cid, port }, ...(type === undefined ? {} : { type }) };
}

/** A socket of AF_VSOCK of this type, else of the first type that the kernel has. */
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

/** Binds the socket to a port below 1024, by which a manager on the host knows that the sender is privileged, if it is. */
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

/** Sends the state to a manager outside of this virtual machine. */
async function notifyVsock(state: string, address: VsockAddressInput, type: number | undefined, options: WaitOptions) {
  using socket = vsockSocket(type);
  bindPrivileged(socket);
  if (socket.type === SOCK_DGRAM) {
    await socket.sendto(state, 0, address, options);
    return;
  }
  await socket.connect(address, options);
  await socket.sendAll(state, 0, options);
  // The end of the connection is the end of the message; the manager ends its direction when it has read that.
  socket.shutdown(SHUT_WR);
  await socket.recv(1, 0, options);
}

/**
 * Tells the service manager something: sd_notify(3).
 *
 * @param state Lines such as `'READY=1'`, `'STATUS=...'`, `'WATCHDOG=1'`, `'STOPPING=1'`.
 * @param options AbortSignal, and timeout in milliseconds: it waits while the queue of the manager is full.
 * @param env Where NOTIFY_SOCKET is: a path, `@` and an abstract name, or `vsock:CID:PORT` for a manager outside of this
 *   virtual machine (`vsock-stream:`, `vsock-dgram:` and `vsock-seqpacket:` force the type of the socket).
 * @returns false when there is no service manager to tell.
 * @throws SocketError ECONNREFUSED, ENOENT, ENODEV, ECONNRESET; AbortError, TimeoutError; TypeError for a NOTIFY_SOCKET of
 *   another form.
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
  waitOptions(options); // also where there is no manager, so that a mistake shows before there is one
  const manager = notifySocket(env);
  if (manager === undefined) return false;
  const { address } = manager;
  if (address.family === AF_VSOCK) {
    await notifyVsock(state, address, manager.type, options);
    return true;
  }
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
 * @throws SocketError ECONNREFUSED, ENOENT; AbortError, TimeoutError; TypeError for an address of AF_VSOCK, to which no
 *   descriptor can be passed, and for a NOTIFY_SOCKET of an unknown form.
 * @example
 * await sdNotify('STOPPING=1');
 * console.log(await sdNotifyBarrier({ timeout: 1000 })); // false
 * @see https://man7.org/linux/man-pages/man3/sd_notify.3.html
 */
export async function sdNotifyBarrier(
  options: WaitOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<boolean> {
  waitOptions(options);
  const manager = notifySocket(env);
  if (manager === undefined) return false;
  const { address } = manager;
  if (address.family !== AF_UNIX) throw invalidValue('NOTIFY_SOCKET', 'an AF_UNIX address: a barrier is a descriptor');
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
