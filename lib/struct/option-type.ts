/** The types of the values of socket options. */

import type { AddressLike } from './address-type.ts';
import type { HardwareAddressLike } from './hardware-address.ts';

/**
 * How close(2) handles data that has not been sent yet: socket(7), struct linger.
 *
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export interface Linger {
  onoff: boolean;
  /** Seconds. */
  linger: number;
}

/**
 * A timeout: socket(7), struct timeval. If both fields are 0, there is no timeout.
 *
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export interface Timeval {
  sec: number;
  usec: number;
}

/**
 * The process at the other end of a local socket: unix(7), struct ucred.
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface Ucred {
  pid: number;
  uid: number;
  gid: number;
}

/**
 * The memory of a socket, in bytes: sock_diag(7), SK_MEMINFO.
 *
 * @see https://man7.org/linux/man-pages/man7/sock_diag.7.html
 */
export interface SocketMemory {
  rmemAlloc: number;
  rcvbuf: number;
  wmemAlloc: number;
  sndbuf: number;
  fwdAlloc: number;
  wmemQueued: number;
  optmem: number;
  backlog: number;
  /** The number of dropped packets. */
  drops: number;
}

/**
 * Which timestamps the kernel generates: SOF_TIMESTAMPING_ bits, and the hardware clock that they come from.
 *
 * @see https://docs.kernel.org/networking/timestamping.html
 */
export interface TimestampingOption {
  flags: number;
  bindPhc?: number;
}

/**
 * How the kernel interprets SCM_TXTIME: a clock of time.h, and SOF_TXTIME_ bits.
 *
 * @see https://man7.org/linux/man-pages/man8/tc-etf.8.html
 */
export interface TxtimeOption {
  clockid: number;
  flags?: number;
}

/**
 * The range of ports that bind(2) chooses from. 0 means the bound of the system.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface PortRange {
  low: number;
  high: number;
}

/**
 * An IPv4 multicast group and where to join it: ip(7), struct ip_mreqn.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface Mreqn {
  multiaddr: string;
  /** The address of the interface. The index takes precedence over it. */
  address?: string;
  ifindex?: number;
}

/**
 * The interface that sends IPv4 multicast packets: ip(7), struct ip_mreqn.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export type MulticastInterface = Omit<Mreqn, 'multiaddr'>;

/**
 * One source of an IPv4 multicast group: ip(7), struct ip_mreq_source.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface MreqSource {
  multiaddr: string;
  /** The address of the interface. */
  interface: string;
  sourceaddr: string;
}

/**
 * An IPv6 multicast or anycast group and the interface to join it on: ipv6(7), struct ipv6_mreq.
 *
 * @see https://man7.org/linux/man-pages/man7/ipv6.7.html
 */
export interface Ipv6Mreq {
  multiaddr: string;
  ifindex: number;
}

/**
 * A group of either family: struct group_req.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3678
 */
export interface GroupReq {
  /** The index of the interface. With 0, the routing table decides. */
  interface: number;
  group: AddressLike;
}

/**
 * One source of a group of either family: struct group_source_req.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3678
 */
export interface GroupSourceReq extends GroupReq {
  source: AddressLike;
}

/**
 * The source address and the interface of sent packets: ipv6(7), struct in6_pktinfo.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3542
 */
export interface In6Pktinfo {
  addr: string;
  ifindex: number;
}

/**
 * The ICMPv6 types that reach the socket: only those in `pass`, or all except those in `block`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3542
 */
export type Icmp6Filter = { pass: readonly number[] } | { block: readonly number[] };

/**
 * The additional packets that an interface receives: packet(7), struct packet_mreq.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface PacketMreq {
  ifindex: number;
  /** PACKET_MR_PROMISC, PACKET_MR_MULTICAST, ... */
  type: number;
  /** A hardware address, `'01:00:5e:00:00:fb'` or its bytes. */
  address?: HardwareAddressLike;
}

/**
 * Sockets that share packets: packet(7), PACKET_FANOUT.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface Fanout {
  id: number;
  /** PACKET_FANOUT_HASH, PACKET_FANOUT_LB, ... */
  type: number;
  /** PACKET_FANOUT_FLAG_ bits. */
  flags?: number;
}

/**
 * The number of packets since the last read: packet(7), struct tpacket_stats.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface PacketStatistics {
  packets: number;
  drops: number;
  /** How often the ring was full. Only TPACKET_V3 counts this. */
  freezes?: number;
}

/**
 * The number of packets that a fanout passed to another socket: struct tpacket_rollover_stats.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface RolloverStatistics {
  all: bigint;
  huge: bigint;
  failed: bigint;
}
