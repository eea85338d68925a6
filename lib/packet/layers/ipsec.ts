/** IPsec: the authentication header (RFC 4302) and the header of the encapsulating security payload (RFC 4303). */
import { data, get16, get32, put16, put32, roundUp, uint8, uint16, uint32 } from '../bytes/bytes.ts';
import { type Filled, type LayerCodec, layerNames } from './codec.ts';
import type { Next } from './layer-type.ts';
import { layerOfNextHeader, layerOfProtocol, protocolField } from './protocol.ts';

/**
 * An authentication header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4302
 */
export interface AhFields {
  /** By default, the following layer determines it. */
  nextHeader?: number | undefined;
  /** The length in 32-bit words minus 2. By default, encoding fills it in. */
  payloadLength?: number | undefined;
  reserved?: number | undefined;
  /** The security parameters index. */
  spi: number;
  sequenceNumber: number;
  /** The integrity check value, padded to whole words. */
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
 * A decoded authentication header.
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
 * The decoded header of an encapsulating security payload. The encrypted data is payload.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4303
 */
export interface Esp extends Filled<EspFields> {
  readonly layer: 'esp';
}

/**
 * Creates an authentication header as a layer for `encodePacket`.
 *
 * @param fields The fields. The integrity check value is not computed.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = ah({ spi: 7, sequenceNumber: 1, icv: new Uint8Array(12) });
 * console.log(encodePacket([header, udp({ sourcePort: 1, destinationPort: 2 })]).length); // 32
 * @see https://www.rfc-editor.org/rfc/rfc4302
 */
export function ah(fields: AhFields): AhInput {
  return { ...fields, layer: 'ah' };
}

/**
 * Creates the header of an encapsulating security payload as a layer for `encodePacket`. The encrypted data follows as
 * bytes.
 *
 * @param fields The two unencrypted fields.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * console.log(encodePacket([esp({ spi: 7, sequenceNumber: 1 }), new Uint8Array(24)]).length); // 32
 * @see https://www.rfc-editor.org/rfc/rfc4303
 */
export function esp(fields: EspFields): EspInput {
  return { ...fields, layer: 'esp' };
}

/** The offset of each field. */
const AH = { nextHeader: 0, payloadLength: 1, reserved: 2, spi: 4, sequenceNumber: 8, icv: 12 } as const;
const ESP = { spi: 0, sequenceNumber: 4 } as const;
const AH_SIZE = 12;
const ESP_SIZE = 8;

const ahSize = (layer: AhInput): number => AH_SIZE + roundUp(layer.icv?.length ?? 0, 4);

export const ahCodec: LayerCodec<AhInput> = {
  check: ({ icv }) => void data(icv, 'ah.icv'),
  names: layerNames<Ah>()({ ...AH }),
  size: ahSize,

  write(layer, to, at) {
    const { bytes } = to;
    bytes[at + AH.nextHeader] = protocolField(layer.nextHeader, to.next, 'ah.nextHeader');
    bytes[at + AH.payloadLength] = uint8(layer.payloadLength ?? ahSize(layer) / 4 - 2, 'ah.payloadLength');
    put16(bytes, at + AH.reserved, uint16(layer.reserved, 'ah.reserved', 0));
    put32(bytes, at + AH.spi, uint32(layer.spi, 'ah.spi'));
    put32(bytes, at + AH.sequenceNumber, uint32(layer.sequenceNumber, 'ah.sequenceNumber'));
    bytes.set(data(layer.icv, 'ah.icv'), at + AH.icv);
  },

  decode(from): Next {
    const { bytes, at } = from;
    if (from.cut('ah', AH_SIZE)) return undefined;
    const size = 4 * (bytes[at + AH.payloadLength]! + 2);
    if (size < AH_SIZE)
      return from.stop('ah', `a length of ${size} bytes, which is less than the header`, at + AH.payloadLength);
    if (from.cut('ah', size)) return undefined;
    const nextHeader = bytes[at + AH.nextHeader]!;
    from.add<Ah>({
      layer: 'ah',
      nextHeader,
      payloadLength: bytes[at + AH.payloadLength]!,
      reserved: get16(bytes, at + AH.reserved),
      spi: get32(bytes, at + AH.spi),
      sequenceNumber: get32(bytes, at + AH.sequenceNumber),
      icv: bytes.subarray(at + AH.icv, at + size),
    });
    from.at = at + size;
    return from.ipVersion === 4 ? layerOfProtocol(from, nextHeader) : layerOfNextHeader(from, nextHeader);
  },
};

export const espCodec: LayerCodec<EspInput> = {
  names: layerNames<Esp>()({ ...ESP }),
  size: () => ESP_SIZE,

  write(layer, { bytes }, at) {
    put32(bytes, at + ESP.spi, uint32(layer.spi, 'esp.spi'));
    put32(bytes, at + ESP.sequenceNumber, uint32(layer.sequenceNumber, 'esp.sequenceNumber'));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('esp', ESP_SIZE)) return undefined;
    from.add<Esp>({
      layer: 'esp',
      spi: get32(bytes, at + ESP.spi),
      sequenceNumber: get32(bytes, at + ESP.sequenceNumber),
    });
    from.at = at + ESP_SIZE;
    return undefined;
  },
};
