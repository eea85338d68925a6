/** The common header of SCTP, RFC 9260, with its CRC32c. Chunks are payload. */
import { namesOf } from '../../posix/known-names.ts';
import { get16, get32, put16, put32, uint16, uint32 } from '../bytes.ts';
import type { Codec, Filled } from './codec.ts';

/**
 * An SCTP header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9260
 */
export interface SctpFields {
  sourcePort: number;
  destinationPort: number;
  /** 0 unless given. */
  verificationTag?: number | undefined;
  /** CRC32c, as the number that its bytes are in network order; filled in unless given. */
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
 * An SCTP header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9260
 */
export interface Sctp extends Filled<SctpFields> {
  readonly layer: 'sctp';
  /** Whether the checksum is right; undefined when the packet is cut or a fragment. */
  checksumOk: boolean | undefined;
}

/**
 * An SCTP header as a layer of `encodePacket`; its chunks follow as bytes.
 *
 * @param fields The checksum is filled in unless given.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = sctp({ sourcePort: 5000, destinationPort: 5001, verificationTag: 7 });
 * console.log(encodePacket([header, Uint8Array.of(14, 0, 0, 4)]).length); // 16
 * @see https://www.rfc-editor.org/rfc/rfc9260
 */
export function sctp(fields: SctpFields): SctpInput {
  return { ...fields, layer: 'sctp' };
}

const HEADER = 12;
const SUM = 8;
/** The polynomial of Castagnoli, its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** CRC32c of a packet whose checksum counts as 0, in the byte order of the header. */
function crc(bytes: Uint8Array, start: number, end: number): number {
  let value = 0xffffffff;
  for (let at = start; at < end; at++) {
    const isSum = at >= start + SUM && at < start + HEADER;
    value = TABLE[(value ^ (isSum ? 0 : bytes[at]!)) & 0xff]! ^ (value >>> 8);
  }
  const sum = ~value;
  return (((sum & 0xff) << 24) | ((sum & 0xff00) << 8) | ((sum >>> 8) & 0xff00) | (sum >>> 24)) >>> 0;
}

export const sctpCodec: Codec<SctpInput> = {
  names: namesOf<Sctp>({
    layer: true,
    sourcePort: true,
    destinationPort: true,
    verificationTag: true,
    checksum: true,
    checksumOk: true,
  }),
  size: () => HEADER,

  write(layer, { bytes }, at) {
    put16(bytes, at, uint16(layer.sourcePort, 'sctp.sourcePort'));
    put16(bytes, at + 2, uint16(layer.destinationPort, 'sctp.destinationPort'));
    put32(bytes, at + 4, uint32(layer.verificationTag, 'sctp.verificationTag', 0));
    put32(bytes, at + SUM, uint32(layer.checksum, 'sctp.checksum', 0));
  },

  seal(layer, to, at) {
    if (layer.checksum === undefined) put32(to.bytes, at + SUM, crc(to.bytes, at, to.end));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('sctp', HEADER)) return undefined;
    const checksum = get32(bytes, at + SUM);
    from.layers.push({
      layer: 'sctp',
      sourcePort: get16(bytes, at),
      destinationPort: get16(bytes, at + 2),
      verificationTag: get32(bytes, at + 4),
      checksum,
      checksumOk: from.partial ? undefined : from.judge(crc(bytes, at, from.end) === checksum),
    });
    from.at = at + HEADER;
    return undefined;
  },
};
