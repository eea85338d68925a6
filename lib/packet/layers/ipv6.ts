/** The IPv6 header: RFC 8200. Its extension headers are separate layers (ipv6-options-header.ts, ...). */

import { IPPROTO_HOPOPTS } from '../../native/constants.ts';
import { get16, get32, put16, put32, uint, uint8, uint16 } from '../bytes/bytes.ts';
import { sum } from '../bytes/checksum.ts';
import { ipv6Text, putIpv6 } from '../bytes/text.ts';
import { type Filled, type LayerCodec, layerNames } from './codec.ts';
import { layerOfNextHeader, protocolField } from './protocol.ts';

/**
 * An IPv6 header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200
 */
export interface Ipv6Fields {
  /** The default is 6. */
  version?: number | undefined;
  trafficClass?: number | undefined;
  /** 0 to 0xfffff. */
  flowLabel?: number | undefined;
  /**
   * The length of the payload, filled in by default. A payload above 65535 bytes needs 0 and a jumbo payload option.
   */
  payloadLength?: number | undefined;
  /** By default, the following layer determines it. */
  nextHeader?: number | undefined;
  /** The default is 64. */
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
 * A decoded IPv6 header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200
 */
export interface Ipv6 extends Filled<Ipv6Fields> {
  readonly layer: 'ipv6';
}

/**
 * Creates an IPv6 header as a layer for `encodePacket`.
 *
 * @param fields The fields. The payload length and the next header are filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = ipv6({ sourceAddress: 'fe80::1', destinationAddress: 'ff02::1', nextHeader: 59 });
 * console.log(encodePacket([header, 'data']).length); // 44
 * @see https://www.rfc-editor.org/rfc/rfc8200
 */
export function ipv6(fields: Ipv6Fields): Ipv6Input {
  return { ...fields, layer: 'ipv6' };
}

/** The offset of each field, or of the word that it shares. */
const IPV6 = {
  version: 0,
  payloadLength: 4,
  nextHeader: 6,
  hopLimit: 7,
  sourceAddress: 8,
  destinationAddress: 24,
} as const;
const SHIFT = { version: 28, trafficClass: 20 } as const;
const FLOW_LABEL = 0xfffff;
/** For other modules: see codec.ts. */
export const ipv6Field: typeof IPV6 = IPV6;
const HEADER = 40;
const LONGEST = 0xffff;

export const ipv6Codec: LayerCodec<Ipv6Input> = {
  names: layerNames<Ipv6>()({ ...IPV6, trafficClass: true, flowLabel: true }),
  size: () => HEADER,

  write(layer, to, at) {
    const { bytes } = to;
    const version = uint(layer.version, 15, 'ipv6.version', 6);
    const trafficClass = uint8(layer.trafficClass, 'ipv6.trafficClass', 0);
    const flowLabel = uint(layer.flowLabel, FLOW_LABEL, 'ipv6.flowLabel', 0);
    put32(bytes, at + IPV6.version, (version << SHIFT.version) | (trafficClass << SHIFT.trafficClass) | flowLabel);
    put16(bytes, at + IPV6.payloadLength, uint16(layer.payloadLength ?? to.end - at - HEADER, 'ipv6.payloadLength'));
    bytes[at + IPV6.nextHeader] = protocolField(layer.nextHeader, to.next, 'ipv6.nextHeader');
    bytes[at + IPV6.hopLimit] = uint8(layer.hopLimit, 'ipv6.hopLimit', 64);
    putIpv6(bytes, at + IPV6.sourceAddress, layer.sourceAddress, 'ipv6.sourceAddress');
    putIpv6(bytes, at + IPV6.destinationAddress, layer.destinationAddress, 'ipv6.destinationAddress');
    to.sourceSum = sum(bytes, at + IPV6.sourceAddress, at + IPV6.destinationAddress);
    to.destinationSum = sum(bytes, at + IPV6.destinationAddress, at + HEADER);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('ipv6', HEADER)) return undefined;
    const first = get32(bytes, at + IPV6.version);
    const version = first >>> SHIFT.version;
    if (version !== 6) return from.stop('ipv6', `version ${version} instead of 6`);
    const payloadLength = get16(bytes, at + IPV6.payloadLength);
    const nextHeader = bytes[at + IPV6.nextHeader]!;
    from.add<Ipv6>({
      layer: 'ipv6',
      version,
      trafficClass: (first >>> SHIFT.trafficClass) & 0xff,
      flowLabel: first & FLOW_LABEL,
      payloadLength,
      nextHeader,
      hopLimit: bytes[at + IPV6.hopLimit]!,
      sourceAddress: ipv6Text(bytes, at + IPV6.sourceAddress),
      destinationAddress: ipv6Text(bytes, at + IPV6.destinationAddress),
    });
    from.addresses(at + IPV6.sourceAddress, at + IPV6.destinationAddress, 16);
    from.at = at + HEADER;
    // The length is 0 for a jumbo payload, whose option in a hop-by-hop header then limits the packet, and for a large
    // packet captured before segmentation offload, which ends with the frame.
    const isLarge = nextHeader === IPPROTO_HOPOPTS || from.left > LONGEST;
    if (payloadLength !== 0 || !isLarge) from.limit(from.at + payloadLength);
    if (from.left === 0 && payloadLength === 0) return undefined;
    return layerOfNextHeader(from, nextHeader);
  },
};
