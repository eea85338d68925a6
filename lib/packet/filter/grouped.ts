/** Groups alternatives of the same kind, so that each field of a packet is loaded once for all of them. */
import { outOfRange } from '../../argument/argument-error.ts';
import type { FilterExpression, Word } from './expression.ts';

/** More words than fit into a program. Parts that are used several times are counted each time. */
export const MOST_WORDS = 10_000;

type Group = Word<'net'> | Word<'port'>;

/** Returns what alternatives must have in common to be grouped. */
function kindOf(one: Group): string {
  const { word, direction } = one;
  if (word === 'port') return `${word} ${direction} ${one.protocol}`;
  return `${word} ${direction} ${one.family} ${one.mask} ${one.over}`;
}

function both(one: Group, other: Group): Group {
  if (one.word === 'port') return { ...one, ranges: [...one.ranges, ...(other as Word<'port'>).ranges] };
  return { ...one, addresses: [...one.addresses, ...(other as Word<'net'>).addresses] };
}

/** Words after which the rest of an expression applies to the packet inside. */
export const TUNNELS: readonly unknown[] = ['vlan', 'mpls', 'pppoes', 'geneve'];

const isGroup = (one: FilterExpression): one is Group => one.word === 'net' || one.word === 'port';
/**
 * Words over which alternatives are not moved: after a tag, the headers are at other positions, and a comparison ends
 * the program if the packet is too short for it.
 */
const BARRIERS: readonly unknown[] = [...TUNNELS, 'compare', 'and', 'or', 'not'];

/** Returns the parts of an expression, including those of nested expressions with the same word. */
export function flat(expression: Word<'and' | 'or'>): FilterExpression[] {
  const list: FilterExpression[] = [];
  // A chain of thousands of words, each of which contains those before it, is followed without recursion.
  const waiting: FilterExpression[] = [expression];
  for (let steps = 0; waiting.length > 0; steps++) {
    if (steps > 2 * MOST_WORDS) throw outOfRange('expression', `an expression of at most ${MOST_WORDS} words`);
    const one = waiting.pop()!;
    if (one.word !== expression.word) list.push(one);
    else for (const part of [...one.of].reverse()) waiting.push(part);
  }
  return list;
}

/**
 * Returns the parts of an expression and combines alternatives of the same kind: `port 80 or port 443`, and with `not`
 * also `not port 80 and not port 443`.
 */
export function grouped(expression: Word<'and' | 'or'>): FilterExpression[] {
  const list: FilterExpression[] = [];
  const places = new Map<string, number>();
  const isAnd = expression.word === 'and';
  for (const one of flat(expression)) {
    const inner = isAnd && typeof one === 'object' && one.word === 'not' ? one.of : isAnd ? undefined : one;
    if (inner !== undefined && isGroup(inner)) {
      const kind = kindOf(inner);
      const at = places.get(kind);
      if (at !== undefined) {
        const before = list[at]!;
        const together = both((isAnd ? (before as Word<'not'>).of : before) as Group, inner);
        list[at] = isAnd ? { word: 'not', of: together } : together;
        continue;
      }
      places.set(kind, list.length);
    } else if (BARRIERS.includes(one.word)) places.clear();
    list.push(one);
  }
  return list;
}
