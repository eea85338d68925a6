/** Words of filter expressions about the link, and about what is above it but not IP. */
import { invalidType, invalidValue } from '../../posix/errno.ts';
import { type HardwareAddressLike, hardwareBytes } from '../../posix/hardware-address.ts';
import { hardwareText } from '../../posix/hardware-text.ts';
import { uint, uint8, uint16, uint32 } from '../bytes.ts';
import type { Direction, FilterExpression, WlanAddress } from './expression.ts';

const DIRECTIONS: readonly unknown[] = [
  ...['src', 'dst', 'src or dst', 'src and dst'],
  ...['addr1', 'addr2', 'addr3', 'addr4', 'ra', 'ta'],
];

/** `etherType` is an ETH_P_ number; up to 1500 it is the destination service access point of an 802.2 frame. */
export function etherProto(etherType: number): FilterExpression {
  return { word: 'ether proto', etherType: uint16(etherType, 'etherType') };
}

/**
 * A hardware address of Ethernet or IEEE 802.11.
 *
 * @param address `'02:00:00:00:00:01'`, or six bytes.
 * @param direction Which of both; `'src or dst'` unless given. Of 802.11 also `'addr1'` to `'addr4'`, `'ra'`, `'ta'`.
 */
export function etherHost(
  address: HardwareAddressLike,
  direction: Direction | WlanAddress = 'src or dst',
): FilterExpression {
  const bytes = hardwareBytes(address, 'address', 6);
  if (!DIRECTIONS.includes(direction)) throw invalidValue('direction', `one of '${DIRECTIONS.join("', '")}'`);
  return { word: 'ether host', address: hardwareText(bytes, 0, 6), direction };
}

/** To all stations of an Ethernet. */
export function broadcast(): FilterExpression {
  return etherHost('ff:ff:ff:ff:ff:ff', 'dst');
}

/** To a group of stations of an Ethernet, or to all. */
export function multicast(): FilterExpression {
  return { word: 'multicast' };
}

/** A frame with a header of 802.2; only those whose control field has a `value` under a `mask`, if they are given. */
export function llc(value?: number, mask = 0xff): FilterExpression {
  const control = value === undefined ? undefined : uint8(value, 'value');
  return { word: 'llc', control, mask: uint8(mask, 'mask') };
}

/** A `protocol` of OSI: 0x81 is CLNP, 0x82 ES-IS, 0x83 IS-IS, of which `pdus` are kinds of messages; any unless given. */
export function isoProto(protocol: number, ...pdus: number[]): FilterExpression {
  return { word: 'iso proto', protocol: uint8(protocol, 'protocol'), pdus: pdus.map((pdu) => uint8(pdu, 'pdus')) };
}

/** An address of DECnet, `'10.123'`; `direction` as for `host`. */
export function decnetHost(address: string, direction: Direction = 'src or dst'): FilterExpression {
  if (typeof address !== 'string') throw invalidType('address', 'a string');
  const [, area, node] = /^(\d{1,2})\.(\d{1,4})$/.exec(address) ?? [];
  if (area === undefined) throw invalidValue('address', "an area and a node of DECnet: '10.123'");
  if (!DIRECTIONS.slice(0, 4).includes(direction)) throw invalidValue('direction', "'src', 'dst' or both");
  const number = uint(Number(area), 63, 'area') * 1024 + uint(Number(node), 1023, 'node');
  return { word: 'decnet host', address: number, direction };
}

const numbered = (word: 'vlan' | 'mpls' | 'pppoes' | 'geneve', id: unknown, greatest: number): FilterExpression => ({
  word,
  id: id === undefined ? undefined : uint(id, greatest, 'id'),
});

/**
 * A VLAN tag (802.1Q, 802.1ad), be it in the packet or taken out by the kernel.
 *
 * As in pcap-filter(7), what follows in the expression looks behind the tag: `and(vlan(5), tcp())` is TCP in VLAN 5, and
 * `and(vlan(5), vlan(6))` a tag within a tag.
 *
 * @param id Its number; any unless given.
 */
export function vlan(id?: number): FilterExpression {
  return numbered('vlan', id, 0xfff);
}

/** A label of MPLS with that `id`, or any. As with `vlan`, what follows looks behind it: for IPv4, IPv6 or another label. */
export function mpls(id?: number): FilterExpression {
  return numbered('mpls', id, 0xfffff);
}

/** A session of PPP over Ethernet with that `id`, or any. As with `vlan`, what follows looks into it. */
export function pppoes(id?: number): FilterExpression {
  return numbered('pppoes', id, 0xffff);
}

/** Geneve of the virtual network with that `id`, or of any. As with `vlan`, what follows looks into it. */
export function geneve(id?: number): FilterExpression {
  return numbered('geneve', id, 0xffffff);
}

/** Received by this host: everything that it does not send. */
export function inbound(): FilterExpression {
  return { word: 'direction', outbound: false };
}

/** Sent by this host. */
export function outbound(): FilterExpression {
  return { word: 'direction', outbound: true };
}

/** Captured on the interface with that `index`. */
export function ifindex(index: number): FilterExpression {
  return { word: 'ifindex', index: uint32(index, 'index') };
}
