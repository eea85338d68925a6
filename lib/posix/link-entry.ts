/** Interfaces as the kernel lists and announces them: rtnetlink(7). */
import {
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
  RTM_GETLINK,
  RTM_NEWLINK,
} from './constants.ts';
import { LINK_STATISTICS, type LinkStatistic } from './link-statistics.ts';
import { type NetlinkAttribute, view } from './netlink.ts';
import { LITTLE } from './number.ts';
import { Attributes, list } from './rtnetlink.ts';
import { uint8Array } from './snapshot.ts';

// Of linux/rtnetlink.h and its kin: sizes and offsets, the same everywhere.
const IFINFOMSG = { size: 16, type: 2, index: 4, flags: 8 };

/** The names of the numbers in struct rtnl_link_stats64, in its order. */
const STATISTICS = [...LINK_STATISTICS, 'rxNohandler', 'rxOtherhostDropped'] as const;

/**
 * The counters of an interface: struct rtnl_link_stats64. Those that an older kernel does not count are 0.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
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

/**
 * An interface: struct ifinfomsg and its attributes. What the kernel did not tell is `undefined`.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
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
 * @throws TypeError for what is no Uint8Array, and for nothing else.
 * @example
 * const { messages } = requestNetlink(RTM_GETLINK, NLM_F_DUMP, Buffer.alloc(16));
 * console.log(decodeLink(messages[0].data)?.name); // lo
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function decodeLink(data: Uint8Array): LinkEntry | undefined {
  if (uint8Array(data, 'data').length < IFINFOMSG.size) return undefined;
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
 * @returns The interfaces.
 * @throws SocketError EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT.
 * @example
 * console.log(typeof listLinks().find(({ name }) => name === 'lo')?.statistics?.rxBytes); // bigint
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function listLinks(): LinkEntry[] {
  return list(RTM_GETLINK, RTM_NEWLINK, IFINFOMSG.size, decodeLink);
}
