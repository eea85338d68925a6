/** Decodes and lists neighbours, that is, the entries of the ARP and NDISC caches and of bridges' forwarding tables: rtnetlink(7). */

import { LITTLE } from '../native/byte-order.ts';
import {
  NDA_CACHEINFO,
  NDA_DST,
  NDA_LLADDR,
  NDA_MASTER,
  NDA_PROBES,
  NDA_VLAN,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from '../native/constants.ts';
import type { NetlinkAttribute } from './netlink.ts';
import { type Attributes, decodeEntry, list } from './rtnetlink.ts';

// Sizes and offsets of the structs in linux/neighbour.h. They are the same on all architectures.
const NDMSG = { size: 12, family: 0, ifindex: 4, state: 8, flags: 10, type: 11 };
const NDA_CACHE = { size: 16, confirmed: 0, used: 4, updated: 8, refcnt: 12 };

/**
 * The age of a neighbour: struct nda_cacheinfo.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export interface NeighbourCacheInfo {
  /** The hundredths of a second since the neighbour was last confirmed to be reachable. */
  confirmed: number;
  /** The hundredths of a second since the entry was last used. */
  used: number;
  /** The hundredths of a second since the state last changed. */
  updated: number;
  /** The number of references to the entry in the kernel. */
  refcnt: number;
}

/**
 * A neighbour: struct ndmsg and its attributes. Properties that the kernel did not report are `undefined`.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export interface NeighbourEntry {
  /** AF_INET or AF_INET6, or AF_BRIDGE for an entry of a forwarding table. */
  family: number;
  ifindex: number;
  /** A NUD_ number. */
  state: number;
  /** NTF_ flags. */
  flags: number;
  /** An RTN_ number. */
  type: number;
  /** The address of the neighbour. Only AF_INET and AF_INET6 are decoded. */
  address: string | undefined;
  /** The hardware address of the neighbour. */
  linkAddress: Uint8Array | undefined;
  /** The number of probes that have not been answered. */
  probes: number | undefined;
  /** The index of the bridge that the interface belongs to. */
  master: number | undefined;
  vlan: number | undefined;
  cacheinfo: NeighbourCacheInfo | undefined;
  /** All NDA_ attributes, undecoded. */
  attributes: NetlinkAttribute[];
}

/**
 * Decodes the neighbour in an RTM_NEWNEIGH or RTM_DELNEIGH message: rtnetlink(7). It accepts any bytes without throwing.
 *
 * @param data The data of the message, or any bytes.
 * @returns The neighbour, or `undefined` if the bytes are too short for struct ndmsg.
 * @throws TypeError only if `data` is not a Uint8Array.
 * @example
 * const { messages } = requestNetlink(RTM_GETNEIGH, NLM_F_DUMP, Buffer.alloc(12));
 * console.log(messages.every(({ data }) => decodeNeighbour(data) !== undefined)); // true
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function decodeNeighbour(data: Uint8Array): NeighbourEntry | undefined {
  return decodeEntry(data, NDMSG.size, readNeighbourEntry);
}

function readNeighbourEntry(from: DataView, attributes: Attributes): NeighbourEntry {
  const family = from.getUint8(NDMSG.family);
  return {
    family,
    ifindex: from.getInt32(NDMSG.ifindex, LITTLE),
    state: from.getUint16(NDMSG.state, LITTLE),
    flags: from.getUint8(NDMSG.flags),
    type: from.getUint8(NDMSG.type),
    address: attributes.address(NDA_DST, family),
    linkAddress: attributes.bytes(NDA_LLADDR),
    probes: attributes.uint32(NDA_PROBES),
    master: attributes.uint32(NDA_MASTER),
    vlan: attributes.uint16(NDA_VLAN),
    cacheinfo: attributes.read(NDA_CACHEINFO, NDA_CACHE.size, readCacheInfo),
    attributes: attributes.all,
  };
}

function readCacheInfo(from: DataView): NeighbourCacheInfo {
  return {
    confirmed: from.getUint32(NDA_CACHE.confirmed, LITTLE),
    used: from.getUint32(NDA_CACHE.used, LITTLE),
    updated: from.getUint32(NDA_CACHE.updated, LITTLE),
    refcnt: from.getUint32(NDA_CACHE.refcnt, LITTLE),
  };
}

/**
 * Returns the neighbours in this network namespace, like `ip neigh show nud all`: an RTM_GETNEIGH dump, rtnetlink(7).
 *
 * A dump that was interrupted by changes (NLM_F_DUMP_INTR) is repeated, at most 32 times. `requestNetlink` reports the
 * interruption instead.
 *
 * @returns The neighbours.
 * @throws SocketError EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT.
 * @example
 * const reachable = listNeighbours().filter(({ state }) => (state & NUD_REACHABLE) !== 0);
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function listNeighbours(): NeighbourEntry[] {
  return list(RTM_GETNEIGH, RTM_NEWNEIGH, NDMSG.size, decodeNeighbour);
}
