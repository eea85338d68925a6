/** Where the headers of a packet are for one word of an expression: tags and tunnels move what comes after them. */
import { BPF_ADD, BPF_ALU, BPF_AND, BPF_K, BPF_LSH, BPF_MISC, BPF_TAX, BPF_X } from '../../posix/constants.ts';
import {
  type Base,
  baseOf,
  further,
  headerLength,
  instruction,
  type Load,
  loadAt,
  loadInstruction,
  type Place,
} from './load.ts';
import { never, type Part } from './part.ts';

/** How packets of a link type tell what they carry. */
export type LinkKind =
  | ('ethernet' | 'cooked' | 'cooked 2' | 'null' | 'loop' | 'ppp' | 'hdlc' | '802.11')
  | ('ip' | 'ipv4' | 'ipv6');

/** The places of one way through the headers. */
export interface Scope {
  kind: LinkKind;
  /** The header of the link. */
  link: Place;
  /** What tells the protocol. */
  type: Place;
  /** What the link carries: 802.2 begins here. */
  payload: Place;
  /** Where the header of the network begins in the payload; behind a header of 802.2 without SNAP it is `bare`. */
  network: number;
  bare: number;
  /** How many labels of MPLS were passed. */
  labels: number;
  /** Whether this is the link that packets are captured on: there the kernel takes a VLAN tag out. */
  isCaptured: boolean;
  /** Whether a header of the radio is before that of the link. */
  hasRadio?: boolean;
  /** Whether there is no header of Ethernet, though the protocol is told by an EtherType. */
  isHeaderless?: boolean;
}

/** All ways through the headers: a question at each fork, and nothing where there is no way. */
export type Scopes = Scope | { question: Part; yes: Scopes; no: Scopes | undefined };

/** A part for each way through the headers. */
export function within(scopes: Scopes | undefined, part: (scope: Scope) => Part): Part {
  if (scopes === undefined) return never;
  if (!('question' in scopes)) return part(scopes);
  const [yes, no] = [within(scopes.yes, part), within(scopes.no, part)];
  return (graph, ifTrue, ifFalse) => {
    return scopes.question(graph, yes(graph, ifTrue, ifFalse), no(graph, ifTrue, ifFalse));
  };
}

/** The ways through the headers behind another one. */
export function behind(scopes: Scopes, enter: (scope: Scope) => Scopes): Scopes {
  if (!('question' in scopes)) return enter(scopes);
  const { question, yes, no } = scopes;
  return { question, yes: behind(yes, enter), no: no && behind(no, enter) };
}

/** Where the header of the network is. */
export function networkOf({ payload, network }: Scope, offset = 0): Place {
  return further(payload, network + offset);
}

/** Bytes of the header of the network. */
export function networkLoad(scope: Scope, offset: number, size: number, mask?: number): Load {
  return loadAt(networkOf(scope, offset), size, mask);
}

const addBase = (place: Place, mask: number): Base =>
  baseOf([
    ...(place.base?.instructions ?? []),
    loadInstruction(place, 1),
    instruction(BPF_ALU | BPF_AND | BPF_K, mask),
    instruction(BPF_ALU | BPF_LSH | BPF_K, 2),
    ...(place.base === undefined ? [] : [instruction(BPF_ALU | BPF_ADD | BPF_X, 0)]),
    instruction(BPF_MISC | BPF_TAX, 0),
  ]);

/** Where the header behind that of IPv4 is. */
export function behindIpv4(scope: Scope): Place {
  const header = networkOf(scope);
  const base = header.base === undefined ? headerLength(header.at) : addBase(header, 0xf);
  return { base, at: header.at };
}

/** A place further by as many words of four bytes as the low bits of a byte there tell. */
export function furtherByWords(place: Place, byte: number, mask: number): Place {
  return { base: addBase(further(place, byte), mask), at: place.at };
}
