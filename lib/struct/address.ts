/** Converts socket addresses between objects with the fields of their struct and the sockaddr bytes of the kernel. */

import { Buffer } from 'node:buffer';
import { SocketAddress } from 'node:net';
import { TextDecoder } from 'node:util';
import { invalidType, invalidValue, outOfRange } from '../argument/argument-error.ts';
import { isUint8Array } from '../argument/kind.ts';
import { namesOf, onlyKnown } from '../argument/known-names.ts';
import { uint16 } from '../argument/number.ts';
import { assertObject, attached, ownProperty } from '../argument/snapshot.ts';
import { LITTLE } from '../native/byte-order.ts';
import { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, AF_VSOCK } from '../native/constants.ts';
import { layout } from '../native/native.ts';
import type {
  Address,
  AddressLike,
  Inet6Address,
  InetAddress,
  NetlinkAddress,
  OtherAddressInput,
  OtherFamily,
  PacketAddress,
  UnixAddress,
  UnixAddressInput,
  VsockAddress,
} from './address-type.ts';
import { type Field, hardware, i32, in6Addr, inAddr, net16, net32, optional, part, u8, u16, u32 } from './field.ts';
import { type Codec, codecOf, struct } from './struct.ts';

/** The fields of an address that follow its family. */
type Fields<Decoded> = Omit<Decoded, 'family'>;

const sin_addr = inAddr('sin_addr');
const sin_port = net16('sin_port');
const sockaddr_in = struct<Fields<InetAddress>>('sockaddr_in', { address: sin_addr, port: sin_port });

const sockaddr_in6 = struct<Fields<Inet6Address>>('sockaddr_in6', {
  address: in6Addr('sin6_addr', 'scopeId'),
  port: net16('sin6_port'),
  flowinfo: optional(net32('sin6_flowinfo')),
  scopeId: optional(u32('sin6_scope_id')),
});

const sockaddr_ll = struct<Fields<PacketAddress>>('sockaddr_ll', {
  ifindex: i32('sll_ifindex'),
  protocol: net16('sll_protocol'),
  hatype: optional(u16('sll_hatype')),
  pkttype: optional(u8('sll_pkttype')),
  address: hardware('sll_addr', u8('sll_halen')),
});

const sockaddr_nl = struct<Fields<NetlinkAddress>>('sockaddr_nl', { pid: u32('nl_pid'), groups: u32('nl_groups') });

const sockaddr_vm = struct<Fields<VsockAddress>>('sockaddr_vm', {
  cid: u32('svm_cid'),
  port: u32('svm_port'),
  flags: optional(u8('svm_flags')),
});

const inet = codecOf(sockaddr_in, { family: AF_INET });

/** The families whose addresses are structs of fields. */
const codecs = new Map<number, Codec<Address, never>>([
  [AF_INET, inet],
  [AF_INET6, codecOf(sockaddr_in6, { family: AF_INET6 })],
  [AF_PACKET, codecOf(sockaddr_ll, { family: AF_PACKET })],
  [AF_NETLINK, codecOf(sockaddr_nl, { family: AF_NETLINK })],
  [AF_VSOCK, codecOf(sockaddr_vm, { family: AF_VSOCK })],
]);

/** The size of sa_family, which every sockaddr begins with. */
export const SA_FAMILY = 2;
/** The size of struct sockaddr_storage, which has room for any address. */
export const SOCKADDR_STORAGE: number = layout('sockaddr_storage');

function withFamily(family: number, bytes: Uint8Array): Uint8Array {
  bytes[LITTLE ? 0 : 1] = family & 0xff;
  bytes[LITTLE ? 1 : 0] = family >> 8;
  return bytes;
}

const UNIX_NAMES = namesOf<UnixAddressInput>({ family: true, path: true });
const OTHER_NAMES = namesOf<OtherAddressInput>({ family: true, data: true });
const SUN_PATH = layout('sun_path');
const SUN_PATH_SIZE = layout('sun_path_size');

/** Encodes an AF_UNIX address. It is never padded or terminated, because its length is a part of its meaning. */
function encodeUnix(address: UnixAddressInput): Uint8Array {
  onlyKnown(address, UNIX_NAMES, 'address');
  const path = ownProperty(address, 'path');
  if (typeof path !== 'string' && !isUint8Array(path)) {
    throw invalidType('address.path', 'a string or a Uint8Array');
  }
  const name = typeof path === 'string' ? Buffer.from(path) : attached(path, 'address.path');
  if (typeof path === 'string' && String(name) !== path) {
    throw invalidValue('address.path', 'well-formed text (a lone surrogate has no bytes; give the bytes instead)');
  }
  if (name.length > SUN_PATH_SIZE) throw outOfRange('address.path', `at most ${SUN_PATH_SIZE} bytes long`);
  if (typeof path === 'string' && path.lastIndexOf('\0') > 0 && !path.startsWith('\0')) {
    throw invalidValue('address.path', 'a path without NUL characters');
  }
  const size = SUN_PATH + name.length;
  // One NUL follows the address in memory without being a part of it, for tools that read the path as a C string before the kernel does.
  const bytes = Buffer.alloc(size + 1);
  bytes.set(name, SUN_PATH);
  return withFamily(AF_UNIX, bytes.subarray(0, size));
}

/** Does the same as the codec, without its loop, which costs a tenth of the time. */
function encodeInet(address: InetAddress): Uint8Array {
  onlyKnown(address, inet.names, 'address');
  const bytes = Buffer.alloc(sockaddr_in.size);
  sin_port.write(bytes, sin_port.at, ownProperty(address, 'port'), 'address.port');
  sin_addr.write(bytes, sin_addr.at, ownProperty(address, 'address'), 'address.address');
  return withFamily(AF_INET, bytes);
}

function encodeOther(family: number, address: OtherAddressInput): Uint8Array {
  onlyKnown(address, OTHER_NAMES, 'address');
  const data = attached(ownProperty(address, 'data'), 'address.data');
  const bytes = Buffer.alloc(SA_FAMILY + data.length);
  bytes.set(data, SA_FAMILY);
  return withFamily(family, bytes);
}

/**
 * Encodes an address as the sockaddr bytes that bind(2) and similar calls accept.
 *
 * An address that is used often can be encoded once: every call accepts the bytes and passes them to the kernel unchanged.
 * The bytes are not padded, shortened or terminated, so their length is exactly the length that the kernel is given. An
 * object with `data` encodes an address of any family.
 *
 * @param address An address object, or a SocketAddress of node:net. Encoded bytes are returned unchanged.
 * @returns The bytes of the struct.
 * @throws TypeError or RangeError that names the field which the struct cannot hold: a port above 65535, a path of more
 *   than 108 bytes, a text that is not an address (to resolve names, use getaddrinfo).
 * @example
 * const name = encodeAddress({ family: AF_INET, address: '127.0.0.1', port: 80 });
 * console.log(Buffer.from(name).toString('hex')); // 020000507f0000010000000000000000
 * @see https://man7.org/linux/man-pages/man3/sockaddr.3type.html
 */
export function encodeAddress(address: AddressLike): Uint8Array {
  if (isUint8Array(address)) return address;
  if (address instanceof SocketAddress) {
    const { address: text, port, flowlabel } = address;
    return encodeAddress(
      address.family === 'ipv4'
        ? { family: AF_INET, address: text, port }
        : { family: AF_INET6, address: text, port, flowinfo: flowlabel },
    );
  }
  const family = uint16(ownProperty(assertObject(address, 'address'), 'family'), 'address.family');
  const other = Object.hasOwn(address, 'data');
  if (family === AF_INET && !other) return encodeInet(address as InetAddress);
  if (family === AF_UNIX && !other) return encodeUnix(address as UnixAddressInput);
  const codec = other ? undefined : codecs.get(family);
  if (codec === undefined) return encodeOther(family, address as OtherAddressInput);
  return withFamily(family, codec.encode(address as never, 'address'));
}

/** Throws the error of a sendto without an address. If the flags were omitted, the address is in their place. */
export function noAddress(flags: unknown): never {
  if (typeof flags === 'number') throw invalidType('address', 'an object');
  throw invalidType('flags', 'a number, before the address: sendto(fd, data, 0, address)');
}

let lastInet = -1;
let lastInetText = '';

/** Returns the text of an IPv4 address. The last text is cached, because most traffic repeats its addresses. */
function inetText(bytes: Uint8Array): string {
  const { at } = sin_addr;
  const number = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  if (number !== lastInet || lastInetText === '') {
    lastInet = number;
    lastInetText = `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
  }
  return lastInetText;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUnix(bytes: Uint8Array): UnixAddress {
  let name = bytes.subarray(SUN_PATH);
  if (name.length > 0 && name[0] !== 0) {
    // A path ends at its NUL. The kernel includes it in the length, which is 111 for a path of 108 bytes.
    const end = name.indexOf(0);
    if (end !== -1) name = name.subarray(0, end);
  }
  try {
    return { family: AF_UNIX, path: utf8.decode(name) };
  } catch {
    return { family: AF_UNIX, path: Buffer.from(name) }; // not UTF-8: return the exact bytes
  }
}

/** Room for the address with the most bytes, one of AF_PACKET with 255 bytes of hardware address. */
const copy = new Uint8Array(512);
const copyView = new DataView(copy.buffer);

/** Returns a view of a copy of the first bytes, which takes less time than a new DataView. It is read before anything else can run. */
function copied(bytes: Uint8Array, size: number): DataView {
  const count = Math.min(size, copy.length);
  for (let i = 0; i < count; i++) copy[i] = bytes[i]!;
  return copyView;
}

/**
 * Decodes sockaddr bytes to an address. It accepts any bytes without throwing.
 *
 * @param bytes A sockaddr from the kernel, or any bytes.
 * @param length How many bytes the kernel reported. A number larger than the buffer means all of its bytes.
 * @returns The address, or `undefined` if there are no bytes and thus no address (a connected TCP socket, an unbound AF_UNIX
 *   sender). A family that the library does not know, or an address too short for its family, is returned as
 *   `{ family, data }`.
 * @throws TypeError only if `bytes` is not a Uint8Array or `length` is not a number.
 * @example
 * const name = encodeAddress({ family: AF_UNIX, path: '/run/x.sock' });
 * console.log(decodeAddress(name)); // { family: 1, path: '/run/x.sock' }
 * @see https://man7.org/linux/man-pages/man3/sockaddr.3type.html
 */
export function decodeAddress(
  bytes: Uint8Array,
  length: number = isUint8Array(bytes) ? bytes.length : 0,
): Address | undefined {
  if (!isUint8Array(bytes)) throw invalidType('bytes', 'a Uint8Array');
  if (typeof length !== 'number') throw invalidType('length', 'a number');
  const size = Math.min(Math.trunc(length), bytes.byteLength); // `length` is not reliable if the memory is gone, see isGone
  if (!(size > 0)) return undefined;
  if (size < SA_FAMILY) return { family: bytes[0] as OtherFamily, data: Buffer.alloc(0) };
  const family = LITTLE ? bytes[0]! | (bytes[1]! << 8) : (bytes[0]! << 8) | bytes[1]!;
  if (family === AF_INET && size >= sockaddr_in.size) {
    // This does the same as the codec, without a DataView.
    const { at } = sin_port;
    return { family: AF_INET, address: inetText(bytes), port: (bytes[at]! << 8) | bytes[at + 1]! };
  }
  if (family === AF_UNIX) return decodeUnix(bytes.subarray(0, size));
  if (family === AF_INET6 && size >= sockaddr_in6.size) {
    const view = copied(bytes, sockaddr_in6.size);
    // This and the next three do the same as their codecs, without the loop, which costs 20 ns for each field.
    const { address, port, flowinfo, scopeId } = sockaddr_in6.fields;
    return {
      family: AF_INET6,
      address: address.read(view, address.at, size),
      port: port.read(view, port.at, size),
      flowinfo: flowinfo.read(view, flowinfo.at, size),
      scopeId: scopeId.read(view, scopeId.at, size),
    };
  }
  if (family === AF_PACKET && size >= sockaddr_ll.fields.address.at) {
    const view = copied(bytes, size);
    const { ifindex, protocol, hatype, pkttype, address } = sockaddr_ll.fields;
    return {
      family: AF_PACKET,
      ifindex: ifindex.read(view, ifindex.at, size),
      protocol: protocol.read(view, protocol.at, size),
      hatype: hatype.read(view, hatype.at, size),
      pkttype: pkttype.read(view, pkttype.at, size),
      address: address.read(view, address.at, size),
    };
  }
  if (family === AF_NETLINK && size >= sockaddr_nl.size) {
    const view = copied(bytes, sockaddr_nl.size);
    const { pid, groups } = sockaddr_nl.fields;
    return { family: AF_NETLINK, pid: pid.read(view, pid.at, size), groups: groups.read(view, groups.at, size) };
  }
  if (family === AF_VSOCK && size >= sockaddr_vm.size) {
    const view = copied(bytes, sockaddr_vm.size);
    const { cid, port, flags } = sockaddr_vm.fields;
    return {
      family: AF_VSOCK,
      cid: cid.read(view, cid.at, size),
      port: port.read(view, port.at, size),
      flags: flags.read(view, flags.at, size),
    };
  }
  return { family: family as OtherFamily, data: Buffer.from(bytes.subarray(SA_FAMILY, size)) };
}

/** A sockaddr in a field with the size of struct sockaddr_storage. */
export const sockaddr = (at: string): Field<AddressLike> => ({
  at: layout(at),
  read: (view, at) => decodeAddress(part(view, at, SOCKADDR_STORAGE))!,
  write: (bytes, at, value, name) => {
    const address = encodeAddress(assertObject(value, name) as AddressLike);
    if (address.length > SOCKADDR_STORAGE) throw outOfRange(name, `at most ${SOCKADDR_STORAGE} bytes long`);
    bytes.set(address, at);
  },
});

/** The last IPv4 destination and its bytes, which are never changed. */
let shared: { text: string; port: number; bytes: Uint8Array } = {
  text: '0.0.0.0',
  port: 0,
  bytes: encodeInet({ family: AF_INET, address: '0.0.0.0', port: 0 }),
};

/** Does the same as `encodeAddress` for one call. The caller must not change the bytes or return them to the program. */
export function encodeShared(address: AddressLike): Uint8Array {
  if (isUint8Array(address) || address instanceof SocketAddress) return encodeAddress(address);
  const family = ownProperty(assertObject(address, 'address'), 'family');
  if (family !== AF_INET || Object.hasOwn(address, 'data')) return encodeAddress(address);
  const text = ownProperty(address as InetAddress, 'address') as string;
  const port = ownProperty(address as InetAddress, 'port') as number;
  onlyKnown(address, inet.names, 'address');
  if (text !== shared.text || port !== shared.port) {
    shared = { text, port, bytes: encodeAddress({ family, address: text, port }) };
  }
  return shared.bytes;
}

/**
 * Storage for any address, which the calls of `sys-socket/nothrow` fill and which can be reused. It combines C's
 * sockaddr_storage and its socklen_t.
 *
 * @example
 * const name = new SockaddrStorage();
 * nothrow.getsockname(socket(AF_INET, SOCK_DGRAM), name);
 * console.log(name.length, name.decode()); // 16 { family: 2, address: '0.0.0.0', port: 0 }
 * @see https://man7.org/linux/man-pages/man3/sockaddr.3type.html
 */
export class SockaddrStorage {
  /** The bytes that the kernel writes. */
  readonly bytes: Uint8Array = new Uint8Array(SOCKADDR_STORAGE);
  /** The length that the kernel reported. 0 means that there is no address. As in C, it can exceed the size of `bytes`. */
  length = 0;

  /** Decodes the address with `decodeAddress`. */
  decode(): Address | undefined {
    return decodeAddress(this.bytes, this.length);
  }

  /** Returns a copy of the exact bytes of the address, which can be used as an address again. */
  encode(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
