/** Tunnels that contain IP packets: IP in IP, GRE, VXLAN and Geneve. */
import {
  ETH_P_TEB,
  IPPROTO_FRAGMENT,
  IPPROTO_GRE,
  IPPROTO_IPIP,
  IPPROTO_IPV6,
  IPPROTO_ROUTING,
  IPPROTO_UDP,
} from '../../native/constants.ts';
import { get16, get24, get32, put16 } from '../bytes/bytes.ts';
import { fillSum, sum, upperLayerSum } from '../bytes/checksum.ts';
import { ethernetField } from '../layers/ethernet.ts';
import { greField, greMask } from '../layers/gre.ts';
import { ipv4Field } from '../layers/ipv4.ts';
import { sourceRouteEnd } from '../layers/ipv4-option.ts';
import { ipv6Field } from '../layers/ipv6.ts';
import { extensionField } from '../layers/ipv6-extension.ts';
import { finalDestination } from '../layers/ipv6-routing.ts';
import { TUNNEL_PORT } from '../layers/protocol.ts';
import { udpField } from '../layers/udp.ts';
import { geneveField, geneveMask, vxlanField } from '../layers/vxlan.ts';
import { IPV4_SIZE, IPV6_SIZE, IpHeader, LONGEST } from './ip-header.ts';
import { behindEthernet, behindEtherType, ofVersion, pppoeLengthAt } from './network-offset.ts';

const DESTINATION_PORT = udpField.destinationPort;
const VXLAN_PORT = TUNNEL_PORT.vxlan;
const GENEVE_PORT = TUNNEL_PORT.geneve;
const UDP_SIZE = 8;
/** The length of the header of VXLAN, and that of Geneve without its options. */
const NETWORK_SIZE = 8;
/** The size of the length field of PPPoE, which counts what follows it. */
const LENGTH_SIZE = 2;

/** The place of an IP header in a packet. */
export interface HeaderPlace {
  /** The offset of the IP header. */
  readonly at: number;
  /** The offset of the link-layer header before it without its hardware addresses. */
  readonly from: number;
  /** The tunnel that contains it, as a number that differs between tunnels of the same addresses. */
  readonly tunnel: number;
}

/** Returns the end of the data after an IP header, which the length of UDP limits as well. */
export function endInside(bytes: Uint8Array, { protocol, start, end }: IpHeader): number {
  if (protocol !== IPPROTO_UDP || start + UDP_SIZE > bytes.length) return end;
  const length = get16(bytes, start + udpField.length);
  return length < UDP_SIZE ? end : Math.min(end, start + length);
}

/** Returns the place of the IP header inside a tunnel that follows an IP header, or undefined if there is none. */
export function insideTunnel(bytes: Uint8Array, ip: IpHeader): HeaderPlace | undefined {
  const { start } = ip;
  switch (ip.protocol) {
    case IPPROTO_IPIP:
      return placeOf(ofVersion(bytes, start, 4), start, 0);
    case IPPROTO_IPV6:
      return placeOf(ofVersion(bytes, start, 6), start, 0);
    case IPPROTO_GRE:
      return insideGre(bytes, start);
    case IPPROTO_UDP:
      return insideUdp(bytes, start);
    default:
      return undefined;
  }
}

function placeOf(at: number, from: number, tunnel: number): HeaderPlace | undefined {
  return at < 0 ? undefined : { at, from, tunnel };
}

/** Returns the place in data that an EtherType identifies. */
function insideEtherType(bytes: Uint8Array, start: number, etherType: number, tunnel: number): HeaderPlace | undefined {
  if (etherType !== ETH_P_TEB) return placeOf(behindEtherType(bytes, start, etherType), start, tunnel);
  return placeOf(behindEthernet(bytes, start), start + ethernetField.etherType, tunnel);
}

/** GRE with source routes is not read, nor is that of PPTP, whose key contains a length and which acknowledges. */
function insideGre(bytes: Uint8Array, start: number): HeaderPlace | undefined {
  if (start + greField.optional > bytes.length) return undefined;
  const first = get16(bytes, start + greField.flags);
  if ((first & (greMask.routing | greMask.acknowledgment | greMask.version)) !== 0) return undefined;
  const keyAt = start + greField.optional + (first & greMask.checksum ? 4 : 0);
  const end = keyAt + (first & greMask.key ? 4 : 0) + (first & greMask.sequence ? 4 : 0);
  const key = first & greMask.key && end <= bytes.length ? get32(bytes, keyAt) : 0;
  return insideEtherType(bytes, end, get16(bytes, start + greField.protocol), key);
}

function insideUdp(bytes: Uint8Array, udp: number): HeaderPlace | undefined {
  const start = udp + UDP_SIZE;
  if (start + NETWORK_SIZE > bytes.length) return undefined;
  const port = get16(bytes, udp + DESTINATION_PORT);
  if (port === VXLAN_PORT) {
    return insideEtherType(bytes, start + NETWORK_SIZE, ETH_P_TEB, get24(bytes, start + vxlanField.vni));
  }
  if (port !== GENEVE_PORT) return undefined;
  const options = 4 * (bytes[start + geneveField.optionsLength]! & geneveMask.optionsLength);
  const network = get24(bytes, start + geneveField.vni);
  return insideEtherType(bytes, start + NETWORK_SIZE + options, get16(bytes, start + geneveField.protocol), network);
}

/**
 * Adjusts the headers before the innermost one of several IP headers to the length of the packet: the lengths, and the
 * checksums that they contain.
 */
export function fitOuter(bytes: Uint8Array, places: readonly HeaderPlace[]): void {
  const ip = new IpHeader();
  // A checksum covers the headers inside its own, which are therefore adjusted before it.
  for (let i = places.length - 1; i >= 0; i--) {
    const { at, from } = places[i]!;
    if (i < places.length - 1 && ip.read(bytes, at)) fitIp(bytes, ip);
    const pppoe = pppoeLengthAt(bytes, at, from);
    if (pppoe >= 0) put16(bytes, pppoe, fitting(bytes.length - pppoe - LENGTH_SIZE));
  }
}

/** Returns the offset of the final destination, which is not that of the header while a source route is not finished. */
function destinationOf(bytes: Uint8Array, { at, version, start }: IpHeader): number {
  if (version === 4) {
    const last = sourceRouteEnd(bytes, at + IPV4_SIZE, start);
    return last < 0 ? at + ipv4Field.destinationAddress : last;
  }
  let destination = at + ipv6Field.destinationAddress;
  let next = bytes[at + ipv6Field.nextHeader]!;
  for (let header = at + IPV6_SIZE; header < start; ) {
    const size = next === IPPROTO_FRAGMENT ? 8 : 8 + 8 * bytes[header + extensionField.headerExtensionLength]!;
    const last = next === IPPROTO_ROUTING ? finalDestination(bytes, header, size) : -1;
    if (last >= 0) destination = last;
    next = bytes[header]!;
    header += size;
  }
  return destination;
}

function fitIp(bytes: Uint8Array, ip: IpHeader): void {
  const { at, version, protocol, start } = ip;
  const size = version === 4 ? 4 : 16;
  const source = at + (version === 4 ? ipv4Field.sourceAddress : ipv6Field.sourceAddress);
  if (protocol === IPPROTO_UDP) {
    put16(bytes, start + udpField.length, fitting(bytes.length - start));
    const checksumAt = start + udpField.checksum;
    if (get16(bytes, checksumAt) !== 0) {
      put16(bytes, checksumAt, 0);
      const last = destinationOf(bytes, ip);
      const pseudo = sum(bytes, source, source + size) + sum(bytes, last, last + size);
      put16(bytes, checksumAt, ~upperLayerSum(bytes, start, bytes.length, pseudo, protocol) & 0xffff || 0xffff);
    }
  } else if (protocol === IPPROTO_GRE && (get16(bytes, start + greField.flags) & greMask.checksum) !== 0) {
    fillSum(bytes, start + greField.optional, start, bytes.length);
  }
  if (version === 4) {
    put16(bytes, at + ipv4Field.totalLength, fitting(bytes.length - at));
    fillSum(bytes, at + ipv4Field.headerChecksum, at, start);
  } else {
    put16(bytes, at + ipv6Field.payloadLength, fitting(bytes.length - at - IPV6_SIZE));
  }
}

const fitting = (length: number): number => (length > LONGEST ? 0 : length);
