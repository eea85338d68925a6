/** Decisions as a graph, from which a BPF program is written: each node loads a value, compares it and goes on. */
import { BPF_JA, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_K, BPF_MAXINSNS, BPF_RET } from '../../posix/constants.ts';
import { outOfRange } from '../../posix/errno.ts';
import type { FilterInstruction } from '../../posix/filter.ts';
import { instruction, type Load } from './load.ts';

/** A comparison of A with a number: one of the BPF_J numbers. */
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

const FAR = 0xff;
/** With so many nodes, or so many answers, it is no longer worth while to make others for what is known on the way to them. */
const MANY = 50_000;
const MANY_KNOWN = 400_000;

/** What a comparison gives when another of the same value gave `outcome`; undefined if that does not tell. */
function implied(known: Comparison, outcome: boolean, asked: Comparison): boolean | undefined {
  if (known.operation === asked.operation && known.k === asked.k) return outcome;
  if (known.operation !== BPF_JEQ || !outcome) return undefined;
  if (asked.operation === BPF_JEQ) return known.k === asked.k;
  if (asked.operation === BPF_JGT) return known.k > asked.k;
  return asked.operation === BPF_JGE ? known.k >= asked.k : (known.k & asked.k) !== 0;
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
    return this.#test({ load, ...comparison, yes: after(yes, true), no: after(no, false) });
  }

  /** A node as it is behind a comparison whose outcome is known. */
  #given(node: Node, load: Load, known: Comparison, outcome: boolean): Node {
    if ('keep' in node || this.#nodes.size > MANY || this.#known.size > MANY_KNOWN) return node;
    const key = `${node.id} ${load.key} ${known.operation} ${known.k} ${outcome}`;
    let result = this.#known.get(key);
    if (result === undefined) {
      const again = (next: Node) => this.#given(next, load, known, outcome);
      const answer = node.load.key === load.key ? implied(known, outcome, node) : undefined;
      if (answer !== undefined) result = again(answer ? node.yes : node.no);
      else if (load.remembered || node.load.key === load.key) {
        result = this.#test({ ...node, yes: again(node.yes), no: again(node.no) });
      } else result = node;
      this.#known.set(key, result);
    }
    return result;
  }
}

/** The nodes that can be reached, the last of the program first. */
function reachable(entry: Node): Node[] {
  const found = new Set<Node>();
  const waiting = [entry];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    if (!('keep' in node)) waiting.push(node.yes, node.no);
  }
  return [...found].sort((a, b) => a.id - b.id);
}

/** The comparisons at which A holds their value already, on every way to them. */
function loaded(nodes: readonly Node[]): Set<Node> {
  const before = new Map<Node, Set<string>>();
  for (const node of nodes) {
    if ('keep' in node) continue;
    for (const next of [node.yes, node.no]) before.set(next, (before.get(next) ?? new Set()).add(node.load.key));
  }
  const isLoaded = (node: Node) => {
    const keys = before.get(node);
    return !('keep' in node) && keys?.size === 1 && keys.has(node.load.key);
  };
  return new Set(nodes.filter(isLoaded));
}

/**
 * The program of a graph.
 *
 * Jumps of conditions reach 255 instructions: to go farther, they lead to a `ja` behind them.
 */
export function programOf(entry: Node): FilterInstruction[] {
  const nodes = reachable(entry);
  const skip = loaded(nodes);
  const reversed: FilterInstruction[] = [];
  const starts = new Map<Node, number>(); // where the first instruction of a node stands in `reversed`
  const distance = (to: number) => reversed.length - to - 1;
  for (const node of nodes) {
    if ('keep' in node) {
      reversed.push(instruction(BPF_RET | BPF_K, node.keep));
    } else {
      const targets = [node.yes, node.no].map((next) => {
        const start = starts.get(next)!;
        if (distance(start) <= FAR - 1) return start; // one less, for the `ja` of the other
        reversed.push(instruction(BPF_JMP | BPF_JA, distance(start)));
        return reversed.length - 1;
      }) as [number, number];
      const [jt, jf] = targets.map(distance) as [number, number];
      reversed.push({ code: BPF_JMP | node.operation | BPF_K, jt, jf, k: node.k });
      if (!skip.has(node)) reversed.push(...[...node.load.instructions].reverse());
    }
    starts.set(node, reversed.length - 1);
  }
  if (reversed.length > BPF_MAXINSNS) {
    throw outOfRange('expression', `one of at most ${BPF_MAXINSNS} instructions (it has ${reversed.length})`);
  }
  return reversed.reverse();
}
