/** The messages of neighbour discovery, RFC 4861, behind the header of ICMPv6. */
import { get16, get32, put16, put32, uint, uint8, uint16, uint32 } from '../bytes.ts';
import { ipv6Text, putIpv6 } from '../text.ts';
import type { Icmpv6, Icmpv6Input } from './icmpv6.ts';
import {
  ICMPV6_NEIGHBOR_ADVERTISEMENT,
  ICMPV6_NEIGHBOR_SOLICITATION,
  ICMPV6_REDIRECT,
  ICMPV6_ROUTER_ADVERTISEMENT,
  ICMPV6_ROUTER_SOLICITATION,
} from './icmpv6-type.ts';
import { ndOptions } from './nd-option.ts';

/** That of a neighbor solicitation, which a target address ends. */
export const NEIGHBOR_HEADER: number = 24;

/** The length of a message of neighbour discovery before its options; 0 for other types. */
export function discoverySize(type: number): number {
  switch (type) {
    case ICMPV6_ROUTER_SOLICITATION:
      return 8;
    case ICMPV6_ROUTER_ADVERTISEMENT:
      return 16;
    case ICMPV6_NEIGHBOR_SOLICITATION:
    case ICMPV6_NEIGHBOR_ADVERTISEMENT:
      return NEIGHBOR_HEADER;
    case ICMPV6_REDIRECT:
      return 40;
    default:
      return 0;
  }
}

/** Sets or clears a bit of a byte, if its field is given. */
function putFlag(bytes: Uint8Array, at: number, bit: number, value: boolean | undefined): void {
  if (value !== undefined) bytes[at] = value ? bytes[at]! | bit : bytes[at]! & ~bit;
}

/** Writes a message of neighbour discovery behind its first word. */
export function writeDiscovery(layer: Icmpv6Input, bytes: Uint8Array, at: number): void {
  const { type } = layer;
  if (type === ICMPV6_ROUTER_ADVERTISEMENT) {
    if (layer.curHopLimit !== undefined) bytes[at + 4] = uint8(layer.curHopLimit, 'icmpv6.curHopLimit');
    putFlag(bytes, at + 5, 0x80, layer.managedAddressConfiguration);
    putFlag(bytes, at + 5, 0x40, layer.otherConfiguration);
    putFlag(bytes, at + 5, 0x20, layer.homeAgent);
    if (layer.defaultRouterPreference !== undefined) {
      const preference = uint(layer.defaultRouterPreference, 3, 'icmpv6.defaultRouterPreference');
      bytes[at + 5] = (bytes[at + 5]! & 0xe7) | (preference << 3);
    }
    if (layer.routerLifetime !== undefined) put16(bytes, at + 6, uint16(layer.routerLifetime, 'icmpv6.routerLifetime'));
    put32(bytes, at + 8, uint32(layer.reachableTime, 'icmpv6.reachableTime', 0));
    put32(bytes, at + 12, uint32(layer.retransTimer, 'icmpv6.retransTimer', 0));
  } else if (type !== ICMPV6_ROUTER_SOLICITATION) {
    if (type === ICMPV6_NEIGHBOR_ADVERTISEMENT) {
      putFlag(bytes, at + 4, 0x80, layer.router);
      putFlag(bytes, at + 4, 0x40, layer.solicited);
      putFlag(bytes, at + 4, 0x20, layer.override);
    }
    putIpv6(bytes, at + 8, layer.targetAddress, 'icmpv6.targetAddress');
    if (type === ICMPV6_REDIRECT) putIpv6(bytes, at + 24, layer.destinationAddress, 'icmpv6.destinationAddress');
  }
  ndOptions.write(layer.options, bytes, at + discoverySize(type));
}

/** Reads a message of neighbour discovery up to its options. */
export function readDiscovery(layer: Icmpv6, bytes: Uint8Array, at: number): void {
  const { type } = layer;
  if (type === ICMPV6_ROUTER_ADVERTISEMENT) {
    const flags = bytes[at + 5]!;
    layer.curHopLimit = bytes[at + 4]!;
    layer.managedAddressConfiguration = (flags & 0x80) !== 0;
    layer.otherConfiguration = (flags & 0x40) !== 0;
    layer.homeAgent = (flags & 0x20) !== 0;
    layer.defaultRouterPreference = (flags >>> 3) & 3;
    layer.routerLifetime = get16(bytes, at + 6);
    layer.reachableTime = get32(bytes, at + 8);
    layer.retransTimer = get32(bytes, at + 12);
  } else if (type !== ICMPV6_ROUTER_SOLICITATION) {
    if (type === ICMPV6_NEIGHBOR_ADVERTISEMENT) {
      const flags = bytes[at + 4]!;
      layer.router = (flags & 0x80) !== 0;
      layer.solicited = (flags & 0x40) !== 0;
      layer.override = (flags & 0x20) !== 0;
    }
    layer.targetAddress = ipv6Text(bytes, at + 8);
    if (type === ICMPV6_REDIRECT) layer.destinationAddress = ipv6Text(bytes, at + 24);
  }
}
