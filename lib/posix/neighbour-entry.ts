/** Neighbours (the ARP and NDISC caches, and bridges' forwarding tables) as the kernel lists and announces them: rtnetlink(7). */
import {
  NDA_CACHEINFO,
  NDA_DST,
  NDA_LLADDR,
  NDA_MASTER,
  NDA_PROBES,
  NDA_VLAN,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from './constants.ts';
import { type NetlinkAttribute, view } from './netlink.ts';
import { LITTLE } from './number.ts';
import { Attributes, list } from './rtnetlink.ts';
import { uint8Array } from './snapshot.ts';

// Of linux/neighbour.h: sizes and offsets, the same everywhere.
const NDMSG = { size: 12, family: 0, ifindex: 4, state: 8, flags: 10, type: 11 };
const NDA_CACHE = { size: 16, confirmed: 0, used: 4, updated: 8, refcnt: 12 };

/**
 * What is known of the age of a neighbour: struct nda_cacheinfo.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export interface NeighbourCacheInfo {
  /** Hundredths of a second since it was last confirmed to be reachable. */
  confirmed: number;
  /** Hundredths of a second since it was last used. */
  used: number;
  /** Hundredths of a second since its state last changed. */
  updated: number;
  /** How many users it has in the kernel. */
  refcnt: number;
}

/**
 * A neighbour: struct ndmsg and its attributes. What the kernel did not tell is `undefined`.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export interface NeighbourEntry {
  /** AF_INET, AF_INET6; AF_BRIDGE for an entry of a forwarding table. */
  family: number;
  ifindex: number;
  /** A NUD_ number. */
  state: number;
  /** NTF_ flags. */
  flags: number;
  /** A RTN_ number. */
  type: number;
  /** Its address. Of AF_INET and AF_INET6 alone. */
  address: string | undefined;
  /** Its hardware address. */
  linkAddress: Uint8Array | undefined;
  /** How many probes were sent without an answer. */
  probes: number | undefined;
  /** The bridge that the interface is a part of. */
  master: number | undefined;
  vlan: number | undefined;
  cacheinfo: NeighbourCacheInfo | undefined;
  /** All NDA_ attributes as they came. */
  attributes: NetlinkAttribute[];
}

/**
 * The neighbour in an RTM_NEWNEIGH or RTM_DELNEIGH message: rtnetlink(7). Total: never throws, whatever the bytes are.
 *
 * @param data The data of the message, or any bytes.
 * @returns `undefined` for bytes too short for struct ndmsg.
 * @throws TypeError for what is no Uint8Array, and for nothing else.
 * @example
 * const { messages } = requestNetlink(RTM_GETNEIGH, NLM_F_DUMP, Buffer.alloc(12));
 * console.log(messages.every(({ data }) => decodeNeighbour(data) !== undefined)); // true
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function decodeNeighbour(data: Uint8Array): NeighbourEntry | undefined {
  if (uint8Array(data, 'data').length < NDMSG.size) return undefined;
  const from = view(data);
  const family = from.getUint8(NDMSG.family);
  const attributes = new Attributes(data.subarray(NDMSG.size));
  const cache = attributes.bytes(NDA_CACHEINFO);
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
    cacheinfo: cache === undefined || cache.length < NDA_CACHE.size ? undefined : cacheInfo(view(cache)),
    attributes: attributes.all,
  };
}

function cacheInfo(from: DataView): NeighbourCacheInfo {
  return {
    confirmed: from.getUint32(NDA_CACHE.confirmed, LITTLE),
    used: from.getUint32(NDA_CACHE.used, LITTLE),
    updated: from.getUint32(NDA_CACHE.updated, LITTLE),
    refcnt: from.getUint32(NDA_CACHE.refcnt, LITTLE),
  };
}

/**
 * The neighbours of this network namespace, as `ip neigh show nud all` lists them: an RTM_GETNEIGH dump, rtnetlink(7).
 *
 * A dump that changes interrupted (NLM_F_DUMP_INTR) begins again, at most 32 times; `requestNetlink` tells of it instead.
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
