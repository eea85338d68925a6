/** The IPv6 header: RFC 8200. Its extension headers are layers of their own (ipv6-extension.ts). */

import { IPPROTO_HOPOPTS } from '../../posix/constants.ts';
import { namesOf } from '../../posix/known-names.ts';
import { get16, get32, put16, put32, uint, uint8, uint16 } from '../bytes.ts';
import { sum } from '../checksum.ts';
import { ipv6Text, putIpv6 } from '../text.ts';
import type { Codec, Filled } from './codec.ts';
import { layerOfNextHeader, protocolOf } from './protocol.ts';

/**
 * An IPv6 header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200
 */
export interface Ipv6Fields {
  /** 6 unless given. */
  version?: number | undefined;
  trafficClass?: number | undefined;
  /** 0 to 0xfffff. */
  flowLabel?: number | undefined;
  /** Filled in unless given; more than 65535 bytes need 0 and a jumbo payload option. */
  payloadLength?: number | undefined;
  /** Told by the following layer unless given. */
  nextHeader?: number | undefined;
  /** 64 unless given. */
  hopLimit?: number | undefined;
  sourceAddress: string;
  destinationAddress: string;
}

/**
 * An IPv6 header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200
 */
export interface Ipv6Input extends Ipv6Fields {
  readonly layer: 'ipv6';
}

/**
 * An IPv6 header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200
 */
export interface Ipv6 extends Filled<Ipv6Fields> {
  readonly layer: 'ipv6';
}

/**
 * An IPv6 header as a layer of `encodePacket`.
 *
 * @param fields The payload length and the next header are filled in unless given.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = ipv6({ sourceAddress: 'fe80::1', destinationAddress: 'ff02::1', nextHeader: 59 });
 * console.log(encodePacket([header, 'data']).length); // 44
 * @see https://www.rfc-editor.org/rfc/rfc8200
 */
export function ipv6(fields: Ipv6Fields): Ipv6Input {
  return { ...fields, layer: 'ipv6' };
}

const HEADER = 40;
const LONGEST = 0xffff;

export const ipv6Codec: Codec<Ipv6Input> = {
  names: namesOf<Ipv6>({
    layer: true,
    version: true,
    trafficClass: true,
    flowLabel: true,
    payloadLength: true,
    nextHeader: true,
    hopLimit: true,
    sourceAddress: true,
    destinationAddress: true,
  }),
  size: () => HEADER,

  write(layer, to, at) {
    const { bytes } = to;
    const version = uint(layer.version, 15, 'ipv6.version', 6);
    const trafficClass = uint8(layer.trafficClass, 'ipv6.trafficClass', 0);
    put32(bytes, at, (version << 28) | (trafficClass << 20) | uint(layer.flowLabel, 0xfffff, 'ipv6.flowLabel', 0));
    put16(bytes, at + 4, uint16(layer.payloadLength ?? to.end - at - HEADER, 'ipv6.payloadLength'));
    bytes[at + 6] =
      layer.nextHeader === undefined
        ? protocolOf(to.next, 'ipv6.nextHeader')
        : uint8(layer.nextHeader, 'ipv6.nextHeader');
    bytes[at + 7] = uint8(layer.hopLimit, 'ipv6.hopLimit', 64);
    putIpv6(bytes, at + 8, layer.sourceAddress, 'ipv6.sourceAddress');
    putIpv6(bytes, at + 24, layer.destinationAddress, 'ipv6.destinationAddress');
    to.sourceSum = sum(bytes, at + 8, at + 24);
    to.destinationSum = sum(bytes, at + 24, at + 40);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('ipv6', HEADER)) return undefined;
    const version = bytes[at]! >>> 4;
    if (version !== 6) return from.stop('ipv6', `version ${version} in place of 6`);
    const first = get32(bytes, at);
    const payloadLength = get16(bytes, at + 4);
    const nextHeader = bytes[at + 6]!;
    from.layers.push({
      layer: 'ipv6',
      version,
      trafficClass: (first >>> 20) & 0xff,
      flowLabel: first & 0xfffff,
      payloadLength,
      nextHeader,
      hopLimit: bytes[at + 7]!,
      sourceAddress: ipv6Text(bytes, at + 8),
      destinationAddress: ipv6Text(bytes, at + 24),
    });
    from.addresses(at + 8, at + 24, 16);
    from.at = at + HEADER;
    // 0 is the length of a jumbo payload, whose option in a hop-by-hop header limits the packet then, and of a large packet
    // before segmentation offload: there the length is that of the frame.
    const isLarge = nextHeader === IPPROTO_HOPOPTS || from.left > LONGEST;
    if (payloadLength !== 0 || !isLarge) from.limit(from.at + payloadLength);
    if (from.left === 0 && payloadLength === 0) return undefined;
    return layerOfNextHeader(from, nextHeader);
  },
};
