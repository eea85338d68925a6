/** Which number announces which layer. */
import {
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  ETH_P_RARP,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IPIP,
  IPPROTO_IPV6,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../posix/constants.ts';
import { invalidValue } from '../../posix/errno.ts';
import type { Next } from './codec.ts';
import type { LayerInput, LayerName } from './packet.ts';

/** The layer that an EtherType announces. */
export function layerOfEtherType(etherType: number): Next {
  switch (etherType) {
    case ETH_P_IP:
      return 'ipv4';
    case ETH_P_IPV6:
      return 'ipv6';
    case ETH_P_ARP:
    case ETH_P_RARP:
      return 'arp';
    default:
      return undefined;
  }
}

/** The layer that a protocol number announces in an IPv4 header. */
export function layerOfProtocol(protocol: number): Next {
  switch (protocol) {
    case IPPROTO_ICMP:
      return 'icmp';
    case IPPROTO_IPIP:
      return 'ipv4';
    case IPPROTO_TCP:
      return 'tcp';
    case IPPROTO_UDP:
      return 'udp';
    case IPPROTO_IPV6:
      return 'ipv6';
    default:
      return undefined;
  }
}

/** The layer that a next header number announces in IPv6 and its extension headers. */
export function layerOfNextHeader(nextHeader: number): Next {
  switch (nextHeader) {
    case IPPROTO_HOPOPTS:
      return 'hopByHop';
    case IPPROTO_ROUTING:
      return 'routing';
    case IPPROTO_FRAGMENT:
      return 'fragment';
    case IPPROTO_DSTOPTS:
      return 'destinationOptions';
    case IPPROTO_ICMPV6:
      return 'icmpv6';
    case IPPROTO_ICMP:
      return undefined;
    default:
      return layerOfProtocol(nextHeader);
  }
}

const ETHER_TYPES: { readonly [name in LayerName]?: number } = { ipv4: ETH_P_IP, ipv6: ETH_P_IPV6, arp: ETH_P_ARP };
const PROTOCOLS: { readonly [name in LayerName]?: number } = {
  hopByHop: IPPROTO_HOPOPTS,
  icmp: IPPROTO_ICMP,
  ipv4: IPPROTO_IPIP,
  tcp: IPPROTO_TCP,
  udp: IPPROTO_UDP,
  ipv6: IPPROTO_IPV6,
  routing: IPPROTO_ROUTING,
  fragment: IPPROTO_FRAGMENT,
  icmpv6: IPPROTO_ICMPV6,
  destinationOptions: IPPROTO_DSTOPTS,
};

/** The EtherType of the layer that follows. */
export function etherTypeOf(next: LayerInput | undefined): number {
  const number = next === undefined ? undefined : ETHER_TYPES[next.layer];
  if (number === undefined) throw invalidValue('ethernet.etherType', 'given, as no following layer tells it');
  return number;
}

/** The protocol number of the layer that follows. */
export function protocolOf(next: LayerInput | undefined, name: string): number {
  const number = next === undefined ? IPPROTO_NONE : PROTOCOLS[next.layer];
  if (number === undefined) throw invalidValue(name, 'given, as no following layer tells it');
  return number;
}
