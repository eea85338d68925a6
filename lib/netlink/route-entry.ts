/** Decodes and lists routes: rtnetlink(7). */

import { LITTLE } from '../native/byte-order.ts';
import {
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
  RTM_GETROUTE,
  RTM_NEWROUTE,
} from '../native/constants.ts';
import type { NetlinkAttribute } from './netlink.ts';
import { decodeRecords, view } from './record.ts';
import { Attributes, addressText, decodeEntry, list } from './rtnetlink.ts';

// Sizes and offsets of the structs in linux/rtnetlink.h and related headers. They are the same on all architectures.
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
const RTNEXTHOP = { size: 8, length: 'uint16', flags: 2, hops: 3, ifindex: 4 } as const;
const RTVIA = { family: 0, addr: 2 };

/**
 * One of several next hops of a route: struct rtnexthop.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export interface NextHop {
  ifindex: number;
  /** RTNH_F_ flags. */
  flags: number;
  /** The share of the traffic that uses this next hop: 1 to 256. */
  weight: number;
  gateway: string | undefined;
}

/**
 * A route: struct rtmsg and its attributes. Properties that the kernel did not report are `undefined`.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export interface RouteEntry {
  family: number;
  /** The destination. The default route has `undefined`, and a `dstLen` of 0. */
  dst: string | undefined;
  dstLen: number;
  src: string | undefined;
  srcLen: number;
  /** The gateway, whose family may differ from that of the route: RTA_GATEWAY or RTA_VIA. */
  gateway: string | undefined;
  /** The index of the outgoing interface. */
  oif: number | undefined;
  iif: number | undefined;
  /** The preferred source address. */
  prefsrc: string | undefined;
  /** The `metric` of ip-route(8). The route with the lowest value is used. */
  priority: number | undefined;
  tos: number;
  /** RT_TABLE_MAIN, RT_TABLE_LOCAL, or any other number. */
  table: number;
  /** An RTPROT_ number: what created the route. */
  protocol: number;
  /** An RT_SCOPE_ number. */
  scope: number;
  /** RTN_UNICAST, RTN_LOCAL, ... */
  type: number;
  /** RTM_F_ and RTNH_F_ flags. */
  flags: number;
  /** The next hops of a multipath route, otherwise empty: RTA_MULTIPATH. */
  nexthops: NextHop[];
  /** All RTA_ attributes, undecoded. */
  attributes: NetlinkAttribute[];
}

/** Returns the gateway of a route or next hop. That of RTA_VIA may have another family than the route. */
function gateway(attributes: Attributes, family: number): string | undefined {
  const via = attributes.bytes(RTA_VIA);
  if (via === undefined || via.length < RTVIA.addr) return attributes.address(RTA_GATEWAY, family);
  return addressText(view(via).getUint16(RTVIA.family, LITTLE), via.subarray(RTVIA.addr));
}

/** Decodes RTA_MULTIPATH. */
function nextHops(bytes: Uint8Array, family: number): NextHop[] {
  return decodeRecords(bytes, RTNEXTHOP, (from, at, data) => ({
    ifindex: from.getInt32(at + RTNEXTHOP.ifindex, LITTLE),
    flags: from.getUint8(at + RTNEXTHOP.flags),
    weight: from.getUint8(at + RTNEXTHOP.hops) + 1,
    gateway: gateway(new Attributes(data), family),
  }));
}

/**
 * Decodes the route in an RTM_NEWROUTE or RTM_DELROUTE message: rtnetlink(7). It accepts any bytes without throwing.
 *
 * @param data The data of the message, or any bytes.
 * @returns The route, or `undefined` if the bytes are too short for struct rtmsg.
 * @throws TypeError only if `data` is not a Uint8Array.
 * @example
 * const { messages } = requestNetlink(RTM_GETROUTE, NLM_F_DUMP, Buffer.alloc(12));
 * console.log(messages.every(({ data }) => decodeRoute(data) !== undefined)); // true
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function decodeRoute(data: Uint8Array): RouteEntry | undefined {
  return decodeEntry(data, RTMSG.size, readRouteEntry);
}

function readRouteEntry(from: DataView, attributes: Attributes): RouteEntry {
  const family = from.getUint8(RTMSG.family);
  return {
    family,
    dst: attributes.address(RTA_DST, family),
    dstLen: from.getUint8(RTMSG.dst_len),
    src: attributes.address(RTA_SRC, family),
    srcLen: from.getUint8(RTMSG.src_len),
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
 * Returns the routes in all tables of this network namespace, like `ip route show table all`: an RTM_GETROUTE dump,
 * rtnetlink(7).
 *
 * A dump that was interrupted by changes (NLM_F_DUMP_INTR) is repeated, at most 32 times. `requestNetlink` reports the
 * interruption instead.
 *
 * @returns The routes.
 * @throws SocketError EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT.
 * @example
 * const routes = listRoutes().filter(({ family, type }) => family === AF_INET && type === RTN_UNICAST);
 * const gateway = routes.find(({ dstLen }) => dstLen === 0)?.gateway;
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function listRoutes(): RouteEntry[] {
  return list(RTM_GETROUTE, RTM_NEWROUTE, RTMSG.size, decodeRoute);
}
