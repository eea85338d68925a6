/** The types of socket addresses: those that decoding returns, those that calls accept, and the one that belongs to each family. */
import type { Buffer } from 'node:buffer';
import type { SocketAddress } from 'node:net';
import type * as constants from '../native/constants.ts';
import type {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_PACKET,
  AF_UNIX,
  AF_VSOCK,
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  SOCK_DGRAM,
  SOCK_RAW,
} from '../native/constants.ts';
import type { HardwareAddressLike } from './hardware-address.ts';

/**
 * An IPv4 address: ip(7).
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface InetAddress {
  family: typeof AF_INET;
  /** Dotted text, `'127.0.0.1'`. */
  address: string;
  /** 0 to 65535, in host byte order. */
  port: number;
}

/**
 * An IPv6 address that a call accepts: ipv6(7).
 *
 * @see https://man7.org/linux/man-pages/man7/ipv6.7.html
 */
export interface Inet6AddressInput {
  family: typeof AF_INET6;
  /** Text, `'fe80::1'`, without a scope. */
  address: string;
  /** 0 to 65535, in host byte order. */
  port: number;
  /** The flow label field, in host byte order; 0 by default. */
  flowinfo?: number;
  /** The interface index of a link-local address; 0 by default. */
  scopeId?: number;
}

/**
 * An IPv6 address that was decoded: ipv6(7).
 *
 * @see https://man7.org/linux/man-pages/man7/ipv6.7.html
 */
export interface Inet6Address extends Inet6AddressInput {
  flowinfo: number;
  scopeId: number;
}

/**
 * The address of a local socket that a call accepts: unix(7).
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface UnixAddressInput {
  family: typeof AF_UNIX;
  /** A path; `'\0name'` is an abstract name; `''` is unnamed (for bind(2): autobind). Bytes are used unchanged. */
  path: string | Uint8Array;
}

/**
 * The address of a local socket that was decoded: unix(7).
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface UnixAddress extends UnixAddressInput {
  /** A string, as in `UnixAddressInput`, or the exact bytes of a name that is not UTF-8. */
  path: string | Buffer;
}

/**
 * The address of a network interface at the link layer that a call accepts: packet(7).
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface PacketAddressInput {
  family: typeof AF_PACKET;
  /** The index of the interface; 0 means any. */
  ifindex: number;
  /** An ETH_P_ number, in host byte order. */
  protocol: number;
  /** An ARPHRD_ number. */
  hatype?: number;
  /** PACKET_HOST, PACKET_OUTGOING, ... */
  pkttype?: number;
  /** The hardware address, `'02:00:00:00:00:01'` or its bytes. */
  address?: HardwareAddressLike;
}

/**
 * The address of a network interface at the link layer that was decoded: packet(7).
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface PacketAddress extends PacketAddressInput {
  hatype: number;
  pkttype: number;
  address: Buffer;
}

/**
 * A netlink port: netlink(7).
 *
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export interface NetlinkAddress {
  family: typeof AF_NETLINK;
  /** The netlink port; 0 is the port of the kernel. */
  pid: number;
  /** A bit mask of multicast groups. */
  groups: number;
}

/**
 * The address of a virtual machine socket that a call accepts: vsock(7).
 *
 * @see https://man7.org/linux/man-pages/man7/vsock.7.html
 */
export interface VsockAddressInput {
  family: typeof AF_VSOCK;
  /** The context id; VMADDR_CID_ANY is 4294967295. */
  cid: number;
  /** The port; VMADDR_PORT_ANY is 4294967295. */
  port: number;
  /** svm_flags; 0 by default. */
  flags?: number;
}

/**
 * The address of a virtual machine socket that was decoded: vsock(7).
 *
 * @see https://man7.org/linux/man-pages/man7/vsock.7.html
 */
export interface VsockAddress extends VsockAddressInput {
  flags: number;
}

type Families = {
  [K in keyof typeof constants as K extends `AF_${string}` ? K : never]: (typeof constants)[K];
};

type KnownFamily =
  | typeof AF_INET
  | typeof AF_INET6
  | typeof AF_UNIX
  | typeof AF_PACKET
  | typeof AF_NETLINK
  | typeof AF_VSOCK;

/**
 * The families whose addresses this library represents as bytes.
 *
 * @see https://man7.org/linux/man-pages/man7/address_families.7.html
 */
export type OtherFamily = Exclude<Families[keyof Families], KnownFamily>;

/**
 * An address of any other family that a call accepts: the bytes that follow sa_family.
 *
 * @see https://man7.org/linux/man-pages/man3/sockaddr.3type.html
 */
export interface OtherAddressInput {
  family: OtherFamily;
  data: Uint8Array;
}

/**
 * A decoded address of any other family, or one that is too short for its family: the bytes that follow sa_family.
 *
 * @see https://man7.org/linux/man-pages/man3/sockaddr.3type.html
 */
export interface OtherAddress extends OtherAddressInput {
  data: Buffer;
}

/**
 * A decoded socket address of any family. Its `family` says which.
 *
 * @see https://man7.org/linux/man-pages/man3/sockaddr.3type.html
 */
export type Address =
  | InetAddress
  | Inet6Address
  | UnixAddress
  | PacketAddress
  | NetlinkAddress
  | VsockAddress
  | OtherAddress;

/**
 * A socket address of any family, as an object that a call accepts. Optional fields of the struct may be omitted.
 *
 * @see https://man7.org/linux/man-pages/man3/sockaddr.3type.html
 */
export type AddressInput =
  | InetAddress
  | Inet6AddressInput
  | UnixAddressInput
  | PacketAddressInput
  | NetlinkAddress
  | VsockAddressInput
  | OtherAddressInput;

/**
 * An address that a call accepts: an object, a SocketAddress of node:net, or an encoded sockaddr, which is passed to the kernel
 * unchanged.
 *
 * @see https://man7.org/linux/man-pages/man3/sockaddr.3type.html
 */
export type AddressLike = AddressInput | SocketAddress | Uint8Array;

/** This is not a conditional type, so a Socket of one family can be used where a Socket of any family is required. */
interface Addresses {
  [family: number]: Address;
  [AF_INET]: InetAddress;
  [AF_INET6]: Inet6Address;
  [AF_UNIX]: UnixAddress;
  [AF_PACKET]: PacketAddress;
  [AF_NETLINK]: NetlinkAddress;
  [AF_VSOCK]: VsockAddress;
}

/**
 * The type of the addresses of a family: `AddressOf<typeof AF_INET>` is `InetAddress`. If the family is a `number` that is
 * known only at run time, the type is `Address`.
 *
 * @see https://man7.org/linux/man-pages/man7/address_families.7.html
 */
export type AddressOf<Family extends number> = Addresses[Family];

declare const kind: unique symbol;

/**
 * A file descriptor whose type carries the family and the type of the socket, so that `getsockname` and similar calls return
 * addresses of that family. It is a number: any number can be used instead, and it can be used wherever a number can.
 *
 * @see https://man7.org/linux/man-pages/man2/socket.2.html
 */
export type SocketFd<Family extends number = number, Type extends number = number> = number & {
  readonly [kind]?: { readonly family: Family; readonly type: Type };
};

/** Says for each socket type whether an address can be missing. It cannot where every packet has a sender. */
interface Anonymous {
  [type: number]: undefined;
}
interface Named extends Anonymous {
  [SOCK_DGRAM]: never;
  [SOCK_RAW]: never;
}
interface Missing {
  [family: number]: Anonymous;
  [AF_INET]: Named;
  [AF_INET6]: Named;
  [AF_PACKET]: Named;
  [AF_NETLINK]: Named;
}

/** Flags for receiving that do not affect the address. MSG_ERRQUEUE does affect it. */
type PlainFlags = 0 | typeof MSG_CMSG_CLOEXEC | typeof MSG_DONTWAIT | typeof MSG_PEEK | typeof MSG_TRUNC;

/**
 * The type of the sender's address that a receive call returns. It can be `undefined` unless the socket is a datagram or raw
 * socket of AF_INET, AF_INET6, AF_PACKET or AF_NETLINK: a stream, an AF_UNIX sender that is not bound, and an entry of the error
 * queue (MSG_ERRQUEUE) have no address.
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export type SenderOf<Family extends number, Type extends number, Flags extends number = 0> =
  | AddressOf<Family>
  | Missing[Family][Type]
  | (Flags extends PlainFlags ? never : undefined);
