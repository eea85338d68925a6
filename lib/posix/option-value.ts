/** The types of the values of socket options: how each looks, and where its fields are in the bytes. */

import { Buffer } from 'node:buffer';
import type { AddressLike } from './address-type.ts';
import { AF_INET6, SOL_IP, SOL_IPV6 } from './constants.ts';
import { invalidType, invalidValue, outOfRange } from './errno.ts';
import { type HardwareAddressLike, hardwareBytes } from './hardware-address.ts';
import { namesOf, onlyKnown } from './known-names.ts';
import { layout } from './native.ts';
import { integer, LITTLE, uint8, uint16 } from './number.ts';
import {
  bool,
  type Codec,
  i32,
  in6Addr,
  inAddr,
  optional,
  type Reader,
  room,
  scalar,
  sockaddr,
  struct,
  time,
  u16,
  u32,
  u64,
} from './option-struct.ts';
import { attached, elements, object, own } from './snapshot.ts';
import { decodeTcpInfo, type TcpInfo } from './tcp-info.ts';

/**
 * What close(2) does with data not yet sent: socket(7), struct linger.
 *
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export interface Linger {
  onoff: boolean;
  /** Seconds. */
  linger: number;
}

/**
 * A time limit; both 0 is none: socket(7), struct timeval.
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
  /** Packets dropped. */
  drops: number;
}

/**
 * Which timestamps to make: SOF_TIMESTAMPING_ bits, and the hardware clock to take them from.
 *
 * @see https://docs.kernel.org/networking/timestamping.html
 */
export interface TimestampingOption {
  flags: number;
  bindPhc?: number;
}

/**
 * How SCM_TXTIME is read: a clock of time.h, and SOF_TXTIME_ bits.
 *
 * @see https://man7.org/linux/man-pages/man8/tc-etf.8.html
 */
export interface TxtimeOption {
  clockid: number;
  flags?: number;
}

/**
 * The ports that bind(2) chooses from; 0 is the bound of the system.
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
  /** The address of the interface; the index goes before it. */
  address?: string;
  ifindex?: number;
}

/**
 * The interface that IPv4 multicast leaves by: ip(7), struct ip_mreqn.
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
  /** The index of the interface; 0 leaves it to the routes. */
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
 * The source address and interface of what is sent: ipv6(7), struct in6_pktinfo.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3542
 */
export interface In6Pktinfo {
  addr: string;
  ifindex: number;
}

/**
 * The ICMPv6 types that reach the socket: all of `pass` and no other, or all but those of `block`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3542
 */
export type Icmp6Filter = { pass: readonly number[] } | { block: readonly number[] };

/**
 * What more an interface shall receive: packet(7), struct packet_mreq.
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
 * Packets since the last look: packet(7), struct tpacket_stats.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface PacketStatistics {
  packets: number;
  drops: number;
  /** How often the ring was full: only with TPACKET_V3. */
  freezes?: number;
}

/**
 * Packets that a fanout passed on: struct tpacket_rollover_stats.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface RolloverStatistics {
  all: bigint;
  huge: bigint;
  failed: bigint;
}

/** Every type of value. A `Reader` is one that the kernel only gives. */
export interface Codecs {
  flag: Codec<boolean>;
  int: Codec<number>;
  uint: Codec<number>;
  netUint: Codec<number>;
  u64: Codec<bigint>;
  text: Codec<string>;
  bytes: Codec<Buffer, Uint8Array>;
  uints: Reader<number[]>;
  memberships: Reader<number[]>;
  linger: Codec<Linger>;
  timeval: Codec<Timeval>;
  ucred: Reader<Ucred>;
  meminfo: Reader<SocketMemory>;
  timestamping: Codec<Required<TimestampingOption>, TimestampingOption | number>;
  txtime: Codec<Required<TxtimeOption>, TxtimeOption>;
  portRange: Codec<PortRange>;
  mreqn: Codec<Mreqn>;
  multicastIf: Codec<string, string | MulticastInterface>;
  mreqSource: Codec<MreqSource>;
  ipv6Mreq: Codec<Ipv6Mreq>;
  groupReq: Codec<GroupReq>;
  groupSourceReq: Codec<GroupSourceReq>;
  in6Pktinfo: Codec<In6Pktinfo>;
  mtuInfo: Reader<number>;
  icmp6Filter: Codec<{ pass: number[] }, Icmp6Filter>;
  tcpInfo: Reader<TcpInfo>;
  packetMreq: Codec<PacketMreq>;
  fanout: Codec<Required<Fanout>, Fanout>;
  packetStatistics: Reader<PacketStatistics>;
  rolloverStatistics: Reader<RolloverStatistics>;
}

/** The names of devices, congestion controls and upper layers end by 16 bytes; the kernel would cut a longer one. */
const TEXT_SIZE = 16;

const text: Codec<string> = {
  size: TEXT_SIZE,
  decode: (bytes) => bytes.toString('utf8', 0, bytes.includes(0) ? bytes.indexOf(0) : bytes.length),
  encode: (value, name) => {
    if (typeof value !== 'string') throw invalidType(name, 'a string');
    const bytes = Buffer.from(`${value}\0`);
    if (bytes.indexOf(0) !== bytes.length - 1) throw invalidValue(name, 'a string without NUL characters');
    if (bytes.length > TEXT_SIZE) throw outOfRange(name, `at most ${TEXT_SIZE - 1} bytes long`);
    return bytes;
  },
};

/** The extension headers of IPv6, which the kernel cuts without a word, have up to 2040 bytes. */
const bytes: Codec<Buffer, Uint8Array> = {
  size: 2040,
  decode: (bytes) => bytes,
  encode: attached,
};

/** As many u32 as there are. */
const uints: Reader<number[]> = {
  size: 256,
  decode: (bytes, view) => Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(i * 4, LITTLE)),
};

/** Bit n - 1 of the u32s is group n. */
const memberships: Reader<number[]> = {
  size: 64,
  decode: (bytes, view) => {
    const groups: number[] = [];
    uints.decode(bytes, view).forEach((word, at) => {
      for (let bit = 0; bit < 32; bit++) if ((word >>> bit) & 1) groups.push(at * 32 + bit + 1);
    });
    return groups;
  },
};

const int = scalar(4, i32(0));
// struct so_timestamping and struct sock_txtime are newer than the headers of the build image: two words each.
const timestamps = struct<TimestampingOption>(8, { flags: i32(0), bindPhc: optional(i32(4)) });

/** Kernels before 5.15 know the flags alone. */
const timestamping: Codecs['timestamping'] = {
  ...timestamps,
  encode: (value, name) => (typeof value === 'number' ? int.encode(value, name) : timestamps.encode(value, name)),
};

const interfaceParts = {
  address: optional(inAddr(layout('mreqn_address'))),
  ifindex: optional(i32(layout('mreqn_ifindex'))),
};
const address = scalar(4, inAddr(0));
const outgoing = struct<MulticastInterface>(layout('ip_mreqn'), interfaceParts);

/** Only the address ever comes back. */
const multicastIf: Codecs['multicastIf'] = {
  ...address,
  encode: (value, name) => (typeof value === 'string' ? address.encode(value, name) : outgoing.encode(value, name)),
};

const STORAGE = layout('sockaddr_storage');

/** The options of a group have one name for both levels: its family decides. */
const level = (bytes: Uint8Array): number => {
  const family = new DataView(bytes.buffer, bytes.byteOffset).getUint16(layout('gr_group'), LITTLE);
  return family === AF_INET6 ? SOL_IPV6 : SOL_IP;
};

const groupReq: Codec<GroupReq> = {
  ...struct<GroupReq>(layout('group_req'), {
    interface: u32(layout('gr_interface')),
    group: sockaddr(layout('gr_group'), STORAGE),
  }),
  level,
};

const groupSourceReq: Codec<GroupSourceReq> = {
  ...struct<GroupSourceReq>(layout('group_source_req'), {
    interface: u32(layout('gsr_interface')),
    group: sockaddr(layout('gsr_group'), STORAGE),
    source: sockaddr(layout('gsr_source'), STORAGE),
  }),
  level,
};

const FILTER_TYPES = 256;
const ICMP6_NAMES = namesOf<Icmp6Filter>({ pass: true, block: true });

/** A bit that is set blocks its type. */
const icmp6Filter: Codecs['icmp6Filter'] = {
  size: FILTER_TYPES / 8,
  decode: (_, view) => {
    const blocked = (type: number) => (view.getUint32((type >> 5) * 4, LITTLE) >>> (type & 31)) & 1;
    return { pass: Array.from({ length: FILTER_TYPES }, (_, type) => type).filter((type) => !blocked(type)) };
  },
  encode: (value, name) => {
    const { bytes, view } = room(FILTER_TYPES / 8);
    const filter: { pass?: unknown; block?: unknown } = onlyKnown(object(value, name), ICMP6_NAMES, name);
    const pass = own(filter, 'pass');
    const key = pass === undefined ? 'block' : 'pass';
    const types = pass ?? own(filter, 'block');
    if (!Array.isArray(types)) throw invalidType(`${name}.${key}`, 'an array');
    if (key === 'pass') bytes.fill(0xff);
    if (pass !== undefined && own(filter, 'block') !== undefined)
      throw invalidValue(name, "an object with 'pass' or 'block', not both");
    for (const type of elements(types, name, types.length, (item) =>
      integer(item, `${name}.${key}`, 0, FILTER_TYPES - 1),
    )) {
      const at = (type >> 5) * 4;
      const bit = 1 << (type & 31);
      const word = view.getUint32(at, LITTLE);
      view.setUint32(at, key === 'pass' ? word & ~bit : word | bit, LITTLE);
    }
    return bytes;
  },
};

const request = struct<Omit<PacketMreq, 'address'>>(layout('packet_mreq'), {
  ifindex: i32(layout('mr_ifindex')),
  type: u16(layout('mr_type')),
});
const MREQ_NAMES = namesOf<PacketMreq>({ ifindex: true, type: true, address: true });
const MR_ADDRESS = layout('mr_address');

/** A hardware address of more than 8 bytes makes the struct longer. */
const packetMreq: Codec<PacketMreq> = {
  ...request,
  encode: (value, name) => {
    const { ifindex, type } = onlyKnown(object(value, name), MREQ_NAMES, name);
    const fixed = request.encode({ ifindex, type }, name);
    const address = hardwareBytes(own(value, 'address') ?? '', `${name}.address`);
    const { bytes, view } = room(Math.max(fixed.length, MR_ADDRESS + address.length));
    bytes.set(fixed);
    u16(layout('mr_alen')).write(view, address.length, `${name}.address.length`);
    bytes.set(address, MR_ADDRESS);
    return bytes;
  },
};

const FANOUT_NAMES = namesOf<Fanout>({ id: true, type: true, flags: true });

/** Refuses what is no group. The flags have bits of their own: one of the type would make it another type. */
export function fanoutFields(value: Fanout, name: string): Required<Fanout> {
  const from = onlyKnown(object(value, name), FANOUT_NAMES, name);
  const id = uint16(own(from, 'id'), `${name}.id`);
  const type = uint8(own(from, 'type'), `${name}.type`);
  const flags = uint16(own(from, 'flags'), `${name}.flags`, 0);
  if ((flags & 0xff) !== 0) throw outOfRange(`${name}.flags`, 'bits of PACKET_FANOUT_FLAG_, which are above 255');
  return { id, type, flags };
}

/** One u32: the id in its lower half; in the upper one the type, and the flags above the type. */
const fanout: Codecs['fanout'] = {
  size: 4,
  decode: (_, view) => {
    const word = view.getUint32(0, LITTLE);
    return { id: word & 0xffff, type: (word >>> 16) & 0xff, flags: (word >>> 16) & 0xff00 };
  },
  encode: (value, name) => {
    const { id, type, flags } = fanoutFields(value, name);
    const { bytes, view } = room(4);
    view.setUint32(0, (((type | flags) << 16) | id) >>> 0, LITTLE);
    return bytes;
  },
};

const counts = struct<Required<PacketStatistics>>(layout('tpacket_stats_v3'), {
  packets: u32(layout('tp_packets')),
  drops: u32(layout('tp_drops')),
  freezes: u32(layout('tp_freeze_q_cnt')),
});

/** TPACKET_V1 and V2 count no freezes, and give a shorter struct. */
const packetStatistics: Reader<PacketStatistics> = {
  size: counts.size,
  decode: (bytes, view) => {
    const { freezes, ...rest } = counts.decode(bytes, view);
    return bytes.length < counts.size ? rest : { ...rest, freezes };
  },
};

/** The codec of every type of value. */
export const codecs: Codecs = {
  flag: scalar(4, bool(0)),
  int,
  uint: scalar(4, u32(0)),
  /** In network byte order. */
  netUint: scalar(4, u32(0, false)),
  u64: scalar(8, u64(0)),
  text,
  bytes,
  uints,
  memberships,
  linger: struct<Linger>(layout('linger'), { onoff: bool(layout('l_onoff')), linger: i32(layout('l_linger')) }),
  timeval: struct<Timeval>(layout('timeval'), { sec: time(0), usec: time(layout('tv_usec')) }),
  ucred: struct<Ucred>(layout('ucred'), {
    pid: i32(layout('ucred_pid')),
    uid: u32(layout('ucred_uid')),
    gid: u32(layout('ucred_gid')),
  }),
  meminfo: struct<SocketMemory>(36, {
    rmemAlloc: u32(0),
    rcvbuf: u32(4),
    wmemAlloc: u32(8),
    sndbuf: u32(12),
    fwdAlloc: u32(16),
    wmemQueued: u32(20),
    optmem: u32(24),
    backlog: u32(28),
    drops: u32(32),
  }),
  timestamping,
  txtime: struct<TxtimeOption>(8, { clockid: i32(0), flags: optional(u32(4)) }),
  /** One u32 with the low bound in its lower half. */
  portRange: struct<PortRange>(4, { low: u16(LITTLE ? 0 : 2), high: u16(LITTLE ? 2 : 0) }),
  mreqn: struct<Mreqn>(layout('ip_mreqn'), { multiaddr: inAddr(layout('mreqn_multiaddr')), ...interfaceParts }),
  multicastIf,
  mreqSource: struct<MreqSource>(layout('ip_mreq_source'), {
    multiaddr: inAddr(layout('imr_multiaddr')),
    interface: inAddr(layout('imr_interface')),
    sourceaddr: inAddr(layout('imr_sourceaddr')),
  }),
  ipv6Mreq: struct<Ipv6Mreq>(layout('ipv6_mreq'), {
    multiaddr: in6Addr(layout('ipv6mr_multiaddr')),
    ifindex: u32(layout('ipv6mr_ifindex')),
  }),
  groupReq,
  groupSourceReq,
  in6Pktinfo: struct<In6Pktinfo>(layout('in6_pktinfo'), {
    addr: in6Addr(layout('ipi6_addr')),
    ifindex: u32(layout('ipi6_ifindex')),
  }),
  /** Linux leaves the address of the struct empty. */
  mtuInfo: scalar(layout('ip6_mtuinfo'), u32(layout('ip6m_mtu'))),
  icmp6Filter,
  tcpInfo: { size: 512, decode: (bytes) => decodeTcpInfo(bytes) as TcpInfo },
  packetMreq,
  fanout,
  packetStatistics,
  rolloverStatistics: struct<RolloverStatistics>(layout('tpacket_rollover_stats'), {
    all: u64(layout('tp_all')),
    huge: u64(layout('tp_huge')),
    failed: u64(layout('tp_failed')),
  }),
};
