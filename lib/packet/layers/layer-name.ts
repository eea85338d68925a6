/**
 * The names of this library's layers. They have a module of their own because the modules of the layers refer to one
 * another by name.
 */

/**
 * The name of a layer of this library, which distinguishes layers.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type LayerName =
  | 'ethernet'
  | 'bsdLoopback'
  | 'linuxSll'
  | 'linuxSll2'
  | 'llc'
  | 'ppp'
  | 'snap'
  | 'stp'
  | 'vlan'
  | 'arp'
  | 'ipv4'
  | 'ipv6'
  | 'hopByHop'
  | 'destinationOptions'
  | 'routing'
  | 'fragment'
  | 'icmp'
  | 'icmpv6'
  | 'tcp'
  | 'udp'
  | 'ah'
  | 'esp'
  | 'geneve'
  | 'gre'
  | 'igmp'
  | 'mpls'
  | 'pppoe'
  | 'sctp'
  | 'udplite'
  | 'vxlan'
  | 'payload'
  | 'trailer';
