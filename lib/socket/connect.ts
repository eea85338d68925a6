/** `createConnection`, which connects by name with getaddrinfo(3), or to an AF_UNIX server. */

import { namesOf, namesOfAny, onlyKnown } from '../argument/known-names.ts';
import { listen, unlisten } from '../loop/abort.ts';
import { AbortError, TimeoutError } from '../loop/errors.ts';
import { getaddrinfo } from '../loop/lookup.ts';
import { LONGEST, milliseconds, optionalSignal, type WaitOptions } from '../loop/options.ts';
import { clearTimeout, setTimeout } from '../loop/timers.ts';
import { AF_UNIX, AF_UNSPEC, SOCK_STREAM } from '../native/constants.ts';
import { encodeAddress } from '../struct/address.ts';
import type { AddressLike, UnixAddressInput } from '../struct/address-type.ts';
import {
  allFailed,
  type Control,
  copyOptions,
  hostOf,
  type InetSocket,
  numericHost,
  optionalBoolean,
  optionalFunction,
  portOf,
  type TcpOptions,
} from './endpoint.ts';
import { type Attempts, connectToAny } from './happy-eyeballs.ts';
import { localAddress } from './local-address.ts';
import { Socket } from './socket.ts';

/**
 * The options of `createConnection` for TCP.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8305
 */
export interface ConnectionOptions extends WaitOptions, TcpOptions {
  /**
   * A name or the text of an IP address, such as `fe80::1%eth0`; `localhost` by default. null means the loopback
   * address.
   */
  host?: string | null | undefined;
  /** A port, or the name of a service. */
  port: number | string;
  /** AF_UNSPEC (both, the default), AF_INET or AF_INET6. */
  family?: number | undefined;
  /** IPPROTO_TCP (the default) or IPPROTO_MPTCP. */
  protocol?: number | undefined;
  /**
   * The local address to bind to: the text of an IP address, or a socket address with a port. If the host is a name,
   * only its addresses of the same family are tried. If the host is an address of the other family, bind(2) or
   * connect(2) fails.
   */
  localAddress?: string | AddressLike | undefined;
  /**
   * The local port to bind to. Only one attempt at a time can hold it, so each attempt ends with a TimeoutError before the
   * next one starts.
   */
  localPort?: number | undefined;
  /** A function that sets further options: see `Control`. */
  control?: Control | undefined;
  /**
   * The milliseconds between the start of one attempt and the next, which RFC 8305 calls the Connection Attempt Delay;
   * 250 by default. If it is more than 2147483647, the next attempt starts only after the previous one has failed.
   */
  attemptDelay?: number | undefined;
}

/**
 * The options of `createConnection` for an AF_UNIX server.
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface UnixConnectionOptions<Type extends number = number> extends WaitOptions {
  /** A path, `'\0name'` for an abstract name, or the exact bytes of either. */
  path: string | Uint8Array;
  /** SOCK_STREAM (the default) or SOCK_SEQPACKET. */
  type?: Type | undefined;
  /** A function that sets further options: see `Control`. */
  control?: Control | undefined;
}

const inetNames = namesOf<ConnectionOptions>({
  host: true,
  port: true,
  family: true,
  protocol: true,
  localAddress: true,
  localPort: true,
  noDelay: true,
  keepAlive: true,
  control: true,
  attemptDelay: true,
  timeout: true,
  signal: true,
});
const unixNames = namesOf<UnixConnectionOptions>({
  path: true,
  type: true,
  control: true,
  timeout: true,
  signal: true,
});
const allNames = namesOfAny(inetNames, unixNames);

/** Throws if the value is not an AbortSignal or is already aborted. */
function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (optionalSignal(signal)!.aborted) throw new AbortError(signal, 'connect');
}

/** Connects to an AF_UNIX server. */
async function connectUnix(options: UnixConnectionOptions): Promise<Socket> {
  const { path, type = SOCK_STREAM, control, signal, timeout } = onlyKnown(options, unixNames, 'options');
  const address: UnixAddressInput = { family: AF_UNIX, path };
  const name = encodeAddress(address);
  optionalFunction(control, 'options.control');
  if (timeout !== undefined) milliseconds(timeout, 'timeout');
  checkSignal(signal);
  const socket = new Socket(AF_UNIX, type);
  try {
    control?.(socket.fd, { family: AF_UNIX, address });
    await socket.connect(name, { signal, timeout });
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** Looks up a host and connects to one of its addresses. */
async function connectInet(options: ConnectionOptions): Promise<InetSocket> {
  const { host = 'localhost', family = AF_UNSPEC, protocol, control, signal, timeout, attemptDelay = 250 } = options;
  onlyKnown(options, inetNames, 'options');
  const node = host === null ? null : hostOf(host);
  const port = portOf(options.port, 'options.port');
  if (timeout !== undefined) milliseconds(timeout, 'timeout');
  const attempts: Attempts = {
    protocol,
    local: localAddress(options.localAddress, options.localPort),
    control: optionalFunction(control, 'options.control'),
    noDelay: optionalBoolean(options.noDelay, 'options.noDelay'),
    keepAlive: optionalBoolean(options.keepAlive, 'options.keepAlive'),
    delay: milliseconds(attemptDelay, 'attemptDelay'),
  };
  const wanted = family === AF_UNSPEC ? (attempts.local.family ?? AF_UNSPEC) : family;
  checkSignal(signal);
  const giveUp = new AbortController();
  const limited = timeout !== undefined && timeout <= LONGEST;
  const timer = limited ? setTimeout(() => giveUp.abort('timeout'), timeout) : undefined;
  const aborted = { abort: () => giveUp.abort('signal') };
  if (signal !== undefined) listen(signal, aborted);
  try {
    const list =
      numericHost(node, port, family) ??
      (await getaddrinfo(node, port, { family: wanted, socktype: SOCK_STREAM, signal: giveUp.signal }));
    const outcome = await connectToAny(list, attempts, giveUp);
    if (outcome instanceof Socket) return outcome;
    const error = allFailed('connect', outcome);
    // The error was created in an event. Its stack is captured here to include the function that awaits the connection.
    Error.captureStackTrace?.(error);
    throw error;
  } catch (error) {
    if (giveUp.signal.reason === 'timeout') throw new TimeoutError('connect', timeout!);
    if (giveUp.signal.reason === 'signal') throw new AbortError(signal!, 'connect');
    throw error;
  } finally {
    clearTimeout(timer);
    if (signal !== undefined) unlisten(signal, aborted);
  }
}

/**
 * Connects a stream socket by host name, or to an AF_UNIX server if `path` is given.
 *
 * A host name is looked up by getaddrinfo(3) on the thread pool. Then connect(2) is called for its addresses until one
 * is connected: the next attempt starts when one fails, or after `attemptDelay` (happy eyeballs, RFC 8305). The text of
 * an IP address with a numeric port needs no look-up and no thread. `timeout` limits the look-up and all attempts
 * together. All timers are those of `node:timers`.
 *
 * @param options The address and the settings of the connection. Unknown options throw.
 * @returns The connected Socket. The sockets of the other attempts are closed.
 * @throws AddressInfoError; SocketError if there was only one attempt; AggregateError if there were several, with their
 *   errors in `errors`, and with their `code` if they all have the same; AbortError; TimeoutError; what `control`
 *   throws, which ends all attempts; TypeError and RangeError for invalid options.
 * @example
 * const server = createServer({ host: '127.0.0.1', port: 0 });
 * const { port } = server.getsockname();
 * const client = await createConnection({
 *   host: '127.0.0.1',
 *   port,
 *   timeout: 1000,
 *   noDelay: true,
 *   control: (fd) => setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 10_000),
 * });
 * console.log(client.getpeername().port === port); // true
 * @see https://man7.org/linux/man-pages/man2/connect.2.html
 */
export function createConnection(options: ConnectionOptions): Promise<InetSocket>;
export function createConnection<Type extends number = typeof SOCK_STREAM>(
  options: UnixConnectionOptions<Type>,
): Promise<Socket<typeof AF_UNIX, Type>>;
export function createConnection(options: ConnectionOptions | UnixConnectionOptions): Promise<Socket>;
export async function createConnection(
  options: ConnectionOptions | UnixConnectionOptions,
  ...rest: unknown[]
): Promise<Socket> {
  const given = copyOptions(options, rest, allNames, 'createConnection', 'await the promise');
  if ('path' in given && given.path !== undefined) return await connectUnix(given);
  return await connectInet(given as ConnectionOptions);
}
