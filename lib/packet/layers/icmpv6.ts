/** ICMPv6 (RFC 4443) and neighbor discovery (RFC 4861). */

import { IPPROTO_ICMPV6 } from '../../native/constants.ts';
import { get16, get32, put16, put32, uint8, uint32 } from '../bytes/bytes.ts';
import { upperLayerSum } from '../bytes/checksum.ts';
import { type LayerCodec, layerNames } from './codec.ts';
import { extendedTypes, isExtendedEcho, readExtendedEcho, writeExtendedEcho } from './extended-echo.ts';
import { type Common, checkFields, type FieldTypes, messageField, quotation, writeMessage } from './icmp-header.ts';
import type { Icmpv6, Icmpv6Fields, Icmpv6Input } from './icmpv6-message.ts';
import {
  ICMPV6_DESTINATION_UNREACHABLE,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_NEIGHBOR_ADVERTISEMENT,
  ICMPV6_PACKET_TOO_BIG,
  ICMPV6_PARAMETER_PROBLEM,
  ICMPV6_REDIRECT,
  ICMPV6_ROUTER_ADVERTISEMENT,
  ICMPV6_TIME_EXCEEDED,
} from './icmpv6-type.ts';
import { type NdOption, ndOptions } from './nd-option.ts';
import { discoverySize, NEIGHBOR_HEADER, readDiscovery, writeDiscovery } from './neighbor-discovery.ts';

/**
 * Creates an ICMPv6 message as a layer for `encodePacket`. The data of an echo or the packet that an error quotes
 * follow as the next layers.
 *
 * @param fields The fields. The checksum is filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header and for fields that messages of
 *   this type do not have.
 * @example
 * const question = icmpv6({
 *   type: ICMPV6_NEIGHBOR_SOLICITATION,
 *   targetAddress: 'fe80::2',
 *   options: [{ name: 'sourceLinkLayerAddress', linkLayerAddress: '02:00:00:00:00:01' }],
 * });
 * const header = ipv6({ sourceAddress: 'fe80::1', destinationAddress: 'ff02::1:ff00:2', hopLimit: 255 });
 * console.log(encodePacket([header, question]).length); // 72
 * @see https://www.rfc-editor.org/rfc/rfc4443
 */
export function icmpv6(fields: Icmpv6Fields): Icmpv6Input {
  return { ...fields, layer: 'icmpv6' };
}

/** The offset of each field, except those of neighbor discovery. */
const ICMPV6 = { ...messageField, mtu: 4, pointer: 4, length: 4 } as const;
const HEADER = 8;
const PROTOCOL = IPPROTO_ICMPV6;

const isEcho = (type: number) => type === ICMPV6_ECHO_REQUEST || type === ICMPV6_ECHO_REPLY;
const hasLength = (type: number) => type === ICMPV6_DESTINATION_UNREACHABLE || type === ICMPV6_TIME_EXCEEDED;
/** Returns whether messages of this type quote a packet. */
export const quotesIpv6 = (type: number): boolean => type > 0 && type <= ICMPV6_PARAMETER_PROBLEM;

const isAdvertisement = (type: number) => type === ICMPV6_ROUTER_ADVERTISEMENT;
const isNeighbor = (type: number) => type === ICMPV6_NEIGHBOR_ADVERTISEMENT;
const hasNumber = (type: number) => isEcho(type) || isExtendedEcho('icmpv6', type);
const FIELD_TYPES = {
  ...extendedTypes('icmpv6'),
  identifier: hasNumber,
  sequenceNumber: hasNumber,
  mtu: (type: number) => type === ICMPV6_PACKET_TOO_BIG,
  pointer: (type: number) => type === ICMPV6_PARAMETER_PROBLEM,
  length: hasLength,
  curHopLimit: isAdvertisement,
  managedAddressConfiguration: isAdvertisement,
  otherConfiguration: isAdvertisement,
  homeAgent: isAdvertisement,
  defaultRouterPreference: isAdvertisement,
  routerLifetime: isAdvertisement,
  reachableTime: isAdvertisement,
  retransTimer: isAdvertisement,
  router: isNeighbor,
  solicited: isNeighbor,
  override: isNeighbor,
  targetAddress: (type: number) => discoverySize(type) >= NEIGHBOR_HEADER,
  destinationAddress: (type: number) => type === ICMPV6_REDIRECT,
  options: (type: number) => discoverySize(type) > 0,
} satisfies { readonly [Field in Exclude<keyof Icmpv6Fields, Common>]: FieldTypes[string] };

export const icmpv6Codec: LayerCodec<Icmpv6Input> = {
  check(layer) {
    checkFields('icmpv6', layer, FIELD_TYPES);
    ndOptions.check(layer.options);
  },
  names: layerNames<Icmpv6>()({ ...messageField, ...FIELD_TYPES, checksumOk: true }),
  size(layer) {
    const discovery = discoverySize(layer.type);
    return discovery > 0 ? discovery + ndOptions.size(layer.options) : HEADER;
  },

  write(layer, to, at) {
    const { bytes } = to;
    const { type } = layer;
    writeMessage('icmpv6', layer, bytes, at, isEcho(type));
    if (isExtendedEcho('icmpv6', type)) writeExtendedEcho('icmpv6', layer, bytes, at);
    if (type === ICMPV6_PACKET_TOO_BIG) {
      if (layer.mtu !== undefined) put32(bytes, at + ICMPV6.mtu, uint32(layer.mtu, 'icmpv6.mtu'));
    } else if (type === ICMPV6_PARAMETER_PROBLEM) {
      if (layer.pointer !== undefined) put32(bytes, at + ICMPV6.pointer, uint32(layer.pointer, 'icmpv6.pointer'));
    } else if (hasLength(type)) {
      if (layer.length !== undefined) bytes[at + ICMPV6.length] = uint8(layer.length, 'icmpv6.length');
    } else if (discoverySize(type) > 0) {
      writeDiscovery(layer, bytes, at);
    }
  },

  fillChecksum(layer, to, at, pseudo) {
    if (layer.checksum !== undefined || pseudo < 0) return;
    put16(to.bytes, at + ICMPV6.checksum, ~upperLayerSum(to.bytes, at, to.end, pseudo, PROTOCOL) & 0xffff);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('icmpv6', HEADER)) return undefined;
    const type = bytes[at + ICMPV6.type]!;
    const discovery = discoverySize(type);
    if (from.cut('icmpv6', discovery)) return undefined;
    const { pseudo } = from;
    const judged = pseudo >= 0 && from.mayVerify();
    const layer: Icmpv6 = {
      layer: 'icmpv6',
      type,
      code: bytes[at + ICMPV6.code]!,
      checksum: get16(bytes, at + ICMPV6.checksum),
      checksumOk: judged ? upperLayerSum(bytes, at, from.end, pseudo, PROTOCOL) === 0xffff : undefined,
      restOfHeader: get32(bytes, at + ICMPV6.restOfHeader),
    };
    from.add(layer);
    if (isEcho(type)) {
      layer.identifier = get16(bytes, at + ICMPV6.identifier);
      layer.sequenceNumber = get16(bytes, at + ICMPV6.sequenceNumber);
    } else if (isExtendedEcho('icmpv6', type)) {
      readExtendedEcho('icmpv6', layer, bytes, at);
    } else if (type === ICMPV6_PACKET_TOO_BIG) {
      layer.mtu = get32(bytes, at + ICMPV6.mtu);
    } else if (type === ICMPV6_PARAMETER_PROBLEM) {
      layer.pointer = get32(bytes, at + ICMPV6.pointer);
    } else if (discovery > 0) {
      readDiscovery(layer, bytes, at);
      const options: NdOption[] = [];
      layer.options = options;
      const malformed = ndOptions.read(bytes, at + discovery, from.end, options);
      if (malformed >= 0) from.stop('icmpv6', 'an option with an invalid length', malformed);
      from.at = from.end;
      return undefined;
    }
    from.at = at + HEADER;
    if (!quotesIpv6(type)) return undefined;
    if (hasLength(type)) layer.length = bytes[at + ICMPV6.length]!;
    return quotation(from, 8 * (layer.length ?? 0), 'ipv6');
  },
};
