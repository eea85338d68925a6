/** PPP (RFC 1661), with or without the HDLC-like framing of RFC 1662. PPPoE does not use it. */
import { namesOf } from '../../argument/known-names.ts';
import { get16, put16, uint8, uint16 } from '../bytes/bytes.ts';
import type { Filled, LayerCodec } from './codec.ts';
import { layerOfPpp, pppProtocolOf } from './protocol.ts';

/**
 * A PPP header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1661
 */
export interface PppFields {
  /** Whether the address and control bytes, 0xff and 0x03, precede the header. By default they do not. */
  framed?: boolean | undefined;
  /** A PPP protocol number. By default, the following layer determines it. */
  protocol?: number | undefined;
  /** Whether the protocol number, which must be odd and below 256, is compressed to one byte. */
  compressed?: boolean | undefined;
}

/**
 * A PPP header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1661
 */
export interface PppInput extends PppFields {
  readonly layer: 'ppp';
}

/**
 * A decoded PPP header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1661
 */
export interface Ppp extends Filled<PppFields> {
  readonly layer: 'ppp';
}

/**
 * Creates a PPP header as a layer for `encodePacket`.
 *
 * @param fields The fields. The protocol is filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(Buffer.from(encodePacket([ppp({ framed: true }), packet])).toString('hex', 0, 4)); // ff030021
 * @see https://www.rfc-editor.org/rfc/rfc1661
 */
export function ppp(fields: PppFields): PppInput {
  return { ...fields, layer: 'ppp' };
}

const FRAMING = 0xff03;

export const pppCodec: LayerCodec<PppInput> = {
  names: namesOf<Ppp>({ layer: true, framed: true, protocol: true, compressed: true }),
  size: ({ framed, compressed }) => (framed ? 2 : 0) + (compressed ? 1 : 2),

  write(layer, to, start) {
    const { bytes } = to;
    const at = start + (layer.framed ? 2 : 0);
    if (layer.framed) put16(bytes, start, FRAMING);
    const protocol = layer.protocol ?? pppProtocolOf(to.next, 'ppp.protocol');
    if (layer.compressed) bytes[at] = uint8(protocol, 'ppp.protocol');
    else put16(bytes, at, uint16(protocol, 'ppp.protocol'));
  },

  decode(from) {
    const { bytes, at: start } = from;
    if (from.cut('ppp', 1)) return undefined;
    const framed = from.left >= 2 && get16(bytes, start) === FRAMING;
    const at = start + (framed ? 2 : 0);
    const compressed = at < from.end && (bytes[at]! & 1) !== 0;
    if (from.cut('ppp', at - start + (compressed ? 1 : 2))) return undefined;
    const protocol = compressed ? bytes[at]! : get16(bytes, at);
    from.add<Ppp>({ layer: 'ppp', framed, protocol, compressed });
    from.at = at + (compressed ? 1 : 2);
    return from.left === 0 ? undefined : layerOfPpp(protocol);
  },
};
