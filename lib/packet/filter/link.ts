/** Link types that filters are compiled for: where the headers of their packets are. */
import { SKF_AD_IFINDEX, SKF_AD_PKTTYPE } from '../../posix/constants.ts';
import {
  LINKTYPE_C_HDLC,
  LINKTYPE_ETHERNET,
  LINKTYPE_IEEE802_11,
  LINKTYPE_IEEE802_11_RADIOTAP,
  LINKTYPE_IPV4,
  LINKTYPE_IPV6,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_LOOP,
  LINKTYPE_NULL,
  LINKTYPE_PPP,
  LINKTYPE_RAW,
} from '../linktype.ts';
import { ancillaryLoad, type Load, loadAt } from './load.ts';
import type { LinkKind, Scope, Scopes } from './scope.ts';
import { RADIOTAP, WLAN } from './wlan-link.ts';

/** What is known of a link type. */
export interface Link {
  scopes: Scopes;
  /** The PACKET_ number, in the packet or beside it. */
  pkttype: Load;
  /** The number of the interface, in the packet or beside it. */
  ifindex: Load;
}

const scope = (kind: LinkKind, type: number, payload: number, bare = 0): Scope => ({
  kind,
  link: { at: 0 },
  type: { at: type },
  payload: { at: payload },
  network: 0,
  bare,
  labels: 0,
  isCaptured: true,
});
const link = (scopes: Scopes, parts: Partial<Link> = {}): Link => ({
  scopes,
  pkttype: ancillaryLoad(SKF_AD_PKTTYPE, 2),
  ifindex: ancillaryLoad(SKF_AD_IFINDEX, 4),
  ...parts,
});

/** By their LINKTYPE_ numbers. */
export const LINKS: ReadonlyMap<number, Link> = new Map([
  [LINKTYPE_NULL, link(scope('null', 0, 4))],
  [LINKTYPE_ETHERNET, link(scope('ethernet', 12, 14, 3))],
  [LINKTYPE_PPP, link(scope('ppp', 2, 4))],
  [LINKTYPE_RAW, link(scope('ip', 0, 0))],
  [LINKTYPE_C_HDLC, link(scope('hdlc', 2, 4))],
  [LINKTYPE_IEEE802_11, link(WLAN)],
  [LINKTYPE_LOOP, link(scope('loop', 0, 4))],
  [LINKTYPE_IEEE802_11_RADIOTAP, link(RADIOTAP)],
  [LINKTYPE_LINUX_SLL, link(scope('cooked', 14, 16), { pkttype: loadAt({ at: 0 }, 2) })],
  [LINKTYPE_IPV4, link(scope('ipv4', 0, 0))],
  [LINKTYPE_IPV6, link(scope('ipv6', 0, 0))],
  [
    LINKTYPE_LINUX_SLL2,
    link(scope('cooked 2', 0, 20), { pkttype: loadAt({ at: 10 }, 1), ifindex: loadAt({ at: 4 }, 4) }),
  ],
] as [number, Link][]);
