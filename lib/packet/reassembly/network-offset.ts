/** Finds the IP header of a captured packet by its link type, also after VLAN tags, MPLS labels and PPPoE. */
import { ETH_P_IP, ETH_P_IPV6, ETH_P_MPLS_MC, ETH_P_MPLS_UC, ETH_P_PPP_SES } from '../../native/constants.ts';
import { get16 } from '../bytes/bytes.ts';
import { ethernetField, isTag } from '../layers/ethernet.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2, layerOfLinktype } from '../layers/linktype.ts';
import { sll2Field, sllField } from '../layers/linux-cooked.ts';
import { vlanField } from '../layers/vlan.ts';

const ETHER_TYPE = ethernetField.etherType;
const SLL_PROTOCOL = sllField.protocol;
const SLL2_PROTOCOL = sll2Field.protocol;
const TAG_ETHER_TYPE = vlanField.etherType;
const PPP_IPV4 = 0x21;
const PPP_IPV6 = 0x57;
/** The first two bytes of the PPPoE header of a session. */
const VERSION_AND_TYPE = 0x11;
const SESSION = 0;
const PPPOE_SIZE = 6;
/** The offset of the length of what follows the header. */
const PPPOE_LENGTH = 4;
/** The address and control fields of PPP in HDLC-like framing. */
const HDLC = 0xff03;

/** Returns the offset of the IP header, or -1 if there is none. */
export function networkOffset(bytes: Uint8Array, linktype: number): number {
  if (linktype === LINKTYPE_ETHERNET) return behindEthernet(bytes, 0);
  if (linktype === LINKTYPE_LINUX_SLL)
    return bytes.length < 16 ? -1 : behindEtherType(bytes, 16, get16(bytes, SLL_PROTOCOL));
  if (linktype === LINKTYPE_LINUX_SLL2)
    return bytes.length < 20 ? -1 : behindEtherType(bytes, 20, get16(bytes, SLL2_PROTOCOL));
  switch (layerOfLinktype(linktype)) {
    case 'ip':
      return ofVersion(bytes, 0, 0);
    case 'ipv4':
      return ofVersion(bytes, 0, 4);
    case 'ipv6':
      return ofVersion(bytes, 0, 6);
    case 'bsdLoopback':
      return ofVersion(bytes, 4, 0);
    case 'ppp':
      return bytes.length >= 4 && get16(bytes, 0) === HDLC ? behindPpp(bytes, 2) : behindPpp(bytes, 0);
    default:
      return -1;
  }
}

/**
 * Returns the offset of the PPPoE length field before the IP header at an offset, or -1 if there is none. The link-layer
 * header has its EtherType at `from` or later. No tags and labels before an IP header end like a PPPoE header: they
 * would contain another EtherType or the mark of the last label. Only a PPP protocol field of one byte could be one.
 */
export function pppoeLengthAt(bytes: Uint8Array, at: number, from: number): number {
  for (const protocolSize of [2, 1]) {
    const header = at - PPPOE_SIZE - protocolSize;
    if (header < from || bytes[header] !== VERSION_AND_TYPE || bytes[header + 1] !== SESSION) continue;
    const protocol = protocolSize === 2 ? get16(bytes, at - 2) : bytes[at - 1]!;
    if (protocol !== PPP_IPV4 && protocol !== PPP_IPV6) continue;
    if (protocolSize === 2 || get16(bytes, header - 2) === ETH_P_PPP_SES) return header + PPPOE_LENGTH;
  }
  return -1;
}

/** Returns the offset if the header there has this version, and otherwise -1. The version 0 accepts either. */
export function ofVersion(bytes: Uint8Array, at: number, version: number): number {
  if (at >= bytes.length) return -1;
  const found = bytes[at]! >>> 4;
  return (found === version || version === 0) && (found === 4 || found === 6) ? at : -1;
}

/** Returns the offset of the IP header after an Ethernet header. */
export function behindEthernet(bytes: Uint8Array, at: number): number {
  return bytes.length < at + 14 ? -1 : behindEtherType(bytes, at + 14, get16(bytes, at + ETHER_TYPE));
}

/** Returns the offset of the IP header that an EtherType identifies, directly or after tags, labels or PPPoE. */
export function behindEtherType(bytes: Uint8Array, start: number, announced: number): number {
  let at = start;
  let etherType = announced;
  while (isTag(etherType) && bytes.length >= at + 4) {
    etherType = get16(bytes, at + TAG_ETHER_TYPE);
    at += 4;
  }
  if (etherType === ETH_P_IP) return ofVersion(bytes, at, 4);
  if (etherType === ETH_P_IPV6) return ofVersion(bytes, at, 6);
  if (etherType === ETH_P_PPP_SES) return behindPpp(bytes, at + PPPOE_SIZE);
  if (etherType === ETH_P_MPLS_UC || etherType === ETH_P_MPLS_MC) return behindLabels(bytes, at);
  return -1;
}

function behindPpp(bytes: Uint8Array, at: number): number {
  if (at + 2 > bytes.length) return -1;
  // A protocol field with an odd first byte has only one byte.
  const short = (bytes[at]! & 1) === 1;
  const protocol = short ? bytes[at]! : get16(bytes, at);
  if (protocol === PPP_IPV4) return ofVersion(bytes, at + (short ? 1 : 2), 4);
  return protocol === PPP_IPV6 ? ofVersion(bytes, at + (short ? 1 : 2), 6) : -1;
}

function behindLabels(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at + 4 <= bytes.length) {
    const isBottom = (bytes[at + 2]! & 1) === 1;
    at += 4;
    if (isBottom) return ofVersion(bytes, at, 0);
  }
  return -1;
}
