/** Words of filter expressions about IP and the protocols above it: protocols, addresses and ports. */
import {
  AF_INET6,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  ETH_P_RARP,
  IPPROTO_FRAGMENT,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../native/constants.ts';
import type { Direction, Word } from './expression.ts';
import { linkTypeIs } from './link-type.ts';
import { further, type Load, loadAt, remembered } from './load.ts';
import { all, any, bits, compare, equal, masked, not, type Part } from './part.ts';
import { refusedExpression } from './refusal.ts';
import { behindIpv4, networkLoad, networkOf, type Scope } from './scope.ts';

const TRANSPORTS = [IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP];
/** The length of the IPv6 header. */
const IPV6 = 40;

/** Combines the tests of two places as the direction requires. */
export function directed(direction: Direction, source: Part, destination: Part): Part {
  switch (direction) {
    case 'src':
      return source;
    case 'dst':
      return destination;
    case 'src or dst':
      return any(source, destination);
    case 'src and dst':
      return all(source, destination);
  }
}

/** Tests for IPv4 or IPv6 with one of these protocols in its header. */
export function protocolIs(scope: Scope, asked: object, over: number, ...protocols: number[]): Part {
  const field = remembered(networkOf(scope, over === ETH_P_IP ? 9 : 6), 1);
  return all(linkTypeIs(scope, over, asked), equal(field, ...protocols));
}

/** Tests that the packet is not a later IPv4 fragment. */
export function isFirst(scope: Scope): Part {
  return not(bits(remembered(networkOf(scope, 6), 2), 0x1fff));
}

/** Tests for a protocol above IP. In IPv6, it also looks after a fragment header. */
export function protocol(scope: Scope, asked: Word<'proto'>): Part {
  const { protocol: number, over } = asked;
  const four = () => protocolIs(scope, asked, ETH_P_IP, number);
  const six = () =>
    any(
      protocolIs(scope, asked, ETH_P_IPV6, number),
      all(protocolIs(scope, asked, ETH_P_IPV6, IPPROTO_FRAGMENT), equal(remembered(networkOf(scope, IPV6), 1), number)),
    );
  if (over === 'any') return any(four(), six());
  return over === 'ip' ? four() : six();
}

/** Tests the IP addresses in an IP or ARP header. */
export function net(scope: Scope, asked: Word<'net'>): Part {
  const { family, addresses, mask, direction } = asked;
  const counting = mask.flatMap((bits, i) => (bits === 0 ? [] : [i]));
  const at = (offset: number): Part => {
    const word = (i: number) => networkLoad(scope, offset + 4 * i, 4, mask[i]);
    // If a single word counts, it is loaded once for all addresses.
    if (counting.length === 1) return equal(word(counting[0]!), ...addresses.map((one) => one[counting[0]!]!));
    return any(...addresses.map((one) => all(...counting.map((i) => equal(word(i), one[i]!)))));
  };
  const either = (source: number, destination: number) => directed(direction, at(source), at(destination));
  if (family === AF_INET6) return all(linkTypeIs(scope, ETH_P_IPV6, asked), either(8, 24));
  const over = asked.over ?? (scope.labels > 0 ? [ETH_P_IP] : [ETH_P_IP, ETH_P_ARP, ETH_P_RARP]);
  return any(
    ...over.map((type) => all(linkTypeIs(scope, type, asked), type === ETH_P_IP ? either(12, 16) : either(14, 24))),
  );
}

/** Tests the ports of TCP, UDP and SCTP. */
export function port(scope: Scope, asked: Word<'port'>): Part {
  const { ranges, direction, protocol: only } = asked;
  const protocols = only === undefined ? TRANSPORTS : [only];
  const inRange = (field: Load) => {
    const single = ranges.filter(([from, to]) => from === to).map(([from]) => from);
    const longer = ranges.filter(([from, to]) => from !== to);
    return any(
      equal(field, ...single),
      ...longer.map(([from, to]) => all(compare(field, '>=', from), compare(field, '<=', to))),
    );
  };
  const six = (at: number) => inRange(networkLoad(scope, IPV6 + at, 2));
  const behind = behindIpv4(scope);
  const four = (at: number) => inRange(loadAt(further(behind, at), 2));
  return any(
    all(protocolIs(scope, asked, ETH_P_IPV6, ...protocols), directed(direction, six(0), six(2))),
    all(protocolIs(scope, asked, ETH_P_IP, ...protocols), isFirst(scope), directed(direction, four(0), four(2))),
  );
}

/** Tests for an IPv4 broadcast: the host bits, which the netmask leaves out, are all 0 or all 1. */
export function ipBroadcast(
  scope: Scope,
  asked: Word<'multicast' | 'ip broadcast'>,
  netmask: number | undefined,
): Part {
  if (netmask === undefined) {
    throw refusedExpression(asked, "'ip broadcast' requires the option 'netmask'");
  }
  const hosts = ~netmask >>> 0;
  const destination = (value: number) => masked(networkOf(scope, 16), 4, hosts, value);
  return all(linkTypeIs(scope, ETH_P_IP, asked), any(destination(0), destination(hosts)));
}
