/** The codecs of all layers, by their names. */
import { keyOf, namesOf } from '../../posix/known-names.ts';
import { attached } from '../../posix/snapshot.ts';
import { arpCodec } from './arp.ts';
import { bsdLoopbackCodec } from './bsd-loopback.ts';
import type { Codec } from './codec.ts';
import { ethernetCodec } from './ethernet.ts';
import { greCodec } from './gre.ts';
import { icmpCodec } from './icmp.ts';
import { icmpv6Codec } from './icmpv6.ts';
import { igmpCodec } from './igmp.ts';
import { ahCodec, espCodec } from './ipsec.ts';
import { ipv4Codec } from './ipv4.ts';
import { ipv6Codec } from './ipv6.ts';
import { destinationOptionsCodec, fragmentCodec, hopByHopCodec, routingCodec } from './ipv6-extension.ts';
import type { LayerInput, LayerName, Payload, Trailer } from './layer.ts';
import { linuxSll2Codec, linuxSllCodec } from './linux-cooked.ts';
import { llcCodec, snapCodec } from './llc.ts';
import { mplsCodec } from './mpls.ts';
import { pppCodec } from './ppp.ts';
import { pppoeCodec } from './pppoe.ts';
import { sctpCodec } from './sctp.ts';
import { stpCodec } from './stp.ts';
import { tcpCodec } from './tcp.ts';
import { udpCodec } from './udp.ts';
import { vlanCodec } from './vlan.ts';
import { geneveCodec, vxlanCodec } from './vxlan.ts';

export const bytesCodec: Codec<Payload | Trailer> = {
  names: namesOf<Payload | Trailer>({ layer: true, data: true }),
  check: (layer) => void attached(layer.data, `${layer.layer}.data`),
  size: (layer) => layer.data.length,
  write: (layer, to, at) => to.bytes.set(layer.data, at),
  decode: () => undefined,
};

/** Without a prototype, so that a name can be looked up without more ado. */
const codecs: { readonly [Name in LayerName]: Codec<never> } = {
  // @ts-expect-error: the prototype, which is no property
  __proto__: null,
  ethernet: ethernetCodec,
  bsdLoopback: bsdLoopbackCodec,
  linuxSll: linuxSllCodec,
  linuxSll2: linuxSll2Codec,
  llc: llcCodec,
  ppp: pppCodec,
  snap: snapCodec,
  stp: stpCodec,
  vlan: vlanCodec,
  arp: arpCodec,
  ipv4: ipv4Codec,
  ipv6: ipv6Codec,
  hopByHop: hopByHopCodec,
  destinationOptions: destinationOptionsCodec,
  routing: routingCodec,
  fragment: fragmentCodec,
  icmp: icmpCodec,
  icmpv6: icmpv6Codec,
  tcp: tcpCodec,
  udp: udpCodec,
  ah: ahCodec,
  esp: espCodec,
  geneve: geneveCodec,
  gre: greCodec,
  igmp: igmpCodec,
  mpls: mplsCodec,
  pppoe: pppoeCodec,
  sctp: sctpCodec,
  vxlan: vxlanCodec,
  payload: bytesCodec,
  trailer: bytesCodec,
};

/** Whether a layer of this library has this name. */
export function isBuiltIn(name: string): boolean {
  return name in codecs;
}

/** The codec of a layer of this library. */
export function codecOf(name: LayerName): Codec<LayerInput> {
  return (codecs[name] ?? codecs[keyOf(name, codecs, 'layer')]) as Codec<LayerInput>;
}

/** Refuses what is no name of a layer of this library. */
export function layerNameOf(name: unknown, argument: string): LayerName {
  return keyOf(name, codecs, argument);
}
