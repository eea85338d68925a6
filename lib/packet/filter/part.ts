/**
 * Parts of filter programs: each decides where a packet continues. They can be combined before any code is generated.
 */
import { BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET } from '../../native/constants.ts';
import type { Relation } from './expression.ts';
import type { Graph, Node } from './graph.ts';
import { type Load, loadAt, type RelativeOffset } from './load.ts';

/** A part of the program. It creates the nodes that lead to `yes` and `no`. */
export type Part = (graph: Graph, yes: Node, no: Node) => Node;

export const always: Part = (_graph, yes) => yes;
export const never: Part = (_graph, _yes, no) => no;

/** Tests whether the loaded value is one of these. */
export function equal(from: Load, ...values: number[]): Part {
  const once = [...new Set(values)];
  return (graph, yes, no) =>
    once.reduceRight((otherwise, k) => graph.test(from, { operation: BPF_JEQ, k }, yes, otherwise), no);
}

/** Tests whether at least one of these bits is set in the loaded value. */
export function bits(from: Load, k: number): Part {
  return (graph, yes, no) => graph.test(from, { operation: BPF_JSET, k }, yes, no);
}

/** Tests whether the bits of `size` bytes that the mask selects are equal to a value. */
export function masked(place: RelativeOffset, size: number, mask: number, value: number): Part {
  return value === 0 ? not(bits(loadAt(place, size), mask)) : equal(loadAt(place, size, mask), value);
}

export function not(part: Part): Part {
  return (graph, yes, no) => part(graph, no, yes);
}

export function all(...parts: readonly Part[]): Part {
  return (graph, yes, no) => parts.reduceRight((next, part) => part(graph, next, no), yes);
}

export function any(...parts: readonly Part[]): Part {
  return (graph, yes, no) => parts.reduceRight((otherwise, part) => part(graph, yes, otherwise), no);
}

/** Tests the relation of the loaded value to a number, or to X if `source` is BPF_X. */
export function compare(from: Load, relation: Relation, k: number, source = 0): Part {
  const test = (operation: number): Part => {
    return (graph, yes, no) => graph.test(from, { operation: operation | source, k }, yes, no);
  };
  switch (relation) {
    case '=':
      return test(BPF_JEQ);
    case '!=':
      return not(test(BPF_JEQ));
    case '>':
      return test(BPF_JGT);
    case '>=':
      return test(BPF_JGE);
    case '<':
      return not(test(BPF_JGE));
    case '<=':
      return not(test(BPF_JGT));
  }
}
