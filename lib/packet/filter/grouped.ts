/** Alternatives of the same kind put together: then each field of a packet is loaded once for all of them. */
import type { FilterExpression, Word } from './expression.ts';

type Group = Word<'net'> | Word<'port'>;

/** What alternatives must have in common. */
function kindOf(one: Group): string {
  const { word, direction } = one;
  if (word === 'port') return `${word} ${direction} ${one.protocol}`;
  return `${word} ${direction} ${one.family} ${one.mask} ${one.over}`;
}

function both(one: Group, other: Group): Group {
  if (one.word === 'port') return { ...one, ranges: [...one.ranges, ...(other as Word<'port'>).ranges] };
  return { ...one, addresses: [...one.addresses, ...(other as Word<'net'>).addresses] };
}

const isGroup = (one: FilterExpression): one is Group => one.word === 'net' || one.word === 'port';
/**
 * What is not moved over: behind a tag all is elsewhere in the packet, and a comparison ends the program where the packet
 * is too short for it.
 */
const BARRIERS: readonly unknown[] = ['vlan', 'mpls', 'pppoes', 'geneve', 'compare', 'and', 'or', 'not'];

/** The parts of an expression and of those within it that are joined by the same word. */
function flat(expression: Word<'and' | 'or'>, list: FilterExpression[] = []): FilterExpression[] {
  for (const one of expression.of) {
    if (one.word === expression.word) flat(one, list);
    else list.push(one);
  }
  return list;
}

/**
 * The parts of an expression, with alternatives of the same kind put together: `port 80 or port 443`, and after `not`
 * `not port 80 and not port 443`.
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
