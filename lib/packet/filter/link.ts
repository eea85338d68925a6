/** The link types that filters are compiled for, and the positions of their headers. */
import { SKF_AD_IFINDEX, SKF_AD_PKTTYPE } from '../../native/constants.ts';
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
  LINKTYPE_PPP_HDLC,
  LINKTYPE_RAW,
} from '../layers/linktype.ts';
import { ancillaryLoad, type Load, loadAt } from './load.ts';
import type { LinkKind, Scope, Scopes } from './scope.ts';
import { RADIOTAP, WLAN } from './wlan-link.ts';

/** The properties of a link type. */
export interface Link {
  scopes: Scopes;
  /** Loads the PACKET_ number from the packet or from the ancillary data. */
  pkttype: Load;
  /** Loads the interface index from the packet or from the ancillary data. */
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

const PPP = link(scope('ppp', 2, 4));
const RAW = link(scope('ip', 0, 0));
/** Numbers that some old systems use instead of LINKTYPE_RAW. */
const OLD_RAW = [12, 14];

/** The known link types by LINKTYPE_ number. Numbers of the same link share an object. */
export const LINKS: ReadonlyMap<number, Link> = new Map([
  [LINKTYPE_NULL, link(scope('null', 0, 4))],
  [LINKTYPE_ETHERNET, link(scope('ethernet', 12, 14, 3))],
  [LINKTYPE_PPP, PPP],
  [LINKTYPE_PPP_HDLC, PPP],
  [LINKTYPE_RAW, RAW],
  ...OLD_RAW.map((linktype) => [linktype, RAW] as const),
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
