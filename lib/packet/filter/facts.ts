/** What a path through a program knows about the values of a packet, and which outcomes of a comparison remain. */
import {
  BPF_ABS,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_H,
  BPF_IND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JSET,
  BPF_K,
  BPF_LD,
  BPF_W,
  BPF_X,
} from '../../native/constants.ts';
import { holds } from './comparison.ts';
import type { Node, TestNode } from './graph.ts';
import type { Load } from './load.ts';

/** The values that a load can have: those of a short list, or those of a range without a few. */
interface ValueSet {
  readonly least: number;
  readonly greatest: number;
  readonly only: readonly number[] | undefined;
  readonly except: readonly number[];
}

/** The known bits of the bytes that a load reads. */
interface Bits {
  readonly mask: number;
  readonly value: number;
  /** Masks of bits of which at least one is set. */
  readonly some: readonly number[];
  /** Whether the path has read these bytes, or only others that overlap them. */
  readonly isRead: boolean;
}

/** Bytes of the packet, before a mask is applied. Loads of the same bytes with different masks share them. */
interface Field {
  readonly id: number;
  readonly base: string;
  readonly at: number;
  readonly size: number;
  readonly overlapping: Field[];
}

/** A value that a program compares: all bits of a field, or those in the mask. */
interface Value {
  readonly id: number;
  readonly field: Field;
  readonly mask: number;
}

/** What is known on a path, by the numbers of values and of fields. It is never modified. */
export interface Facts {
  readonly known: readonly (ValueSet | undefined)[];
  readonly bits: readonly (Bits | undefined)[];
}

/** Longer lists of possible values are forgotten where paths meet. */
const MOST_POSSIBLE = 64;
/** Longer lists of excluded values are not extended. */
const MOST_EXCLUDED = 256;
const SIZES: { readonly [size: number]: number } = { [BPF_B]: 1, [BPF_H]: 2, [BPF_W]: 4 };
const NO_BITS: Bits = { mask: 0, value: 0, some: [], isRead: false };
const EVERY_BIT = 0xffffffff;
/** The order of two numbers, for a comparison of A with X: less, equal or greater. */
const ORDERS: ValueSet = { least: 0, greatest: 2, only: [0, 1, 2], except: [] };

const maskOf = (size: number) => (size === 4 ? EVERY_BIT : 2 ** (8 * size) - 1);
const isSingle = (mask: number) => mask !== 0 && (mask & (mask - 1)) === 0;

/** Returns the values that satisfy a test, or undefined if there are none. */
function among(known: ValueSet, only: readonly number[]): ValueSet | undefined {
  if (only.length === 0) return undefined;
  return only.length === known.only?.length ? known : { least: only[0]!, greatest: only.at(-1)!, only, except: [] };
}

/** Returns a range without the excluded values at its ends, or undefined if nothing remains. */
function within(least: number, greatest: number, except: readonly number[]): ValueSet | undefined {
  let [first, last] = [least, greatest];
  while (except.includes(first)) first += 1;
  while (last > first && except.includes(last)) last -= 1;
  if (first > last) return undefined;
  return { least: first, greatest: last, only: first === last ? [first] : undefined, except };
}

/** Returns the values for which an operation has an outcome. */
function restricted(known: ValueSet, operation: number, k: number, outcome: boolean): ValueSet | undefined {
  const { least, greatest, only, except } = known;
  if (only !== undefined)
    return among(
      known,
      only.filter((value) => holds(operation, value, k) === outcome),
    );
  switch (operation) {
    case BPF_JEQ:
      if (!outcome) return within(least, greatest, except.length < MOST_EXCLUDED ? [...except, k] : except);
      return k < least || k > greatest || except.includes(k)
        ? undefined
        : { least: k, greatest: k, only: [k], except: [] };
    case BPF_JSET:
      return known;
    default: {
      const bound = operation === BPF_JGT ? k + 1 : k;
      return outcome
        ? within(Math.max(least, bound), greatest, except)
        : within(least, Math.min(greatest, bound - 1), except);
    }
  }
}

function bothKnown(one: ValueSet, other: ValueSet): ValueSet {
  if (one.only !== undefined && other.only !== undefined) {
    const only = [...new Set([...one.only, ...other.only])].sort((a, b) => a - b);
    if (only.length <= MOST_POSSIBLE) return { least: only[0]!, greatest: only.at(-1)!, only, except: [] };
  }
  const lacks = ({ least, greatest, only, except }: ValueSet, k: number) =>
    k < least || k > greatest || except.includes(k) || (only !== undefined && !only.includes(k));
  const except = [...one.except.filter((k) => lacks(other, k)), ...other.except.filter((k) => lacks(one, k))];
  return {
    least: Math.min(one.least, other.least),
    greatest: Math.max(one.greatest, other.greatest),
    only: undefined,
    except: [...new Set(except)],
  };
}

/** Returns the masks of which both sides have a bit. */
function bothMasks(one: Bits, other: Bits): readonly number[] {
  if (one.some === other.some) return one.some;
  const shared = ({ some }: Bits, { some: others, value }: Bits) =>
    some.filter((mask) => others.includes(mask) || (mask & value) !== 0);
  return [...new Set([...shared(one, other), ...shared(other, one)])];
}

function bothBits(one: Bits, other: Bits): Bits {
  const mask = one.mask & other.mask & ~(one.value ^ other.value);
  return { mask, value: one.value & mask, some: bothMasks(one, other), isRead: one.isRead && other.isRead };
}

function each<T>(
  one: readonly (T | undefined)[],
  other: readonly (T | undefined)[],
  both: (one: T, other: T) => T,
): readonly (T | undefined)[] {
  if (one === other) return one;
  return one.map((first, i) => {
    const second = other[i];
    if (first === second || first === undefined || second === undefined) return first && second;
    return both(first, second);
  });
}

/** Returns what is known where two paths meet. */
export function bothFacts(one: Facts, other: Facts): Facts {
  if (one === other) return one;
  return { known: each(one.known, other.known, bothKnown), bits: each(one.bits, other.bits, bothBits) };
}

/** Returns a copy of a list with another element in one place. */
function changed<T>(list: readonly T[], at: number, to: T): T[] {
  const copy = list.slice();
  copy[at] = to;
  return copy;
}

/** Draws conclusions from the comparisons of one program. */
export class Reasoning {
  readonly #fields: Field[] = [];
  readonly #named = new Map<string, Field>();
  readonly #values = new Map<string, Value>();
  readonly #ofTest = new Map<TestNode, Value>();

  /** What is known at the beginning. */
  readonly nothing: Facts;

  constructor(nodes: Iterable<Node>) {
    for (const node of nodes) if (!('keep' in node)) this.#register(node);
    this.nothing = {
      known: Array(this.#values.size).fill(undefined),
      bits: Array(this.#fields.length).fill(undefined),
    };
  }

  #field(base: string, at: number, size: number): Field {
    const name = `${base};${at};${size}`;
    let field = this.#named.get(name);
    if (field === undefined) {
      field = { id: this.#fields.length, base, at, size, overlapping: [] };
      for (const other of this.#fields) {
        if (other.base !== base || other.at >= at + size || at >= other.at + other.size) continue;
        other.overlapping.push(field);
        field.overlapping.push(other);
      }
      this.#fields.push(field);
      this.#named.set(name, field);
    }
    return field;
  }

  /** Returns the field that a load reads, and the bits that are compared. A computed number is a field of its own. */
  #read({ key, base, instructions }: Load): { field: Field; mask: number } {
    const [{ code, k }, masking, more] = instructions as [Load['instructions'][0], ...Load['instructions']];
    const size = SIZES[code & 0x18];
    const isPlain =
      more === undefined &&
      (code & 7) === BPF_LD &&
      size !== undefined &&
      ((code & 0xe0) === BPF_ABS ? k < 2 ** 31 : (code & 0xe0) === BPF_IND && base !== undefined) &&
      (masking === undefined || masking.code === (BPF_ALU | BPF_AND | BPF_K));
    if (!isPlain) return { field: this.#field(key, 0, 4), mask: EVERY_BIT };
    return { field: this.#field(base?.key ?? '', k, size), mask: ((masking?.k ?? EVERY_BIT) & maskOf(size)) >>> 0 };
  }

  /** All fields are known from the beginning, because what is learned of one is learned of those that overlap it. */
  #register(test: TestNode): void {
    const name = (test.operation & BPF_X) === 0 ? test.load.key : `${test.load.key} and X`;
    let value = this.#values.get(name);
    if (value === undefined) {
      value = { id: this.#values.size, ...this.#read(test.load) };
      this.#values.set(name, value);
    }
    this.#ofTest.set(test, value);
  }

  /** Returns whether the path has read the bytes of a test, so that the packet is not too short for it. */
  hasRead(facts: Facts, test: TestNode): boolean {
    const { id, field } = this.#ofTest.get(test)!;
    return facts.known[id] !== undefined || facts.bits[field.id]?.isRead === true;
  }

  /** Returns what is known after a test had an outcome, or undefined if it cannot have it. */
  assume(facts: Facts, test: TestNode, outcome: boolean): Facts | undefined {
    const value = this.#ofTest.get(test)!;
    const { id, field, mask } = value;
    const { operation, k } = test;
    if ((operation & BPF_X) !== 0) {
      const before = facts.known[id] ?? ORDERS;
      const plain = operation & ~BPF_X;
      const order = plain === BPF_JGE ? BPF_JGE : BPF_JEQ;
      const after = restricted(before, order, plain === BPF_JGT ? 2 : 1, outcome);
      return after && { known: changed(facts.known, id, after), bits: facts.bits };
    }
    const before = facts.bits[field.id] ?? NO_BITS;
    const least = (before.value & mask) >>> 0;
    const greatest = (least | (mask & ~before.mask)) >>> 0;
    const earlier = facts.known[id];
    const start =
      earlier === undefined ? within(least, greatest, []) : this.#narrowed(earlier, least, greatest, before, mask);
    const after = start && restricted(start, operation, k, outcome);
    if (after === undefined) return undefined;
    const bits = learned(before, value, test, outcome, after.only);
    if (bits === undefined) return undefined;
    const isSame =
      before.isRead && bits.mask === before.mask && bits.value === before.value && bits.some === before.some;
    if (isSame && after === earlier) return facts;
    return {
      known: after === earlier ? facts.known : changed(facts.known, id, after),
      bits: isSame ? facts.bits : spread(facts.bits, field, bits),
    };
  }

  /** Removes the values that contradict the known bits. */
  #narrowed(known: ValueSet, least: number, greatest: number, { mask: sure, value: bits }: Bits, mask: number) {
    if (known.only !== undefined) {
      return among(
        known,
        known.only.filter((k) => (k & ~mask) === 0 && (sure & mask & (bits ^ k)) === 0),
      );
    }
    if (least <= known.least && greatest >= known.greatest) return known;
    return within(Math.max(known.least, least), Math.min(known.greatest, greatest), known.except);
  }
}

/** Returns what is known about the bits of a field after a test of it, or undefined if that is a contradiction. */
function learned(
  { mask: before, value: set, some }: Bits,
  { mask }: Value,
  { operation, k }: TestNode,
  outcome: boolean,
  only: readonly number[] | undefined,
): Bits | undefined {
  let [sure, value, masks] = [before, set, some];
  if (operation === BPF_JSET) {
    const asked = k & mask;
    if (outcome) masks = (asked & value) !== 0 || some.includes(asked) ? some : [...some, asked];
    else if ((asked & value) !== 0) return undefined;
    else sure |= asked;
  }
  if (only?.length === 1) {
    const [exact] = only as [number];
    if ((exact & ~mask) !== 0 || (sure & mask & (value ^ exact)) !== 0) return undefined;
    sure |= mask;
    value |= exact;
  }
  for (const one of masks) {
    const open = one & ~sure;
    if ((one & value) !== 0) continue;
    if (open === 0) return undefined;
    if (!isSingle(open)) continue;
    sure |= open;
    value |= open;
  }
  return { mask: sure, value, some: masks, isRead: true };
}

/** Sets the bits of a field, and those of the fields that share bytes with it. */
function spread(all: Facts['bits'], field: Field, bits: Bits): Facts['bits'] {
  const copy = changed(all, field.id, bits);
  for (const other of field.overlapping) {
    const { mask, value, some, isRead } = copy[other.id] ?? NO_BITS;
    const right = 8 * (field.at + field.size - other.at - other.size);
    const moved = (number: number) => (right >= 0 ? number >>> right : number << -right) & maskOf(other.size);
    copy[other.id] = { mask: mask | moved(bits.mask), value: value | moved(bits.value), some, isRead };
  }
  return copy;
}
