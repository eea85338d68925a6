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
} from '../../posix/constants.ts';
import { namesOf } from '../../posix/known-names.ts';
import { get16, get32, put16, put32, uint8, uint16, uint32 } from '../bytes.ts';
import { fold, sum } from '../checksum.ts';
import { ipv4Text, putIpv4 } from '../text.ts';
import type { Codec } from './codec.ts';
import {
  type ExtendedEchoFields,
  extendedTypes,
  isExtendedEcho,
  readExtendedEcho,
  writeExtendedEcho,
} from './extended-echo.ts';
import { type Common, checkFields, type FieldTypes, quotation, writeMessage } from './icmp-header.ts';

/**
 * An ICMP message to encode: type, code, and the fields of its type. What they leave of the header is `restOfHeader`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc792
 */
export interface IcmpFields extends ExtendedEchoFields {
  /** An ICMP_ number: `ICMP_ECHO`, `ICMP_DEST_UNREACH`, ... */
  type: number;
  /** 0 unless given. */
  code?: number | undefined;
  /** Filled in unless given. */
  checksum?: number | undefined;
  /** The second word of the header, under the fields below. */
  restOfHeader?: number | undefined;
  /** Echo, timestamp and extended echo. */
  identifier?: number | undefined;
  /** Echo, timestamp and extended echo, where it is one byte. */
  sequenceNumber?: number | undefined;
  /** Destination unreachable, because fragmentation is needed. */
  nextHopMtu?: number | undefined;
  /** Destination unreachable, time exceeded, parameter problem: words of 32 bits quoted before extensions; 0 without. */
  length?: number | undefined;
  /** Parameter problem. */
  pointer?: number | undefined;
  /** Redirect. */
  gatewayInternetAddress?: string | undefined;
  /** Timestamp: milliseconds since midnight UT. */
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
 * An ICMP message as decoded. Of the fields that depend on the type, those of its type are there.
 *
 * @see https://www.rfc-editor.org/rfc/rfc792
 */
export interface Icmp extends IcmpFields {
  readonly layer: 'icmp';
  code: number;
  checksum: number;
  /** Whether the checksum is right; undefined when the message is cut or a fragment. */
  checksumOk: boolean | undefined;
  restOfHeader: number;
}

/**
 * An ICMP message as a layer of `encodePacket`; the data of an echo, or the packet that an error quotes, are the next
 * layers.
 *
 * @param fields The checksum is filled in unless given.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold, and fields that messages of its type do not have.
 * @example
 * const echo = encodePacket([icmp({ type: ICMP_ECHO, identifier: 7, sequenceNumber: 1 }), 'data']);
 * console.log(Buffer.from(echo).toString('hex')); // 08001f350007000164617461
 * @see https://www.rfc-editor.org/rfc/rfc792
 */
export function icmp(fields: IcmpFields): IcmpInput {
  return { ...fields, layer: 'icmp' };
}

const HEADER = 8;
const TIMESTAMP_HEADER = 20;

const isTimestamp = (type: number) => type === ICMP_TIMESTAMP || type === ICMP_TIMESTAMPREPLY;
const isEcho = (type: number) => type === ICMP_ECHO || type === ICMP_ECHOREPLY;
const hasLength = (type: number) =>
  type === ICMP_DEST_UNREACH || type === ICMP_TIME_EXCEEDED || type === ICMP_PARAMETERPROB;
const quotes = (type: number) => hasLength(type) || type === ICMP_REDIRECT || type === ICMP_SOURCE_QUENCH;

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

export const icmpCodec: Codec<IcmpInput> = {
  check: (layer) => checkFields('icmp', layer, FIELD_TYPES),
  names: namesOf<Icmp>({
    layer: true,
    type: true,
    code: true,
    checksum: true,
    restOfHeader: true,
    identifier: true,
    sequenceNumber: true,
    nextHopMtu: true,
    length: true,
    pointer: true,
    gatewayInternetAddress: true,
    originateTimestamp: true,
    receiveTimestamp: true,
    transmitTimestamp: true,
    local: true,
    state: true,
    active: true,
    ipv4: true,
    ipv6: true,
    checksumOk: true,
  }),
  size: ({ type }) => (isTimestamp(type) ? TIMESTAMP_HEADER : HEADER),

  write(layer, to, at) {
    const { bytes } = to;
    const { type } = layer;
    writeMessage('icmp', layer, bytes, at, isNumbered(type));
    if (isExtendedEcho('icmp', type)) writeExtendedEcho('icmp', layer, bytes, at);
    if (isTimestamp(type)) {
      put32(bytes, at + 8, uint32(layer.originateTimestamp, 'icmp.originateTimestamp', 0));
      put32(bytes, at + 12, uint32(layer.receiveTimestamp, 'icmp.receiveTimestamp', 0));
      put32(bytes, at + 16, uint32(layer.transmitTimestamp, 'icmp.transmitTimestamp', 0));
    }
    if (type === ICMP_PARAMETERPROB && layer.pointer !== undefined)
      bytes[at + 4] = uint8(layer.pointer, 'icmp.pointer');
    if (hasLength(type) && layer.length !== undefined) bytes[at + 5] = uint8(layer.length, 'icmp.length');
    if (type === ICMP_DEST_UNREACH && layer.nextHopMtu !== undefined) {
      put16(bytes, at + 6, uint16(layer.nextHopMtu, 'icmp.nextHopMtu'));
    }
    if (type === ICMP_REDIRECT && layer.gatewayInternetAddress !== undefined) {
      putIpv4(bytes, at + 4, layer.gatewayInternetAddress, 'icmp.gatewayInternetAddress');
    }
  },

  seal(layer, to, at) {
    if (layer.checksum === undefined) put16(to.bytes, at + 2, ~sum(to.bytes, at, to.end) & 0xffff);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('icmp', HEADER)) return undefined;
    const type = bytes[at]!;
    const header = isTimestamp(type) ? TIMESTAMP_HEADER : HEADER;
    if (from.cut('icmp', header)) return undefined;
    const layer: Icmp = {
      layer: 'icmp',
      type,
      code: bytes[at + 1]!,
      checksum: get16(bytes, at + 2),
      checksumOk: from.partial ? undefined : fold(sum(bytes, at, from.end)) === 0xffff,
      restOfHeader: get32(bytes, at + 4),
    };
    if (isNumbered(type)) {
      layer.identifier = get16(bytes, at + 4);
      layer.sequenceNumber = get16(bytes, at + 6);
    }
    if (isExtendedEcho('icmp', type)) readExtendedEcho('icmp', layer, bytes, at);
    if (isTimestamp(type)) {
      layer.originateTimestamp = get32(bytes, at + 8);
      layer.receiveTimestamp = get32(bytes, at + 12);
      layer.transmitTimestamp = get32(bytes, at + 16);
    }
    if (type === ICMP_PARAMETERPROB) layer.pointer = bytes[at + 4]!;
    if (type === ICMP_DEST_UNREACH) layer.nextHopMtu = get16(bytes, at + 6);
    if (type === ICMP_REDIRECT) layer.gatewayInternetAddress = ipv4Text(bytes, at + 4);
    from.layers.push(layer);
    from.at = at + header;
    if (!quotes(type)) return undefined;
    if (hasLength(type)) layer.length = bytes[at + 5]!;
    return quotation(from, 4 * (layer.length ?? 0), 'ipv4');
  },
};
