/** The text of filter expressions as tokens: words, symbols, numbers, addresses and names. */
import { isIPv6 } from 'node:net';
import { NUMBERS } from './names.ts';
import { refusedText } from './refusal.ts';
import { isWord } from './words.ts';

/** `word` is a word of the language, `name` any other, and one behind a backslash. */
export type TokenKind = 'word' | 'symbol' | 'mac' | 'number' | 'ipv4' | 'ipv6' | 'name' | 'end';

export interface Token {
  kind: TokenKind;
  /** Of a name what is behind the backslash; of symbols and words that have two forms the first of them. */
  text: string;
  at: number;
}

const NUMBER = '(?:0[xX][0-9A-Fa-f]+|[0-9]+)';
const B = '[0-9A-Fa-f]{1,2}';
const B2 = '[0-9A-Fa-f]{4}';
const MAC = [':', '-', '\\.'].map((mark) => `${B}(?:${mark}${B}){5}`).concat(`${B2}\\.${B2}\\.${B2}`, `(?:${B2}){3}`);
/** Of those that match, the one that takes most is meant, and of equals the first. */
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
/** More than anybody writes, and less than the stack has. */
const DEEPEST = 500;

function matchAt(form: RegExp, text: string, at: number): string {
  form.lastIndex = at;
  return form.exec(text)?.[0] ?? '';
}

/** The longest address of IPv6 here. */
function ipv6At(text: string, at: number): string {
  let found = matchAt(COLONS, text, at);
  while (found !== '' && !isIPv6(found)) found = found.slice(0, -1);
  return found;
}

function tokenAt(text: string, at: number): Token & { length: number } {
  let kind: TokenKind = 'ipv6';
  let found = ipv6At(text, at);
  for (const [one, form] of FORMS) {
    const other = matchAt(form, text, at);
    if (other.length > found.length) [kind, found] = [one, other];
  }
  if (/^[0-9A-Fa-f]+$/.test(found) && kind !== 'mac') {
    const run = matchAt(COLONS, text, at);
    if (run !== '')
      throw refusedText(text, at, `'${run}' is no address: of Ethernet it has six parts, of IPv6 eight or '::'`);
  }
  if (found === '') throw refusedText(text, at, `'${text.slice(at, at + 1)}' is not understood`);
  const length = found.length;
  if (kind === 'name' && found.startsWith('\\')) return { kind, text: found.slice(1), at, length };
  if (kind === 'name' && isWord(found)) kind = 'word';
  if (kind === 'name' && Object.hasOwn(NUMBERS, found)) kind = 'number';
  const same = kind === 'symbol' || kind === 'word' ? SAME[found] : undefined;
  return { kind, text: same ?? found, at, length };
}

/** Reads tokens one by one. */
export class Reader {
  readonly text: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.text = text;
    for (let at = matchAt(SPACE, text, 0).length; at < text.length; ) {
      const { length, ...token } = tokenAt(text, at);
      this.#tokens.push(token);
      at += length;
      at += matchAt(SPACE, text, at).length;
    }
    this.#tokens.push({ kind: 'end', text: 'the end', at: text.trimEnd().length });
  }

  /** The next token, or one behind it. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#at += 1;
    return token;
  }

  /** Whether the next token, or one behind it, is one of these words or symbols. */
  is(texts: readonly string[], ahead = 0): boolean {
    const { kind, text } = this.peek(ahead);
    return (kind === 'word' || kind === 'symbol') && texts.includes(text);
  }

  /** Takes the next token if it is one of these words or symbols. */
  takeOne(...texts: string[]): Token | undefined {
    return this.is(texts) ? this.take() : undefined;
  }

  /** A refusal that shows a token. */
  refusal(token: Token, reason: string): TypeError {
    return refusedText(this.text, token.at, reason);
  }

  expect(symbol: string): void {
    if (this.takeOne(symbol) !== undefined) return;
    const next = this.peek();
    throw this.refusal(next, `'${symbol}' is missing before ${named(next)}`);
  }

  /** Runs what may call itself, but not too often. */
  nested<T>(call: () => T): T {
    if (++this.#depth > DEEPEST) throw this.refusal(this.peek(), `it is nested more than ${DEEPEST} times`);
    const result = call();
    this.#depth -= 1;
    return result;
  }

  /** A number, maybe in parentheses, that is at most the greatest. */
  numberInParentheses(what: string, greatest: number): number {
    if (this.takeOne('(') === undefined) return this.number(what, greatest);
    const inner = this.nested(() => this.numberInParentheses(what, greatest));
    this.expect(')');
    return inner;
  }

  /** A number that is at most the greatest. */
  number(what: string, greatest = 0xffffffff): number {
    const token = this.take();
    if (token.kind !== 'number') throw this.refusal(token, `${what} is missing before ${named(token)}`);
    return this.numberOf(token, what, greatest);
  }

  /** The value of a token that is a number: decimal, hexadecimal, or octal where it begins with 0. */
  numberOf(token: Token, what: string, greatest = 0xffffffff): number {
    const { text } = token;
    const known = Object.hasOwn(NUMBERS, text) ? NUMBERS[text] : undefined;
    const isOctal = /^0[0-9]/.test(text);
    if (isOctal && !/^[0-7]+$/.test(text)) {
      throw this.refusal(token, `'${text}' begins with 0 and is octal, but has another digit than 0 to 7`);
    }
    const value = known ?? (isOctal ? Number.parseInt(text, 8) : Number(text));
    if (value > greatest) throw this.refusal(token, `${what} is at most ${greatest}, and '${text}' is more`);
    return value;
  }
}

/** A token in a sentence. */
export function named({ kind, text }: Token): string {
  return kind === 'end' ? text : `'${text}'`;
}
