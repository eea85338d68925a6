/** IPsec: the authentication header, RFC 4302, and that of the encapsulating security payload, RFC 4303. */
import { namesOf } from '../../posix/known-names.ts';
import { data, get16, get32, put16, put32, roundUp, uint8, uint16, uint32 } from '../bytes.ts';
import type { Codec, Filled, Next } from './codec.ts';
import { layerOfNextHeader, layerOfProtocol, protocolOf } from './protocol.ts';

/**
 * An authentication header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4302
 */
export interface AhFields {
  /** Told by the following layer unless given. */
  nextHeader?: number | undefined;
  /** The length in words of 32 bits, less 2; filled in unless given. */
  payloadLength?: number | undefined;
  reserved?: number | undefined;
  /** The security parameters index. */
  spi: number;
  sequenceNumber: number;
  /** The integrity check value; padded to whole words. */
  icv?: Uint8Array | undefined;
}

/**
 * An authentication header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4302
 */
export interface AhInput extends AhFields {
  readonly layer: 'ah';
}

/**
 * An authentication header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4302
 */
export interface Ah extends Filled<AhFields> {
  readonly layer: 'ah';
}

/**
 * The header of an encapsulating security payload to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4303
 */
export interface EspFields {
  /** The security parameters index. */
  spi: number;
  sequenceNumber: number;
}

/**
 * The header of an encapsulating security payload for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4303
 */
export interface EspInput extends EspFields {
  readonly layer: 'esp';
}

/**
 * The header of an encapsulating security payload as decoded. What is encrypted is payload.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4303
 */
export interface Esp extends Filled<EspFields> {
  readonly layer: 'esp';
}

/**
 * An authentication header as a layer of `encodePacket`.
 *
 * @param fields The check value is not computed.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = ah({ spi: 7, sequenceNumber: 1, icv: new Uint8Array(12) });
 * console.log(encodePacket([header, udp({ sourcePort: 1, destinationPort: 2 })]).length); // 32
 * @see https://www.rfc-editor.org/rfc/rfc4302
 */
export function ah(fields: AhFields): AhInput {
  return { ...fields, layer: 'ah' };
}

/**
 * The header of an encapsulating security payload as a layer of `encodePacket`; what is encrypted follows as bytes.
 *
 * @param fields Both are in the clear.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * console.log(encodePacket([esp({ spi: 7, sequenceNumber: 1 }), new Uint8Array(24)]).length); // 32
 * @see https://www.rfc-editor.org/rfc/rfc4303
 */
export function esp(fields: EspFields): EspInput {
  return { ...fields, layer: 'esp' };
}

const AH = 12;
const ESP = 8;

const ahSize = (layer: AhInput): number => AH + roundUp(layer.icv?.length ?? 0, 4);

export const ahCodec: Codec<AhInput> = {
  check: ({ icv }) => void data(icv, 'ah.icv'),
  names: namesOf<Ah>({
    layer: true,
    nextHeader: true,
    payloadLength: true,
    reserved: true,
    spi: true,
    sequenceNumber: true,
    icv: true,
  }),
  size: ahSize,

  write(layer, to, at) {
    const { bytes } = to;
    bytes[at] =
      layer.nextHeader === undefined ? protocolOf(to.next, 'ah.nextHeader') : uint8(layer.nextHeader, 'ah.nextHeader');
    bytes[at + 1] = uint8(layer.payloadLength ?? ahSize(layer) / 4 - 2, 'ah.payloadLength');
    put16(bytes, at + 2, uint16(layer.reserved, 'ah.reserved', 0));
    put32(bytes, at + 4, uint32(layer.spi, 'ah.spi'));
    put32(bytes, at + 8, uint32(layer.sequenceNumber, 'ah.sequenceNumber'));
    bytes.set(data(layer.icv, 'ah.icv'), at + AH);
  },

  decode(from): Next {
    const { bytes, at } = from;
    if (from.cut('ah', AH)) return undefined;
    const size = 4 * (bytes[at + 1]! + 2);
    if (size < AH) return from.stop('ah', `a length of ${size} bytes, less than the header`, at + 1);
    if (from.cut('ah', size)) return undefined;
    const nextHeader = bytes[at]!;
    from.layers.push({
      layer: 'ah',
      nextHeader,
      payloadLength: bytes[at + 1]!,
      reserved: get16(bytes, at + 2),
      spi: get32(bytes, at + 4),
      sequenceNumber: get32(bytes, at + 8),
      icv: bytes.subarray(at + AH, at + size),
    });
    from.at = at + size;
    const before = from.layers.findLast(({ layer }) => layer === 'ipv4' || layer === 'ipv6');
    return before?.layer === 'ipv4' ? layerOfProtocol(from, nextHeader) : layerOfNextHeader(from, nextHeader);
  },
};

export const espCodec: Codec<EspInput> = {
  names: namesOf<Esp>({ layer: true, spi: true, sequenceNumber: true }),
  size: () => ESP,

  write(layer, { bytes }, at) {
    put32(bytes, at, uint32(layer.spi, 'esp.spi'));
    put32(bytes, at + 4, uint32(layer.sequenceNumber, 'esp.sequenceNumber'));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('esp', ESP)) return undefined;
    from.layers.push({ layer: 'esp', spi: get32(bytes, at), sequenceNumber: get32(bytes, at + 4) });
    from.at = at + ESP;
    return undefined;
  },
};
