/**
 * One case for every option of the table: the socket to try it on, the value to set, and the kernel's special rule, if
 * there is one. Without a rule, a flag is inverted, another value is set, and the value that is read is the one that was set.
 */

import * as s from '../../lib/index.ts';
import {
  type ErrnoName,
  if_nametoindex,
  type OptionInput,
  type OptionName,
  type WritableOption,
} from '../../lib/index.ts';
import { cleanup } from './fds.ts';
import { connection, datagram, listener, loopback6, pair } from './fixtures.ts';
import { ipv6, type Need, packetSockets, rawSockets, udpLite, vsock } from './need.ts';
import { fanoutId } from './networks.ts';

const opened = (domain: number, type: number, protocol = 0) => cleanup(s.socket(domain, type, protocol));
const LO = if_nametoindex('lo');

function udp6Connected(): number {
  const fd = opened(s.AF_INET6, s.SOCK_DGRAM);
  s.connect(fd, { ...loopback6, port: 9 });
  return fd;
}

function packetOnLo(): number {
  const fd = opened(s.AF_PACKET, s.SOCK_DGRAM);
  s.bind(fd, { family: s.AF_PACKET, ifindex: LO, protocol: s.ETH_P_ALL });
  return fd;
}

type Kind =
  | 'udp'
  | 'udpConnected'
  | 'udplite'
  | 'tcp'
  | 'listener'
  | 'client'
  | 'unix'
  | 'udp6'
  | 'udp6Connected'
  | 'tcp6'
  | 'icmp'
  | 'icmp6'
  | 'raw6'
  | 'ipproto6'
  | 'packet'
  | 'packetOnLo'
  | 'netlink'
  | 'vsock';

/** The sockets of the cases, and their requirements. */
export const sockets: { readonly [K in Kind]: readonly [() => number, ...Need[]] } = {
  udp: [() => opened(s.AF_INET, s.SOCK_DGRAM)],
  udpConnected: [
    () => {
      const { fd } = datagram();
      s.connect(fd, { family: s.AF_INET, address: '127.0.0.1', port: 9 });
      return fd;
    },
  ],
  udplite: [() => opened(s.AF_INET, s.SOCK_DGRAM, s.IPPROTO_UDPLITE), udpLite],
  tcp: [() => opened(s.AF_INET, s.SOCK_STREAM)],
  listener: [() => listener().fd],
  client: [() => connection().client],
  unix: [() => pair()[0]],
  udp6: [() => opened(s.AF_INET6, s.SOCK_DGRAM), ipv6],
  udp6Connected: [udp6Connected, ipv6],
  tcp6: [() => opened(s.AF_INET6, s.SOCK_STREAM), ipv6],
  icmp: [() => opened(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP), rawSockets],
  icmp6: [() => opened(s.AF_INET6, s.SOCK_RAW, s.IPPROTO_ICMPV6), rawSockets, ipv6],
  raw6: [() => opened(s.AF_INET6, s.SOCK_RAW, 254), rawSockets, ipv6],
  ipproto6: [() => opened(s.AF_INET6, s.SOCK_RAW, s.IPPROTO_RAW), rawSockets, ipv6],
  packet: [() => opened(s.AF_PACKET, s.SOCK_RAW), packetSockets],
  packetOnLo: [packetOnLo, packetSockets],
  netlink: [() => opened(s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_ROUTE)],
  vsock: [() => opened(s.AF_VSOCK, s.SOCK_STREAM), vsock],
};

/** The behaviour of one option on one kind of socket. */
export interface Case<Name extends OptionName> {
  on: Kind;
  /** What to do with both sockets first. */
  prepare?: (fd: number) => void;
  /** The value to set; without it, a flag is inverted. */
  value?: Name extends WritableOption ? OptionInput<Name> : never;
  /** The same value as a Python expression of its bytes, for the structs. */
  raw?: string;
  /** The value that is read at first, if it is known. */
  before?: unknown;
  /** The value that is read back, if it differs from the one that was set. */
  after?: unknown;
  /** The errno with which reading always fails. */
  readFails?: ErrnoName;
  /** The errno with which writing always fails. */
  writeFails?: ErrnoName;
  /** An errno of reading or writing without a privilege, or on a kernel without the option: Python decides which. */
  unless?: ErrnoName;
  /** Two reads return different values. */
  volatile?: boolean;
}

const GROUP = '224.0.0.251';
const SOURCE = '127.0.0.2';
const GROUP6 = 'ff02::fb';
const join = (fd: number) => s.setOption(fd, 'IP_ADD_MEMBERSHIP', { multiaddr: GROUP, ifindex: LO });
const join6 = (fd: number) => s.setOption(fd, 'IPV6_JOIN_GROUP', { multiaddr: GROUP6, ifindex: LO });
const group: s.Address = { family: s.AF_INET, address: GROUP, port: 0 };
const source: s.Address = { family: s.AF_INET, address: SOURCE, port: 0 };
const sourceGroup = { interface: LO, group, source };
const mreqSource = { multiaddr: GROUP, interface: '127.0.0.1', sourceaddr: SOURCE };
const joinSource = (fd: number) => s.setOption(fd, 'IP_ADD_SOURCE_MEMBERSHIP', mreqSource);
const block = (fd: number) => {
  join(fd);
  s.setOption(fd, 'IP_BLOCK_SOURCE', mreqSource);
};
const RAW = {
  mreqn: `A('${GROUP}') + A('0.0.0.0') + struct.pack('=i', ${LO})`,
  mreqSource: `A('${GROUP}') + A('127.0.0.1') + A('${SOURCE}')`,
  mreq6: `A6('${GROUP6}') + struct.pack('=i', ${LO})`,
  groupReq: `struct.pack('=II', ${LO}, 0) + SA('${GROUP}')`,
  groupSourceReq: `struct.pack('=II', ${LO}, 0) + SA('${GROUP}') + SA('${SOURCE}')`,
  anycast: `A6('2001:db8::') + struct.pack('=i', ${LO})`,
  allmulti: `struct.pack('=iHH8s', ${LO}, 2, 0, bytes(8))`,
};
const mreq6 = { multiaddr: GROUP6, ifindex: LO };
const allmulti = { ifindex: LO, type: s.PACKET_MR_ALLMULTI };
const fanoutGroup = fanoutId();
/** Eight bytes of an extension header that contains only padding. */
const PADDING = Buffer.from('0000010400000000', 'hex');

export const cases: { readonly [Name in OptionName]: Case<Name> } = {
  SO_ACCEPTCONN: { on: 'listener', before: true },
  SO_ATTACH_BPF: { on: 'udp', value: -1, writeFails: 'EBADF' },
  SO_ATTACH_REUSEPORT_EBPF: { on: 'udp', value: -1, writeFails: 'EBADF' },
  SO_BINDTODEVICE: { on: 'udp', before: '', value: 'lo' },
  SO_BINDTOIFINDEX: { on: 'udp', before: 0, value: LO },
  SO_BPF_EXTENSIONS: { on: 'udp' },
  SO_BROADCAST: { on: 'udp', before: false },
  SO_BUF_LOCK: { on: 'udp', before: 0, value: s.SOCK_BUF_LOCK_MASK },
  // More than the limit of the system needs CAP_NET_ADMIN.
  SO_BUSY_POLL: { on: 'udp', value: 50, unless: 'EPERM' },
  SO_BUSY_POLL_BUDGET: { on: 'udp', value: 10, unless: 'EPERM' },
  SO_CNX_ADVICE: { on: 'udp', value: 1 },
  SO_COOKIE: { on: 'udp' },
  // CAP_NET_ADMIN
  SO_DEBUG: { on: 'udp', before: false, unless: 'EACCES' },
  // There is no program, and the socket does not share its port.
  SO_DETACH_REUSEPORT_BPF: { on: 'udp', value: 0, writeFails: 'EINVAL' },
  SO_DOMAIN: { on: 'udp', before: s.AF_INET },
  SO_DONTROUTE: { on: 'udp', before: false },
  SO_ERROR: { on: 'udp', before: 0 },
  SO_INCOMING_CPU: { on: 'udp', value: 0 },
  SO_INCOMING_NAPI_ID: { on: 'udp', before: 0 },
  // Linux 6.17
  SO_INQ: { on: 'unix', value: true, unless: 'ENOPROTOOPT' },
  SO_KEEPALIVE: { on: 'tcp', before: false },
  SO_LINGER: {
    on: 'tcp',
    before: { onoff: false, linger: 0 },
    value: { onoff: true, linger: 5 },
    raw: "struct.pack('=ii', 1, 5)",
  },
  SO_LOCK_FILTER: { on: 'udp', before: false },
  // CAP_NET_ADMIN or CAP_NET_RAW
  SO_MARK: { on: 'udp', before: 0, value: 0xfedcba98, unless: 'EPERM' },
  SO_MAX_PACING_RATE: { on: 'tcp', before: 0xffffffffffffffffn, value: 0x123456789an },
  SO_MEMINFO: { on: 'udp' },
  SO_NETNS_COOKIE: { on: 'udp' },
  SO_NOFCS: { on: 'udp', before: false },
  SO_NO_CHECK: { on: 'udp', before: false },
  SO_OOBINLINE: { on: 'tcp', before: false },
  SO_PASSCRED: { on: 'unix', before: false },
  // Linux 6.5
  SO_PASSPIDFD: { on: 'unix', before: false, unless: 'ENOPROTOOPT' },
  // Linux 6.16
  SO_PASSRIGHTS: { on: 'unix', before: true, unless: 'ENOPROTOOPT' },
  SO_PASSSEC: { on: 'unix', before: false },
  SO_PEEK_OFF: { on: 'unix', before: -1, value: 3 },
  SO_PEERCRED: { on: 'unix', before: { pid: process.pid, uid: process.geteuid?.(), gid: process.getegid?.() } },
  SO_PEERGROUPS: { on: 'unix' },
  // Returns a new file descriptor every time, which has its own test.
  SO_PEERPIDFD: { on: 'unix', volatile: true, unless: 'ENOPROTOOPT' },
  // Needs a security module with labels.
  SO_PEERSEC: { on: 'unix', unless: 'ENOPROTOOPT' },
  SO_PREFER_BUSY_POLL: { on: 'udp', before: false, unless: 'EPERM' },
  SO_PRIORITY: { on: 'udp', before: 0, value: 6 },
  SO_PROTOCOL: { on: 'udp', before: s.IPPROTO_UDP },
  // The kernel doubles it for its own use.
  SO_RCVBUF: { on: 'udp', value: 65536, after: 131072 },
  SO_RCVBUFFORCE: { on: 'udp', value: 65536, unless: 'EPERM' },
  SO_RCVLOWAT: { on: 'udp', before: 1, value: 3 },
  SO_RCVMARK: { on: 'udp', before: false, unless: 'EPERM' },
  // Linux 6.14
  SO_RCVPRIORITY: { on: 'udp', before: false, unless: 'ENOPROTOOPT' },
  SO_RCVTIMEO: {
    on: 'udp',
    before: { sec: 0, usec: 0 },
    value: { sec: 3, usec: 500_000 },
    raw: "struct.pack('=qq', 3, 500000)",
  },
  // Needs a memory cgroup.
  SO_RESERVE_MEM: { on: 'tcp', before: 0, value: 4096, unless: 'EOPNOTSUPP' },
  SO_REUSEADDR: { on: 'tcp', before: false },
  SO_REUSEPORT: { on: 'tcp', before: false },
  SO_RXQ_OVFL: { on: 'udp', before: false },
  SO_SELECT_ERR_QUEUE: { on: 'udp', before: false },
  SO_SNDBUF: { on: 'udp', value: 65536, after: 131072 },
  SO_SNDBUFFORCE: { on: 'udp', value: 65536, unless: 'EPERM' },
  SO_SNDLOWAT: { on: 'udp', before: 1 },
  SO_SNDTIMEO: { on: 'udp', before: { sec: 0, usec: 0 }, value: { sec: 1, usec: 0 }, raw: "struct.pack('=qq', 1, 0)" },
  SO_TIMESTAMP: { on: 'udp', before: false },
  SO_TIMESTAMPING: {
    on: 'udp',
    before: { flags: 0, bindPhc: 0 },
    value: s.SOF_TIMESTAMPING_SOFTWARE | s.SOF_TIMESTAMPING_RX_SOFTWARE,
    raw: "struct.pack('=i', 0x18)",
    after: { flags: s.SOF_TIMESTAMPING_SOFTWARE | s.SOF_TIMESTAMPING_RX_SOFTWARE, bindPhc: 0 },
  },
  SO_TIMESTAMPNS: { on: 'udp', before: false },
  SO_TXREHASH: { on: 'tcp', value: s.SOCK_TXREHASH_DISABLED },
  // Another clock needs CAP_NET_ADMIN.
  SO_TXTIME: { on: 'udp', value: { clockid: 1, flags: 0 }, raw: "struct.pack('=iI', 1, 0)", unless: 'EPERM' },
  SO_TYPE: { on: 'udp', before: s.SOCK_DGRAM },
  SO_WIFI_STATUS: { on: 'udp', before: false },
  SO_ZEROCOPY: { on: 'tcp', before: false },

  IP_ADD_MEMBERSHIP: { on: 'udp', value: { multiaddr: GROUP, ifindex: LO }, raw: RAW.mreqn },
  IP_ADD_SOURCE_MEMBERSHIP: { on: 'udp', value: mreqSource, raw: RAW.mreqSource },
  IP_BIND_ADDRESS_NO_PORT: { on: 'udp', before: false },
  IP_BLOCK_SOURCE: { on: 'udp', prepare: join, value: mreqSource, raw: RAW.mreqSource },
  IP_CHECKSUM: { on: 'udp', before: false },
  IP_DROP_MEMBERSHIP: { on: 'udp', prepare: join, value: { multiaddr: GROUP, ifindex: LO }, raw: RAW.mreqn },
  IP_DROP_SOURCE_MEMBERSHIP: { on: 'udp', prepare: joinSource, value: mreqSource, raw: RAW.mreqSource },
  IP_FREEBIND: { on: 'udp', before: false },
  IP_HDRINCL: { on: 'icmp', before: false },
  IP_LOCAL_PORT_RANGE: {
    on: 'udp',
    before: { low: 0, high: 0 },
    value: { low: 40000, high: 40100 },
    raw: "struct.pack('=I', 40000 | 40100 << 16)",
  },
  IP_MINTTL: { on: 'tcp', before: 0, value: 5 },
  IP_MTU: { on: 'udpConnected', before: 65535 },
  IP_MTU_DISCOVER: { on: 'udp', before: s.IP_PMTUDISC_WANT, value: s.IP_PMTUDISC_DO },
  IP_MULTICAST_ALL: { on: 'udp', before: true },
  IP_MULTICAST_IF: { on: 'udp', before: '0.0.0.0', value: '127.0.0.1', raw: "A('127.0.0.1')" },
  IP_MULTICAST_LOOP: { on: 'udp', before: true },
  IP_MULTICAST_TTL: { on: 'udp', before: 1, value: 7 },
  IP_NODEFRAG: { on: 'icmp', before: false },
  IP_OPTIONS: { on: 'udp', before: Buffer.alloc(0), value: Buffer.of(1, 1, 1, 0) },
  IP_PASSSEC: { on: 'udp', before: false },
  IP_PKTINFO: { on: 'udp', before: false },
  IP_PKTOPTIONS: { on: 'tcp', before: Buffer.alloc(0) },
  IP_PROTOCOL: { on: 'icmp', before: s.IPPROTO_ICMP, unless: 'ENOPROTOOPT' },
  IP_RECVERR: { on: 'udp', before: false },
  IP_RECVERR_RFC4884: { on: 'udp', before: false },
  IP_RECVFRAGSIZE: { on: 'udp', before: false },
  IP_RECVOPTS: { on: 'udp', before: false },
  IP_RECVORIGDSTADDR: { on: 'udp', before: false },
  IP_RECVTOS: { on: 'udp', before: false },
  IP_RECVTTL: { on: 'udp', before: false },
  IP_RETOPTS: { on: 'udp', before: false },
  IP_ROUTER_ALERT: { on: 'icmp' },
  IP_TOS: { on: 'udp', before: 0, value: 16 },
  IP_TRANSPARENT: { on: 'udp', before: false, unless: 'EPERM' },
  IP_TTL: { on: 'udp', value: 33 },
  IP_UNBLOCK_SOURCE: { on: 'udp', prepare: block, value: mreqSource, raw: RAW.mreqSource },
  IP_UNICAST_IF: { on: 'udp', before: 0, value: LO },
  MCAST_BLOCK_SOURCE: { on: 'udp', prepare: join, value: sourceGroup, raw: RAW.groupSourceReq },
  MCAST_JOIN_GROUP: { on: 'udp', value: { interface: LO, group }, raw: RAW.groupReq },
  MCAST_JOIN_SOURCE_GROUP: { on: 'udp', value: sourceGroup, raw: RAW.groupSourceReq },
  MCAST_LEAVE_GROUP: { on: 'udp', prepare: join, value: { interface: LO, group }, raw: RAW.groupReq },
  MCAST_LEAVE_SOURCE_GROUP: { on: 'udp', prepare: joinSource, value: sourceGroup, raw: RAW.groupSourceReq },
  MCAST_UNBLOCK_SOURCE: { on: 'udp', prepare: block, value: sourceGroup, raw: RAW.groupSourceReq },

  ICMP_FILTER: { on: 'icmp', before: 0, value: 1 << s.ICMP_ECHO },

  // Only to AF_INET, of a socket whose peer has a mapped address.
  IPV6_ADDRFORM: { on: 'udp6Connected', before: s.AF_INET6, value: s.AF_INET, writeFails: 'EADDRNOTAVAIL' },
  // A field that was not set is read as its default.
  IPV6_ADDR_PREFERENCES: {
    on: 'udp6',
    before: s.IPV6_PREFER_SRC_PUBTMP_DEFAULT | s.IPV6_PREFER_SRC_HOME,
    value: s.IPV6_PREFER_SRC_PUBLIC,
    after: s.IPV6_PREFER_SRC_PUBLIC | s.IPV6_PREFER_SRC_HOME,
  },
  IPV6_ADD_MEMBERSHIP: { on: 'udp6', value: mreq6, raw: RAW.mreq6 },
  IPV6_AUTOFLOWLABEL: { on: 'udp6' },
  IPV6_CHECKSUM: { on: 'raw6', before: -1, value: 2 },
  IPV6_DONTFRAG: { on: 'udp6', before: false },
  IPV6_DROP_MEMBERSHIP: { on: 'udp6', prepare: join6, value: mreq6, raw: RAW.mreq6 },
  // CAP_NET_RAW
  IPV6_DSTOPTS: { on: 'udp6', before: Buffer.alloc(0), value: PADDING, unless: 'EPERM' },
  IPV6_FLOWINFO: { on: 'udp6', before: false },
  IPV6_FLOWINFO_SEND: { on: 'udp6', before: false },
  IPV6_FREEBIND: { on: 'udp6', before: false },
  IPV6_HDRINCL: { on: 'raw6', before: false },
  IPV6_HOPOPTS: { on: 'udp6', before: Buffer.alloc(0), value: PADDING, unless: 'EPERM' },
  // A prefix that lo does not have; any at all needs CAP_NET_ADMIN.
  IPV6_JOIN_ANYCAST: {
    on: 'udp6',
    value: { multiaddr: '2001:db8::', ifindex: LO },
    raw: RAW.anycast,
    writeFails: 'EADDRNOTAVAIL',
    unless: 'EPERM',
  },
  IPV6_JOIN_GROUP: { on: 'udp6', value: mreq6, raw: RAW.mreq6 },
  IPV6_LEAVE_ANYCAST: {
    on: 'udp6',
    value: { multiaddr: '2001:db8::', ifindex: LO },
    raw: RAW.anycast,
    writeFails: 'ENOENT',
  },
  IPV6_LEAVE_GROUP: { on: 'udp6', prepare: join6, value: mreq6, raw: RAW.mreq6 },
  IPV6_MINHOPCOUNT: { on: 'tcp6', before: 0, value: 5 },
  // Reading returns that of the path; writing sets a limit for fragments.
  IPV6_MTU: { on: 'udp6Connected', before: 65536, value: 1280, after: 65536 },
  IPV6_MTU_DISCOVER: { on: 'udp6', before: s.IPV6_PMTUDISC_WANT, value: s.IPV6_PMTUDISC_DO },
  IPV6_MULTICAST_ALL: { on: 'udp6', before: true },
  IPV6_MULTICAST_HOPS: { on: 'udp6', before: 1, value: 7 },
  IPV6_MULTICAST_IF: { on: 'udp6', before: 0, value: LO },
  IPV6_MULTICAST_LOOP: { on: 'udp6', before: true },
  IPV6_PATHMTU: { on: 'udp6Connected', before: 65536 },
  IPV6_PKTINFO: { on: 'udp6', value: { addr: '::1', ifindex: LO }, raw: `A6('::1') + struct.pack('=I', ${LO})` },
  IPV6_RECVDSTOPTS: { on: 'udp6', before: false },
  IPV6_RECVERR: { on: 'udp6', before: false },
  IPV6_RECVERR_RFC4884: { on: 'udp6', before: false },
  IPV6_RECVFRAGSIZE: { on: 'udp6', before: false },
  IPV6_RECVHOPLIMIT: { on: 'udp6', before: false },
  IPV6_RECVHOPOPTS: { on: 'udp6', before: false },
  IPV6_RECVORIGDSTADDR: { on: 'udp6', before: false },
  IPV6_RECVPATHMTU: { on: 'udp6', before: false },
  IPV6_RECVPKTINFO: { on: 'udp6', before: false },
  IPV6_RECVRTHDR: { on: 'udp6', before: false },
  IPV6_RECVTCLASS: { on: 'udp6', before: false },
  IPV6_ROUTER_ALERT: { on: 'ipproto6', value: 0 },
  IPV6_ROUTER_ALERT_ISOLATE: { on: 'raw6', before: false },
  // A routing header must be of type 2 (mobile IPv6) or 4 (segments).
  IPV6_RTHDR: { on: 'udp6', before: Buffer.alloc(0), value: PADDING, writeFails: 'EINVAL' },
  IPV6_RTHDRDSTOPTS: { on: 'udp6', before: Buffer.alloc(0), value: PADDING, unless: 'EPERM' },
  IPV6_TCLASS: { on: 'udp6', before: 0, value: 8 },
  IPV6_TRANSPARENT: { on: 'udp6', before: false, unless: 'EPERM' },
  IPV6_UNICAST_HOPS: { on: 'udp6', value: 33 },
  IPV6_UNICAST_IF: { on: 'udp6', before: 0, value: LO },
  IPV6_V6ONLY: { on: 'tcp6' },
  ICMP6_FILTER: {
    on: 'icmp6',
    before: { pass: Array.from({ length: 256 }, (_, type) => type) },
    value: { pass: [1, 129, 255] },
    raw: "bytes.fromhex('fdffffff' + 'ff' * 12 + 'fdffffff' + 'ff' * 8 + 'ffffff7f')",
  },

  TCP_CC_INFO: { on: 'tcp' },
  TCP_CONGESTION: { on: 'tcp', value: 'reno' },
  TCP_CORK: { on: 'tcp', before: false },
  // Rounded to retransmissions of the answer: 1, 3 or 7 seconds.
  TCP_DEFER_ACCEPT: { on: 'tcp', before: 0, value: 2, after: 3 },
  TCP_DELACK_MAX_US: { on: 'tcp', value: 20_000, unless: 'ENOPROTOOPT' },
  TCP_FASTOPEN: { on: 'listener', before: 0, value: 5 },
  TCP_FASTOPEN_CONNECT: { on: 'tcp', before: false },
  TCP_FASTOPEN_KEY: { on: 'tcp', value: Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex') },
  TCP_FASTOPEN_NO_COOKIE: { on: 'tcp', before: false },
  TCP_INFO: { on: 'tcp', volatile: true },
  TCP_INQ: { on: 'tcp', before: false },
  TCP_IS_MPTCP: { on: 'tcp', before: false },
  TCP_KEEPCNT: { on: 'tcp', value: 4 },
  TCP_KEEPIDLE: { on: 'tcp', value: 61 },
  TCP_KEEPINTVL: { on: 'tcp', value: 11 },
  TCP_LINGER2: { on: 'tcp', value: 7 },
  TCP_MAXSEG: { on: 'tcp', value: 1000 },
  TCP_NODELAY: { on: 'tcp', before: false },
  TCP_NOTSENT_LOWAT: { on: 'tcp', value: 0x80000001 },
  TCP_QUICKACK: { on: 'client' },
  TCP_RTO_MAX_MS: { on: 'tcp', value: 5000, unless: 'ENOPROTOOPT' },
  TCP_RTO_MIN_US: { on: 'tcp', value: 20_000, unless: 'ENOPROTOOPT' },
  TCP_SAVED_SYN: { on: 'tcp', before: Buffer.alloc(0) },
  TCP_SAVE_SYN: { on: 'tcp', before: 0, value: 2 },
  TCP_SYNCNT: { on: 'tcp', value: 3 },
  // The kernel accepts it and ignores it.
  TCP_THIN_DUPACK: { on: 'tcp', before: false, after: false },
  TCP_THIN_LINEAR_TIMEOUTS: { on: 'tcp', before: false },
  // A clock, which can only be set on a connection under repair.
  TCP_TIMESTAMP: { on: 'tcp', volatile: true, value: 1, writeFails: 'EPERM' },
  TCP_TX_DELAY: { on: 'tcp', before: 0, value: 1000 },
  TCP_ULP: { on: 'client', before: '', value: 'no-such-ulp', writeFails: 'ENOENT' },
  TCP_USER_TIMEOUT: { on: 'tcp', before: 0, value: 5000 },
  TCP_WINDOW_CLAMP: { on: 'tcp', value: 65536 },

  UDP_CORK: { on: 'udp', before: false },
  UDP_ENCAP: { on: 'udp', before: 0, value: s.UDP_ENCAP_L2TPINUDP },
  UDP_GRO: { on: 'udp', before: false },
  UDP_NO_CHECK6_RX: { on: 'udp6', before: false },
  UDP_NO_CHECK6_TX: { on: 'udp6', before: false },
  UDP_SEGMENT: { on: 'udp', before: 0, value: 1400 },
  UDPLITE_RECV_CSCOV: { on: 'udplite', before: 0, value: 20 },
  UDPLITE_SEND_CSCOV: { on: 'udplite', before: 0, value: 5, after: 8 },

  PACKET_ADD_MEMBERSHIP: { on: 'packet', value: allmulti, raw: RAW.allmulti },
  PACKET_AUXDATA: { on: 'packet', before: false },
  PACKET_COPY_THRESH: { on: 'packet', value: 1000, unless: 'ENOPROTOOPT' },
  PACKET_DROP_MEMBERSHIP: {
    on: 'packet',
    prepare: (fd) => s.setOption(fd, 'PACKET_ADD_MEMBERSHIP', allmulti),
    value: allmulti,
    raw: RAW.allmulti,
  },
  PACKET_FANOUT: {
    on: 'packetOnLo',
    before: { id: 0, type: 0, flags: 0 },
    value: { id: fanoutGroup, type: s.PACKET_FANOUT_LB, flags: s.PACKET_FANOUT_FLAG_ROLLOVER },
    raw: `struct.pack('=HH', ${fanoutGroup}, ${s.PACKET_FANOUT_LB | s.PACKET_FANOUT_FLAG_ROLLOVER})`,
  },
  PACKET_IGNORE_OUTGOING: { on: 'packet', before: false },
  PACKET_LOSS: { on: 'packet', before: false },
  PACKET_ORIGDEV: { on: 'packet', before: false },
  PACKET_QDISC_BYPASS: { on: 'packet', before: false },
  PACKET_RESERVE: { on: 'packet', before: 0, value: 64 },
  // Without a fanout that rolls over.
  PACKET_ROLLOVER_STATS: { on: 'packet', readFails: 'EINVAL' },
  PACKET_STATISTICS: { on: 'packet', before: { packets: 0, drops: 0 } },
  PACKET_TIMESTAMP: { on: 'packet', before: 0, value: s.SOF_TIMESTAMPING_SOFTWARE },
  PACKET_TX_HAS_OFF: { on: 'packet', before: false },
  PACKET_VERSION: { on: 'packet', before: 0, value: 2 },
  PACKET_VNET_HDR: { on: 'packet', before: false },
  PACKET_VNET_HDR_SZ: { on: 'packet', before: 0, value: 10, unless: 'ENOPROTOOPT' },

  NETLINK_ADD_MEMBERSHIP: { on: 'netlink', value: 1 },
  NETLINK_BROADCAST_ERROR: { on: 'netlink', before: false },
  NETLINK_CAP_ACK: { on: 'netlink', before: false },
  NETLINK_DROP_MEMBERSHIP: { on: 'netlink', prepare: (fd) => s.setOption(fd, 'NETLINK_ADD_MEMBERSHIP', 1), value: 1 },
  NETLINK_EXT_ACK: { on: 'netlink', before: false },
  NETLINK_GET_STRICT_CHK: { on: 'netlink', before: false },
  NETLINK_LISTEN_ALL_NSID: { on: 'netlink', unless: 'EPERM' },
  NETLINK_LIST_MEMBERSHIPS: {
    on: 'netlink',
    prepare: (fd) => {
      for (const number of [1, 8, 33]) s.setOption(fd, 'NETLINK_ADD_MEMBERSHIP', number);
    },
    before: [1, 8, 33],
  },
  NETLINK_NO_ENOBUFS: { on: 'netlink', before: false },
  NETLINK_PKTINFO: { on: 'netlink', before: false },

  SO_VM_SOCKETS_BUFFER_MAX_SIZE: { on: 'vsock', value: 524288n },
  SO_VM_SOCKETS_BUFFER_MIN_SIZE: { on: 'vsock', value: 256n },
  SO_VM_SOCKETS_BUFFER_SIZE: { on: 'vsock', value: 131072n },
  SO_VM_SOCKETS_CONNECT_TIMEOUT: { on: 'vsock', value: { sec: 3, usec: 0 }, raw: "struct.pack('=qq', 3, 0)" },
};
