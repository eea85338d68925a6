/**
 * The words of filter expressions as functions, named as in pcap-filter(7). `compileFilter` compiles their results.
 * They throw a TypeError or a RangeError for a value that cannot occur in a packet.
 *
 * @example
 * const web = match.and(match.tcp(), match.port(443, 'dst'), match.net('2001:db8::/32', 'src'));
 * console.log(verifyFilter(compileFilter(web))); // undefined
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
import type { FilterExpression } from './expression.ts';
import { noExpression } from './refusal.ts';

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
      throw noExpression();
    }
  }
  return of;
}

/** Matches if all of the expressions match. Without any, it matches every packet. */
export function and(...of: FilterExpression[]): FilterExpression {
  return { word: 'and', of: expressions(of) };
}

/** Matches if at least one of the expressions matches. Without any, it matches no packet. */
export function or(...of: FilterExpression[]): FilterExpression {
  return { word: 'or', of: expressions(of) };
}

/** Matches if the expression `of` does not. A packet that ends before a byte that is read is dropped nevertheless. */
export function not(of: FilterExpression): FilterExpression {
  return { word: 'not', of: expressions([of])[0]! };
}
