/** The numbers that identify the layers. */

import { invalidValue } from '../../argument/argument-error.ts';
import * as constants from '../../native/constants.ts';
import { uint8 } from '../bytes/bytes.ts';
import type { Decoding, Encoding } from './codec.ts';
import type { LayerName } from './layer-name.ts';
import type { Next } from './layer-type.ts';
import { numberOf } from './layer-type.ts';

type Numbers = readonly (readonly [LayerName, ...number[]])[];

/** EtherTypes by layer: first those for encoding, then more for decoding. */
const ETHER_TYPES: Numbers = [
  ['ipv4', constants.ETH_P_IP],
  ['ipv6', constants.ETH_P_IPV6],
  ['arp', constants.ETH_P_ARP, constants.ETH_P_RARP],
  ['vlan', constants.ETH_P_8021Q, constants.ETH_P_8021AD, constants.ETH_P_QINQ1],
  ['mpls', constants.ETH_P_MPLS_UC, constants.ETH_P_MPLS_MC],
  ['pppoe', constants.ETH_P_PPP_SES, constants.ETH_P_PPP_DISC],
  ['ethernet', constants.ETH_P_TEB],
];
/** Protocol numbers of IPv4, and of IPv6 unless it has others. */
const PROTOCOLS: Numbers = [
  ['icmp', constants.IPPROTO_ICMP],
  ['ipv4', constants.IPPROTO_IPIP],
  ['tcp', constants.IPPROTO_TCP],
  ['udp', constants.IPPROTO_UDP],
  ['ipv6', constants.IPPROTO_IPV6],
  ['gre', constants.IPPROTO_GRE],
  ['esp', constants.IPPROTO_ESP],
  ['ah', constants.IPPROTO_AH],
  ['sctp', constants.IPPROTO_SCTP],
  ['udplite', constants.IPPROTO_UDPLITE],
  ['mpls', constants.IPPROTO_MPLS],
  ['ethernet', constants.IPPROTO_ETHERNET],
  ['igmp', constants.IPPROTO_IGMP],
];
/** Protocols of IPv4 only. */
const IPV4_ONLY: readonly LayerName[] = ['icmp', 'igmp'];
/** Protocols of IPv6 only. */
const EXTENSIONS: Numbers = [
  ['hopByHop', constants.IPPROTO_HOPOPTS],
  ['routing', constants.IPPROTO_ROUTING],
  ['fragment', constants.IPPROTO_FRAGMENT],
  ['destinationOptions', constants.IPPROTO_DSTOPTS],
  ['icmpv6', constants.IPPROTO_ICMPV6],
];
/** Protocol numbers of PPP. */
const PPP_PROTOCOLS: Numbers = [
  ['ipv4', 0x21],
  ['ipv6', 0x57],
  ['mpls', 0x281, 0x283],
];
/** Service access points of IEEE 802.2, for unnumbered information. */
const POINTS: Numbers = [
  ['stp', 0x42],
  ['snap', 0xaa],
  ['ipv4', 0x06],
];

function byNumber(...lists: Numbers[]): ReadonlyMap<number, LayerName> {
  return new Map(lists.flat().flatMap(([name, ...numbers]) => numbers.map((number) => [number, name] as const)));
}
function byName(...lists: Numbers[]): ReadonlyMap<string, number> {
  return new Map(lists.flat().map(([name, number]) => [name, number!]));
}

const layersOfEtherType = byNumber(ETHER_TYPES);
const layersOfProtocol = byNumber(PROTOCOLS);
const layersOfNextHeader = byNumber(
  PROTOCOLS.filter(([name]) => !IPV4_ONLY.includes(name)),
  EXTENSIONS,
);
const layersOfPpp = byNumber(PPP_PROTOCOLS);
const layersOfPoint = byNumber(POINTS);
const etherTypes = byName(ETHER_TYPES);
const protocols = byName(PROTOCOLS, EXTENSIONS);
const pppProtocols = byName(PPP_PROTOCOLS);
const points = byName(POINTS);

/** Returns the layer that an EtherType identifies. */
export function layerOfEtherType(from: Decoding, etherType: number): Next {
  return from.own?.of('etherType', etherType) ?? layersOfEtherType.get(etherType);
}

/** Returns the layer that a protocol number in an IPv4 header identifies. */
export function layerOfProtocol(from: Decoding, protocol: number): Next {
  return from.own?.of('protocol', protocol) ?? layersOfProtocol.get(protocol);
}

/** Returns the layer that a next header number in IPv6 or an extension header identifies. */
export function layerOfNextHeader(from: Decoding, nextHeader: number): Next {
  return from.own?.of('protocol', nextHeader) ?? layersOfNextHeader.get(nextHeader);
}

/** Returns the layer that a PPP protocol number identifies. */
export function layerOfPpp(protocol: number): Next {
  return layersOfPpp.get(protocol);
}

/** Returns the layer that an IEEE 802.2 service access point identifies. */
export function layerOfPoint(point: number): Next {
  return layersOfPoint.get(point);
}

/** Returns the layer of a program that a port identifies. The destination port takes precedence. */
export function ownLayerOfPorts(from: Decoding, by: 'udpPort' | 'tcpPort', source: number, destination: number): Next {
  if (from.own === undefined || from.left === 0) return undefined;
  return from.own.of(by, destination) ?? from.own.of(by, source);
}

/** The destination ports of tunnels, whose senders choose a random source port. */
export const TUNNEL_PORT = { vxlan: 4789, geneve: 6081 } as const;
const layersOfPort: ReadonlyMap<number, LayerName> = new Map<number, LayerName>([
  [TUNNEL_PORT.vxlan, 'vxlan'],
  [TUNNEL_PORT.geneve, 'geneve'],
]);

/** Returns the layer that the UDP ports identify. */
export function layerOfUdp(from: Decoding, source: number, destination: number): Next {
  const own = ownLayerOfPorts(from, 'udpPort', source, destination);
  return own ?? (from.left > 0 ? layersOfPort.get(destination) : undefined);
}

type Follower = Encoding['next'];

/** Returns the number that identifies the next layer. Throws if it is unknown. */
export function knownNumber(number: number | undefined, name: string): number {
  if (number === undefined) throw invalidValue(name, 'given, because no following layer determines it');
  return number;
}

/** Returns the EtherType of the next layer. */
export function etherTypeOf(next: Follower, name = 'ethernet.etherType'): number {
  if (next?.layer === 'pppoe' && 'code' in next && next.code !== 0 && next.code !== undefined)
    return constants.ETH_P_PPP_DISC;
  return knownNumber(next && (numberOf(next, 'etherType') ?? etherTypes.get(next.layer)), name);
}

/** Returns a protocol or next header number, which by default identifies the next layer. */
export function protocolField(value: unknown, next: Follower, name: string): number {
  if (value !== undefined) return uint8(value, name);
  if (next === undefined) return constants.IPPROTO_NONE;
  return knownNumber(numberOf(next, 'protocol') ?? protocols.get(next.layer), name);
}

/** Returns the PPP protocol number of the next layer. */
export function pppProtocolOf(next: Follower, name: string): number {
  return knownNumber(next && pppProtocols.get(next.layer), name);
}

/** Returns the service access point of the next layer. */
export function pointOf(next: Follower, name: string): number {
  return knownNumber(next && points.get(next.layer), name);
}
