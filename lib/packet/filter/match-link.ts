/** Words of filter expressions for the link layer and for protocols above it other than IP. */
import { invalidType, invalidValue } from '../../argument/argument-error.ts';
import { type HardwareAddressLike, hardwareBytes } from '../../struct/hardware-address.ts';
import { hardwareText } from '../../struct/hardware-text.ts';
import { uint, uint8, uint16, uint32 } from '../bytes/bytes.ts';
import type { Direction, FilterExpression, WlanAddress } from './expression.ts';

const DIRECTIONS: readonly unknown[] = [
  ...['src', 'dst', 'src or dst', 'src and dst'],
  ...['addr1', 'addr2', 'addr3', 'addr4', 'ra', 'ta'],
];

/**
 * Matches the protocol `etherType`, an ETH_P_ number. A number up to 1500 is the destination service access point of an
 * 802.2 frame.
 */
export function etherProto(etherType: number): FilterExpression {
  return { word: 'ether proto', etherType: uint16(etherType, 'etherType') };
}

/**
 * Matches an Ethernet or IEEE 802.11 hardware address.
 *
 * @param address `'02:00:00:00:00:01'`, or six bytes.
 * @param direction The source or the destination, or both. The default is `'src or dst'`. For 802.11 it can also be
 *   `'addr1'` to `'addr4'`, `'ra'` or `'ta'`.
 */
export function etherHost(
  address: HardwareAddressLike,
  direction: Direction | WlanAddress = 'src or dst',
): FilterExpression {
  const bytes = hardwareBytes(address, 'address', 6);
  if (!DIRECTIONS.includes(direction)) throw invalidValue('direction', `one of '${DIRECTIONS.join("', '")}'`);
  return { word: 'ether host', address: hardwareText(bytes, 0, 6), direction };
}

/** Matches Ethernet broadcast frames. */
export function broadcast(): FilterExpression {
  return etherHost('ff:ff:ff:ff:ff:ff', 'dst');
}

/** Matches Ethernet multicast frames, including broadcast. */
export function multicast(): FilterExpression {
  return { word: 'multicast' };
}

/**
 * Matches frames with an 802.2 header. If `value` is given, the control field must be equal to it in the bits of
 * `mask`.
 */
export function llc(value?: number, mask = 0xff): FilterExpression {
  const control = value === undefined ? undefined : uint8(value, 'value');
  return { word: 'llc', control, mask: uint8(mask, 'mask') };
}

/**
 * Matches an OSI `protocol`: 0x81 is CLNP, 0x82 ES-IS, 0x83 IS-IS. If `pdus` are given, the type of the IS-IS message
 * must be one of them.
 */
export function isoProto(protocol: number, ...pdus: number[]): FilterExpression {
  return { word: 'iso proto', protocol: uint8(protocol, 'protocol'), pdus: pdus.map((pdu) => uint8(pdu, 'pdus')) };
}

/** Matches the DECnet `address`, such as `'10.123'`, where `direction` has the same meaning as for `host`. */
export function decnetHost(address: string, direction: Direction = 'src or dst'): FilterExpression {
  if (typeof address !== 'string') throw invalidType('address', 'a string');
  const [, area, node] = /^(\d{1,2})\.(\d{1,4})$/.exec(address) ?? [];
  if (area === undefined) throw invalidValue('address', "a DECnet area and node, such as '10.123'");
  if (!DIRECTIONS.slice(0, 4).includes(direction))
    throw invalidValue('direction', "'src', 'dst', 'src or dst' or 'src and dst'");
  const number = uint(Number(area), 63, 'area') * 1024 + uint(Number(node), 1023, 'node');
  return { word: 'decnet host', address: number, direction };
}

const numbered = (word: 'vlan' | 'mpls' | 'pppoes' | 'geneve', id: unknown, greatest: number): FilterExpression => ({
  word,
  id: id === undefined ? undefined : uint(id, greatest, 'id'),
});

/**
 * Matches a VLAN tag (802.1Q, 802.1ad), whether it is in the packet or was removed by the kernel.
 *
 * As in pcap-filter(7), the rest of the expression applies to the packet after the tag: `and(vlan(5), tcp())` matches
 * TCP in VLAN 5, and `and(vlan(5), vlan(6))` matches a tag within a tag.
 *
 * @param id The VLAN ID. The default is any.
 */
export function vlan(id?: number): FilterExpression {
  return numbered('vlan', id, 0xfff);
}

/**
 * Matches an MPLS label with this `id`, or any label. As with `vlan`, the rest of the expression applies to what
 * follows the label: IPv4, IPv6 or another label.
 */
export function mpls(id?: number): FilterExpression {
  return numbered('mpls', id, 0xfffff);
}

/**
 * Matches a PPP over Ethernet session with this `id`, or any session. As with `vlan`, the rest of the expression
 * applies to its contents.
 */
export function pppoes(id?: number): FilterExpression {
  return numbered('pppoes', id, 0xffff);
}

/**
 * Matches Geneve with the virtual network `id`, or any. As with `vlan`, the rest of the expression applies to the
 * packet inside it.
 */
export function geneve(id?: number): FilterExpression {
  return numbered('geneve', id, 0xffffff);
}

/** Matches packets that this host received: all that it did not send. */
export function inbound(): FilterExpression {
  return { word: 'direction', outbound: false };
}

/** Matches packets that this host sent. */
export function outbound(): FilterExpression {
  return { word: 'direction', outbound: true };
}

/** Matches packets that were captured on the interface with this `index`. */
export function ifindex(index: number): FilterExpression {
  return { word: 'ifindex', index: uint32(index, 'index') };
}
