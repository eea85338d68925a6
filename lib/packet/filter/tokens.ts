/** Splits the text of filter expressions into tokens: words, symbols, numbers, addresses and names. */
import { isIPv6 } from 'node:net';
import { NUMBERS } from './names.ts';
import { refusedText } from './refusal.ts';
import { DEEPEST } from './value.ts';
import { isWord } from './words.ts';

/** A `word` is a keyword of the language. A `name` is any other name, or one after a backslash. */
export type TokenKind = 'word' | 'symbol' | 'mac' | 'number' | 'ipv4' | 'ipv6' | 'name' | 'end';

export interface Token {
  kind: TokenKind;
  /** For a name, the text after the backslash. For symbols and words with two forms, the first form. */
  text: string;
  at: number;
  /** The position after the last character. */
  end: number;
}

const NUMBER = '(?:0[xX][0-9A-Fa-f]+|[0-9]+)';
const B = '[0-9A-Fa-f]{1,2}';
const B2 = '[0-9A-Fa-f]{4}';
const MAC = [':', '-', '\\.'].map((mark) => `${B}(?:${mark}${B}){5}`).concat(`${B2}\\.${B2}\\.${B2}`, `(?:${B2}){3}`);
/** The longest match is used. If two are equally long, it is the first. */
const FORMS: readonly [TokenKind, RegExp][] = [
  ['symbol', /&&|\|\||>=|<=|!=|==|<<|>>|[-+*/%:[\]!<>()&|^=]/y],
  ['mac', new RegExp(`(?:${MAC.join('|')})`, 'y')],
  ['number', new RegExp(NUMBER, 'y')],
  ['ipv4', new RegExp(`${NUMBER}(?:\\.${NUMBER}){1,3}`, 'y')],
  ['name', /[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?/y],
  ['name', /\\[^ !()\n\t]+/y],
];
const COLONS = /[0-9A-Fa-f]*(?::[0-9A-Fa-f]*){2,}(?:\.[0-9]+)*/y;
const SPACE = /[ \r\n\t]*/y;
const SAME: { readonly [text: string]: string } = {
  ...{ '&&': 'and', '||': 'or', '!': 'not', '==': '=', length: 'len', direction: 'dir' },
  ...{ address1: 'addr1', address2: 'addr2', address3: 'addr3', address4: 'addr4', 'es-is': 'esis', 'is-is': 'isis' },
};

function matchAt(form: RegExp, text: string, at: number): string {
  form.lastIndex = at;
  return form.exec(text)?.[0] ?? '';
}

/** The length of the longest IPv6 address: six groups and an IPv4 address. */
const LONGEST_IPV6 = 45;

/** Returns the longest IPv6 address at this position. */
function ipv6At(text: string, at: number): string {
  let found = matchAt(COLONS, text.slice(at, at + LONGEST_IPV6), 0);
  while (found !== '' && !isIPv6(found)) found = found.slice(0, -1);
  return found;
}

function tokenAt(text: string, at: number): Token {
  let kind: TokenKind = 'ipv6';
  let found = ipv6At(text, at);
  for (const [one, form] of FORMS) {
    const other = matchAt(form, text, at);
    if (other.length > found.length) [kind, found] = [one, other];
  }
  if (/^[0-9A-Fa-f]+$/.test(found) && kind !== 'mac') {
    const run = matchAt(COLONS, text, at);
    if (run !== '')
      throw refusedText(
        text,
        at,
        `'${run}' is not an address: an Ethernet address has six parts, an IPv6 address eight or '::'`,
      );
  }
  if (found === '') throw refusedText(text, at, `'${text.slice(at, at + 1)}' is not understood`);
  const end = at + found.length;
  if (kind === 'name' && found.startsWith('\\')) return { kind, text: found.slice(1), at, end };
  if (kind === 'name' && isWord(found)) kind = 'word';
  if (kind === 'name' && Object.hasOwn(NUMBERS, found)) kind = 'number';
  const same = kind === 'symbol' || kind === 'word' ? SAME[found] : undefined;
  return { kind, text: same ?? found, at, end };
}

/** Reads tokens one by one. */
export class TokenReader {
  readonly text: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.text = text;
    for (let at = matchAt(SPACE, text, 0).length; at < text.length; ) {
      const token = tokenAt(text, at);
      this.#tokens.push(token);
      at = token.end;
      at += matchAt(SPACE, text, at).length;
    }
    const end = text.trimEnd().length;
    this.#tokens.push({ kind: 'end', text: 'the end', at: end, end });
  }

  /** Returns the next token, or a later one, without consuming it. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  /** The position after the last consumed token. */
  get end(): number {
    return this.#tokens[this.#at - 1]?.end ?? 0;
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#at += 1;
    return token;
  }

  /** Returns whether the next token, or a later one, is one of these words or symbols. */
  is(texts: readonly string[], ahead = 0): boolean {
    const { kind, text } = this.peek(ahead);
    return (kind === 'word' || kind === 'symbol') && texts.includes(text);
  }

  /** Consumes the next token if it is one of these words or symbols. */
  takeOne(...texts: string[]): Token | undefined {
    return this.is(texts) ? this.take() : undefined;
  }

  /** Creates an error that shows the position of a token. */
  refusal(token: Token, reason: string): TypeError {
    return refusedText(this.text, token.at, reason);
  }

  expect(symbol: string): void {
    if (this.takeOne(symbol) !== undefined) return;
    const next = this.peek();
    throw this.refusal(next, `'${symbol}' is missing before ${named(next)}`);
  }

  /** Calls a function that may recurse, and throws if it recurses too deeply. */
  nested<T>(call: () => T): T {
    if (++this.#depth > DEEPEST) throw this.refusal(this.peek(), `it is nested more than ${DEEPEST} times`);
    const result = call();
    this.#depth -= 1;
    return result;
  }

  /** Parses a number up to `greatest`, optionally in parentheses. */
  numberInParentheses(what: string, greatest: number): number {
    if (this.takeOne('(') === undefined) return this.number(what, greatest);
    const inner = this.nested(() => this.numberInParentheses(what, greatest));
    this.expect(')');
    return inner;
  }

  /** Parses a number up to `greatest`. */
  number(what: string, greatest = 0xffffffff): number {
    const token = this.take();
    if (token.kind !== 'number') throw this.refusal(token, `${what} is missing before ${named(token)}`);
    return this.numberOf(token, what, greatest);
  }

  /** Returns the value of a number token. It is decimal, hexadecimal, or octal if it begins with 0. */
  numberOf(token: Token, what: string, greatest = 0xffffffff): number {
    const { text } = token;
    const known = Object.hasOwn(NUMBERS, text) ? NUMBERS[text] : undefined;
    const isOctal = /^0[0-9]/.test(text);
    if (isOctal && !/^[0-7]+$/.test(text)) {
      throw this.refusal(token, `'${text}' is octal because it begins with 0, but it has a digit other than 0 to 7`);
    }
    const value = known ?? (isOctal ? Number.parseInt(text, 8) : Number(text));
    if (value > greatest) throw this.refusal(token, `${what} is at most ${greatest}, but '${text}' is greater`);
    return value;
  }
}

/** Formats a token for an error message. */
export function named({ kind, text }: Token): string {
  return kind === 'end' ? text : `'${text}'`;
}
