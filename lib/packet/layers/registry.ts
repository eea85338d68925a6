/** The codecs of all layers by their names. */
import { keyOf, namesOf } from '../../argument/known-names.ts';
import { attached } from '../../argument/snapshot.ts';
import { arpCodec } from './arp.ts';
import { bsdLoopbackCodec } from './bsd-loopback.ts';
import type { LayerCodec } from './codec.ts';
import { ethernetCodec } from './ethernet.ts';
import { greCodec } from './gre.ts';
import { icmpCodec } from './icmp.ts';
import { icmpv6Codec } from './icmpv6.ts';
import { igmpCodec } from './igmp.ts';
import { ahCodec, espCodec } from './ipsec.ts';
import { ipv4Codec } from './ipv4.ts';
import { ipv6Codec } from './ipv6.ts';
import { fragmentCodec } from './ipv6-fragment.ts';
import { destinationOptionsCodec, hopByHopCodec } from './ipv6-options-header.ts';
import { routingCodec } from './ipv6-routing.ts';
import type { LayerInput, Payload, Trailer } from './layer.ts';
import type { LayerName } from './layer-name.ts';
import { linuxSll2Codec, linuxSllCodec } from './linux-cooked.ts';
import { llcCodec, snapCodec } from './llc.ts';
import { mplsCodec } from './mpls.ts';
import { pppCodec } from './ppp.ts';
import { pppoeCodec } from './pppoe.ts';
import { sctpCodec } from './sctp.ts';
import { stpCodec } from './stp.ts';
import { tcpCodec } from './tcp.ts';
import { udpCodec } from './udp.ts';
import { udpliteCodec } from './udplite.ts';
import { vlanCodec } from './vlan.ts';
import { geneveCodec, vxlanCodec } from './vxlan.ts';

export const bytesCodec: LayerCodec<Payload | Trailer> = {
  names: namesOf<Payload | Trailer>({ layer: true, data: true }),
  check: (layer) => void attached(layer.data, `${layer.layer}.data`),
  size: (layer) => layer.data.length,
  write: (layer, to, at) => to.bytes.set(layer.data, at),
  decode: () => undefined,
};

const all: { readonly [Name in LayerName]: LayerCodec<never> } = {
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
  udplite: udpliteCodec,
  vxlan: vxlanCodec,
  payload: bytesCodec,
  trailer: bytesCodec,
};
/** Has no prototype, so that names can be looked up directly. */
const codecs: typeof all = Object.assign(Object.create(null), all);

/** Returns whether this library has a layer with this name. */
export function isBuiltIn(name: string): boolean {
  return name in codecs;
}

/** Returns the codec of a layer of this library. */
export function codecOf(name: LayerName): LayerCodec<LayerInput> {
  return (codecs[name] ?? codecs[keyOf(name, codecs, 'layer')]) as LayerCodec<LayerInput>;
}

/** Throws if a value is not the name of a layer of this library. */
export function layerNameOf(name: unknown, argument: string): LayerName {
  return keyOf(name, codecs, argument);
}
