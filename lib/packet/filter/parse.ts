/** Filter expressions from text: the language of pcap-filter(7). */
import { invalidType } from '../../posix/errno.ts';
import type { Direction, FilterExpression, WlanAddress } from './expression.ts';
import * as match from './match.ts';
import { addresses, type Qualifiers } from './parse-address.ts';
import { llcWord, wlanWord } from './parse-frame.ts';
import { comparison, isValueAhead, isValueInParentheses } from './parse-value.ts';
import { placed } from './refusal.ts';
import { named, Reader, type Token } from './tokens.ts';
import { ALONE, DIRECTIONS, FOREIGN, isHeader, isProtocol, LINK, TYPES } from './words.ts';

/** An expression, and the words that an address behind it takes. */
interface Parsed {
  expression: FilterExpression;
  qualifiers: Qualifiers | undefined;
}

const TUNNELS: { readonly [word: string]: [what: string, greatest: number, make: (id?: number) => FilterExpression] } =
  {
    vlan: ['a VLAN', 0xfff, match.vlan],
    mpls: ['a label of MPLS', 0xfffff, match.mpls],
    pppoes: ['a session of PPPoE', 0xffff, match.pppoes],
    geneve: ['a network of Geneve', 0xffffff, match.geneve],
  };
const PPPOE_DISCOVERY = 0x8863;
/** Words that are an expression with the number behind them. */
const NUMBERED: { readonly [word: string]: [what: string, make: (number: number) => FilterExpression] } = {
  less: ['a length', match.less],
  greater: ['a length', match.greater],
  ifindex: ['the index of an interface', match.ifindex],
};
const SINGLE: { readonly [word: string]: () => FilterExpression } = {
  inbound: match.inbound,
  outbound: match.outbound,
  pppoed: () => match.etherProto(PPPOE_DISCOVERY),
};
/** To a group: the first byte of the destination. */
const MULTICAST: { readonly [protocol: string]: () => FilterExpression } = {
  ip: () => match.bytes('ip', 16, '>=', 0xe0),
  ip6: () => match.bytes('ip6', 24, '=', 0xff),
};

class Parser {
  readonly #reader: Reader;

  constructor(text: string) {
    this.#reader = new Reader(text);
  }

  /** Remembers where all parts of an expression stand. */
  #place(expression: FilterExpression, token: Token): FilterExpression {
    if (expression.word === 'and' || expression.word === 'or') {
      for (const one of expression.of) this.#place(one, token);
    }
    return placed(expression, this.#reader.text, token.at);
  }

  whole(): FilterExpression {
    const reader = this.#reader;
    if (reader.peek().kind === 'end') return match.and();
    const { expression } = this.#alternatives(undefined);
    const next = reader.peek();
    if (next.kind === 'end') return expression;
    const hint = /^(?:ipv|mac)/.test(next.kind) ? ", or a word that tells what it is, as 'host'" : '';
    throw reader.refusal(next, `'and' or 'or' is missing before ${named(next)}${hint}`);
  }

  /** `and` and `or` bind alike, from the left. */
  #alternatives(before: Qualifiers | undefined): Parsed {
    let left = this.#term(before);
    for (let word = this.#reader.takeOne('and', 'or'); word !== undefined; word = this.#reader.takeOne('and', 'or')) {
      const right = this.#isAddressAhead() ? this.#more(left.qualifiers) : this.#term(left.qualifiers);
      const of = [left.expression, right.expression];
      left = { expression: { word: word.text as 'and' | 'or', of }, qualifiers: right.qualifiers };
    }
    return left;
  }

  /** Whether an address or a number is next, behind `not` and parentheses, and not a comparison of numbers. */
  #isAddressAhead(): boolean {
    const reader = this.#reader;
    let at = 0;
    while (reader.is(['not', '('], at)) at += 1;
    const { kind } = reader.peek(at);
    if (kind === 'number') return !isValueAhead(reader, at);
    return kind === 'name' || kind === 'mac' || kind === 'ipv4' || kind === 'ipv6';
  }

  /** Another address with the words of the one before it. */
  #more(qualifiers: Qualifiers | undefined): Parsed {
    const place = (expression: FilterExpression, token: Token) => this.#place(expression, token);
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
      throw reader.refusal(token, `'${text}' is about ${FOREIGN[text]}, and filters are not compiled for such links`);
    }
    const protocol = isProtocol(text) ? reader.take().text : undefined;
    const group = this.#group(protocol);
    if (group !== undefined) return { expression: this.#place(group, token), qualifiers: undefined };
    const direction = this.#direction();
    const type = this.#type(direction);
    if (direction === undefined && type === undefined) {
      return { expression: this.#place(this.#protocolAlone(token, protocol), token), qualifiers: undefined };
    }
    return this.#more({ protocol, direction, type });
  }

  /** Words that are an expression by themselves, or with a number. */
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

  /** A byte of the packet, compared: an old form. */
  #byte(): FilterExpression {
    const reader = this.#reader;
    reader.take();
    const offset = reader.number('an offset', 0xffff);
    const operator = reader.take();
    if (operator.text !== '=' && operator.text !== '<' && operator.text !== '>') {
      throw reader.refusal(operator, `'byte' compares by '=', '<' and '>'; 'ether[${offset}] & 1 != 0' asks for bits`);
    }
    return match.compare({ header: 'ether', offset }, operator.text, reader.number('a number'));
  }

  /** What is asked of a link, or of IP, without an address. */
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
      `'${protocol}' has no '${word.text}': those are of 'ether', 'ip' and, of multicast, 'ip6'`,
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
      throw reader.refusal(next, `'${first.text} ${word.text} ${other}' goes on with '${other}', not ${named(next)}`);
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
        "'gateway' needs a name with a hardware address and an IP address, and no names are looked up: " +
          "'ether host MAC and not host ADDRESS' means the same",
      );
    }
    if (text === 'protochain') {
      throw reader.refusal(
        type,
        "'protochain' follows headers with jumps backwards, which the kernel takes in no program; 'proto' asks the first",
      );
    }
    if (text === 'proto' && direction !== undefined) throw reader.refusal(type, `'proto' has no '${direction}'`);
    return text;
  }

  #protocolAlone(token: Token, protocol: string | undefined): FilterExpression {
    const reader = this.#reader;
    if (protocol !== undefined && Object.hasOwn(ALONE, protocol)) return ALONE[protocol]!();
    const next = reader.peek();
    if (protocol === undefined) throw reader.refusal(token, `an expression is missing before ${named(token)}`);
    throw reader.refusal(
      next,
      `behind '${protocol}' there is 'host', 'src', 'dst', 'proto', 'broadcast' or 'multicast', not ${named(next)}`,
    );
  }
}

/**
 * A filter expression from text, in the language of pcap-filter(7).
 *
 * Services and protocols have the names of a fixed table, and no name of a host or a network is looked up. The guide tells
 * what else of the language is refused.
 *
 * @param text The expression; an empty one lets all packets through.
 * @returns What the functions of `match` make.
 * @throws TypeError that tells what is not understood, and shows where it stands in the text.
 * @example
 * console.log(compileFilter(parseFilter('arp or ip6')).length); // 5
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export function parseFilter(text: string): FilterExpression {
  if (typeof text !== 'string') throw invalidType('text', 'a string');
  return new Parser(text).whole();
}
