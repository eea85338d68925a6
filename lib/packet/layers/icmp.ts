/** ICMP: RFC 792, with the path MTU of RFC 1191 and the length of RFC 4884. */

import {
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  ICMP_TIMESTAMP,
  ICMP_TIMESTAMPREPLY,
} from '../../native/constants.ts';
import { get16, get32, put16, put32, uint8, uint16, uint32 } from '../bytes/bytes.ts';
import { fold, sum } from '../bytes/checksum.ts';
import { ipv4Text, putIpv4 } from '../bytes/text.ts';
import { type LayerCodec, layerNames } from './codec.ts';
import {
  type ExtendedEchoFields,
  extendedTypes,
  isExtendedEcho,
  readExtendedEcho,
  writeExtendedEcho,
} from './extended-echo.ts';
import { type Common, checkFields, type FieldTypes, messageField, quotation, writeMessage } from './icmp-header.ts';

/**
 * An ICMP message to encode: type, code, and the fields of its type. `restOfHeader` contains the other bits of the
 * header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc792
 */
export interface IcmpFields extends ExtendedEchoFields {
  /** An ICMP_ number: `ICMP_ECHO`, `ICMP_DEST_UNREACH`, ... */
  type: number;
  /** The default is 0. */
  code?: number | undefined;
  /** By default, encoding fills it in. */
  checksum?: number | undefined;
  /** The second word of the header. The fields below overwrite their bits. */
  restOfHeader?: number | undefined;
  /** For echo, timestamp and extended echo messages. */
  identifier?: number | undefined;
  /** For echo and timestamp messages, and for extended echo messages, where it has one byte. */
  sequenceNumber?: number | undefined;
  /** For destination unreachable messages whose reason is that fragmentation is needed. */
  nextHopMtu?: number | undefined;
  /**
   * For destination unreachable, time exceeded and parameter problem messages: the number of quoted 32-bit words before
   * extensions, or 0 without extensions.
   */
  length?: number | undefined;
  /** For parameter problem messages. */
  pointer?: number | undefined;
  /** For redirect messages. */
  gatewayInternetAddress?: string | undefined;
  /** For timestamp messages: milliseconds since midnight UT. */
  originateTimestamp?: number | undefined;
  receiveTimestamp?: number | undefined;
  transmitTimestamp?: number | undefined;
}

/**
 * An ICMP message for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc792
 */
export interface IcmpInput extends IcmpFields {
  readonly layer: 'icmp';
}

/**
 * A decoded ICMP message. Of the fields that depend on the type, only those of its type are present.
 *
 * @see https://www.rfc-editor.org/rfc/rfc792
 */
export interface Icmp extends IcmpFields {
  readonly layer: 'icmp';
  code: number;
  checksum: number;
  /** Whether the checksum is correct. It is undefined if the message is truncated or a fragment. */
  checksumOk: boolean | undefined;
  restOfHeader: number;
}

/**
 * Creates an ICMP message as a layer for `encodePacket`. The data of an echo or the packet that an error quotes follow
 * as the next layers.
 *
 * @param fields The fields. The checksum is filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header and for fields that messages of
 *   this type do not have.
 * @example
 * const echo = encodePacket([icmp({ type: ICMP_ECHO, identifier: 7, sequenceNumber: 1 }), 'data']);
 * console.log(Buffer.from(echo).toString('hex')); // 08001f350007000164617461
 * @see https://www.rfc-editor.org/rfc/rfc792
 */
export function icmp(fields: IcmpFields): IcmpInput {
  return { ...fields, layer: 'icmp' };
}

/** The offset of each field. */
const ICMP = {
  ...messageField,
  pointer: 4,
  gatewayInternetAddress: 4,
  length: 5,
  nextHopMtu: 6,
  originateTimestamp: 8,
  receiveTimestamp: 12,
  transmitTimestamp: 16,
} as const;
const HEADER = 8;
const TIMESTAMP_HEADER = 20;

const isTimestamp = (type: number) => type === ICMP_TIMESTAMP || type === ICMP_TIMESTAMPREPLY;
const isEcho = (type: number) => type === ICMP_ECHO || type === ICMP_ECHOREPLY;
const hasLength = (type: number) =>
  type === ICMP_DEST_UNREACH || type === ICMP_TIME_EXCEEDED || type === ICMP_PARAMETERPROB;
/** Returns whether messages of this type quote a packet. */
export const quotesIpv4 = (type: number): boolean =>
  hasLength(type) || type === ICMP_REDIRECT || type === ICMP_SOURCE_QUENCH;

const isNumbered = (type: number) => isEcho(type) || isTimestamp(type);
const hasNumber = (type: number) => isNumbered(type) || isExtendedEcho('icmp', type);
const FIELD_TYPES = {
  ...extendedTypes('icmp'),
  identifier: hasNumber,
  sequenceNumber: hasNumber,
  nextHopMtu: (type: number) => type === ICMP_DEST_UNREACH,
  length: hasLength,
  pointer: (type: number) => type === ICMP_PARAMETERPROB,
  gatewayInternetAddress: (type: number) => type === ICMP_REDIRECT,
  originateTimestamp: isTimestamp,
  receiveTimestamp: isTimestamp,
  transmitTimestamp: isTimestamp,
} satisfies { readonly [Field in Exclude<keyof IcmpFields, Common>]: FieldTypes[string] };

export const icmpCodec: LayerCodec<IcmpInput> = {
  check: (layer) => checkFields('icmp', layer, FIELD_TYPES),
  names: layerNames<Icmp>()({ ...messageField, ...FIELD_TYPES, checksumOk: true }),
  size: ({ type }) => (isTimestamp(type) ? TIMESTAMP_HEADER : HEADER),

  write(layer, to, at) {
    const { bytes } = to;
    const { type } = layer;
    writeMessage('icmp', layer, bytes, at, isNumbered(type));
    if (isExtendedEcho('icmp', type)) writeExtendedEcho('icmp', layer, bytes, at);
    if (isTimestamp(type)) {
      put32(bytes, at + ICMP.originateTimestamp, uint32(layer.originateTimestamp, 'icmp.originateTimestamp', 0));
      put32(bytes, at + ICMP.receiveTimestamp, uint32(layer.receiveTimestamp, 'icmp.receiveTimestamp', 0));
      put32(bytes, at + ICMP.transmitTimestamp, uint32(layer.transmitTimestamp, 'icmp.transmitTimestamp', 0));
    }
    if (type === ICMP_PARAMETERPROB && layer.pointer !== undefined)
      bytes[at + ICMP.pointer] = uint8(layer.pointer, 'icmp.pointer');
    if (hasLength(type) && layer.length !== undefined) bytes[at + ICMP.length] = uint8(layer.length, 'icmp.length');
    if (type === ICMP_DEST_UNREACH && layer.nextHopMtu !== undefined) {
      put16(bytes, at + ICMP.nextHopMtu, uint16(layer.nextHopMtu, 'icmp.nextHopMtu'));
    }
    if (type === ICMP_REDIRECT && layer.gatewayInternetAddress !== undefined) {
      putIpv4(bytes, at + ICMP.gatewayInternetAddress, layer.gatewayInternetAddress, 'icmp.gatewayInternetAddress');
    }
  },

  fillChecksum(layer, to, at) {
    if (layer.checksum === undefined) put16(to.bytes, at + ICMP.checksum, ~sum(to.bytes, at, to.end) & 0xffff);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('icmp', HEADER)) return undefined;
    const type = bytes[at + ICMP.type]!;
    const header = isTimestamp(type) ? TIMESTAMP_HEADER : HEADER;
    if (from.cut('icmp', header)) return undefined;
    const layer: Icmp = {
      layer: 'icmp',
      type,
      code: bytes[at + ICMP.code]!,
      checksum: get16(bytes, at + ICMP.checksum),
      checksumOk: from.mayVerify() ? fold(sum(bytes, at, from.end)) === 0xffff : undefined,
      restOfHeader: get32(bytes, at + ICMP.restOfHeader),
    };
    if (isNumbered(type)) {
      layer.identifier = get16(bytes, at + ICMP.identifier);
      layer.sequenceNumber = get16(bytes, at + ICMP.sequenceNumber);
    }
    if (isExtendedEcho('icmp', type)) readExtendedEcho('icmp', layer, bytes, at);
    if (isTimestamp(type)) {
      layer.originateTimestamp = get32(bytes, at + ICMP.originateTimestamp);
      layer.receiveTimestamp = get32(bytes, at + ICMP.receiveTimestamp);
      layer.transmitTimestamp = get32(bytes, at + ICMP.transmitTimestamp);
    }
    if (type === ICMP_PARAMETERPROB) layer.pointer = bytes[at + ICMP.pointer]!;
    if (type === ICMP_DEST_UNREACH) layer.nextHopMtu = get16(bytes, at + ICMP.nextHopMtu);
    if (type === ICMP_REDIRECT) layer.gatewayInternetAddress = ipv4Text(bytes, at + ICMP.gatewayInternetAddress);
    from.add(layer);
    from.at = at + header;
    if (!quotesIpv4(type)) return undefined;
    if (hasLength(type)) layer.length = bytes[at + ICMP.length]!;
    return quotation(from, 4 * (layer.length ?? 0), 'ipv4');
  },
};
