/** The options of IPv6 neighbour discovery: RFC 4861, 4191 and 8106. */
import { invalidValue } from '../../posix/errno.ts';
import type { HardwareAddressLike } from '../../posix/hardware-address.ts';
import { data, get16, get32, list, put16, put32, roundUp, uint, uint8, uint16, uint32 } from '../bytes.ts';
import { hardwareLength, hardwareText, ipv6Text, putHardware, putIpv6 } from '../text.ts';
import { readNames, writeNames } from './domain-name.ts';
import { type OptionList, optionList, optionNames } from './option-list.ts';

/**
 * An option of neighbour discovery, told apart by `name`. Its length is filled in, reserved fields are 0 unless given.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4861#section-4.6
 */
export type NdOption =
  /** `'aa:bb:cc:dd:ee:ff'`, of 6, 14, 22, ... bytes. */
  | { name: 'sourceLinkLayerAddress' | 'targetLinkLayerAddress'; linkLayerAddress: string }
  | {
      name: 'prefixInformation';
      prefixLength: number;
      onLink: boolean;
      autonomous: boolean;
      /** The low six bits beside the flags. */
      reserved1?: number;
      validLifetime: number;
      preferredLifetime: number;
      reserved2?: number;
      prefix: string;
    }
  /** `data` is the packet, as far as it fits. `reserved` are the six bytes before it. */
  | { name: 'redirectedHeader'; reserved?: Uint8Array; data: Uint8Array }
  | { name: 'mtu'; reserved?: number; mtu: number }
  /** `length` is 1, 2 or 3 units of 8 bytes, by the prefix length unless given; `preference` is 0 to 3. */
  | {
      name: 'routeInformation';
      length?: number;
      prefixLength: number;
      preference: number;
      /** The flags byte without the preference. */
      reserved?: number;
      routeLifetime: number;
      prefix: string;
    }
  | { name: 'recursiveDnsServer'; reserved?: number; lifetime: number; addresses: readonly string[] }
  | { name: 'dnsSearchList'; reserved?: number; lifetime: number; domainNames: readonly string[] }
  /** Any other type, or a known one of unexpected form. `data` is padded to whole units of 8 bytes. */
  | { name: 'other'; type: number; data: Uint8Array }
  /** What is left where an option's length cannot be right; encodes as it is. */
  | { name: 'malformed'; data: Uint8Array };

/**
 * An option of neighbour discovery to encode: its hardware address may be bytes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4861#section-4.6
 */
export type NdOptionInput =
  | NdOption
  | { name: 'sourceLinkLayerAddress' | 'targetLinkLayerAddress'; linkLayerAddress: HardwareAddressLike };

const TYPE = {
  sourceLinkLayerAddress: 1,
  targetLinkLayerAddress: 2,
  prefixInformation: 3,
  redirectedHeader: 4,
  mtu: 5,
  routeInformation: 24,
  recursiveDnsServer: 25,
  dnsSearchList: 31,
} as const;

const field = (name: string) => `icmpv6.options.${name}`;

function routeLength(option: { length?: number; prefixLength: number }): number {
  if (option.length !== undefined) return uint8(option.length, field('length'));
  const prefixLength = uint8(option.prefixLength, field('prefixLength'));
  return prefixLength === 0 ? 1 : prefixLength <= 64 ? 2 : 3;
}

const LINK_LAYER_ADDRESS = { linkLayerAddress: true } as const;
const NAMES = optionNames<NdOptionInput>({
  sourceLinkLayerAddress: LINK_LAYER_ADDRESS,
  targetLinkLayerAddress: LINK_LAYER_ADDRESS,
  prefixInformation: {
    prefixLength: true,
    onLink: true,
    autonomous: true,
    reserved1: true,
    validLifetime: true,
    preferredLifetime: true,
    reserved2: true,
    prefix: true,
  },
  redirectedHeader: { reserved: true, data: true },
  mtu: { reserved: true, mtu: true },
  routeInformation: {
    length: true,
    prefixLength: true,
    preference: true,
    reserved: true,
    routeLifetime: true,
    prefix: true,
  },
  recursiveDnsServer: { reserved: true, lifetime: true, addresses: true },
  dnsSearchList: { reserved: true, lifetime: true, domainNames: true },
  other: { type: true, data: true },
  malformed: { data: true },
});

function size(option: NdOptionInput): number {
  switch (option.name) {
    case 'sourceLinkLayerAddress':
    case 'targetLinkLayerAddress':
      return roundUp(2 + hardwareLength(option.linkLayerAddress, 'icmpv6.options.linkLayerAddress'), 8);
    case 'prefixInformation':
      return 32;
    case 'redirectedHeader':
      return roundUp(8 + data(option.data, field('data')).length, 8);
    case 'mtu':
      return 8;
    case 'routeInformation':
      return 8 * routeLength(option);
    case 'recursiveDnsServer':
      return 8 + 16 * list(option.addresses, field('addresses')).length;
    case 'dnsSearchList':
      return roundUp(8 + writeNames(option.domainNames), 8);
    case 'other':
      return roundUp(2 + data(option.data, field('data')).length, 8);
    case 'malformed':
      return data(option.data, field('data')).length;
  }
}

function writeRoute(option: NdOption & { name: 'routeInformation' }, bytes: Uint8Array, at: number): void {
  const length = routeLength(option);
  if (length < 1 || length > 3) throw invalidValue(field('length'), '1, 2 or 3');
  bytes[at + 2] = uint8(option.prefixLength, field('prefixLength'));
  bytes[at + 3] =
    (uint8(option.reserved, field('reserved'), 0) & 0xe7) | (uint(option.preference, 3, field('preference')) << 3);
  put32(bytes, at + 4, uint32(option.routeLifetime, field('routeLifetime')));
  const prefix = new Uint8Array(16);
  putIpv6(prefix, 0, option.prefix, field('prefix'));
  for (let i = 0; i < 8 * (length - 1); i++) bytes[at + 8 + i] = prefix[i]!;
}

function write(option: NdOptionInput, bytes: Uint8Array, at: number): void {
  if (option.name === 'malformed') {
    bytes.set(data(option.data, field('data')), at);
    return;
  }
  bytes[at] = option.name === 'other' ? uint8(option.type, field('type')) : TYPE[option.name];
  bytes[at + 1] = uint8(size(option) / 8, field('length'));
  switch (option.name) {
    case 'sourceLinkLayerAddress':
    case 'targetLinkLayerAddress':
      putHardware(bytes, at + 2, option.linkLayerAddress, field('linkLayerAddress'));
      return;
    case 'prefixInformation':
      bytes[at + 2] = uint8(option.prefixLength, field('prefixLength'));
      bytes[at + 3] =
        (option.onLink ? 0x80 : 0) | (option.autonomous ? 0x40 : 0) | uint(option.reserved1, 63, field('reserved1'), 0);
      put32(bytes, at + 4, uint32(option.validLifetime, field('validLifetime')));
      put32(bytes, at + 8, uint32(option.preferredLifetime, field('preferredLifetime')));
      put32(bytes, at + 12, uint32(option.reserved2, field('reserved2'), 0));
      putIpv6(bytes, at + 16, option.prefix, field('prefix'));
      return;
    case 'redirectedHeader':
      bytes.set(data(option.reserved, field('reserved')).subarray(0, 6), at + 2);
      bytes.set(data(option.data, field('data')), at + 8);
      return;
    case 'mtu':
      put16(bytes, at + 2, uint16(option.reserved, field('reserved'), 0));
      put32(bytes, at + 4, uint32(option.mtu, field('mtu')));
      return;
    case 'routeInformation':
      writeRoute(option, bytes, at);
      return;
    case 'recursiveDnsServer':
      put16(bytes, at + 2, uint16(option.reserved, field('reserved'), 0));
      put32(bytes, at + 4, uint32(option.lifetime, field('lifetime')));
      option.addresses.forEach((address, i) => void putIpv6(bytes, at + 8 + 16 * i, address, field('addresses')));
      return;
    case 'dnsSearchList':
      put16(bytes, at + 2, uint16(option.reserved, field('reserved'), 0));
      put32(bytes, at + 4, uint32(option.lifetime, field('lifetime')));
      writeNames(option.domainNames, bytes, at + 8);
      return;
    case 'other':
      bytes.set(data(option.data, field('data')), at + 2);
  }
}

function readPrefix(bytes: Uint8Array, at: number): NdOption {
  const flags = bytes[at + 3]!;
  return {
    name: 'prefixInformation',
    prefixLength: bytes[at + 2]!,
    onLink: (flags & 0x80) !== 0,
    autonomous: (flags & 0x40) !== 0,
    reserved1: flags & 0x3f,
    validLifetime: get32(bytes, at + 4),
    preferredLifetime: get32(bytes, at + 8),
    reserved2: get32(bytes, at + 12),
    prefix: ipv6Text(bytes, at + 16),
  };
}

function readRoute(bytes: Uint8Array, at: number, length: number): NdOption {
  const prefix = new Uint8Array(16);
  for (let i = 8; i < length; i++) prefix[i - 8] = bytes[at + i]!;
  const flags = bytes[at + 3]!;
  return {
    name: 'routeInformation',
    length: length / 8,
    prefixLength: bytes[at + 2]!,
    preference: (flags >>> 3) & 3,
    reserved: flags & 0xe7,
    routeLifetime: get32(bytes, at + 4),
    prefix: ipv6Text(prefix, 0),
  };
}

function readServers(bytes: Uint8Array, at: number, length: number): NdOption {
  const addresses: string[] = [];
  for (let i = at + 8; i < at + length; i += 16) addresses.push(ipv6Text(bytes, i));
  return { name: 'recursiveDnsServer', reserved: get16(bytes, at + 2), lifetime: get32(bytes, at + 4), addresses };
}

/** An option of a type and a length that are known, or undefined. `length` is a multiple of 8, and not 0. */
function readKnown(bytes: Uint8Array, at: number, length: number): NdOption | undefined {
  switch (bytes[at]) {
    case TYPE.sourceLinkLayerAddress:
      return { name: 'sourceLinkLayerAddress', linkLayerAddress: hardwareText(bytes, at + 2, length - 2) };
    case TYPE.targetLinkLayerAddress:
      return { name: 'targetLinkLayerAddress', linkLayerAddress: hardwareText(bytes, at + 2, length - 2) };
    case TYPE.prefixInformation:
      return length === 32 ? readPrefix(bytes, at) : undefined;
    case TYPE.redirectedHeader:
      return {
        name: 'redirectedHeader',
        reserved: bytes.subarray(at + 2, at + 8),
        data: bytes.subarray(at + 8, at + length),
      };
    case TYPE.mtu:
      return length === 8 ? { name: 'mtu', reserved: get16(bytes, at + 2), mtu: get32(bytes, at + 4) } : undefined;
    case TYPE.routeInformation:
      return length <= 24 ? readRoute(bytes, at, length) : undefined;
    case TYPE.recursiveDnsServer:
      return length % 16 === 8 ? readServers(bytes, at, length) : undefined;
    case TYPE.dnsSearchList: {
      const domainNames = readNames(bytes, at + 8, at + length);
      if (domainNames === undefined) return undefined;
      return { name: 'dnsSearchList', reserved: get16(bytes, at + 2), lifetime: get32(bytes, at + 4), domainNames };
    }
    default:
      return undefined;
  }
}

export const ndOptions: OptionList<NdOptionInput> = optionList<NdOptionInput>({
  argument: 'icmpv6.options',
  names: NAMES,
  size,
  write,
  length: (field) => 8 * field,
  read: (bytes, at, length) =>
    readKnown(bytes, at, length) ?? { name: 'other', type: bytes[at]!, data: bytes.subarray(at + 2, at + length) },
});
