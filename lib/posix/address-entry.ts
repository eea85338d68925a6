/** Addresses of interfaces as the kernel lists and announces them: rtnetlink(7). */
import {
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_CACHEINFO,
  IFA_FLAGS,
  IFA_LABEL,
  IFA_LOCAL,
  RTM_GETADDR,
  RTM_NEWADDR,
} from './constants.ts';
import { type NetlinkAttribute, view } from './netlink.ts';
import { LITTLE } from './number.ts';
import { Attributes, list } from './rtnetlink.ts';
import { uint8Array } from './snapshot.ts';

// Of linux/rtnetlink.h and its kin: sizes and offsets, the same everywhere.
const IFADDRMSG = { size: 8, family: 0, prefixlen: 1, flags: 2, scope: 3, index: 4 };
const IFA_CACHE = { size: 16, prefered: 0, valid: 4, cstamp: 8, tstamp: 12 };

/**
 * How long an address lives: struct ifa_cacheinfo.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
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

/**
 * An address of an interface: struct ifaddrmsg and its attributes. What the kernel did not tell is `undefined`.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
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
 * @throws TypeError for what is no Uint8Array, and for nothing else.
 * @example
 * const { messages } = requestNetlink(RTM_GETADDR, NLM_F_DUMP, Buffer.alloc(8));
 * console.log(decodeInterfaceAddress(messages[0].data)?.local); // 127.0.0.1
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function decodeInterfaceAddress(data: Uint8Array): AddressEntry | undefined {
  if (uint8Array(data, 'data').length < IFADDRMSG.size) return undefined;
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
 * @returns The addresses.
 * @throws SocketError EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT.
 * @example
 * console.log(listAddresses().some(({ local }) => local === '127.0.0.1')); // true
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function listAddresses(): AddressEntry[] {
  return list(RTM_GETADDR, RTM_NEWADDR, IFADDRMSG.size, decodeInterfaceAddress);
}
