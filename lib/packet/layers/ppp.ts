/** PPP: RFC 1661, with the addresses of HDLC-like framing (RFC 1662) or without them, as in PPPoE. */
import { namesOf } from '../../posix/known-names.ts';
import { get16, put16, uint8, uint16 } from '../bytes.ts';
import type { Codec, Filled } from './codec.ts';
import { layerOfPpp, pppProtocolOf } from './protocol.ts';

/**
 * A PPP header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1661
 */
export interface PppFields {
  /** Whether address and control, 0xff and 0x03, come before; they do not unless given. */
  framed?: boolean | undefined;
  /** A PPP protocol number; told by the following layer unless given. */
  protocol?: number | undefined;
  /** Whether the protocol number, odd and below 256, is compressed to one byte. */
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
 * A PPP header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1661
 */
export interface Ppp extends Filled<PppFields> {
  readonly layer: 'ppp';
}

/**
 * A PPP header as a layer of `encodePacket`.
 *
 * @param fields The protocol is filled in unless given.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(Buffer.from(encodePacket([ppp({ framed: true }), packet])).toString('hex', 0, 4)); // ff030021
 * @see https://www.rfc-editor.org/rfc/rfc1661
 */
export function ppp(fields: PppFields): PppInput {
  return { ...fields, layer: 'ppp' };
}

const FRAMING = 0xff03;

export const pppCodec: Codec<PppInput> = {
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
    from.layers.push({ layer: 'ppp', framed, protocol, compressed });
    from.at = at + (compressed ? 1 : 2);
    return from.left === 0 ? undefined : layerOfPpp(protocol);
  },
};
