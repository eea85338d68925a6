/** Filter expressions from text: the most used part of the language of pcap-filter(7). */
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, ETH_P_RARP } from '../../posix/constants.ts';
import { invalidType, invalidValue } from '../../posix/errno.ts';
import type { Direction, FilterExpression, HeaderName, Relation } from './match.ts';
import * as match from './match.ts';
import { NUMBERS, PROTOCOLS, SERVICES } from './names.ts';

/** What an address or a number without words of its own takes from the one before it. */
interface Qualifiers {
  header: string | undefined;
  direction: Direction | undefined;
  type: string | undefined;
}

const TOKEN = /\s*(?:(\[[^\]]*\])|(&&|\|\||!=|==|>=|<=|[()!=<>&|])|([\w.:/\\-]+))/y;

/** Words that are an expression by themselves. */
const ALONE: { readonly [word: string]: () => FilterExpression } = {
  ip: match.ip,
  ip6: match.ip6,
  arp: match.arp,
  rarp: match.rarp,
  tcp: match.tcp,
  udp: match.udp,
  sctp: match.sctp,
  icmp: match.icmp,
  icmp6: match.icmp6,
  igmp: match.igmp,
  ah: () => match.proto(PROTOCOLS.ah!),
  esp: () => match.proto(PROTOCOLS.esp!),
  pim: () => match.proto(PROTOCOLS.pim!),
  igrp: () => match.proto(PROTOCOLS.igrp!, 'ip'),
  vrrp: () => match.proto(PROTOCOLS.vrrp!, 'ip'),
  carp: () => match.proto(PROTOCOLS.carp!, 'ip'),
  inbound: match.inbound,
  outbound: match.outbound,
  broadcast: match.broadcast,
  multicast: match.multicast,
};
/** Protocols that stand alone: neither their addresses nor their bytes can be asked for. */
const BARE = ['ah', 'esp', 'pim', 'igrp', 'vrrp', 'carp'];
/** Headers whose bytes can be asked for. */
const HEADERS = ['ether', 'ip', 'ip6', 'arp', 'rarp', 'tcp', 'udp', 'sctp', 'icmp', 'icmp6', 'igmp'];
/** To a group: the first byte of the destination. */
const MULTICAST: { readonly [header: string]: () => FilterExpression } = {
  ip: () => match.bytes('ip', 16, '>=', 0xe0),
  ip6: () => match.bytes('ip6', 24, '=', 0xff),
};
const ETHER_GROUPS = ['broadcast', 'multicast'];
const TYPES = ['host', 'net', 'port', 'portrange', 'proto'];
/** Words that begin a primitive: what is none of them is an address or a number. */
const WORDS = new Set([
  ...[...Object.keys(ALONE), ...TYPES, 'ether', 'src', 'dst', 'vlan', 'len', 'less', 'greater'],
  ...['and', 'or', 'not', 'mask'],
]);

const ETHER_TYPES: { readonly [name: string]: number } = {
  ip: ETH_P_IP,
  ip6: ETH_P_IPV6,
  arp: ETH_P_ARP,
  rarp: ETH_P_RARP,
};
const RELATIONS = ['=', '==', '!=', '>', '>=', '<', '<='];

class Parser {
  readonly #text: string;
  readonly #tokens: string[] = [];
  #at = 0;
  #last: Qualifiers | undefined = undefined;
  #told: TypeError | undefined = undefined;

  constructor(text: string) {
    this.#text = text;
    const rest = text.trimEnd();
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < rest.length; ) {
      const from = TOKEN.lastIndex;
      const found = TOKEN.exec(rest);
      if (found === null) throw this.#error(`'${rest.slice(from).trim()}' is not understood`);
      this.#tokens.push(found[1] ?? found[2] ?? found[3]!);
    }
  }

  #error(reason: string): TypeError {
    this.#told = invalidValue('text', `a filter expression; in '${this.#text.trim()}': ${reason}`);
    return this.#told;
  }

  get #next(): string | undefined {
    return this.#tokens[this.#at];
  }

  /** Goes on if the next word is one of these. */
  #take(...words: string[]): string | undefined {
    const next = this.#next;
    if (next === undefined || !words.includes(next)) return undefined;
    this.#at += 1;
    return next;
  }

  #word(what: string): string {
    const word = this.#next;
    if (word === undefined) throw this.#error(`${what} is missing at the end`);
    this.#at += 1;
    return word;
  }

  whole(): FilterExpression {
    if (this.#tokens.length === 0) return match.and();
    const expression = this.#alternatives();
    if (this.#next !== undefined) throw this.#error(`'and' or 'or' is missing before '${this.#next}'`);
    return expression;
  }

  /** `and` and `or` bind alike, from the left. */
  #alternatives(): FilterExpression {
    let left = this.#term();
    for (let word = this.#operator(); word !== undefined; word = this.#operator()) {
      left = word === 'and' ? match.and(left, this.#term()) : match.or(left, this.#term());
    }
    return left;
  }

  #operator(): 'and' | 'or' | undefined {
    const word = this.#take('and', '&&', 'or', '||');
    if (word === undefined) return undefined;
    return word === 'and' || word === '&&' ? 'and' : 'or';
  }

  #term(): FilterExpression {
    if (this.#take('not', '!') !== undefined) return match.not(this.#term());
    const isComparison = this.#isMasked();
    if (isComparison || this.#take('(') === undefined) {
      try {
        return isComparison ? this.#masked() : this.#primitive();
      } catch (error) {
        // What `match` refuses is refused with the text that it stands in.
        throw error === this.#told ? error : this.#error((error as Error).message);
      }
    }
    const inner = this.#alternatives();
    if (this.#take(')') === undefined) throw this.#error("')' is missing");
    return inner;
  }

  /** Whether bytes of a header with a mask are next, in parentheses before a comparison: `(tcp[13] & 2) != 0`. */
  #isMasked(): boolean {
    const [open, header, place, and] = this.#tokens.slice(this.#at, this.#at + 4);
    if (open !== '(' || !HEADERS.includes(header ?? '') || !place?.startsWith('[') || and !== '&') return false;
    let depth = 1;
    let at = this.#at + 4;
    for (; at < this.#tokens.length && depth > 0; at++) {
      if (this.#tokens[at] === '(') depth += 1;
      else if (this.#tokens[at] === ')') depth -= 1;
      else if (RELATIONS.includes(this.#tokens[at]!)) return false;
    }
    return depth === 0 && RELATIONS.includes(this.#tokens[at] ?? '');
  }

  #masked(): FilterExpression {
    this.#at += 1;
    const header = this.#word('a header') as HeaderName;
    const place = this.#place(header);
    this.#at += 1;
    const mask = this.#value();
    if (this.#take(')') === undefined) throw this.#error("')' is missing");
    return match.bytes(header, place.offset, this.#relation(), this.#value(), { size: place.size, mask });
  }

  #primitive(): FilterExpression {
    const word = this.#next;
    if (word === undefined) throw this.#error('something is missing at the end');
    if (!WORDS.has(word)) {
      if (this.#last === undefined) throw this.#error(`no word tells what '${word}' is`);
      return this.#named(this.#last);
    }
    if (this.#take('vlan') !== undefined) {
      return match.vlan(/^\d/.test(this.#next ?? '') ? this.#number('a VLAN') : undefined);
    }
    if (this.#take('less') !== undefined) return match.less(this.#number('a length'));
    if (this.#take('greater') !== undefined) return match.greater(this.#number('a length'));
    if (this.#take('len') !== undefined) return match.len(this.#relation(), this.#value());
    return this.#qualified();
  }

  /** Words about what is asked for, and then the address or the number. */
  #qualified(): FilterExpression {
    const bare = this.#take(...BARE);
    if (bare !== undefined) return ALONE[bare]!();
    const header = this.#take(...HEADERS);
    if (header !== undefined && Object.hasOwn(MULTICAST, header) && this.#take('multicast') !== undefined) {
      return MULTICAST[header]!();
    }
    if (header !== undefined && this.#next?.startsWith('[')) return this.#bytes(header as HeaderName);
    const direction = this.#direction();
    const type = this.#take(...TYPES);
    if (direction === undefined && type === undefined) {
      if (header === undefined || header === 'ether') return this.#group(header);
      // `ip 10.0.0.1` is an address: what cannot be one ends the primitive.
      const follows = this.#next;
      if (follows === undefined || WORDS.has(follows) || !/^[\w.:]/.test(follows)) return ALONE[header]!();
    }
    this.#last = { header, direction, type };
    return this.#named(this.#last);
  }

  /** Words without an address: of `ether` only those about its addresses. */
  #group(header: 'ether' | undefined): FilterExpression {
    const words = header === 'ether' ? ETHER_GROUPS : [...ETHER_GROUPS, 'inbound', 'outbound'];
    const word = this.#take(...words);
    if (word === undefined) throw this.#error(`${words.join(' or ')} is missing before '${this.#next ?? 'the end'}'`);
    return ALONE[word]!();
  }

  #direction(): Direction | undefined {
    const first = this.#take('src', 'dst') as 'src' | 'dst' | undefined;
    const [between, second] = [this.#next, this.#tokens[this.#at + 1]];
    if (first === undefined || second !== (first === 'src' ? 'dst' : 'src')) return first;
    if (between !== 'or' && between !== 'and') return first;
    this.#at += 2;
    return `src ${between} dst`;
  }

  /** An address or a number, with the words that say what it is. */
  #named({ header, direction = 'src or dst', type }: Qualifiers): FilterExpression {
    const name = this.#word('an address or a number');
    if (type === 'port' || type === 'portrange') return this.#port(name, type, header, direction);
    if (type === 'proto') return this.#protocol(name, header);
    if (header === 'ether') return match.etherHost(name, direction);
    if (header !== undefined && !Object.hasOwn(ETHER_TYPES, header)) {
      throw this.#error(`'${header}' has no addresses`);
    }
    const over = header === undefined ? undefined : [ETHER_TYPES[header]!];
    if (header !== undefined && (header === 'ip6') !== name.includes(':')) {
      throw this.#error(`'${name}' is no address of '${header}'`);
    }
    if (type === 'net' || (type === undefined && name.includes('/'))) {
      return match.net(this.#network(name), direction, over);
    }
    return match.host(name, direction, over);
  }

  /** A network as CIDR: `10`, `192.168` and `10.0.0.0 mask 255.0.0.0` are such, too. */
  #network(name: string): string {
    const parts = name.split('.');
    if (this.#take('mask') !== undefined) {
      const bits = this.#word('a mask')
        .split('.')
        .map((part) => Number(part).toString(2).padStart(8, '0'))
        .join('');
      if (!/^1*0*$/.test(bits) || bits.length !== 32) throw this.#error('the mask is no prefix');
      return `${name}/${bits.replaceAll('0', '').length}`;
    }
    if (name.includes('/')) return name;
    if (name.includes(':')) return `${name}/128`;
    return `${[...parts, '0', '0', '0'].slice(0, 4).join('.')}/${8 * parts.length}`;
  }

  #port(name: string, type: string, header: string | undefined, direction: Direction): FilterExpression {
    const service = Object.hasOwn(SERVICES, name) ? SERVICES[name]! : undefined;
    if (service !== undefined) return this.#service(name, service, header, direction);
    const parts = type === 'portrange' ? name.split('-') : [name];
    if (parts.length > 2) throw this.#error(`'${name}' is no range of ports`);
    const numbers = parts.map((part) => (Object.hasOwn(SERVICES, part) ? SERVICES[part]![0] : this.#portNumber(part)));
    return this.#ports(match.portrange(Math.min(...numbers), Math.max(...numbers), direction), header);
  }

  #portNumber(text: string): number {
    if (!/^(?:\d|0x)/i.test(text))
      throw this.#error(`'${text}' is no number of a port, nor a service with a name here`);
    return this.#parse(text);
  }

  /** The port of a service, with its protocol if it has only one. */
  #service(
    name: string,
    [port, only]: readonly [number, string?],
    header: string | undefined,
    direction: Direction,
  ): FilterExpression {
    if (header !== undefined && only !== undefined && header !== only)
      throw this.#error(`'${name}' is a port of ${only}`);
    return this.#ports(match.port(port, direction), header ?? only);
  }

  #ports(ports: FilterExpression, header: string | undefined): FilterExpression {
    if (header === undefined) return ports;
    if (!['tcp', 'udp', 'sctp'].includes(header)) throw this.#error(`'${header}' has no ports`);
    return match.and(ALONE[header]!(), ports);
  }

  #protocol(name: string, header: string | undefined): FilterExpression {
    const names = header === 'ether' ? ETHER_TYPES : PROTOCOLS;
    const plain = name.replace(/^\\/, '');
    const number = Object.hasOwn(names, plain) ? names[plain]! : this.#parse(plain);
    if (header === 'ether') return match.etherProto(number);
    if (header !== undefined && header !== 'ip' && header !== 'ip6') throw this.#error(`'${header}' has no 'proto'`);
    return match.proto(number, header ?? 'any');
  }

  #place(header: HeaderName): { offset: number; size: 1 | 2 | 4 } {
    const place = /^\[\s*([\w-]+)\s*(?::\s*([124])\s*)?\]$/.exec(this.#word('an offset'));
    if (place === null) throw this.#error(`${header}[...] wants an offset and a size of 1, 2 or 4`);
    return { offset: this.#parse(place[1]!), size: Number(place[2] ?? 1) as 1 | 2 | 4 };
  }

  #bytes(header: HeaderName): FilterExpression {
    const { offset, size } = this.#place(header);
    const mask = this.#take('&') === undefined ? undefined : this.#value();
    const relation = this.#relation();
    const value = this.#value();
    return match.bytes(header, offset, relation, value, { size, mask });
  }

  #relation(): Relation {
    const relation = this.#take(...RELATIONS);
    if (relation === undefined) throw this.#error(`a comparison is missing before '${this.#next ?? 'the end'}'`);
    return relation === '==' ? '=' : (relation as Relation);
  }

  /** A number, or several in parentheses with `|` between them. */
  #value(): number {
    if (this.#take('(') === undefined) return this.#number('a number');
    let value = this.#value();
    while (this.#take('|') !== undefined) value = (value | this.#value()) >>> 0;
    if (this.#take(')') === undefined) throw this.#error("')' is missing");
    return value;
  }

  #number(what: string): number {
    return this.#parse(this.#word(what));
  }

  #parse(word: string): number {
    if (Object.hasOwn(NUMBERS, word)) return NUMBERS[word]!;
    if (!/^(?:\d+|0x[0-9a-f]+)$/i.test(word)) throw this.#error(`'${word}' is no number`);
    return Number(word);
  }
}

/**
 * A filter expression from text, in the language of pcap-filter(7).
 *
 * Of it: `host`, `net`, `port`, `portrange` and `proto` with `src`, `dst` and the headers they are for; the names of
 * protocols; `ether host`, `ether proto`, `broadcast`, `multicast`; `vlan`; `less`, `greater`, `len`; `inbound`, `outbound`;
 * `tcp[13] & 2 != 0` with constants; `and`, `or` (which bind alike, from the left), `not` and parentheses. Services
 * have the names of a fixed table, and no name of a host is looked up.
 *
 * @param text The expression; an empty one lets all packets through.
 * @returns What the functions of `match` make.
 * @throws TypeError that tells what is not understood.
 * @example
 * console.log(compileFilter(parseFilter('arp or ip6')).length); // 5
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export function parseFilter(text: string): FilterExpression {
  if (typeof text !== 'string') throw invalidType('text', 'a string');
  return new Parser(text).whole();
}
