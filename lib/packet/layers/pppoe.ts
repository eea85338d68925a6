/** PPP over Ethernet: RFC 2516. */
import { namesOf } from '../../posix/known-names.ts';
import { get16, put16, uint, uint8, uint16 } from '../bytes.ts';
import type { Codec, Filled } from './codec.ts';

/**
 * A PPPoE header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2516
 */
export interface PppoeFields {
  /** 1 unless given. */
  version?: number | undefined;
  /** 1 unless given. */
  type?: number | undefined;
  /** 0, a session, unless given; of discovery it is 9 PADI, 7 PADO, 0x19 PADR, 0x65 PADS, 0xa7 PADT. */
  code?: number | undefined;
  /** 0 unless given. */
  sessionId?: number | undefined;
  /** The length of what follows; filled in unless given. */
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
 * A PPPoE header as decoded. The tags of discovery are payload.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2516
 */
export interface Pppoe extends Filled<PppoeFields> {
  readonly layer: 'pppoe';
}

/**
 * A PPPoE header as a layer of `encodePacket`; in a session `ppp` follows.
 *
 * @param fields What is left out is filled in.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(encodePacket([pppoe({ sessionId: 7 }), ppp({}), packet]).length); // 28
 * @see https://www.rfc-editor.org/rfc/rfc2516
 */
export function pppoe(fields: PppoeFields): PppoeInput {
  return { ...fields, layer: 'pppoe' };
}

const HEADER = 6;

export const pppoeCodec: Codec<PppoeInput> = {
  names: namesOf<Pppoe>({ layer: true, version: true, type: true, code: true, sessionId: true, length: true }),
  size: () => HEADER,

  write(layer, to, at) {
    const { bytes } = to;
    bytes[at] = (uint(layer.version, 15, 'pppoe.version', 1) << 4) | uint(layer.type, 15, 'pppoe.type', 1);
    bytes[at + 1] = uint8(layer.code, 'pppoe.code', 0);
    put16(bytes, at + 2, uint16(layer.sessionId, 'pppoe.sessionId', 0));
    put16(bytes, at + 4, uint16(layer.length ?? to.end - at - HEADER, 'pppoe.length'));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('pppoe', HEADER)) return undefined;
    const code = bytes[at + 1]!;
    const length = get16(bytes, at + 4);
    from.layers.push({
      layer: 'pppoe',
      version: bytes[at]! >>> 4,
      type: bytes[at]! & 15,
      code,
      sessionId: get16(bytes, at + 2),
      length,
    });
    from.at = at + HEADER;
    from.limit(from.at + length);
    return code === 0 && from.left > 0 ? 'ppp' : undefined;
  },
};
