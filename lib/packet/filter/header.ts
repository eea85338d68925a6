/** The headers whose bytes filter expressions can read: their positions, and which packets have them. */
import {
  ETH_P_ARP,
  ETH_P_ATALK,
  ETH_P_IP,
  ETH_P_IPV6,
  ETH_P_RARP,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  IPPROTO_PIM,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../native/constants.ts';
import type { FilterValue, HeaderName } from './expression.ts';
import { linkTypeIs } from './link-type.ts';
import type { RelativeOffset } from './load.ts';
import { isFirst, protocolIs } from './network-words.ts';
import { all, always, type Part } from './part.ts';
import { refusedExpression } from './refusal.ts';
import { behindIpv4, networkOf, type Scope } from './scope.ts';

/** The EtherTypes of the headers that follow the link layer. */
export const ETHER_TYPES: { readonly [Name in HeaderName]?: number } = {
  ...{ ip: ETH_P_IP, ip6: ETH_P_IPV6, arp: ETH_P_ARP, rarp: ETH_P_RARP, atalk: ETH_P_ATALK },
  ...{ mopdl: 0x6001, moprc: 0x6002, decnet: 0x6003, lat: 0x6004, sca: 0x6007 },
};
/** The protocol numbers of the headers that follow IPv4. */
const PROTOCOLS: { readonly [Name in HeaderName]?: number } = {
  ...{ icmp: IPPROTO_ICMP, igmp: IPPROTO_IGMP, tcp: IPPROTO_TCP, igrp: 9, udp: IPPROTO_UDP },
  ...{ pim: IPPROTO_PIM, vrrp: 112, carp: 112, sctp: IPPROTO_SCTP },
};

/** All headers, by their names in the language. */
export const HEADERS: readonly HeaderName[] = [
  ...(['ether', 'radio', 'icmp6'] as const),
  ...(Object.keys(ETHER_TYPES) as HeaderName[]),
  ...(Object.keys(PROTOCOLS) as HeaderName[]),
];

/** Throws if a number is read from a header that no packet of the link type has. */
export function checkHeaders(scope: Scope, asked: object, value: FilterValue): void {
  if (typeof value !== 'object') return;
  if ('minus' in value) {
    checkHeaders(scope, asked, value.minus);
  } else if ('left' in value) {
    checkHeaders(scope, asked, value.left);
    checkHeaders(scope, asked, value.right);
  } else {
    if (value.header === 'radio' && !scope.hasRadio) {
      const why = "'radio' applies to 802.11 captures with a radiotap header, and this link type is different";
      throw refusedExpression(asked, why);
    }
    checkHeaders(scope, asked, value.offset);
  }
}

/** Returns the position of a header. */
export function headerPlace(scope: Scope, header: HeaderName): RelativeOffset {
  if (header === 'ether') return scope.link;
  if (header === 'radio') return { at: 0 };
  if (header === 'icmp6') return networkOf(scope, 40);
  return ETHER_TYPES[header] === undefined ? behindIpv4(scope) : networkOf(scope);
}

/** Tests whether the packet has a header. Later IPv4 fragments do not have the header of the protocol above. */
export function headerGuard(scope: Scope, asked: object, header: HeaderName): Part {
  if (header === 'ether' || header === 'radio') return always;
  if (header === 'icmp6') return protocolIs(scope, asked, ETH_P_IPV6, IPPROTO_ICMPV6);
  const type = ETHER_TYPES[header];
  if (type !== undefined) return linkTypeIs(scope, type, asked);
  return all(protocolIs(scope, asked, ETH_P_IP, PROTOCOLS[header]!), isFirst(scope));
}
