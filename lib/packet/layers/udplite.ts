/** UDP-Lite: RFC 3828. */
import { IPPROTO_UDPLITE } from '../../native/constants.ts';
import { get16, put16, uint16 } from '../bytes/bytes.ts';
import { upperLayerSum } from '../bytes/checksum.ts';
import { type Filled, type LayerCodec, layerNames } from './codec.ts';

/**
 * A UDP-Lite header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3828
 */
export interface UdpliteFields {
  sourcePort: number;
  destinationPort: number;
  /** How many bytes, from the header on, the checksum covers. The default, 0, means all of them. */
  checksumCoverage?: number | undefined;
  /** By default, encoding fills it in. */
  checksum?: number | undefined;
}

/**
 * A UDP-Lite header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3828
 */
export interface UdpliteInput extends UdpliteFields {
  readonly layer: 'udplite';
}

/**
 * A decoded UDP-Lite header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3828
 */
export interface Udplite extends Filled<UdpliteFields> {
  readonly layer: 'udplite';
  /**
   * Whether the checksum is correct. It is undefined if the datagram is truncated or a fragment, or if its addresses
   * are unknown. A missing checksum is incorrect.
   */
  checksumOk: boolean | undefined;
}

/**
 * Creates a UDP-Lite header as a layer for `encodePacket`.
 *
 * @param fields The fields. The checksum is filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * const packet = encodePacket([header, udplite({ sourcePort: 1, destinationPort: 2, checksumCoverage: 8 }), 'data']);
 * console.log(packet[9], packet.length); // 136 32
 * @see https://www.rfc-editor.org/rfc/rfc3828
 */
export function udplite(fields: UdpliteFields): UdpliteInput {
  return { ...fields, layer: 'udplite' };
}

/** The offset of each field. */
const UDPLITE = { sourcePort: 0, destinationPort: 2, checksumCoverage: 4, checksum: 6 } as const;
const HEADER = 8;
const PROTOCOL = IPPROTO_UDPLITE;

/** Returns the sum over what the coverage says. The pseudo-header has the length of all the data. */
function sumOf(bytes: Uint8Array, at: number, end: number, pseudo: number): number {
  const coverage = get16(bytes, at + UDPLITE.checksumCoverage);
  const covered = coverage === 0 ? end : Math.min(at + coverage, end);
  return upperLayerSum(bytes, at, covered, pseudo + end - covered, PROTOCOL);
}

export const udpliteCodec: LayerCodec<UdpliteInput> = {
  names: layerNames<Udplite>()({ ...UDPLITE, checksumOk: true }),
  size: () => HEADER,

  write(layer, { bytes }, at) {
    put16(bytes, at + UDPLITE.sourcePort, uint16(layer.sourcePort, 'udplite.sourcePort'));
    put16(bytes, at + UDPLITE.destinationPort, uint16(layer.destinationPort, 'udplite.destinationPort'));
    put16(bytes, at + UDPLITE.checksumCoverage, uint16(layer.checksumCoverage, 'udplite.checksumCoverage', 0));
    put16(bytes, at + UDPLITE.checksum, uint16(layer.checksum, 'udplite.checksum', 0));
  },

  fillChecksum(layer, to, at, pseudo) {
    if (layer.checksum !== undefined || pseudo < 0) return;
    // 0 would mean that there is no checksum.
    put16(to.bytes, at + UDPLITE.checksum, ~sumOf(to.bytes, at, to.end, pseudo) & 0xffff || 0xffff);
  },

  decode(from) {
    const { bytes, at, pseudo } = from;
    if (from.cut('udplite', HEADER)) return undefined;
    const checksumCoverage = get16(bytes, at + UDPLITE.checksumCoverage);
    const checksum = get16(bytes, at + UDPLITE.checksum);
    const known = checksumCoverage === 0 || checksumCoverage >= HEADER;
    if (!known)
      from.stop(
        'udplite',
        `a coverage of ${checksumCoverage}, which is less than the header`,
        at + UDPLITE.checksumCoverage,
      );
    else if (checksumCoverage > from.left && !from.partial) {
      from.stop(
        'udplite',
        `a coverage of ${checksumCoverage}, but ${from.left} bytes are available`,
        at + UDPLITE.checksumCoverage,
      );
    }
    const judged = known && !from.partial && pseudo >= 0 && checksumCoverage <= from.left;
    let checksumOk: boolean | undefined;
    if (judged) checksumOk = checksum !== 0 && from.judge(sumOf(bytes, at, from.end, pseudo) === 0xffff);
    from.add<Udplite>({
      layer: 'udplite',
      sourcePort: get16(bytes, at + UDPLITE.sourcePort),
      destinationPort: get16(bytes, at + UDPLITE.destinationPort),
      checksumCoverage,
      checksum,
      checksumOk,
    });
    from.at = at + HEADER;
    return undefined;
  },
};
