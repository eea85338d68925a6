/**
 * The positions of the headers of a packet for one word of an expression. Tags and tunnels move the headers after them.
 */
import { BPF_ADD, BPF_ALU, BPF_AND, BPF_K, BPF_LSH, BPF_MISC, BPF_TAX, BPF_X } from '../../native/constants.ts';
import {
  type Base,
  baseOf,
  further,
  headerLength,
  instruction,
  type Load,
  loadAt,
  loadInstruction,
  type RelativeOffset,
} from './load.ts';
import { never, type Part } from './part.ts';

/** How the packets of a link type identify their contents. */
export type LinkKind =
  | ('ethernet' | 'cooked' | 'cooked 2' | 'null' | 'loop' | 'ppp' | 'hdlc' | '802.11')
  | ('ip' | 'ipv4' | 'ipv6');

/** The positions of the headers on one path through them. */
export interface Scope {
  kind: LinkKind;
  /** The link-layer header. */
  link: RelativeOffset;
  /** The field that identifies the protocol. */
  type: RelativeOffset;
  /** The payload of the link layer, where an 802.2 header begins. */
  payload: RelativeOffset;
  /** The offset of the network header in the payload. After an 802.2 header without SNAP, it is `bare`. */
  network: number;
  bare: number;
  /** The number of MPLS labels before the network header. */
  labels: number;
  /** Whether this is the link on which packets are captured. Only there can the kernel remove a VLAN tag. */
  isCaptured: boolean;
  /** Whether a radiotap header precedes the link-layer header. */
  hasRadio?: boolean;
  /** Whether there is no Ethernet header although an EtherType identifies the protocol. */
  isHeaderless?: boolean;
}

/** All paths through the headers: a question at each branch, and undefined where there is no path. */
export type Scopes = Scope | { question: Part; yes: Scopes; no: Scopes | undefined };

/** Creates a part for each path through the headers. */
export function within(scopes: Scopes | undefined, part: (scope: Scope) => Part): Part {
  if (scopes === undefined) return never;
  if (!('question' in scopes)) return part(scopes);
  const [yes, no] = [within(scopes.yes, part), within(scopes.no, part)];
  return (graph, ifTrue, ifFalse) => {
    return scopes.question(graph, yes(graph, ifTrue, ifFalse), no(graph, ifTrue, ifFalse));
  };
}

/** Returns the paths through the headers after another header. */
export function behind(scopes: Scopes, enter: (scope: Scope) => Scopes): Scopes {
  if (!('question' in scopes)) return enter(scopes);
  const { question, yes, no } = scopes;
  return { question, yes: behind(yes, enter), no: no && behind(no, enter) };
}

/** Returns the number of paths through the headers. */
export function pathsOf(scopes: Scopes | undefined): number {
  if (scopes === undefined) return 0;
  return 'question' in scopes ? pathsOf(scopes.yes) + pathsOf(scopes.no) : 1;
}

/** Returns the position of the network header. */
export function networkOf({ payload, network }: Scope, offset = 0): RelativeOffset {
  return further(payload, network + offset);
}

/** Creates a load of bytes of the network header. */
export function networkLoad(scope: Scope, offset: number, size: number, mask?: number): Load {
  return loadAt(networkOf(scope, offset), size, mask);
}

const addBase = (place: RelativeOffset, mask: number): Base =>
  baseOf([
    ...(place.base?.instructions ?? []),
    loadInstruction(place, 1),
    instruction(BPF_ALU | BPF_AND | BPF_K, mask),
    instruction(BPF_ALU | BPF_LSH | BPF_K, 2),
    ...(place.base === undefined ? [] : [instruction(BPF_ALU | BPF_ADD | BPF_X, 0)]),
    instruction(BPF_MISC | BPF_TAX, 0),
  ]);

/** Returns the position of the header after an IPv4 header. */
export function behindIpv4(scope: Scope): RelativeOffset {
  const header = networkOf(scope);
  const base = header.base === undefined ? headerLength(header.at) : addBase(header, 0xf);
  return { base, at: header.at };
}

/** Moves a place by a number of 32-bit words that the low bits of a byte there contain. */
export function furtherByWords(place: RelativeOffset, byte: number, mask: number): RelativeOffset {
  return { base: addBase(further(place, byte), mask), at: place.at };
}
