/** Says why no packet can match an expression: which of its parts contradict each other. */
import { type CompileOptions, compiled } from './compile.ts';
import type { FilterExpression } from './expression.ts';
import { flat, TUNNELS } from './grouped.ts';
import { wordsOf } from './refusal.ts';

/** Longer quotations say less. */
const LONGEST = 80;
/** Expressions with more parts are compiled too often before the first contradiction is found. */
const MOST = 100;

/** A part of an expression, and why no packet can match the expression. */
export interface Contradiction {
  at: FilterExpression;
  reason: string;
}

/** Returns whether a program is a single instruction that drops every packet. */
export function isEmpty(program: readonly { k: number }[]): boolean {
  return program.length === 1 && program[0]!.k === 0;
}

/** Returns an expression in its own words, or undefined if it does not come from text. */
function inWords(expression: FilterExpression): string | undefined {
  const words = wordsOf(expression);
  if (words !== undefined) return words;
  if (expression.word !== 'not' && expression.word !== 'and' && expression.word !== 'or') return undefined;
  const parts = expression.word === 'not' ? [expression.of] : flat(expression);
  const texts = parts.map((one) => {
    const text = inWords(one);
    const isWhole = wordsOf(one) !== undefined || one.word === 'not';
    return text === undefined || isWhole ? text : `(${text})`;
  });
  if (texts.length === 0 || texts.includes(undefined)) return undefined;
  return expression.word === 'not' ? `not ${texts[0]}` : texts.join(` ${expression.word} `);
}

function quoted(expression: FilterExpression): string | undefined {
  const text = inWords(expression);
  return text === undefined || text.length > LONGEST ? undefined : `'${text}'`;
}

/** Returns the part of an expression that comes first in the text. */
function firstOf(expression: FilterExpression): FilterExpression {
  if (wordsOf(expression) !== undefined) return expression;
  if (expression.word === 'not') return firstOf(expression.of);
  const isComposed = expression.word === 'and' || expression.word === 'or';
  return isComposed && expression.of.length > 0 ? firstOf(expression.of[0]!) : expression;
}

const movesHeaders = (expression: FilterExpression): boolean => {
  if (expression.word === 'not') return movesHeaders(expression.of);
  if (expression.word === 'and' || expression.word === 'or') return expression.of.some(movesHeaders);
  return TUNNELS.includes(expression.word);
};

/** Finds what is contradictory in an expression that no packet can match. */
export function contradictionOf(expression: FilterExpression, options: CompileOptions, isFile: boolean): Contradiction {
  const isImpossible = (...of: FilterExpression[]): boolean => {
    try {
      return isEmpty(compiled({ word: 'and', of }, options, isFile));
    } catch {
      return false; // a part that does not apply without those that are missing
    }
  };
  const alone = (one: FilterExpression): Contradiction => {
    const text = quoted(one);
    return { at: firstOf(one), reason: text === undefined ? 'no packet can match it' : `no packet can match ${text}` };
  };
  const search = (whole: FilterExpression): Contradiction => {
    if (whole.word !== 'and' || wordsOf(whole) !== undefined) return alone(whole);
    const parts = flat(whole);
    if (parts.length > MOST) return alone(whole);
    const last = parts.findIndex((_, i) => isImpossible(...parts.slice(0, i + 1)));
    const one = parts[last];
    if (one === undefined) return alone(whole);
    const before = parts.slice(0, last);
    if (isImpossible(...before.filter(movesHeaders), one)) return before.length === 0 ? search(one) : alone(one);
    const other = before.find((_, i) =>
      isImpossible(...before.filter((kept, j) => j === i || movesHeaders(kept)), one),
    );
    const at = firstOf(one);
    const text = quoted(one);
    if (text === undefined) return { at, reason: 'its parts contradict each other' };
    const against = other && quoted(other);
    return { at, reason: `${text} contradicts ${against ?? 'what precedes it'}` };
  };
  return search(expression);
}
