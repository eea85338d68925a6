/** Words of filter expressions about the link: its addresses, 802.2, and what is above it but not IP. */
import { PACKET_OUTGOING } from '../../posix/constants.ts';
import { hardwareBytes } from '../../posix/hardware-address.ts';
import { get16, get32 } from '../bytes.ts';
import type { Direction, FilterExpression, Word } from './expression.ts';
import type { Link } from './link.ts';
import { ISO_POINT, isWlanData, linkTypeIs } from './link-type.ts';
import { further, loadAt, type Place, remembered } from './load.ts';
import { directed } from './network-words.ts';
import { all, always, any, bits, compare, equal, masked, never, not, type Part } from './part.ts';
import { refusedExpression } from './refusal.ts';
import { networkLoad, type Scope } from './scope.ts';
import { wlanHost, wlanMulticast } from './wlan-words.ts';

const DECNET = 0x6003;
const LARGEST_LENGTH = 1500;

/** A hardware address at a place. */
export function addressAt(place: Place, address: string): Part {
  const bytes = hardwareBytes(address, 'address', 6);
  return all(equal(loadAt(further(place, 2), 4), get32(bytes, 2)), equal(loadAt(place, 2), get16(bytes, 0)));
}

function onLink(scope: Scope, asked: FilterExpression, ethernet: () => Part, wlan: () => Part): Part {
  if (scope.kind === '802.11') return wlan();
  if (scope.kind !== 'ethernet') {
    throw refusedExpression(asked, 'hardware addresses are those of Ethernet and 802.11, and this link is neither');
  }
  return scope.isHeaderless ? never : ethernet();
}

/** Hardware addresses. */
export function etherHost(scope: Scope, asked: Word<'ether host'>): Part {
  const { address, direction } = asked;
  const ethernet = () => {
    if (!direction.includes('src') && !direction.includes('dst')) {
      throw refusedExpression(asked, `'${direction}' is an address of 802.11; Ethernet has 'src' and 'dst'`);
    }
    const [source, destination] = [addressAt(further(scope.link, 6), address), addressAt(scope.link, address)];
    return directed(direction as Direction, source, destination);
  };
  return onLink(scope, asked, ethernet, () => wlanHost(scope, (at) => addressAt(at, address), direction));
}

/** To a group of stations. */
export function multicast(scope: Scope, asked: FilterExpression): Part {
  return onLink(
    scope,
    asked,
    () => bits(loadAt(scope.link, 1), 1),
    () => wlanMulticast(scope),
  );
}

/** A header of 802.2, with some bits of its control field if they are told. */
export function llc(scope: Scope, asked: Word<'llc'>): Part {
  const { mask, control: value } = asked;
  const control = value === undefined ? always : masked(further(scope.payload, 2), 1, mask, value);
  if (scope.kind === '802.11') return all(isWlanData(scope), control);
  if (scope.kind !== 'ethernet')
    throw refusedExpression(asked, "'llc' is about Ethernet and 802.11, and this link is neither");
  const isFrame = compare(remembered(scope.type, 2), '<=', LARGEST_LENGTH);
  return all(isFrame, not(equal(loadAt(scope.payload, 2), 0xffff)), control);
}

/** A protocol of OSI, and kinds of messages of IS-IS if some are told. */
export function isoProtocol(scope: Scope, asked: Word<'iso proto'>): Part {
  const { protocol, pdus } = asked;
  // The bytes are those behind a header of 802.2 of three; HDLC has a byte of padding before them.
  const at = scope.bare + (scope.kind === 'hdlc' ? 1 : 0);
  const is = all(linkTypeIs(scope, ISO_POINT, asked), equal(remembered(further(scope.payload, at), 1), protocol));
  if (pdus.length === 0) return is;
  return all(is, equal(remembered(further(scope.payload, scope.bare + 4), 1), ...pdus));
}

/** Addresses of DECnet, in its long and its short header, each with and without a byte of padding. */
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

/** Whether this host sent the packet. */
export function direction({ pkttype }: Link, { outbound }: Word<'direction'>): Part {
  return compare(pkttype, outbound ? '=' : '!=', PACKET_OUTGOING);
}

/** The interface on which a packet was captured. */
export function interfaceIs({ ifindex }: Link, { index }: Word<'ifindex'>): Part {
  return equal(ifindex, index);
}
