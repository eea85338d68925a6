/** Options by name: the table of all options whose values are plain data, and getOption and setOption, whose types are derived from it. */
import { Buffer } from 'node:buffer';
import { invalidValue } from '../argument/argument-error.ts';
import { nearest } from '../argument/known-names.ts';
import { GETSOCKOPT, SETSOCKOPT, setsockopt } from '../call/option.ts';
import * as constants from '../native/constants.ts';
import { OUT_OPTION_LENGTH, OUT_VALUE } from '../native/contract.ts';
import { native, out } from '../native/native.ts';
import { check, unlessRefused } from '../struct/errno.ts';
import { type Codecs, codecs } from '../struct/option-value.ts';
import type { Codec, Reader } from '../struct/struct.ts';

type Level =
  | 'SOL_SOCKET'
  | 'SOL_IP'
  | 'SOL_IPV6'
  | 'SOL_TCP'
  | 'SOL_UDP'
  | 'SOL_UDPLITE'
  | 'SOL_RAW'
  | 'SOL_ICMPV6'
  | 'SOL_PACKET'
  | 'SOL_NETLINK'
  | 'AF_VSOCK';
type Direction = 'read' | 'write' | 'both';
type Row = readonly [Level, keyof Codecs, Direction];

/**
 * The table of options. It maps the name of each option in C to the name of its level, the type of its value, and whether the
 * option can be read, written or both. It contains only names, because TypeScript (with isolatedDeclarations) infers the type
 * of an exported value only from literals.
 *
 * The table does not contain:
 * - options whose values contain pointers, filters (see filter.ts), and the rings of packet sockets, which need mmap(2);
 * - options whose buffer is both input and output of getsockopt: PACKET_HDRLEN, IP_MSFILTER, MCAST_MSFILTER,
 *   IPV6_FLOWLABEL_MGR, TCP_AO_GET_KEYS;
 * - SO_PEERNAME, which rejects a buffer that is longer than the address (getpeername(2) returns the same address);
 * - TCP_MD5SIG, TCP_MD5SIG_EXT and TCP_AO_*, whose structs contain keys and which are meant for routers, and TCP_REPAIR* and
 *   TCP_QUEUE_SEQ, which only CRIU uses;
 * - IP_IPSEC_POLICY, IP_XFRM_POLICY and similar options, which have a format of their own;
 * - options that every kernel ignores (SO_BSDCOMPAT, SO_SECURITY_*), alternative names (SO_RCVTIMEO_NEW, IPV6_RXHOPOPTS), and
 *   the options of RFC 2292 (IPV6_2292*).
 */
export const optionTable = {
  // socket(7)
  SO_ACCEPTCONN: ['SOL_SOCKET', 'flag', 'read'],
  SO_ATTACH_BPF: ['SOL_SOCKET', 'int', 'write'],
  SO_ATTACH_REUSEPORT_EBPF: ['SOL_SOCKET', 'int', 'write'],
  SO_BINDTODEVICE: ['SOL_SOCKET', 'text', 'both'],
  SO_BINDTOIFINDEX: ['SOL_SOCKET', 'int', 'both'],
  SO_BPF_EXTENSIONS: ['SOL_SOCKET', 'int', 'read'],
  SO_BROADCAST: ['SOL_SOCKET', 'flag', 'both'],
  SO_BUF_LOCK: ['SOL_SOCKET', 'int', 'both'],
  SO_BUSY_POLL: ['SOL_SOCKET', 'int', 'both'],
  SO_BUSY_POLL_BUDGET: ['SOL_SOCKET', 'int', 'write'],
  SO_CNX_ADVICE: ['SOL_SOCKET', 'int', 'write'],
  SO_COOKIE: ['SOL_SOCKET', 'u64', 'read'],
  SO_DEBUG: ['SOL_SOCKET', 'flag', 'both'],
  SO_DETACH_REUSEPORT_BPF: ['SOL_SOCKET', 'int', 'write'],
  SO_DOMAIN: ['SOL_SOCKET', 'int', 'read'],
  SO_DONTROUTE: ['SOL_SOCKET', 'flag', 'both'],
  SO_ERROR: ['SOL_SOCKET', 'int', 'read'],
  SO_INCOMING_CPU: ['SOL_SOCKET', 'int', 'both'],
  SO_INCOMING_NAPI_ID: ['SOL_SOCKET', 'uint', 'read'],
  SO_INQ: ['SOL_SOCKET', 'flag', 'write'],
  SO_KEEPALIVE: ['SOL_SOCKET', 'flag', 'both'],
  SO_LINGER: ['SOL_SOCKET', 'linger', 'both'],
  SO_LOCK_FILTER: ['SOL_SOCKET', 'flag', 'both'],
  SO_MARK: ['SOL_SOCKET', 'uint', 'both'],
  SO_MAX_PACING_RATE: ['SOL_SOCKET', 'u64', 'both'],
  SO_MEMINFO: ['SOL_SOCKET', 'meminfo', 'read'],
  SO_NETNS_COOKIE: ['SOL_SOCKET', 'u64', 'read'],
  SO_NOFCS: ['SOL_SOCKET', 'flag', 'both'],
  SO_NO_CHECK: ['SOL_SOCKET', 'flag', 'both'],
  SO_OOBINLINE: ['SOL_SOCKET', 'flag', 'both'],
  SO_PASSCRED: ['SOL_SOCKET', 'flag', 'both'],
  SO_PASSPIDFD: ['SOL_SOCKET', 'flag', 'both'],
  SO_PASSRIGHTS: ['SOL_SOCKET', 'flag', 'both'],
  SO_PASSSEC: ['SOL_SOCKET', 'flag', 'both'],
  SO_PEEK_OFF: ['SOL_SOCKET', 'int', 'both'],
  SO_PEERCRED: ['SOL_SOCKET', 'ucred', 'read'],
  SO_PEERGROUPS: ['SOL_SOCKET', 'uints', 'read'],
  // The file descriptor is new and close-on-exec, and the caller must close it.
  SO_PEERPIDFD: ['SOL_SOCKET', 'int', 'read'],
  SO_PEERSEC: ['SOL_SOCKET', 'bytes', 'read'],
  SO_PREFER_BUSY_POLL: ['SOL_SOCKET', 'flag', 'both'],
  SO_PRIORITY: ['SOL_SOCKET', 'int', 'both'],
  SO_PROTOCOL: ['SOL_SOCKET', 'int', 'read'],
  // The kernel doubles the value that is written.
  SO_RCVBUF: ['SOL_SOCKET', 'int', 'both'],
  SO_RCVBUFFORCE: ['SOL_SOCKET', 'int', 'write'],
  SO_RCVLOWAT: ['SOL_SOCKET', 'int', 'both'],
  SO_RCVMARK: ['SOL_SOCKET', 'flag', 'both'],
  SO_RCVPRIORITY: ['SOL_SOCKET', 'flag', 'both'],
  SO_RCVTIMEO: ['SOL_SOCKET', 'timeval', 'both'],
  SO_RESERVE_MEM: ['SOL_SOCKET', 'int', 'both'],
  SO_REUSEADDR: ['SOL_SOCKET', 'flag', 'both'],
  SO_REUSEPORT: ['SOL_SOCKET', 'flag', 'both'],
  SO_RXQ_OVFL: ['SOL_SOCKET', 'flag', 'both'],
  SO_SELECT_ERR_QUEUE: ['SOL_SOCKET', 'flag', 'both'],
  SO_SNDBUF: ['SOL_SOCKET', 'int', 'both'],
  SO_SNDBUFFORCE: ['SOL_SOCKET', 'int', 'write'],
  SO_SNDLOWAT: ['SOL_SOCKET', 'int', 'read'],
  SO_SNDTIMEO: ['SOL_SOCKET', 'timeval', 'both'],
  SO_TIMESTAMP: ['SOL_SOCKET', 'flag', 'both'],
  SO_TIMESTAMPING: ['SOL_SOCKET', 'timestamping', 'both'],
  SO_TIMESTAMPNS: ['SOL_SOCKET', 'flag', 'both'],
  SO_TXREHASH: ['SOL_SOCKET', 'int', 'both'],
  SO_TXTIME: ['SOL_SOCKET', 'txtime', 'both'],
  SO_TYPE: ['SOL_SOCKET', 'int', 'read'],
  SO_WIFI_STATUS: ['SOL_SOCKET', 'flag', 'both'],
  SO_ZEROCOPY: ['SOL_SOCKET', 'flag', 'both'],

  // ip(7)
  IP_ADD_MEMBERSHIP: ['SOL_IP', 'mreqn', 'write'],
  IP_ADD_SOURCE_MEMBERSHIP: ['SOL_IP', 'mreqSource', 'write'],
  IP_BIND_ADDRESS_NO_PORT: ['SOL_IP', 'flag', 'both'],
  IP_BLOCK_SOURCE: ['SOL_IP', 'mreqSource', 'write'],
  IP_CHECKSUM: ['SOL_IP', 'flag', 'both'],
  IP_DROP_MEMBERSHIP: ['SOL_IP', 'mreqn', 'write'],
  IP_DROP_SOURCE_MEMBERSHIP: ['SOL_IP', 'mreqSource', 'write'],
  IP_FREEBIND: ['SOL_IP', 'flag', 'both'],
  IP_HDRINCL: ['SOL_IP', 'flag', 'both'],
  IP_LOCAL_PORT_RANGE: ['SOL_IP', 'portRange', 'both'],
  IP_MINTTL: ['SOL_IP', 'int', 'both'],
  IP_MTU: ['SOL_IP', 'int', 'read'],
  IP_MTU_DISCOVER: ['SOL_IP', 'int', 'both'],
  IP_MULTICAST_ALL: ['SOL_IP', 'flag', 'both'],
  IP_MULTICAST_IF: ['SOL_IP', 'multicastIf', 'both'],
  IP_MULTICAST_LOOP: ['SOL_IP', 'flag', 'both'],
  IP_MULTICAST_TTL: ['SOL_IP', 'int', 'both'],
  IP_NODEFRAG: ['SOL_IP', 'flag', 'both'],
  IP_OPTIONS: ['SOL_IP', 'bytes', 'both'],
  IP_PASSSEC: ['SOL_IP', 'flag', 'both'],
  IP_PKTINFO: ['SOL_IP', 'flag', 'both'],
  IP_PKTOPTIONS: ['SOL_IP', 'bytes', 'read'],
  IP_PROTOCOL: ['SOL_IP', 'int', 'read'],
  IP_RECVERR: ['SOL_IP', 'flag', 'both'],
  IP_RECVERR_RFC4884: ['SOL_IP', 'flag', 'both'],
  IP_RECVFRAGSIZE: ['SOL_IP', 'flag', 'both'],
  IP_RECVOPTS: ['SOL_IP', 'flag', 'both'],
  IP_RECVORIGDSTADDR: ['SOL_IP', 'flag', 'both'],
  IP_RECVTOS: ['SOL_IP', 'flag', 'both'],
  IP_RECVTTL: ['SOL_IP', 'flag', 'both'],
  IP_RETOPTS: ['SOL_IP', 'flag', 'both'],
  IP_ROUTER_ALERT: ['SOL_IP', 'flag', 'both'],
  IP_TOS: ['SOL_IP', 'int', 'both'],
  IP_TRANSPARENT: ['SOL_IP', 'flag', 'both'],
  IP_TTL: ['SOL_IP', 'int', 'both'],
  IP_UNBLOCK_SOURCE: ['SOL_IP', 'mreqSource', 'write'],
  IP_UNICAST_IF: ['SOL_IP', 'netUint', 'both'],
  // For an IPv6 group, the level is SOL_IPV6.
  MCAST_BLOCK_SOURCE: ['SOL_IP', 'groupSourceReq', 'write'],
  MCAST_JOIN_GROUP: ['SOL_IP', 'groupReq', 'write'],
  MCAST_JOIN_SOURCE_GROUP: ['SOL_IP', 'groupSourceReq', 'write'],
  MCAST_LEAVE_GROUP: ['SOL_IP', 'groupReq', 'write'],
  MCAST_LEAVE_SOURCE_GROUP: ['SOL_IP', 'groupSourceReq', 'write'],
  MCAST_UNBLOCK_SOURCE: ['SOL_IP', 'groupSourceReq', 'write'],

  // raw(7)
  ICMP_FILTER: ['SOL_RAW', 'uint', 'both'],

  // ipv6(7)
  IPV6_ADDRFORM: ['SOL_IPV6', 'int', 'both'],
  IPV6_ADDR_PREFERENCES: ['SOL_IPV6', 'int', 'both'],
  IPV6_ADD_MEMBERSHIP: ['SOL_IPV6', 'ipv6Mreq', 'write'],
  IPV6_AUTOFLOWLABEL: ['SOL_IPV6', 'flag', 'both'],
  IPV6_CHECKSUM: ['SOL_IPV6', 'int', 'both'],
  IPV6_DONTFRAG: ['SOL_IPV6', 'flag', 'both'],
  IPV6_DROP_MEMBERSHIP: ['SOL_IPV6', 'ipv6Mreq', 'write'],
  IPV6_DSTOPTS: ['SOL_IPV6', 'bytes', 'both'],
  IPV6_FLOWINFO: ['SOL_IPV6', 'flag', 'both'],
  IPV6_FLOWINFO_SEND: ['SOL_IPV6', 'flag', 'both'],
  IPV6_FREEBIND: ['SOL_IPV6', 'flag', 'both'],
  IPV6_HDRINCL: ['SOL_IPV6', 'flag', 'both'],
  IPV6_HOPOPTS: ['SOL_IPV6', 'bytes', 'both'],
  IPV6_JOIN_ANYCAST: ['SOL_IPV6', 'ipv6Mreq', 'write'],
  IPV6_JOIN_GROUP: ['SOL_IPV6', 'ipv6Mreq', 'write'],
  IPV6_LEAVE_ANYCAST: ['SOL_IPV6', 'ipv6Mreq', 'write'],
  IPV6_LEAVE_GROUP: ['SOL_IPV6', 'ipv6Mreq', 'write'],
  IPV6_MINHOPCOUNT: ['SOL_IPV6', 'int', 'both'],
  IPV6_MTU: ['SOL_IPV6', 'int', 'both'],
  IPV6_MTU_DISCOVER: ['SOL_IPV6', 'int', 'both'],
  IPV6_MULTICAST_ALL: ['SOL_IPV6', 'flag', 'both'],
  IPV6_MULTICAST_HOPS: ['SOL_IPV6', 'int', 'both'],
  IPV6_MULTICAST_IF: ['SOL_IPV6', 'int', 'both'],
  IPV6_MULTICAST_LOOP: ['SOL_IPV6', 'flag', 'both'],
  IPV6_PATHMTU: ['SOL_IPV6', 'mtuInfo', 'read'],
  IPV6_PKTINFO: ['SOL_IPV6', 'in6Pktinfo', 'write'],
  IPV6_RECVDSTOPTS: ['SOL_IPV6', 'flag', 'both'],
  IPV6_RECVERR: ['SOL_IPV6', 'flag', 'both'],
  IPV6_RECVERR_RFC4884: ['SOL_IPV6', 'flag', 'both'],
  IPV6_RECVFRAGSIZE: ['SOL_IPV6', 'flag', 'both'],
  IPV6_RECVHOPLIMIT: ['SOL_IPV6', 'flag', 'both'],
  IPV6_RECVHOPOPTS: ['SOL_IPV6', 'flag', 'both'],
  IPV6_RECVORIGDSTADDR: ['SOL_IPV6', 'flag', 'both'],
  IPV6_RECVPATHMTU: ['SOL_IPV6', 'flag', 'both'],
  IPV6_RECVPKTINFO: ['SOL_IPV6', 'flag', 'both'],
  IPV6_RECVRTHDR: ['SOL_IPV6', 'flag', 'both'],
  IPV6_RECVTCLASS: ['SOL_IPV6', 'flag', 'both'],
  IPV6_ROUTER_ALERT: ['SOL_IPV6', 'int', 'write'],
  IPV6_ROUTER_ALERT_ISOLATE: ['SOL_IPV6', 'flag', 'both'],
  IPV6_RTHDR: ['SOL_IPV6', 'bytes', 'both'],
  IPV6_RTHDRDSTOPTS: ['SOL_IPV6', 'bytes', 'both'],
  IPV6_TCLASS: ['SOL_IPV6', 'int', 'both'],
  IPV6_TRANSPARENT: ['SOL_IPV6', 'flag', 'both'],
  IPV6_UNICAST_HOPS: ['SOL_IPV6', 'int', 'both'],
  IPV6_UNICAST_IF: ['SOL_IPV6', 'netUint', 'both'],
  IPV6_V6ONLY: ['SOL_IPV6', 'flag', 'both'],
  ICMP6_FILTER: ['SOL_ICMPV6', 'icmp6Filter', 'both'],

  // tcp(7)
  TCP_CC_INFO: ['SOL_TCP', 'bytes', 'read'],
  TCP_CONGESTION: ['SOL_TCP', 'text', 'both'],
  TCP_CORK: ['SOL_TCP', 'flag', 'both'],
  TCP_DEFER_ACCEPT: ['SOL_TCP', 'int', 'both'],
  TCP_DELACK_MAX_US: ['SOL_TCP', 'int', 'both'],
  TCP_FASTOPEN: ['SOL_TCP', 'int', 'both'],
  TCP_FASTOPEN_CONNECT: ['SOL_TCP', 'flag', 'both'],
  TCP_FASTOPEN_KEY: ['SOL_TCP', 'bytes', 'both'],
  TCP_FASTOPEN_NO_COOKIE: ['SOL_TCP', 'flag', 'both'],
  TCP_INFO: ['SOL_TCP', 'tcpInfo', 'read'],
  TCP_INQ: ['SOL_TCP', 'flag', 'both'],
  TCP_IS_MPTCP: ['SOL_TCP', 'flag', 'read'],
  TCP_KEEPCNT: ['SOL_TCP', 'int', 'both'],
  TCP_KEEPIDLE: ['SOL_TCP', 'int', 'both'],
  TCP_KEEPINTVL: ['SOL_TCP', 'int', 'both'],
  TCP_LINGER2: ['SOL_TCP', 'int', 'both'],
  TCP_MAXSEG: ['SOL_TCP', 'int', 'both'],
  TCP_NODELAY: ['SOL_TCP', 'flag', 'both'],
  TCP_NOTSENT_LOWAT: ['SOL_TCP', 'uint', 'both'],
  TCP_QUICKACK: ['SOL_TCP', 'flag', 'both'],
  TCP_RTO_MAX_MS: ['SOL_TCP', 'int', 'both'],
  TCP_RTO_MIN_US: ['SOL_TCP', 'int', 'both'],
  TCP_SAVED_SYN: ['SOL_TCP', 'bytes', 'read'],
  TCP_SAVE_SYN: ['SOL_TCP', 'int', 'both'],
  TCP_SYNCNT: ['SOL_TCP', 'int', 'both'],
  TCP_THIN_DUPACK: ['SOL_TCP', 'flag', 'both'],
  TCP_THIN_LINEAR_TIMEOUTS: ['SOL_TCP', 'flag', 'both'],
  TCP_TIMESTAMP: ['SOL_TCP', 'uint', 'both'],
  TCP_TX_DELAY: ['SOL_TCP', 'int', 'both'],
  TCP_ULP: ['SOL_TCP', 'text', 'both'],
  TCP_USER_TIMEOUT: ['SOL_TCP', 'int', 'both'],
  TCP_WINDOW_CLAMP: ['SOL_TCP', 'int', 'both'],

  // udp(7)
  UDP_CORK: ['SOL_UDP', 'flag', 'both'],
  UDP_ENCAP: ['SOL_UDP', 'int', 'both'],
  UDP_GRO: ['SOL_UDP', 'flag', 'both'],
  UDP_NO_CHECK6_RX: ['SOL_UDP', 'flag', 'both'],
  UDP_NO_CHECK6_TX: ['SOL_UDP', 'flag', 'both'],
  UDP_SEGMENT: ['SOL_UDP', 'int', 'both'],
  UDPLITE_RECV_CSCOV: ['SOL_UDPLITE', 'int', 'both'],
  UDPLITE_SEND_CSCOV: ['SOL_UDPLITE', 'int', 'both'],

  // packet(7)
  PACKET_ADD_MEMBERSHIP: ['SOL_PACKET', 'packetMreq', 'write'],
  PACKET_AUXDATA: ['SOL_PACKET', 'flag', 'both'],
  PACKET_COPY_THRESH: ['SOL_PACKET', 'int', 'both'],
  PACKET_DROP_MEMBERSHIP: ['SOL_PACKET', 'packetMreq', 'write'],
  PACKET_FANOUT: ['SOL_PACKET', 'fanout', 'both'],
  PACKET_IGNORE_OUTGOING: ['SOL_PACKET', 'flag', 'both'],
  PACKET_LOSS: ['SOL_PACKET', 'flag', 'both'],
  PACKET_ORIGDEV: ['SOL_PACKET', 'flag', 'both'],
  PACKET_QDISC_BYPASS: ['SOL_PACKET', 'flag', 'both'],
  PACKET_RESERVE: ['SOL_PACKET', 'uint', 'both'],
  PACKET_ROLLOVER_STATS: ['SOL_PACKET', 'rolloverStatistics', 'read'],
  PACKET_STATISTICS: ['SOL_PACKET', 'packetStatistics', 'read'],
  PACKET_TIMESTAMP: ['SOL_PACKET', 'int', 'both'],
  PACKET_TX_HAS_OFF: ['SOL_PACKET', 'flag', 'both'],
  PACKET_VERSION: ['SOL_PACKET', 'int', 'both'],
  PACKET_VNET_HDR: ['SOL_PACKET', 'flag', 'both'],
  PACKET_VNET_HDR_SZ: ['SOL_PACKET', 'int', 'both'],

  // netlink(7)
  NETLINK_ADD_MEMBERSHIP: ['SOL_NETLINK', 'uint', 'write'],
  NETLINK_BROADCAST_ERROR: ['SOL_NETLINK', 'flag', 'both'],
  NETLINK_CAP_ACK: ['SOL_NETLINK', 'flag', 'both'],
  NETLINK_DROP_MEMBERSHIP: ['SOL_NETLINK', 'uint', 'write'],
  NETLINK_EXT_ACK: ['SOL_NETLINK', 'flag', 'both'],
  NETLINK_GET_STRICT_CHK: ['SOL_NETLINK', 'flag', 'both'],
  NETLINK_LISTEN_ALL_NSID: ['SOL_NETLINK', 'flag', 'both'],
  NETLINK_LIST_MEMBERSHIPS: ['SOL_NETLINK', 'memberships', 'read'],
  NETLINK_NO_ENOBUFS: ['SOL_NETLINK', 'flag', 'both'],
  NETLINK_PKTINFO: ['SOL_NETLINK', 'flag', 'both'],

  // vsock(7)
  SO_VM_SOCKETS_BUFFER_MAX_SIZE: ['AF_VSOCK', 'u64', 'both'],
  SO_VM_SOCKETS_BUFFER_MIN_SIZE: ['AF_VSOCK', 'u64', 'both'],
  SO_VM_SOCKETS_BUFFER_SIZE: ['AF_VSOCK', 'u64', 'both'],
  SO_VM_SOCKETS_CONNECT_TIMEOUT: ['AF_VSOCK', 'timeval', 'both'],
} as const;

type Options = typeof optionTable;
type Allowing<D extends Direction> = { [K in OptionName]: Options[K][2] extends D ? K : never }[OptionName];

/**
 * The name of an option in the table.
 *
 * @see https://man7.org/linux/man-pages/man2/getsockopt.2.html
 */
export type OptionName = keyof Options;

/**
 * The name of an option that `getOption` can read.
 *
 * @see https://man7.org/linux/man-pages/man2/getsockopt.2.html
 */
export type ReadableOption = Allowing<'read' | 'both'>;

/**
 * The name of an option that `setOption` can write.
 *
 * @see https://man7.org/linux/man-pages/man2/getsockopt.2.html
 */
export type WritableOption = Allowing<'write' | 'both'>;

/**
 * The type of the value that `getOption` returns for this option.
 *
 * @see https://man7.org/linux/man-pages/man2/getsockopt.2.html
 */
export type OptionValue<Name extends ReadableOption> = ReturnType<Codecs[Options[Name][1]]['decode']>;

/**
 * The type of the value that `setOption` accepts for this option.
 *
 * @see https://man7.org/linux/man-pages/man2/getsockopt.2.html
 */
export type OptionInput<Name extends WritableOption> =
  Codecs[Options[Name][1]] extends Codec<unknown, infer Input> ? Input : never;

const rows: { readonly [Name in OptionName]: Row } = optionTable;
const numbers: { readonly [Name in OptionName | Level]: number } = constants;

/** Returns the option that was probably meant. What all options of a level begin with makes no two of them similar. */
function similar(name: string): string | undefined {
  const level = name.slice(0, name.indexOf('_') + 1).toUpperCase();
  const names = Object.keys(rows).filter((each) => each.startsWith(level));
  const rest = nearest(
    name.slice(level.length),
    names.map((each) => each.slice(level.length)),
  );
  return rest === undefined ? undefined : level + rest;
}

function row(name: OptionName, refused: Direction, call: string, can: string): Row {
  const known = typeof name === 'string' && Object.hasOwn(rows, name);
  if (known && rows[name][2] !== refused) return rows[name];
  const expected = `the name of an option that can be ${can}`;
  if (known) throw invalidValue('name', `${expected}, which ${name} is not`);
  const near = typeof name === 'string' && !Object.hasOwn(constants, name) ? similar(name) : undefined;
  throw invalidValue('name', near === undefined ? `${expected}; ${call} accepts others` : `written '${near}'`);
}

/**
 * Reads an option by its name and returns its typed value: getsockopt(2). This is one system call, unless the value is unusually
 * long. Then the function makes a second call with the size that the kernel reported.
 *
 * @param fd A socket.
 * @param name The name of the option in C, as a string. The level follows from it.
 * @returns The value: a boolean, a number, a bigint for 64 bits, a string, or an object with the fields of the struct. The
 *   file descriptor of SO_PEERPIDFD is new and close-on-exec, and the caller must close it.
 * @throws SocketError ENOPROTOOPT, EOPNOTSUPP, EINVAL, ENOTCONN, ENODATA, EBADF, ENOTSOCK; TypeError for a name that is
 *   not in the table or that can only be written.
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * console.log(getOption(fd, 'SO_LINGER')); // { onoff: false, linger: 0 }
 * console.log(getOption(fd, 'TCP_INFO').state === TCP_CLOSE); // true
 * @see https://man7.org/linux/man-pages/man2/getsockopt.2.html
 */
export function getOption<Name extends ReadableOption>(fd: number, name: Name): OptionValue<Name> {
  const [level, type] = row(name, 'write', 'getsockopt', 'read');
  const codec: Reader<unknown> = codecs[type];
  if (name === 'SO_PEERPIDFD') {
    const n = native.getsockoptInt(fd, numbers[level], numbers[name]);
    if (n < 0) check(n, GETSOCKOPT, { option: name });
    return out[OUT_VALUE]! as OptionValue<Name>; // Nothing may be called after it: a stack overflow would leak the file descriptor.
  }
  for (let size = codec.size; ; size = out[OUT_OPTION_LENGTH]!) {
    const bytes = Buffer.alloc(size);
    const n = unlessRefused(native.getsockopt(fd, numbers[level], numbers[name], bytes), GETSOCKOPT);
    const length = out[OUT_OPTION_LENGTH]!;
    // The value was longer than the buffer. The kernel reports this with ERANGE, with EINVAL or with success.
    if (length > size) continue;
    if (n < 0) check(n, GETSOCKOPT, { option: name });
    const view = new DataView(bytes.buffer, bytes.byteOffset, size);
    return codec.decode(view, 0, length) as OptionValue<Name>;
  }
}

/**
 * Sets an option by its name to a typed value: setsockopt(2).
 *
 * @param fd A socket.
 * @param name The name of the option in C, as a string. The level follows from it; for the MCAST_ options, it follows
 *   from the family of the group.
 * @param value The value, as `getOption` returns it. Optional fields of a struct may be omitted.
 * @throws SocketError ENOPROTOOPT, EOPNOTSUPP, EINVAL, EPERM, EDOM, ENODEV, EADDRINUSE, EADDRNOTAVAIL, EBADF, ENOTSOCK;
 *   TypeError for a name that is not in the table or that can only be read; TypeError or RangeError that names the
 *   field which its C type cannot hold.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * setOption(fd, 'SO_RCVTIMEO', { sec: 1, usec: 500000 });
 * setOption(fd, 'IP_ADD_MEMBERSHIP', { multiaddr: '224.0.0.251', ifindex: if_nametoindex('lo') });
 * @see https://man7.org/linux/man-pages/man2/setsockopt.2.html
 */
export function setOption<Name extends WritableOption>(fd: number, name: Name, value: OptionInput<Name>): void {
  setOptionOf(() => fd, name, value);
}

/** Sets an option of the file descriptor that a function returns after the value was read, whose getters may close it. */
export function setOptionOf<Name extends WritableOption>(
  descriptor: () => number,
  name: Name,
  value: OptionInput<Name>,
): void {
  const [level, type] = row(name, 'read', 'setsockopt', 'written');
  const codec = codecs[type] as Codec<unknown>;
  const bytes = codec.encode(value, name);
  const n = setsockopt(descriptor(), codec.level?.(bytes) ?? numbers[level], numbers[name], bytes);
  if (n < 0) check(n, SETSOCKOPT, { option: name, interface: name === 'SO_BINDTODEVICE' ? String(value) : undefined });
}
