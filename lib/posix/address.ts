/** Socket addresses: objects with the fields of their struct, and the sockaddr bytes that the kernel takes and gives. */

import { Buffer } from 'node:buffer';
import { SocketAddress } from 'node:net';
import { TextDecoder } from 'node:util';
import type {
  Address,
  AddressLike,
  Inet6AddressInput,
  InetAddress,
  NetlinkAddress,
  OtherAddressInput,
  OtherFamily,
  PacketAddressInput,
  UnixAddress,
  UnixAddressInput,
  VsockAddressInput,
} from './address-type.ts';
import { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, AF_VSOCK } from './constants.ts';
import { invalidType, invalidValue, outOfRange } from './errno.ts';
import { hardwareBytes } from './hardware-address.ts';
import { inet_ntop } from './inet.ts';
import { isUint8Array } from './kind.ts';
import { namesOf, onlyKnown } from './known-names.ts';
import { layout, native } from './native.ts';
import { int32, LITTLE, uint8, uint16, uint32 } from './number.ts';
import { attached, object, own } from './snapshot.ts';

const NAMES = {
  inet: namesOf<InetAddress>({ family: true, address: true, port: true }),
  inet6: namesOf<Inet6AddressInput>({ family: true, address: true, port: true, flowinfo: true, scopeId: true }),
  unix: namesOf<UnixAddressInput>({ family: true, path: true }),
  packet: namesOf<PacketAddressInput>({
    family: true,
    ifindex: true,
    protocol: true,
    hatype: true,
    pkttype: true,
    address: true,
  }),
  netlink: namesOf<NetlinkAddress>({ family: true, pid: true, groups: true }),
  vsock: namesOf<VsockAddressInput>({ family: true, cid: true, port: true, flags: true }),
  other: namesOf<OtherAddressInput>({ family: true, data: true }),
};

const SIZE = {
  family: 2,
  storage: layout('sockaddr_storage'),
  inet: layout('sockaddr_in'),
  inet6: layout('sockaddr_in6'),
  path: layout('sun_path_size'),
  packet: layout('sockaddr_ll'),
  netlink: layout('sockaddr_nl'),
  vsock: layout('sockaddr_vm'),
};
const AT = {
  sin_port: layout('sin_port'),
  sin_addr: layout('sin_addr'),
  sin6_port: layout('sin6_port'),
  sin6_flowinfo: layout('sin6_flowinfo'),
  sin6_addr: layout('sin6_addr'),
  sin6_scope_id: layout('sin6_scope_id'),
  sun_path: layout('sun_path'),
  sll_protocol: layout('sll_protocol'),
  sll_ifindex: layout('sll_ifindex'),
  sll_hatype: layout('sll_hatype'),
  sll_pkttype: layout('sll_pkttype'),
  sll_halen: layout('sll_halen'),
  sll_addr: layout('sll_addr'),
  nl_pid: layout('nl_pid'),
  nl_groups: layout('nl_groups'),
  svm_port: layout('svm_port'),
  svm_cid: layout('svm_cid'),
  svm_flags: layout('svm_flags'),
};

function sockaddr(family: number, size: number): { bytes: Buffer; view: DataView } {
  const bytes = Buffer.alloc(size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  view.setUint16(0, family, LITTLE);
  return { bytes, view };
}

const text16 = new Uint8Array(16);

const EXPECTED = {
  [AF_INET]: 'an IPv4 address (names are for getaddrinfo)',
  [AF_INET6]: 'an IPv6 address (names are for getaddrinfo)',
};
const SCOPED = 'an IPv6 address without %: the interface is address.scopeId, a number of if_nametoindex';

function putText(family: typeof AF_INET | typeof AF_INET6, text: unknown, to: Uint8Array, at: number): void {
  if (typeof text !== 'string') throw invalidType('address.address', 'a string');
  if (native.inet_pton(family, text, text16) !== 1) {
    throw invalidValue('address.address', family === AF_INET6 && text.includes('%') ? SCOPED : EXPECTED[family]);
  }
  const size = family === AF_INET ? 4 : 16;
  for (let i = 0; i < size; i++) to[at + i] = text16[i]!;
}

function encodeInet(address: InetAddress): Uint8Array {
  onlyKnown(address, NAMES.inet, 'address');
  const { bytes, view } = sockaddr(AF_INET, SIZE.inet);
  view.setUint16(AT.sin_port, uint16(own(address, 'port'), 'address.port'));
  putText(AF_INET, own(address, 'address'), bytes, AT.sin_addr);
  return bytes;
}

function encodeInet6(address: Inet6AddressInput): Uint8Array {
  onlyKnown(address, NAMES.inet6, 'address');
  const { bytes, view } = sockaddr(AF_INET6, SIZE.inet6);
  view.setUint16(AT.sin6_port, uint16(own(address, 'port'), 'address.port'));
  view.setUint32(AT.sin6_flowinfo, uint32(own(address, 'flowinfo'), 'address.flowinfo', 0));
  putText(AF_INET6, own(address, 'address'), bytes, AT.sin6_addr);
  view.setUint32(AT.sin6_scope_id, uint32(own(address, 'scopeId'), 'address.scopeId', 0), LITTLE);
  return bytes;
}

/** Never padded and never terminated: of an AF_UNIX address only the length tells what it is. */
function encodeUnix(address: UnixAddressInput): Uint8Array {
  onlyKnown(address, NAMES.unix, 'address');
  const path = own(address, 'path');
  if (typeof path !== 'string' && !isUint8Array(path)) {
    throw invalidType('address.path', 'a string or a Uint8Array');
  }
  const name = typeof path === 'string' ? Buffer.from(path) : attached(path, 'address.path');
  if (typeof path === 'string' && String(name) !== path) {
    throw invalidValue('address.path', 'well-formed text (a lone surrogate has no bytes; give the bytes instead)');
  }
  if (name.length > SIZE.path) throw outOfRange('address.path', `at most ${SIZE.path} bytes long`);
  if (typeof path === 'string' && path.lastIndexOf('\0') > 0 && !path.startsWith('\0')) {
    throw invalidValue('address.path', 'a path without NUL characters');
  }
  const size = AT.sun_path + name.length;
  // One NUL in memory after the address, not in it: for tools between us and the kernel that read a path as C text.
  const { bytes } = sockaddr(AF_UNIX, size + 1);
  bytes.set(name, AT.sun_path);
  return bytes.subarray(0, size);
}

function encodePacket(address: PacketAddressInput): Uint8Array {
  onlyKnown(address, NAMES.packet, 'address');
  const given = own(address, 'address');
  const hardware = given === undefined ? undefined : hardwareBytes(given, 'address.address');
  const length = uint8(hardware?.length ?? 0, 'address.address.length');
  const { bytes, view } = sockaddr(AF_PACKET, Math.max(SIZE.packet, AT.sll_addr + length));
  view.setUint16(AT.sll_protocol, uint16(own(address, 'protocol'), 'address.protocol'));
  view.setInt32(AT.sll_ifindex, int32(own(address, 'ifindex'), 'address.ifindex'), LITTLE);
  view.setUint16(AT.sll_hatype, uint16(own(address, 'hatype'), 'address.hatype', 0), LITTLE);
  view.setUint8(AT.sll_pkttype, uint8(own(address, 'pkttype'), 'address.pkttype', 0));
  view.setUint8(AT.sll_halen, length);
  if (hardware !== undefined) bytes.set(hardware.subarray(0, length), AT.sll_addr);
  return bytes;
}

function encodeNetlink(address: NetlinkAddress): Uint8Array {
  onlyKnown(address, NAMES.netlink, 'address');
  const { bytes, view } = sockaddr(AF_NETLINK, SIZE.netlink);
  view.setUint32(AT.nl_pid, uint32(own(address, 'pid'), 'address.pid'), LITTLE);
  view.setUint32(AT.nl_groups, uint32(own(address, 'groups'), 'address.groups'), LITTLE);
  return bytes;
}

function encodeVsock(address: VsockAddressInput): Uint8Array {
  onlyKnown(address, NAMES.vsock, 'address');
  const { bytes, view } = sockaddr(AF_VSOCK, SIZE.vsock);
  view.setUint32(AT.svm_port, uint32(own(address, 'port'), 'address.port'), LITTLE);
  view.setUint32(AT.svm_cid, uint32(own(address, 'cid'), 'address.cid'), LITTLE);
  view.setUint8(AT.svm_flags, uint8(own(address, 'flags'), 'address.flags', 0));
  return bytes;
}

function encodeOther(family: number, address: OtherAddressInput): Uint8Array {
  onlyKnown(address, NAMES.other, 'address');
  const data = attached(own(address, 'data'), 'address.data');
  const { bytes } = sockaddr(family, SIZE.family + data.length);
  bytes.set(data, SIZE.family);
  return bytes;
}

/**
 * The sockaddr bytes of an address, as bind(2) and its kin take them.
 *
 * Encode once and pass the bytes: a call that is given bytes passes them on as they are. Nothing is padded, shortened
 * or terminated, so that the length is exactly what the kernel is told. `data` makes bytes of any family.
 *
 * @param address An address object, or node:net's SocketAddress. Encoded bytes come back as they are.
 * @returns The bytes, as many as the struct has.
 * @throws TypeError or RangeError that names the field which the struct cannot hold: a port beyond 65535, a path of
 *   more than 108 bytes, a text that is no address (names are for getaddrinfo).
 * @example
 * const name = encodeAddress({ family: AF_INET, address: '127.0.0.1', port: 80 });
 * console.log(Buffer.from(name).toString('hex')); // 020000507f0000010000000000000000
 * @see https://man7.org/linux/man-pages/man3/sockaddr.3type.html
 */
export function encodeAddress(address: AddressLike): Uint8Array {
  if (isUint8Array(address)) return address;
  if (address instanceof SocketAddress) {
    const { address: text, port, flowlabel } = address;
    return address.family === 'ipv4'
      ? encodeInet({ family: AF_INET, address: text, port })
      : encodeInet6({ family: AF_INET6, address: text, port, flowinfo: flowlabel });
  }
  const family = uint16(own(object(address, 'address'), 'family'), 'address.family');
  if (Object.hasOwn(address, 'data')) return encodeOther(family, address as OtherAddressInput);
  switch (family) {
    case AF_INET:
      return encodeInet(address as InetAddress);
    case AF_INET6:
      return encodeInet6(address as Inet6AddressInput);
    case AF_UNIX:
      return encodeUnix(address as UnixAddressInput);
    case AF_PACKET:
      return encodePacket(address as PacketAddressInput);
    case AF_NETLINK:
      return encodeNetlink(address as NetlinkAddress);
    case AF_VSOCK:
      return encodeVsock(address as VsockAddressInput);
    default:
      return encodeOther(family, address as OtherAddressInput);
  }
}

/** Throws for a sendto without an address: of one without flags, the address stands where they should. */
export function noAddress(flags: unknown): never {
  if (typeof flags === 'number') throw invalidType('address', 'an object');
  throw invalidType('flags', 'a number, before the address: sendto(fd, data, 0, address)');
}

let lastInet = -1;
let lastInetText = '';

/** Traffic mostly repeats its addresses: the text of the last one is kept. */
function inetText(bytes: Uint8Array): string {
  const at = AT.sin_addr;
  const number = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  if (number !== lastInet || lastInetText === '') {
    lastInet = number;
    lastInetText = `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
  }
  return lastInetText;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUnix(bytes: Uint8Array): UnixAddress {
  let name = bytes.subarray(AT.sun_path);
  if (name.length > 0 && name[0] !== 0) {
    // A path ends at its NUL, which the kernel counts in the length: 111 for a path of 108 bytes.
    const end = name.indexOf(0);
    if (end !== -1) name = name.subarray(0, end);
  }
  try {
    return { family: AF_UNIX, path: utf8.decode(name) };
  } catch {
    return { family: AF_UNIX, path: Buffer.from(name) }; // not UTF-8: exact bytes
  }
}

/**
 * The address in sockaddr bytes. Total: never throws, whatever the bytes are.
 *
 * @param bytes A sockaddr from the kernel, or any bytes.
 * @param length How many of the bytes the kernel wrote, as it told; a larger number counts as all of them.
 * @returns `undefined` for no bytes: no address (a connected TCP socket, an unbound AF_UNIX sender). A family that the
 *   library does not know, or an address too short for its family, comes back as `{ family, data }`.
 * @throws TypeError for what is no Uint8Array, and for nothing else.
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
  const size = Math.min(Math.trunc(length), bytes.byteLength);
  if (!(size > 0)) return undefined;
  if (size < SIZE.family) return { family: bytes[0] as OtherFamily, data: Buffer.alloc(0) };
  const family = LITTLE ? bytes[0]! | (bytes[1]! << 8) : (bytes[0]! << 8) | bytes[1]!;
  if (family === AF_INET && size >= SIZE.inet) {
    return {
      family: AF_INET,
      address: inetText(bytes),
      port: (bytes[AT.sin_port]! << 8) | bytes[AT.sin_port + 1]!,
    };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  if (family === AF_INET6 && size >= SIZE.inet6) {
    return {
      family: AF_INET6,
      address: inet_ntop(AF_INET6, bytes.subarray(AT.sin6_addr, AT.sin6_addr + 16)),
      port: view.getUint16(AT.sin6_port),
      flowinfo: view.getUint32(AT.sin6_flowinfo),
      scopeId: view.getUint32(AT.sin6_scope_id, LITTLE),
    };
  }
  if (family === AF_UNIX) return decodeUnix(bytes.subarray(0, size));
  if (family === AF_PACKET && size >= AT.sll_addr) {
    const end = Math.min(AT.sll_addr + view.getUint8(AT.sll_halen), size);
    return {
      family: AF_PACKET,
      ifindex: view.getInt32(AT.sll_ifindex, LITTLE),
      protocol: view.getUint16(AT.sll_protocol),
      hatype: view.getUint16(AT.sll_hatype, LITTLE),
      pkttype: view.getUint8(AT.sll_pkttype),
      address: Buffer.from(bytes.subarray(AT.sll_addr, end)),
    };
  }
  if (family === AF_NETLINK && size >= SIZE.netlink) {
    return {
      family: AF_NETLINK,
      pid: view.getUint32(AT.nl_pid, LITTLE),
      groups: view.getUint32(AT.nl_groups, LITTLE),
    };
  }
  if (family === AF_VSOCK && size >= SIZE.vsock) {
    return {
      family: AF_VSOCK,
      cid: view.getUint32(AT.svm_cid, LITTLE),
      port: view.getUint32(AT.svm_port, LITTLE),
      flags: view.getUint8(AT.svm_flags),
    };
  }
  return { family: family as OtherFamily, data: Buffer.from(bytes.subarray(SIZE.family, size)) };
}

/** The last IPv4 address that was sent to, as bytes that nobody changes. */
let shared: { text: string; port: number; bytes: Uint8Array } = { text: '', port: -1, bytes: new Uint8Array(0) };

/** As `encodeAddress`, for one call: the bytes are not the caller's to change or to give away. */
export function encodeShared(address: AddressLike): Uint8Array {
  if (isUint8Array(address) || address instanceof SocketAddress) return encodeAddress(address);
  const family = own(object(address, 'address'), 'family');
  if (family !== AF_INET || Object.hasOwn(address, 'data')) return encodeAddress(address);
  const text = own(address as InetAddress, 'address') as string;
  const port = own(address as InetAddress, 'port') as number;
  if (text !== shared.text || port !== shared.port) {
    onlyKnown(address, NAMES.inet, 'address');
    shared = { text, port, bytes: encodeInet({ family, address: text, port }) };
  }
  return shared.bytes;
}

/**
 * Room for any address, to be filled by a call of `sys-socket/nothrow` again and again: C's sockaddr_storage and its
 * socklen_t in one.
 *
 * @example
 * const name = new SockaddrStorage();
 * nothrow.getsockname(socket(AF_INET, SOCK_DGRAM), name);
 * console.log(name.length, name.decode()); // 16 { family: 2, address: '0.0.0.0', port: 0 }
 * @see https://man7.org/linux/man-pages/man3/sockaddr.3type.html
 */
export class SockaddrStorage {
  /** The bytes that the kernel writes. */
  readonly bytes: Uint8Array = new Uint8Array(SIZE.storage);
  /** The length that the kernel told; 0 is no address. It can exceed the bytes, as the kernel's may. */
  length = 0;

  /** The address in it: `decodeAddress`. */
  decode(): Address | undefined {
    return decodeAddress(this.bytes, this.length);
  }

  /** The exact bytes of the address as a new Uint8Array, to be used as an address again. */
  encode(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
