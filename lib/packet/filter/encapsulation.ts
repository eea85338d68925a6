/**
 * Words of filter expressions that move the rest of the expression into an encapsulation: VLAN tags, MPLS, PPPoE and
 * Geneve.
 */
import {
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_IP,
  ETH_P_IPV6,
  ETH_P_MPLS_UC,
  ETH_P_PPP_SES,
  ETH_P_QINQ1,
  ETH_P_TEB,
  IPPROTO_UDP,
  SKF_AD_VLAN_TAG,
} from '../../native/constants.ts';
import type { Word } from './expression.ts';
import { linkTypeIs } from './link-type.ts';
import { ancillaryLoad, further, type Load, loadAt, type RelativeOffset, remembered, TAG_TAKEN } from './load.ts';
import { isFirst, protocolIs } from './network-words.ts';
import { all, always, any, bits, equal, masked, not, type Part } from './part.ts';
import { refusedExpression } from './refusal.ts';
import { behindIpv4, furtherByWords, networkLoad, networkOf, type Scope, type Scopes } from './scope.ts';

type Tunnel = Word<'vlan' | 'mpls' | 'pppoes' | 'geneve'>;

/** The test for an encapsulation, and the positions of the headers inside it. */
export interface Entered {
  part: Part;
  scopes: Scopes;
}

const TAG = 4;
const VLAN_ID = 0xfff;
const PPP_MPLS = 0x281;
const GENEVE_PORT = 6081;
/** The length of the fixed part of the Geneve header, and of the UDP header before it. */
const GENEVE = 8;
const UDP = 8;
/** The mask of the length of the options, in 32-bit words. */
const GENEVE_OPTIONS = 0x3f;

const numbered = (from: Load, value: number | undefined) => (value === undefined ? always : equal(from, value));

/** Returns the scope after a tag: the protocol field and the payload are four bytes further on. */
function tagged(scope: Scope): Scope {
  return { ...scope, type: further(scope.type, TAG), payload: further(scope.payload, TAG), isCaptured: false };
}

/** Tests for a VLAN tag, which the kernel may have removed from the packet. */
export function vlan(scope: Scope, asked: Tunnel): Entered {
  if (scope.labels > 0) throw refusedExpression(asked, "'vlan' cannot follow 'mpls'");
  if (scope.kind !== 'ethernet' && scope.kind !== '802.11') {
    throw refusedExpression(asked, "'vlan' applies to Ethernet and 802.11, and this link type is neither");
  }
  const types = [ETH_P_8021Q, ETH_P_8021AD, ETH_P_QINQ1].map((type) => linkTypeIs(scope, type, asked));
  const inPacket = all(any(...types), numbered(loadAt(scope.payload, 2, VLAN_ID), asked.id));
  const inner = tagged(scope);
  if (!scope.isCaptured || scope.kind !== 'ethernet') return { part: inPacket, scopes: inner };
  const question = equal(TAG_TAKEN, 1);
  const taken = numbered(ancillaryLoad(SKF_AD_VLAN_TAG, 2, VLAN_ID), asked.id);
  return {
    part: (graph, yes, no) => question(graph, taken(graph, yes, no), inPacket(graph, yes, no)),
    scopes: { question, yes: { ...scope, isCaptured: false }, no: inner },
  };
}

/** Tests for an MPLS label, or for another one if the previous label was not the last of the stack. */
export function mpls(scope: Scope, asked: Tunnel): Entered {
  const { kind, labels, network, bare } = scope;
  if (labels === 0 && kind !== 'ethernet' && kind !== 'hdlc' && kind !== 'ppp') {
    throw refusedExpression(asked, "'mpls' applies to Ethernet, HDLC and PPP, and this link type is none of them");
  }
  const isThere =
    labels > 0
      ? masked(networkOf(scope, -2), 1, 1, 0)
      : linkTypeIs(scope, kind === 'ppp' ? PPP_MPLS : ETH_P_MPLS_UC, asked);
  const label = asked.id === undefined ? undefined : (asked.id << 12) >>> 0;
  return {
    part: all(isThere, numbered(networkLoad(scope, 0, 4, 0xfffff000), label)),
    scopes: { ...scope, labels: labels + 1, network: network + 4, bare: bare + 4 },
  };
}

/** Tests for a PPP over Ethernet session. */
export function pppoes(scope: Scope, asked: Tunnel): Entered {
  const link = networkOf(scope, 6);
  return {
    part: all(linkTypeIs(scope, ETH_P_PPP_SES, asked), numbered(networkLoad(scope, 2, 2), asked.id)),
    scopes: {
      ...{ kind: 'ppp', link, type: link, payload: further(link, 2) },
      ...{ network: 0, bare: 0, labels: scope.labels, isCaptured: false },
    },
  };
}

/** Tests for Geneve after a UDP header. It carries an Ethernet frame, or a protocol that an EtherType identifies. */
function geneveAt(is: Part, udp: RelativeOffset, asked: Tunnel): Entered {
  const header = further(udp, UDP);
  const inner = further(furtherByWords(udp, UDP, GENEVE_OPTIONS), UDP + GENEVE);
  const scope: Scope = {
    ...{ kind: 'ethernet', link: inner, type: further(inner, 12), payload: further(inner, 14) },
    ...{ network: 0, bare: 3, labels: 0, isCaptured: false },
  };
  const part = all(
    is,
    equal(remembered(further(udp, 2), 2), GENEVE_PORT),
    not(bits(remembered(header, 1), 0xc0)),
    asked.id === undefined ? always : equal(remembered(further(header, 4), 4, 0xffffff00), (asked.id << 8) >>> 0),
  );
  return {
    part,
    scopes: {
      question: equal(remembered(further(header, 2), 2), ETH_P_TEB),
      yes: scope,
      no: { ...scope, type: further(header, 2), payload: inner, isHeaderless: true },
    },
  };
}

/** Tests for Geneve over IPv4 or IPv6. */
export function geneve(scope: Scope, asked: Tunnel): Entered {
  const is4 = all(protocolIs(scope, asked, ETH_P_IP, IPPROTO_UDP), isFirst(scope));
  const four = geneveAt(is4, behindIpv4(scope), asked);
  const six = geneveAt(protocolIs(scope, asked, ETH_P_IPV6, IPPROTO_UDP), networkOf(scope, 40), asked);
  return {
    part: any(four.part, six.part),
    scopes: {
      question: four.part,
      yes: four.scopes,
      no: { question: six.part, yes: six.scopes, no: undefined },
    },
  };
}

export const ENTER: { readonly [word in Tunnel['word']]: (scope: Scope, asked: Tunnel) => Entered } = {
  ...{ vlan, mpls, pppoes, geneve },
};
