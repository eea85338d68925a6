/** Addresses, ports and protocols in the text of filter expressions, with the words that say what they are. */
import {
  AF_INET,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_RARP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../posix/constants.ts';
import type { Direction, FilterExpression, WlanAddress } from './expression.ts';
import * as match from './match.ts';
import { portsOf } from './match-network.ts';
import { PROTOCOLS, SERVICES } from './names.ts';
import { named, type Reader, type Token } from './tokens.ts';
import { ETHER_PROTOCOLS, ISO_PROTOCOLS, LINK } from './words.ts';

/** The words before an address or a number. One without words of its own takes those of the one before it. */
export interface Qualifiers {
  protocol: string | undefined;
  direction: Direction | WlanAddress | undefined;
  type: string | undefined;
}

type Asked = Qualifiers & { token: Token };

const OVER: { readonly [protocol: string]: readonly number[] } = {
  ...{ ip: [ETH_P_IP], arp: [ETH_P_ARP], rarp: [ETH_P_RARP] },
};
const TRANSPORTS: { readonly [protocol: string]: number } = { tcp: IPPROTO_TCP, udp: IPPROTO_UDP, sctp: IPPROTO_SCTP };
const PORT = 0xffff;

const isAddress = ({ type }: Qualifiers) => type === undefined || type === 'host' || type === 'net';

/** The direction of what is no hardware address. */
function directionOf(reader: Reader, { token, direction = 'src or dst' }: Asked): Direction {
  if (direction.includes('src') || direction.includes('dst')) return direction as Direction;
  throw reader.refusal(token, `'${direction}' is about hardware addresses of 802.11, and ${named(token)} is none`);
}

/** Refuses words that do not go together with an address. */
function needsAddress(reader: Reader, asked: Asked, what: string): void {
  const { token, type } = asked;
  if (!isAddress(asked)) throw reader.refusal(token, `behind '${type}' there is no ${what} as ${named(token)}`);
}

/** A network of IPv4 that is given as a number and as its mask. */
function ipv4Net(reader: Reader, asked: Asked, address: number, mask: number): FilterExpression {
  const { token, protocol } = asked;
  if (protocol !== undefined && !Object.hasOwn(OVER, protocol)) {
    throw reader.refusal(token, `'${protocol}' has no addresses of IPv4: those are of 'ip', 'arp' and 'rarp'`);
  }
  const [value, bits] = [address >>> 0, mask >>> 0];
  if ((value & ~bits) !== 0) throw reader.refusal(token, `${named(token)} has bits that its mask leaves out`);
  const over = protocol === undefined ? undefined : OVER[protocol];
  const direction = directionOf(reader, asked);
  return { word: 'net', family: AF_INET, addresses: [[value]], mask: [bits], direction, over };
}

/** The parts of an address of IPv4 that may be short, and its length in bits. */
function ipv4(reader: Reader, token: Token): { value: number; length: number } {
  const parts = token.text.split('.');
  if (parts.some((part) => !/^\d+$/.test(part) || Number(part) > 255)) {
    throw reader.refusal(token, `'${token.text}' is no address of IPv4: each part is from 0 to 255`);
  }
  const value = parts.reduce((sum, part) => sum * 256 + Number(part), 0);
  return { value: value * 2 ** (32 - 8 * parts.length), length: 8 * parts.length };
}

/** The mask of so many bits. */
const prefix = (length: number) => (length === 0 ? 0 : -1 << (32 - length));

function ipv4Address(reader: Reader, asked: Asked): FilterExpression {
  const { token, protocol, type } = asked;
  if (protocol === 'decnet' && isAddress(asked)) {
    if (token.text.split('.').length !== 2)
      throw reader.refusal(token, `'${token.text}' is no address of DECnet, as 10.123`);
    const [area, node] = token.text.split('.').map(Number) as [number, number];
    return {
      word: 'decnet host',
      address: ((area & 0x3f) << 10) | (node & 0x3ff),
      direction: directionOf(reader, asked),
    };
  }
  const { value, length } = ipv4(reader, token);
  const hasLength = reader.takeOne('/') !== undefined;
  if (hasLength || reader.takeOne('mask') !== undefined) {
    if (type !== 'net') throw reader.refusal(token, `an address with a mask is a network: 'net ${token.text}'`);
    if (hasLength) return ipv4Net(reader, asked, value, prefix(reader.number('the length of a prefix', 32)));
    const mask = reader.take();
    if (mask.kind !== 'ipv4')
      throw reader.refusal(mask, `a mask is missing before ${named(mask)}, as in 'mask 255.0.0.0'`);
    return ipv4Net(reader, asked, value, ipv4(reader, mask).value);
  }
  needsAddress(reader, asked, 'address');
  return ipv4Net(reader, asked, value, prefix(length));
}

function ipv6Address(reader: Reader, asked: Asked): FilterExpression {
  const { token, protocol, type } = asked;
  const length = reader.takeOne('/') === undefined ? 128 : reader.number('the length of a prefix', 128);
  needsAddress(reader, asked, 'address');
  if (protocol !== undefined && protocol !== 'ip6') {
    throw reader.refusal(token, `'${protocol}' has no addresses of IPv6: those are of 'ip6'`);
  }
  if (length < 128 && type !== 'net') {
    throw reader.refusal(token, `an address with a length is a network: 'net ${token.text}/${length}'`);
  }
  const direction = directionOf(reader, asked);
  try {
    return match.net(`${token.text}/${length}`, direction);
  } catch {
    throw reader.refusal(token, `'${token.text}' has bits that the prefix of ${length} bits leaves out`);
  }
}

/** A hardware address in any spelling. */
function hardwareAddress(reader: Reader, asked: Asked): FilterExpression {
  const { token, protocol, type, direction = 'src or dst' } = asked;
  if (protocol === undefined || !LINK.includes(protocol) || (type !== undefined && type !== 'host')) {
    throw reader.refusal(token, `'${token.text}' is a hardware address, for 'ether host', 'ether src' or 'ether dst'`);
  }
  return match.etherHost(token.text, direction);
}

/** Ports, with the protocol that the words or the name of a service tell. */
function ports(reader: Reader, asked: Asked, numbers: readonly number[], only?: string): FilterExpression {
  const { token, type, protocol } = asked;
  if (protocol !== undefined && !Object.hasOwn(TRANSPORTS, protocol)) {
    throw reader.refusal(token, `'${protocol}' has no '${type}': those are of 'tcp', 'udp' and 'sctp'`);
  }
  if (protocol !== undefined && only !== undefined && only !== protocol) {
    throw reader.refusal(token, `'${token.text}' is a port of ${only}`);
  }
  const over = protocol ?? only;
  const number = over === undefined ? undefined : TRANSPORTS[over];
  return portsOf(Math.min(...numbers), Math.max(...numbers), directionOf(reader, asked), number);
}

function servicePorts(reader: Reader, asked: Asked): FilterExpression {
  const { token, type } = asked;
  const names = type === 'portrange' ? (/^([^-]+)-(.+)$/.exec(token.text)?.slice(1) ?? []) : [token.text];
  if (names.length === 0) throw reader.refusal(token, `'${token.text}' is no range of ports, as 6000-6008`);
  const found = names.map((name): readonly [number, string?] => {
    if (/^\d+$/.test(name) && Number(name) <= PORT) return [Number(name)];
    if (Object.hasOwn(SERVICES, name)) return SERVICES[name]!;
    throw reader.refusal(token, `'${name}' is no port, nor a service that is known here by name`);
  });
  const protocols = new Set(found.map(([, protocol]) => protocol));
  const numbers = found.map(([number]) => number);
  return ports(reader, asked, numbers, protocols.size === 1 ? [...protocols][0] : undefined);
}

/** A protocol by its number. */
function protocolNumber(reader: Reader, asked: Asked, number: number): FilterExpression {
  const { token, protocol, direction } = asked;
  if (direction !== undefined) throw reader.refusal(token, "'proto' has no direction");
  const greatest = protocol !== undefined && LINK.includes(protocol) ? 0xffff : 0xff;
  if (number > greatest)
    throw reader.refusal(token, `a protocol is at most ${greatest} here, and '${token.text}' is more`);
  if (protocol === undefined) return match.proto(number);
  if (LINK.includes(protocol)) return match.etherProto(number);
  switch (protocol) {
    case 'ip':
    case 'ip6':
      return match.proto(number, protocol);
    case 'iso':
      return match.isoProto(number);
    case 'isis':
      return match.isoProto(ISO_PROTOCOLS.isis!, number);
    default:
      throw reader.refusal(token, `'${protocol}' has no 'proto': that is of 'ether', 'ip', 'ip6', 'iso' and 'isis'`);
  }
}

function protocolNamed(reader: Reader, asked: Asked): FilterExpression {
  const { token, protocol } = asked;
  const isLink = protocol !== undefined && LINK.includes(protocol);
  const names = isLink ? ETHER_PROTOCOLS : protocol === 'iso' ? ISO_PROTOCOLS : PROTOCOLS;
  if (protocol === 'isis' || !Object.hasOwn(names, token.text)) {
    throw reader.refusal(
      token,
      `'${token.text}' is no protocol${protocol === undefined ? '' : ` of '${protocol}'`} that is known here by name`,
    );
  }
  return protocolNumber(reader, asked, names[token.text]!);
}

function name(reader: Reader, asked: Asked): FilterExpression {
  const { token, type, protocol } = asked;
  if (type === 'port' || type === 'portrange') return servicePorts(reader, asked);
  if (type === 'proto') return protocolNamed(reader, asked);
  if (protocol !== undefined && LINK.includes(protocol)) {
    throw reader.refusal(
      token,
      `'${token.text}' is no hardware address, as 02:00:00:00:00:01; names are not looked up`,
    );
  }
  throw reader.refusal(token, `'${token.text}' is no address; names of hosts and networks are not looked up`);
}

function number(reader: Reader, asked: Asked): FilterExpression {
  const { token, type, protocol } = asked;
  const value = reader.numberOf(token, 'a number');
  if (type === 'port' || type === 'portrange') return ports(reader, asked, [reader.numberOf(token, 'a port', PORT)]);
  if (type === 'proto') return protocolNumber(reader, asked, value);
  if (protocol === 'decnet')
    return { word: 'decnet host', address: value & 0xffff, direction: directionOf(reader, asked) };
  if (reader.is(['/', 'mask'])) {
    throw reader.refusal(reader.peek(), `a network with a mask has at least two parts: '${token.text}.0'`);
  }
  // A number alone is the first part of a network, but all of the address of a host.
  let bits = 32;
  if (type === 'net') while (bits > 8 && value !== 0 && value < 2 ** (bits - 8)) bits -= 8;
  return ipv4Net(reader, asked, value * 2 ** (32 - bits), prefix(bits));
}

/** One address, port or protocol, without parentheses. */
function single(reader: Reader, before: Qualifiers | undefined): FilterExpression {
  const token = reader.take();
  const isWord = token.kind === 'word';
  if (token.kind === 'end' || token.kind === 'symbol' || isWord) {
    const hint = isWord && before?.type?.startsWith('proto') ? `; the protocol of that name is '\\${token.text}'` : '';
    const what = before?.type ?? 'host';
    throw reader.refusal(token, `what '${what}' is about is missing before ${named(token)}${hint}`);
  }
  if (before === undefined && /^\w+-\d+$/.test(token.text)) {
    throw reader.refusal(token, `'${token.text}' is a name; a difference has spaces around '-'`);
  }
  if (before === undefined) {
    throw reader.refusal(token, `no word tells what ${named(token)} is: 'host', 'net', 'port' or the like is missing`);
  }
  const asked = { ...before, token };
  switch (token.kind) {
    case 'ipv4':
      return ipv4Address(reader, asked);
    case 'ipv6':
      return ipv6Address(reader, asked);
    case 'mac':
      return hardwareAddress(reader, asked);
    case 'number':
      return number(reader, asked);
    default:
      return name(reader, asked);
  }
}

/** What stands behind words that say what it is: one, or several in parentheses. `place` is told where each stands. */
export function addresses(
  reader: Reader,
  before: Qualifiers | undefined,
  place: (expression: FilterExpression, token: Token) => FilterExpression,
): FilterExpression {
  return reader.nested(() => {
    const token = reader.peek();
    if (reader.takeOne('not') !== undefined) return match.not(addresses(reader, before, place));
    if (reader.takeOne('(') === undefined) return place(single(reader, before), token);
    // A number may have parentheses of its own; of others the first has none.
    let left = addresses(reader, before, place);
    for (let word = reader.takeOne('and', 'or'); word !== undefined; word = reader.takeOne('and', 'or')) {
      left = { word: word.text as 'and' | 'or', of: [left, addresses(reader, before, place)] };
    }
    reader.expect(')');
    return left;
  });
}
