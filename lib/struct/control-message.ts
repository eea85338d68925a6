/** The types of control messages (cmsg(3)), and the functions that distinguish them. */

import { invalidType } from '../argument/argument-error.ts';
import { assertObject } from '../argument/snapshot.ts';
import type * as constants from '../native/constants.ts';
import type { Address, AddressLike } from './address-type.ts';

/**
 * Open file descriptors: unix(7). Received ones are new and close-on-exec, and they belong to the receiver.
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface Rights {
  level: typeof constants.SOL_SOCKET;
  type: typeof constants.SCM_RIGHTS;
  fds: number[];
}

/**
 * The credentials of the sender: unix(7), struct ucred.
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface Credentials {
  level: typeof constants.SOL_SOCKET;
  type: typeof constants.SCM_CREDENTIALS;
  pid: number;
  uid: number;
  gid: number;
}

/**
 * A file descriptor that refers to the sending process (SO_PASSPIDFD). It is new and close-on-exec, and it belongs to the receiver.
 *
 * @see https://man7.org/linux/man-pages/man2/pidfd_open.2.html
 */
export interface PidFd {
  level: typeof constants.SOL_SOCKET;
  type: typeof constants.SCM_PIDFD;
  pidfd: number;
}

/**
 * When the packet arrived, in nanoseconds since the epoch: socket(7). With SO_TIMESTAMP, it is a whole number of microseconds.
 *
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export interface Timestamp {
  level: typeof constants.SOL_SOCKET;
  type: typeof constants.SCM_TIMESTAMP | typeof constants.SCM_TIMESTAMPNS;
  nanoseconds: bigint;
}

/**
 * When the packet arrived or left, in nanoseconds: struct scm_timestamping. 0 means that there is no timestamp.
 *
 * @see https://docs.kernel.org/networking/timestamping.html
 */
export interface Timestamping {
  level: typeof constants.SOL_SOCKET;
  type: typeof constants.SCM_TIMESTAMPING;
  software: bigint;
  hardware: bigint;
}

/**
 * How many packets this socket has dropped so far: socket(7), SO_RXQ_OVFL.
 *
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export interface Overflow {
  level: typeof constants.SOL_SOCKET;
  type: typeof constants.SO_RXQ_OVFL;
  value: number;
}

/**
 * The interface and the addresses of a received IPv4 packet, or those to send one with: ip(7), struct in_pktinfo.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface PacketInfo {
  level: typeof constants.IPPROTO_IP;
  type: typeof constants.IP_PKTINFO;
  ifindex: number;
  /** The local address of a received packet; the source address of a sent one. */
  specDst: string;
  /** The destination address in the header. It is ignored when sending. */
  addr: string;
}

/**
 * The interface and the address of a received IPv6 packet, or those to send one with: ipv6(7), struct in6_pktinfo.
 *
 * @see https://man7.org/linux/man-pages/man7/ipv6.7.html
 */
export interface PacketInfo6 {
  level: typeof constants.IPPROTO_IPV6;
  type: typeof constants.IPV6_PKTINFO;
  /** The destination address in the header of a received packet; the source address of a sent one. */
  addr: string;
  ifindex: number;
}

/**
 * One field of the IPv4 header: ip(7).
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface InetField {
  level: typeof constants.IPPROTO_IP;
  type: typeof constants.IP_TTL | typeof constants.IP_TOS;
  value: number;
}

/**
 * One field of the IPv6 header: ipv6(7).
 *
 * @see https://man7.org/linux/man-pages/man7/ipv6.7.html
 */
export interface Inet6Field {
  level: typeof constants.IPPROTO_IPV6;
  type: typeof constants.IPV6_HOPLIMIT | typeof constants.IPV6_TCLASS;
  value: number;
}

/**
 * How many bytes of the stream are left to receive after this call (TCP_INQ), or 1 if only its end is left: tcp(7).
 *
 * @see https://man7.org/linux/man-pages/man7/tcp.7.html
 */
export interface Unread {
  level: typeof constants.SOL_TCP;
  type: typeof constants.TCP_CM_INQ;
  value: number;
}

/**
 * The size of the segments that sent data is split into, or that received data was joined from: udp(7).
 *
 * @see https://man7.org/linux/man-pages/man7/udp.7.html
 */
export interface Segment {
  level: typeof constants.SOL_UDP;
  type: typeof constants.UDP_SEGMENT | typeof constants.UDP_GRO;
  value: number;
}

/**
 * The address that a redirected packet was sent to: ip(7), IP_RECVORIGDSTADDR.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface OriginalDestination {
  level: typeof constants.IPPROTO_IP | typeof constants.IPPROTO_IPV6;
  type: typeof constants.IP_ORIGDSTADDR | typeof constants.IPV6_ORIGDSTADDR;
  address: Address | undefined;
}

/**
 * An entry of the error queue: ip(7), struct sock_extended_err. Packet sockets use it for the timestamps of sent packets.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface ExtendedError {
  level: typeof constants.IPPROTO_IP | typeof constants.IPPROTO_IPV6 | typeof constants.SOL_PACKET;
  type: typeof constants.IP_RECVERR | typeof constants.IPV6_RECVERR | typeof constants.PACKET_TX_TIMESTAMP;
  error: {
    /** The positive errno. */
    errno: number;
    /** An SO_EE_ORIGIN_ number. */
    origin: number;
    /** The ICMP type, for an ICMP origin. */
    type: number;
    /** The ICMP code, for an ICMP origin. */
    code: number;
    /** The path MTU after EMSGSIZE; the kind of a timestamp; the first number of a zerocopy range. */
    info: number;
    /** The key of a timestamp; the last number of a zerocopy range. */
    data: number;
  };
  /** The address of the host that reported the error, if the kernel knows it. */
  offender: Address | undefined;
}

/**
 * What the packet layer knows about a frame: packet(7), struct tpacket_auxdata.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface AuxiliaryData {
  level: typeof constants.SOL_PACKET;
  type: typeof constants.PACKET_AUXDATA;
  status: number;
  len: number;
  snaplen: number;
  mac: number;
  net: number;
  vlanTci: number;
  vlanTpid: number;
}

/**
 * Any other message, or one that is too short for its type, as unchanged bytes.
 *
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export interface OtherControl {
  level: number;
  type: number;
  data: Uint8Array;
}

/** A decoded message. */
export type TypedControl =
  | Rights
  | Credentials
  | PidFd
  | Timestamp
  | Timestamping
  | Overflow
  | PacketInfo
  | PacketInfo6
  | InetField
  | Inet6Field
  | Unread
  | Segment
  | OriginalDestination
  | ExtendedError
  | AuxiliaryData;

/** Selects the messages of a level and a type. Extract would not find those that share an interface, such as IP_TTL and IP_TOS. */
type OfKind<Message extends TypedControl, Level, Type> = Message extends TypedControl
  ? Level extends Message['level']
    ? Type extends Message['type']
      ? Message
      : never
    : never
  : never;

/**
 * A control message. `isControl` determines its type.
 *
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export type ControlMessage = TypedControl | OtherControl;

/**
 * The interface and the source address to send an IPv4 packet with: ip(7), struct in_pktinfo. The destination is ignored.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface PacketInfoInput extends Omit<PacketInfo, 'addr'> {
  addr?: string | undefined;
}

/** The address can have any form that a call accepts. */
interface OriginalDestinationInput extends Omit<OriginalDestination, 'address'> {
  address: AddressLike;
}
interface ExtendedErrorInput extends Omit<ExtendedError, 'offender'> {
  offender: AddressLike | undefined;
}

/**
 * A control message that a call accepts: any decoded message, or one whose optional fields are omitted.
 *
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export type ControlInput = ControlMessage | PacketInfoInput | OriginalDestinationInput | ExtendedErrorInput;

/**
 * Returns whether a message has this level and type and was decoded. TypeScript then narrows its type.
 *
 * @param message A message from `recvmsg`.
 * @param level SOL_SOCKET or a protocol.
 * @param type The type of the message: an SCM_ or other number of the level.
 * @returns Whether it does. A message that was too short for its type has only `data`, so the result is false for it too.
 * @throws TypeError for a message that is not an object.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * sendmsg(a, { buffers: ['x'], control: [{ level: SOL_SOCKET, type: SCM_RIGHTS, fds: [0, 1] }] });
 * const { control } = recvmsg(b, { buffers: [new Uint8Array(9)], controlLength: CMSG_SPACE(8) });
 * const fds = control.find((message) => isControl(message, SOL_SOCKET, SCM_RIGHTS))?.fds ?? [];
 * console.log(fds.length); // 2
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export function isControl<Level extends TypedControl['level'], Type extends TypedControl['type']>(
  message: ControlMessage,
  level: Level,
  type: Type,
): message is OfKind<TypedControl, Level, Type> {
  assertObject(message, 'message');
  return message.level === level && message.type === type && !Object.hasOwn(message, 'data');
}

/**
 * Returns the first decoded message of this level and type.
 *
 * @param control The messages from `recvmsg`.
 * @param level SOL_SOCKET or a protocol.
 * @param type The type of the message: an SCM_ or other number of the level.
 * @returns The message, or `undefined` when there is none, or only one that was too short for its type and has only `data`.
 * @throws TypeError if `control` is not an array of messages.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * sendmsg(a, { buffers: ['x'], control: [{ level: SOL_SOCKET, type: SCM_RIGHTS, fds: [0, 1] }] });
 * const { control } = recvmsg(b, { buffers: [new Uint8Array(9)], controlLength: controlSpace('SCM_RIGHTS') });
 * console.log(findControl(control, SOL_SOCKET, SCM_RIGHTS)?.fds.length); // 2
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export function findControl<Level extends TypedControl['level'], Type extends TypedControl['type']>(
  control: readonly ControlMessage[],
  level: Level,
  type: Type,
): OfKind<TypedControl, Level, Type> | undefined {
  if (!Array.isArray(control)) throw invalidType('control', 'an array of control messages');
  return control.find((message): message is OfKind<TypedControl, Level, Type> => isControl(message, level, type));
}
