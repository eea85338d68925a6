/** Parses addresses, ports and protocols in filter expressions, with their qualifiers. */
import {
  AF_INET,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_RARP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../native/constants.ts';
import type { Direction, FilterExpression, WlanAddress } from './expression.ts';
import * as match from './match.ts';
import { portsOf } from './match-network.ts';
import { PROTOCOLS, SERVICES } from './names.ts';
import { named, type Token, type TokenReader } from './tokens.ts';
import { ETHER_PROTOCOLS, ISO_PROTOCOLS, LINK } from './words.ts';

/** The qualifiers before an address or a number. An address without its own inherits those of the previous one. */
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

/** Returns the direction for something other than a hardware address. */
function directionOf(reader: TokenReader, { token, direction = 'src or dst' }: Asked): Direction {
  if (direction.includes('src') || direction.includes('dst')) return direction as Direction;
  throw reader.refusal(token, `'${direction}' applies to 802.11 hardware addresses, and ${named(token)} is not one`);
}

/** Throws if the qualifiers cannot be combined with an address. */
function needsAddress(reader: TokenReader, asked: Asked, what: string): void {
  const { token, type } = asked;
  if (!isAddress(asked))
    throw reader.refusal(token, `'${type}' cannot be followed by an ${what} such as ${named(token)}`);
}

/** Creates an expression for an IPv4 network from a number and its mask. */
function ipv4Net(reader: TokenReader, asked: Asked, address: number, mask: number): FilterExpression {
  const { token, protocol } = asked;
  if (protocol !== undefined && !Object.hasOwn(OVER, protocol)) {
    throw reader.refusal(token, `'${protocol}' does not have IPv4 addresses, only 'ip', 'arp' and 'rarp' do`);
  }
  const [value, bits] = [address >>> 0, mask >>> 0];
  if ((value & ~bits) !== 0) throw reader.refusal(token, `${named(token)} has bits set outside its mask`);
  const over = protocol === undefined ? undefined : OVER[protocol];
  const direction = directionOf(reader, asked);
  return { word: 'net', family: AF_INET, addresses: [[value]], mask: [bits], direction, over };
}

/** Returns the value of an IPv4 address that may be abbreviated, and its length in bits. */
function ipv4(reader: TokenReader, token: Token): { value: number; length: number } {
  const parts = token.text.split('.');
  if (parts.some((part) => !/^\d+$/.test(part) || Number(part) > 255)) {
    throw reader.refusal(token, `'${token.text}' is not an IPv4 address: each part must be from 0 to 255`);
  }
  const value = parts.reduce((sum, part) => sum * 256 + Number(part), 0);
  return { value: value * 2 ** (32 - 8 * parts.length), length: 8 * parts.length };
}

/** Returns the mask for a prefix length. */
const prefix = (length: number) => (length === 0 ? 0 : -1 << (32 - length));

function ipv4Address(reader: TokenReader, asked: Asked): FilterExpression {
  const { token, protocol, type } = asked;
  if (protocol === 'decnet' && isAddress(asked)) {
    if (token.text.split('.').length !== 2)
      throw reader.refusal(token, `'${token.text}' is not a DECnet address such as 10.123`);
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
    if (type !== 'net') throw reader.refusal(token, `an address with a mask is a network: use 'net ${token.text}'`);
    if (hasLength) return ipv4Net(reader, asked, value, prefix(reader.number('a prefix length', 32)));
    const mask = reader.take();
    if (mask.kind !== 'ipv4')
      throw reader.refusal(mask, `a mask is missing before ${named(mask)}, as in 'mask 255.0.0.0'`);
    return ipv4Net(reader, asked, value, ipv4(reader, mask).value);
  }
  needsAddress(reader, asked, 'address');
  return ipv4Net(reader, asked, value, prefix(length));
}

function ipv6Address(reader: TokenReader, asked: Asked): FilterExpression {
  const { token, protocol, type } = asked;
  const length = reader.takeOne('/') === undefined ? 128 : reader.number('a prefix length', 128);
  needsAddress(reader, asked, 'address');
  if (protocol !== undefined && protocol !== 'ip6') {
    throw reader.refusal(token, `'${protocol}' does not have IPv6 addresses, only 'ip6' does`);
  }
  if (length < 128 && type !== 'net') {
    throw reader.refusal(token, `an address with a prefix length is a network: use 'net ${token.text}/${length}'`);
  }
  const direction = directionOf(reader, asked);
  try {
    return match.net(`${token.text}/${length}`, direction);
  } catch {
    throw reader.refusal(token, `'${token.text}' has bits set outside the prefix of ${length} bits`);
  }
}

/** Creates an expression for a hardware address in any notation. */
function hardwareAddress(reader: TokenReader, asked: Asked): FilterExpression {
  const { token, protocol, type, direction = 'src or dst' } = asked;
  if (protocol === undefined || !LINK.includes(protocol) || (type !== undefined && type !== 'host')) {
    throw reader.refusal(
      token,
      `'${token.text}' is a hardware address, which only 'ether host', 'ether src' and 'ether dst' accept`,
    );
  }
  return match.etherHost(token.text, direction);
}

/** Creates an expression for ports. The protocol comes from the qualifiers or from the name of the service. */
function ports(reader: TokenReader, asked: Asked, numbers: readonly number[], only?: string): FilterExpression {
  const { token, type, protocol } = asked;
  if (protocol !== undefined && !Object.hasOwn(TRANSPORTS, protocol)) {
    throw reader.refusal(token, `'${type}' cannot follow '${protocol}', only 'tcp', 'udp' and 'sctp'`);
  }
  if (protocol !== undefined && only !== undefined && only !== protocol) {
    throw reader.refusal(token, `'${token.text}' is a ${only} port`);
  }
  const over = protocol ?? only;
  const number = over === undefined ? undefined : TRANSPORTS[over];
  return portsOf(Math.min(...numbers), Math.max(...numbers), directionOf(reader, asked), number);
}

function servicePorts(reader: TokenReader, asked: Asked): FilterExpression {
  const { token, type } = asked;
  const names = type === 'portrange' ? (/^([^-]+)-(.+)$/.exec(token.text)?.slice(1) ?? []) : [token.text];
  if (names.length === 0) throw reader.refusal(token, `'${token.text}' is not a port range such as 6000-6008`);
  const found = names.map((name): readonly [number, string?] => {
    if (/^\d+$/.test(name) && Number(name) <= PORT) return [Number(name)];
    if (Object.hasOwn(SERVICES, name)) return SERVICES[name]!;
    throw reader.refusal(token, `'${name}' is neither a port nor a known service`);
  });
  const protocols = new Set(found.map(([, protocol]) => protocol));
  const numbers = found.map(([number]) => number);
  return ports(reader, asked, numbers, protocols.size === 1 ? [...protocols][0] : undefined);
}

/** Creates an expression for a protocol number. */
function protocolNumber(reader: TokenReader, asked: Asked, number: number): FilterExpression {
  const { token, protocol, direction } = asked;
  if (direction !== undefined) throw reader.refusal(token, "'proto' cannot have a direction");
  const greatest = protocol !== undefined && LINK.includes(protocol) ? 0xffff : 0xff;
  if (number > greatest)
    throw reader.refusal(token, `a protocol number is at most ${greatest} here, but '${token.text}' is greater`);
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
      throw reader.refusal(token, `'proto' cannot follow '${protocol}', only 'ether', 'ip', 'ip6', 'iso' and 'isis'`);
  }
}

function protocolNamed(reader: TokenReader, asked: Asked): FilterExpression {
  const { token, protocol } = asked;
  const isLink = protocol !== undefined && LINK.includes(protocol);
  const names = isLink ? ETHER_PROTOCOLS : protocol === 'iso' ? ISO_PROTOCOLS : PROTOCOLS;
  const known = names === PROTOCOLS ? token.text.toLowerCase() : token.text;
  if (protocol === 'isis' || !Object.hasOwn(names, known)) {
    throw reader.refusal(
      token,
      `'${token.text}' is not a known protocol${protocol === undefined ? '' : ` of '${protocol}'`}`,
    );
  }
  return protocolNumber(reader, asked, names[known]!);
}

function name(reader: TokenReader, asked: Asked): FilterExpression {
  const { token, type, protocol } = asked;
  if (type === 'port' || type === 'portrange') return servicePorts(reader, asked);
  if (type === 'proto') return protocolNamed(reader, asked);
  if (protocol !== undefined && LINK.includes(protocol)) {
    throw reader.refusal(
      token,
      `'${token.text}' is not a hardware address such as 02:00:00:00:00:01; names are not looked up`,
    );
  }
  throw reader.refusal(token, `'${token.text}' is not an address; names of hosts and networks are not looked up`);
}

function number(reader: TokenReader, asked: Asked): FilterExpression {
  const { token, type, protocol } = asked;
  const value = reader.numberOf(token, 'a number');
  if (type === 'port' || type === 'portrange') return ports(reader, asked, [reader.numberOf(token, 'a port', PORT)]);
  if (type === 'proto') return protocolNumber(reader, asked, value);
  if (protocol === 'decnet')
    return { word: 'decnet host', address: value & 0xffff, direction: directionOf(reader, asked) };
  if (reader.is(['/', 'mask'])) {
    throw reader.refusal(reader.peek(), `a network with a mask needs at least two parts: '${token.text}.0'`);
  }
  // A number alone is the first part of a network, but the whole address of a host.
  let bits = 32;
  if (type === 'net') while (bits > 8 && value !== 0 && value < 2 ** (bits - 8)) bits -= 8;
  return ipv4Net(reader, asked, value * 2 ** (32 - bits), prefix(bits));
}

/** Parses one address, port or protocol without parentheses. */
function single(reader: TokenReader, before: Qualifiers | undefined): FilterExpression {
  const token = reader.take();
  const isWord = token.kind === 'word';
  if (token.kind === 'end' || token.kind === 'symbol' || isWord) {
    const hint = isWord && before?.type?.startsWith('proto') ? `; write '\\${token.text}' for the protocol` : '';
    const what = before?.type ?? 'host';
    throw reader.refusal(token, `the argument of '${what}' is missing before ${named(token)}${hint}`);
  }
  if (before === undefined && /^\w+-\d+$/.test(token.text)) {
    throw reader.refusal(token, `'${token.text}' is a name; a subtraction needs spaces around '-'`);
  }
  if (before === undefined) {
    throw reader.refusal(token, `a word such as 'host', 'net' or 'port' is missing before ${named(token)}`);
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

/** Parses the arguments after qualifiers: one, or several in parentheses. `place` receives the position of each. */
export function addresses(
  reader: TokenReader,
  before: Qualifiers | undefined,
  place: (expression: FilterExpression, token: Token) => FilterExpression,
): FilterExpression {
  return reader.nested(() => {
    const token = reader.peek();
    if (reader.takeOne('not') !== undefined) return match.not(addresses(reader, before, place));
    if (reader.takeOne('(') === undefined) return place(single(reader, before), token);
    // A number may have its own parentheses. The first argument of another kind has none.
    let left = addresses(reader, before, place);
    for (let word = reader.takeOne('and', 'or'); word !== undefined; word = reader.takeOne('and', 'or')) {
      left = { word: word.text as 'and' | 'or', of: [left, addresses(reader, before, place)] };
    }
    reader.expect(')');
    return left;
  });
}
