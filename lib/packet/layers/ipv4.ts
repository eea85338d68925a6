/** IPv4: RFC 791, with the differentiated services and ECN fields of RFC 2474 and 3168. */
import { get16, put16, roundUp, uint, uint8, uint16 } from '../bytes/bytes.ts';
import { fold, sum } from '../bytes/checksum.ts';
import { ipv4Text, putIpv4 } from '../bytes/text.ts';
import { type Decoding, type Filled, type LayerCodec, layerNames } from './codec.ts';
import { checkIpv4Options, type Ipv4Option, ipv4Options, sourceRouteEnd } from './ipv4-option.ts';
import { layerOfProtocol, protocolField } from './protocol.ts';

/**
 * An IPv4 header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc791
 */
export interface Ipv4Fields {
  /** The default is 4. */
  version?: number | undefined;
  /** The header length in 32-bit words, filled in by default. Options are padded to it only when it is filled in. */
  ihl?: number | undefined;
  /** 0 to 63. */
  dscp?: number | undefined;
  /** 0 to 3. */
  ecn?: number | undefined;
  /** By default, encoding fills it in. */
  totalLength?: number | undefined;
  identification?: number | undefined;
  /** The reserved flag. */
  reserved?: boolean | undefined;
  dontFragment?: boolean | undefined;
  moreFragments?: boolean | undefined;
  /** The offset in units of 8 bytes, as in the header. */
  fragmentOffset?: number | undefined;
  /** The default is 64. */
  timeToLive?: number | undefined;
  /** By default, the following layer determines it. */
  protocol?: number | undefined;
  /** By default, encoding fills it in. */
  headerChecksum?: number | undefined;
  sourceAddress: string;
  destinationAddress: string;
  options?: readonly Ipv4Option[] | undefined;
}

/**
 * An IPv4 header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc791
 */
export interface Ipv4Input extends Ipv4Fields {
  readonly layer: 'ipv4';
}

/**
 * A decoded IPv4 header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc791
 */
export interface Ipv4 extends Filled<Ipv4Fields> {
  readonly layer: 'ipv4';
  options: Ipv4Option[];
  /** Whether the header checksum is correct. It is undefined if the header is truncated. */
  checksumOk: boolean | undefined;
}

/**
 * Creates an IPv4 header as a layer for `encodePacket`.
 *
 * @param fields The fields. Lengths, checksum and protocol are filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2', timeToLive: 1 });
 * const decoded = findLayer(decodePacket(encodePacket([header]), { first: 'ip' }), 'ipv4');
 * console.log(decoded?.totalLength, decoded?.checksumOk); // 20 true
 * @see https://www.rfc-editor.org/rfc/rfc791
 */
export function ipv4(fields: Ipv4Fields): Ipv4Input {
  return { ...fields, layer: 'ipv4' };
}

/** The offset of each field, or of the byte or word that it shares. */
const IPV4 = {
  version: 0,
  ihl: 0,
  dscp: 1,
  ecn: 1,
  totalLength: 2,
  identification: 4,
  flags: 6,
  timeToLive: 8,
  protocol: 9,
  headerChecksum: 10,
  sourceAddress: 12,
  destinationAddress: 16,
} as const;
const MASK = {
  ihl: 0x0f,
  ecn: 0x03,
  reserved: 0x8000,
  dontFragment: 0x4000,
  moreFragments: 0x2000,
  fragmentOffset: 0x1fff,
} as const;
const SHIFT = { version: 4, dscp: 2 } as const;
/** For other modules: see codec.ts. */
export const ipv4Field: typeof IPV4 = IPV4;
export const ipv4Mask: typeof MASK = MASK;
const HEADER = 20;

function size(layer: Ipv4Input): number {
  const options = ipv4Options.size(layer.options);
  return HEADER + (layer.ihl === undefined ? roundUp(options, 4) : options);
}

/** Reads options. Returns the offset after the header. The last option of a truncated header may be cut, too. */
function readOptions(from: Decoding, options: Ipv4Option[], ihl: number): number {
  const { bytes, at } = from;
  const headerEnd = Math.min(at + Math.max(HEADER, 4 * ihl), from.end);
  const malformed = ipv4Options.read(bytes, at + HEADER, headerEnd, options);
  if (malformed >= 0 && headerEnd === at + 4 * ihl) from.stop('ipv4', 'an option with an invalid length', malformed);
  return headerEnd;
}

export const ipv4Codec: LayerCodec<Ipv4Input> = {
  check: ({ options }) => checkIpv4Options(options),
  names: layerNames<Ipv4>()({ ...IPV4, ...MASK, flags: false, options: true, checksumOk: true }),
  size,

  write(layer, to, at) {
    const { bytes } = to;
    const header = size(layer);
    const ihl = uint(layer.ihl ?? header / 4, MASK.ihl, 'ipv4.ihl');
    bytes[at + IPV4.version] = (uint(layer.version, 15, 'ipv4.version', 4) << SHIFT.version) | ihl;
    bytes[at + IPV4.dscp] =
      (uint(layer.dscp, 63, 'ipv4.dscp', 0) << SHIFT.dscp) | uint(layer.ecn, MASK.ecn, 'ipv4.ecn', 0);
    put16(bytes, at + IPV4.totalLength, uint16(layer.totalLength ?? to.end - at, 'ipv4.totalLength'));
    put16(bytes, at + IPV4.identification, uint16(layer.identification, 'ipv4.identification', 0));
    const flags =
      (layer.reserved ? MASK.reserved : 0) |
      (layer.dontFragment ? MASK.dontFragment : 0) |
      (layer.moreFragments ? MASK.moreFragments : 0);
    put16(bytes, at + IPV4.flags, flags | uint(layer.fragmentOffset, MASK.fragmentOffset, 'ipv4.fragmentOffset', 0));
    bytes[at + IPV4.timeToLive] = uint8(layer.timeToLive, 'ipv4.timeToLive', 64);
    bytes[at + IPV4.protocol] = protocolField(layer.protocol, to.next, 'ipv4.protocol');
    putIpv4(bytes, at + IPV4.sourceAddress, layer.sourceAddress, 'ipv4.sourceAddress');
    putIpv4(bytes, at + IPV4.destinationAddress, layer.destinationAddress, 'ipv4.destinationAddress');
    ipv4Options.write(layer.options, bytes, at + HEADER);
    put16(
      bytes,
      at + IPV4.headerChecksum,
      layer.headerChecksum === undefined
        ? ~sum(bytes, at, at + header) & 0xffff
        : uint16(layer.headerChecksum, 'ipv4.headerChecksum'),
    );
    const last = sourceRouteEnd(bytes, at + HEADER, at + header);
    to.sourceSum = sum(bytes, at + IPV4.sourceAddress, at + IPV4.destinationAddress);
    to.destinationSum = last < 0 ? sum(bytes, at + IPV4.destinationAddress, at + HEADER) : sum(bytes, last, last + 4);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('ipv4', HEADER)) return undefined;
    const version = bytes[at + IPV4.version]! >>> SHIFT.version;
    if (version !== 4) return from.stop('ipv4', `version ${version} instead of 4`);
    const ihl = bytes[at + IPV4.ihl]! & MASK.ihl;
    const options: Ipv4Option[] = [];
    const headerEnd = readOptions(from, options, ihl);
    const whole = ihl >= 5 && headerEnd === at + 4 * ihl;
    const flags = get16(bytes, at + IPV4.flags);
    const totalLength = get16(bytes, at + IPV4.totalLength);
    const protocol = bytes[at + IPV4.protocol]!;
    from.add<Ipv4>({
      layer: 'ipv4',
      version,
      ihl,
      dscp: bytes[at + IPV4.dscp]! >>> SHIFT.dscp,
      ecn: bytes[at + IPV4.ecn]! & MASK.ecn,
      totalLength,
      identification: get16(bytes, at + IPV4.identification),
      reserved: (flags & MASK.reserved) !== 0,
      dontFragment: (flags & MASK.dontFragment) !== 0,
      moreFragments: (flags & MASK.moreFragments) !== 0,
      fragmentOffset: flags & MASK.fragmentOffset,
      timeToLive: bytes[at + IPV4.timeToLive]!,
      protocol,
      headerChecksum: get16(bytes, at + IPV4.headerChecksum),
      sourceAddress: ipv4Text(bytes, at + IPV4.sourceAddress),
      destinationAddress: ipv4Text(bytes, at + IPV4.destinationAddress),
      options,
      checksumOk: whole ? fold(sum(bytes, at, headerEnd)) === 0xffff : undefined,
    });
    from.at = headerEnd;
    if (ihl < 5) return from.stop('ipv4', `a header length of ${ihl} words, which is less than 5`, at);
    if (!whole) {
      from.limit(at + Math.max(4 * ihl, totalLength));
      from.at = at; // the whole header is truncated, so the error is at its start
      from.cut('ipv4', 4 * ihl);
      from.at = headerEnd;
      return undefined;
    }
    const last = sourceRouteEnd(bytes, at + HEADER, headerEnd);
    from.addresses(at + IPV4.sourceAddress, last < 0 ? at + IPV4.destinationAddress : last, 4);
    // The length is 0 in a packet captured before segmentation offload. It is then that of the frame.
    if (totalLength !== 0) {
      if (totalLength < 4 * ihl)
        return from.stop(
          'ipv4',
          `a total length of ${totalLength}, which is less than the header`,
          at + IPV4.totalLength,
        );
      from.limit(at + totalLength);
    }
    if ((flags & (MASK.moreFragments | MASK.fragmentOffset)) !== 0) from.partial = true;
    return (flags & MASK.fragmentOffset) === 0 ? layerOfProtocol(from, protocol) : undefined;
  },
};
