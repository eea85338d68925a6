/** Numbers that are computed from a packet: their validation, and their simplification where parts are constant. */

import { invalidType, invalidValue, outOfRange } from '../../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { BPF_MAXINSNS } from '../../native/constants.ts';
import { uint32 } from '../bytes/bytes.ts';
import type { FilterOperator, FilterValue } from './expression.ts';
import { HEADERS } from './header.ts';
import { refusedExpression } from './refusal.ts';

type Operation = Extract<FilterValue, { operator: unknown }>;

const OPERATORS: readonly FilterOperator[] = ['+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>'];
/** Deeper than any useful expression, and less than what exhausts the stack. */
export const DEEPEST = 500;
/** More numbers than a program has instructions. Those that are used several times are counted each time. */
const MOST = BPF_MAXINSNS;
const FIELD = namesOf<Extract<FilterValue, { header: unknown }>>({ header: true, offset: true, size: true });
const OPERATION = namesOf<Operation>({ left: true, operator: true, right: true });
const MINUS = namesOf<Extract<FilterValue, { minus: unknown }>>({ minus: true });

/** Returns whether a number is the result of an operator, with this constant as its right operand if one is given. */
export function isOperation(value: FilterValue, operator: FilterOperator, right?: number): value is Operation {
  if (typeof value !== 'object' || !('operator' in value) || value.operator !== operator) return false;
  return right === undefined || value.right === right;
}

/** Validates and copies a number that is computed from a packet. */
export function checkedValue(value: FilterValue, name: string, depth = 0, count = { numbers: 0 }): FilterValue {
  if (++count.numbers > MOST) throw outOfRange(name, `composed of at most ${MOST} numbers`);
  const inner = (one: FilterValue, part: string) => checkedValue(one, `${name}.${part}`, depth + 1, count);
  if (value === 'len') return value;
  if (typeof value === 'number') return uint32(value, name);
  if (typeof value !== 'object' || value === null) throw invalidType(name, "a number, 'len' or a computed value");
  if (depth > DEEPEST) throw outOfRange(name, `nested at most ${DEEPEST} times`);
  if ('header' in value) {
    onlyKnown(value, FIELD, name);
    const { header, offset, size = 1 } = value;
    if (!HEADERS.includes(header)) throw invalidValue(`${name}.header`, `one of ${HEADERS.join(', ')}`);
    if (size !== 1 && size !== 2 && size !== 4) throw outOfRange(`${name}.size`, '1, 2 or 4');
    return { header, offset: inner(offset, 'offset'), size };
  }
  if ('minus' in value) {
    onlyKnown(value, MINUS, name);
    return { minus: inner(value.minus, 'minus') };
  }
  onlyKnown(value, OPERATION, name);
  const { left, operator, right } = value;
  if (!OPERATORS.includes(operator)) throw invalidValue(`${name}.operator`, `one of ${OPERATORS.join(' ')}`);
  return { left: inner(left, 'left'), operator, right: inner(right, 'right') };
}

function computed(left: number, operator: FilterOperator, right: number): number {
  switch (operator) {
    case '+':
      return (left + right) >>> 0;
    case '-':
      return (left - right) >>> 0;
    case '*':
      return Math.imul(left, right) >>> 0;
    case '/':
      return Math.floor(left / right);
    case '%':
      return left % right;
    case '&':
      return (left & right) >>> 0;
    case '|':
      return (left | right) >>> 0;
    case '^':
      return (left ^ right) >>> 0;
    case '<<':
      return (left << right) >>> 0;
    case '>>':
      return left >>> right;
  }
}

const changesNothing = (operator: FilterOperator, right: number) =>
  operator === '&'
    ? right === 0xffffffff
    : right === (operator === '*' || operator === '/' ? 1 : 0) && operator !== '%';

/** Returns the greatest possible value of a field. */
function greatest(value: FilterValue): number {
  if (typeof value !== 'object' || !('header' in value)) return 0xffffffff;
  return 2 ** (8 * (value.size ?? 1)) - 1;
}

/** Evaluates the constant parts of a number. Throws for operations that no processor can compute. */
export function folded(value: FilterValue, asked: object): FilterValue {
  if (typeof value !== 'object') return value;
  if ('header' in value) return { ...value, offset: folded(value.offset, asked) };
  if ('minus' in value) {
    const inner = folded(value.minus, asked);
    return typeof inner === 'number' ? -inner >>> 0 : { minus: inner };
  }
  const { operator } = value;
  let [left, right] = [folded(value.left, asked), folded(value.right, asked)];
  const isDivision = operator === '/' || operator === '%';
  if (isDivision && right === 0) throw refusedExpression(asked, 'it divides by 0');
  const isShift = operator === '<<' || operator === '>>';
  if (isShift && typeof right === 'number' && right > 31) {
    throw refusedExpression(asked, `it shifts by ${right} bits, but a number has only 32`);
  }
  if (typeof left === 'number' && typeof right === 'number') return computed(left, operator, right);
  const isOrdered = isDivision || isShift || operator === '-';
  if (typeof left === 'number' && !isOrdered) [left, right] = [right, left];
  if (typeof right !== 'number') return { left, operator, right };
  if (right === 0 && (operator === '&' || operator === '*')) return 0;
  if (changesNothing(operator, right)) return left;
  if (operator === '&' && (right & greatest(left)) >>> 0 === greatest(left)) return left;
  const isGrouped = operator === '+' || operator === '&' || operator === '|' || operator === '^';
  if (isGrouped && isOperation(left, operator) && typeof left.right === 'number') {
    return folded({ left: left.left, operator, right: computed(left.right, operator, right) }, asked);
  }
  return { left, operator, right };
}
