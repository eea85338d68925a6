/** Finds expressions that no packet can match, and tests whose outcome the tests before them determine. */
import { bothFacts, type Facts, Reasoning } from './facts.ts';
import type { Graph, Node, TestNode } from './graph.ts';
import { reachable } from './program.ts';

/** The number of branches that are taken in search of a path. An expression is refused only if all were followed. */
const MOST_BRANCHES = 2000;
/** With more nodes, the program is too long in any case. */
const MANY = 20_000;

/**
 * Returns whether a packet can reach an accepting end: whether the comparisons on a path to it do not contradict each
 * other. The shortest paths are tried first.
 */
export function isSatisfiable(entry: Node): boolean {
  const nodes = reachable(entry);
  const distance = new Map<Node, number>();
  for (const node of nodes) {
    if ('keep' in node) distance.set(node, node.keep > 0 ? 0 : Number.POSITIVE_INFINITY);
    else distance.set(node, 1 + Math.min(distance.get(node.yes)!, distance.get(node.no)!));
  }
  const reasoning = new Reasoning(nodes);
  const waiting: { node: Node; facts: Facts }[] = [{ node: entry, facts: reasoning.nothing }];
  for (let branches = 0; branches <= MOST_BRANCHES; ) {
    const next = waiting.pop();
    if (next === undefined) return false;
    const { node, facts } = next;
    if (distance.get(node) === Number.POSITIVE_INFINITY) continue;
    if ('keep' in node) return true;
    const [yes, no] = [reasoning.assume(facts, node, true), reasoning.assume(facts, node, false)];
    if (yes !== undefined && no !== undefined) branches += 1;
    const isYesNearer = distance.get(node.yes)! < distance.get(node.no)!;
    if (yes !== undefined && !isYesNearer) waiting.push({ node: node.yes, facts: yes });
    if (no !== undefined) waiting.push({ node: node.no, facts: no });
    if (yes !== undefined && isYesNearer) waiting.push({ node: node.yes, facts: yes });
  }
  return true;
}

/**
 * Returns the graph without the tests whose outcome is known wherever a packet comes from. Their loads are omitted as
 * well, so the bytes must have been read before.
 */
export function simplified(graph: Graph, entry: Node): Node {
  const nodes = reachable(entry);
  if (nodes.length > MANY) return entry;
  const reasoning = new Reasoning(nodes);
  const before = new Map<Node, Facts>([[entry, reasoning.nothing]]);
  const dropped = graph.end(0);
  /** Follows a branch to the first test whose outcome is not known. A branch that no packet takes may lead anywhere. */
  const follow = (from: Node, known: Facts | undefined): Node => {
    if (known === undefined) return dropped;
    let [node, facts] = [from, known];
    while (!('keep' in node) && reasoning.hasRead(facts, node)) {
      const [yes, no] = [reasoning.assume(facts, node, true), reasoning.assume(facts, node, false)];
      if (yes !== undefined && no !== undefined) break;
      if (yes === undefined && no === undefined) return dropped;
      facts = (yes ?? no)!;
      node = yes === undefined ? node.no : node.yes;
    }
    if ('keep' in node) return node;
    const others = before.get(node);
    before.set(node, others === undefined ? facts : bothFacts(others, facts));
    return node;
  };
  const branches: [node: TestNode, yes: Node, no: Node][] = [];
  for (const node of nodes.toReversed()) {
    const facts = before.get(node);
    if (facts === undefined || 'keep' in node) continue;
    const yes = follow(node.yes, reasoning.assume(facts, node, true));
    branches.push([node, yes, follow(node.no, reasoning.assume(facts, node, false))]);
  }
  const made = new Map<Node, Node>();
  const resultOf = (node: Node) => made.get(node) ?? node;
  for (const [node, yes, no] of branches.reverse()) made.set(node, graph.moved(node, resultOf(yes), resultOf(no)));
  return resultOf(entry);
}
