/** Tests which protocol a packet carries. Each kind of link identifies it in its own way. */
import {
  ETH_P_802_2,
  ETH_P_802_3,
  ETH_P_AARP,
  ETH_P_ATALK,
  ETH_P_IP,
  ETH_P_IPV6,
  ETH_P_IPX,
} from '../../native/constants.ts';
import { further, type Load, loadAt, remembered } from './load.ts';
import { all, always, any, bits, compare, equal, never, not, type Part } from './part.ts';
import { refusedExpression } from './refusal.ts';
import { networkOf, type Scope } from './scope.ts';

/** Service access points of 802.2 that are treated specially. */
export const ISO_POINT = 0xfe;
const IPX_POINT = 0xe0;
const NETBEUI_POINT = 0xf0;
const SPANNING_TREE_POINT = 0x42;
const IP_POINT = 0x06;
/** Service access points for which the source must be the same as the destination. */
const BOTH_POINTS: readonly number[] = [ISO_POINT, NETBEUI_POINT, IP_POINT];
/** The largest length of an 802.3 frame. Greater numbers in the length field are EtherTypes. */
export const LARGEST_LENGTH = 1500;
const SNAP = 0xaaaa0300;
const APPLE = 0xaaaa0308;

/**
 * The PPP protocol numbers of protocols by their EtherType or service access point. Others have the same number in PPP.
 */
const PPP_NUMBERS: ReadonlyMap<number, number> = new Map([
  [ETH_P_IP, 0x21],
  [ISO_POINT, 0x23],
  [0x600, 0x25],
  [0x6003, 0x27],
  [ETH_P_ATALK, 0x29],
  [IPX_POINT, 0x2b],
  [SPANNING_TREE_POINT, 0x31],
  [ETH_P_IPV6, 0x57],
]);
/** AF_INET, and the values of AF_INET6 on Linux, on OpenBSD and NetBSD, on FreeBSD and on macOS. */
const FAMILIES: ReadonlyMap<number, readonly number[]> = new Map([
  [ETH_P_IP, [2]],
  [ETH_P_IPV6, [10, 24, 28, 30]],
]);

/** Tests for a SNAP header with the `oui` 0 or that of Apple and an EtherType. */
function snap(scope: Scope, head: number, oui: number, type: number): Part {
  const { payload } = scope;
  return all(equal(loadAt(further(payload, 4), 4), ((oui << 16) | type) >>> 0), equal(loadAt(payload, 4), head));
}
const snapOf = (scope: Scope, type: number): Part =>
  type === ETH_P_ATALK ? snap(scope, APPLE, 7, type) : snap(scope, SNAP, 0, type);

/** Tests for 802.2 frames to a service access point. */
function addressed(scope: Scope, point: number): Part {
  if (BOTH_POINTS.includes(point)) return equal(loadAt(scope.payload, 2), (point << 8) | point);
  return equal(loadAt(scope.payload, 1), point);
}

/** Tests Ethernet and cooked frames. A cooked header contains ETH_P_802_2 instead of the length. */
function etherTypeIs(scope: Scope, field: Load, type: number): Part {
  const isEthernet = scope.kind === 'ethernet';
  const isFrame = isEthernet ? not(compare(field, '>', LARGEST_LENGTH)) : equal(field, ETH_P_802_2);
  if (type === ETH_P_ATALK || type === ETH_P_AARP) return any(equal(field, type), all(isFrame, snapOf(scope, type)));
  if (type > LARGEST_LENGTH) return equal(field, type);
  if (type !== IPX_POINT) {
    const isBelowType = isEthernet && !BOTH_POINTS.includes(type);
    return all(isFrame, isBelowType ? equal(loadAt(further(scope.type, 2), 1), type) : addressed(scope, type));
  }
  // IPX is sent in 802.2 and SNAP frames, in raw 802.3 frames, and with an EtherType.
  const framed = any(addressed(scope, type), snapOf(scope, ETH_P_IPX));
  if (!isEthernet) return any(equal(field, ETH_P_802_3, ETH_P_IPX), all(isFrame, framed));
  const raw = equal(loadAt(scope.payload, 2), 0xffff);
  return any(equal(field, ETH_P_IPX), all(isFrame, any(raw, framed)));
}

/** Tests the protocol after an MPLS label: the label must be the last one, and the IP version must match. */
function labelled(scope: Scope, type: number, asked: object): Part {
  if (type !== ETH_P_IP && type !== ETH_P_IPV6) {
    throw refusedExpression(asked, "only IPv4 and IPv6 can follow 'mpls'");
  }
  const version = equal(remembered(networkOf(scope), 1, 0xf0), type === ETH_P_IP ? 0x40 : 0x60);
  return all(bits(remembered(networkOf(scope, -2), 1), 1), version);
}

/** Tests for an 802.11 data frame, which has an 802.2 header. */
export function isWlanData({ link }: Scope): Part {
  const control = remembered(link, 1);
  return all(not(bits(control, 4)), bits(control, 8));
}

/**
 * Tests whether the packet carries a protocol: an EtherType or a service access point. `asked` is the expression, for
 * errors.
 */
export function linkTypeIs(scope: Scope, type: number, asked: object): Part {
  if (scope.labels > 0) return labelled(scope, type, asked);
  const field = remembered(scope.type, 2);
  switch (scope.kind) {
    case 'ethernet':
    case 'cooked':
      return etherTypeIs(scope, field, type);
    case 'cooked 2':
      return equal(field, type);
    case 'ppp':
      return equal(field, PPP_NUMBERS.get(type) ?? type);
    case 'hdlc':
      return equal(field, type === ISO_POINT ? (type << 8) | type : type);
    case '802.11': {
      const { payload } = scope;
      if (type === ETH_P_ATALK) return all(isWlanData(scope), snapOf(scope, type));
      const told = type > LARGEST_LENGTH ? equal(remembered(further(payload, 6), 2), type) : addressed(scope, type);
      return all(isWlanData(scope), told);
    }
    case 'ip':
      return type === ETH_P_IP || type === ETH_P_IPV6
        ? equal(remembered(scope.link, 1, 0xf0), type === ETH_P_IP ? 0x40 : 0x60)
        : never;
    case 'ipv4':
      return type === ETH_P_IP ? always : never;
    case 'ipv6':
      return type === ETH_P_IPV6 ? always : never;
    case 'null':
    case 'loop': {
      const families = FAMILIES.get(type);
      if (families === undefined) return never;
      const orders =
        scope.kind === 'loop' ? families : [...families.map((family) => (family << 24) >>> 0), ...families];
      return equal(remembered(scope.link, 4), ...orders);
    }
  }
}
