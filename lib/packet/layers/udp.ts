/** UDP: RFC 768. */
import { IPPROTO_UDP } from '../../native/constants.ts';
import { get16, put16, uint16 } from '../bytes/bytes.ts';
import { upperLayerSum } from '../bytes/checksum.ts';
import { type Filled, type LayerCodec, layerNames } from './codec.ts';
import { layerOfUdp } from './protocol.ts';

/**
 * A UDP header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc768
 */
export interface UdpFields {
  sourcePort: number;
  destinationPort: number;
  /** By default, encoding fills it in. */
  length?: number | undefined;
  /** Filled in by default. 0 means that there is no checksum. */
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
 * A decoded UDP header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc768
 */
export interface Udp extends Filled<UdpFields> {
  readonly layer: 'udp';
  /**
   * Whether the checksum is correct. It is undefined if an IPv4 datagram has none, if the datagram is truncated or a
   * fragment, or if its addresses are unknown. A missing checksum over IPv6 is incorrect.
   */
  checksumOk: boolean | undefined;
}

/**
 * Creates a UDP header as a layer for `encodePacket`.
 *
 * @param fields The fields. The length and the checksum are filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * const packet = encodePacket([header, udp({ sourcePort: 68, destinationPort: 67 }), 'data']);
 * console.log(packet.length); // 32
 * @see https://www.rfc-editor.org/rfc/rfc768
 */
export function udp(fields: UdpFields): UdpInput {
  return { ...fields, layer: 'udp' };
}

/** The offset of each field. */
const UDP = { sourcePort: 0, destinationPort: 2, length: 4, checksum: 6 } as const;
/** For other modules: see codec.ts. */
export const udpField: typeof UDP = UDP;
const HEADER = 8;
const PROTOCOL = IPPROTO_UDP;

export const udpCodec: LayerCodec<UdpInput> = {
  names: layerNames<Udp>()({ ...UDP, checksumOk: true }),
  size: () => HEADER,

  write(layer, to, at) {
    const { bytes } = to;
    put16(bytes, at + UDP.sourcePort, uint16(layer.sourcePort, 'udp.sourcePort'));
    put16(bytes, at + UDP.destinationPort, uint16(layer.destinationPort, 'udp.destinationPort'));
    put16(bytes, at + UDP.length, uint16(layer.length ?? to.end - at, 'udp.length'));
    put16(bytes, at + UDP.checksum, uint16(layer.checksum, 'udp.checksum', 0));
  },

  fillChecksum(layer, to, at, pseudo) {
    if (layer.checksum !== undefined || pseudo < 0) return;
    const length = get16(to.bytes, at + UDP.length);
    const end = length >= HEADER ? Math.min(to.end, at + length) : to.end;
    // 0 would mean that there is no checksum.
    put16(to.bytes, at + UDP.checksum, ~upperLayerSum(to.bytes, at, end, pseudo, PROTOCOL) & 0xffff || 0xffff);
  },

  decode(from) {
    const { bytes, at, pseudo } = from;
    if (from.cut('udp', HEADER)) return undefined;
    const length = get16(bytes, at + UDP.length);
    const checksum = get16(bytes, at + UDP.checksum);
    // For a jumbo payload the length is 0: RFC 2675.
    const known = length >= HEADER || (length === 0 && from.left > 0xffff);
    if (length >= HEADER) {
      if (length <= from.left) from.end = at + length;
      else if (!from.partial)
        from.stop('udp', `a length of ${length}, but ${from.left} bytes are available`, at + UDP.length);
    } else if (!known) from.stop('udp', `a length of ${length}, which is less than the header`, at + UDP.length);
    const judged = known && pseudo >= 0 && (length === 0 || length <= from.left) && from.mayVerify();
    let checksumOk: boolean | undefined;
    if (judged && checksum !== 0) {
      checksumOk = from.judge(upperLayerSum(bytes, at, from.end, pseudo, PROTOCOL) === 0xffff);
    }
    // A missing checksum over IPv6 is incorrect.
    if (judged && checksum === 0 && from.ipVersion === 6) checksumOk = false;
    const sourcePort = get16(bytes, at + UDP.sourcePort);
    const destinationPort = get16(bytes, at + UDP.destinationPort);
    from.add<Udp>({ layer: 'udp', sourcePort, destinationPort, length, checksum, checksumOk });
    from.at = at + HEADER;
    return layerOfUdp(from, sourcePort, destinationPort);
  },
};
