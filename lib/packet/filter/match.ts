/**
 * The words of filter expressions as functions, by their names in pcap-filter(7). What they make is compiled by
 * `compileFilter`; a value that a packet cannot have is a TypeError or a RangeError.
 *
 * @example
 * const web = match.and(match.tcp(), match.port(443, 'dst'), match.net('2001:db8::/32', 'src'));
 * console.log(verifyFilter(compileFilter(web))); // undefined
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
import { invalidType } from '../../posix/errno.ts';
import type { FilterExpression } from './expression.ts';

export {
  broadcast,
  decnetHost,
  etherHost,
  etherProto,
  geneve,
  ifindex,
  inbound,
  isoProto,
  llc,
  mpls,
  multicast,
  outbound,
  pppoes,
  vlan,
} from './match-link.ts';
export {
  arp,
  host,
  icmp,
  icmp6,
  igmp,
  ip,
  ip6,
  ipBroadcast,
  net,
  port,
  portrange,
  proto,
  rarp,
  sctp,
  tcp,
  udp,
} from './match-network.ts';
export { bytes, compare, greater, len, less } from './match-value.ts';

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
