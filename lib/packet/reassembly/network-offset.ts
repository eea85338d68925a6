/** Where the IP header of a captured packet begins, by its link type: behind VLAN tags, MPLS labels and PPPoE, too. */
import { ETH_P_IP, ETH_P_IPV6, ETH_P_MPLS_MC, ETH_P_MPLS_UC, ETH_P_PPP_SES } from '../../posix/constants.ts';
import { get16 } from '../bytes.ts';
import { isTag } from '../layers/ethernet.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2, layerOfLinktype } from '../linktype.ts';

const PPP_IPV4 = 0x21;
const PPP_IPV6 = 0x57;
/** The first byte of a PPPoE header. */
const VERSION_AND_TYPE = 0x11;
/** Address and control of PPP in HDLC-like framing. */
const HDLC = 0xff03;

/** The offset of the IP header; -1 when there is none. */
export function networkOffset(bytes: Uint8Array, linktype: number): number {
  if (linktype === LINKTYPE_ETHERNET) return bytes.length < 14 ? -1 : behindEtherType(bytes, 14, get16(bytes, 12));
  if (linktype === LINKTYPE_LINUX_SLL) return bytes.length < 16 ? -1 : behindEtherType(bytes, 16, get16(bytes, 14));
  if (linktype === LINKTYPE_LINUX_SLL2) return bytes.length < 20 ? -1 : behindEtherType(bytes, 20, get16(bytes, 0));
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

/** Where the length field of PPPoE is, before the IP header at an offset; -1 without one. */
export function pppoeLengthAt(bytes: Uint8Array, at: number): number {
  return at >= 22 && get16(bytes, at - 10) === ETH_P_PPP_SES && bytes[at - 8] === VERSION_AND_TYPE ? at - 4 : -1;
}

/** The same offset if the header there has this version, 0 being either; else -1. */
function ofVersion(bytes: Uint8Array, at: number, version: number): number {
  if (at >= bytes.length) return -1;
  const found = bytes[at]! >>> 4;
  return (found === version || version === 0) && (found === 4 || found === 6) ? at : -1;
}

/** The offset of the IP header that an EtherType announces, directly or behind tags, labels or PPPoE. */
function behindEtherType(bytes: Uint8Array, start: number, announced: number): number {
  let at = start;
  let etherType = announced;
  while (isTag(etherType) && bytes.length >= at + 4) {
    etherType = get16(bytes, at + 2);
    at += 4;
  }
  if (etherType === ETH_P_IP) return ofVersion(bytes, at, 4);
  if (etherType === ETH_P_IPV6) return ofVersion(bytes, at, 6);
  if (etherType === ETH_P_PPP_SES) return behindPpp(bytes, at + 6);
  if (etherType === ETH_P_MPLS_UC || etherType === ETH_P_MPLS_MC) return behindLabels(bytes, at);
  return -1;
}

function behindPpp(bytes: Uint8Array, at: number): number {
  if (at + 2 > bytes.length) return -1;
  // A protocol is one byte when that is odd.
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
