/** Errors of system calls: a SocketError for an errno of the kernel, and the errors of arguments that native code refuses. */

import { invalidType, invalidValue, outOfRange, text } from '../argument/argument-error.ts';
import { isNativeError } from '../argument/kind.ts';
import { MAX_ERRNO, REFUSAL_STEP, REFUSALS } from '../native/contract.ts';
import { errnoTable } from '../native/errno-table.ts';
import type { Address } from './address-type.ts';
import { formatAddress } from './format.ts';

type Row = (typeof errnoTable)[number];

/**
 * The name of a Linux errno as in errno(3), such as `'ECONNREFUSED'`.
 *
 * @see https://man7.org/linux/man-pages/man3/errno.3.html
 */
export type ErrnoName = Row[1];

const byNumber = new Map<number, Row>(errnoTable.map((row) => [row[0], row]));

/**
 * Returns the name of an errno: strerrorname_np(3).
 *
 * @param errno The positive number, as in errno.h.
 * @returns The name, such as `'ECONNREFUSED'` for 111, or `undefined` for a number that has no name on Linux.
 * @throws Nothing, whatever the arguments are.
 * @example
 * console.log(errnoName(111), errnoName(4000)); // ECONNREFUSED undefined
 * @see https://man7.org/linux/man-pages/man3/errno.3.html
 */
export function errnoName(errno: number): ErrnoName | undefined {
  return byNumber.get(errno)?.[1];
}

/**
 * Returns the English description of an errno: strerror(3).
 *
 * @param errno The positive number, as in errno.h.
 * @returns The description, such as `'Connection refused'` for 111, or `'Unknown error 4000'` for a number that has no name on
 *   Linux.
 * @throws Nothing, whatever the arguments are.
 * @example
 * console.log(strerror(ECONNREFUSED)); // Connection refused
 * @see https://man7.org/linux/man-pages/man3/strerror.3.html
 */
export function strerror(errno: number): string {
  return byNumber.get(errno)?.[2] ?? `Unknown error ${typeof errno === 'number' ? errno : typeof errno}`;
}

/** The argument that an error reports, if it is not an address. */
interface About {
  readonly interface?: string | number | undefined;
  readonly option?: string;
}

function isAddress(about: Address | About): about is Address {
  return !('interface' in about || 'option' in about);
}

/** Returns the words that describe the argument of a failed call in its message. */
function words(about: Address | About | undefined): string[] {
  if (about === undefined) return [];
  if (isAddress(about)) return [formatAddress(about)].filter((word) => word !== '');
  const { option, interface: of } = about;
  // JSON escapes the control characters of a name, so they do not reach the terminal.
  return [...(option === undefined ? [] : [option]), ...(of === undefined ? [] : [JSON.stringify(of)])];
}

/**
 * The error of a failed system call, exactly as the kernel reported it.
 *
 * `errno` is the positive number of errno.h, as in C, Python and Go (the errors of Node have the negative one). `code` is its
 * name, `syscall` is the function of this library that failed, and `address` is the address that it was called with.
 *
 * @example
 * try {
 *   recv(-1, new Uint8Array(1));
 * } catch (error) {
 *   if (!(error instanceof SocketError)) throw error;
 *   console.log(error.code, error.errno === EBADF, error.syscall); // EBADF true recv
 * }
 * @see https://man7.org/linux/man-pages/man3/errno.3.html
 */
export class SocketError extends Error {
  override readonly name = 'SocketError' as const;
  readonly code: ErrnoName;
  readonly errno: number;
  readonly syscall: string;
  /** The address that the function was called with. */
  declare readonly address?: Address;
  /** The name or the index of the interface that the function was called with. */
  declare readonly interface?: string | number;
  /** The name of the option that `getOption` or `setOption` was called with. */
  declare readonly option?: string;
  /** How much a Socket operation that sends everything had sent before it failed: bytes for `sendAll` and `sendFds`,
   * messages for `sendmmsg`. */
  declare readonly sent?: number;

  constructor(errno: number, syscall: string, about?: Address | About) {
    if (typeof errno !== 'number') throw invalidType('errno', 'a number');
    if (about !== undefined && (typeof about !== 'object' || about === null)) throw invalidType('about', 'an object');
    text(syscall, 'syscall');
    const code = errnoName(errno) ?? (`E${errno}` as ErrnoName);
    super([`${code}: ${strerror(errno)}, ${syscall}`, ...words(about)].join(' '));
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    if (about === undefined) return;
    if (isAddress(about)) this.address = about;
    else {
      if (about.interface !== undefined) this.interface = about.interface;
      if (about.option !== undefined) this.option = about.option;
    }
  }
}

/** Returns the value of an own property of an error without running code of the program. */
function fieldOf(error: Error, name: string): unknown {
  return Object.getOwnPropertyDescriptor(error, name)?.value;
}

/** Returns whether an error has this name as an own property. The error may come from any copy of the library or any realm. */
export function isNamed(error: unknown, name: string): error is Error {
  return isNativeError(error) && fieldOf(error, 'name') === name;
}

/** Returns whether an error is a SocketError, from any copy of the library or any realm. */
export function isSocketError(error: unknown): error is SocketError {
  if (!isNativeError(error)) return false;
  if (error instanceof SocketError) return true;
  return isNamed(error, 'SocketError') && typeof fieldOf(error, 'errno') === 'number';
}

/**
 * Returns whether an error is a SocketError with one of these errnos. TypeScript then narrows `error.code`.
 *
 * The function checks the fields of the error, so it also recognizes an error from another copy of this library (a bundle, a
 * test runner) or from another realm (a vm context).
 *
 * @param error Any caught value.
 * @param codes Names as in errno.h. `'EWOULDBLOCK'` is `'EAGAIN'` on Linux, and `'ENOTSUP'` is `'EOPNOTSUPP'`. If
 *   none is given, any errno matches.
 * @returns Whether the error has one of these errnos.
 * @throws Nothing, whatever the arguments are.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);
 * try {
 *   recv(fd, new Uint8Array(1));
 * } catch (error) {
 *   if (!isErrno(error, 'EAGAIN', 'EINTR')) throw error;
 * }
 * @see https://man7.org/linux/man-pages/man3/errno.3.html
 */
export function isErrno<Code extends ErrnoName>(
  error: unknown,
  ...codes: Code[]
): error is SocketError & { readonly code: Code } {
  return isSocketError(error) && (codes.length === 0 || codes.some((code) => code === error.code));
}

/** The name and the parameters of a call, for its errors. */
export interface Call {
  readonly name: string;
  readonly parameters: readonly string[];
  /** What the call accepts for a parameter, where that is more than its native function accepts. */
  readonly accepts?: { readonly [parameter: string]: string };
}

/** Declares a call with its name and its parameters in the order of the native function. */
export function call(name: string, ...parameters: string[]): Call {
  return { name, parameters };
}

/** The functions that create the errors of refusals. */
const refuse = { invalidType, invalidValue, outOfRange };

/** Returns the error that a negative n stands for. Its stack begins at the caller of the function `below`. */
function failure(n: number, call: Call, below: (...args: never[]) => unknown, about?: Address | About): Error {
  const error = isErrnoResult(n) ? new SocketError(-n, call.name, about) : refused(n, call);
  Error.captureStackTrace?.(error, below);
  return error;
}

/** Returns the error of an argument that native code refused. */
function refused(n: number, { name, parameters, accepts }: Call): Error {
  const code = -MAX_ERRNO - 1 - n;
  const parameter = parameters[Math.floor(code / REFUSAL_STEP)] ?? 'argument';
  const refusal = REFUSALS[(code % REFUSAL_STEP) - 1]!;
  const expected = (refusal[0] === 'invalidType' ? accepts?.[parameter] : undefined) ?? refusal[1];
  const error = refuse[refusal[0]](parameter, expected);
  error.message += ` (${name})`;
  return error;
}

/** Returns whether a negative result is an errno and not a refusal. */
export function isErrnoResult(n: number): boolean {
  return n >= -MAX_ERRNO;
}

/** Throws the error that a negative n stands for. */
export function fail(n: number, call: Call, about?: Address | About): never {
  throw failure(n, call, fail, about);
}

/** Returns n, or throws the error that a negative n stands for. */
export function check(n: number, call: Call, about?: Address | About): number {
  if (n >= 0) return n;
  throw failure(n, call, check, about);
}

/** Returns n or -errno. It throws only for an argument that C cannot express. */
export function unlessRefused(n: number, call: Call): number {
  if (n >= -MAX_ERRNO) return n;
  throw failure(n, call, unlessRefused);
}
