/** Decisions as a graph, from which a BPF program is written: each node loads a value, compares it and goes on. */
import { BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET, BPF_X } from '../../posix/constants.ts';
import type { Load } from './load.ts';

/** A comparison of A with a number: one of the BPF_J numbers. With BPF_X it is one with X, which the load sets, too. */
export interface Comparison {
  operation: number;
  k: number;
}

interface Test extends Comparison {
  load: Load;
  yes: Node;
  no: Node;
}

/** A place in the graph. Equal ones are the same object, and those behind it have a lower number. */
export type Node = { id: number; keep: number } | ({ id: number } & Test);

/** With so many nodes, or so many answers, it is no longer worth while to make others for what is known on the way to them. */
const MANY = 50_000;
const MANY_KNOWN = 400_000;

/** The values that a comparison with this outcome leaves possible, from the least to the greatest. */
function rangeOf({ operation, k }: Comparison, outcome: boolean): [number, number] {
  switch (operation) {
    case BPF_JEQ:
      return outcome ? [k, k] : [0, 0xffffffff];
    case BPF_JGT:
      return outcome ? [k + 1, 0xffffffff] : [0, k];
    case BPF_JGE:
      return outcome ? [k, 0xffffffff] : [0, k - 1];
    default:
      return [0, 0xffffffff];
  }
}

/** What a comparison gives when another of the same value gave `outcome`; undefined if that does not tell. */
function implied(known: Comparison, outcome: boolean, asked: Comparison): boolean | undefined {
  const { operation, k } = asked;
  if (known.operation === operation && known.k === k) return outcome;
  if (((known.operation | operation) & BPF_X) !== 0) return undefined;
  if (known.operation === BPF_JSET && !outcome) {
    if (operation === BPF_JSET) return (k & ~known.k) === 0 ? false : undefined;
    return operation === BPF_JEQ && (k & known.k) !== 0 ? false : undefined;
  }
  const [least, greatest] = rangeOf(known, outcome);
  if (operation === BPF_JSET) return least === greatest ? (least & k) !== 0 : undefined;
  if (operation === BPF_JEQ) {
    if (k < least || k > greatest) return false;
    return least === greatest ? true : undefined;
  }
  const bound = operation === BPF_JGT ? k + 1 : k;
  if (least >= bound) return true;
  return greatest < bound ? false : undefined;
}

/** The nodes of one program. They are made from the end: those behind a comparison before it. */
export class Graph {
  readonly #nodes = new Map<string, Node>();
  readonly #known = new Map<string, Node>();

  #intern(key: string, make: (id: number) => Node): Node {
    let node = this.#nodes.get(key);
    if (node === undefined) {
      node = make(this.#nodes.size);
      this.#nodes.set(key, node);
    }
    return node;
  }

  /** The end: as many bytes are kept. */
  end(keep: number): Node {
    return this.#intern(`ret ${keep}`, (id) => ({ id, keep }));
  }

  #test(test: Test): Node {
    const { load, operation, k, yes, no } = test;
    if (yes === no) return yes;
    return this.#intern(`${load.key} ${operation} ${k} ${yes.id} ${no.id}`, (id) => ({ ...test, id }));
  }

  /** A comparison: where it holds goes on at `yes`, else at `no`. What it tells is not asked again there. */
  test(load: Load, comparison: Comparison, yes: Node, no: Node): Node {
    const after = (node: Node, outcome: boolean) => this.#given(node, load, comparison, outcome);
    // Of many values that are asked for one after the other, none tells anything of those behind it.
    const tellsLittle = comparison.operation === BPF_JEQ && !load.remembered;
    return this.#test({ load, ...comparison, yes: after(yes, true), no: tellsLittle ? no : after(no, false) });
  }

  /** A node as it is behind a comparison whose outcome is known. Long ways lead over `no`: they are gone without calls. */
  #given(node: Node, load: Load, known: Comparison, outcome: boolean): Node {
    const fact = `${load.key} ${known.operation} ${known.k} ${outcome}`;
    const passed: [key: string, node: Node & Test, isAsked: boolean][] = [];
    let result = node;
    while (!('keep' in result) && this.#nodes.size <= MANY && this.#known.size <= MANY_KNOWN) {
      const key = `${result.id} ${fact}`;
      const found = this.#known.get(key);
      if (found !== undefined) {
        result = found;
        break;
      }
      const isSame = result.load.key === load.key;
      const answer = isSame ? implied(known, outcome, result) : undefined;
      if (answer === undefined && !load.remembered && !isSame) break;
      passed.push([key, result, answer === undefined]);
      result = answer === true ? result.yes : result.no;
    }
    for (const [key, one, isAsked] of passed.reverse()) {
      if (isAsked) result = this.#test({ ...one, yes: this.#given(one.yes, load, known, outcome), no: result });
      this.#known.set(key, result);
    }
    return result;
  }
}
