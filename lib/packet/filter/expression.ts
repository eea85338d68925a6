/** Filter expressions as data: what parsers and the functions of `match` make, and compilers read. */

/**
 * Which address or port of a packet is meant.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type Direction = 'src' | 'dst' | 'src or dst' | 'src and dst';

/**
 * An address in the header of IEEE 802.11.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type WlanAddress = 'addr1' | 'addr2' | 'addr3' | 'addr4' | 'ra' | 'ta';

/**
 * A header whose bytes can be asked for.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type HeaderName =
  | ('ether' | 'radio' | 'arp' | 'rarp' | 'ip' | 'ip6' | 'atalk' | 'decnet' | 'lat' | 'sca' | 'moprc' | 'mopdl')
  | ('tcp' | 'udp' | 'sctp' | 'icmp' | 'icmp6' | 'igmp' | 'igrp' | 'pim' | 'vrrp' | 'carp');

/**
 * How a number of a packet is compared.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type Relation = '=' | '!=' | '>' | '>=' | '<' | '<=';

/**
 * What is done with two numbers.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type FilterOperator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>';

/**
 * A number of 32 bits that is computed from a packet: a constant, its length on the wire, bytes of a header, or what is
 * made of others. `{ header: 'ip', offset: 2, size: 2 }` is `ip[2:2]`.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type FilterValue =
  | number
  | 'len'
  | { readonly header: HeaderName; readonly offset: FilterValue; readonly size?: 1 | 2 | 4 | undefined }
  | { readonly left: FilterValue; readonly operator: FilterOperator; readonly right: FilterValue }
  | { readonly minus: FilterValue };

/**
 * A filter expression: what the functions of `match` make, and `parseFilter`. It is data, and never changed.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type FilterExpression =
  | { readonly word: 'and' | 'or'; readonly of: readonly FilterExpression[] }
  | { readonly word: 'not'; readonly of: FilterExpression }
  | { readonly word: 'ether proto'; readonly etherType: number }
  | { readonly word: 'proto'; readonly protocol: number; readonly over: 'ip' | 'ip6' | 'any' }
  | { readonly word: 'iso proto'; readonly protocol: number; readonly pdus: readonly number[] }
  | {
      readonly word: 'net';
      readonly family: number;
      /** Some addresses as words of 32 bits, and the mask of all of them. */
      readonly addresses: readonly (readonly number[])[];
      readonly mask: readonly number[];
      readonly direction: Direction;
      /** The EtherTypes in which it is looked for; all that have such addresses unless given. */
      readonly over: readonly number[] | undefined;
    }
  | { readonly word: 'ether host'; readonly address: string; readonly direction: Direction | WlanAddress }
  | { readonly word: 'decnet host'; readonly address: number; readonly direction: Direction }
  | {
      readonly word: 'port';
      /** The first and the last port of some ranges. */
      readonly ranges: readonly (readonly [from: number, to: number])[];
      readonly direction: Direction;
      /** The protocol: TCP, UDP and SCTP unless given. */
      readonly protocol: number | undefined;
    }
  | { readonly word: 'vlan' | 'mpls' | 'pppoes' | 'geneve'; readonly id: number | undefined }
  | { readonly word: 'llc'; readonly control: number | undefined; readonly mask: number }
  | { readonly word: 'wlan'; readonly at: 0 | 1; readonly value: number; readonly mask: number }
  | { readonly word: 'direction'; readonly outbound: boolean }
  | { readonly word: 'ifindex'; readonly index: number }
  | {
      readonly word: 'compare';
      readonly left: FilterValue;
      readonly relation: Relation;
      readonly right: FilterValue;
    }
  | { readonly word: 'multicast' | 'ip broadcast' };

/** An expression of one word. */
export type Word<Name extends FilterExpression['word']> = Extract<FilterExpression, { word: Name }>;
