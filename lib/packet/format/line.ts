/** Formats a line for each layer: its title and its description. */
import type { Layer } from '../layers/layer.ts';
import type { LayerName } from '../layers/layer-name.ts';
import { fieldsOf, type OwnLayer, typeOf } from '../layers/layer-type.ts';
import {
  arpLine,
  bsdLoopbackLine,
  cookedLine,
  ethernetLine,
  llcLine,
  pppLine,
  snapLine,
  stpLine,
  vlanLine,
} from './link.ts';
import { fragmentLine, ipv4Line, ipv6Line, routingLine } from './network.ts';
import { icmpLine, icmpv6Line, tcpLine, udpLine, udpliteLine } from './transport.ts';
import { ahLine, espLine, geneveLine, greLine, igmpLine, mplsLine, pppoeLine, sctpLine, vxlanLine } from './tunnel.ts';
import { list, named, optionsText, PROTOCOLS, valueText } from './words.ts';

/**
 * The title of a layer and the function that formats it. `pending` means that the network card has not filled in the
 * checksum yet.
 */
type Line<Name extends LayerName> = readonly [
  title: string,
  line: (layer: Extract<Layer, { layer: Name }>, pending: boolean) => string,
];

const bytesLine = ({ data }: { data: Uint8Array }): string => `${data.length} bytes`;

const LINES: { readonly [Name in LayerName]: Line<Name> } = {
  ethernet: ['Ethernet', ethernetLine],
  bsdLoopback: ['BSD loopback', bsdLoopbackLine],
  linuxSll: ['Linux cooked', cookedLine],
  linuxSll2: ['Linux cooked v2', cookedLine],
  llc: ['LLC', llcLine],
  ppp: ['PPP', pppLine],
  snap: ['SNAP', snapLine],
  stp: ['STP', stpLine],
  vlan: ['VLAN', vlanLine],
  arp: ['ARP', arpLine],
  ipv4: ['IPv4', ipv4Line],
  ipv6: ['IPv6', ipv6Line],
  hopByHop: ['Hop-by-hop options', (layer) => list(optionsText(layer.options), named(PROTOCOLS, layer.nextHeader))],
  destinationOptions: [
    'Destination options',
    (layer) => list(optionsText(layer.options), named(PROTOCOLS, layer.nextHeader)),
  ],
  routing: ['Routing', routingLine],
  fragment: ['Fragment', fragmentLine],
  icmp: ['ICMP', icmpLine],
  icmpv6: ['ICMPv6', icmpv6Line],
  tcp: ['TCP', tcpLine],
  udp: ['UDP', udpLine],
  ah: ['AH', ahLine],
  esp: ['ESP', espLine],
  geneve: ['Geneve', geneveLine],
  gre: ['GRE', greLine],
  igmp: ['IGMP', igmpLine],
  mpls: ['MPLS', mplsLine],
  pppoe: ['PPPoE', pppoeLine],
  sctp: ['SCTP', sctpLine],
  udplite: ['UDP-Lite', udpliteLine],
  vxlan: ['VXLAN', vxlanLine],
  payload: ['Payload', bytesLine],
  trailer: ['Trailer', bytesLine],
};

/** Returns the title of a layer, or of one that was expected but not decoded. */
export function titleOf(name: string): string {
  if (name === 'ip') return 'IP';
  return Object.hasOwn(LINES, name) ? LINES[name as LayerName][0] : name;
}

function ownLine(layer: OwnLayer): string {
  const fields = fieldsOf(layer);
  const all = () => list(...Object.entries(fields).map(([name, value]) => `${name} ${valueText(value)}`));
  return typeOf(layer)!.definition.format?.(fields) ?? all();
}

/** Formats the description of a layer, which follows its title. */
export function lineOf(layer: Layer | OwnLayer, pending: boolean): string {
  if (typeOf(layer) !== undefined) return ownLine(layer as OwnLayer);
  const [, line] = LINES[(layer as Layer).layer];
  return line(layer as never, pending);
}
