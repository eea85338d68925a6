/**
 * Generates the arithmetic of filter expressions: instructions that compute a number in A, or two numbers in A and X.
 */
import {
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_DIV,
  BPF_IMM,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MEM,
  BPF_MEMWORDS,
  BPF_MISC,
  BPF_MOD,
  BPF_MSH,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_ST,
  BPF_SUB,
  BPF_TAX,
  BPF_W,
  BPF_X,
  BPF_XOR,
} from '../../native/constants.ts';
import type { FilterInstruction } from '../../posix/filter.ts';
import type { FilterOperator, FilterValue, Relation, Word } from './expression.ts';
import { checkHeaders, headerGuard, headerPlace } from './header.ts';
import { type Base, further, instruction, LENGTH, loadInstruction, loadOf, type RelativeOffset } from './load.ts';
import { all, always, bits, compare as compared, never, not, type Part } from './part.ts';
import { refusedExpression } from './refusal.ts';
import type { Scope } from './scope.ts';
import { folded, isOperation } from './value.ts';

type Field = Extract<FilterValue, { header: unknown }>;

/** Instructions that compute a number in A. */
interface Code {
  /** The base that must be in X first. */
  base: Base | undefined;
  list: readonly FilterInstruction[];
  /** Whether X is unchanged, apart from the base. */
  keepsX: boolean;
}

const OPERATIONS: { readonly [operator in FilterOperator]: number } = {
  ...{ '+': BPF_ADD, '-': BPF_SUB, '*': BPF_MUL, '/': BPF_DIV, '%': BPF_MOD },
  ...{ '&': BPF_AND, '|': BPF_OR, '^': BPF_XOR, '<<': BPF_LSH, '>>': BPF_RSH },
};
const COMMUTATIVE: readonly unknown[] = ['+', '*', '&', '|', '^'];
const SWAPPED: { readonly [relation in Relation]: Relation } = {
  ...{ '=': '=', '!=': '!=', '>': '<', '>=': '<=', '<': '>', '<=': '>=' },
};
const TO_X = instruction(BPF_MISC | BPF_TAX, 0);
const ADD_X = instruction(BPF_ALU | BPF_ADD | BPF_X, 0);

/** Returns all instructions of a code, including those of its base. */
const whole = ({ base, list }: Code) => [...(base?.instructions ?? []), ...list];
const usesX = ({ base, keepsX }: Code) => base !== undefined || !keepsX;

/**
 * Generates the numbers of one expression for one path through the headers. Memory cells are used from the first one
 * on.
 */
class Writer {
  readonly #scope: Scope;
  readonly #asked: object;

  constructor(scope: Scope, asked: object) {
    this.#scope = scope;
    this.#asked = asked;
  }

  #cell(cell: number): number {
    if (cell < BPF_MEMWORDS) return cell;
    throw refusedExpression(this.#asked, `it needs more than the ${BPF_MEMWORDS} memory cells of a program`);
  }

  /** Computes a number in A. The cells before `cell` are in use. */
  value(value: FilterValue, cell = 0): Code {
    if (typeof value === 'number') {
      return { base: undefined, list: [instruction(BPF_LD | BPF_IMM, value)], keepsX: true };
    }
    if (value === 'len') return { base: undefined, list: LENGTH.instructions, keepsX: true };
    if ('header' in value) return this.#field(value, cell);
    if ('minus' in value) {
      const { base, list, keepsX } = this.value(value.minus, cell);
      return { base, list: [...list, instruction(BPF_ALU | BPF_NEG, 0)], keepsX };
    }
    const { left, operator, right } = value;
    if (typeof right === 'number') {
      const { base, list, keepsX } = this.value(left, cell);
      return { base, list: [...list, instruction(BPF_ALU | OPERATIONS[operator] | BPF_K, right)], keepsX };
    }
    const isCheaper = COMMUTATIVE.includes(operator) && this.#intoX(left) !== undefined;
    const both = isCheaper ? this.both(right, left, cell) : this.both(left, right, cell);
    const operation = instruction(BPF_ALU | OPERATIONS[operator] | BPF_X, 0);
    return { base: undefined, list: [...both, operation], keepsX: false };
  }

  /** Loads bytes of a header. */
  #field({ header, offset, size = 1 }: Field, cell: number): Code {
    const place = headerPlace(this.#scope, header);
    if (typeof offset === 'number') {
      const at = further(place, offset);
      return { base: at.base, list: [loadInstruction(at, size)], keepsX: true };
    }
    const index = whole(this.value(offset, cell));
    const from = (base: RelativeOffset['base'], at: number) => loadInstruction({ base, at }, size);
    const { base, at } = place;
    const anyBase: Base = base ?? { key: '', instructions: [], keepsA: true };
    if (base === undefined) return { base: undefined, list: [...index, TO_X, from(anyBase, at)], keepsX: false };
    const added = base.keepsA
      ? [...index, ...base.instructions]
      : [
          ...[...index, instruction(BPF_ST, this.#cell(cell)), ...base.instructions],
          instruction(BPF_LD | BPF_MEM, this.#cell(cell)),
        ];
    return { base: undefined, list: [...added, ADD_X, TO_X, from(base, at)], keepsX: false };
  }

  /** Returns the single instruction that loads a number into X without changing A, if there is one. */
  #intoX(value: FilterValue): FilterInstruction | undefined {
    if (value === 'len') return instruction(BPF_LDX | BPF_W | BPF_LEN, 0);
    if (!isOperation(value, '<<', 2) || !isOperation(value.left, '&', 0xf)) return undefined;
    const field = value.left.left;
    if (typeof field !== 'object' || !('header' in field) || field.size === 2 || field.size === 4) return undefined;
    const place = headerPlace(this.#scope, field.header);
    if (place.base !== undefined || typeof field.offset !== 'number') return undefined;
    return instruction(BPF_LDX | BPF_B | BPF_MSH, place.at + field.offset);
  }

  /** Computes the left number in A and the right one in X. */
  both(left: FilterValue, right: FilterValue, cell = 0): FilterInstruction[] {
    const short = this.#intoX(right);
    if (short !== undefined) return [...whole(this.value(left, cell)), short];
    const first = whole(this.value(right, cell));
    const second = this.value(left, cell);
    if (!usesX(second)) return [...first, TO_X, ...second.list];
    const kept = this.#cell(cell);
    return [
      ...[...first, instruction(BPF_ST, kept), ...whole(this.value(left, cell + 1))],
      instruction(BPF_LDX | BPF_MEM, kept),
    ];
  }
}

const holds = (left: number, relation: Relation, right: number): boolean => {
  switch (relation) {
    case '=':
      return left === right;
    case '!=':
      return left !== right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
  }
};

/** Recognizes a comparison that only tests bits of a number: at least one is set, or none is. */
function bitsOf(
  left: FilterValue,
  relation: Relation,
  right: number,
): { value: FilterValue; mask: number; set: boolean } | undefined {
  if (!isOperation(left, '&') || typeof left.right !== 'number') return undefined;
  const mask = left.right;
  const isSingle = right === mask && (mask & (mask - 1)) === 0 && mask !== 0;
  if (right !== 0 && !isSingle) return undefined;
  const isEqual = relation === '=' || (right === 0 && relation === '<=');
  if (!isEqual && relation !== '!=' && !(right === 0 && relation === '>')) return undefined;
  return { value: left.left, mask, set: isEqual === isSingle };
}

/**
 * Returns the headers that a packet must have for a number. As in libpcap, an operation only requires those of its left
 * side.
 */
function headersOf(value: FilterValue, found = new Set<Field['header']>()): Set<Field['header']> {
  if (typeof value !== 'object') return found;
  if ('minus' in value) return headersOf(value.minus, found);
  if ('left' in value) return headersOf(value.left, found);
  headersOf(value.offset, found);
  return found.add(value.header);
}

/**
 * Returns whether a number reads bytes at an offset that no packet reaches. In a program such offsets have other
 * meanings.
 */
function isBeyond(scope: Scope, value: FilterValue): boolean {
  if (typeof value !== 'object') return false;
  if ('minus' in value) return isBeyond(scope, value.minus);
  if ('left' in value) return isBeyond(scope, value.left) || isBeyond(scope, value.right);
  if (typeof value.offset !== 'number') return isBeyond(scope, value.offset);
  const { base, at } = headerPlace(scope, value.header);
  return base === undefined && (at + value.offset) % 2 ** 32 >= 2 ** 31;
}
/** Drops the packet, as a load beyond its end does. */
const dropped: Part = (graph) => graph.end(0);

/** Tests the relation of two numbers, in a packet that has all the headers they are read from. */
export function comparison(scope: Scope, asked: Word<'compare'>): Part {
  for (const value of [asked.left, asked.right]) checkHeaders(scope, asked, value);
  let [left, right, relation] = [folded(asked.left, asked), folded(asked.right, asked), asked.relation];
  const guards = [...headersOf(asked.right, headersOf(asked.left))].map((header) => headerGuard(scope, asked, header));
  if (typeof left === 'number' && typeof right === 'number') {
    return all(...guards, holds(left, relation, right) ? always : never);
  }
  if (isBeyond(scope, left) || isBeyond(scope, right)) return all(...guards, dropped);
  if (typeof left === 'number') [left, right, relation] = [right, left, SWAPPED[relation]];
  const writer = new Writer(scope, asked);
  const loaded = ({ base, list, keepsX }: Code) => loadOf(base, list, keepsX);
  if (typeof right !== 'number') {
    const from = loadOf(undefined, writer.both(left, right), false);
    return all(...guards, compared(from, relation, 0, BPF_X));
  }
  const asBits = bitsOf(left, relation, right);
  if (asBits !== undefined) {
    const part = bits(loaded(writer.value(asBits.value)), asBits.mask);
    return all(...guards, asBits.set ? part : not(part));
  }
  return all(...guards, compared(loaded(writer.value(left)), relation, right));
}
