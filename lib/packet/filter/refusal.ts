/** Errors of filters that show the position in the text. */
import { invalidType, invalidValue } from '../../argument/argument-error.ts';

interface TextPosition {
  text: string;
  at: number;
  /** The words of the expression. */
  words: string;
}

const places = new WeakMap<object, TextPosition>();

/** Remembers the position of an expression in the text, and its words, which may begin before that position. */
export function placed<T extends object>(expression: T, text: string, at: number, from: number, end: number): T {
  if (!places.has(expression)) places.set(expression, { text, at, words: text.slice(from, end) });
  return expression;
}

/** Returns the words of an expression, or undefined if it does not come from text. */
export function wordsOf(expression: object): string | undefined {
  return places.get(expression)?.words;
}

/** Returns the line of the text that contains the position, with a caret below it. */
function shown({ text, at }: Omit<TextPosition, 'words'>): string {
  const from = text.lastIndexOf('\n', at - 1) + 1;
  const end = text.indexOf('\n', at);
  const line = text.slice(from, end < 0 ? undefined : end).replaceAll('\t', ' ');
  return `\n  ${line}\n  ${' '.repeat(at - from)}^`;
}

/** Creates the error for text that is invalid or not supported. */
export function refusedText(text: string, at: number, reason: string): TypeError {
  return invalidValue('text', `a filter expression: ${reason}${shown({ text, at })}`);
}

/** Returns a reason, and below it the place of the expression if it comes from text. */
export function reasonAt(expression: object, reason: string): string {
  const place = places.get(expression);
  return place === undefined ? reason : `${reason}${shown(place)}`;
}

/** Creates the error for an expression that does not apply to a link type or cannot follow the words before it. */
export function refusedExpression(expression: object, reason: string): TypeError {
  return invalidValue('expression', `a filter expression that can be compiled: ${reasonAt(expression, reason)}`);
}

/** Returns the error for what is no expression, such as the text of one. */
export function noExpression(): TypeError {
  return invalidType('expression', 'an expression that parseFilter or a function of match returns');
}
