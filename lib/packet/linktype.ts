/** Link types: what a captured packet begins with, by the numbers of pcap files. */
import type { LayerName } from './layers/packet.ts';

/** BSD loopback: the address family in 4 bytes of the capturing host's order. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_NULL: 0 = 0;
/** Ethernet. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_ETHERNET: 1 = 1;
/** IPv4 or IPv6, by the version. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_RAW: 101 = 101;
/** Linux cooked capture, of the any device. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_LINUX_SLL: 113 = 113;
/** IPv4. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_IPV4: 228 = 228;
/** IPv6. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_IPV6: 229 = 229;
/** Linux cooked capture v2, of the any device. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_LINUX_SLL2: 276 = 276;

/**
 * The first layer of packets of a link type: the `first` of `decodePacket`.
 *
 * @param linktype A LINKTYPE_ number.
 * @returns `'payload'` for link types that this library does not decode.
 * @throws Nothing.
 * @example
 * console.log(layerOfLinktype(LINKTYPE_ETHERNET), layerOfLinktype(LINKTYPE_RAW)); // ethernet ip
 * @see https://www.tcpdump.org/linktypes.html
 */
export function layerOfLinktype(linktype: number): LayerName | 'ip' {
  switch (linktype) {
    case LINKTYPE_ETHERNET:
      return 'ethernet';
    case LINKTYPE_RAW:
      return 'ip';
    case LINKTYPE_IPV4:
      return 'ipv4';
    case LINKTYPE_IPV6:
      return 'ipv6';
    default:
      return 'payload';
  }
}
