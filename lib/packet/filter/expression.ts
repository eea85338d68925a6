/** Filter expressions as data: the parser and the functions of `match` create them, and the compiler reads them. */

/**
 * Selects the source or the destination address or port of a packet, or both.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type Direction = 'src' | 'dst' | 'src or dst' | 'src and dst';

/**
 * An address in the IEEE 802.11 header.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type WlanAddress = 'addr1' | 'addr2' | 'addr3' | 'addr4' | 'ra' | 'ta';

/**
 * A header whose bytes an expression can read.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type HeaderName =
  | ('ether' | 'radio' | 'arp' | 'rarp' | 'ip' | 'ip6' | 'atalk' | 'decnet' | 'lat' | 'sca' | 'moprc' | 'mopdl')
  | ('tcp' | 'udp' | 'sctp' | 'icmp' | 'icmp6' | 'igmp' | 'igrp' | 'pim' | 'vrrp' | 'carp');

/**
 * A comparison of two numbers.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type Relation = '=' | '!=' | '>' | '>=' | '<' | '<=';

/**
 * An arithmetic operator.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type FilterOperator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>';

/**
 * A 32-bit number that is computed from a packet: a constant, the length on the wire, bytes of a header, or the result
 * of an operation. `{ header: 'ip', offset: 2, size: 2 }` is `ip[2:2]`.
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
 * A filter expression, created by `parseFilter` or the functions of `match`. It is plain data and never modified.
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
      /** The addresses as 32-bit words, and the mask of all of them. */
      readonly addresses: readonly (readonly number[])[];
      readonly mask: readonly number[];
      readonly direction: Direction;
      /** The EtherTypes in which the addresses are looked for. The default is all that have such addresses. */
      readonly over: readonly number[] | undefined;
    }
  | { readonly word: 'ether host'; readonly address: string; readonly direction: Direction | WlanAddress }
  | { readonly word: 'decnet host'; readonly address: number; readonly direction: Direction }
  | {
      readonly word: 'port';
      /** The first and the last port of each range. */
      readonly ranges: readonly (readonly [from: number, to: number])[];
      readonly direction: Direction;
      /** The protocol. The default is TCP, UDP and SCTP. */
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

/** An expression with a certain `word`. */
export type Word<Name extends FilterExpression['word']> = Extract<FilterExpression, { word: Name }>;
