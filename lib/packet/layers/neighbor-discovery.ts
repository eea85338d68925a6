/** The messages of neighbor discovery (RFC 4861) after the ICMPv6 header. */
import { get16, get32, put16, put32, uint, uint8, uint16, uint32 } from '../bytes/bytes.ts';
import { ipv6Text, putIpv6 } from '../bytes/text.ts';
import type { Icmpv6, Icmpv6Input } from './icmpv6-message.ts';
import {
  ICMPV6_NEIGHBOR_ADVERTISEMENT,
  ICMPV6_NEIGHBOR_SOLICITATION,
  ICMPV6_REDIRECT,
  ICMPV6_ROUTER_ADVERTISEMENT,
  ICMPV6_ROUTER_SOLICITATION,
} from './icmpv6-type.ts';
import { ndOptions, PREFERENCE_SHIFT } from './nd-option.ts';

/** The offset of each field of a router advertisement, or of the byte that it shares, and the bits in that byte. */
const ROUTER = { curHopLimit: 4, flags: 5, routerLifetime: 6, reachableTime: 8, retransTimer: 12 } as const;
const ROUTER_FLAG = { managed: 0x80, other: 0x40, homeAgent: 0x20, preference: 0x18 } as const;
/** The offset of each field of a neighbor solicitation or advertisement or a redirect, and the bits of the flags. */
const NEIGHBOR = { flags: 4, targetAddress: 8, destinationAddress: 24 } as const;
const NEIGHBOR_FLAG = { router: 0x80, solicited: 0x40, override: 0x20 } as const;

/** The header length of a neighbor solicitation, which ends with the target address. */
export const NEIGHBOR_HEADER: number = 24;

/** Returns the length of a neighbor discovery message before its options, or 0 for other types. */
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

/** Sets or clears a bit of a byte if its field is given. */
function putFlag(bytes: Uint8Array, at: number, bit: number, value: boolean | undefined): void {
  if (value !== undefined) bytes[at] = value ? bytes[at]! | bit : bytes[at]! & ~bit;
}

/** Writes a neighbor discovery message after its first word. */
export function writeDiscovery(layer: Icmpv6Input, bytes: Uint8Array, at: number): void {
  const { type } = layer;
  if (type === ICMPV6_ROUTER_ADVERTISEMENT) {
    if (layer.curHopLimit !== undefined)
      bytes[at + ROUTER.curHopLimit] = uint8(layer.curHopLimit, 'icmpv6.curHopLimit');
    putFlag(bytes, at + ROUTER.flags, ROUTER_FLAG.managed, layer.managedAddressConfiguration);
    putFlag(bytes, at + ROUTER.flags, ROUTER_FLAG.other, layer.otherConfiguration);
    putFlag(bytes, at + ROUTER.flags, ROUTER_FLAG.homeAgent, layer.homeAgent);
    if (layer.defaultRouterPreference !== undefined) {
      const preference = uint(layer.defaultRouterPreference, 3, 'icmpv6.defaultRouterPreference');
      bytes[at + ROUTER.flags] =
        (bytes[at + ROUTER.flags]! & ~ROUTER_FLAG.preference) | (preference << PREFERENCE_SHIFT);
    }
    if (layer.routerLifetime !== undefined)
      put16(bytes, at + ROUTER.routerLifetime, uint16(layer.routerLifetime, 'icmpv6.routerLifetime'));
    put32(bytes, at + ROUTER.reachableTime, uint32(layer.reachableTime, 'icmpv6.reachableTime', 0));
    put32(bytes, at + ROUTER.retransTimer, uint32(layer.retransTimer, 'icmpv6.retransTimer', 0));
  } else if (type !== ICMPV6_ROUTER_SOLICITATION) {
    if (type === ICMPV6_NEIGHBOR_ADVERTISEMENT) {
      putFlag(bytes, at + NEIGHBOR.flags, NEIGHBOR_FLAG.router, layer.router);
      putFlag(bytes, at + NEIGHBOR.flags, NEIGHBOR_FLAG.solicited, layer.solicited);
      putFlag(bytes, at + NEIGHBOR.flags, NEIGHBOR_FLAG.override, layer.override);
    }
    putIpv6(bytes, at + NEIGHBOR.targetAddress, layer.targetAddress, 'icmpv6.targetAddress');
    if (type === ICMPV6_REDIRECT)
      putIpv6(bytes, at + NEIGHBOR.destinationAddress, layer.destinationAddress, 'icmpv6.destinationAddress');
  }
  ndOptions.write(layer.options, bytes, at + discoverySize(type));
}

/** Reads a neighbor discovery message up to its options. */
export function readDiscovery(layer: Icmpv6, bytes: Uint8Array, at: number): void {
  const { type } = layer;
  if (type === ICMPV6_ROUTER_ADVERTISEMENT) {
    const flags = bytes[at + ROUTER.flags]!;
    layer.curHopLimit = bytes[at + ROUTER.curHopLimit]!;
    layer.managedAddressConfiguration = (flags & ROUTER_FLAG.managed) !== 0;
    layer.otherConfiguration = (flags & ROUTER_FLAG.other) !== 0;
    layer.homeAgent = (flags & ROUTER_FLAG.homeAgent) !== 0;
    layer.defaultRouterPreference = (flags & ROUTER_FLAG.preference) >>> PREFERENCE_SHIFT;
    layer.routerLifetime = get16(bytes, at + ROUTER.routerLifetime);
    layer.reachableTime = get32(bytes, at + ROUTER.reachableTime);
    layer.retransTimer = get32(bytes, at + ROUTER.retransTimer);
  } else if (type !== ICMPV6_ROUTER_SOLICITATION) {
    if (type === ICMPV6_NEIGHBOR_ADVERTISEMENT) {
      const flags = bytes[at + NEIGHBOR.flags]!;
      layer.router = (flags & NEIGHBOR_FLAG.router) !== 0;
      layer.solicited = (flags & NEIGHBOR_FLAG.solicited) !== 0;
      layer.override = (flags & NEIGHBOR_FLAG.override) !== 0;
    }
    layer.targetAddress = ipv6Text(bytes, at + NEIGHBOR.targetAddress);
    if (type === ICMPV6_REDIRECT) layer.destinationAddress = ipv6Text(bytes, at + NEIGHBOR.destinationAddress);
  }
}
