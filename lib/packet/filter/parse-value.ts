/** Parses comparisons in filter expressions: numbers that are computed from packets. */
import type { FilterExpression, FilterOperator, FilterValue, Relation } from './expression.ts';
import { HEADERS } from './header.ts';
import { compare } from './match.ts';
import { RELATIONS } from './match-value.ts';
import { named, type TokenReader } from './tokens.ts';
import { headerOf, isHeader } from './words.ts';

/**
 * The precedence of operators, all of which are left-associative. `%` and `^` have none: as in libpcap, their left
 * operand is everything before them and their right operand is everything after them.
 */
const BINDS: { readonly [operator: string]: number } = {
  ...{ '|': 1, '&': 2, '<<': 3, '>>': 3, '+': 4, '-': 4, '*': 5, '/': 5 },
};
const MINUS = 6;
const GREEDY: readonly string[] = ['%', '^'];
const OPERATORS: readonly string[] = [...Object.keys(BINDS), ...GREEDY];

/** Returns whether the next number belongs to a comparison and is not an address or a port after a qualifier. */
export function isValueAhead(reader: TokenReader, ahead = 0): boolean {
  let at = ahead + 1;
  while (reader.is([')'], at)) at += 1;
  return reader.is([...OPERATORS, ...RELATIONS], at);
}

/**
 * Returns whether the next parenthesis contains a number: an operator or a relation follows its closing parenthesis.
 */
export function isValueInParentheses(reader: TokenReader): boolean {
  let depth = 0;
  for (let at = 0; reader.peek(at).kind !== 'end'; at++) {
    if (reader.is(['('], at)) depth += 1;
    else if (reader.is([')'], at) && --depth === 0) return reader.is([...OPERATORS, ...RELATIONS], at + 1);
  }
  return false;
}

/** Parses the bytes of a header: its word and the brackets after it. */
function field(reader: TokenReader): FilterValue {
  const word = reader.take();
  const header = headerOf(word.text);
  if (!HEADERS.includes(header)) throw reader.refusal(word, `the bytes of '${word.text}' cannot be read`);
  reader.expect('[');
  const offset = value(reader);
  let size = 1;
  if (reader.takeOne(':') !== undefined) {
    const token = reader.peek();
    size = reader.number('a size of 1, 2 or 4');
    if (size !== 1 && size !== 2 && size !== 4) throw reader.refusal(token, `a size must be 1, 2 or 4, not ${size}`);
  }
  reader.expect(']');
  return { header, offset, size: size as 1 | 2 | 4 };
}

/** Parses a single operand. */
function operand(reader: TokenReader): FilterValue {
  const token = reader.peek();
  if (reader.takeOne('-') !== undefined) return { minus: value(reader, MINUS) };
  if (reader.takeOne('len') !== undefined) return 'len';
  if (reader.takeOne('(') !== undefined) {
    const inner = value(reader);
    reader.expect(')');
    return inner;
  }
  if (token.kind === 'number') return reader.numberOf(reader.take(), 'a number');
  if (token.kind === 'word' && isHeader(token.text)) {
    if (reader.is(['['], 1)) return field(reader);
    throw reader.refusal(token, `'${token.text}' is not a number; '${token.text}[0]' is its first byte`);
  }
  if (token.kind === 'name' && /^\w+-\d+$/.test(token.text)) {
    throw reader.refusal(token, `'${token.text}' is a name; a subtraction needs spaces around '-'`);
  }
  if (token.kind === 'end') throw reader.refusal(token, 'a number is missing at the end');
  throw reader.refusal(token, `${named(token)} is not a number`);
}

/** Parses a number, with the operators whose precedence is higher than `tighter`. */
function value(reader: TokenReader, tighter = 0): FilterValue {
  return reader.nested(() => {
    let left = operand(reader);
    for (;;) {
      const { text } = reader.peek();
      if (!reader.is(OPERATORS)) return left;
      const isGreedy = GREEDY.includes(text);
      if (!isGreedy && BINDS[text]! <= tighter) return left;
      reader.take();
      left = { left, operator: text as FilterOperator, right: value(reader, isGreedy ? 0 : BINDS[text]!) };
    }
  });
}

/** Parses a comparison of two numbers. */
export function comparison(reader: TokenReader): FilterExpression {
  const start = reader.peek();
  const left = value(reader);
  const relation = reader.takeOne(...RELATIONS);
  if (relation === undefined) {
    const next = reader.peek();
    if (typeof left === 'number' && start.kind === 'number') {
      throw reader.refusal(start, `a word such as 'host', 'net' or 'port' is missing before '${start.text}'`);
    }
    const example = left === 'len' ? 'len > 100' : 'ip[8] = 64';
    throw reader.refusal(next, `a comparison is missing before ${named(next)}, as in '${example}'`);
  }
  return compare(left, relation.text as Relation, value(reader));
}
