/** IPv4: RFC 791, with the differentiated services and ECN fields of RFC 2474 and 3168. */
import { namesOf } from '../../posix/known-names.ts';
import { get16, put16, roundUp, uint, uint8, uint16 } from '../bytes.ts';
import { fold, sum } from '../checksum.ts';
import { ipv4Text, putIpv4 } from '../text.ts';
import type { Codec, Decoding, Filled } from './codec.ts';
import { checkIpv4Options, type Ipv4Option, ipv4Options, sourceRouteEnd } from './ipv4-option.ts';
import { layerOfProtocol, protocolOf } from './protocol.ts';

/**
 * An IPv4 header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc791
 */
export interface Ipv4Fields {
  /** 4 unless given. */
  version?: number | undefined;
  /** The header length in words of 32 bits; filled in unless given. Options are padded to it only when it is filled in. */
  ihl?: number | undefined;
  /** 0 to 63. */
  dscp?: number | undefined;
  /** 0 to 3. */
  ecn?: number | undefined;
  /** Filled in unless given. */
  totalLength?: number | undefined;
  identification?: number | undefined;
  /** The reserved flag. */
  reserved?: boolean | undefined;
  dontFragment?: boolean | undefined;
  moreFragments?: boolean | undefined;
  /** In units of 8 bytes, as in the header. */
  fragmentOffset?: number | undefined;
  /** 64 unless given. */
  timeToLive?: number | undefined;
  /** Told by the following layer unless given. */
  protocol?: number | undefined;
  /** Filled in unless given. */
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
 * An IPv4 header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc791
 */
export interface Ipv4 extends Filled<Ipv4Fields> {
  readonly layer: 'ipv4';
  options: Ipv4Option[];
  /** Whether the header checksum is right; undefined when the header is cut. */
  checksumOk: boolean | undefined;
}

/**
 * An IPv4 header as a layer of `encodePacket`.
 *
 * @param fields Lengths, checksum and protocol are filled in unless given.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2', timeToLive: 1 });
 * const decoded = findLayer(decodePacket(encodePacket([header]), { first: 'ip' }), 'ipv4');
 * console.log(decoded?.totalLength, decoded?.checksumOk); // 20 true
 * @see https://www.rfc-editor.org/rfc/rfc791
 */
export function ipv4(fields: Ipv4Fields): Ipv4Input {
  return { ...fields, layer: 'ipv4' };
}

const HEADER = 20;
const RESERVED = 0x8000;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;

function size(layer: Ipv4Input): number {
  const options = ipv4Options.size(layer.options);
  return HEADER + (layer.ihl === undefined ? roundUp(options, 4) : options);
}

/** Reads options and judges the header's length and checksum. Gives the offset behind the header. */
function readOptions(from: Decoding, options: Ipv4Option[], ihl: number): number {
  const { bytes, at } = from;
  const headerEnd = Math.min(at + Math.max(HEADER, 4 * ihl), from.end);
  const malformed = ipv4Options.read(bytes, at + HEADER, headerEnd, options);
  if (malformed >= 0) from.stop('ipv4', 'an option whose length cannot be right', malformed);
  return headerEnd;
}

export const ipv4Codec: Codec<Ipv4Input> = {
  check: ({ options }) => checkIpv4Options(options),
  names: namesOf<Ipv4>({
    layer: true,
    version: true,
    ihl: true,
    dscp: true,
    ecn: true,
    totalLength: true,
    identification: true,
    reserved: true,
    dontFragment: true,
    moreFragments: true,
    fragmentOffset: true,
    timeToLive: true,
    protocol: true,
    headerChecksum: true,
    sourceAddress: true,
    destinationAddress: true,
    options: true,
    checksumOk: true,
  }),
  size,

  write(layer, to, at) {
    const { bytes } = to;
    const header = size(layer);
    const ihl = uint(layer.ihl ?? header / 4, 15, 'ipv4.ihl');
    bytes[at] = (uint(layer.version, 15, 'ipv4.version', 4) << 4) | ihl;
    bytes[at + 1] = (uint(layer.dscp, 63, 'ipv4.dscp', 0) << 2) | uint(layer.ecn, 3, 'ipv4.ecn', 0);
    put16(bytes, at + 2, uint16(layer.totalLength ?? to.end - at, 'ipv4.totalLength'));
    put16(bytes, at + 4, uint16(layer.identification, 'ipv4.identification', 0));
    const flags =
      (layer.reserved ? RESERVED : 0) |
      (layer.dontFragment ? DONT_FRAGMENT : 0) |
      (layer.moreFragments ? MORE_FRAGMENTS : 0);
    put16(bytes, at + 6, flags | uint(layer.fragmentOffset, 0x1fff, 'ipv4.fragmentOffset', 0));
    bytes[at + 8] = uint8(layer.timeToLive, 'ipv4.timeToLive', 64);
    bytes[at + 9] =
      layer.protocol === undefined ? protocolOf(to.next, 'ipv4.protocol') : uint8(layer.protocol, 'ipv4.protocol');
    putIpv4(bytes, at + 12, layer.sourceAddress, 'ipv4.sourceAddress');
    putIpv4(bytes, at + 16, layer.destinationAddress, 'ipv4.destinationAddress');
    ipv4Options.write(layer.options, bytes, at + HEADER);
    put16(
      bytes,
      at + 10,
      layer.headerChecksum === undefined
        ? ~sum(bytes, at, at + header) & 0xffff
        : uint16(layer.headerChecksum, 'ipv4.headerChecksum'),
    );
    const last = sourceRouteEnd(bytes, at + HEADER, at + header);
    to.sourceSum = sum(bytes, at + 12, at + 16);
    to.destinationSum = last < 0 ? sum(bytes, at + 16, at + 20) : sum(bytes, last, last + 4);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('ipv4', HEADER)) return undefined;
    const version = bytes[at]! >>> 4;
    if (version !== 4) return from.stop('ipv4', `version ${version} in place of 4`);
    const ihl = bytes[at]! & 15;
    const options: Ipv4Option[] = [];
    const headerEnd = readOptions(from, options, ihl);
    const whole = ihl >= 5 && headerEnd === at + 4 * ihl;
    const flags = get16(bytes, at + 6);
    const totalLength = get16(bytes, at + 2);
    const protocol = bytes[at + 9]!;
    from.layers.push({
      layer: 'ipv4',
      version,
      ihl,
      dscp: bytes[at + 1]! >>> 2,
      ecn: bytes[at + 1]! & 3,
      totalLength,
      identification: get16(bytes, at + 4),
      reserved: (flags & RESERVED) !== 0,
      dontFragment: (flags & DONT_FRAGMENT) !== 0,
      moreFragments: (flags & MORE_FRAGMENTS) !== 0,
      fragmentOffset: flags & 0x1fff,
      timeToLive: bytes[at + 8]!,
      protocol,
      headerChecksum: get16(bytes, at + 10),
      sourceAddress: ipv4Text(bytes, at + 12),
      destinationAddress: ipv4Text(bytes, at + 16),
      options,
      checksumOk: whole ? fold(sum(bytes, at, headerEnd)) === 0xffff : undefined,
    });
    from.at = headerEnd;
    if (ihl < 5) return from.stop('ipv4', `a header length of ${ihl} words, less than 5`, at);
    if (!whole) {
      from.at = at; // the header is what is cut: told from where it begins
      from.cut('ipv4', 4 * ihl);
      from.at = headerEnd;
      return undefined;
    }
    const last = sourceRouteEnd(bytes, at + HEADER, headerEnd);
    from.addresses(at + 12, last < 0 ? at + 16 : last, 4);
    // 0 is what a capture before segmentation offload shows: the length is that of the frame.
    if (totalLength !== 0) {
      if (totalLength < 4 * ihl)
        return from.stop('ipv4', `a total length of ${totalLength}, less than the header`, at + 2);
      from.limit(at + totalLength);
    }
    if ((flags & (MORE_FRAGMENTS | 0x1fff)) !== 0) from.partial = true;
    return (flags & 0x1fff) === 0 ? layerOfProtocol(from, protocol) : undefined;
  },
};
