/** Parses filter expressions: the language of pcap-filter(7). */
import { invalidType } from '../../argument/argument-error.ts';
import type { Direction, FilterExpression, WlanAddress } from './expression.ts';
import * as match from './match.ts';
import { addresses, type Qualifiers } from './parse-address.ts';
import { llcWord, wlanWord } from './parse-frame.ts';
import { comparison, isValueAhead, isValueInParentheses } from './parse-value.ts';
import { placed } from './refusal.ts';
import { named, type Token, TokenReader } from './tokens.ts';
import { ALONE, DIRECTIONS, FOREIGN, isHeader, isProtocol, LINK, TYPES } from './words.ts';

/** An expression, and the qualifiers that an address after it inherits. */
interface Parsed {
  expression: FilterExpression;
  qualifiers: Qualifiers | undefined;
}

const TUNNELS: { readonly [word: string]: [what: string, greatest: number, make: (id?: number) => FilterExpression] } =
  {
    vlan: ['a VLAN ID', 0xfff, match.vlan],
    mpls: ['an MPLS label', 0xfffff, match.mpls],
    pppoes: ['a PPPoE session ID', 0xffff, match.pppoes],
    geneve: ['a Geneve network ID', 0xffffff, match.geneve],
  };
const PPPOE_DISCOVERY = 0x8863;
/** Words that form an expression together with a number. */
const NUMBERED: { readonly [word: string]: [what: string, make: (number: number) => FilterExpression] } = {
  less: ['a length', match.less],
  greater: ['a length', match.greater],
  ifindex: ['an interface index', match.ifindex],
};
const SINGLE: { readonly [word: string]: () => FilterExpression } = {
  inbound: match.inbound,
  outbound: match.outbound,
  pppoed: () => match.etherProto(PPPOE_DISCOVERY),
};
/** Tests whether the destination is a multicast group, by its first byte. */
const MULTICAST: { readonly [protocol: string]: () => FilterExpression } = {
  ip: () => match.bytes('ip', 16, '>=', 0xe0),
  ip6: () => match.bytes('ip6', 24, '=', 0xff),
};

class Parser {
  readonly #reader: TokenReader;

  constructor(text: string) {
    this.#reader = new TokenReader(text);
  }

  /** Remembers the position of all parts of an expression. */
  #place(expression: FilterExpression, token: Token, from = token): FilterExpression {
    if (expression.word === 'and' || expression.word === 'or') {
      for (const one of expression.of) this.#place(one, token, from);
    }
    return placed(expression, this.#reader.text, token.at, from.at, this.#reader.end);
  }

  whole(): FilterExpression {
    const reader = this.#reader;
    if (reader.peek().kind === 'end') return match.and();
    const { expression } = this.#alternatives(undefined);
    const next = reader.peek();
    if (next.kind === 'end') return expression;
    const hint = /^(?:ipv|mac)/.test(next.kind) ? ", or a word such as 'host' that says what it is" : '';
    throw reader.refusal(next, `'and' or 'or' is missing before ${named(next)}${hint}`);
  }

  /** Parses `and` and `or`, which have equal precedence and are left-associative. */
  #alternatives(before: Qualifiers | undefined): Parsed {
    let left = this.#term(before);
    for (let word = this.#reader.takeOne('and', 'or'); word !== undefined; word = this.#reader.takeOne('and', 'or')) {
      const right = this.#isAddressAhead() ? this.#more(left.qualifiers) : this.#term(left.qualifiers);
      const of = [left.expression, right.expression];
      left = { expression: { word: word.text as 'and' | 'or', of }, qualifiers: right.qualifiers };
    }
    return left;
  }

  /**
   * Returns whether an address or a number comes next, possibly after `not` and parentheses, that does not begin a
   * comparison.
   */
  #isAddressAhead(): boolean {
    const reader = this.#reader;
    let at = 0;
    while (reader.is(['not', '('], at)) at += 1;
    const { kind } = reader.peek(at);
    if (kind === 'number') return !isValueAhead(reader, at);
    return kind === 'name' || kind === 'mac' || kind === 'ipv4' || kind === 'ipv6';
  }

  /** Parses an address after its qualifiers, which begin at a token, or another one with those of the previous one. */
  #more(qualifiers: Qualifiers | undefined, first?: Token): Parsed {
    let from = first;
    const place = (expression: FilterExpression, token: Token) => {
      const one = this.#place(expression, token, from);
      from = undefined;
      return one;
    };
    return { expression: addresses(this.#reader, qualifiers, place), qualifiers };
  }

  #term(before: Qualifiers | undefined): Parsed {
    const reader = this.#reader;
    return reader.nested(() => {
      const token = reader.peek();
      if (reader.takeOne('not') !== undefined) {
        const { expression, qualifiers } = this.#term(before);
        return { expression: match.not(expression), qualifiers };
      }
      if (reader.is(['(']) && !isValueInParentheses(reader)) {
        reader.take();
        const { expression } = this.#alternatives(before);
        reader.expect(')');
        return { expression, qualifiers: before };
      }
      const isValue = token.kind === 'number' || reader.is(['-', '(', 'len']);
      if (isValue || (token.kind === 'word' && isHeader(token.text) && reader.is(['['], 1))) {
        return { expression: this.#place(comparison(reader), token), qualifiers: undefined };
      }
      return this.#primitive(token);
    });
  }

  #primitive(token: Token): Parsed {
    const reader = this.#reader;
    const { text } = token;
    if (token.kind === 'end' || token.kind === 'symbol') {
      throw reader.refusal(token, `an expression is missing before ${named(token)}`);
    }
    if (token.kind !== 'word') return this.#more(undefined);
    const found = this.#alone(token);
    if (found !== undefined) return { expression: this.#place(found, token), qualifiers: undefined };
    if (Object.hasOwn(FOREIGN, text)) {
      throw reader.refusal(token, `'${text}' applies to ${FOREIGN[text]}, and filters are not compiled for such links`);
    }
    const protocol = isProtocol(text) ? reader.take().text : undefined;
    const group = this.#group(protocol);
    if (group !== undefined) return { expression: this.#place(group, token), qualifiers: undefined };
    const direction = this.#direction();
    const type = this.#type(direction);
    if (direction === undefined && type === undefined) {
      return { expression: this.#place(this.#protocolAlone(token, protocol), token), qualifiers: undefined };
    }
    return this.#more({ protocol, direction, type }, token);
  }

  /** Parses words that form an expression alone or with a number. */
  #alone({ text }: Token): FilterExpression | undefined {
    const reader = this.#reader;
    if (Object.hasOwn(SINGLE, text)) {
      reader.take();
      return SINGLE[text]!();
    }
    if (Object.hasOwn(NUMBERED, text)) {
      reader.take();
      const [what, make] = NUMBERED[text]!;
      return make(reader.number(what));
    }
    if (Object.hasOwn(TUNNELS, text)) {
      reader.take();
      const [what, greatest, make] = TUNNELS[text]!;
      const isNumbered = reader.is(['(']) || reader.peek().kind === 'number';
      return make(isNumbered ? reader.numberInParentheses(what, greatest) : undefined);
    }
    if (text === 'byte') return this.#byte();
    return text === 'llc' ? llcWord(reader) : undefined;
  }

  /** Parses a comparison of a byte of the packet: an old form. */
  #byte(): FilterExpression {
    const reader = this.#reader;
    reader.take();
    const offset = reader.number('an offset', 0xffff);
    const operator = reader.take();
    if (operator.text !== '=' && operator.text !== '<' && operator.text !== '>') {
      throw reader.refusal(
        operator,
        `'byte' accepts only '=', '<' and '>'; use 'ether[${offset}] & 1 != 0' to test bits`,
      );
    }
    return match.compare({ header: 'ether', offset }, operator.text, reader.number('a number'));
  }

  /** Parses tests of the link layer or of IP that need no address. */
  #group(protocol: string | undefined): FilterExpression | undefined {
    const reader = this.#reader;
    const isLink = protocol === undefined || LINK.includes(protocol);
    const word = reader.takeOne('broadcast', 'multicast');
    if (word === undefined) return wlanWord(reader);
    if (isLink) return word.text === 'broadcast' ? match.broadcast() : match.multicast();
    if (word.text === 'broadcast' && protocol === 'ip') return match.ipBroadcast();
    if (word.text === 'multicast' && Object.hasOwn(MULTICAST, protocol)) return MULTICAST[protocol]!();
    throw reader.refusal(
      word,
      `'${word.text}' cannot follow '${protocol}', only 'ether', 'ip' and, for 'multicast', 'ip6'`,
    );
  }

  #direction(): Direction | WlanAddress | undefined {
    const reader = this.#reader;
    const first = reader.takeOne(...DIRECTIONS);
    const other = first?.text === 'src' ? 'dst' : 'src';
    const isPair = first?.text === 'src' || first?.text === 'dst';
    if (!isPair || !reader.is(['and', 'or'])) return first?.text as Direction | undefined;
    const word = reader.take();
    if (reader.takeOne(other) === undefined) {
      const next = reader.peek();
      throw reader.refusal(next, `'${first.text} ${word.text}' must be followed by '${other}', not ${named(next)}`);
    }
    return `src ${word.text as 'and' | 'or'} dst`;
  }

  #type(direction: string | undefined): string | undefined {
    const reader = this.#reader;
    const type = reader.takeOne(...TYPES);
    if (type === undefined) return undefined;
    const { text } = type;
    if (text === 'gateway') {
      throw reader.refusal(
        type,
        "'gateway' needs a name that has a hardware address and an IP address, and names are not looked up: " +
          "use 'ether host MAC and not host ADDRESS' instead",
      );
    }
    if (text === 'protochain') {
      throw reader.refusal(
        type,
        "'protochain' needs backward jumps, which the kernel does not accept; 'proto' tests only the first header",
      );
    }
    if (text === 'proto' && direction !== undefined) throw reader.refusal(type, `'proto' cannot follow '${direction}'`);
    return text;
  }

  #protocolAlone(token: Token, protocol: string | undefined): FilterExpression {
    const reader = this.#reader;
    if (protocol !== undefined && Object.hasOwn(ALONE, protocol)) return ALONE[protocol]!();
    const next = reader.peek();
    if (protocol === undefined) throw reader.refusal(token, `an expression is missing before ${named(token)}`);
    throw reader.refusal(
      next,
      `'${protocol}' must be followed by 'host', 'src', 'dst', 'proto', 'broadcast' or 'multicast', not ${named(next)}`,
    );
  }
}

/**
 * Parses a filter expression in the language of pcap-filter(7).
 *
 * The names of services and protocols come from a fixed table. Names of hosts and networks are not looked up. The guide
 * lists the other parts of the language that are not supported.
 *
 * @param text The expression. An empty one accepts all packets.
 * @returns The same kind of expression as the functions of `match` return.
 * @throws TypeError that describes what is wrong and shows its position in the text.
 * @example
 * console.log(compileFilter(parseFilter('arp or ip6')).length); // 5
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export function parseFilter(text: string): FilterExpression {
  if (typeof text !== 'string') throw invalidType('text', 'a string');
  return new Parser(text).whole();
}
