/** Listening sockets in one call. */
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import * as nothrow from '../nothrow.ts';
import type { Address } from '../posix/address.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  AI_NUMERICHOST,
  AI_PASSIVE,
  ECONNREFUSED,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_STREAM,
  SOL_SOCKET,
  SOMAXCONN,
} from '../posix/constants.ts';
import { isErrno } from '../posix/errno.ts';
import { getaddrinfo } from '../posix/netdb.ts';
import type { Control } from './connect.ts';
import { Socket } from './socket.ts';

interface CommonOptions {
  /** How many connections may wait. */
  backlog?: number | undefined;
  control?: Control | undefined;
}

/**
 * A TCP server.
 *
 * @see https://man7.org/linux/man-pages/man7/tcp.7.html
 */
export interface InetServerOptions extends CommonOptions {
  /** An address text; left out: every address of this host, IPv6 and IPv4 if possible. */
  host?: string | undefined;
  /** 0 lets the kernel choose. */
  port: number;
  /** IPPROTO_TCP by default; IPPROTO_MPTCP too. */
  protocol?: number | undefined;
  /** Several servers share the port, and the kernel spreads the connections: SO_REUSEPORT. */
  reusePort?: boolean | undefined;
  /** With an IPv6 host: whether IPv4 is served too. By default only without a host. */
  dualStack?: boolean | undefined;
}

/**
 * An AF_UNIX server.
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface UnixServerOptions extends CommonOptions {
  /** A path, or `'\0name'`. */
  path: string;
  /** SOCK_STREAM or SOCK_SEQPACKET. */
  type?: number | undefined;
  /** The permissions of the path, set after bind(2) and before listen(2). */
  mode?: number | undefined;
  /** What to do with a socket that stands at the path and that nobody listens on any more (ECONNREFUSED): `'fail'`, the
   * default, is EADDRINUSE; `'replace'` removes it. A socket that answers, or another file, is never removed. */
  stale?: 'fail' | 'replace' | undefined;
}

function inetServer(options: InetServerOptions): Socket {
  const { host, port, protocol = 0, reusePort = false, backlog = SOMAXCONN, control } = options;
  const flags = AI_PASSIVE | AI_NUMERICHOST;
  const named = host === undefined ? undefined : getaddrinfo(host, port, { flags, socktype: SOCK_STREAM })[0]!.address;
  const candidates: Address[] =
    named === undefined
      ? [
          { family: AF_INET6, address: '::', port },
          { family: AF_INET, address: '0.0.0.0', port },
        ]
      : [named];
  for (const [i, address] of candidates.entries()) {
    let socket: Socket | undefined;
    try {
      socket = new Socket(address.family, SOCK_STREAM, protocol);
      socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, true);
      if (reusePort) socket.setsockopt(SOL_SOCKET, SO_REUSEPORT, true);
      if (address.family === AF_INET6) {
        socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, !(options.dualStack ?? named === undefined));
      }
      control?.(socket.fd, { family: address.family, address });
      socket.bind(address);
      socket.listen(backlog);
      return socket;
    } catch (error) {
      socket?.close();
      // Without IPv6 on this host, every address is every IPv4 address.
      if (i === candidates.length - 1 || !isErrno(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL')) throw error;
    }
  }
  throw new Error('unreachable');
}

/** Whether the path is a socket that nobody listens on. */
function isStale(address: Address & { family: typeof AF_UNIX }, type: number): boolean {
  const path = address.path as string;
  if (path.startsWith('\0') || !lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return false;
  using probe = new Socket(AF_UNIX, type);
  return nothrow.connect(probe.fd, address) === -ECONNREFUSED;
}

function unixServer(options: UnixServerOptions): Socket {
  const { path, type = SOCK_STREAM, mode, stale = 'fail', backlog = SOMAXCONN, control } = options;
  const address = { family: AF_UNIX, path } as const;
  const socket = new Socket(AF_UNIX, type);
  try {
    control?.(socket.fd, { family: AF_UNIX, address });
    if (stale === 'replace' && isStale(address, type)) rmSync(path);
    socket.bind(address);
    if (mode !== undefined) chmodSync(path, mode);
    socket.listen(backlog);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/**
 * A listening Socket: socket(2), SO_REUSEADDR (TCP), bind(2), listen(2). Nothing is unlinked but with `stale: 'replace'`.
 *
 * @param options Where, and how.
 * @returns The listening Socket.
 * @throws SocketError EADDRINUSE, EADDRNOTAVAIL, EACCES; AddressInfoError for a host that is no address text.
 * @example
 * const server = createServer({ host: '127.0.0.1', port: 0 });
 * createConnection({ host: '127.0.0.1', port: server.getsockname().port });
 * for await (const { socket, address } of server.connections()) {
 *   console.log(address.address); // 127.0.0.1
 *   server.close(); // ends the loop
 * }
 * @see https://man7.org/linux/man-pages/man2/listen.2.html
 */
export function createServer(options: InetServerOptions | UnixServerOptions): Socket {
  return 'path' in options && options.path !== undefined
    ? unixServer(options)
    : inetServer(options as InetServerOptions);
}
