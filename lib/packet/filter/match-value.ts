/** Words of filter expressions for numbers: the length of a packet, bytes of headers, and values computed from them. */
import { invalidType, invalidValue, outOfRange } from '../../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { uint16, uint32 } from '../bytes/bytes.ts';
import type { FilterExpression, FilterValue, HeaderName, Relation } from './expression.ts';
import { checkedValue } from './value.ts';

export const RELATIONS: readonly Relation[] = ['=', '!=', '>', '>=', '<', '<='];
const BYTES_NAMES = namesOf<{ size?: number; mask?: number }>({ size: true, mask: true });

function relationOf(value: unknown): Relation {
  if (!RELATIONS.includes(value as Relation)) throw invalidValue('relation', `one of '${RELATIONS.join("', '")}'`);
  return value as Relation;
}

/**
 * Compares two numbers, each of which is a constant or computed from the packet: `match.compare({ header: 'ip', offset:
 * 12, size: 4 }, '=', { header: 'ip', offset: 16, size: 4 })` is `ip[12:4] = ip[16:4]`.
 *
 * The numbers are unsigned and have 32 bits. A packet does not match if it lacks one of the headers, ends before a byte
 * that is read, or causes a division by 0.
 *
 * @param left A constant, `'len'` for the length on the wire, or an object that describes how it is computed.
 * @param relation The comparison.
 * @param right The other number, in the same form as `left`.
 */
export function compare(left: FilterValue, relation: Relation, right: FilterValue): FilterExpression {
  return {
    word: 'compare',
    left: checkedValue(left, 'left'),
    relation: relationOf(relation),
    right: checkedValue(right, 'right'),
  };
}

/** Compares the length of the packet on the wire in bytes: it must have this `relation` to the `value`. */
export function len(relation: Relation, value: number): FilterExpression {
  return { word: 'compare', left: 'len', relation: relationOf(relation), right: uint32(value, 'value') };
}

/** Matches packets of at most this `length`. */
export function less(length: number): FilterExpression {
  return len('<=', length);
}

/** Matches packets of at least this `length`. */
export function greater(length: number): FilterExpression {
  return len('>=', length);
}

/**
 * Compares bytes of a header: `match.bytes('tcp', 13, '!=', 0, { mask: 2 })` is `tcp[13] & 2 != 0`.
 *
 * As in pcap-filter(7), headers such as those of TCP, UDP, SCTP, ICMP, IGMP and PIM are only looked for over IPv4, and
 * not in later fragments.
 *
 * @param header The header. A packet without it does not match.
 * @param offset The offset from the first byte of the header.
 * @param relation The comparison. The bytes are a number in network byte order.
 * @param value The number to compare with.
 * @param options `size`: the number of bytes, 1, 2 or 4, by default 1. `mask`: the bits to compare, by default all.
 */
export function bytes(
  header: HeaderName,
  offset: number,
  relation: Relation,
  value: number,
  options?: { size?: 1 | 2 | 4 | undefined; mask?: number | undefined },
): FilterExpression {
  if (options !== undefined) onlyKnown(options, BYTES_NAMES, 'options');
  const size = options?.size ?? 1;
  if (size !== 1 && size !== 2 && size !== 4) throw outOfRange('size', '1, 2 or 4');
  if (typeof header !== 'string') throw invalidType('header', 'the name of a header');
  const mask = uint32(options?.mask, 'mask', 0xffffffff);
  const field = { header, offset: uint16(offset, 'offset'), size };
  return compare({ left: field, operator: '&', right: mask }, relation, uint32(value, 'value'));
}
