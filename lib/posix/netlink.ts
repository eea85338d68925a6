/** Netlink messages and their attributes as bytes, requests to the kernel, and its lists of links, addresses, routes. */

import { NETLINK } from './calls.ts';
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_UNSPEC,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_CACHEINFO,
  IFA_FLAGS,
  IFA_LABEL,
  IFA_LOCAL,
  IFLA_ADDRESS,
  IFLA_BROADCAST,
  IFLA_GROUP,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_OPERSTATE,
  IFLA_QDISC,
  IFLA_STATS64,
  IFLA_TXQLEN,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  NETLINK_ROUTE,
  NLA_TYPE_MASK,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  RTA_DST,
  RTA_GATEWAY,
  RTA_IIF,
  RTA_MULTIPATH,
  RTA_OIF,
  RTA_PREFSRC,
  RTA_PRIORITY,
  RTA_SRC,
  RTA_TABLE,
  RTA_VIA,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
  SOCK_RAW,
} from './constants.ts';
import { check, invalidType, outOfRange } from './errno.ts';
import { inet_ntop } from './inet.ts';
import { LINK_STATISTICS, type LinkStatistic } from './link-statistics.ts';
import { object, own } from './snapshot.ts';
import { close, connect, socket } from './socket.ts';
import { recv, send } from './transfer.ts';

const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** NLMSG_ALIGNTO and RTA_ALIGNTO. */
const ALIGN = 4;
const align = (length: number) => Math.ceil(length / ALIGN) * ALIGN;

// The structs of linux/netlink.h, rtnetlink.h, if_link.h and if_addr.h: sizes and offsets, the same everywhere.
const NLMSGHDR = { size: 16, len: 0, type: 4, flags: 6, seq: 8, pid: 12 };
const RTATTR = { size: 4, len: 0, type: 2 };
const IFINFOMSG = { size: 16, type: 2, index: 4, flags: 8 };
const IFADDRMSG = { size: 8, family: 0, prefixlen: 1, flags: 2, scope: 3, index: 4 };
const IFA_CACHE = { size: 16, prefered: 0, valid: 4, cstamp: 8, tstamp: 12 };
const RTMSG = {
  size: 12,
  family: 0,
  dst_len: 1,
  src_len: 2,
  tos: 3,
  table: 4,
  protocol: 5,
  scope: 6,
  type: 7,
  flags: 8,
};
const RTNEXTHOP = { size: 8, len: 0, flags: 2, hops: 3, ifindex: 4 };
const RTVIA = { family: 0, addr: 2 };

/** A netlink message: struct nlmsghdr and what follows it. */
export interface NetlinkMessage {
  /** RTM_NEWLINK, NLMSG_DONE, ... */
  type: number;
  /** NLM_F_ flags. */
  flags: number;
  /** The number that answers repeat. */
  seq: number;
  /** The port of the sender; 0 lets the kernel fill it in. */
  pid: number;
  /** A struct of the type (struct ifinfomsg, ...), then attributes. */
  data: Uint8Array;
}

/** An attribute of a message: struct rtattr, or struct nlattr. */
export interface NetlinkAttribute {
  /** As it is on the wire: `type & NLA_TYPE_MASK` is free of NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
  type: number;
  data: Uint8Array;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function uint(value: unknown, name: string, max: number): number {
  if (typeof value !== 'number') throw invalidType(name, 'a number');
  if (!Number.isInteger(value) || value < 0 || value > max) throw outOfRange(name, `an integer from 0 to ${max}`);
  return value;
}

function data(value: unknown, name: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw invalidType(name, 'a Uint8Array');
  return value;
}

/**
 * The bytes of messages, each padded to its alignment (NLMSG_ALIGN): netlink(7).
 *
 * @param messages The messages, in the order they shall have.
 * @throws TypeError or RangeError that names the field which struct nlmsghdr cannot hold.
 * @example encodeNetlink([{ type: RTM_GETLINK, flags: NLM_F_REQUEST | NLM_F_DUMP, seq: 1, pid: 0, data }]);
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export function encodeNetlink(messages: readonly NetlinkMessage[]): Uint8Array {
  if (!Array.isArray(messages)) throw invalidType('messages', 'an array of messages');
  const parts = messages.slice().map((message: NetlinkMessage) => {
    object(message, 'messages');
    return {
      type: uint(own(message, 'type'), 'message.type', 0xffff),
      flags: uint(own(message, 'flags'), 'message.flags', 0xffff),
      seq: uint(own(message, 'seq'), 'message.seq', 0xffffffff),
      pid: uint(own(message, 'pid'), 'message.pid', 0xffffffff),
      data: data(own(message, 'data'), 'message.data'),
    };
  });
  const bytes = Buffer.alloc(parts.reduce((sum, part) => sum + align(NLMSGHDR.size + part.data.length), 0));
  const to = view(bytes);
  let at = 0;
  for (const part of parts) {
    to.setUint32(at + NLMSGHDR.len, NLMSGHDR.size + part.data.length, LITTLE);
    to.setUint16(at + NLMSGHDR.type, part.type, LITTLE);
    to.setUint16(at + NLMSGHDR.flags, part.flags, LITTLE);
    to.setUint32(at + NLMSGHDR.seq, part.seq, LITTLE);
    to.setUint32(at + NLMSGHDR.pid, part.pid, LITTLE);
    bytes.set(part.data, at + NLMSGHDR.size);
    at += align(NLMSGHDR.size + part.data.length);
  }
  return bytes;
}

/**
 * The messages in bytes: netlink(7). Total: never throws, whatever the bytes are.
 *
 * It ends where C's NLMSG_OK does: at a message that is not whole, or whose length is less than its header.
 *
 * @param bytes A datagram from the kernel, or any bytes.
 * @param length How many of the bytes count; a larger number (of MSG_TRUNC) counts as all of them.
 * @returns The messages, with data of their own.
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export function decodeNetlink(bytes: Uint8Array, length: number = bytes.length): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  const end = Math.min(length, bytes.length);
  const from = view(bytes);
  let at = 0;
  while (end - at >= NLMSGHDR.size) {
    const size = from.getUint32(at + NLMSGHDR.len, LITTLE);
    if (size < NLMSGHDR.size || size > end - at) break;
    messages.push({
      type: from.getUint16(at + NLMSGHDR.type, LITTLE),
      flags: from.getUint16(at + NLMSGHDR.flags, LITTLE),
      seq: from.getUint32(at + NLMSGHDR.seq, LITTLE),
      pid: from.getUint32(at + NLMSGHDR.pid, LITTLE),
      data: Buffer.from(bytes.subarray(at + NLMSGHDR.size, at + size)),
    });
    at += align(size);
  }
  return messages;
}

/**
 * The bytes of attributes, each padded to its alignment (RTA_ALIGN): rtnetlink(3).
 *
 * @param attributes The attributes. To nest some, give their bytes as the data of another, with NLA_F_NESTED in its
 *   type where the kernel asks for it.
 * @throws TypeError or RangeError that names the field which struct rtattr cannot hold: data of more than 65531 bytes.
 * @example encodeAttributes([{ type: IFLA_IFNAME, data: Buffer.from('veth0\0') }]);
 * @see https://man7.org/linux/man-pages/man3/rtnetlink.3.html
 */
export function encodeAttributes(attributes: readonly NetlinkAttribute[]): Uint8Array {
  if (!Array.isArray(attributes)) throw invalidType('attributes', 'an array of attributes');
  const parts = attributes.slice().map((attribute: NetlinkAttribute) => {
    object(attribute, 'attributes');
    const type = uint(own(attribute, 'type'), 'attribute.type', 0xffff);
    const bytes = data(own(attribute, 'data'), 'attribute.data');
    uint(bytes.length, 'attribute.data.length', 0xffff - RTATTR.size);
    return { type, data: bytes };
  });
  const bytes = Buffer.alloc(parts.reduce((sum, part) => sum + align(RTATTR.size + part.data.length), 0));
  const to = view(bytes);
  let at = 0;
  for (const part of parts) {
    to.setUint16(at + RTATTR.len, RTATTR.size + part.data.length, LITTLE);
    to.setUint16(at + RTATTR.type, part.type, LITTLE);
    bytes.set(part.data, at + RTATTR.size);
    at += align(RTATTR.size + part.data.length);
  }
  return bytes;
}

/**
 * The attributes in bytes: rtnetlink(3). Total: never throws, whatever the bytes are.
 *
 * It ends where C's RTA_OK does: at an attribute that is not whole, or whose length is less than its header.
 *
 * @param bytes What follows the struct in a message, or the data of an attribute that nests others.
 * @returns The attributes, whose data are parts of these bytes.
 * @example decodeAttributes(message.data.subarray(16)).find(({ type }) => type === IFLA_IFNAME);
 * @see https://man7.org/linux/man-pages/man3/rtnetlink.3.html
 */
export function decodeAttributes(bytes: Uint8Array): NetlinkAttribute[] {
  const attributes: NetlinkAttribute[] = [];
  const from = view(bytes);
  let at = 0;
  while (bytes.length - at >= RTATTR.size) {
    const size = from.getUint16(at + RTATTR.len, LITTLE);
    if (size < RTATTR.size || size > bytes.length - at) break;
    attributes.push({
      type: from.getUint16(at + RTATTR.type, LITTLE),
      data: bytes.subarray(at + RTATTR.size, at + size),
    });
    at += align(size);
  }
  return attributes;
}

/** What the kernel answered to `requestNetlink`. */
export interface NetlinkReply {
  /** Its messages, without the NLMSG_DONE or NLMSG_ERROR at their end. */
  messages: NetlinkMessage[];
  /** Whether a dump was interrupted by changes and may be inconsistent: NLM_F_DUMP_INTR. */
  interrupted: boolean;
}

/**
 * Asks the kernel one thing over a netlink socket of its own, and gives the whole answer: netlink(7).
 *
 * @param type RTM_GETLINK, RTM_NEWADDR, ...
 * @param flags NLM_F_DUMP, NLM_F_CREATE, ...; NLM_F_REQUEST and NLM_F_ACK are added, so that every answer has an end.
 * @param body The struct of the type, then attributes.
 * @param protocol The netlink protocol.
 * @throws SocketError The kernel's errno in NLMSG_ERROR or NLMSG_DONE, with syscall `'netlink'`: EPERM, ENODEV, EINVAL,
 *   EOPNOTSUPP, EEXIST, ESRCH, ...; or that of a call: EPROTONOSUPPORT, EMFILE, ENOBUFS, and EAGAIN of a protocol that
 *   answers later (NETLINK_AUDIT).
 * @example requestNetlink(RTM_DELLINK, 0, ifinfomsg); // ip link delete
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export function requestNetlink(
  type: number,
  flags: number,
  body: Uint8Array,
  protocol: number = NETLINK_ROUTE,
): NetlinkReply {
  const request = encodeNetlink([
    { type, flags: uint(flags, 'flags', 0xffff) | NLM_F_REQUEST | NLM_F_ACK, seq: 1, pid: 0, data: body },
  ]);
  const fd = socket(AF_NETLINK, SOCK_RAW, protocol);
  try {
    // Connected: nobody else can send to it.
    connect(fd, { family: AF_NETLINK, pid: 0, groups: 0 });
    send(fd, request);
    return receiveReply(fd);
  } finally {
    close(fd);
  }
}

function receiveReply(fd: number): NetlinkReply {
  const messages: NetlinkMessage[] = [];
  let interrupted = false;
  let buffer = new Uint8Array(0x8000);
  for (;;) {
    // The kernel answers within send and recv: without an answer this is EAGAIN, and no wait for ever.
    const size = recv(fd, buffer, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (size > buffer.length) buffer = new Uint8Array(size);
    for (const message of decodeNetlink(buffer, recv(fd, buffer, MSG_DONTWAIT))) {
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
      if (message.type !== NLMSG_DONE && message.type !== NLMSG_ERROR) {
        messages.push(message);
        continue;
      }
      // Both begin with 0 or -errno.
      check(message.data.length < 4 ? 0 : view(message.data).getInt32(0, LITTLE), NETLINK);
      return { messages, interrupted };
    }
  }
}

/** Changes can interrupt a dump; it begins again, but not for ever where they never end. */
const DUMPS = 32;

function list<Entry>(
  get: number,
  answer: number,
  size: number,
  decode: (data: Uint8Array) => Entry | undefined,
): Entry[] {
  const body = new Uint8Array(size);
  body[0] = AF_UNSPEC;
  let reply: NetlinkReply;
  let dumps = 0;
  do reply = requestNetlink(get, NLM_F_DUMP, body);
  while (reply.interrupted && ++dumps < DUMPS);
  return reply.messages
    .filter(({ type }) => type === answer)
    .map((message) => decode(message.data))
    .filter((entry) => entry !== undefined);
}

/** The attributes behind the struct of a message, by type. Of two of a type the last counts, as in iproute2. */
class Attributes {
  readonly all: NetlinkAttribute[];
  readonly #byType: Map<number, Uint8Array>;

  constructor(bytes: Uint8Array) {
    this.all = decodeAttributes(bytes);
    this.#byType = new Map(this.all.map(({ type, data }) => [type & NLA_TYPE_MASK, data]));
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#byType.get(type);
  }

  uint32(type: number): number | undefined {
    const bytes = this.bytes(type);
    return bytes === undefined || bytes.length < 4 ? undefined : view(bytes).getUint32(0, LITTLE);
  }

  uint8(type: number): number | undefined {
    return this.bytes(type)?.[0];
  }

  /** A string, which ends at its NUL. */
  text(type: number): string | undefined {
    const bytes = this.bytes(type);
    if (bytes === undefined) return undefined;
    const end = bytes.indexOf(0);
    return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString();
  }

  nested(type: number): Attributes | undefined {
    const bytes = this.bytes(type);
    return bytes === undefined ? undefined : new Attributes(bytes);
  }

  address(type: number, family: number): string | undefined {
    return addressText(family, this.bytes(type));
  }
}

function addressText(family: number, bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length === 4 && family === AF_INET) return inet_ntop(AF_INET, bytes);
  if (bytes?.length === 16 && family === AF_INET6) return inet_ntop(AF_INET6, bytes);
  return undefined;
}

/** The names of the numbers in struct rtnl_link_stats64, in its order. */
const STATISTICS = [...LINK_STATISTICS, 'rxNohandler', 'rxOtherhostDropped'] as const;

/** The counters of an interface: struct rtnl_link_stats64. Those that an older kernel does not count are 0. */
export type LinkStatistics64 = { [Name in LinkStatistic | 'rxNohandler' | 'rxOtherhostDropped']: bigint };

function statistics64(bytes: Uint8Array | undefined): LinkStatistics64 | undefined {
  if (bytes === undefined) return undefined;
  const from = view(bytes);
  const numbers = STATISTICS.map((name, i) => [
    name,
    i * 8 + 8 <= bytes.length ? from.getBigUint64(i * 8, LITTLE) : 0n,
  ]);
  return Object.fromEntries(numbers) as LinkStatistics64;
}

/** An interface: struct ifinfomsg and its attributes. What the kernel did not tell is `undefined`. */
export interface LinkEntry {
  ifindex: number;
  name: string | undefined;
  /** An ARPHRD_ number. */
  hatype: number;
  /** IFF_ flags. */
  flags: number;
  mtu: number | undefined;
  txqlen: number | undefined;
  /** An IF_OPER_ number. */
  operstate: number | undefined;
  /** The hardware address. */
  address: Uint8Array | undefined;
  /** The broadcast address; of a point-to-point link the address of the peer. */
  broadcast: Uint8Array | undefined;
  qdisc: string | undefined;
  /** The interface it stands on; the other end of a veth pair, counted in the namespace of that. */
  link: number | undefined;
  /** The bridge or bond that it is a part of. */
  master: number | undefined;
  group: number | undefined;
  alias: string | undefined;
  /** `'veth'`, `'bridge'`, ...; none for hardware and lo. */
  kind: string | undefined;
  statistics: LinkStatistics64 | undefined;
  /** All IFLA_ attributes as they came. */
  attributes: NetlinkAttribute[];
}

/**
 * The interface in an RTM_NEWLINK or RTM_DELLINK message: rtnetlink(7). Total: never throws, whatever the bytes are.
 *
 * @param data The data of the message, or any bytes.
 * @returns `undefined` for bytes too short for struct ifinfomsg.
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function decodeLink(data: Uint8Array): LinkEntry | undefined {
  if (data.length < IFINFOMSG.size) return undefined;
  const from = view(data);
  const attributes = new Attributes(data.subarray(IFINFOMSG.size));
  return {
    ifindex: from.getInt32(IFINFOMSG.index, LITTLE),
    name: attributes.text(IFLA_IFNAME),
    hatype: from.getUint16(IFINFOMSG.type, LITTLE),
    flags: from.getUint32(IFINFOMSG.flags, LITTLE),
    mtu: attributes.uint32(IFLA_MTU),
    txqlen: attributes.uint32(IFLA_TXQLEN),
    operstate: attributes.uint8(IFLA_OPERSTATE),
    address: attributes.bytes(IFLA_ADDRESS),
    broadcast: attributes.bytes(IFLA_BROADCAST),
    qdisc: attributes.text(IFLA_QDISC),
    link: attributes.uint32(IFLA_LINK),
    master: attributes.uint32(IFLA_MASTER),
    group: attributes.uint32(IFLA_GROUP),
    alias: attributes.text(IFLA_IFALIAS),
    kind: attributes.nested(IFLA_LINKINFO)?.text(IFLA_INFO_KIND),
    statistics: statistics64(attributes.bytes(IFLA_STATS64)),
    attributes: attributes.all,
  };
}

/**
 * All interfaces of this network namespace, as `ip -s link` lists them: an RTM_GETLINK dump, rtnetlink(7).
 *
 * A dump that changes interrupted (NLM_F_DUMP_INTR) begins again, at most 32 times; `requestNetlink` tells of it instead.
 *
 * @throws SocketError EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT.
 * @example listLinks().find(({ name }) => name === 'lo')?.statistics?.rxBytes;
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function listLinks(): LinkEntry[] {
  return list(RTM_GETLINK, RTM_NEWLINK, IFINFOMSG.size, decodeLink);
}

/** How long an address lives: struct ifa_cacheinfo. */
export interface AddressCacheInfo {
  /** Seconds until it is deprecated; 4294967295 is for ever. */
  preferred: number;
  /** Seconds until it goes; 4294967295 is for ever. */
  valid: number;
  /** When it was made, in hundredths of a second since boot. */
  created: number;
  /** When it was changed, in hundredths of a second since boot. */
  updated: number;
}

/** An address of an interface: struct ifaddrmsg and its attributes. What the kernel did not tell is `undefined`. */
export interface AddressEntry {
  family: number;
  ifindex: number;
  prefixlen: number;
  /** The address of this host (IFA_LOCAL; for IPv6 mostly IFA_ADDRESS). Of AF_INET and AF_INET6 alone. */
  local: string | undefined;
  /** The address of the prefix, or of the peer of a point-to-point link: IFA_ADDRESS. */
  address: string | undefined;
  broadcast: string | undefined;
  label: string | undefined;
  /** An RT_SCOPE_ number. */
  scope: number;
  /** IFA_F_ flags. */
  flags: number;
  cacheinfo: AddressCacheInfo | undefined;
  /** All IFA_ attributes as they came. */
  attributes: NetlinkAttribute[];
}

/**
 * The address in an RTM_NEWADDR or RTM_DELADDR message: rtnetlink(7). Total: never throws, whatever the bytes are.
 *
 * @param data The data of the message, or any bytes.
 * @returns `undefined` for bytes too short for struct ifaddrmsg.
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function decodeInterfaceAddress(data: Uint8Array): AddressEntry | undefined {
  if (data.length < IFADDRMSG.size) return undefined;
  const from = view(data);
  const family = from.getUint8(IFADDRMSG.family);
  const attributes = new Attributes(data.subarray(IFADDRMSG.size));
  const address = attributes.address(IFA_ADDRESS, family);
  const cache = attributes.bytes(IFA_CACHEINFO);
  return {
    family,
    ifindex: from.getUint32(IFADDRMSG.index, LITTLE),
    prefixlen: from.getUint8(IFADDRMSG.prefixlen),
    local: attributes.address(IFA_LOCAL, family) ?? address,
    address,
    broadcast: attributes.address(IFA_BROADCAST, family),
    label: attributes.text(IFA_LABEL),
    scope: from.getUint8(IFADDRMSG.scope),
    flags: attributes.uint32(IFA_FLAGS) ?? from.getUint8(IFADDRMSG.flags),
    cacheinfo: cache === undefined || cache.length < IFA_CACHE.size ? undefined : cacheInfo(view(cache)),
    attributes: attributes.all,
  };
}

function cacheInfo(from: DataView): AddressCacheInfo {
  return {
    preferred: from.getUint32(IFA_CACHE.prefered, LITTLE),
    valid: from.getUint32(IFA_CACHE.valid, LITTLE),
    created: from.getUint32(IFA_CACHE.cstamp, LITTLE),
    updated: from.getUint32(IFA_CACHE.tstamp, LITTLE),
  };
}

/**
 * The addresses of all interfaces of this network namespace, as `ip addr` lists them: an RTM_GETADDR dump, rtnetlink(7).
 *
 * A dump that changes interrupted (NLM_F_DUMP_INTR) begins again, at most 32 times; `requestNetlink` tells of it instead.
 *
 * @throws SocketError EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT.
 * @example listAddresses().filter(({ family, scope }) => family === AF_INET6 && scope === RT_SCOPE_UNIVERSE);
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function listAddresses(): AddressEntry[] {
  return list(RTM_GETADDR, RTM_NEWADDR, IFADDRMSG.size, decodeInterfaceAddress);
}

/** One way of a route with several: struct rtnexthop. */
export interface NextHop {
  ifindex: number;
  /** RTNH_F_ flags. */
  flags: number;
  /** 1 to 256: its share of the traffic. */
  weight: number;
  gateway: string | undefined;
}

/** A route: struct rtmsg and its attributes. What the kernel did not tell is `undefined`. */
export interface RouteEntry {
  family: number;
  /** Where to; `undefined` with `dstLength` 0 is the default route. */
  dst: string | undefined;
  dstLength: number;
  src: string | undefined;
  srcLength: number;
  /** Of either family: RTA_GATEWAY or RTA_VIA. */
  gateway: string | undefined;
  /** The interface it leads out of. */
  oif: number | undefined;
  iif: number | undefined;
  /** The source address that it prefers. */
  prefsrc: string | undefined;
  /** `metric` of ip-route(8): the least is taken. */
  priority: number | undefined;
  tos: number;
  /** RT_TABLE_MAIN, RT_TABLE_LOCAL, or any other number. */
  table: number;
  /** RTPROT_: who made it. */
  protocol: number;
  /** An RT_SCOPE_ number. */
  scope: number;
  /** RTN_UNICAST, RTN_LOCAL, ... */
  type: number;
  /** RTM_F_ and RTNH_F_ flags. */
  flags: number;
  /** Its ways, where it has several: RTA_MULTIPATH. */
  nexthops: NextHop[];
  /** All RTA_ attributes as they came. */
  attributes: NetlinkAttribute[];
}

function gateway(attributes: Attributes, family: number): string | undefined {
  const via = attributes.bytes(RTA_VIA);
  if (via === undefined || via.length < RTVIA.addr) return attributes.address(RTA_GATEWAY, family);
  return addressText(view(via).getUint16(RTVIA.family, LITTLE), via.subarray(RTVIA.addr));
}

function nextHops(bytes: Uint8Array, family: number): NextHop[] {
  const hops: NextHop[] = [];
  const from = view(bytes);
  let at = 0;
  while (bytes.length - at >= RTNEXTHOP.size) {
    const size = from.getUint16(at + RTNEXTHOP.len, LITTLE);
    if (size < RTNEXTHOP.size || size > bytes.length - at) break;
    hops.push({
      ifindex: from.getInt32(at + RTNEXTHOP.ifindex, LITTLE),
      flags: from.getUint8(at + RTNEXTHOP.flags),
      weight: from.getUint8(at + RTNEXTHOP.hops) + 1,
      gateway: gateway(new Attributes(bytes.subarray(at + RTNEXTHOP.size, at + size)), family),
    });
    at += align(size);
  }
  return hops;
}

/**
 * The route in an RTM_NEWROUTE or RTM_DELROUTE message: rtnetlink(7). Total: never throws, whatever the bytes are.
 *
 * @param data The data of the message, or any bytes.
 * @returns `undefined` for bytes too short for struct rtmsg.
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function decodeRoute(data: Uint8Array): RouteEntry | undefined {
  if (data.length < RTMSG.size) return undefined;
  const from = view(data);
  const family = from.getUint8(RTMSG.family);
  const attributes = new Attributes(data.subarray(RTMSG.size));
  return {
    family,
    dst: attributes.address(RTA_DST, family),
    dstLength: from.getUint8(RTMSG.dst_len),
    src: attributes.address(RTA_SRC, family),
    srcLength: from.getUint8(RTMSG.src_len),
    gateway: gateway(attributes, family),
    oif: attributes.uint32(RTA_OIF),
    iif: attributes.uint32(RTA_IIF),
    prefsrc: attributes.address(RTA_PREFSRC, family),
    priority: attributes.uint32(RTA_PRIORITY),
    tos: from.getUint8(RTMSG.tos),
    table: attributes.uint32(RTA_TABLE) ?? from.getUint8(RTMSG.table),
    protocol: from.getUint8(RTMSG.protocol),
    scope: from.getUint8(RTMSG.scope),
    type: from.getUint8(RTMSG.type),
    flags: from.getUint32(RTMSG.flags, LITTLE),
    nexthops: nextHops(attributes.bytes(RTA_MULTIPATH) ?? new Uint8Array(0), family),
    attributes: attributes.all,
  };
}

/**
 * The routes of all tables of this network namespace, as `ip route show table all` lists them: an RTM_GETROUTE dump,
 * rtnetlink(7).
 *
 * A dump that changes interrupted (NLM_F_DUMP_INTR) begins again, at most 32 times; `requestNetlink` tells of it instead.
 *
 * @throws SocketError EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT.
 * @example listRoutes().find(({ family, dstLength, type }) => family === AF_INET && dstLength === 0 && type === RTN_UNICAST);
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function listRoutes(): RouteEntry[] {
  return list(RTM_GETROUTE, RTM_NEWROUTE, RTMSG.size, decodeRoute);
}
