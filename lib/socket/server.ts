/** Listening sockets in one call. */
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import * as nothrow from '../nothrow.ts';
import type { Inet6AddressInput, InetAddress, UnixAddressInput } from '../posix/address-type.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  AF_UNSPEC,
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
import { namesOf, namesOfAny, onlyKnown } from '../posix/known-names.ts';
import { getaddrinfo } from '../posix/netdb.ts';
import { listen, unlisten } from './abort.ts';
import { onRelease } from './descriptor.ts';
import {
  type Control,
  formOf,
  hostOf,
  type InetSocket,
  numericHost,
  optionalBoolean,
  optionalFunction,
  portOf,
  setTcpOptions,
  type TcpOptions,
} from './endpoint.ts';
import { AbortError, aside } from './errors.ts';
import { optionalSignal } from './options.ts';
import { Socket } from './socket.ts';

interface CommonOptions {
  /** How many connections may wait. */
  backlog?: number | undefined;
  control?: Control | undefined;
  /** Closes the server. */
  signal?: AbortSignal | undefined;
}

/**
 * A TCP server.
 *
 * @see https://man7.org/linux/man-pages/man7/tcp.7.html
 */
export interface InetServerOptions extends CommonOptions, TcpOptions {
  /** An address text; left out: every address of this host, IPv6 and IPv4 if possible. A name is looked up while this
   * thread waits; the server listens on the first of its addresses that this host has, and on no other. */
  host?: string | undefined;
  /** A port or the name of a service; 0 lets the kernel choose. */
  port: number | string;
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
export interface UnixServerOptions<Type extends number = number> extends CommonOptions {
  /** A path, or `'\0name'`. */
  path: string;
  /** SOCK_STREAM or SOCK_SEQPACKET. */
  type?: Type | undefined;
  /** The permissions of the path, set after bind(2) and before listen(2). */
  mode?: number | undefined;
  /** What to do with a socket that stands at the path and that nobody listens on any more (ECONNREFUSED): `'fail'`, the
   * default, is EADDRINUSE; `'replace'` removes it. A socket that answers, or another file, is never removed. */
  stale?: 'fail' | 'replace' | undefined;
}

const inetNames = namesOf<InetServerOptions>({
  host: true,
  port: true,
  protocol: true,
  reusePort: true,
  dualStack: true,
  noDelay: true,
  keepAlive: true,
  backlog: true,
  control: true,
  signal: true,
});
const unixNames = namesOf<UnixServerOptions>({
  path: true,
  type: true,
  mode: true,
  stale: true,
  backlog: true,
  control: true,
  signal: true,
});
const allNames = namesOfAny(inetNames, unixNames);

/** The addresses to listen on, of which the first that this host has is taken. */
function candidates(host: string | undefined, port: number | string): (InetAddress | Inet6AddressInput)[] {
  if (host !== undefined) {
    const list =
      numericHost(host, port, AF_UNSPEC, AI_PASSIVE) ??
      getaddrinfo(host, port, { flags: AI_PASSIVE, socktype: SOCK_STREAM });
    return list.map(({ address }) => address);
  }
  const [any] = getaddrinfo(null, port, { flags: AI_PASSIVE, socktype: SOCK_STREAM, family: AF_INET });
  const { port: number } = any!.address as InetAddress;
  return [
    { family: AF_INET6, address: '::', port: number },
    { family: AF_INET, address: '0.0.0.0', port: number },
  ];
}

function inetServer(options: InetServerOptions): InetSocket {
  const { host, protocol = 0, reusePort, dualStack, backlog = SOMAXCONN, control } = options;
  onlyKnown(options, inetNames, 'options');
  const port = portOf(options.port, 'options.port');
  for (const name of ['reusePort', 'dualStack', 'noDelay', 'keepAlive'] as const) {
    optionalBoolean(options[name], `options.${name}`);
  }
  const list = candidates(host === undefined ? undefined : hostOf(host), port);
  for (const [i, address] of list.entries()) {
    let socket: InetSocket | undefined;
    try {
      socket = new Socket(address.family, SOCK_STREAM, protocol);
      socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, true);
      if (reusePort === true) socket.setsockopt(SOL_SOCKET, SO_REUSEPORT, true);
      if (address.family === AF_INET6) {
        socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, !(dualStack ?? host === undefined));
      }
      setTcpOptions(socket, options); // accepted sockets inherit them
      control?.(socket.fd, { family: address.family, address });
      socket.bind(address);
      socket.listen(backlog);
      return socket;
    } catch (error) {
      socket?.close();
      // Without IPv6 on this host, every address is every IPv4 address, and a name has another one.
      if (i === list.length - 1 || !isErrno(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL')) throw error;
    }
  }
  throw new Error('unreachable');
}

/** Whether the path is a socket that nobody listens on. */
function isStale(address: UnixAddressInput, type: number): boolean {
  const path = address.path as string;
  if (path.startsWith('\0') || !lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return false;
  using probe = new Socket(AF_UNIX, type);
  return nothrow.connect(probe.fd, address) === -ECONNREFUSED;
}

function unixServer(options: UnixServerOptions): Socket {
  onlyKnown(options, unixNames, 'options');
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

/** Closes the server when the signal fires, and listens to it no longer than the server is open. */
function closeOn(signal: AbortSignal, socket: Socket): void {
  const member = { abort: () => aside(() => socket.close()) };
  listen(signal, member);
  const forget = onRelease(() => {
    if (!socket.closed) return;
    unlisten(signal, member);
    forget();
  });
}

/**
 * A listening Socket: socket(2), SO_REUSEADDR (TCP), bind(2), listen(2). Nothing is unlinked but with `stale: 'replace'`.
 *
 * @param options Where, and how. A name that is not among the options is refused.
 * @returns The listening Socket.
 * @throws SocketError EADDRINUSE, EADDRNOTAVAIL, EACCES; AddressInfoError for a host that is not found; AbortError for a
 *   signal that was aborted before; TypeError and RangeError for options that cannot be.
 * @example
 * const server = createServer({ host: '127.0.0.1', port: 0 });
 * createConnection({ host: '127.0.0.1', port: server.getsockname().port });
 * for await (const { socket, address } of server.connections()) {
 *   console.log(address.address); // 127.0.0.1
 *   server.close(); // ends the loop
 * }
 * @see https://man7.org/linux/man-pages/man2/listen.2.html
 */
export function createServer(options: InetServerOptions): InetSocket;
export function createServer<Type extends number = typeof SOCK_STREAM>(
  options: UnixServerOptions<Type>,
): Socket<typeof AF_UNIX, Type>;
export function createServer(options: InetServerOptions | UnixServerOptions): Socket;
export function createServer(options: InetServerOptions | UnixServerOptions): Socket {
  if (typeof options !== 'object' || options === null) throw formOf(options, 'createServer');
  // Without a path, a misspelt path would be blamed on the next option that only a path has.
  const given = onlyKnown({ ...options }, allNames, 'options');
  const signal = optionalSignal(given.signal);
  optionalFunction(given.control, 'options.control');
  if (signal?.aborted) throw new AbortError(signal, 'listen');
  const server =
    'path' in given && given.path !== undefined ? unixServer(given) : inetServer(given as InetServerOptions);
  if (signal !== undefined) closeOn(signal, server);
  return server;
}
