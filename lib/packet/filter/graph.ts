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
  /** The number of its value in the graph, and that of the comparison of this value. */
  value: number;
  asked: number;
  yes: Node;
  no: Node;
}

/** A place in the graph. Equal ones are the same object, and those behind it have a lower number. */
export type Node = { id: number; keep: number } | ({ id: number } & Test);

/** The outcome of a comparison, which is known. */
interface Fact extends Comparison {
  id: number;
  value: number;
  remembered: boolean;
  outcome: boolean;
}

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

/** What a comparison of the same value gives when a fact is known; undefined if it does not tell. */
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

/** More than there are facts, or nodes, of any program. */
const MORE = 2 ** 26;

/** The nodes of one program. They are made from the end: those behind a comparison before it. */
export class Graph {
  /** For each comparison, by the numbers of both nodes behind it. */
  readonly #nodes: Map<number, Node>[] = [];
  readonly #ends = new Map<number, Node>();
  #size = 0;
  readonly #values = new Map<string, number>();
  readonly #asked = new Map<string, number>();
  /** Nodes as they are behind facts, by the numbers of both. */
  readonly #known = new Map<number, Node>();

  /** The end: as many bytes are kept. */
  end(keep: number): Node {
    let node = this.#ends.get(keep);
    if (node === undefined) {
      node = { id: this.#size++, keep };
      this.#ends.set(keep, node);
    }
    return node;
  }

  /** The comparison that `test` makes, with other nodes behind it. */
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

  /** A comparison: where it holds goes on at `yes`, else at `no`. What it tells is not asked again there. */
  test(load: Load, { operation, k }: Comparison, yes: Node, no: Node): Node {
    const value = numberOf(this.#values, load.key);
    const asked = numberOf(this.#asked, `${value} ${operation} ${k}`);
    const { remembered } = load;
    const after = (node: Node, outcome: boolean) => {
      if ('keep' in node) return node;
      return this.#given(node, { id: 2 * asked + Number(outcome), value, operation, k, remembered, outcome });
    };
    // Of many values that are asked for one after the other, none tells anything of those behind it.
    const tellsLittle = operation === BPF_JEQ && !remembered;
    const then = after(yes, true);
    return this.#test({ load, value, asked, operation, k }, then, tellsLittle ? no : after(no, false));
  }

  /** A node as it is behind a fact. Long ways lead over `no`: they are gone without calls. */
  #given(node: Node, fact: Fact): Node {
    const passed: (Node & Test)[] = [];
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
        result = yes === one.yes && result === one.no ? one : this.#test(one, yes, result);
      }
      this.#known.set(one.id * MORE + fact.id, result);
    }
    return result;
  }
}

/** The number of a key, a new one for a new key. */
function numberOf(numbers: Map<string, number>, key: string): number {
  let number = numbers.get(key);
  if (number === undefined) {
    number = numbers.size;
    numbers.set(key, number);
  }
  return number;
}
