/** UDP: RFC 768. */
import { namesOf } from '../../posix/known-names.ts';
import { get16, put16, uint16 } from '../bytes.ts';
import { upperLayerSum } from '../checksum.ts';
import type { Codec, Filled } from './codec.ts';
import { layerOfUdp } from './protocol.ts';

/**
 * A UDP header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc768
 */
export interface UdpFields {
  sourcePort: number;
  destinationPort: number;
  /** Filled in unless given. */
  length?: number | undefined;
  /** Filled in unless given; 0 is none. */
  checksum?: number | undefined;
}

/**
 * A UDP header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc768
 */
export interface UdpInput extends UdpFields {
  readonly layer: 'udp';
}

/**
 * A UDP header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc768
 */
export interface Udp extends Filled<UdpFields> {
  readonly layer: 'udp';
  /**
   * Whether the checksum is right; undefined when IPv4 carries none, or when the datagram is cut, a fragment, or its
   * addresses are not known. None over IPv6 is wrong.
   */
  checksumOk: boolean | undefined;
}

/**
 * A UDP header as a layer of `encodePacket`.
 *
 * @param fields The length and the checksum are filled in unless given.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * const packet = encodePacket([header, udp({ sourcePort: 68, destinationPort: 67 }), 'data']);
 * console.log(packet.length); // 32
 * @see https://www.rfc-editor.org/rfc/rfc768
 */
export function udp(fields: UdpFields): UdpInput {
  return { ...fields, layer: 'udp' };
}

const HEADER = 8;
const PROTOCOL = 17;

export const udpCodec: Codec<UdpInput> = {
  names: namesOf<Udp>({
    layer: true,
    sourcePort: true,
    destinationPort: true,
    length: true,
    checksum: true,
    checksumOk: true,
  }),
  size: () => HEADER,

  write(layer, to, at) {
    const { bytes } = to;
    put16(bytes, at, uint16(layer.sourcePort, 'udp.sourcePort'));
    put16(bytes, at + 2, uint16(layer.destinationPort, 'udp.destinationPort'));
    put16(bytes, at + 4, uint16(layer.length ?? to.end - at, 'udp.length'));
    put16(bytes, at + 6, uint16(layer.checksum, 'udp.checksum', 0));
  },

  seal(layer, to, at, pseudo) {
    if (layer.checksum !== undefined || pseudo < 0) return;
    const length = get16(to.bytes, at + 4);
    const end = length >= HEADER ? Math.min(to.end, at + length) : to.end;
    // 0 would mean that there is none.
    put16(to.bytes, at + 6, ~upperLayerSum(to.bytes, at, end, pseudo, PROTOCOL) & 0xffff || 0xffff);
  },

  decode(from) {
    const { bytes, at, pseudo } = from;
    if (from.cut('udp', HEADER)) return undefined;
    const length = get16(bytes, at + 4);
    const checksum = get16(bytes, at + 6);
    const before = from.layers[from.layers.length - 1];
    // In a jumbo payload the length is 0: RFC 2675.
    const known = length >= HEADER || (length === 0 && from.left > 0xffff);
    if (length >= HEADER) {
      if (length <= from.left) from.end = at + length;
      else if (!from.partial) from.stop('udp', `a length of ${length}, ${from.left} bytes are there`, at + 4);
    } else if (!known) from.stop('udp', `a length of ${length}, less than the header`, at + 4);
    const judged = known && !from.partial && pseudo >= 0 && (length === 0 || length <= from.left);
    let checksumOk: boolean | undefined;
    if (judged && checksum !== 0) {
      checksumOk = from.judge(upperLayerSum(bytes, at, from.end, pseudo, PROTOCOL) === 0xffff);
    }
    // None over IPv6 is wrong.
    if (judged && checksum === 0 && before !== undefined && before.layer !== 'ipv4') checksumOk = false;
    const sourcePort = get16(bytes, at);
    const destinationPort = get16(bytes, at + 2);
    from.layers.push({ layer: 'udp', sourcePort, destinationPort, length, checksum, checksumOk });
    from.at = at + HEADER;
    return layerOfUdp(from, sourcePort, destinationPort);
  },
};
