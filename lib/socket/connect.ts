/** Connecting by name: getaddrinfo and happy eyeballs (RFC 8305). */
import type { Address, AddressLike } from '../posix/address.ts';
import { AF_INET6, AF_UNSPEC, IPPROTO_IPV6, IPV6_V6ONLY, SOCK_STREAM } from '../posix/constants.ts';
import type { AddressInfo } from '../posix/netdb.ts';
import { getaddrinfo } from '../promises.ts';
import { AbortError, TimeoutError } from './errors.ts';
import { Socket } from './socket.ts';
import { LONGEST, milliseconds, type WaitOptions } from './wait.ts';

/**
 * Called with the descriptor before it is bound, connected or listens, to set options.
 *
 * @see https://man7.org/linux/man-pages/man2/setsockopt.2.html
 */
export type Control = (fd: number, info: { family: number; address: Address }) => void;

/**
 * How to connect.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8305
 */
export interface ConnectionOptions extends WaitOptions {
  /** A name or an address text; null is this host. */
  host: string | null;
  /** A port or the name of a service. */
  port: number | string;
  /** AF_UNSPEC (both, the default), AF_INET or AF_INET6. */
  family?: number | undefined;
  /** IPPROTO_TCP by default; IPPROTO_MPTCP too. */
  protocol?: number | undefined;
  /** The own address, of the family of the peer's. */
  localAddress?: AddressLike | undefined;
  control?: Control | undefined;
  /** Milliseconds from one attempt to the next: RFC 8305's connection attempt delay, 250 by default. More
   * than 2147483647: only when one has failed. */
  attemptDelay?: number | undefined;
}

/** The families in turns, in the order in which getaddrinfo gave their first (RFC 8305, section 4). */
export function interlace(list: readonly AddressInfo[]): AddressInfo[] {
  const first = list[0]?.family;
  const same = list.filter(({ family }) => family === first);
  const other = list.filter(({ family }) => family !== first);
  return same.flatMap((info, i) => [info, ...other.slice(i, i + 1)]).concat(other.slice(same.length));
}

async function attempt(
  info: AddressInfo,
  { protocol, localAddress, control }: ConnectionOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = new Socket(info.family, info.socktype, protocol ?? info.protocol);
  try {
    control?.(socket.fd, { family: info.family, address: info.address });
    if (localAddress !== undefined) socket.bind(localAddress);
    await socket.connect(info.address, { signal });
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/**
 * Connects a stream by name: getaddrinfo(3) on the thread pool, then connect(2) to its addresses, the next one beginning
 * when one fails or after `attemptDelay`, until one is connected (happy eyeballs, RFC 8305).
 *
 * @param options Where to, and how.
 * @returns The connected Socket; the others are closed.
 * @throws AddressInfoError; AggregateError with the error of every attempt in `errors` (a single one is thrown itself);
 *   AbortError; TimeoutError.
 * @example
 * const server = createServer({ host: '127.0.0.1', port: 0 });
 * const { port } = server.getsockname();
 * const control = (fd) => setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, true);
 * const client = await createConnection({ host: '127.0.0.1', port, timeout: 1000, control });
 * console.log(client.getpeername().port === port); // true
 * @see https://man7.org/linux/man-pages/man2/connect.2.html
 */
export async function createConnection(options: ConnectionOptions): Promise<Socket> {
  const { host, port, family = AF_UNSPEC, signal, timeout, attemptDelay = 250 } = options;
  if (timeout !== undefined) milliseconds(timeout, 'timeout');
  milliseconds(attemptDelay, 'attemptDelay');
  const giveUp = new AbortController();
  const limited = timeout !== undefined && timeout <= LONGEST;
  const timer = limited ? setTimeout(() => giveUp.abort('timeout'), timeout) : undefined;
  const abort = () => giveUp.abort('signal');
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const list = interlace(await getaddrinfo(host, port, { family, socktype: SOCK_STREAM, signal: giveUp.signal }));
    return await race(list, options, giveUp, attemptDelay);
  } catch (error) {
    if (giveUp.signal.reason === 'timeout') throw new TimeoutError('connect', timeout!);
    if (giveUp.signal.reason === 'signal') throw new AbortError(signal!);
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

function race(
  list: readonly AddressInfo[],
  options: ConnectionOptions,
  giveUp: AbortController,
  delay: number,
): Promise<Socket> {
  const others = new AbortController();
  const signal = AbortSignal.any([giveUp.signal, others.signal]);
  return new Promise((resolve, reject) => {
    const errors: Error[] = [];
    let timer: NodeJS.Timeout | undefined;
    let next = 0;
    let done = false;
    const start = () => {
      clearTimeout(timer);
      const info = list[next];
      if (done || info === undefined) return;
      const index = next++;
      if (next < list.length && delay <= LONGEST) timer = setTimeout(start, delay);
      attempt(info, options, signal).then(
        (socket) => {
          if (done) return socket.close();
          done = true;
          clearTimeout(timer);
          others.abort();
          resolve(socket);
        },
        (error: Error) => {
          errors[index] = error;
          if (done) return;
          if (giveUp.signal.aborted || Object.keys(errors).length === list.length) {
            done = true;
            clearTimeout(timer);
            reject(errors.length === 1 ? error : new AggregateError(errors, 'connect: every address failed'));
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
