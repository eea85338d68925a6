/** What the programs of filters know of link types: where a packet's EtherType and network header are. */
import { SKF_AD_OFF, SKF_AD_PKTTYPE } from '../../posix/constants.ts';
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_IPV4,
  LINKTYPE_IPV6,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_RAW,
} from '../linktype.ts';
import { type Load, load } from './load.ts';

/** What a packet of a link type begins with. */
export interface Link {
  /** Where the network header begins. */
  network: number;
  /** Where the EtherType stands, if anywhere. */
  etherType?: number;
  /** Where the PACKET_ number stands; it is an ancillary load where it is not in the packet. */
  pkttype: Load;
  /** Without an EtherType: the versions of IP that there may be. */
  versions?: readonly number[];
}

const PKTTYPE = load(SKF_AD_OFF + SKF_AD_PKTTYPE, 2);
/** By their LINKTYPE_ numbers. */
export const LINKS: ReadonlyMap<number, Link> = new Map([
  [LINKTYPE_ETHERNET, { network: 14, etherType: 12, pkttype: PKTTYPE }],
  [LINKTYPE_RAW, { network: 0, pkttype: PKTTYPE, versions: [4, 6] }],
  [LINKTYPE_IPV4, { network: 0, pkttype: PKTTYPE, versions: [4] }],
  [LINKTYPE_IPV6, { network: 0, pkttype: PKTTYPE, versions: [6] }],
  [LINKTYPE_LINUX_SLL, { network: 16, etherType: 14, pkttype: load(0, 2) }],
  [LINKTYPE_LINUX_SLL2, { network: 20, etherType: 0, pkttype: load(10, 1) }],
] as [number, Link][]);
