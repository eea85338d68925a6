/** TCP: RFC 9293, with the ECN flags of RFC 3168. */
import { namesOf } from '../../posix/known-names.ts';
import { get16, get32, put16, put32, roundUp, uint, uint16, uint32 } from '../bytes.ts';
import { upperLayerSum } from '../checksum.ts';
import type { Codec, Filled } from './codec.ts';
import { ownLayerOfPorts } from './protocol.ts';
import { checkTcpOptions, type TcpOption, tcpOptions } from './tcp-option.ts';

/**
 * A TCP header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export interface TcpFields {
  sourcePort: number;
  destinationPort: number;
  /** 0 unless given. */
  sequenceNumber?: number | undefined;
  /** 0 unless given. */
  acknowledgmentNumber?: number | undefined;
  /** The header length in words of 32 bits; filled in unless given. Options are padded to it only when it is filled in. */
  dataOffset?: number | undefined;
  /** The four bits between data offset and flags; the lowest one is AE of accurate ECN. */
  reserved?: number | undefined;
  cwr?: boolean | undefined;
  ece?: boolean | undefined;
  urg?: boolean | undefined;
  ack?: boolean | undefined;
  psh?: boolean | undefined;
  rst?: boolean | undefined;
  syn?: boolean | undefined;
  fin?: boolean | undefined;
  /** As in the header, not scaled; 65535 unless given. */
  window?: number | undefined;
  /** Filled in unless given. */
  checksum?: number | undefined;
  urgentPointer?: number | undefined;
  options?: readonly TcpOption[] | undefined;
}

/**
 * A TCP header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export interface TcpInput extends TcpFields {
  readonly layer: 'tcp';
}

/**
 * A TCP header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export interface Tcp extends Filled<TcpFields> {
  readonly layer: 'tcp';
  options: TcpOption[];
  /** Whether the checksum is right; undefined when the segment is cut, a fragment, or its addresses are not known. */
  checksumOk: boolean | undefined;
}

/**
 * A TCP header as a layer of `encodePacket`.
 *
 * @param fields The data offset and the checksum are filled in unless given.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const syn = tcp({
 *   sourcePort: 40000,
 *   destinationPort: 80,
 *   syn: true,
 *   options: [{ name: 'maximumSegmentSize', maximumSegmentSize: 1460 }],
 * });
 * const header = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(encodePacket([header, syn]).length); // 44
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export function tcp(fields: TcpFields): TcpInput {
  return { ...fields, layer: 'tcp' };
}

const HEADER = 20;
const PROTOCOL = 6;

function size(layer: TcpInput): number {
  const options = tcpOptions.size(layer.options);
  return HEADER + (layer.dataOffset === undefined ? roundUp(options, 4) : options);
}

export const tcpCodec: Codec<TcpInput> = {
  check: ({ options }) => checkTcpOptions(options),
  names: namesOf<Tcp>({
    layer: true,
    sourcePort: true,
    destinationPort: true,
    sequenceNumber: true,
    acknowledgmentNumber: true,
    dataOffset: true,
    reserved: true,
    cwr: true,
    ece: true,
    urg: true,
    ack: true,
    psh: true,
    rst: true,
    syn: true,
    fin: true,
    window: true,
    checksum: true,
    urgentPointer: true,
    options: true,
    checksumOk: true,
  }),
  size,

  write(layer, to, at) {
    const { bytes } = to;
    put16(bytes, at, uint16(layer.sourcePort, 'tcp.sourcePort'));
    put16(bytes, at + 2, uint16(layer.destinationPort, 'tcp.destinationPort'));
    put32(bytes, at + 4, uint32(layer.sequenceNumber, 'tcp.sequenceNumber', 0));
    put32(bytes, at + 8, uint32(layer.acknowledgmentNumber, 'tcp.acknowledgmentNumber', 0));
    const dataOffset = uint(layer.dataOffset ?? size(layer) / 4, 15, 'tcp.dataOffset');
    bytes[at + 12] = (dataOffset << 4) | uint(layer.reserved, 15, 'tcp.reserved', 0);
    bytes[at + 13] =
      (layer.cwr ? 0x80 : 0) |
      (layer.ece ? 0x40 : 0) |
      (layer.urg ? 0x20 : 0) |
      (layer.ack ? 0x10 : 0) |
      (layer.psh ? 0x08 : 0) |
      (layer.rst ? 0x04 : 0) |
      (layer.syn ? 0x02 : 0) |
      (layer.fin ? 0x01 : 0);
    put16(bytes, at + 14, uint16(layer.window, 'tcp.window', 0xffff));
    put16(bytes, at + 16, uint16(layer.checksum, 'tcp.checksum', 0));
    put16(bytes, at + 18, uint16(layer.urgentPointer, 'tcp.urgentPointer', 0));
    tcpOptions.write(layer.options, bytes, at + HEADER);
  },

  seal(layer, to, at, pseudo) {
    if (layer.checksum !== undefined || pseudo < 0) return;
    put16(to.bytes, at + 16, ~upperLayerSum(to.bytes, at, to.end, pseudo, PROTOCOL) & 0xffff);
  },

  decode(from) {
    const { bytes, at, end, pseudo } = from;
    if (from.cut('tcp', HEADER)) return undefined;
    const dataOffset = bytes[at + 12]! >>> 4;
    const flags = bytes[at + 13]!;
    const headerEnd = Math.min(at + Math.max(HEADER, 4 * dataOffset), end);
    const options: TcpOption[] = [];
    const malformed = tcpOptions.read(bytes, at + HEADER, headerEnd, options);
    const sourcePort = get16(bytes, at);
    const destinationPort = get16(bytes, at + 2);
    from.layers.push({
      layer: 'tcp',
      sourcePort,
      destinationPort,
      sequenceNumber: get32(bytes, at + 4),
      acknowledgmentNumber: get32(bytes, at + 8),
      dataOffset,
      reserved: bytes[at + 12]! & 15,
      cwr: (flags & 0x80) !== 0,
      ece: (flags & 0x40) !== 0,
      urg: (flags & 0x20) !== 0,
      ack: (flags & 0x10) !== 0,
      psh: (flags & 0x08) !== 0,
      rst: (flags & 0x04) !== 0,
      syn: (flags & 0x02) !== 0,
      fin: (flags & 0x01) !== 0,
      window: get16(bytes, at + 14),
      checksum: get16(bytes, at + 16),
      urgentPointer: get16(bytes, at + 18),
      options,
      checksumOk:
        from.partial || pseudo < 0 ? undefined : from.judge(upperLayerSum(bytes, at, end, pseudo, PROTOCOL) === 0xffff),
    });
    if (dataOffset < 5) from.stop('tcp', `a data offset of ${dataOffset} words, less than 5`, at + 12);
    // A header that is cut: its last option is so for that reason.
    else if (!from.cut('tcp', 4 * dataOffset) && malformed >= 0) {
      from.stop('tcp', 'an option whose length cannot be right', malformed);
    }
    from.at = headerEnd;
    return from.error === undefined ? ownLayerOfPorts(from, 'tcpPort', sourcePort, destinationPort) : undefined;
  },
};
