/** The common parts of createConnection and createServer: ports, hosts that need no look-up, and TCP options. */

import { invalidType, invalidValue, outOfRange } from '../argument/argument-error.ts';
import { type Names, onlyKnown } from '../argument/known-names.ts';
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
} from '../native/constants.ts';
import { type AddressInfo, getaddrinfo } from '../posix/address-info.ts';
import type { AddressInfoError } from '../posix/lookup-error.ts';
import type { AddressInput } from '../struct/address-type.ts';
import { isNamed, isSocketError } from '../struct/errno.ts';
import type { Socket } from './socket.ts';

/**
 * An IPv4 or IPv6 stream socket, as `createServer` and `createConnection` return it.
 *
 * @see https://man7.org/linux/man-pages/man7/tcp.7.html
 */
export type InetSocket = Socket<typeof AF_INET | typeof AF_INET6, typeof SOCK_STREAM>;

/**
 * A function that sets options. It is called with the file descriptor before bind(2), connect(2) and listen(2). If it
 * throws, the socket is closed and the error is passed on.
 *
 * @see https://man7.org/linux/man-pages/man2/setsockopt.2.html
 */
export type Control = (fd: number, info: { family: number; address: AddressInput }) => void;

/**
 * Options of TCP connections. They are set before `control` is called.
 *
 * @see https://man7.org/linux/man-pages/man7/tcp.7.html
 */
export interface TcpOptions {
  /**
   * Whether small writes are sent immediately instead of waiting for the acknowledgement of earlier ones: TCP_NODELAY.
   */
  noDelay?: boolean | undefined;
  /** Whether the kernel probes an idle connection to detect that the peer is gone: SO_KEEPALIVE. */
  keepAlive?: boolean | undefined;
}

/**
 * Checks and returns a port: a number, its text, or the name of a service. The C library would truncate a text that is
 * too large to 16 bits.
 */
export function portOf(value: unknown, name: string): number | string {
  const number = typeof value === 'string' && /^\s*[+-]?\d+$/.test(value) ? Number(value) : value;
  if (typeof number === 'string') {
    if (number.trim() !== '') return number;
    // The C library would accept an empty text as port 0.
    throw invalidValue(name, 'a port from 0 to 65535, or the name of a service');
  }
  if (typeof number !== 'number') throw invalidType(name, 'a number or a string');
  if (!Number.isInteger(number) || number < 0 || number > 65535) throw outOfRange(name, 'an integer from 0 to 65535');
  return number;
}

/**
 * Returns the addresses of a host that is the text of an IP address, without the thread pool. Returns undefined for a
 * name.
 */
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

/** Checks and returns a host: a name or the text of an IP address. */
export function hostOf(value: unknown): string {
  if (typeof value !== 'string') throw invalidType('options.host', 'a string');
  if (value.includes('\0')) throw invalidValue('options.host', 'a string without NUL characters');
  return value;
}

/** Throws unless the value is a boolean or undefined. */
export function optionalBoolean(value: unknown, name: string): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw invalidType(name, 'a boolean');
  return value;
}

/** Throws unless the value is a function or undefined. */
export function optionalFunction<T>(value: T, name: string): T {
  if (value !== undefined && typeof value !== 'function') throw invalidType(name, 'a function');
  return value;
}

/** Sets the TCP options that are given. */
export function setTcpOptions(socket: Socket, { noDelay, keepAlive }: TcpOptions): void {
  if (noDelay !== undefined) socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, noDelay);
  if (keepAlive !== undefined) socket.setsockopt(SOL_SOCKET, SO_KEEPALIVE, keepAlive);
}

/** Returns one error for several. It has their code if all have the same code, as in node:net. */
export function allFailed(what: string, errors: readonly Error[]): Error {
  if (errors.length === 1) return errors[0]!;
  const { code } = errors[0] as { code?: string };
  const error = new AggregateError(errors, `${what}: ${errors.map(({ message }) => message).join('; ')}`);
  const agree = code !== undefined && errors.every((one) => isSocketError(one) && one.code === code);
  return agree ? Object.assign(error, { code }) : error;
}

/**
 * Returns the error for options in the form of node:net, such as a port or a path, with an example of the right form.
 */
function formError(value: unknown, call: string): TypeError {
  const example = typeof value === 'string' && !/^\d+$/.test(value) ? `{ path: ${JSON.stringify(value)} }` : `{ port }`;
  return invalidType('options', `an object, as in ${call}(${example})`);
}

/**
 * Checks and copies the options of `call`, which has TCP and AF_UNIX forms. Throws also if more arguments follow, such as
 * the listener of node:net, which would never be called; the error says what to do `instead`.
 */
export function copyOptions<Options extends object>(
  options: Options,
  rest: readonly unknown[],
  names: Names,
  call: string,
  instead: string,
): Options {
  if (typeof options !== 'object' || options === null) throw formError(options, call);
  if (rest.some((argument) => typeof argument === 'function')) throw invalidType('listener', `omitted: ${instead}`);
  // The names of both forms are checked first, so that the error for a misspelt `path` does not name another option.
  return onlyKnown({ ...options }, names, 'options');
}
