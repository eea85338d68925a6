/** Writes BPF programs from decision graphs: chooses the order of the nodes and omits redundant loads. */

import { outOfRange } from '../../argument/argument-error.ts';
import { BPF_JA, BPF_JMP, BPF_K, BPF_MAXINSNS, BPF_RET } from '../../native/constants.ts';
import type { FilterInstruction } from '../../posix/filter.ts';
import type { Node } from './graph.ts';
import { instruction } from './load.ts';

const FAR = 0xff;
const RETURN = BPF_RET | BPF_K;

/** Returns the reachable nodes in the reverse order of the program: each after its successors. */
export function reachable(entry: Node): Node[] {
  const found = new Set<Node>();
  const waiting = [entry];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    if (!('keep' in node)) waiting.push(node.yes, node.no);
  }
  return [...found].sort((a, b) => a.id - b.id);
}

/** The contents of A and X, or undefined if they depend on the path. */
interface Registers {
  a: string | undefined;
  x: string | undefined;
}

/**
 * Returns the load instructions that each node needs before its comparison. They are omitted if A and X hold the values
 * on every path to the node.
 */
function loads(nodes: readonly Node[]): Map<Node, readonly FilterInstruction[]> {
  const before = new Map<Node, Registers>();
  const needed = new Map<Node, readonly FilterInstruction[]>();
  const reach = (node: Node, { a, x }: Registers) => {
    const held = before.get(node);
    if (held === undefined) before.set(node, { a, x });
    else {
      if (held.a !== a) held.a = undefined;
      if (held.x !== x) held.x = undefined;
    }
  };
  for (const node of nodes.toReversed()) {
    if ('keep' in node) continue;
    const { load } = node;
    const held = before.get(node) ?? { a: undefined, x: undefined };
    const isBased = load.base === undefined || held.x === load.base.key;
    if (held.a === load.key) needed.set(node, []);
    else if (isBased) needed.set(node, load.instructions);
    else needed.set(node, [...load.base!.instructions, ...load.instructions]);
    const base = load.base === undefined || held.a === load.key ? held.x : load.base.key;
    const after = { a: load.key, x: load.keepsX || held.a === load.key ? base : undefined };
    reach(node.yes, after);
    reach(node.no, after);
  }
  return needed;
}

/**
 * Writes the program of a graph.
 *
 * Conditional jumps reach at most 255 instructions. Longer ones lead to a `ja`, or to a copy of the `ret`, that follows
 * the jump. Comparisons of what is already in A are written once for all values that are compared alike: a list of
 * addresses serves IP and ARP.
 */
export function instructionsOf(entry: Node): FilterInstruction[] {
  const nodes = reachable(entry);
  const needed = loads(nodes);
  const reversed: FilterInstruction[] = [];
  const starts = new Map<Node, number>(); // the position of each node's first instruction in `reversed`
  const comparisons = new Map<string, number>();
  const nearer = new Map<number, number>(); // the last instruction that leads to one that may be too far away
  const distance = (to: number) => reversed.length - to - 1;
  const isNear = (to: number) => distance(to) <= FAR - 1; // one less, to leave room for the `ja` of the other branch
  const within = (start: number): number => {
    const to = nearer.get(start) ?? start;
    if (isNear(to)) return to;
    const there = reversed[start]!;
    reversed.push(there.code === RETURN ? there : instruction(BPF_JMP | BPF_JA, distance(start)));
    nearer.set(start, reversed.length - 1);
    return reversed.length - 1;
  };
  for (const node of nodes) {
    if ('keep' in node) {
      reversed.push(instruction(RETURN, node.keep));
    } else {
      const { operation, k } = node;
      const load = needed.get(node)!;
      const [yes, no] = [starts.get(node.yes)!, starts.get(node.no)!];
      const comparison = `${operation} ${k} ${yes} ${no}`;
      const same = load.length === 0 ? comparisons.get(comparison) : undefined;
      if (same !== undefined) {
        starts.set(node, same);
        continue;
      }
      const [jt, jf] = [within(yes), within(no)].map(distance) as [number, number];
      reversed.push({ code: BPF_JMP | operation | BPF_K, jt, jf, k });
      comparisons.set(comparison, reversed.length - 1);
      reversed.push(...load.toReversed());
    }
    starts.set(node, reversed.length - 1);
  }
  return reversed.reverse();
}

/** Returns the program if it is not longer than the kernel accepts. */
export function checked(program: FilterInstruction[]): FilterInstruction[] {
  const { length } = program;
  if (length <= BPF_MAXINSNS) return program;
  throw outOfRange(
    'expression',
    `an expression that compiles to at most ${BPF_MAXINSNS} instructions (it has ${length})`,
  );
}
