/** Names of hosts, services and protocols, as in netdb.h. These calls wait; sys-socket/promises has those that do not. */
import { decodeAddress, encodeAddress } from './address.ts';
import type { Address, AddressLike, Inet6Address, InetAddress } from './address-type.ts';
import {
  GAI_STRERROR,
  GETADDRINFO,
  GETHOST,
  GETHOSTNAME,
  GETNAMEINFO,
  GETPROTO,
  GETSERVBYNAME,
  GETSERVBYPORT,
  SETHOSTNAME,
} from './calls.ts';
import * as constants from './constants.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from './constants.ts';
import { type Call, check, type ErrnoName, errnoName, isNamed, outOfRange, text } from './errno.ts';
import { formatAddress } from './format.ts';
import { inet_ntop, inet_pton } from './inet.ts';
import { isArrayBuffer } from './kind.ts';
import { type Names, namesOf, onlyKnown } from './known-names.ts';
import { native } from './native.ts';
import { int32, uint16 } from './number.ts';
import { object, ownOr } from './snapshot.ts';
import { Unpack } from './unpack.ts';

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

/** What a look-up was asked for. */
export interface Asked {
  host?: string | undefined;
  service?: string | number | undefined;
  address?: Address | undefined;
}

/** For messages: the question as a person writes it. Control characters of a name do not reach the terminal. */
function describe({ host, service, address }: Asked): string {
  if (address !== undefined) return ` ${formatAddress(address)}`;
  const parts: string[] = [];
  if (host !== undefined) parts.push(`host ${JSON.stringify(host)}`);
  if (service !== undefined) parts.push(`service ${JSON.stringify(service)}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/**
 * A look-up by getaddrinfo(3) or getnameinfo(3) that failed.
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
  /** Its number, negative as in netdb.h. */
  readonly eai: number;
  readonly syscall: string;
  /** The host that getaddrinfo was asked for; absent when that was null. */
  declare readonly host?: string;
  /** The service that getaddrinfo was asked for; absent when that was null. */
  declare readonly service?: string | number;
  /** The address that getnameinfo was asked for. */
  declare readonly address?: Address;
  /** For EAI_SYSTEM the positive errno. */
  declare readonly errno?: number;
  /** The name of that errno. */
  declare readonly errnoCode?: ErrnoName;

  constructor(eai: number, errno: number, syscall: string, asked: Asked = {}) {
    int32(eai, 'eai');
    text(syscall, 'syscall');
    object(asked, 'asked');
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
 * A look-up by gethostbyname(3) or gethostbyaddr(3) that failed.
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
  /** Its number: C's h_errno. */
  readonly herrno: number;
  readonly syscall: string;
  /** The name or the address that was asked for. */
  declare readonly host?: string;

  constructor(herrno: number, errno: number, syscall: string, asked: Asked = {}) {
    int32(herrno, 'herrno');
    text(syscall, 'syscall');
    object(asked, 'asked');
    const [code, words] = hostCodes[herrno] ?? ['NETDB_INTERNAL', `Resolver error (${errnoName(errno) ?? errno})`];
    super(`${code}: ${words}, ${syscall}${describe(asked)}`);
    if (asked.host !== undefined) this.host = asked.host;
    this.code = code;
    this.herrno = herrno;
    this.syscall = syscall;
  }
}

/** Whether a look-up failed, whichever copy of the library tells so. */
export function isLookupError(error: unknown): boolean {
  return isNamed(error, 'AddressInfoError') || isNamed(error, 'HostError');
}

/**
 * What getaddrinfo(3) shall look for: its hints.
 *
 * @see https://man7.org/linux/man-pages/man3/getaddrinfo.3.html
 */
export interface AddressInfoHints {
  /** AI_ flags. */
  flags?: number | undefined;
  /** AF_UNSPEC (any), AF_INET or AF_INET6. */
  family?: number | undefined;
  /** A SOCK_ type; 0 is any. */
  socktype?: number | undefined;
  /** An IPPROTO_ number; 0 is any. */
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
  /** With AI_CANONNAME, of the first entry. */
  canonname: string | undefined;
}

const HINTS = namesOf<AddressInfoHints>({ flags: true, family: true, socktype: true, protocol: true });

/**
 * What the C library takes for the number of a port: strtoul(3). glibc cuts one that is too large to 16 bits: port 34463 for
 * '99999'.
 */
const isPort = /^[ \t-\r]*[+-]?\d+$/;

/** The arguments of native.getaddrinfo. A number is a service by its port; null is C's null pointer. */
export function addressInfoArguments(
  node: string | null,
  service: string | number | null,
  hints: AddressInfoHints,
  names: Names = HINTS,
): [string | undefined, string | undefined, number, number, number, number] {
  onlyKnown(object(hints, 'hints'), names, 'hints');
  const port = typeof service === 'string' && isPort.test(service) ? Number(service) : service;
  if (typeof port === 'number' && (!Number.isInteger(port) || port < 0 || port > 65535)) {
    throw outOfRange('service', 'an integer from 0 to 65535');
  }
  return [
    node === null ? undefined : node,
    service === null ? undefined : typeof service === 'number' ? String(service) : service,
    ownOr(hints, 'flags', 0),
    ownOr(hints, 'family', AF_UNSPEC),
    ownOr(hints, 'socktype', 0),
    ownOr(hints, 'protocol', 0),
  ];
}

/** What a native look-up gave: its bytes, [code, errno], -errno or a refusal. */
export type Outcome = ArrayBuffer | readonly [number, number] | number;

function outcome(
  result: Outcome,
  call: Call,
  Failure: new (code: number, errno: number, syscall: string, asked: Asked) => Error,
  asked: Asked,
): Unpack {
  if (typeof result === 'number') throw check(result, call);
  if (!isArrayBuffer(result)) throw new Failure(result[0], result[1], call.name, asked);
  return new Unpack(result);
}

export function readAddressInfo(
  result: Outcome,
  node: string | null,
  service: string | number | null = null,
): AddressInfo[] {
  const asked = { host: node ?? undefined, service: service ?? undefined };
  const unpack = outcome(result, GETADDRINFO, AddressInfoError, asked);
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
 * The addresses of a host and a service: getaddrinfo(3). Waits, perhaps on the network, and the whole thread with it.
 *
 * @param node A name or an address text; null is the own host (or any address, with AI_PASSIVE).
 * @param service A service name, or a port from 0 to 65535 as number or text; null is none. Node and service cannot both
 *   be null.
 * @param hints What to look for. Left out: any address of any type, without flags.
 * @returns The entries, in the order of the C library (RFC 6724).
 * @throws AddressInfoError EAI_NONAME, EAI_SERVICE, EAI_FAMILY, EAI_SOCKTYPE, EAI_BADFLAGS, EAI_AGAIN, EAI_FAIL,
 *   EAI_SYSTEM; TypeError for a text with an inner NUL, and RangeError for a port above 65535: C would cut both.
 * @example
 * const [{ address }] = getaddrinfo('127.0.0.1', 80, { socktype: SOCK_STREAM });
 * console.log(address.address, address.port); // 127.0.0.1 80
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
 * What getnameinfo(3) gives.
 *
 * @see https://man7.org/linux/man-pages/man3/getnameinfo.3.html
 */
export interface NameInfo {
  host: string;
  service: string;
}

export function readNameInfo(result: Outcome, name: Uint8Array): NameInfo {
  const unpack = outcome(result, GETNAMEINFO, AddressInfoError, { address: decodeAddress(name) });
  return { host: unpack.string()!, service: unpack.string()! };
}

/**
 * The names of an address and its port: getnameinfo(3). Waits, perhaps on the network, and the whole thread with it.
 *
 * @param address A socket address.
 * @param flags NI_ flags: NI_NUMERICHOST, NI_NUMERICSERV, NI_NAMEREQD, NI_DGRAM, NI_NOFQDN.
 * @returns The name of the host and of the service.
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

/**
 * What is known of a host: struct hostent.
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

export function readHost(result: Outcome, host: string, call: Call = GETHOST): HostEntry {
  const unpack = outcome(result, call, HostError, { host });
  const addrtype = unpack.int();
  const entry: HostEntry = { name: unpack.string()!, aliases: unpack.strings(), addrtype, addresses: [] };
  while (!unpack.done) entry.addresses.push(inet_ntop(addrtype, unpack.bytes()!));
  return entry;
}

/** The family and the bytes of an address text. */
export function hostAddress(address: string): [number, undefined, Uint8Array] {
  const inet = inet_pton(AF_INET, address);
  const bytes = inet ?? inet_pton(AF_INET6, address);
  if (bytes === undefined) throw outOfRange('address', 'the text of an IPv4 or IPv6 address');
  return [inet === undefined ? AF_INET6 : AF_INET, undefined, bytes];
}

/**
 * The first IPv4 address of a name: gethostbyname(3). Obsolete in POSIX; prefer `getaddrinfo`. Waits.
 *
 * @param name A host name or an address text.
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
 * All that is known of a name: the whole hostent of gethostbyname2(3), as Python's gethostbyname_ex. Waits.
 *
 * @param name A host name or an address text.
 * @param family AF_INET or AF_INET6.
 * @returns Its name, aliases and addresses.
 * @throws HostError As `gethostbyname`.
 * @example
 * console.log(gethostbyname_ex('127.0.0.1').addresses); // [ '127.0.0.1' ]
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export function gethostbyname_ex(name: string, family: number = AF_INET): HostEntry {
  return readHost(native.gethost(family, name ?? null, undefined), name);
}

/**
 * The host that has an address: gethostbyaddr(3). Waits.
 *
 * @param address The text of an IPv4 or IPv6 address (in C: its bytes).
 * @returns As `gethostbyname_ex`.
 * @throws HostError As `gethostbyname`; RangeError when the text is no address.
 * @example
 * try {
 *   console.log(gethostbyaddr('127.0.0.1').addresses); // [ '127.0.0.1' ]
 * } catch (error) {
 *   if (!(error instanceof HostError)) throw error; // HOST_NOT_FOUND: the host data base does not have it
 * }
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export function gethostbyaddr(address: string): HostEntry {
  return readHost(native.gethost(...hostAddress(address)), address, { ...GETHOST, name: 'gethostbyaddr' });
}

/** The first of the names with a dot, as Python's getfqdn chooses it. */
export function chooseFullName(entry: HostEntry | undefined, fallback: string): string {
  if (entry === undefined) return fallback;
  return [entry.name, ...entry.aliases].find((alias) => alias.includes('.')) ?? entry.name;
}

/** The address whose host getfqdn asks for. */
export const FULL_NAME_HINTS: AddressInfoHints = { socktype: constants.SOCK_DGRAM };

/**
 * The full name of a host, as Python's socket.getfqdn: its first name or alias with a dot, else the name itself. Waits.
 *
 * @param name A host name; left out or empty: this host.
 * @returns The name.
 * @throws TypeError for what is no string, or has an inner NUL. A look-up that fails is no error.
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

/**
 * A service: struct servent.
 *
 * @see https://man7.org/linux/man-pages/man3/getservbyname.3.html
 */
export interface ServiceEntry {
  name: string;
  aliases: string[];
  /** In host byte order. */
  port: number;
  protocol: string;
}

function readService(result: ArrayBuffer | number, call: Call): ServiceEntry | undefined {
  if (typeof result === 'number') throw check(result, call);
  const unpack = new Unpack(result);
  if (unpack.done) return undefined;
  return { name: unpack.string()!, aliases: unpack.strings(), port: unpack.int(), protocol: unpack.string()! };
}

/**
 * A service by its name: getservbyname(3).
 *
 * @param name `'http'`, or an alias.
 * @param protocol `'tcp'`, `'udp'`; left out: any.
 * @returns `undefined` where C returns NULL: there is none.
 * @throws TypeError for what is no string, or has an inner NUL.
 * @example
 * console.log(getservbyname('no such service')); // undefined
 * const port = getservbyname('domain', 'udp')?.port; // 53, where /etc/services has it
 * @see https://man7.org/linux/man-pages/man3/getservbyname.3.html
 */
export function getservbyname(name: string, protocol?: string): ServiceEntry | undefined {
  return readService(native.getserv(name ?? null, 0, protocol), GETSERVBYNAME);
}

/**
 * A service by its port: getservbyport(3).
 *
 * @param port 0 to 65535, in host byte order (in C: network byte order).
 * @param protocol `'tcp'`, `'udp'`; left out: any.
 * @returns `undefined` where C returns NULL: there is none.
 * @throws RangeError for what is no port.
 * @example
 * const name = getservbyport(80, 'tcp')?.name; // 'http', where /etc/services has it
 * console.log(getservbyport(1, 'no such protocol')); // undefined
 * @see https://man7.org/linux/man-pages/man3/getservbyname.3.html
 */
export function getservbyport(port: number, protocol?: string): ServiceEntry | undefined {
  return readService(native.getserv(undefined, uint16(port, 'port'), protocol), GETSERVBYPORT);
}

/**
 * A protocol: struct protoent.
 *
 * @see https://man7.org/linux/man-pages/man3/getprotobyname.3.html
 */
export interface ProtocolEntry {
  name: string;
  aliases: string[];
  protocol: number;
}

function readProtocol(result: ArrayBuffer | number): ProtocolEntry | undefined {
  if (typeof result === 'number') throw check(result, GETPROTO);
  const unpack = new Unpack(result);
  if (unpack.done) return undefined;
  return { name: unpack.string()!, aliases: unpack.strings(), protocol: unpack.int() };
}

/**
 * A protocol by its name: getprotobyname(3).
 *
 * @param name `'icmp'`, or an alias.
 * @returns `undefined` where C returns NULL: there is none.
 * @throws TypeError for what is no string, or has an inner NUL.
 * @example
 * console.log(getprotobyname('no such protocol')); // undefined
 * const number = getprotobyname('udp')?.protocol; // 17, where /etc/protocols has it
 * @see https://man7.org/linux/man-pages/man3/getprotobyname.3.html
 */
export function getprotobyname(name: string): ProtocolEntry | undefined {
  return readProtocol(native.getproto(name ?? null, 0));
}

/**
 * A protocol by its number: getprotobynumber(3).
 *
 * @param number An IPPROTO_ number.
 * @returns `undefined` where C returns NULL: there is none.
 * @throws RangeError for what is no int.
 * @example
 * console.log(getprotobynumber(255)); // undefined
 * const name = getprotobynumber(IPPROTO_UDP)?.name; // 'udp', where /etc/protocols has it
 * @see https://man7.org/linux/man-pages/man3/getprotobyname.3.html
 */
export function getprotobynumber(number: number): ProtocolEntry | undefined {
  return readProtocol(native.getproto(undefined, number));
}

/**
 * What an error number of getaddrinfo means: gai_strerror(3).
 *
 * @param code An EAI_ number.
 * @returns The text of the C library.
 * @throws RangeError for what is no int.
 * @example
 * console.log(gai_strerror(EAI_NONAME)); // Name or service not known
 * @see https://man7.org/linux/man-pages/man3/gai_strerror.3.html
 */
export function gai_strerror(code: number): string {
  const text = native.gai_strerror(code);
  if (typeof text === 'number') throw check(text, GAI_STRERROR);
  return text;
}

/**
 * The name of this host: gethostname(2).
 *
 * @returns The name, as the kernel has it.
 * @throws SocketError, never on Linux.
 * @example
 * console.log(gethostname().length > 0); // true
 * @see https://man7.org/linux/man-pages/man2/gethostname.2.html
 */
export function gethostname(): string {
  const name = native.gethostname();
  if (typeof name === 'number') throw check(name, GETHOSTNAME);
  return name;
}

/**
 * Names this host: sethostname(2).
 *
 * @param name At most 64 bytes.
 * @throws SocketError EPERM without CAP_SYS_ADMIN, EINVAL for a longer name.
 * @example
 * sethostname('laboratory');
 * console.log(gethostname()); // laboratory
 * @see https://man7.org/linux/man-pages/man2/sethostname.2.html
 */
export function sethostname(name: string): void {
  check(native.sethostname(name), SETHOSTNAME);
}
