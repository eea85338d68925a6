/** The IPv6 routing header: RFC 8200. */
import { data as bytesOf, get32, list, put32, roundUp, uint8, uint32 } from '../bytes/bytes.ts';
import { sum } from '../bytes/checksum.ts';
import { ipv6Text, putIpv6 } from '../bytes/text.ts';
import { type Filled, type LayerCodec, layerNames } from './codec.ts';
import { extensionField, extensionSize } from './ipv6-extension.ts';
import { layerOfNextHeader, protocolField } from './protocol.ts';

/**
 * A routing header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.4
 */
export interface RoutingFields {
  /** By default, the following layer determines it. */
  nextHeader?: number | undefined;
  /** The length in units of 8 bytes after the first unit. By default, encoding fills it in. */
  headerExtensionLength?: number | undefined;
  /** 0 is a source route (RFC 2460), 2 a home address (RFC 6275), 4 segment routing (RFC 8754), ... */
  routingType: number;
  segmentsLeft: number;
  /** The four bytes before the addresses: reserved for types 0 and 2; the last entry, flags and tag for type 4. */
  typeSpecific?: number | undefined;
  /** The addresses, or the segments. */
  addresses?: readonly string[] | undefined;
  /** The data after the addresses: type-length-value objects of type 4, or all data of an unknown type. */
  data?: Uint8Array | undefined;
}

/**
 * A routing header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.4
 */
export interface RoutingInput extends RoutingFields {
  readonly layer: 'routing';
}

/**
 * A decoded routing header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.4
 */
export interface Routing extends Filled<RoutingFields> {
  readonly layer: 'routing';
  addresses: string[];
}

/**
 * Creates a routing header as a layer for `encodePacket`.
 *
 * While segments are left, the checksums of the layers above use the final destination, which this header contains.
 *
 * @param fields The fields. The length is filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = ipv6({ sourceAddress: 'fe80::1', destinationAddress: 'ff02::2' });
 * const route = routing({ routingType: 2, segmentsLeft: 1, addresses: ['2001:db8::1'], nextHeader: 59 });
 * console.log(encodePacket([header, route, 'data']).length); // 68
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.4
 */
export function routing(fields: RoutingFields): RoutingInput {
  return { ...fields, layer: 'routing' };
}

/** The offset of each field. */
const ROUTING = { ...extensionField, routingType: 2, segmentsLeft: 3, typeSpecific: 4, addresses: 8 } as const;
const SEGMENT_ROUTING = 4;

/**
 * Returns the number of addresses in a routing header: according to its length, or for segment routing according to its
 * last entry.
 */
function addressCount(bytes: Uint8Array, at: number, size: number): number {
  const room = Math.floor((size - ROUTING.addresses) / 16);
  const type = bytes[at + ROUTING.routingType]!;
  if (type === 0 || type === 2) return room;
  return type === SEGMENT_ROUTING ? Math.min(room, bytes[at + ROUTING.typeSpecific]! + 1) : 0;
}

/** Returns the offset of the final destination in a routing header while segments are left, or -1. */
export function finalDestination(bytes: Uint8Array, at: number, size: number): number {
  const count = addressCount(bytes, at, size);
  if (count === 0 || bytes[at + ROUTING.segmentsLeft] === 0) return -1;
  return at + ROUTING.addresses + (bytes[at + ROUTING.routingType] === SEGMENT_ROUTING ? 0 : 16 * (count - 1));
}

function routingSize({ addresses = [], data }: RoutingFields): number {
  const { length } = list(addresses, 'routing.addresses');
  return roundUp(ROUTING.addresses + 16 * length + bytesOf(data, 'routing.data').length, 8);
}

export const routingCodec: LayerCodec<RoutingInput> = {
  names: layerNames<Routing>()({ ...ROUTING, data: true }),
  size: routingSize,

  write(layer, to, at) {
    const { bytes } = to;
    const size = routingSize(layer);
    bytes[at + ROUTING.nextHeader] = protocolField(layer.nextHeader, to.next, 'routing.nextHeader');
    bytes[at + ROUTING.headerExtensionLength] = uint8(
      layer.headerExtensionLength ?? size / 8 - 1,
      'routing.headerExtensionLength',
    );
    bytes[at + ROUTING.routingType] = uint8(layer.routingType, 'routing.routingType');
    bytes[at + ROUTING.segmentsLeft] = uint8(layer.segmentsLeft, 'routing.segmentsLeft');
    const addresses = layer.addresses ?? [];
    // For segment routing, this field contains the index of the last segment.
    const typeSpecific =
      layer.routingType === SEGMENT_ROUTING && addresses.length > 0 ? (addresses.length - 1) * 2 ** 24 : 0;
    put32(bytes, at + ROUTING.typeSpecific, uint32(layer.typeSpecific, 'routing.typeSpecific', typeSpecific));
    addresses.forEach(
      (address, i) => void putIpv6(bytes, at + ROUTING.addresses + 16 * i, address, 'routing.addresses'),
    );
    if (layer.data !== undefined)
      bytes.set(bytesOf(layer.data, 'routing.data'), at + ROUTING.addresses + 16 * addresses.length);
    const last = finalDestination(bytes, at, size);
    if (last >= 0 && to.sourceSum >= 0) to.destinationSum = sum(bytes, last, last + 16);
  },

  decode(from) {
    const { bytes, at } = from;
    const size = extensionSize(from, 'routing');
    if (size === 0) return undefined;
    const count = addressCount(bytes, at, size);
    const addresses: string[] = [];
    for (let i = 0; i < count; i++) addresses.push(ipv6Text(bytes, at + ROUTING.addresses + 16 * i));
    from.add<Routing>({
      layer: 'routing',
      nextHeader: bytes[at + ROUTING.nextHeader]!,
      headerExtensionLength: bytes[at + ROUTING.headerExtensionLength]!,
      routingType: bytes[at + ROUTING.routingType]!,
      segmentsLeft: bytes[at + ROUTING.segmentsLeft]!,
      typeSpecific: get32(bytes, at + ROUTING.typeSpecific),
      addresses,
      data: bytes.subarray(at + ROUTING.addresses + 16 * count, at + size),
    });
    const last = finalDestination(bytes, at, size);
    if (last >= 0 && from.sourceSum >= 0) from.destinationSum = sum(bytes, last, last + 16);
    from.at = at + size;
    return layerOfNextHeader(from, bytes[at + ROUTING.nextHeader]!);
  },
};
