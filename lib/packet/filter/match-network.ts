/** Words of filter expressions for IP and the protocols above it. */

import { invalidType, invalidValue, outOfRange, text } from '../../argument/argument-error.ts';
import * as constants from '../../native/constants.ts';
import { get32, uint, uint8, uint16 } from '../bytes/bytes.ts';
import { putIpv4, putIpv6 } from '../bytes/text.ts';
import type { Direction, FilterExpression } from './expression.ts';
import { etherProto } from './match-link.ts';

const DIRECTIONS: readonly unknown[] = ['src', 'dst', 'src or dst', 'src and dst'];

function directionOf(value: unknown): Direction {
  if (!DIRECTIONS.includes(value)) throw invalidValue('direction', `one of '${DIRECTIONS.join("', '")}'`);
  return value as Direction;
}

/** Matches IPv4. */
export function ip(): FilterExpression {
  return etherProto(constants.ETH_P_IP);
}

/** Matches IPv6. */
export function ip6(): FilterExpression {
  return etherProto(constants.ETH_P_IPV6);
}

/** Matches ARP. */
export function arp(): FilterExpression {
  return etherProto(constants.ETH_P_ARP);
}

/** Matches RARP. */
export function rarp(): FilterExpression {
  return etherProto(constants.ETH_P_RARP);
}

/**
 * Matches a protocol in the header of IPv4 or IPv6. In IPv6, it also looks after a fragment header, but not after other
 * extension headers.
 *
 * @param protocol An IPPROTO_ number.
 * @param over Only IPv4 or only IPv6. The default is both.
 */
export function proto(protocol: number, over: 'ip' | 'ip6' | 'any' = 'any'): FilterExpression {
  if (over !== 'ip' && over !== 'ip6' && over !== 'any') throw invalidValue('over', "'ip', 'ip6' or 'any'");
  return { word: 'proto', protocol: uint8(protocol, 'protocol'), over };
}

/** Matches TCP. */
export function tcp(): FilterExpression {
  return proto(constants.IPPROTO_TCP);
}

/** Matches UDP. */
export function udp(): FilterExpression {
  return proto(constants.IPPROTO_UDP);
}

/** Matches SCTP. */
export function sctp(): FilterExpression {
  return proto(constants.IPPROTO_SCTP);
}

/** Matches ICMP over IPv4. */
export function icmp(): FilterExpression {
  return proto(constants.IPPROTO_ICMP, 'ip');
}

/** Matches ICMPv6 over IPv6. */
export function icmp6(): FilterExpression {
  return proto(constants.IPPROTO_ICMPV6, 'ip6');
}

/** Matches IGMP over IPv4. */
export function igmp(): FilterExpression {
  return proto(constants.IPPROTO_IGMP, 'ip');
}

/** Returns an address as 32-bit words, and its mask. */
function network(address: unknown, name: string, length?: number) {
  if (typeof address !== 'string') throw invalidType(name, 'a string');
  const bytes = new Uint8Array(16);
  const family = address.includes(':') ? constants.AF_INET6 : constants.AF_INET;
  if (family === constants.AF_INET6) putIpv6(bytes, 0, address, name);
  else putIpv4(bytes, 0, address, name);
  const words = family === constants.AF_INET6 ? [0, 1, 2, 3] : [0];
  const bits = words.length * 32;
  const prefix = uint(length, bits, 'prefix length', bits);
  const mask = words.map((i) => {
    const left = Math.min(32, Math.max(0, prefix - 32 * i));
    return left === 0 ? 0 : (-1 << (32 - left)) >>> 0;
  });
  return { family, addresses: [words.map((i) => get32(bytes, 4 * i))], mask };
}

function networkOf(
  address: unknown,
  name: string,
  direction: Direction,
  over: readonly number[] | undefined,
  length?: number,
): FilterExpression & { word: 'net' } {
  const parts = network(address, name, length);
  return { word: 'net', ...parts, direction: directionOf(direction), over };
}

/**
 * Matches an IPv4 or IPv6 address. An IPv4 address is looked for in ARP and RARP as well.
 *
 * @param address `'192.0.2.1'`, `'2001:db8::1'`.
 * @param direction The source or the destination, or both. The default is `'src or dst'`.
 * @param over For IPv4, the EtherTypes in which the address is looked for.
 */
export function host(
  address: string,
  direction: Direction = 'src or dst',
  over?: readonly number[] | undefined,
): FilterExpression {
  return networkOf(address, 'address', direction, over);
}

/**
 * Matches an IPv4 or IPv6 network. An IPv4 network is looked for in ARP and RARP as well.
 *
 * @param cidr `'192.0.2.0/24'`, `'2001:db8::/32'`. The bits after the prefix must be 0.
 * @param direction The source or the destination, or both. The default is `'src or dst'`.
 * @param over For IPv4, the EtherTypes in which the network is looked for.
 */
export function net(
  cidr: string,
  direction: Direction = 'src or dst',
  over?: readonly number[] | undefined,
): FilterExpression {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text(cidr, 'cidr'));
  if (match === null) throw invalidValue('cidr', "an address with a prefix length, such as '192.0.2.0/24'");
  const expression = networkOf(match[1]!, 'cidr', direction, over, Number(match[2]));
  const { addresses, mask } = expression;
  if (addresses[0]!.some((word, i) => (word & ~mask[i]!) !== 0)) {
    throw invalidValue('cidr', 'a network whose bits after the prefix are 0');
  }
  return expression;
}

/**
 * Matches IPv4 packets that are sent to a directed or the limited broadcast address. The option `netmask` of
 * `compileFilter` defines the network.
 */
export function ipBroadcast(): FilterExpression {
  return { word: 'ip broadcast' };
}

/**
 * Matches the port `number` of TCP, UDP or SCTP, where `direction` has the same meaning as for `host`. In a fragmented
 * IPv4 packet, only the first fragment contains ports.
 */
export function port(number: number, direction: Direction = 'src or dst'): FilterExpression {
  return portrange(number, number, direction);
}

/** Matches the ports from `from` to `to`, both included, where `direction` has the same meaning as for `host`. */
export function portrange(from: number, to: number, direction: Direction = 'src or dst'): FilterExpression {
  return portsOf(from, to, direction);
}

/** Matches ports of one protocol, or of all protocols that have ports. */
export function portsOf(from: number, to: number, direction: Direction, protocol?: number): FilterExpression {
  const range = [uint16(from, 'from'), uint16(to, 'to')] as const;
  if (from > to) throw outOfRange('to', `at least ${from}`);
  return { word: 'port', ranges: [range], direction: directionOf(direction), protocol };
}
