/** The SCTP common header (RFC 9260) with its CRC32c. Chunks are payload. */
import { get16, get32, put16, put32, uint16, uint32 } from '../bytes/bytes.ts';
import { type Filled, type LayerCodec, layerNames } from './codec.ts';

/**
 * An SCTP header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9260
 */
export interface SctpFields {
  sourcePort: number;
  destinationPort: number;
  /** The default is 0. */
  verificationTag?: number | undefined;
  /** The CRC32c as a number in network byte order. By default, encoding fills it in. */
  checksum?: number | undefined;
}

/**
 * An SCTP header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9260
 */
export interface SctpInput extends SctpFields {
  readonly layer: 'sctp';
}

/**
 * A decoded SCTP header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9260
 */
export interface Sctp extends Filled<SctpFields> {
  readonly layer: 'sctp';
  /** Whether the checksum is correct. It is undefined if the packet is truncated or a fragment. */
  checksumOk: boolean | undefined;
}

/**
 * Creates an SCTP header as a layer for `encodePacket`. Its chunks follow as bytes.
 *
 * @param fields The fields. The checksum is filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = sctp({ sourcePort: 5000, destinationPort: 5001, verificationTag: 7 });
 * console.log(encodePacket([header, Uint8Array.of(14, 0, 0, 4)]).length); // 16
 * @see https://www.rfc-editor.org/rfc/rfc9260
 */
export function sctp(fields: SctpFields): SctpInput {
  return { ...fields, layer: 'sctp' };
}

/** The offset of each field. */
const SCTP = { sourcePort: 0, destinationPort: 2, verificationTag: 4, checksum: 8 } as const;
const HEADER = 12;
/** The Castagnoli polynomial with its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** Returns the CRC32c of a packet, computed with a checksum of 0, in the byte order of the header. */
function crc(bytes: Uint8Array, start: number, end: number): number {
  let value = 0xffffffff;
  for (let at = start; at < end; at++) {
    const isSum = at >= start + SCTP.checksum && at < start + HEADER;
    value = TABLE[(value ^ (isSum ? 0 : bytes[at]!)) & 0xff]! ^ (value >>> 8);
  }
  const sum = ~value;
  return (((sum & 0xff) << 24) | ((sum & 0xff00) << 8) | ((sum >>> 8) & 0xff00) | (sum >>> 24)) >>> 0;
}

export const sctpCodec: LayerCodec<SctpInput> = {
  names: layerNames<Sctp>()({ ...SCTP, checksumOk: true }),
  size: () => HEADER,

  write(layer, { bytes }, at) {
    put16(bytes, at + SCTP.sourcePort, uint16(layer.sourcePort, 'sctp.sourcePort'));
    put16(bytes, at + SCTP.destinationPort, uint16(layer.destinationPort, 'sctp.destinationPort'));
    put32(bytes, at + SCTP.verificationTag, uint32(layer.verificationTag, 'sctp.verificationTag', 0));
    put32(bytes, at + SCTP.checksum, uint32(layer.checksum, 'sctp.checksum', 0));
  },

  fillChecksum(layer, to, at) {
    if (layer.checksum === undefined) put32(to.bytes, at + SCTP.checksum, crc(to.bytes, at, to.end));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('sctp', HEADER)) return undefined;
    const checksum = get32(bytes, at + SCTP.checksum);
    from.add<Sctp>({
      layer: 'sctp',
      sourcePort: get16(bytes, at + SCTP.sourcePort),
      destinationPort: get16(bytes, at + SCTP.destinationPort),
      verificationTag: get32(bytes, at + SCTP.verificationTag),
      checksum,
      checksumOk: from.partial ? undefined : from.judge(crc(bytes, at, from.end) === checksum),
    });
    from.at = at + HEADER;
    return undefined;
  },
};
