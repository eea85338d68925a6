/** PPP over Ethernet: RFC 2516. */
import { get16, put16, uint, uint8, uint16 } from '../bytes/bytes.ts';
import { type Filled, type LayerCodec, layerNames } from './codec.ts';

/**
 * A PPPoE header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2516
 */
export interface PppoeFields {
  /** The default is 1. */
  version?: number | undefined;
  /** The default is 1. */
  type?: number | undefined;
  /** The default is 0, a session. In discovery, 9 is PADI, 7 PADO, 0x19 PADR, 0x65 PADS and 0xa7 PADT. */
  code?: number | undefined;
  /** The default is 0. */
  sessionId?: number | undefined;
  /** The length of the payload. By default, encoding fills it in. */
  length?: number | undefined;
}

/**
 * A PPPoE header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2516
 */
export interface PppoeInput extends PppoeFields {
  readonly layer: 'pppoe';
}

/**
 * A decoded PPPoE header. The tags of discovery packets are payload.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2516
 */
export interface Pppoe extends Filled<PppoeFields> {
  readonly layer: 'pppoe';
}

/**
 * Creates a PPPoE header as a layer for `encodePacket`. In a session, `ppp` follows it.
 *
 * @param fields The fields. Those that are omitted are filled in.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(encodePacket([pppoe({ sessionId: 7 }), ppp({}), packet]).length); // 28
 * @see https://www.rfc-editor.org/rfc/rfc2516
 */
export function pppoe(fields: PppoeFields): PppoeInput {
  return { ...fields, layer: 'pppoe' };
}

/** The offset of each field, or of the byte that it shares. */
const PPPOE = { version: 0, type: 0, code: 1, sessionId: 2, length: 4 } as const;
const VERSION_SHIFT = 4;
const TYPE = 0x0f;
const HEADER = 6;

export const pppoeCodec: LayerCodec<PppoeInput> = {
  names: layerNames<Pppoe>()({ ...PPPOE }),
  size: () => HEADER,

  write(layer, to, at) {
    const { bytes } = to;
    const type = uint(layer.type, TYPE, 'pppoe.type', 1);
    bytes[at + PPPOE.version] = (uint(layer.version, 15, 'pppoe.version', 1) << VERSION_SHIFT) | type;
    bytes[at + PPPOE.code] = uint8(layer.code, 'pppoe.code', 0);
    put16(bytes, at + PPPOE.sessionId, uint16(layer.sessionId, 'pppoe.sessionId', 0));
    put16(bytes, at + PPPOE.length, uint16(layer.length ?? to.end - at - HEADER, 'pppoe.length'));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('pppoe', HEADER)) return undefined;
    const code = bytes[at + PPPOE.code]!;
    const length = get16(bytes, at + PPPOE.length);
    from.add<Pppoe>({
      layer: 'pppoe',
      version: bytes[at + PPPOE.version]! >>> VERSION_SHIFT,
      type: bytes[at + PPPOE.type]! & TYPE,
      code,
      sessionId: get16(bytes, at + PPPOE.sessionId),
      length,
    });
    from.at = at + HEADER;
    // The length is 0 in a reassembled packet that is too long for the field.
    if (length > 0 || from.left <= 0xffff) from.limit(from.at + length);
    return code === 0 && from.left > 0 ? 'ppp' : undefined;
  },
};
