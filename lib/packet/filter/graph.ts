/** The graph of decisions from which a BPF program is generated: each node loads a value, compares it and branches. */
import { BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET, BPF_X } from '../../native/constants.ts';
import type { Load } from './load.ts';

/**
 * A comparison of A with a number: one of the BPF_J numbers. With BPF_X, A is compared with X, which the load sets as
 * well.
 */
export interface Comparison {
  operation: number;
  k: number;
}

interface Test extends Comparison {
  load: Load;
  /** The number of its value in the graph, and the number of the comparison of this value. */
  value: number;
  asked: number;
  yes: Node;
  no: Node;
}

export type TestNode = { id: number } & Test;

/** A node of the graph. Equal nodes are the same object, and a node has a higher number than its successors. */
export type Node = { id: number; keep: number } | TestNode;

/** A comparison whose outcome is known. */
interface Fact extends Comparison {
  id: number;
  value: number;
  remembered: boolean;
  outcome: boolean;
}

/** Above this number of nodes or remembered results, it no longer pays to specialize nodes for known facts. */
const MANY = 5000;
const MANY_KNOWN = 20_000;

/** Returns the smallest and the largest value that a comparison with this outcome permits. */
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

/**
 * Returns the outcome of a comparison of the same value that follows from a fact, or undefined if the fact does not
 * determine it.
 */
function implied(known: Fact, { operation, k }: Comparison): boolean | undefined {
  const { outcome } = known;
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

/** More than the number of facts or nodes of any program. */
const MORE = 2 ** 26;

/** The nodes of one program. They are created from the end: the successors of a comparison before the comparison. */
export class Graph {
  /** The nodes of each comparison, by the numbers of both successors. */
  readonly #nodes: Map<number, Node>[] = [];
  readonly #ends = new Map<number, Node>();
  #size = 0;
  readonly #values = new Map<string, number>();
  readonly #asked = new Map<string, number>();
  /** The nodes specialized for facts, by the numbers of both. */
  readonly #known = new Map<number, Node>();

  /** Returns the node that ends the program and keeps this many bytes. */
  end(keep: number): Node {
    let node = this.#ends.get(keep);
    if (node === undefined) {
      node = { id: this.#size++, keep };
      this.#ends.set(keep, node);
    }
    return node;
  }

  /** Returns the node of a comparison with these successors, and creates it if necessary. */
  #test({ load, value, asked, operation, k }: Omit<Test, 'yes' | 'no'>, yes: Node, no: Node): Node {
    if (yes === no) return yes;
    this.#nodes[asked] ??= new Map();
    const nodes = this.#nodes[asked];
    const key = yes.id * MORE + no.id;
    let node = nodes.get(key);
    if (node === undefined) {
      node = { id: this.#size++, load, value, asked, operation, k, yes, no };
      nodes.set(key, node);
    }
    return node;
  }

  /** Returns the node of the same comparison with other successors. */
  moved(node: TestNode, yes: Node, no: Node): Node {
    return yes === node.yes && no === node.no ? node : this.#test(node, yes, no);
  }

  /**
   * Returns the node of a comparison that continues at `yes` if it is true and otherwise at `no`. The successors do not test
   * again what the outcome implies.
   */
  test(load: Load, { operation, k }: Comparison, yes: Node, no: Node): Node {
    const value = numberOf(this.#values, load.key);
    const asked = numberOf(this.#asked, `${value} ${operation} ${k}`);
    const one = { load, value, asked, operation, k };
    return this.#test(one, this.#after(one, yes, true), this.#otherwise(one, no));
  }

  /** Specializes the `no` successor of a comparison. */
  #otherwise(one: Omit<Test, 'yes' | 'no'>, no: Node): Node {
    // When many values are tested one after the other, a failed test implies nothing for the tests after it.
    const tellsLittle = one.operation === BPF_JEQ && !one.load.remembered;
    return tellsLittle ? no : this.#after(one, no, false);
  }

  /** Specializes the successor of a comparison for its outcome. */
  #after({ load, value, asked, operation, k }: Omit<Test, 'yes' | 'no'>, node: Node, outcome: boolean): Node {
    if ('keep' in node) return node;
    const { remembered } = load;
    return this.#given(node, { id: 2 * asked + Number(outcome), value, operation, k, remembered, outcome });
  }

  /** Specializes a node for a fact. Long chains lead over `no`; they are followed in a loop, without recursion. */
  #given(node: Node, fact: Fact): Node {
    const passed: TestNode[] = [];
    const answers: (boolean | undefined)[] = [];
    let result = node;
    while (!('keep' in result) && this.#size <= MANY && this.#known.size <= MANY_KNOWN) {
      const found = this.#known.get(result.id * MORE + fact.id);
      if (found !== undefined) {
        result = found;
        break;
      }
      const isSame = result.value === fact.value;
      const answer = isSame ? implied(fact, result) : undefined;
      if (answer === undefined && !fact.remembered && !isSame) break;
      passed.push(result);
      answers.push(answer);
      result = answer === true ? result.yes : result.no;
    }
    for (let i = passed.length - 1; i >= 0; i--) {
      const one = passed[i]!;
      if (answers[i] === undefined) {
        const yes = this.#given(one.yes, fact);
        // Without the tests that the fact answers, others may follow for which the outcome of this one is known.
        const then = yes === one.yes ? yes : this.#after(one, yes, true);
        const otherwise = result === one.no ? result : this.#otherwise(one, result);
        result = then === one.yes && otherwise === one.no ? one : this.#test(one, then, otherwise);
      }
      this.#known.set(one.id * MORE + fact.id, result);
    }
    return result;
  }
}

/** Returns the number of a key, and assigns a new one if necessary. */
function numberOf(numbers: Map<string, number>, key: string): number {
  let number = numbers.get(key);
  if (number === undefined) {
    number = numbers.size;
    numbers.set(key, number);
  }
  return number;
}
