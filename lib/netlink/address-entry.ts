/** Decodes and lists the addresses of interfaces: rtnetlink(7). */

import { LITTLE } from '../native/byte-order.ts';
import {
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_CACHEINFO,
  IFA_FLAGS,
  IFA_LABEL,
  IFA_LOCAL,
  RTM_GETADDR,
  RTM_NEWADDR,
} from '../native/constants.ts';
import type { NetlinkAttribute } from './netlink.ts';
import { type Attributes, decodeEntry, list } from './rtnetlink.ts';

// Sizes and offsets of the structs in linux/rtnetlink.h and related headers. They are the same on all architectures.
const IFADDRMSG = { size: 8, family: 0, prefixlen: 1, flags: 2, scope: 3, index: 4 };
const IFA_CACHE = { size: 16, prefered: 0, valid: 4, cstamp: 8, tstamp: 12 };

/**
 * The lifetime of an address: struct ifa_cacheinfo.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export interface AddressCacheInfo {
  /** The seconds until the address is deprecated; 4294967295 means never. */
  preferred: number;
  /** The seconds until the address is removed; 4294967295 means never. */
  valid: number;
  /** When the address was created, in hundredths of a second since boot. */
  created: number;
  /** When the address was last changed, in hundredths of a second since boot. */
  updated: number;
}

/**
 * An address of an interface: struct ifaddrmsg and its attributes. Properties that the kernel did not report are `undefined`.
 *
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export interface AddressEntry {
  family: number;
  ifindex: number;
  prefixlen: number;
  /** The address of this host: IFA_LOCAL, or IFA_ADDRESS if that is absent, as usual for IPv6. Only AF_INET and AF_INET6 are decoded. */
  local: string | undefined;
  /** The address of the prefix, or of the peer on a point-to-point link: IFA_ADDRESS. */
  address: string | undefined;
  broadcast: string | undefined;
  label: string | undefined;
  /** An RT_SCOPE_ number. */
  scope: number;
  /** IFA_F_ flags. */
  flags: number;
  cacheinfo: AddressCacheInfo | undefined;
  /** All IFA_ attributes, undecoded. */
  attributes: NetlinkAttribute[];
}

/**
 * Decodes the address in an RTM_NEWADDR or RTM_DELADDR message: rtnetlink(7). It accepts any bytes without throwing.
 *
 * @param data The data of the message, or any bytes.
 * @returns The address, or `undefined` if the bytes are too short for struct ifaddrmsg.
 * @throws TypeError only if `data` is not a Uint8Array.
 * @example
 * const { messages } = requestNetlink(RTM_GETADDR, NLM_F_DUMP, Buffer.alloc(8));
 * const [first] = messages.map(({ data }) => decodeInterfaceAddress(data));
 * console.log(first?.local); // 127.0.0.1
 * @see https://man7.org/linux/man-pages/man7/rtnetlink.7.html
 */
export function decodeInterfaceAddress(data: Uint8Array): AddressEntry | undefined {
  return decodeEntry(data, IFADDRMSG.size, readAddressEntry);
}

function readAddressEntry(from: DataView, attributes: Attributes): AddressEntry {
  const family = from.getUint8(IFADDRMSG.family);
  const address = attributes.address(IFA_ADDRESS, family);
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
    cacheinfo: attributes.read(IFA_CACHEINFO, IFA_CACHE.size, readCacheInfo),
    attributes: attributes.all,
  };
}

function readCacheInfo(from: DataView): AddressCacheInfo {
  return {
    preferred: from.getUint32(IFA_CACHE.prefered, LITTLE),
    valid: from.getUint32(IFA_CACHE.valid, LITTLE),
    created: from.getUint32(IFA_CACHE.cstamp, LITTLE),
    updated: from.getUint32(IFA_CACHE.tstamp, LITTLE),
  };
}

/**
 * Returns the addresses of all interfaces in this network namespace, like `ip addr`: an RTM_GETADDR dump, rtnetlink(7).
 *
 * A dump that was interrupted by changes (NLM_F_DUMP_INTR) is repeated, at most 32 times. `requestNetlink` reports the
 * interruption instead.
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
