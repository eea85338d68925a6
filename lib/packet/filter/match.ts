/**
 * The words of filter expressions as functions, by their names in pcap-filter(7). What they make is compiled by
 * `compileFilter`; a value that a packet cannot have is a TypeError or a RangeError.
 *
 * @example
 * const web = match.and(match.tcp(), match.port(443, 'dst'), match.net('2001:db8::/32', 'src'));
 * console.log(verifyFilter(compileFilter(web))); // undefined
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */

import {
  AF_INET,
  AF_INET6,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  ETH_P_RARP,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../posix/constants.ts';
import { invalidType, invalidValue, outOfRange } from '../../posix/errno.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { get32, uint, uint8, uint16, uint32 } from '../bytes.ts';
import { putHardware, putIpv4, putIpv6 } from '../text.ts';

/**
 * Which address or port of a packet is meant.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type Direction = 'src' | 'dst' | 'src or dst' | 'src and dst';

/**
 * A header whose bytes can be asked for.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type HeaderName = 'ether' | 'arp' | 'rarp' | 'ip' | 'ip6' | 'tcp' | 'udp' | 'sctp' | 'icmp' | 'icmp6' | 'igmp';

/**
 * How a number of a packet is compared.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type Relation = '=' | '!=' | '>' | '>=' | '<' | '<=';

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
  | {
      readonly word: 'net';
      readonly family: number;
      readonly address: readonly number[];
      readonly mask: readonly number[];
      readonly direction: Direction;
      readonly over: readonly number[];
    }
  | { readonly word: 'ether host'; readonly address: string; readonly direction: Direction }
  | { readonly word: 'port'; readonly from: number; readonly to: number; readonly direction: Direction }
  | { readonly word: 'vlan'; readonly id: number | undefined }
  | { readonly word: 'len'; readonly relation: Relation; readonly value: number }
  | { readonly word: 'direction'; readonly outbound: boolean }
  | {
      readonly word: 'bytes';
      readonly header: HeaderName;
      readonly offset: number;
      readonly size: 1 | 2 | 4;
      readonly mask: number;
      readonly relation: Relation;
      readonly value: number;
    }
  | { readonly word: 'multicast' };

const DIRECTIONS: readonly unknown[] = ['src', 'dst', 'src or dst', 'src and dst'];
const RELATIONS: readonly unknown[] = ['=', '!=', '>', '>=', '<', '<='];
const HEADERS: readonly unknown[] = [
  ...['ether', 'arp', 'rarp', 'ip', 'ip6', 'tcp', 'udp', 'sctp', 'icmp', 'icmp6', 'igmp'],
];

function directionOf(value: unknown): Direction {
  if (!DIRECTIONS.includes(value)) throw invalidValue('direction', `one of '${DIRECTIONS.join("', '")}'`);
  return value as Direction;
}

function expressions(of: readonly FilterExpression[]): readonly FilterExpression[] {
  for (const one of of) {
    if (typeof one !== 'object' || one === null || typeof one.word !== 'string') {
      throw invalidType('expression', 'a filter expression');
    }
  }
  return of;
}

/** All of them hold; without any, every packet passes. */
export function and(...of: FilterExpression[]): FilterExpression {
  return { word: 'and', of: expressions(of) };
}

/** One of them holds; without any, no packet passes. */
export function or(...of: FilterExpression[]): FilterExpression {
  return { word: 'or', of: expressions(of) };
}

/** What `of` says does not hold. A packet that ends before what is asked for is dropped all the same. */
export function not(of: FilterExpression): FilterExpression {
  return { word: 'not', of: expressions([of])[0]! };
}

/** `etherType` is an ETH_P_ number. */
export function etherProto(etherType: number): FilterExpression {
  return { word: 'ether proto', etherType: uint16(etherType, 'etherType') };
}

/** IPv4. */
export function ip(): FilterExpression {
  return etherProto(ETH_P_IP);
}

/** IPv6. */
export function ip6(): FilterExpression {
  return etherProto(ETH_P_IPV6);
}

/** ARP. */
export function arp(): FilterExpression {
  return etherProto(ETH_P_ARP);
}

/** RARP. */
export function rarp(): FilterExpression {
  return etherProto(ETH_P_RARP);
}

/**
 * The protocol in the header of IPv4 or IPv6, there also behind a fragment header; other extension headers are not passed.
 *
 * @param protocol An IPPROTO_ number.
 * @param over Only one of them.
 */
export function proto(protocol: number, over: 'ip' | 'ip6' | 'any' = 'any'): FilterExpression {
  if (over !== 'ip' && over !== 'ip6' && over !== 'any') throw invalidValue('over', "'ip', 'ip6' or 'any'");
  return { word: 'proto', protocol: uint8(protocol, 'protocol'), over };
}

/** TCP. */
export function tcp(): FilterExpression {
  return proto(IPPROTO_TCP);
}

/** UDP. */
export function udp(): FilterExpression {
  return proto(IPPROTO_UDP);
}

/** SCTP. */
export function sctp(): FilterExpression {
  return proto(IPPROTO_SCTP);
}

/** ICMP, over IPv4. */
export function icmp(): FilterExpression {
  return proto(IPPROTO_ICMP, 'ip');
}

/** ICMPv6, over IPv6. */
export function icmp6(): FilterExpression {
  return proto(IPPROTO_ICMPV6, 'ip6');
}

/** IGMP, over IPv4. */
export function igmp(): FilterExpression {
  return proto(IPPROTO_IGMP, 'ip');
}

/** An address as words of 32 bits, and its mask. */
function network(address: unknown, name: string, length?: number) {
  if (typeof address !== 'string') throw invalidType(name, 'a string');
  const bytes = new Uint8Array(16);
  const family = address.includes(':') ? AF_INET6 : AF_INET;
  if (family === AF_INET6) putIpv6(bytes, 0, address, name);
  else putIpv4(bytes, 0, address, name);
  const words = family === AF_INET6 ? [0, 1, 2, 3] : [0];
  const bits = words.length * 32;
  const prefix = uint(length, bits, 'prefix length', bits);
  const mask = words.map((i) => {
    const left = Math.min(32, Math.max(0, prefix - 32 * i));
    return left === 0 ? 0 : (-1 << (32 - left)) >>> 0;
  });
  return { family, address: words.map((i) => get32(bytes, 4 * i)), mask };
}

const ANY_IPV4: readonly number[] = [ETH_P_IP, ETH_P_ARP, ETH_P_RARP];

function networkOf(
  address: unknown,
  name: string,
  direction: Direction,
  over: readonly number[] | undefined,
  length?: number,
): FilterExpression {
  const parts = network(address, name, length);
  const types = parts.family === AF_INET6 ? [ETH_P_IPV6] : (over ?? ANY_IPV4);
  return { word: 'net', ...parts, direction: directionOf(direction), over: types };
}

/**
 * An address of IPv4 or IPv6, that of IPv4 also in ARP and RARP.
 *
 * @param address `'192.0.2.1'`, `'2001:db8::1'`.
 * @param direction Which of both; `'src or dst'` unless given.
 * @param over Of IPv4: the EtherTypes in which it is looked for.
 */
export function host(
  address: string,
  direction: Direction = 'src or dst',
  over?: readonly number[] | undefined,
): FilterExpression {
  return networkOf(address, 'address', direction, over);
}

/**
 * A network of IPv4 or IPv6, that of IPv4 also in ARP and RARP.
 *
 * @param cidr `'192.0.2.0/24'`, `'2001:db8::/32'`. Bits behind the prefix must be 0.
 * @param direction Which of both; `'src or dst'` unless given.
 * @param over Of IPv4: the EtherTypes in which it is looked for.
 */
export function net(
  cidr: string,
  direction: Direction = 'src or dst',
  over?: readonly number[] | undefined,
): FilterExpression {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(String(cidr));
  if (match === null) throw invalidValue('cidr', "an address with a prefix length: '192.0.2.0/24'");
  const expression = networkOf(match[1]!, 'cidr', direction, over, Number(match[2]));
  const { address, mask } = expression as FilterExpression & { word: 'net' };
  if (address.some((word, i) => (word & ~mask[i]!) !== 0)) {
    throw invalidValue('cidr', 'a network: the bits behind its prefix are 0');
  }
  return expression;
}

/** A hardware address of Ethernet, `'02:00:00:00:00:01'`; `direction` as for `host`. */
export function etherHost(address: string, direction: Direction = 'src or dst'): FilterExpression {
  putHardware(new Uint8Array(6), 0, address, 'address', 6);
  return { word: 'ether host', address, direction: directionOf(direction) };
}

/** To all stations of an Ethernet. */
export function broadcast(): FilterExpression {
  return etherHost('ff:ff:ff:ff:ff:ff', 'dst');
}

/** To a group of stations of an Ethernet, or to all. */
export function multicast(): FilterExpression {
  return { word: 'multicast' };
}

/** A `number` of a port of TCP, UDP or SCTP; `direction` as for `host`. Of a fragmented packet of IPv4 it is known in the first fragment only. */
export function port(number: number, direction: Direction = 'src or dst'): FilterExpression {
  return portrange(number, number, direction);
}

/** Ports from one to another, both included. As `port`. */
export function portrange(from: number, to: number, direction: Direction = 'src or dst'): FilterExpression {
  const range = { from: uint16(from, 'from'), to: uint16(to, 'to') };
  if (from > to) throw outOfRange('to', `at least ${from}`);
  return { word: 'port', ...range, direction: directionOf(direction) };
}

/**
 * A VLAN tag (802.1Q, 802.1ad), be it in the packet or taken out by the kernel.
 *
 * As in pcap-filter(7), what follows in the expression looks behind the tag: `and(vlan(5), tcp())` is TCP in VLAN 5, and
 * `and(vlan(5), vlan(6))` a tag within a tag.
 *
 * @param id Its number; any unless given.
 */
export function vlan(id?: number): FilterExpression {
  return { word: 'vlan', id: id === undefined ? undefined : uint(id, 0xfff, 'id') };
}

function relationOf(value: unknown): Relation {
  if (!RELATIONS.includes(value)) throw invalidValue('relation', `one of '${RELATIONS.join("', '")}'`);
  return value as Relation;
}

/** The length of the packet on the wire in bytes, which has this `relation` to the `value`. */
export function len(relation: Relation, value: number): FilterExpression {
  return { word: 'len', relation: relationOf(relation), value: uint32(value, 'value') };
}

/** Of at most that length. */
export function less(length: number): FilterExpression {
  return len('<=', length);
}

/** Of at least that length. */
export function greater(length: number): FilterExpression {
  return len('>=', length);
}

/** Received by this host: everything that it does not send. */
export function inbound(): FilterExpression {
  return { word: 'direction', outbound: false };
}

/** Sent by this host. */
export function outbound(): FilterExpression {
  return { word: 'direction', outbound: true };
}

const BYTES_NAMES = namesOf<{ size?: number; mask?: number }>({ size: true, mask: true });

/**
 * Bytes of a header: `match.bytes('tcp', 13, '!=', 0, { mask: 2 })` is `tcp[13] & 2 != 0`.
 *
 * Headers of TCP, UDP, SCTP, ICMP and IGMP are those over IPv4, and not of later fragments, as in pcap-filter(7).
 *
 * @param header The header; a packet without it does not match.
 * @param offset From its first byte.
 * @param relation How they are compared, as a number in network order.
 * @param value With what.
 * @param options `size`: 1, 2 or 4 bytes, 1 unless given; `mask`: the bits that count, all unless given.
 */
export function bytes(
  header: HeaderName,
  offset: number,
  relation: Relation,
  value: number,
  options?: { size?: 1 | 2 | 4 | undefined; mask?: number | undefined },
): FilterExpression {
  if (!HEADERS.includes(header)) throw invalidValue('header', `one of ${HEADERS.join(', ')}`);
  if (options !== undefined) onlyKnown(options, BYTES_NAMES, 'options');
  const size = options?.size ?? 1;
  if (size !== 1 && size !== 2 && size !== 4) throw outOfRange('size', '1, 2 or 4');
  return {
    word: 'bytes',
    header,
    offset: uint16(offset, 'offset'),
    size,
    mask: uint32(options?.mask, 'mask', 0xffffffff),
    relation: relationOf(relation),
    value: uint32(value, 'value'),
  };
}
