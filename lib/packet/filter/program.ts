/** BPF programs from graphs of decisions: in which order they are written, and what need not be loaded again. */
import { BPF_JA, BPF_JMP, BPF_K, BPF_MAXINSNS, BPF_RET } from '../../posix/constants.ts';
import { outOfRange } from '../../posix/errno.ts';
import type { FilterInstruction } from '../../posix/filter.ts';
import type { Node } from './graph.ts';
import { instruction } from './load.ts';

const FAR = 0xff;

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

/** What A and X hold; undefined where it depends on the way there. */
interface Registers {
  a: string | undefined;
  x: string | undefined;
}

/** Of each node the instructions that it needs before its comparison: none for what A and X hold on every way to it. */
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
 * The program of a graph.
 *
 * Jumps of conditions reach 255 instructions: to go farther, they lead to a `ja` behind them.
 */
export function programOf(entry: Node): FilterInstruction[] {
  const nodes = reachable(entry);
  const needed = loads(nodes);
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
      reversed.push(...needed.get(node)!.toReversed());
    }
    starts.set(node, reversed.length - 1);
  }
  if (reversed.length > BPF_MAXINSNS) {
    throw outOfRange('expression', `one of at most ${BPF_MAXINSNS} instructions (it has ${reversed.length})`);
  }
  return reversed.reverse();
}
