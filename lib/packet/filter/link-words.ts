/** Words of filter expressions about the link layer: its addresses, 802.2, and protocols above it other than IP. */
import { PACKET_OUTGOING } from '../../native/constants.ts';
import { hardwareBytes } from '../../struct/hardware-address.ts';
import { get16, get32 } from '../bytes/bytes.ts';
import type { Direction, FilterExpression, Word } from './expression.ts';
import type { Link } from './link.ts';
import { ISO_POINT, isWlanData, LARGEST_LENGTH, linkTypeIs } from './link-type.ts';
import { further, loadAt, type RelativeOffset, remembered } from './load.ts';
import { directed } from './network-words.ts';
import { all, always, any, bits, compare, equal, masked, never, not, type Part } from './part.ts';
import { refusedExpression } from './refusal.ts';
import { networkLoad, type Scope } from './scope.ts';
import { wlanHost, wlanMulticast } from './wlan-words.ts';

const DECNET = 0x6003;

/** Tests for a hardware address at a place. */
export function addressAt(place: RelativeOffset, address: string): Part {
  const bytes = hardwareBytes(address, 'address', 6);
  return all(equal(loadAt(further(place, 2), 4), get32(bytes, 2)), equal(loadAt(place, 2), get16(bytes, 0)));
}

function onLink(scope: Scope, asked: FilterExpression, ethernet: () => Part, wlan: () => Part): Part {
  if (scope.kind === '802.11') return wlan();
  if (scope.kind !== 'ethernet') {
    throw refusedExpression(asked, 'only Ethernet and 802.11 have hardware addresses, and this link type is neither');
  }
  return scope.isHeaderless ? never : ethernet();
}

/** Tests hardware addresses. */
export function etherHost(scope: Scope, asked: Word<'ether host'>): Part {
  const { address, direction } = asked;
  const ethernet = () => {
    if (!direction.includes('src') && !direction.includes('dst')) {
      throw refusedExpression(asked, `'${direction}' is an 802.11 address; Ethernet has 'src' and 'dst'`);
    }
    const [source, destination] = [addressAt(further(scope.link, 6), address), addressAt(scope.link, address)];
    return directed(direction as Direction, source, destination);
  };
  return onLink(scope, asked, ethernet, () => wlanHost(scope, (at) => addressAt(at, address), direction));
}

/** Tests for a multicast destination. */
export function multicast(scope: Scope, asked: FilterExpression): Part {
  return onLink(
    scope,
    asked,
    () => bits(loadAt(scope.link, 1), 1),
    () => wlanMulticast(scope),
  );
}

/** Tests for an 802.2 header, and for bits of its control field if they are given. */
export function llc(scope: Scope, asked: Word<'llc'>): Part {
  const { mask, control: value } = asked;
  const control = value === undefined ? always : masked(further(scope.payload, 2), 1, mask, value);
  if (scope.kind === '802.11') return all(isWlanData(scope), control);
  if (scope.kind !== 'ethernet')
    throw refusedExpression(asked, "'llc' applies to Ethernet and 802.11, and this link type is neither");
  const isFrame = compare(remembered(scope.type, 2), '<=', LARGEST_LENGTH);
  return all(isFrame, not(equal(loadAt(scope.payload, 2), 0xffff)), control);
}

/** Tests for an OSI protocol, and for types of IS-IS messages if they are given. */
export function isoProtocol(scope: Scope, asked: Word<'iso proto'>): Part {
  const { protocol, pdus } = asked;
  // The offset counts from the end of the 802.2 header, which has three bytes. HDLC has a padding byte before it.
  const at = scope.bare + (scope.kind === 'hdlc' ? 1 : 0);
  const is = all(linkTypeIs(scope, ISO_POINT, asked), equal(remembered(further(scope.payload, at), 1), protocol));
  if (pdus.length === 0) return is;
  return all(is, equal(remembered(further(scope.payload, scope.bare + 4), 1), ...pdus));
}

/** Tests DECnet addresses in the long and the short header, each with and without a padding byte. */
export function decnetHost(scope: Scope, asked: Word<'decnet host'>): Part {
  const swapped = ((asked.address & 0xff) << 8) | (asked.address >> 8);
  const headers = (long: number, short: number) =>
    any(
      all(equal(networkLoad(scope, 2, 1, 0x07), 0x02), equal(networkLoad(scope, 2 + short, 2), swapped)),
      all(equal(networkLoad(scope, 2, 2, 0xff07), 0x8102), equal(networkLoad(scope, 3 + short, 2), swapped)),
      all(equal(networkLoad(scope, 2, 1, 0x07), 0x06), equal(networkLoad(scope, 2 + long, 2), swapped)),
      all(equal(networkLoad(scope, 2, 2, 0xff07), 0x8106), equal(networkLoad(scope, 3 + long, 2), swapped)),
    );
  return all(linkTypeIs(scope, DECNET, asked), directed(asked.direction, headers(15, 3), headers(7, 1)));
}

/** Tests whether this host sent the packet. */
export function direction({ pkttype }: Link, { outbound }: Word<'direction'>): Part {
  return compare(pkttype, outbound ? '=' : '!=', PACKET_OUTGOING);
}

/** Tests the interface on which a packet was captured. */
export function interfaceIs({ ifindex }: Link, { index }: Word<'ifindex'>): Part {
  return equal(ifindex, index);
}
