/** Errors: the kernel's errno as a SocketError, and the refusal of what C cannot express as TypeError or RangeError. */
import type { Address } from './address-type.ts';
import { errnoTable } from './errno-table.ts';
import { formatAddress } from './format.ts';
import { isNativeError } from './kind.ts';

type Row = (typeof errnoTable)[number];

/**
 * The name of a Linux errno, as errno(3) has it: `'ECONNREFUSED'`.
 *
 * @see https://man7.org/linux/man-pages/man3/errno.3.html
 */
export type ErrnoName = Row[1];

const byNumber = new Map<number, Row>(errnoTable.map((row) => [row[0], row]));

/**
 * The name of an errno: strerrorname_np(3).
 *
 * @param errno The positive number, as in errno.h.
 * @returns `'ECONNREFUSED'` for 111; `undefined` for a number that Linux does not name.
 * @throws Nothing, whatever it is given.
 * @example
 * console.log(errnoName(111), errnoName(4000)); // ECONNREFUSED undefined
 * @see https://man7.org/linux/man-pages/man3/errno.3.html
 */
export function errnoName(errno: number): ErrnoName | undefined {
  return byNumber.get(errno)?.[1];
}

/**
 * What an errno means: strerror(3), in English.
 *
 * @param errno The positive number, as in errno.h.
 * @returns `'Connection refused'` for 111; `'Unknown error 4000'` for a number that Linux does not name.
 * @throws Nothing, whatever it is given.
 * @example
 * console.log(strerror(ECONNREFUSED)); // Connection refused
 * @see https://man7.org/linux/man-pages/man3/strerror.3.html
 */
export function strerror(errno: number): string {
  return byNumber.get(errno)?.[2] ?? `Unknown error ${typeof errno === 'number' ? errno : typeof errno}`;
}

/** What a call was given, if that is no address. */
interface About {
  readonly interface?: string | number | undefined;
  readonly option?: string;
}

function isAddress(about: Address | About): about is Address {
  return !('interface' in about || 'option' in about);
}

/** What a call was given, as its error says it. */
function words(about: Address | About | undefined): string[] {
  if (about === undefined) return [];
  if (isAddress(about)) return [formatAddress(about)].filter((word) => word !== '');
  const { option, interface: of } = about;
  // The quotes of JSON keep control characters of a name from the terminal.
  return [...(option === undefined ? [] : [option]), ...(of === undefined ? [] : [JSON.stringify(of)])];
}

/**
 * A system call that failed, exactly as the kernel said it.
 *
 * `errno` is the positive number of errno.h, as in C, Python and Go (Node's own errors carry the negative one);
 * `code` is its name, `syscall` the function of this library, `address` the address that was given to it.
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
  /** The address that the call was given. */
  declare readonly address?: Address;
  /** The name or the index of the interface that the call was given. */
  declare readonly interface?: string | number;
  /** The name of the option that `getOption` or `setOption` was given. */
  declare readonly option?: string;
  /** How much had been sent, of an operation of a Socket that sends all: bytes of `sendAll` and `sendFds`, messages of
   * `sendmmsg`. */
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

/** The value of an own property of an error, without running code of whoever made the error. */
function fieldOf(error: Error, name: string): unknown {
  return Object.getOwnPropertyDescriptor(error, name)?.value;
}

/** Whether an error has this name of its own, from whichever copy of the library or realm it comes. */
export function isNamed(error: unknown, name: string): error is Error {
  return isNativeError(error) && fieldOf(error, 'name') === name;
}

/** Whether an error is a SocketError, from whichever copy of the library or realm it comes. */
export function isSocketError(error: unknown): error is SocketError {
  if (!isNativeError(error)) return false;
  if (error instanceof SocketError) return true;
  return isNamed(error, 'SocketError') && typeof fieldOf(error, 'errno') === 'number';
}

/**
 * Whether an error is a SocketError with one of these errnos; narrows `error.code`.
 *
 * It is judged by its fields, so that an error of another copy of this library (a bundle, a test runner) or of another
 * realm (a vm context) is one too.
 *
 * @param error Anything caught.
 * @param codes Names as in errno.h. `'EWOULDBLOCK'` is `'EAGAIN'` on Linux, `'ENOTSUP'` is `'EOPNOTSUPP'`. None: any
 *   errno.
 * @returns Whether it is one of them.
 * @throws Nothing, whatever it is given.
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
}

/** Declares a call: its name, and its parameters in the order of the native function. */
export function call(name: string, ...parameters: string[]): Call {
  return { name, parameters };
}

/** An argument of the wrong type: Node's ERR_INVALID_ARG_TYPE. */
export function invalidType(name: string, expected: string): TypeError {
  return Object.assign(new TypeError(`The "${name}" argument must be ${expected}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

/** Refuses what is no string. */
export function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw invalidType(name, 'a string');
  return value;
}

/** An argument of the right type that C has no form for: Node's ERR_INVALID_ARG_VALUE. */
export function invalidValue(name: string, expected: string): TypeError {
  return Object.assign(new TypeError(`The "${name}" argument must be ${expected}`), { code: 'ERR_INVALID_ARG_VALUE' });
}

/** A number outside of its C type: Node's ERR_OUT_OF_RANGE. */
export function outOfRange(name: string, expected: string): RangeError {
  return Object.assign(new RangeError(`The "${name}" argument must be ${expected}`), { code: 'ERR_OUT_OF_RANGE' });
}

/** The errors of `enum class Refusal` in native/args.h, in its order. */
const refusals: readonly ((name: string) => Error)[] = [
  (name) => invalidType(name, 'a number'),
  (name) => outOfRange(name, 'an integer from -2147483648 to 2147483647'),
  (name) => outOfRange(name, 'an integer from 0 to 4294967295'),
  (name) => invalidType(name, 'an ArrayBufferView or an ArrayBuffer'),
  (name) => invalidType(name, 'an array of ArrayBufferViews or ArrayBuffers'),
  (name) => outOfRange(name, 'at most 2147483647 bytes long'),
  (name) => outOfRange(name, 'one whose argument is plain data of a known size, without pointers'),
  (name) => outOfRange(name, 'attached and of the exact size'),
  (name) => invalidType(name, 'a string'),
  (name) => invalidValue(name, 'a string without NUL characters'),
  (name) => outOfRange(name, 'a bigint that fits a timespec'),
  (name) => outOfRange(name, 'of descriptors from 0 to 1023 (FD_SETSIZE)'),
  (name) => outOfRange(name, 'a safe integer'),
  (name) => outOfRange(name, 'of at most 65535 whole instructions'),
  (name) => outOfRange(name, 'one whose new descriptor is close-on-exec'),
  (name) => outOfRange(name, 'a request whose struct ifreq points to data, such as SIOCETHTOOL'),
];

const MAX_ERRNO = 4095;
const KINDS = 32;

/** Throws, with a stack that begins below the function of this file that was called. */
function fail(
  n: number,
  { name, parameters }: Call,
  below: (...args: never[]) => unknown,
  about?: Address | About,
): never {
  const error = failure(n, name, parameters, about);
  Error.captureStackTrace?.(error, below);
  throw error;
}

function failure(n: number, name: string, parameters: readonly string[], about?: Address | About): Error {
  if (n >= -MAX_ERRNO) return new SocketError(-n, name, about);
  const code = -MAX_ERRNO - 1 - n;
  const parameter = parameters[Math.floor(code / KINDS)] ?? 'argument';
  const error = refusals[(code % KINDS) - 1]!(parameter);
  error.message += ` (${name})`;
  return error;
}

/** Whether a negative result is an errno, not a refusal. */
export function isErrnoResult(n: number): boolean {
  return n >= -MAX_ERRNO;
}

/** The one place that throws a SocketError: gives n back, or throws what a negative n means. */
export function check(n: number, call: Call, about?: Address | About): number {
  return n >= 0 ? n : fail(n, call, check, about);
}

/** For the nothrow twins: gives n or -errno back; only an argument that C cannot express throws. */
export function settle(n: number, call: Call): number {
  return n >= -MAX_ERRNO ? n : fail(n, call, settle);
}
