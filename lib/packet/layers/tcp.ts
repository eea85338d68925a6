/** TCP: RFC 9293, with the ECN flags of RFC 3168. */
import { IPPROTO_TCP } from '../../native/constants.ts';
import { get16, get32, put16, put32, roundUp, uint, uint16, uint32 } from '../bytes/bytes.ts';
import { upperLayerSum } from '../bytes/checksum.ts';
import { type Filled, type LayerCodec, layerNames } from './codec.ts';
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
  /** The default is 0. */
  sequenceNumber?: number | undefined;
  /** The default is 0. */
  acknowledgmentNumber?: number | undefined;
  /** The header length in 32-bit words, filled in by default. Options are padded to it only when it is filled in. */
  dataOffset?: number | undefined;
  /** The four bits between data offset and flags. The lowest one is AE of accurate ECN. */
  reserved?: number | undefined;
  cwr?: boolean | undefined;
  ece?: boolean | undefined;
  urg?: boolean | undefined;
  ack?: boolean | undefined;
  psh?: boolean | undefined;
  rst?: boolean | undefined;
  syn?: boolean | undefined;
  fin?: boolean | undefined;
  /** The window as in the header, without scaling. The default is 65535. */
  window?: number | undefined;
  /** By default, encoding fills it in. */
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
 * A decoded TCP header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export interface Tcp extends Filled<TcpFields> {
  readonly layer: 'tcp';
  options: TcpOption[];
  /**
   * Whether the checksum is correct. It is undefined if the segment is truncated or a fragment, or if its addresses are
   * unknown.
   */
  checksumOk: boolean | undefined;
}

/**
 * Creates a TCP header as a layer for `encodePacket`.
 *
 * @param fields The fields. The data offset and the checksum are filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
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

/** The offset of each field, or of the byte that it shares. */
const TCP = {
  sourcePort: 0,
  destinationPort: 2,
  sequenceNumber: 4,
  acknowledgmentNumber: 8,
  dataOffset: 12,
  reserved: 12,
  flags: 13,
  window: 14,
  checksum: 16,
  urgentPointer: 18,
} as const;
const DATA_OFFSET_SHIFT = 4;
const RESERVED = 0x0f;
const FLAG = { cwr: 0x80, ece: 0x40, urg: 0x20, ack: 0x10, psh: 0x08, rst: 0x04, syn: 0x02, fin: 0x01 } as const;
/** For other modules: see codec.ts. */
export const tcpField: typeof TCP = TCP;
export const tcpFlag: typeof FLAG = FLAG;
const HEADER = 20;
const PROTOCOL = IPPROTO_TCP;

function size(layer: TcpInput): number {
  const options = tcpOptions.size(layer.options);
  return HEADER + (layer.dataOffset === undefined ? roundUp(options, 4) : options);
}

export const tcpCodec: LayerCodec<TcpInput> = {
  check: ({ options }) => checkTcpOptions(options),
  names: layerNames<Tcp>()({ ...TCP, ...FLAG, flags: false, options: true, checksumOk: true }),
  size,

  write(layer, to, at) {
    const { bytes } = to;
    put16(bytes, at + TCP.sourcePort, uint16(layer.sourcePort, 'tcp.sourcePort'));
    put16(bytes, at + TCP.destinationPort, uint16(layer.destinationPort, 'tcp.destinationPort'));
    put32(bytes, at + TCP.sequenceNumber, uint32(layer.sequenceNumber, 'tcp.sequenceNumber', 0));
    put32(bytes, at + TCP.acknowledgmentNumber, uint32(layer.acknowledgmentNumber, 'tcp.acknowledgmentNumber', 0));
    const dataOffset = uint(layer.dataOffset ?? size(layer) / 4, 15, 'tcp.dataOffset');
    bytes[at + TCP.dataOffset] = (dataOffset << DATA_OFFSET_SHIFT) | uint(layer.reserved, RESERVED, 'tcp.reserved', 0);
    bytes[at + TCP.flags] =
      (layer.cwr ? FLAG.cwr : 0) |
      (layer.ece ? FLAG.ece : 0) |
      (layer.urg ? FLAG.urg : 0) |
      (layer.ack ? FLAG.ack : 0) |
      (layer.psh ? FLAG.psh : 0) |
      (layer.rst ? FLAG.rst : 0) |
      (layer.syn ? FLAG.syn : 0) |
      (layer.fin ? FLAG.fin : 0);
    put16(bytes, at + TCP.window, uint16(layer.window, 'tcp.window', 0xffff));
    put16(bytes, at + TCP.checksum, uint16(layer.checksum, 'tcp.checksum', 0));
    put16(bytes, at + TCP.urgentPointer, uint16(layer.urgentPointer, 'tcp.urgentPointer', 0));
    tcpOptions.write(layer.options, bytes, at + HEADER);
  },

  fillChecksum(layer, to, at, pseudo) {
    if (layer.checksum !== undefined || pseudo < 0) return;
    put16(to.bytes, at + TCP.checksum, ~upperLayerSum(to.bytes, at, to.end, pseudo, PROTOCOL) & 0xffff);
  },

  decode(from) {
    const { bytes, at, end, pseudo } = from;
    if (from.cut('tcp', HEADER)) return undefined;
    const dataOffset = bytes[at + TCP.dataOffset]! >>> DATA_OFFSET_SHIFT;
    const flags = bytes[at + TCP.flags]!;
    const headerEnd = Math.min(at + Math.max(HEADER, 4 * dataOffset), end);
    const options: TcpOption[] = [];
    const malformed = tcpOptions.read(bytes, at + HEADER, headerEnd, options);
    const sourcePort = get16(bytes, at + TCP.sourcePort);
    const destinationPort = get16(bytes, at + TCP.destinationPort);
    from.add<Tcp>({
      layer: 'tcp',
      sourcePort,
      destinationPort,
      sequenceNumber: get32(bytes, at + TCP.sequenceNumber),
      acknowledgmentNumber: get32(bytes, at + TCP.acknowledgmentNumber),
      dataOffset,
      reserved: bytes[at + TCP.reserved]! & RESERVED,
      cwr: (flags & FLAG.cwr) !== 0,
      ece: (flags & FLAG.ece) !== 0,
      urg: (flags & FLAG.urg) !== 0,
      ack: (flags & FLAG.ack) !== 0,
      psh: (flags & FLAG.psh) !== 0,
      rst: (flags & FLAG.rst) !== 0,
      syn: (flags & FLAG.syn) !== 0,
      fin: (flags & FLAG.fin) !== 0,
      window: get16(bytes, at + TCP.window),
      checksum: get16(bytes, at + TCP.checksum),
      urgentPointer: get16(bytes, at + TCP.urgentPointer),
      options,
      checksumOk:
        from.partial || pseudo < 0 ? undefined : from.judge(upperLayerSum(bytes, at, end, pseudo, PROTOCOL) === 0xffff),
    });
    if (dataOffset < 5)
      from.stop('tcp', `a data offset of ${dataOffset} words, which is less than 5`, at + TCP.dataOffset);
    // If the header is truncated, that is also why its last option is invalid.
    else if (!from.cut('tcp', 4 * dataOffset) && malformed >= 0) {
      from.stop('tcp', 'an option with an invalid length', malformed);
    }
    from.at = headerEnd;
    return from.error === undefined ? ownLayerOfPorts(from, 'tcpPort', sourcePort, destinationPort) : undefined;
  },
};
