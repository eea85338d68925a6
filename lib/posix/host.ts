/** Hosts, as in netdb.h, and the name of this host. The look-ups block; those of sys-socket/promises do not. */

import { outOfRange, text } from '../argument/argument-error.ts';
import { AF_INET, AF_INET6, SOCK_DGRAM } from '../native/constants.ts';
import { native } from '../native/native.ts';
import { type Call, call, check, fail } from '../struct/errno.ts';
import { inet_ntop, inet_pton } from '../struct/inet.ts';
import { type AddressInfoHints, getaddrinfo } from './address-info.ts';
import { HostError, isLookupError, type Outcome, unpackOutcome } from './lookup-error.ts';

/**
 * The names and addresses of a host: struct hostent.
 *
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export interface HostEntry {
  name: string;
  aliases: string[];
  /** AF_INET or AF_INET6. */
  addrtype: number;
  addresses: string[];
}

export const GETHOSTBYNAME: Call = call('gethostbyname', 'family', 'name', 'address');

export const GETHOSTBYADDR: Call = call('gethostbyaddr', 'family', 'name', 'address');

export function readHost(result: Outcome, host: string, call: Call): HostEntry {
  const unpack = unpackOutcome(result, call, HostError, { host });
  const addrtype = unpack.int();
  const entry: HostEntry = { name: unpack.string()!, aliases: unpack.strings(), addrtype, addresses: [] };
  while (!unpack.done) entry.addresses.push(inet_ntop(addrtype, unpack.bytes()!));
  return entry;
}

/** Returns the family and the bytes of an address that is given as text. */
export function hostAddress(address: string): [number, undefined, Uint8Array] {
  const inet = inet_pton(AF_INET, address);
  const bytes = inet ?? inet_pton(AF_INET6, address);
  if (bytes === undefined) throw outOfRange('address', 'the text of an IPv4 or IPv6 address');
  return [inet === undefined ? AF_INET6 : AF_INET, undefined, bytes];
}

/**
 * Returns the first IPv4 address of a host: gethostbyname(3). POSIX calls it obsolete; prefer `getaddrinfo`. The call blocks.
 *
 * @param name A host name or the text of an address.
 * @returns The address as text.
 * @throws HostError HOST_NOT_FOUND, NO_DATA, TRY_AGAIN, NO_RECOVERY.
 * @example
 * console.log(gethostbyname('127.0.0.1')); // 127.0.0.1
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export function gethostbyname(name: string): string {
  return gethostbyname_ex(name).addresses[0]!;
}

/**
 * Returns the whole hostent of gethostbyname2(3), like Python's gethostbyname_ex. The call blocks.
 *
 * @param name A host name or the text of an address.
 * @param family AF_INET (the default) or AF_INET6.
 * @returns The name, the aliases and the addresses of the host.
 * @throws HostError The same errors as `gethostbyname`.
 * @example
 * console.log(gethostbyname_ex('127.0.0.1').addresses); // [ '127.0.0.1' ]
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export function gethostbyname_ex(name: string, family: number = AF_INET): HostEntry {
  return readHost(native.gethost(family, name ?? null, undefined), name, GETHOSTBYNAME);
}

/**
 * Returns the host that has an address: gethostbyaddr(3). The call blocks.
 *
 * @param address The text of an IPv4 or IPv6 address (in C: its bytes).
 * @returns The same as `gethostbyname_ex`.
 * @throws HostError The same errors as `gethostbyname`; RangeError when the text is not an address.
 * @example
 * try {
 *   console.log(gethostbyaddr('127.0.0.1').addresses); // [ '127.0.0.1' ]
 * } catch (error) {
 *   if (!(error instanceof HostError)) throw error; // HOST_NOT_FOUND: the host data base does not have it
 * }
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export function gethostbyaddr(address: string): HostEntry {
  return readHost(native.gethost(...hostAddress(address)), address, GETHOSTBYADDR);
}

/** Returns the first name that contains a dot, as Python's getfqdn chooses it. */
export function chooseFullName(entry: HostEntry | undefined, fallback: string): string {
  if (entry === undefined) return fallback;
  return [entry.name, ...entry.aliases].find((alias) => alias.includes('.')) ?? entry.name;
}

/** The hints for the address whose host getfqdn looks up. */
export const FULL_NAME_HINTS: AddressInfoHints = { socktype: SOCK_DGRAM };

/**
 * Returns the fully qualified name of a host, like Python's socket.getfqdn: its first name or alias that contains a dot, or else
 * its name. The call blocks.
 *
 * @param name A host name. If it is omitted or empty, this host is meant.
 * @returns The name. If the look-up fails, the given name is returned and no error is thrown.
 * @throws TypeError if `name` is not a string or contains a NUL.
 * @example
 * console.log(getfqdn().length > 0); // true
 * @see https://docs.python.org/3/library/socket.html#socket.getfqdn
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export function getfqdn(name = ''): string {
  text(name, 'name');
  const asked = name.trim() === '' || name.trim() === '0.0.0.0' ? gethostname() : name.trim();
  try {
    const { address } = getaddrinfo(asked, null, FULL_NAME_HINTS)[0]!;
    return chooseFullName(gethostbyaddr(address.address), asked);
  } catch (error) {
    if (isLookupError(error)) return asked;
    throw error;
  }
}

const GETHOSTNAME: Call = call('gethostname');

/**
 * Returns the name of this host: gethostname(2).
 *
 * @returns The name as the kernel stores it.
 * @throws SocketError, but never on Linux.
 * @example
 * console.log(gethostname().length > 0); // true
 * @see https://man7.org/linux/man-pages/man2/gethostname.2.html
 */
export function gethostname(): string {
  const name = native.gethostname();
  if (typeof name === 'number') fail(name, GETHOSTNAME);
  return name;
}

const SETHOSTNAME: Call = call('sethostname', 'name');

/**
 * Sets the name of this host: sethostname(2).
 *
 * @param name The new name, at most 64 bytes long.
 * @throws SocketError EPERM without CAP_SYS_ADMIN, EINVAL for a longer name.
 * @example
 * sethostname('laboratory');
 * console.log(gethostname()); // laboratory
 * @see https://man7.org/linux/man-pages/man2/sethostname.2.html
 */
export function sethostname(name: string): void {
  check(native.sethostname(name), SETHOSTNAME);
}
