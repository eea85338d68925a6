/** Refusals of filters that show the place in the text. */
import { invalidValue } from '../../posix/errno.ts';

interface Place {
  text: string;
  at: number;
}

const places = new WeakMap<object, Place>();

/** Remembers where in a text an expression stands. */
export function placed<T extends object>(expression: T, text: string, at: number): T {
  if (!places.has(expression)) places.set(expression, { text, at });
  return expression;
}

/** The line of a text that has the place, with a caret below it. */
function shown({ text, at }: Place): string {
  const from = text.lastIndexOf('\n', at - 1) + 1;
  const end = text.indexOf('\n', at);
  const line = text.slice(from, end < 0 ? undefined : end).replaceAll('\t', ' ');
  return `\n  ${line}\n  ${' '.repeat(at - from)}^`;
}

/** A text that is not understood, or not in the language. */
export function refusedText(text: string, at: number, reason: string): TypeError {
  return invalidValue('text', `a filter expression: ${reason}${shown({ text, at })}`);
}

/** An expression that has no meaning for a link, or behind a word before it. */
export function refusedExpression(expression: object, reason: string): TypeError {
  const place = places.get(expression);
  return invalidValue('expression', `one that can be compiled: ${reason}${place === undefined ? '' : shown(place)}`);
}
