/** The extension headers of IPv6, each a layer: hop-by-hop and destination options, routing, fragment (RFC 8200). */
import { namesOf } from '../../posix/known-names.ts';
import { data as bytesOf, get16, get32, list, put16, put32, roundUp, uint, uint8, uint32 } from '../bytes.ts';
import { sum } from '../checksum.ts';
import { ipv6Text, putIpv6 } from '../text.ts';
import type { Codec, Decoding, Filled, Next } from './codec.ts';
import { type Ipv6Option, ipv6Options, writePadded } from './ipv6-option.ts';
import { layerOfNextHeader, protocolOf } from './protocol.ts';

/**
 * A hop-by-hop or destination options header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.2
 */
export interface OptionsHeaderFields {
  /** Told by the following layer unless given. */
  nextHeader?: number | undefined;
  /** In units of 8 bytes after the first; filled in unless given. */
  headerExtensionLength?: number | undefined;
  /** Padded to a multiple of 8 bytes. */
  options: readonly Ipv6Option[];
}

/**
 * A hop-by-hop options header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.3
 */
export interface HopByHopInput extends OptionsHeaderFields {
  readonly layer: 'hopByHop';
}

/**
 * A hop-by-hop options header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.3
 */
export interface HopByHop extends Filled<OptionsHeaderFields> {
  readonly layer: 'hopByHop';
  options: Ipv6Option[];
}

/**
 * A destination options header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.6
 */
export interface DestinationOptionsInput extends OptionsHeaderFields {
  readonly layer: 'destinationOptions';
}

/**
 * A destination options header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.6
 */
export interface DestinationOptions extends Filled<OptionsHeaderFields> {
  readonly layer: 'destinationOptions';
  options: Ipv6Option[];
}

/**
 * A routing header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.4
 */
export interface RoutingFields {
  /** Told by the following layer unless given. */
  nextHeader?: number | undefined;
  /** In units of 8 bytes after the first; filled in unless given. */
  headerExtensionLength?: number | undefined;
  /** 0 source route (RFC 2460), 2 home address (RFC 6275), 4 segment routing (RFC 8754), ... */
  routingType: number;
  segmentsLeft: number;
  /** The four bytes before the addresses: reserved in type 0 and 2; last entry, flags and tag in type 4. */
  typeSpecific?: number | undefined;
  /** The addresses or segments. */
  addresses?: readonly string[] | undefined;
  /** What follows the addresses: type-length-values of type 4, all data of an unknown type. */
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
 * A routing header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.4
 */
export interface Routing extends Filled<RoutingFields> {
  readonly layer: 'routing';
  addresses: string[];
}

/**
 * A fragment header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 */
export interface FragmentFields {
  /** Told by the following layer unless given. */
  nextHeader?: number | undefined;
  /** The reserved byte after nextHeader. */
  reserved?: number | undefined;
  /** In units of 8 bytes, as in the header. */
  fragmentOffset?: number | undefined;
  /** The two reserved bits after fragmentOffset. */
  reserved2?: number | undefined;
  moreFragments?: boolean | undefined;
  identification: number;
}

/**
 * A fragment header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 */
export interface FragmentInput extends FragmentFields {
  readonly layer: 'fragment';
}

/**
 * A fragment header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 */
export interface Fragment extends Filled<FragmentFields> {
  readonly layer: 'fragment';
}

/**
 * A hop-by-hop options header as a layer of `encodePacket`.
 *
 * @param fields Lengths and padding are filled in.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = ipv6({ sourceAddress: 'fe80::1', destinationAddress: 'ff02::2' });
 * const packet = encodePacket([header, hopByHop({ options: [{ name: 'routerAlert', value: 0 }] })]);
 * console.log(packet.length); // 48
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.3
 */
export function hopByHop(fields: OptionsHeaderFields): HopByHopInput {
  return { ...fields, layer: 'hopByHop' };
}

/**
 * A destination options header as a layer of `encodePacket`.
 *
 * @param fields Lengths and padding are filled in.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = ipv6({ sourceAddress: 'fe80::1', destinationAddress: 'ff02::2' });
 * const packet = encodePacket([header, destinationOptions({ options: [{ name: 'pad1' }] })]);
 * console.log(packet.length); // 48
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.6
 */
export function destinationOptions(fields: OptionsHeaderFields): DestinationOptionsInput {
  return { ...fields, layer: 'destinationOptions' };
}

/**
 * A routing header as a layer of `encodePacket`.
 *
 * While segments are left, the checksums of the layers above are over the final destination, which it names.
 *
 * @param fields The length is filled in unless given.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = ipv6({ sourceAddress: 'fe80::1', destinationAddress: 'ff02::2' });
 * const route = routing({ routingType: 2, segmentsLeft: 1, addresses: ['2001:db8::1'], nextHeader: 59 });
 * console.log(encodePacket([header, route, 'data']).length); // 68
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.4
 */
export function routing(fields: RoutingFields): RoutingInput {
  return { ...fields, layer: 'routing' };
}

/**
 * A fragment header as a layer of `encodePacket`.
 *
 * @param fields The offset counts units of 8 bytes.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = ipv6({ sourceAddress: 'fe80::1', destinationAddress: 'ff02::2' });
 * const packet = encodePacket([header, fragment({ identification: 7, fragmentOffset: 181, nextHeader: 17 }), 'rest']);
 * console.log(packet.length); // 52
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 */
export function fragment(fields: FragmentFields): FragmentInput {
  return { ...fields, layer: 'fragment' };
}

function putNextHeader(value: unknown, next: Parameters<typeof protocolOf>[0], name: string): number {
  return value === undefined ? protocolOf(next, name) : uint8(value, name);
}

/** The size of an extension header that is there as a whole, or 0. */
function extensionSize(from: Decoding, layer: 'hopByHop' | 'destinationOptions' | 'routing'): number {
  if (from.cut(layer, 8)) return 0;
  const size = 8 + 8 * from.bytes[from.at + 1]!;
  return from.cut(layer, size) ? 0 : size;
}

/** A jumbo payload counts the bytes after the IPv6 header: RFC 2675. */
function limitJumbo(from: Decoding, start: number, options: readonly Ipv6Option[]): void {
  const before = from.layers[from.layers.length - 2];
  if (before?.layer !== 'ipv6' || before.payloadLength !== 0) return;
  const jumbo = options.find((option) => option.name === 'jumboPayload');
  if (jumbo === undefined) from.stop('hopByHop', 'a payload length of 0 without a jumbo payload option', start);
  else from.limit(Math.max(from.at, start + jumbo.jumboPayloadLength));
}

function optionsCodec(layer: 'hopByHop' | 'destinationOptions'): Codec<HopByHopInput | DestinationOptionsInput> {
  const size = (fields: OptionsHeaderFields) => roundUp(2 + ipv6Options.size(fields.options), 8);
  return {
    names: namesOf<HopByHop | DestinationOptions>({
      layer: true,
      nextHeader: true,
      headerExtensionLength: true,
      options: true,
    }),
    check: ({ options }) => ipv6Options.check(options),
    size,

    write(fields, to, at) {
      const { bytes } = to;
      const end = at + size(fields);
      bytes[at] = putNextHeader(fields.nextHeader, to.next, `${layer}.nextHeader`);
      bytes[at + 1] = uint8(fields.headerExtensionLength ?? (end - at) / 8 - 1, `${layer}.headerExtensionLength`);
      writePadded(fields.options, bytes, at + 2, end);
    },

    decode(from): Next {
      const { bytes, at } = from;
      const length = extensionSize(from, layer);
      if (length === 0) return undefined;
      const options: Ipv6Option[] = [];
      const malformed = ipv6Options.read(bytes, at + 2, at + length, options);
      if (malformed >= 0) from.stop(layer, 'an option whose length cannot be right', malformed);
      from.layers.push({ layer, nextHeader: bytes[at]!, headerExtensionLength: bytes[at + 1]!, options });
      from.at = at + length;
      if (layer === 'hopByHop') limitJumbo(from, at, options);
      return layerOfNextHeader(from, bytes[at]!);
    },
  };
}

export const hopByHopCodec: Codec<HopByHopInput> = optionsCodec('hopByHop');
export const destinationOptionsCodec: Codec<DestinationOptionsInput> = optionsCodec('destinationOptions');

const SEGMENT_ROUTING = 4;

/** How many addresses a routing header holds: by its length, and in segment routing by its last entry. */
function addressCount(bytes: Uint8Array, at: number, size: number): number {
  const room = Math.floor((size - 8) / 16);
  const type = bytes[at + 2]!;
  if (type === 0 || type === 2) return room;
  return type === SEGMENT_ROUTING ? Math.min(room, bytes[at + 4]! + 1) : 0;
}

/** Where a routing header has the final destination, while segments are left; or -1. */
function finalDestination(bytes: Uint8Array, at: number, size: number): number {
  const count = addressCount(bytes, at, size);
  if (count === 0 || bytes[at + 3] === 0) return -1;
  return at + 8 + (bytes[at + 2] === SEGMENT_ROUTING ? 0 : 16 * (count - 1));
}

function routingSize({ addresses = [], data }: RoutingFields): number {
  const { length } = list(addresses, 'routing.addresses');
  return roundUp(8 + 16 * length + bytesOf(data, 'routing.data').length, 8);
}

export const routingCodec: Codec<RoutingInput> = {
  names: namesOf<Routing>({
    layer: true,
    nextHeader: true,
    headerExtensionLength: true,
    routingType: true,
    segmentsLeft: true,
    typeSpecific: true,
    addresses: true,
    data: true,
  }),
  size: routingSize,

  write(layer, to, at) {
    const { bytes } = to;
    const size = routingSize(layer);
    bytes[at] = putNextHeader(layer.nextHeader, to.next, 'routing.nextHeader');
    bytes[at + 1] = uint8(layer.headerExtensionLength ?? size / 8 - 1, 'routing.headerExtensionLength');
    bytes[at + 2] = uint8(layer.routingType, 'routing.routingType');
    bytes[at + 3] = uint8(layer.segmentsLeft, 'routing.segmentsLeft');
    const addresses = layer.addresses ?? [];
    // Segment routing tells the index of its last segment there.
    const typeSpecific =
      layer.routingType === SEGMENT_ROUTING && addresses.length > 0 ? (addresses.length - 1) * 2 ** 24 : 0;
    put32(bytes, at + 4, uint32(layer.typeSpecific, 'routing.typeSpecific', typeSpecific));
    addresses.forEach((address, i) => void putIpv6(bytes, at + 8 + 16 * i, address, 'routing.addresses'));
    if (layer.data !== undefined) bytes.set(bytesOf(layer.data, 'routing.data'), at + 8 + 16 * addresses.length);
    const last = finalDestination(bytes, at, size);
    if (last >= 0 && to.sourceSum >= 0) to.destinationSum = sum(bytes, last, last + 16);
  },

  decode(from) {
    const { bytes, at } = from;
    const size = extensionSize(from, 'routing');
    if (size === 0) return undefined;
    const count = addressCount(bytes, at, size);
    const addresses: string[] = [];
    for (let i = 0; i < count; i++) addresses.push(ipv6Text(bytes, at + 8 + 16 * i));
    from.layers.push({
      layer: 'routing',
      nextHeader: bytes[at]!,
      headerExtensionLength: bytes[at + 1]!,
      routingType: bytes[at + 2]!,
      segmentsLeft: bytes[at + 3]!,
      typeSpecific: get32(bytes, at + 4),
      addresses,
      data: bytes.subarray(at + 8 + 16 * count, at + size),
    });
    const last = finalDestination(bytes, at, size);
    if (last >= 0 && from.sourceSum >= 0) from.destinationSum = sum(bytes, last, last + 16);
    from.at = at + size;
    return layerOfNextHeader(from, bytes[at]!);
  },
};

export const fragmentCodec: Codec<FragmentInput> = {
  names: namesOf<Fragment>({
    layer: true,
    nextHeader: true,
    reserved: true,
    fragmentOffset: true,
    reserved2: true,
    moreFragments: true,
    identification: true,
  }),
  size: () => 8,

  write(layer, to, at) {
    const { bytes } = to;
    bytes[at] = putNextHeader(layer.nextHeader, to.next, 'fragment.nextHeader');
    bytes[at + 1] = uint8(layer.reserved, 'fragment.reserved', 0);
    const offset = uint(layer.fragmentOffset, 0x1fff, 'fragment.fragmentOffset', 0) << 3;
    const reserved2 = uint(layer.reserved2, 3, 'fragment.reserved2', 0) << 1;
    put16(bytes, at + 2, offset | reserved2 | (layer.moreFragments ? 1 : 0));
    put32(bytes, at + 4, uint32(layer.identification, 'fragment.identification'));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('fragment', 8)) return undefined;
    const field = get16(bytes, at + 2);
    from.layers.push({
      layer: 'fragment',
      nextHeader: bytes[at]!,
      reserved: bytes[at + 1]!,
      fragmentOffset: field >>> 3,
      reserved2: (field >>> 1) & 3,
      moreFragments: (field & 1) !== 0,
      identification: get32(bytes, at + 4),
    });
    from.at = at + 8;
    if (field >>> 3 !== 0 || (field & 1) !== 0) from.partial = true;
    return field >>> 3 === 0 ? layerOfNextHeader(from, bytes[at]!) : undefined;
  },
};
