/** Addresses from names and names from addresses: getaddrinfo(3), getnameinfo(3). These calls block; those of sys-socket/promises do not. */

import { outOfRange } from '../argument/argument-error.ts';
import { type Names, namesOf, onlyKnown } from '../argument/known-names.ts';
import { assertObject, ownPropertyOr } from '../argument/snapshot.ts';
import { type AF_INET, type AF_INET6, AF_UNSPEC } from '../native/constants.ts';
import { native } from '../native/native.ts';
import { decodeAddress, encodeAddress } from '../struct/address.ts';
import type { AddressLike, Inet6Address, InetAddress } from '../struct/address-type.ts';
import { type Call, call } from '../struct/errno.ts';
import { AddressInfoError, type Outcome, unpackOutcome } from './lookup-error.ts';

/**
 * The hints of getaddrinfo(3), which say what it looks for.
 *
 * @see https://man7.org/linux/man-pages/man3/getaddrinfo.3.html
 */
export interface AddressInfoHints {
  /** AI_ flags. */
  flags?: number | undefined;
  /** AF_UNSPEC (any), AF_INET or AF_INET6. */
  family?: number | undefined;
  /** A SOCK_ type; 0 means any. */
  socktype?: number | undefined;
  /** An IPPROTO_ number; 0 means any. */
  protocol?: number | undefined;
}

/**
 * An address to connect or bind a socket to: struct addrinfo.
 *
 * @see https://man7.org/linux/man-pages/man3/getaddrinfo.3.html
 */
export interface AddressInfo {
  flags: number;
  family: typeof AF_INET | typeof AF_INET6;
  socktype: number;
  protocol: number;
  address: InetAddress | Inet6Address;
  /** The canonical name. Only the first entry has it, and only with AI_CANONNAME. */
  canonname: string | undefined;
}

const HINTS = namesOf<AddressInfoHints>({ flags: true, family: true, socktype: true, protocol: true });

/**
 * Matches what the C library accepts as a port number: strtoul(3). glibc truncates a number that is too large to 16 bits, so
 * '99999' would become port 34463.
 */
const isPort = /^[ \t-\r]*[+-]?\d+$/;

/** Returns the arguments of native.getaddrinfo. A number is the port of the service, and null is C's null pointer. */
export function addressInfoArguments(
  node: string | null,
  service: string | number | null,
  hints: AddressInfoHints,
  names: Names = HINTS,
): [string | undefined, string | undefined, number, number, number, number] {
  onlyKnown(assertObject(hints, 'hints'), names, 'hints');
  const port = typeof service === 'string' && isPort.test(service) ? Number(service) : service;
  if (typeof port === 'number' && (!Number.isInteger(port) || port < 0 || port > 65535)) {
    throw outOfRange('service', 'an integer from 0 to 65535');
  }
  return [
    node === null ? undefined : node,
    service === null ? undefined : typeof service === 'number' ? String(service) : service,
    ownPropertyOr(hints, 'flags', 0),
    ownPropertyOr(hints, 'family', AF_UNSPEC),
    ownPropertyOr(hints, 'socktype', 0),
    ownPropertyOr(hints, 'protocol', 0),
  ];
}

const GETADDRINFO: Call = call('getaddrinfo', 'node', 'service', 'flags', 'family', 'socktype', 'protocol');

export function readAddressInfo(
  result: Outcome,
  node: string | null,
  service: string | number | null = null,
): AddressInfo[] {
  const asked = { host: node ?? undefined, service: service ?? undefined };
  const unpack = unpackOutcome(result, GETADDRINFO, AddressInfoError, asked);
  const list: AddressInfo[] = [];
  while (!unpack.done) {
    list.push({
      flags: unpack.int(),
      family: unpack.int() as AddressInfo['family'],
      socktype: unpack.int(),
      protocol: unpack.int(),
      address: decodeAddress(unpack.bytes()!) as AddressInfo['address'],
      canonname: unpack.string(),
    });
  }
  return list;
}

/**
 * Returns the addresses of a host and a service: getaddrinfo(3). The call blocks the whole thread and may wait for the network.
 *
 * @param node A host name or the text of an address. null means the local host (with AI_PASSIVE: any address).
 * @param service The name of a service, or a port from 0 to 65535 as a number or a string. null means none. Node and service
 *   cannot both be null.
 * @param hints What to look for. If omitted, the call returns addresses of any family and type, and sets no flags.
 * @returns The entries, in the order of the C library (RFC 6724).
 * @throws AddressInfoError EAI_NONAME, EAI_SERVICE, EAI_FAMILY, EAI_SOCKTYPE, EAI_BADFLAGS, EAI_AGAIN, EAI_FAIL,
 *   EAI_SYSTEM; TypeError for a string that contains a NUL and RangeError for a port above 65535, because C would truncate
 *   both.
 * @example
 * const results = getaddrinfo('127.0.0.1', 80, { socktype: SOCK_STREAM });
 * for (const { address } of results) console.log(address.address, address.port); // 127.0.0.1 80
 * @see https://man7.org/linux/man-pages/man3/getaddrinfo.3.html
 */
export function getaddrinfo(
  node: string | null,
  service: string | number | null = null,
  hints: AddressInfoHints = {},
): AddressInfo[] {
  return readAddressInfo(native.getaddrinfo(...addressInfoArguments(node, service, hints)), node, service);
}

/**
 * The result of getnameinfo(3).
 *
 * @see https://man7.org/linux/man-pages/man3/getnameinfo.3.html
 */
export interface NameInfo {
  host: string;
  service: string;
}

const GETNAMEINFO: Call = call('getnameinfo', 'address', 'flags');

export function readNameInfo(result: Outcome, name: Uint8Array): NameInfo {
  const unpack = unpackOutcome(result, GETNAMEINFO, AddressInfoError, { address: decodeAddress(name) });
  return { host: unpack.string()!, service: unpack.string()! };
}

/**
 * Returns the names of an address and its port: getnameinfo(3). The call blocks the whole thread and may wait for the network.
 *
 * @param address A socket address.
 * @param flags NI_ flags: NI_NUMERICHOST, NI_NUMERICSERV, NI_NAMEREQD, NI_DGRAM, NI_NOFQDN.
 * @returns The names of the host and of the service.
 * @throws AddressInfoError EAI_NONAME (with NI_NAMEREQD), EAI_FAMILY, EAI_AGAIN, EAI_BADFLAGS, EAI_SYSTEM.
 * @example
 * const address = { family: AF_INET, address: '127.0.0.1', port: 80 };
 * console.log(getnameinfo(address, NI_NUMERICHOST | NI_NUMERICSERV)); // { host: '127.0.0.1', service: '80' }
 * @see https://man7.org/linux/man-pages/man3/getnameinfo.3.html
 */
export function getnameinfo(address: AddressLike, flags = 0): NameInfo {
  const name = encodeAddress(address);
  return readNameInfo(native.getnameinfo(name, flags), name);
}
