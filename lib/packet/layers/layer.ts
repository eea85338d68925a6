/** The layers of packets: which there are, and what tells them apart. */
import type { Arp, ArpInput } from './arp.ts';
import type { BsdLoopback, BsdLoopbackInput } from './bsd-loopback.ts';
import type { Ethernet, EthernetInput } from './ethernet.ts';
import type { Gre, GreInput } from './gre.ts';
import type { Icmp, IcmpInput } from './icmp.ts';
import type { Icmpv6, Icmpv6Input } from './icmpv6.ts';
import type { Igmp, IgmpInput } from './igmp.ts';
import type { Ah, AhInput, Esp, EspInput } from './ipsec.ts';
import type { Ipv4, Ipv4Input } from './ipv4.ts';
import type { Ipv6, Ipv6Input } from './ipv6.ts';
import type {
  DestinationOptions,
  DestinationOptionsInput,
  Fragment,
  FragmentInput,
  HopByHop,
  HopByHopInput,
  Routing,
  RoutingInput,
} from './ipv6-extension.ts';
import type { LinuxSll, LinuxSll2, LinuxSll2Input, LinuxSllInput } from './linux-cooked.ts';
import type { Llc, LlcInput, Snap, SnapInput } from './llc.ts';
import type { Mpls, MplsInput } from './mpls.ts';
import type { Ppp, PppInput } from './ppp.ts';
import type { Pppoe, PppoeInput } from './pppoe.ts';
import type { Sctp, SctpInput } from './sctp.ts';
import type { Stp, StpInput } from './stp.ts';
import type { Tcp, TcpInput } from './tcp.ts';
import type { Udp, UdpInput } from './udp.ts';
import type { Vlan, VlanInput } from './vlan.ts';
import type { Geneve, GeneveInput, Vxlan, VxlanInput } from './vxlan.ts';

/**
 * Data after the last header that is understood.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface Payload {
  readonly layer: 'payload';
  data: Uint8Array;
}

/**
 * Bytes after the end of the data that the headers' lengths tell: the padding of a short frame.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface Trailer {
  readonly layer: 'trailer';
  data: Uint8Array;
}

/**
 * A layer as decoded. Each is an input of `encodePacket`, too.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type Layer =
  | Ethernet
  | BsdLoopback
  | LinuxSll
  | LinuxSll2
  | Llc
  | Ppp
  | Snap
  | Stp
  | Vlan
  | Arp
  | Ipv4
  | Ipv6
  | HopByHop
  | DestinationOptions
  | Routing
  | Fragment
  | Icmp
  | Icmpv6
  | Tcp
  | Udp
  | Ah
  | Esp
  | Geneve
  | Gre
  | Igmp
  | Mpls
  | Pppoe
  | Sctp
  | Vxlan
  | Payload
  | Trailer;

/**
 * A layer to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type LayerInput =
  | EthernetInput
  | BsdLoopbackInput
  | LinuxSllInput
  | LinuxSll2Input
  | LlcInput
  | PppInput
  | SnapInput
  | StpInput
  | VlanInput
  | ArpInput
  | Ipv4Input
  | Ipv6Input
  | HopByHopInput
  | DestinationOptionsInput
  | RoutingInput
  | FragmentInput
  | IcmpInput
  | Icmpv6Input
  | TcpInput
  | UdpInput
  | AhInput
  | EspInput
  | GeneveInput
  | GreInput
  | IgmpInput
  | MplsInput
  | PppoeInput
  | SctpInput
  | VxlanInput
  | Payload
  | Trailer;

/**
 * What tells layers apart.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type LayerName = Layer['layer'];
