/** The types of control messages (cmsg(3)), and how a program tells them apart. */
import type { Address, AddressLike } from './address-type.ts';
import type {
  IP_ORIGDSTADDR,
  IP_PKTINFO,
  IP_RECVERR,
  IP_TOS,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_HOPLIMIT,
  IPV6_ORIGDSTADDR,
  IPV6_PKTINFO,
  IPV6_RECVERR,
  IPV6_TCLASS,
  PACKET_AUXDATA,
  PACKET_TX_TIMESTAMP,
  SCM_CREDENTIALS,
  SCM_PIDFD,
  SCM_RIGHTS,
  SCM_TIMESTAMP,
  SCM_TIMESTAMPING,
  SCM_TIMESTAMPNS,
  SO_RXQ_OVFL,
  SOL_PACKET,
  SOL_SOCKET,
  SOL_UDP,
  UDP_GRO,
  UDP_SEGMENT,
} from './constants.ts';
import { invalidType } from './errno.ts';
import { object } from './snapshot.ts';

/**
 * Open descriptors: unix(7). Received ones are new, owned by who receives them, and close-on-exec.
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface Rights {
  level: typeof SOL_SOCKET;
  type: typeof SCM_RIGHTS;
  fds: number[];
}

/**
 * Who sent it: unix(7), struct ucred.
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface Credentials {
  level: typeof SOL_SOCKET;
  type: typeof SCM_CREDENTIALS;
  pid: number;
  uid: number;
  gid: number;
}

/**
 * A descriptor of the sending process (SO_PASSPIDFD): new, owned by who receives it, and close-on-exec.
 *
 * @see https://man7.org/linux/man-pages/man2/pidfd_open.2.html
 */
export interface PidFd {
  level: typeof SOL_SOCKET;
  type: typeof SCM_PIDFD;
  pidfd: number;
}

/**
 * When it arrived, in nanoseconds since the epoch: socket(7). SO_TIMESTAMP counts whole microseconds.
 *
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export interface Timestamp {
  level: typeof SOL_SOCKET;
  type: typeof SCM_TIMESTAMP | typeof SCM_TIMESTAMPNS;
  nanoseconds: bigint;
}

/**
 * When it arrived or left, in nanoseconds: struct scm_timestamping. 0 where there is none.
 *
 * @see https://docs.kernel.org/networking/timestamping.html
 */
export interface Timestamping {
  level: typeof SOL_SOCKET;
  type: typeof SCM_TIMESTAMPING;
  software: bigint;
  hardware: bigint;
}

/**
 * How many packets this socket has dropped so far: socket(7), SO_RXQ_OVFL.
 *
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export interface Overflow {
  level: typeof SOL_SOCKET;
  type: typeof SO_RXQ_OVFL;
  value: number;
}

/**
 * Where an IPv4 packet came in, or shall go out: ip(7), struct in_pktinfo.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface PacketInfo {
  level: typeof IPPROTO_IP;
  type: typeof IP_PKTINFO;
  ifindex: number;
  /** The local address; to send, the source address. */
  specDst: string;
  /** The destination of the header. Not read when sending. */
  addr: string;
}

/**
 * Where an IPv6 packet came in, or shall go out: ipv6(7), struct in6_pktinfo.
 *
 * @see https://man7.org/linux/man-pages/man7/ipv6.7.html
 */
export interface PacketInfo6 {
  level: typeof IPPROTO_IPV6;
  type: typeof IPV6_PKTINFO;
  /** The destination of the header; to send, the source address. */
  addr: string;
  ifindex: number;
}

/**
 * One field of the IPv4 header: ip(7).
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface InetField {
  level: typeof IPPROTO_IP;
  type: typeof IP_TTL | typeof IP_TOS;
  value: number;
}

/**
 * One field of the IPv6 header: ipv6(7).
 *
 * @see https://man7.org/linux/man-pages/man7/ipv6.7.html
 */
export interface Inet6Field {
  level: typeof IPPROTO_IPV6;
  type: typeof IPV6_HOPLIMIT | typeof IPV6_TCLASS;
  value: number;
}

/**
 * The size of the segments to cut a send into, or that a receive was put together from: udp(7).
 *
 * @see https://man7.org/linux/man-pages/man7/udp.7.html
 */
export interface Segment {
  level: typeof SOL_UDP;
  type: typeof UDP_SEGMENT | typeof UDP_GRO;
  value: number;
}

/**
 * The address that a redirected packet was sent to: ip(7), IP_RECVORIGDSTADDR.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface OriginalDestination {
  level: typeof IPPROTO_IP | typeof IPPROTO_IPV6;
  type: typeof IP_ORIGDSTADDR | typeof IPV6_ORIGDSTADDR;
  address: Address | undefined;
}

/**
 * An entry of the error queue: ip(7), struct sock_extended_err. Packet sockets have it for timestamps of what they sent.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface ExtendedError {
  level: typeof IPPROTO_IP | typeof IPPROTO_IPV6 | typeof SOL_PACKET;
  type: typeof IP_RECVERR | typeof IPV6_RECVERR | typeof PACKET_TX_TIMESTAMP;
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
  /** Who reported it, where the kernel knows. */
  offender: Address | undefined;
}

/**
 * What the packet layer knows about a frame: packet(7), struct tpacket_auxdata.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface AuxiliaryData {
  level: typeof SOL_PACKET;
  type: typeof PACKET_AUXDATA;
  status: number;
  len: number;
  snaplen: number;
  mac: number;
  net: number;
  vlanTci: number;
  vlanTpid: number;
}

/**
 * Any other message, or one too short for its type: its bytes as they are.
 *
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export interface OtherControl {
  level: number;
  type: number;
  data: Uint8Array;
}

/** A message that was decoded. */
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
  | Segment
  | OriginalDestination
  | ExtendedError
  | AuxiliaryData;

/** The messages of a level and a type. Extract would not find those that share one interface: IP_TTL and IP_TOS. */
type OfKind<Message extends TypedControl, Level, Type> = Message extends TypedControl
  ? Level extends Message['level']
    ? Type extends Message['type']
      ? Message
      : never
    : never
  : never;

/**
 * A control message. `isControl` tells which.
 *
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export type ControlMessage = TypedControl | OtherControl;

/**
 * Where an IPv4 packet shall go out: ip(7), struct in_pktinfo. The destination is not read.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface PacketInfoInput extends Omit<PacketInfo, 'addr'> {
  addr?: string | undefined;
}

/** An address may be given in any form. */
interface OriginalDestinationInput extends Omit<OriginalDestination, 'address'> {
  address: AddressLike;
}
interface ExtendedErrorInput extends Omit<ExtendedError, 'offender'> {
  offender: AddressLike | undefined;
}

/**
 * A control message that a call accepts: any that was decoded, and some of whose fields may be left out.
 *
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export type ControlInput = ControlMessage | PacketInfoInput | OriginalDestinationInput | ExtendedErrorInput;

/**
 * Whether a message is of this level and type and was decoded; narrows its type.
 *
 * @param message One of `recvmsg`.
 * @param level SOL_SOCKET or a protocol.
 * @param type Its type, an SCM_ or other number of the level.
 * @returns false also for a message that was too short for its type, which has only `data`.
 * @throws TypeError for a message that is no object.
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
  object(message, 'message');
  return message.level === level && message.type === type && !Object.hasOwn(message, 'data');
}

/**
 * The first message of this level and type that was decoded.
 *
 * @param control The messages of `recvmsg`.
 * @param level SOL_SOCKET or a protocol.
 * @param type Its type, an SCM_ or other number of the level.
 * @returns The message; `undefined` when there is none, or when it was too short for its type and has only `data`.
 * @throws TypeError for what is not an array of messages.
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
