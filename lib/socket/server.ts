/** `createServer`, which creates, binds and configures a listening socket, and whether one socket can serve IPv4 and IPv6. */
import { Buffer } from 'node:buffer';
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { invalidType, invalidValue } from '../argument/argument-error.ts';
import { isUint8Array } from '../argument/kind.ts';
import { namesOf, namesOfAny, onlyKnown } from '../argument/known-names.ts';
import { int32, integer } from '../argument/number.ts';
import { connect } from '../call/socket.ts';
import { listen, unlisten } from '../loop/abort.ts';
import { onRelease } from '../loop/descriptor.ts';
import { AbortError, reportUncaught } from '../loop/errors.ts';
import { optionalSignal } from '../loop/options.ts';
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
} from '../native/constants.ts';
import { getaddrinfo } from '../posix/address-info.ts';
import { encodeAddress } from '../struct/address.ts';
import type { Inet6AddressInput, InetAddress } from '../struct/address-type.ts';
import { isErrno } from '../struct/errno.ts';
import {
  type Control,
  copyOptions,
  hostOf,
  type InetSocket,
  numericHost,
  optionalBoolean,
  optionalFunction,
  portOf,
  setTcpOptions,
  type TcpOptions,
} from './endpoint.ts';
import { Socket } from './socket.ts';

/** The options of `createServer` for both kinds of servers. */
interface CommonOptions {
  /** How many connections may wait to be accepted: SOMAXCONN by default. */
  backlog?: number | undefined;
  /** A function that sets further options: see `Control`. */
  control?: Control | undefined;
  /** Closes the server when it is aborted. */
  signal?: AbortSignal | undefined;
}

/**
 * The options of `createServer` for a TCP server.
 *
 * @see https://man7.org/linux/man-pages/man7/tcp.7.html
 */
export interface InetServerOptions extends CommonOptions, TcpOptions {
  /**
   * The text of an IP address, or a name. By default, the server listens on all addresses of this host, IPv6 and IPv4
   * if possible. Looking up a name blocks the thread; the server listens only on the first of its addresses that this
   * host has.
   */
  host?: string | undefined;
  /** A port, or the name of a service. With 0, the kernel chooses a free port. */
  port: number | string;
  /** IPPROTO_TCP (the default) or IPPROTO_MPTCP. */
  protocol?: number | undefined;
  /** Whether several servers may share the port, among which the kernel distributes the connections: SO_REUSEPORT. */
  reusePort?: boolean | undefined;
  /** Whether an IPv6 server accepts IPv4 connections too. By default, it does so only if no host is given. */
  dualStack?: boolean | undefined;
}

/**
 * The options of `createServer` for an AF_UNIX server.
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface UnixServerOptions<Type extends number = number> extends CommonOptions {
  /** A path, `'\0name'` for an abstract name, `''`, for which the kernel chooses an abstract name, or exact bytes. */
  path: string | Uint8Array;
  /** SOCK_STREAM (the default) or SOCK_SEQPACKET. */
  type?: Type | undefined;
  /** The permissions of the path, set after bind(2) and before listen(2). */
  mode?: number | undefined;
  /**
   * What happens if the path is a socket on which nothing listens any more (ECONNREFUSED). With `'fail'`, the default,
   * the call throws EADDRINUSE; with `'replace'`, it removes the file first. A socket that still accepts connections,
   * or any other file, is never removed.
   */
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

/** Returns the possible addresses. The server listens on the first one that this host has. */
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

/** Creates a listening socket for the first of the addresses that this host has. */
function inetServer(options: InetServerOptions): InetSocket {
  onlyKnown(options, inetNames, 'options');
  const { host, backlog = SOMAXCONN } = options;
  int32(backlog, 'options.backlog');
  const port = portOf(options.port, 'options.port');
  for (const name of ['reusePort', 'dualStack', 'noDelay', 'keepAlive'] as const) {
    optionalBoolean(options[name], `options.${name}`);
  }
  const list = candidates(host === undefined ? undefined : hostOf(host), port);
  for (let i = 0; ; i++) {
    try {
      return listenOn(list[i]!, options, backlog);
    } catch (error) {
      // If this host has no IPv6, all addresses are all IPv4 addresses, and a name may have another address.
      if (i === list.length - 1 || !isErrno(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL')) throw error;
    }
  }
}

/** Creates a socket that listens on an address. */
function listenOn(address: InetAddress | Inet6AddressInput, options: InetServerOptions, backlog: number): InetSocket {
  const { host, protocol = 0, reusePort, dualStack, control } = options;
  const socket: InetSocket = new Socket(address.family, SOCK_STREAM, protocol);
  try {
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
    socket.close();
    throw error;
  }
}

/** Returns whether the path is a socket on which nothing listens. */
function isStale(path: string | Buffer, type: number): boolean {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return false;
  using probe = new Socket(AF_UNIX, type);
  return connect(probe.fd, { family: AF_UNIX, path }) === -ECONNREFUSED;
}

/** Creates a listening AF_UNIX socket. */
function unixServer(options: UnixServerOptions): Socket {
  onlyKnown(options, unixNames, 'options');
  const { type = SOCK_STREAM, mode, stale = 'fail', backlog = SOMAXCONN, control } = options;
  const path = isUint8Array(options.path) ? Buffer.from(options.path) : options.path;
  const address = { family: AF_UNIX, path } as const;
  const name = encodeAddress(address);
  const abstract = path.length === 0 || path[0] === '\0' || path[0] === 0;
  int32(backlog, 'options.backlog');
  if (mode !== undefined) {
    if (abstract) throw invalidType('options.mode', 'omitted when the name is abstract: it has no permissions');
    integer(mode, 'options.mode', 0, 0o7777);
  }
  if (stale !== 'fail' && stale !== 'replace') throw invalidValue('options.stale', "'fail' or 'replace'");
  const socket = new Socket(AF_UNIX, type);
  let isBound = false;
  try {
    control?.(socket.fd, { family: AF_UNIX, address });
    if (stale === 'replace' && !abstract && isStale(path, type)) rmSync(path);
    socket.bind(name);
    isBound = true;
    if (mode !== undefined) chmodSync(path, mode);
    socket.listen(backlog);
    return socket;
  } catch (error) {
    if (isBound && !abstract) rmSync(path, { force: true }); // otherwise, the next attempt would fail with EADDRINUSE
    socket.close();
    throw error;
  }
}

/**
 * Closes the server when the signal is aborted, and removes the listener when the server is closed or garbage-collected.
 * Both hold the server weakly, so that one that is dropped is collected although the signal remains.
 */
function closeOn(signal: AbortSignal, socket: Socket): void {
  const server = new WeakRef(socket);
  const member = { abort: () => reportUncaught(() => server.deref()?.close()) };
  listen(signal, member);
  const forget = onRelease(() => {
    if (server.deref()?.closed === false) return;
    unlisten(signal, member);
    forget();
  });
}

/**
 * Creates a listening Socket: socket(2), SO_REUSEADDR (TCP only), bind(2), listen(2). It does not unlink an existing
 * path, except with `stale: 'replace'`.
 *
 * @param options The address and the settings of the server. Unknown options throw.
 * @returns The listening Socket.
 * @throws SocketError EADDRINUSE, EADDRNOTAVAIL, EACCES; AddressInfoError if the host is not found; AbortError if the
 *   signal is already aborted; TypeError and RangeError for invalid options.
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
export function createServer(options: InetServerOptions | UnixServerOptions, ...rest: unknown[]): Socket {
  const given = copyOptions(options, rest, allNames, 'createServer', 'loop over connections() of the server');
  const signal = optionalSignal(given.signal);
  optionalFunction(given.control, 'options.control');
  if (signal?.aborted) throw new AbortError(signal, 'listen');
  const server =
    'path' in given && given.path !== undefined ? unixServer(given) : inetServer(given as InetServerOptions);
  if (signal?.aborted) {
    server.close(); // the control hook aborted it
    throw new AbortError(signal, 'listen');
  }
  if (signal !== undefined) closeOn(signal, server);
  return server;
}

/**
 * Returns whether one socket can serve both IPv4 and IPv6, like Python's has_dualstack_ipv6.
 *
 * @returns true if IPV6_V6ONLY can be switched off; false also if there is no IPv6.
 * @throws Nothing.
 * @example
 * const server = createServer({ port: 0 }); // IPv6 and IPv4 where this is true
 * console.log(hasDualstackIPv6() === (server.family === AF_INET6)); // true
 * server.close();
 * @see https://man7.org/linux/man-pages/man7/ipv6.7.html
 */
export function hasDualstackIPv6(): boolean {
  try {
    using socket = new Socket(AF_INET6, SOCK_STREAM);
    socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, false);
    return true;
  } catch {
    return false;
  }
}
