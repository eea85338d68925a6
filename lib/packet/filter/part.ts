/** Parts of filter programs: each says where a packet goes on, and they are put together without being written yet. */
import { BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET } from '../../posix/constants.ts';
import type { Relation } from './expression.ts';
import type { Graph, Node } from './graph.ts';
import { type Load, loadAt, type Place } from './load.ts';

/** A part of the program: it makes the nodes before `yes` and `no`. */
export type Part = (graph: Graph, yes: Node, no: Node) => Node;

export const always: Part = (_graph, yes) => yes;
export const never: Part = (_graph, _yes, no) => no;

/** What is loaded is one of these. */
export function equal(from: Load, ...values: number[]): Part {
  const once = [...new Set(values)];
  return (graph, yes, no) =>
    once.reduceRight((otherwise, k) => graph.test(from, { operation: BPF_JEQ, k }, yes, otherwise), no);
}

/** One of these bits is set in what is loaded. */
export function bits(from: Load, k: number): Part {
  return (graph, yes, no) => graph.test(from, { operation: BPF_JSET, k }, yes, no);
}

/** Of `size` bytes those bits that the mask has are a value. */
export function masked(place: Place, size: number, mask: number, value: number): Part {
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

/** What is loaded has a relation to a number, or to X where `source` is BPF_X. */
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
