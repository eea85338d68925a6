/** Words of filter expressions about numbers: the length of a packet, bytes of headers, and what is computed from them. */
import { invalidType, invalidValue, outOfRange } from '../../posix/errno.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { uint16, uint32 } from '../bytes.ts';
import type { FilterExpression, FilterValue, HeaderName, Relation } from './expression.ts';
import { checkedValue } from './value.ts';

const RELATIONS: readonly unknown[] = ['=', '!=', '>', '>=', '<', '<='];
const BYTES_NAMES = namesOf<{ size?: number; mask?: number }>({ size: true, mask: true });

function relationOf(value: unknown): Relation {
  if (!RELATIONS.includes(value)) throw invalidValue('relation', `one of '${RELATIONS.join("', '")}'`);
  return value as Relation;
}

/**
 * Two numbers, each a constant or computed from the packet: `match.compare({ header: 'ip', offset: 12, size: 4 }, '=',
 * { header: 'ip', offset: 16, size: 4 })` is `ip[12:4] = ip[16:4]`.
 *
 * They have 32 bits and no sign. A packet without one of the headers does not match, nor does one that ends before a byte
 * that is asked for, or that has 0 where it is divided by.
 *
 * @param left A constant, `'len'` for the length on the wire, or an object of what it is computed from.
 * @param relation How they are compared.
 * @param right What it is compared with: any of the same.
 */
export function compare(left: FilterValue, relation: Relation, right: FilterValue): FilterExpression {
  return {
    word: 'compare',
    left: checkedValue(left, 'left'),
    relation: relationOf(relation),
    right: checkedValue(right, 'right'),
  };
}

/** The length of the packet on the wire in bytes, which has this `relation` to the `value`. */
export function len(relation: Relation, value: number): FilterExpression {
  return { word: 'compare', left: 'len', relation: relationOf(relation), right: uint32(value, 'value') };
}

/** Of at most that length. */
export function less(length: number): FilterExpression {
  return len('<=', length);
}

/** Of at least that length. */
export function greater(length: number): FilterExpression {
  return len('>=', length);
}

/**
 * Bytes of a header: `match.bytes('tcp', 13, '!=', 0, { mask: 2 })` is `tcp[13] & 2 != 0`.
 *
 * Headers of TCP, UDP, SCTP, ICMP, IGMP, PIM and their like are those over IPv4, and not of later fragments, as in
 * pcap-filter(7).
 *
 * @param header The header; a packet without it does not match.
 * @param offset From its first byte.
 * @param relation How they are compared, as a number in network order.
 * @param value With what.
 * @param options `size`: 1, 2 or 4 bytes, 1 unless given; `mask`: the bits that count, all unless given.
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
