/** The errors of look-ups in netdb.h: AddressInfoError and HostError. */

import { text } from '../argument/argument-error.ts';
import { isArrayBuffer } from '../argument/kind.ts';
import { int32 } from '../argument/number.ts';
import { assertObject } from '../argument/snapshot.ts';
import * as constants from '../native/constants.ts';
import { native } from '../native/native.ts';
import { Unpack } from '../native/unpack.ts';
import type { Address } from '../struct/address-type.ts';
import { type Call, call, type ErrnoName, errnoName, fail, isNamed } from '../struct/errno.ts';
import { formatAddress } from '../struct/format.ts';

type Named<Prefix extends string> = Extract<keyof typeof constants, `${Prefix}${string}`>;

/**
 * The name of an error of getaddrinfo(3): `'EAI_NONAME'`.
 *
 * @see https://man7.org/linux/man-pages/man3/gai_strerror.3.html
 */
export type AddressInfoCode = Named<'EAI_'>;

/**
 * The name of an error of gethostbyname(3).
 *
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export type HostCode = 'HOST_NOT_FOUND' | 'TRY_AGAIN' | 'NO_RECOVERY' | 'NO_DATA' | 'NETDB_INTERNAL';

const addressInfoCodes = new Map<number, AddressInfoCode>(
  Object.entries(constants)
    .filter(([name]) => name.startsWith('EAI_'))
    .map(([name, value]) => [value as number, name as AddressInfoCode]),
);

const hostCodes: Readonly<Record<number, readonly [HostCode, string]>> = {
  [constants.HOST_NOT_FOUND]: ['HOST_NOT_FOUND', 'Unknown host'],
  [constants.TRY_AGAIN]: ['TRY_AGAIN', 'Host name lookup failure'],
  [constants.NO_RECOVERY]: ['NO_RECOVERY', 'Unknown server error'],
  [constants.NO_DATA]: ['NO_DATA', 'No address associated with name'],
};

/** The arguments of a look-up. */
export interface Asked {
  host?: string | undefined;
  service?: string | number | undefined;
  address?: Address | undefined;
}

/** Describes the arguments of a look-up for error messages. It escapes control characters so that they do not reach the terminal. */
function describe({ host, service, address }: Asked): string {
  if (address !== undefined) return ` ${formatAddress(address)}`;
  const parts: string[] = [];
  if (host !== undefined) parts.push(`host ${JSON.stringify(host)}`);
  if (service !== undefined) parts.push(`service ${JSON.stringify(service)}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/**
 * The error of a failed look-up by getaddrinfo(3) or getnameinfo(3).
 *
 * @example
 * try {
 *   getaddrinfo('127.0.0.1', 'no such service');
 * } catch (error) {
 *   if (error instanceof AddressInfoError) console.log(error.code, error.syscall); // EAI_SERVICE getaddrinfo
 * }
 * @see https://man7.org/linux/man-pages/man3/gai_strerror.3.html
 */
export class AddressInfoError extends Error {
  override readonly name = 'AddressInfoError' as const;
  /** The name of the error. */
  readonly code: AddressInfoCode;
  /** The number of the error. It is negative, as in netdb.h. */
  readonly eai: number;
  readonly syscall: string;
  /** The host that getaddrinfo was called with. It is absent if that was null. */
  declare readonly host?: string;
  /** The service that getaddrinfo was called with. It is absent if that was null. */
  declare readonly service?: string | number;
  /** The address that getnameinfo was called with. */
  declare readonly address?: Address;
  /** The positive errno, if the error is EAI_SYSTEM. */
  declare readonly errno?: number;
  /** The name of that errno. */
  declare readonly errnoCode?: ErrnoName;

  constructor(eai: number, errno: number, syscall: string, asked: Asked = {}) {
    int32(eai, 'eai');
    text(syscall, 'syscall');
    assertObject(asked, 'asked');
    const code = addressInfoCodes.get(eai) ?? (`EAI_${-eai}` as AddressInfoCode);
    const cause = eai === constants.EAI_SYSTEM ? ` (${errnoName(errno) ?? errno})` : '';
    super(`${code}: ${gai_strerror(eai)}${cause}, ${syscall}${describe(asked)}`);
    this.code = code;
    this.eai = eai;
    this.syscall = syscall;
    if (asked.host !== undefined) this.host = asked.host;
    if (asked.service !== undefined) this.service = asked.service;
    if (asked.address !== undefined) this.address = asked.address;
    if (eai === constants.EAI_SYSTEM) {
      this.errno = errno;
      const name = errnoName(errno);
      if (name !== undefined) this.errnoCode = name;
    }
  }
}

/**
 * The error of a failed look-up by gethostbyname(3) or gethostbyaddr(3).
 *
 * @example
 * try {
 *   gethostbyname('');
 * } catch (error) {
 *   if (error instanceof HostError) console.log(error.syscall); // gethostbyname
 * }
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export class HostError extends Error {
  override readonly name = 'HostError' as const;
  /** The name of the error. */
  readonly code: HostCode;
  /** The number of the error: C's h_errno. */
  readonly herrno: number;
  readonly syscall: string;
  /** The name or the address that was looked up. */
  declare readonly host?: string;

  constructor(herrno: number, errno: number, syscall: string, asked: Asked = {}) {
    int32(herrno, 'herrno');
    text(syscall, 'syscall');
    assertObject(asked, 'asked');
    const [code, words] = hostCodes[herrno] ?? ['NETDB_INTERNAL', `Resolver error (${errnoName(errno) ?? errno})`];
    super(`${code}: ${words}, ${syscall}${describe(asked)}`);
    if (asked.host !== undefined) this.host = asked.host;
    this.code = code;
    this.herrno = herrno;
    this.syscall = syscall;
  }
}

/** Returns whether an error is that of a failed look-up, from any copy of the library. */
export function isLookupError(error: unknown): boolean {
  return isNamed(error, 'AddressInfoError') || isNamed(error, 'HostError');
}

const GAI_STRERROR: Call = call('gai_strerror', 'code');

/**
 * Returns the description of an error number of getaddrinfo: gai_strerror(3).
 *
 * @param code An EAI_ number.
 * @returns The text of the C library.
 * @throws RangeError if `code` is not an int.
 * @example
 * console.log(gai_strerror(EAI_NONAME)); // Name or service not known
 * @see https://man7.org/linux/man-pages/man3/gai_strerror.3.html
 */
export function gai_strerror(code: number): string {
  const text = native.gai_strerror(code);
  if (typeof text === 'number') fail(text, GAI_STRERROR);
  return text;
}

/** The result of a native look-up: its bytes, [code, errno], -errno or a refusal. */
export type Outcome = ArrayBuffer | readonly [number, number] | number;

/** Returns the bytes of a successful look-up, or throws its error. */
export function unpackOutcome(
  result: Outcome,
  call: Call,
  Failure: new (code: number, errno: number, syscall: string, asked: Asked) => Error,
  asked: Asked,
): Unpack {
  if (typeof result === 'number') fail(result, call);
  if (!isArrayBuffer(result)) throw new Failure(result[0], result[1], call.name, asked);
  return new Unpack(result);
}
