/** Link types: the LINKTYPE_ numbers that pcap files use for the link-layer header of their packets. */
import type { LayerName } from './layer-name.ts';

/**
 * BSD loopback: the address family in 4 bytes of the capturing host's byte order. @see
 * https://www.tcpdump.org/linktypes.html
 */
export const LINKTYPE_NULL: 0 = 0;
/** Ethernet. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_ETHERNET: 1 = 1;
/** PPP, with or without the HDLC address and control fields. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_PPP: 9 = 9;
/** PPP in HDLC-like framing. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_PPP_HDLC: 50 = 50;
/** IPv4 or IPv6, depending on the version field. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_RAW: 101 = 101;
/** Cisco HDLC. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_C_HDLC: 104 = 104;
/** IEEE 802.11. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_IEEE802_11: 105 = 105;
/** OpenBSD loopback: the address family in network byte order. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_LOOP: 108 = 108;
/** Linux cooked capture, as used by the "any" device. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_LINUX_SLL: 113 = 113;
/** IEEE 802.11 after a radiotap header. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_IEEE802_11_RADIOTAP: 127 = 127;
/** CAN frames. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_CAN_SOCKETCAN: 227 = 227;
/** IPv4. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_IPV4: 228 = 228;
/** IPv6. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_IPV6: 229 = 229;
/** Linux cooked capture v2, as used by the "any" device. @see https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_LINUX_SLL2: 276 = 276;

/** Numbers that some old systems use instead of LINKTYPE_RAW. */
const BSD_RAW = 12;
const OPENBSD_RAW = 14;

/**
 * Returns the first layer of packets with a link type, for the `first` argument of `decodePacket`.
 *
 * @param linktype A LINKTYPE_ number.
 * @returns The name of the layer, or `'payload'` for a link type that this library does not decode.
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
    case BSD_RAW:
    case OPENBSD_RAW:
      return 'ip';
    case LINKTYPE_IPV4:
      return 'ipv4';
    case LINKTYPE_IPV6:
      return 'ipv6';
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return 'bsdLoopback';
    case LINKTYPE_PPP:
    case LINKTYPE_PPP_HDLC:
      return 'ppp';
    case LINKTYPE_LINUX_SLL:
      return 'linuxSll';
    case LINKTYPE_LINUX_SLL2:
      return 'linuxSll2';
    default:
      return 'payload';
  }
}
