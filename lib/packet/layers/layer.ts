/** The layers of packets. */
import type { Arp, ArpInput } from './arp.ts';
import type { BsdLoopback, BsdLoopbackInput } from './bsd-loopback.ts';
import type { Ethernet, EthernetInput } from './ethernet.ts';
import type { Gre, GreInput } from './gre.ts';
import type { Icmp, IcmpInput } from './icmp.ts';
import type { Icmpv6, Icmpv6Input } from './icmpv6-message.ts';
import type { Igmp, IgmpInput } from './igmp.ts';
import type { Ah, AhInput, Esp, EspInput } from './ipsec.ts';
import type { Ipv4, Ipv4Input } from './ipv4.ts';
import type { Ipv6, Ipv6Input } from './ipv6.ts';
import type { Fragment, FragmentInput } from './ipv6-fragment.ts';
import type { DestinationOptions, DestinationOptionsInput, HopByHop, HopByHopInput } from './ipv6-options-header.ts';
import type { Routing, RoutingInput } from './ipv6-routing.ts';
import type { LinuxSll, LinuxSll2, LinuxSll2Input, LinuxSllInput } from './linux-cooked.ts';
import type { Llc, LlcInput, Snap, SnapInput } from './llc.ts';
import type { Mpls, MplsInput } from './mpls.ts';
import type { Ppp, PppInput } from './ppp.ts';
import type { Pppoe, PppoeInput } from './pppoe.ts';
import type { Sctp, SctpInput } from './sctp.ts';
import type { Stp, StpInput } from './stp.ts';
import type { Tcp, TcpInput } from './tcp.ts';
import type { Udp, UdpInput } from './udp.ts';
import type { Udplite, UdpliteInput } from './udplite.ts';
import type { Vlan, VlanInput } from './vlan.ts';
import type { Geneve, GeneveInput, Vxlan, VxlanInput } from './vxlan.ts';

/**
 * The data after the last header that was decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface Payload {
  readonly layer: 'payload';
  data: Uint8Array;
}

/**
 * Bytes after the end of the packet according to the lengths in its headers: the padding of a short frame.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface Trailer {
  readonly layer: 'trailer';
  data: Uint8Array;
}

/**
 * A decoded layer. It can be passed to `encodePacket` as well.
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
  | Udplite
  | Vxlan
  | Payload
  | Trailer;

/**
 * A layer for `encodePacket`.
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
  | UdpliteInput
  | VxlanInput
  | Payload
  | Trailer;
