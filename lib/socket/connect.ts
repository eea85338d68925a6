/** Connecting by name: getaddrinfo and happy eyeballs (RFC 8305). */

import { decodeAddress, encodeAddress } from '../posix/address.ts';
import type { AddressLike, UnixAddressInput } from '../posix/address-type.ts';
import { AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, IPPROTO_IPV6, IPV6_V6ONLY, SOCK_STREAM } from '../posix/constants.ts';
import { invalidValue } from '../posix/errno.ts';
import { inet_pton } from '../posix/inet.ts';
import { namesOf, namesOfAny, onlyKnown } from '../posix/known-names.ts';
import type { AddressInfo } from '../posix/netdb.ts';
import { uint16 } from '../posix/number.ts';
import { getaddrinfo } from '../promises.ts';
import { listen, unlisten } from './abort.ts';
import {
  allFailed,
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
import { AbortError, TimeoutError } from './errors.ts';
import { LONGEST, milliseconds, optionalSignal, type WaitOptions } from './options.ts';
import { Socket } from './socket.ts';
import { clearTimeout, setTimeout } from './timers.ts';

/**
 * How to connect by TCP.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8305
 */
export interface ConnectionOptions extends WaitOptions, TcpOptions {
  /** A name or an address text, such as `fe80::1%eth0`; `localhost` by default. null is the loopback address. */
  host?: string | null | undefined;
  /** A port or the name of a service. */
  port: number | string;
  /** AF_UNSPEC (both, the default), AF_INET or AF_INET6. */
  family?: number | undefined;
  /** IPPROTO_TCP by default; IPPROTO_MPTCP too. */
  protocol?: number | undefined;
  /** The own address: an address text, or an address with its port. Of a host that is a name, only addresses of its family are
   * tried; with an address text of the other family bind(2) or connect(2) fails. */
  localAddress?: string | AddressLike | undefined;
  /** The own port. */
  localPort?: number | undefined;
  control?: Control | undefined;
  /** Milliseconds from one attempt to the next: RFC 8305's connection attempt delay, 250 by default. More
   * than 2147483647: only when one has failed. */
  attemptDelay?: number | undefined;
}

/**
 * How to connect to an AF_UNIX server.
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface UnixConnectionOptions<Type extends number = number> extends WaitOptions {
  /** A path, `'\0name'` for an abstract name, or exact bytes. */
  path: string | Uint8Array;
  /** SOCK_STREAM by default; SOCK_SEQPACKET too. */
  type?: Type | undefined;
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

/** The families in turns, in the order in which getaddrinfo gave their first (RFC 8305, section 4). */
export function interlace(list: readonly AddressInfo[]): AddressInfo[] {
  const first = list[0]?.family;
  const same = list.filter(({ family }) => family === first);
  const other = list.filter(({ family }) => family !== first);
  return same.flatMap((info, i) => [info, ...other.slice(i, i + 1)]).concat(other.slice(same.length));
}

/** The own address. */
interface Local {
  /** Its family, when it has only one. */
  readonly family: number | undefined;
  /** The address to bind to, of a peer of this family. */
  readonly of: (family: number) => AddressLike | undefined;
}

/** What every attempt needs, checked. */
interface Attempts extends TcpOptions {
  readonly protocol: number | undefined;
  readonly local: Local;
  readonly control: Control | undefined;
  readonly delay: number;
}

async function attempt(
  info: AddressInfo,
  options: Attempts,
  signal: AbortSignal,
  refuse: (error: unknown) => void,
): Promise<InetSocket> {
  const socket = new Socket(info.family, SOCK_STREAM, options.protocol ?? info.protocol);
  try {
    setTcpOptions(socket, options);
    try {
      options.control?.(socket.fd, { family: info.family, address: info.address });
    } catch (error) {
      refuse(error);
      throw error;
    }
    const local = options.local.of(info.family);
    if (local !== undefined) socket.bind(local);
    await socket.connect(info.address, { signal });
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** The own address for each family. A text is that of an address; without one it is any. */
function localOf(address: unknown, port: unknown): Local {
  if (address === undefined && port === undefined) return { family: undefined, of: () => undefined };
  if (address !== undefined && typeof address !== 'string') {
    if (port !== undefined) throw invalidValue('options.localPort', 'left out when localAddress has a port');
    const name = encodeAddress(address as AddressLike);
    return { family: decodeAddress(name)?.family, of: () => name };
  }
  const number = uint16(port, 'options.localPort', 0);
  if (address === undefined) {
    const any = { [AF_INET]: '0.0.0.0', [AF_INET6]: '::' };
    return {
      family: undefined,
      of: (family) => ({ family: family as typeof AF_INET, address: any[family as typeof AF_INET], port: number }),
    };
  }
  const found = address.includes('\0') ? undefined : numericHost(address, number, AF_UNSPEC);
  if (found === undefined || (found[0]!.family === AF_INET && inet_pton(AF_INET, address) === undefined)) {
    throw invalidValue('options.localAddress', 'the text of an IPv4 or IPv6 address');
  }
  const [{ family, address: local }] = found as [AddressInfo];
  return { family, of: () => local };
}

/** Refuses a signal that is none, and one that was aborted. */
function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (optionalSignal(signal)!.aborted) throw new AbortError(signal, 'connect');
}

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

async function connectInet(options: ConnectionOptions): Promise<InetSocket> {
  const { host = 'localhost', family = AF_UNSPEC, protocol, control, signal, timeout, attemptDelay = 250 } = options;
  onlyKnown(options, inetNames, 'options');
  const node = host === null ? null : hostOf(host);
  const port = portOf(options.port, 'options.port');
  if (timeout !== undefined) milliseconds(timeout, 'timeout');
  const attempts: Attempts = {
    protocol,
    local: localOf(options.localAddress, options.localPort),
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
    const outcome = await race(interlace(list), attempts, giveUp);
    if (outcome instanceof Socket) return outcome;
    const error = allFailed('connect', outcome);
    // The stack of an error that came with an event: from here it goes on to whoever awaits the connection.
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
 * Connects a stream by name: getaddrinfo(3) on the thread pool, then connect(2) to its addresses, the next one beginning
 * when one fails or after `attemptDelay`, until one is connected (happy eyeballs, RFC 8305). With `path`, connects to an
 * AF_UNIX server.
 *
 * An address text with a number as the port needs no look-up and no thread. `timeout` is for the look-up and all attempts
 * together. All timers are those of `node:timers`.
 *
 * @param options Where to, and how. A name that is not among the options is refused.
 * @returns The connected Socket; the others are closed.
 * @throws AddressInfoError; AggregateError with the error of every attempt in `errors`, and with their `code` when it is
 *   the same (a single error is thrown itself); AbortError; TimeoutError; what `control` throws, at once; TypeError and
 *   RangeError for options that cannot be.
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
export async function createConnection(options: ConnectionOptions | UnixConnectionOptions): Promise<Socket> {
  if (typeof options !== 'object' || options === null) throw formOf(options, 'createConnection');
  // Without a path, a misspelt path would be blamed on the next option that only a path has.
  const given = onlyKnown({ ...options }, allNames, 'options');
  if ('path' in given && given.path !== undefined) return await connectUnix(given);
  return await connectInet(given as ConnectionOptions);
}

/** The first Socket that is connected, or the errors of all attempts. */
function race(
  list: readonly AddressInfo[],
  options: Attempts,
  giveUp: AbortController,
): Promise<InetSocket | readonly Error[]> {
  const { delay } = options;
  const others = new AbortController();
  const signal = AbortSignal.any([giveUp.signal, others.signal]);
  return new Promise((resolve, reject) => {
    const errors: Error[] = [];
    let failed = 0;
    let timer: NodeJS.Timeout | undefined;
    let next = 0;
    let done = false;
    const finish = () => {
      done = true;
      clearTimeout(timer);
      others.abort();
    };
    // The control hook threw, which is no fault of the address.
    const refuse = (error: unknown) => {
      if (done) return;
      finish();
      reject(error);
    };
    const start = () => {
      clearTimeout(timer);
      const info = list[next];
      if (done || info === undefined) return;
      const index = next++;
      if (next < list.length && delay <= LONGEST) timer = setTimeout(start, delay);
      attempt(info, options, signal, refuse).then(
        (socket) => {
          if (done) return socket.close();
          finish();
          resolve(socket);
        },
        (error: Error) => {
          errors[index] = error;
          failed++;
          if (done) return;
          if (giveUp.signal.aborted || failed === list.length) {
            finish();
            resolve(errors.filter(() => true)); // without holes
          } else {
            start();
          }
        },
      );
    };
    start();
  });
}

/**
 * Whether a socket can serve IPv4 and IPv6 at once, as Python's has_dualstack_ipv6: IPV6_V6ONLY can be turned off.
 *
 * @returns false also where there is no IPv6.
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
