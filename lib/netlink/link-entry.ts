/** Decodes and lists interfaces: rtnetlink(7). */

import { LITTLE } from '../native/byte-order.ts';
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
} from '../native/constants.ts';
import { LINK_STATISTICS, type LinkStatistic } from '../struct/link-statistics.ts';
import type { NetlinkAttribute } from './netlink.ts';
import { view } from './record.ts';
import { type Attributes, decodeEntry, list } from './rtnetlink.ts';

// Sizes and offsets of the structs in linux/rtnetlink.h and related headers. They are the same on all architectures.
const IFINFOMSG = { size: 16, type: 2, index: 4, flags: 8 };

/** The names of the counters in struct rtnl_link_stats64, in their order in the struct. */
const STATISTICS = [...LINK_STATISTICS, 'rxNohandler', 'rxOtherhostDropped'] as const;

/**
 * The counters of an interface: struct rtnl_link_stats64. Counters that an older kernel does not have are 0.
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
 * An interface: struct ifinfomsg and its attributes. Properties that the kernel did not report are `undefined`.
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
  /** The broadcast address, or the address of the peer on a point-to-point link. */
  broadcast: Uint8Array | undefined;
  qdisc: string | undefined;
  /** The index of the underlying interface. For a veth interface, this is the index of the other end in that end's namespace. */
  link: number | undefined;
  /** The index of the bridge or bond that the interface belongs to. */
  master: number | undefined;
  group: number | undefined;
  alias: string | undefined;
  /** `'veth'`, `'bridge'`, ...; `undefined` for hardware and lo. */
  kind: string | undefined;
  statistics: LinkStatistics64 | undefined;
  /** All IFLA_ attributes, undecoded. */
  attributes: NetlinkAttribute[];
}

/**
 * Decodes the interface in an RTM_NEWLINK or RTM_DELLINK message: rtnetlink(7). It accepts any bytes without throwing.
 *
 * @param data The data of the message, or any bytes.
 * @returns The interface, or `undefined` if the bytes are too short for struct ifinfomsg.
 * @throws TypeError only if `data` is not a Uint8Array.
 * @example
 * const { messages } = requestNetlink(RTM_GETLINK, NLM_F_DUMP, Buffer.alloc(16));
 * const [first] = messages.map(({ data }) => decodeLink(data));
 * console.log(first?.name); // lo
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function decodeLink(data: Uint8Array): LinkEntry | undefined {
  return decodeEntry(data, IFINFOMSG.size, readLinkEntry);
}

function readLinkEntry(from: DataView, attributes: Attributes): LinkEntry {
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
 * Returns all interfaces of this network namespace, like `ip -s link`: an RTM_GETLINK dump, rtnetlink(7).
 *
 * A dump that was interrupted by changes (NLM_F_DUMP_INTR) is repeated, at most 32 times. `requestNetlink` reports the
 * interruption instead.
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
