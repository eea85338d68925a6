/** Routes as the kernel lists and announces them: rtnetlink(7). */
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
} from './constants.ts';
import { align, type NetlinkAttribute, view } from './netlink.ts';
import { LITTLE } from './number.ts';
import { Attributes, addressText, list } from './rtnetlink.ts';
import { uint8Array } from './snapshot.ts';

// Of linux/rtnetlink.h and its kin: sizes and offsets, the same everywhere.
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

/**
 * One way of a route with several: struct rtnexthop.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export interface NextHop {
  ifindex: number;
  /** RTNH_F_ flags. */
  flags: number;
  /** 1 to 256: its share of the traffic. */
  weight: number;
  gateway: string | undefined;
}

/**
 * A route: struct rtmsg and its attributes. What the kernel did not tell is `undefined`.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export interface RouteEntry {
  family: number;
  /** Where to; `undefined` with `dstLen` 0 is the default route. */
  dst: string | undefined;
  dstLen: number;
  src: string | undefined;
  srcLen: number;
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
 * @throws TypeError for what is no Uint8Array, and for nothing else.
 * @example
 * const { messages } = requestNetlink(RTM_GETROUTE, NLM_F_DUMP, Buffer.alloc(12));
 * console.log(messages.every(({ data }) => decodeRoute(data) !== undefined)); // true
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function decodeRoute(data: Uint8Array): RouteEntry | undefined {
  if (uint8Array(data, 'data').length < RTMSG.size) return undefined;
  const from = view(data);
  const family = from.getUint8(RTMSG.family);
  const attributes = new Attributes(data.subarray(RTMSG.size));
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
 * The routes of all tables of this network namespace, as `ip route show table all` lists them: an RTM_GETROUTE dump,
 * rtnetlink(7).
 *
 * A dump that changes interrupted (NLM_F_DUMP_INTR) begins again, at most 32 times; `requestNetlink` tells of it instead.
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
