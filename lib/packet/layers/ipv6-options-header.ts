/** The IPv6 extension headers of options: hop-by-hop and destination options (RFC 8200). */
import { roundUp, uint8 } from '../bytes/bytes.ts';
import { sum } from '../bytes/checksum.ts';
import { type Decoding, type Filled, type LayerCodec, layerNames } from './codec.ts';
import type { Ipv6 } from './ipv6.ts';
import { extensionField, extensionSize } from './ipv6-extension.ts';
import { type Ipv6Option, ipv6Options, writePadded } from './ipv6-option.ts';
import type { Next } from './layer-type.ts';
import { layerOfNextHeader, protocolField } from './protocol.ts';

/**
 * A hop-by-hop or destination options header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.2
 */
export interface OptionsHeaderFields {
  /** By default, the following layer determines it. */
  nextHeader?: number | undefined;
  /** The length in units of 8 bytes after the first unit. By default, encoding fills it in. */
  headerExtensionLength?: number | undefined;
  /** The options, which are padded to a multiple of 8 bytes. */
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
 * A decoded hop-by-hop options header.
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
 * A decoded destination options header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.6
 */
export interface DestinationOptions extends Filled<OptionsHeaderFields> {
  readonly layer: 'destinationOptions';
  options: Ipv6Option[];
}

/**
 * Creates a hop-by-hop options header as a layer for `encodePacket`.
 *
 * @param fields The fields. Lengths and padding are filled in.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
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
 * Creates a destination options header as a layer for `encodePacket`.
 *
 * @param fields The fields. Lengths and padding are filled in.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
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
 * Limits the packet to the length of its jumbo payload option, which counts the bytes after the IPv6 header: RFC 2675.
 */
function limitJumbo(from: Decoding, start: number, options: readonly Ipv6Option[]): void {
  const before = from.layers[from.layers.length - 2];
  if (before?.layer !== 'ipv6' || (before as Ipv6).payloadLength !== 0) return;
  const jumbo = options.find((option) => option.name === 'jumboPayload');
  if (jumbo === undefined) from.stop('hopByHop', 'a payload length of 0 without a jumbo payload option', start);
  else from.limit(Math.max(from.at, start + jumbo.jumboPayloadLength));
}

/** The option that contains the home address of a mobile node: RFC 6275, 6.3. */
const HOME_ADDRESS = 0xc9;

/**
 * Returns the home address of a mobile node, or undefined. Checksums cover it in place of the source address: RFC 6275,
 * 11.3.1.
 */
function homeAddress(options: readonly Ipv6Option[]): Uint8Array | undefined {
  for (const option of options) {
    if (option.name === 'other' && option.type === HOME_ADDRESS && option.data.length === 16) return option.data;
  }
  return undefined;
}

/** The offset of each field. */
const HEADER = { ...extensionField, options: 2 } as const;

function optionsCodec(layer: 'hopByHop' | 'destinationOptions'): LayerCodec<HopByHopInput | DestinationOptionsInput> {
  const size = (fields: OptionsHeaderFields) => roundUp(HEADER.options + ipv6Options.size(fields.options), 8);
  return {
    names: layerNames<HopByHop | DestinationOptions>()({ ...HEADER }),
    check: ({ options }) => ipv6Options.check(options),
    size,

    write(fields, to, at) {
      const { bytes } = to;
      const end = at + size(fields);
      bytes[at + HEADER.nextHeader] = protocolField(fields.nextHeader, to.next, `${layer}.nextHeader`);
      bytes[at + HEADER.headerExtensionLength] = uint8(
        fields.headerExtensionLength ?? (end - at) / 8 - 1,
        `${layer}.headerExtensionLength`,
      );
      writePadded(fields.options, bytes, at + HEADER.options, end);
      if (layer !== 'destinationOptions' || to.sourceSum < 0) return;
      const written: Ipv6Option[] = [];
      ipv6Options.read(bytes, at + HEADER.options, end, written);
      const home = homeAddress(written);
      if (home !== undefined) to.sourceSum = sum(home, 0, home.length);
    },

    decode(from): Next {
      const { bytes, at } = from;
      const length = extensionSize(from, layer);
      if (length === 0) return undefined;
      const options: Ipv6Option[] = [];
      const malformed = ipv6Options.read(bytes, at + HEADER.options, at + length, options);
      if (malformed >= 0) from.stop(layer, 'an option with an invalid length', malformed);
      from.add<HopByHop | DestinationOptions>({
        layer,
        nextHeader: bytes[at + HEADER.nextHeader]!,
        headerExtensionLength: bytes[at + HEADER.headerExtensionLength]!,
        options,
      });
      from.at = at + length;
      if (layer === 'hopByHop') limitJumbo(from, at, options);
      else if (from.sourceSum >= 0) {
        const home = homeAddress(options);
        if (home !== undefined) from.sourceSum = sum(home, 0, home.length);
      }
      return layerOfNextHeader(from, bytes[at + HEADER.nextHeader]!);
    },
  };
}

export const hopByHopCodec: LayerCodec<HopByHopInput> = optionsCodec('hopByHop');
export const destinationOptionsCodec: LayerCodec<DestinationOptionsInput> = optionsCodec('destinationOptions');
