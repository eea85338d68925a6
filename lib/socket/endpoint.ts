/** What createConnection and createServer have in common: ports, hosts that need no look-up, and options of TCP. */
import type { AddressInput } from '../posix/address-type.ts';
import {
  type AF_INET,
  type AF_INET6,
  AI_NUMERICHOST,
  AI_NUMERICSERV,
  EAI_NONAME,
  IPPROTO_TCP,
  SO_KEEPALIVE,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_NODELAY,
} from '../posix/constants.ts';
import { invalidType, invalidValue, isNamed, isSocketError, outOfRange } from '../posix/errno.ts';
import { type AddressInfo, type AddressInfoError, getaddrinfo } from '../posix/netdb.ts';
import type { Socket } from './socket.ts';

/**
 * A stream socket of IPv4 or IPv6, as `createServer` and `createConnection` make them.
 *
 * @see https://man7.org/linux/man-pages/man7/tcp.7.html
 */
export type InetSocket = Socket<typeof AF_INET | typeof AF_INET6, typeof SOCK_STREAM>;

/**
 * Called with the descriptor before it is bound, connected or listens, to set options. What it throws is thrown on.
 *
 * @see https://man7.org/linux/man-pages/man2/setsockopt.2.html
 */
export type Control = (fd: number, info: { family: number; address: AddressInput }) => void;

/**
 * Options of TCP connections, set before `control` is called.
 *
 * @see https://man7.org/linux/man-pages/man7/tcp.7.html
 */
export interface TcpOptions {
  /** Sends small writes at once instead of waiting for the acknowledgement of earlier ones: TCP_NODELAY. */
  noDelay?: boolean | undefined;
  /** Asks a silent peer whether it is still there: SO_KEEPALIVE. */
  keepAlive?: boolean | undefined;
}

/** A port: a number, its text, or the name of a service. The C library cuts a text that is too large to 16 bits. */
export function portOf(value: unknown, name: string): number | string {
  const number = typeof value === 'string' && /^\s*[+-]?\d+$/.test(value) ? Number(value) : value;
  if (typeof number === 'string') {
    if (number.trim() !== '') return number;
    // The C library takes an empty text for port 0.
    throw invalidValue(name, 'a port from 0 to 65535, or the name of a service');
  }
  if (typeof number !== 'number') throw invalidType(name, 'a number or a string');
  if (!Number.isInteger(number) || number < 0 || number > 65535) throw outOfRange(name, 'an integer from 0 to 65535');
  return number;
}

/** The addresses of a host that is an address text, at once and without the thread pool; undefined for a name. */
export function numericHost(
  host: string | null,
  port: number | string,
  family: number,
  flags = 0,
): AddressInfo[] | undefined {
  if (typeof port !== 'number') return undefined; // the name of a service may need a look-up
  try {
    return getaddrinfo(host, port, { flags: flags | AI_NUMERICHOST | AI_NUMERICSERV, family, socktype: SOCK_STREAM });
  } catch (error) {
    if (isNamed(error, 'AddressInfoError') && (error as AddressInfoError).eai === EAI_NONAME) return undefined;
    throw error;
  }
}

/** A host: a name or an address text. */
export function hostOf(value: unknown): string {
  if (typeof value !== 'string') throw invalidType('options.host', 'a string');
  if (value.includes('\0')) throw invalidValue('options.host', 'a string without NUL characters');
  return value;
}

/** Refuses what is neither true nor false. */
export function optionalBoolean(value: unknown, name: string): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw invalidType(name, 'a boolean');
  return value;
}

/** Refuses what is no function. */
export function optionalFunction<T>(value: T, name: string): T {
  if (value !== undefined && typeof value !== 'function') throw invalidType(name, 'a function');
  return value;
}

/** Sets the options of TCP that were given. */
export function setTcpOptions(socket: Socket, { noDelay, keepAlive }: TcpOptions): void {
  if (noDelay !== undefined) socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, noDelay);
  if (keepAlive !== undefined) socket.setsockopt(SOL_SOCKET, SO_KEEPALIVE, keepAlive);
}

/** One error for several: with the code of all, when they agree, as node:net has it. */
export function allFailed(what: string, errors: readonly Error[]): Error {
  if (errors.length === 1) return errors[0]!;
  const { code } = errors[0] as { code?: string };
  const error = new AggregateError(errors, `${what}: ${errors.map(({ message }) => message).join('; ')}`);
  const agree = code !== undefined && errors.every((one) => isSocketError(one) && one.code === code);
  return agree ? Object.assign(error, { code }) : error;
}

/** What a caller of node:net may write, and how it is written here. */
export function formOf(value: unknown, call: string): TypeError {
  const example = typeof value === 'string' && !/^\d+$/.test(value) ? `{ path: ${JSON.stringify(value)} }` : `{ port }`;
  return invalidType('options', `an object, as in ${call}(${example})`);
}
