/** The options of IPv6 neighbor discovery: RFC 4861, 4191 and 8106. */
import { invalidValue } from '../../argument/argument-error.ts';
import type { HardwareAddressLike } from '../../struct/hardware-address.ts';
import { data, get16, get32, list, put16, put32, roundUp, uint, uint8, uint16, uint32 } from '../bytes/bytes.ts';
import { hardwareLength, hardwareText, ipv6Text, putHardware, putIpv6 } from '../bytes/text.ts';
import { readNames, writeNames } from './domain-name.ts';
import { type Known, type OptionList, optionList, optionNames } from './option-list.ts';

/**
 * A neighbor discovery option, which `name` identifies. Its length is filled in, and reserved fields are 0 by default.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4861#section-4.6
 */
export type NdOption =
  /** `'aa:bb:cc:dd:ee:ff'`, with 6, 14, 22, ... bytes. */
  | { name: 'sourceLinkLayerAddress' | 'targetLinkLayerAddress'; linkLayerAddress: string }
  | {
      name: 'prefixInformation';
      prefixLength: number;
      onLink: boolean;
      autonomous: boolean;
      /** The low six bits, next to the flags. */
      reserved1?: number;
      validLifetime: number;
      preferredLifetime: number;
      reserved2?: number;
      prefix: string;
    }
  /** `data` contains as much of the packet as fits. `reserved` contains the six bytes before it. */
  | { name: 'redirectedHeader'; reserved?: Uint8Array; data: Uint8Array }
  | { name: 'mtu'; reserved?: number; mtu: number }
  /** `length` is 1, 2 or 3 units of 8 bytes, by default depending on the prefix length. `preference` is 0 to 3. */
  | {
      name: 'routeInformation';
      length?: number;
      prefixLength: number;
      preference: number;
      /** The byte with the flags, without the preference. */
      reserved?: number;
      routeLifetime: number;
      prefix: string;
    }
  | { name: 'recursiveDnsServer'; reserved?: number; lifetime: number; addresses: readonly string[] }
  | { name: 'dnsSearchList'; reserved?: number; lifetime: number; domainNames: readonly string[] }
  /** Any other type, or a known type with an unexpected form. `data` is padded to whole units of 8 bytes. */
  | { name: 'other'; type: number; data: Uint8Array }
  /** The remaining bytes after an option with an invalid length. They are encoded unchanged. */
  | { name: 'malformed'; data: Uint8Array };

/**
 * A neighbor discovery option to encode. Its hardware address may be bytes.
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

/** The offset of each field of the options, or of the byte that it shares. */
const OPTION = { type: 0, data: 2 } as const;
const PREFIX = {
  prefixLength: 2,
  flags: 3,
  validLifetime: 4,
  preferredLifetime: 8,
  reserved2: 12,
  prefix: 16,
} as const;
const PREFIX_FLAG = { onLink: 0x80, autonomous: 0x40, reserved1: 0x3f } as const;
const REDIRECTED = { reserved: 2, data: 8 } as const;
const MTU = { reserved: 2, mtu: 4 } as const;
const ROUTE = { prefixLength: 2, flags: 3, routeLifetime: 4, prefix: 8 } as const;
const PREFERENCE = 0x18;
export const PREFERENCE_SHIFT = 3;
/** Those of both options for DNS. */
const DNS = { reserved: 2, lifetime: 4, list: 8 } as const;

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

function size(option: Known<NdOptionInput>): number {
  switch (option.name) {
    case 'sourceLinkLayerAddress':
    case 'targetLinkLayerAddress':
      return roundUp(OPTION.data + hardwareLength(option.linkLayerAddress, 'icmpv6.options.linkLayerAddress'), 8);
    case 'prefixInformation':
      return 32;
    case 'redirectedHeader':
      return roundUp(REDIRECTED.data + data(option.data, field('data')).length, 8);
    case 'mtu':
      return 8;
    case 'routeInformation':
      return 8 * routeLength(option);
    case 'recursiveDnsServer':
      return DNS.list + 16 * list(option.addresses, field('addresses')).length;
    case 'dnsSearchList':
      return roundUp(DNS.list + writeNames(option.domainNames), 8);
  }
}

function writeRoute(option: NdOption & { name: 'routeInformation' }, bytes: Uint8Array, at: number): void {
  const length = routeLength(option);
  if (length < 1 || length > 3) throw invalidValue(field('length'), '1, 2 or 3');
  bytes[at + ROUTE.prefixLength] = uint8(option.prefixLength, field('prefixLength'));
  bytes[at + ROUTE.flags] =
    (uint8(option.reserved, field('reserved'), 0) & ~PREFERENCE) |
    (uint(option.preference, 3, field('preference')) << PREFERENCE_SHIFT);
  put32(bytes, at + ROUTE.routeLifetime, uint32(option.routeLifetime, field('routeLifetime')));
  const prefix = new Uint8Array(16);
  putIpv6(prefix, 0, option.prefix, field('prefix'));
  for (let i = 0; i < 8 * (length - 1); i++) bytes[at + ROUTE.prefix + i] = prefix[i]!;
}

function write(option: Known<NdOptionInput>, bytes: Uint8Array, at: number): void {
  switch (option.name) {
    case 'sourceLinkLayerAddress':
    case 'targetLinkLayerAddress':
      putHardware(bytes, at + OPTION.data, option.linkLayerAddress, field('linkLayerAddress'));
      return;
    case 'prefixInformation':
      bytes[at + PREFIX.prefixLength] = uint8(option.prefixLength, field('prefixLength'));
      bytes[at + PREFIX.flags] =
        (option.onLink ? PREFIX_FLAG.onLink : 0) |
        (option.autonomous ? PREFIX_FLAG.autonomous : 0) |
        uint(option.reserved1, PREFIX_FLAG.reserved1, field('reserved1'), 0);
      put32(bytes, at + PREFIX.validLifetime, uint32(option.validLifetime, field('validLifetime')));
      put32(bytes, at + PREFIX.preferredLifetime, uint32(option.preferredLifetime, field('preferredLifetime')));
      put32(bytes, at + PREFIX.reserved2, uint32(option.reserved2, field('reserved2'), 0));
      putIpv6(bytes, at + PREFIX.prefix, option.prefix, field('prefix'));
      return;
    case 'redirectedHeader':
      bytes.set(data(option.reserved, field('reserved')).subarray(0, 6), at + REDIRECTED.reserved);
      bytes.set(data(option.data, field('data')), at + REDIRECTED.data);
      return;
    case 'mtu':
      put16(bytes, at + MTU.reserved, uint16(option.reserved, field('reserved'), 0));
      put32(bytes, at + MTU.mtu, uint32(option.mtu, field('mtu')));
      return;
    case 'routeInformation':
      writeRoute(option, bytes, at);
      return;
    case 'recursiveDnsServer':
      put16(bytes, at + DNS.reserved, uint16(option.reserved, field('reserved'), 0));
      put32(bytes, at + DNS.lifetime, uint32(option.lifetime, field('lifetime')));
      option.addresses.forEach(
        (address, i) => void putIpv6(bytes, at + DNS.list + 16 * i, address, field('addresses')),
      );
      return;
    case 'dnsSearchList':
      put16(bytes, at + DNS.reserved, uint16(option.reserved, field('reserved'), 0));
      put32(bytes, at + DNS.lifetime, uint32(option.lifetime, field('lifetime')));
      writeNames(option.domainNames, bytes, at + DNS.list);
  }
}

function readPrefix(bytes: Uint8Array, at: number): NdOption {
  const flags = bytes[at + PREFIX.flags]!;
  return {
    name: 'prefixInformation',
    prefixLength: bytes[at + PREFIX.prefixLength]!,
    onLink: (flags & PREFIX_FLAG.onLink) !== 0,
    autonomous: (flags & PREFIX_FLAG.autonomous) !== 0,
    reserved1: flags & PREFIX_FLAG.reserved1,
    validLifetime: get32(bytes, at + PREFIX.validLifetime),
    preferredLifetime: get32(bytes, at + PREFIX.preferredLifetime),
    reserved2: get32(bytes, at + PREFIX.reserved2),
    prefix: ipv6Text(bytes, at + PREFIX.prefix),
  };
}

function readRoute(bytes: Uint8Array, at: number, length: number): NdOption {
  const prefix = new Uint8Array(16);
  for (let i = ROUTE.prefix; i < length; i++) prefix[i - ROUTE.prefix] = bytes[at + i]!;
  const flags = bytes[at + ROUTE.flags]!;
  return {
    name: 'routeInformation',
    length: length / 8,
    prefixLength: bytes[at + ROUTE.prefixLength]!,
    preference: (flags & PREFERENCE) >>> PREFERENCE_SHIFT,
    reserved: flags & ~PREFERENCE,
    routeLifetime: get32(bytes, at + ROUTE.routeLifetime),
    prefix: ipv6Text(prefix, 0),
  };
}

function readServers(bytes: Uint8Array, at: number, length: number): NdOption {
  const addresses: string[] = [];
  for (let i = at + DNS.list; i < at + length; i += 16) addresses.push(ipv6Text(bytes, i));
  const [reserved, lifetime] = [get16(bytes, at + DNS.reserved), get32(bytes, at + DNS.lifetime)];
  return { name: 'recursiveDnsServer', reserved, lifetime, addresses };
}

/** Reads an option of a known type and length, or returns undefined. `length` is a multiple of 8 and not 0. */
function readKnown(bytes: Uint8Array, at: number, length: number): NdOption | undefined {
  switch (bytes[at + OPTION.type]) {
    case TYPE.sourceLinkLayerAddress:
      return {
        name: 'sourceLinkLayerAddress',
        linkLayerAddress: hardwareText(bytes, at + OPTION.data, length - OPTION.data),
      };
    case TYPE.targetLinkLayerAddress:
      return {
        name: 'targetLinkLayerAddress',
        linkLayerAddress: hardwareText(bytes, at + OPTION.data, length - OPTION.data),
      };
    case TYPE.prefixInformation:
      return length === 32 ? readPrefix(bytes, at) : undefined;
    case TYPE.redirectedHeader:
      return {
        name: 'redirectedHeader',
        reserved: bytes.subarray(at + REDIRECTED.reserved, at + REDIRECTED.data),
        data: bytes.subarray(at + REDIRECTED.data, at + length),
      };
    case TYPE.mtu:
      if (length !== 8) return undefined;
      return { name: 'mtu', reserved: get16(bytes, at + MTU.reserved), mtu: get32(bytes, at + MTU.mtu) };
    case TYPE.routeInformation:
      return length <= 24 ? readRoute(bytes, at, length) : undefined;
    case TYPE.recursiveDnsServer:
      return length % 16 === 8 ? readServers(bytes, at, length) : undefined;
    case TYPE.dnsSearchList: {
      const domainNames = readNames(bytes, at + DNS.list, at + length);
      if (domainNames === undefined) return undefined;
      const [reserved, lifetime] = [get16(bytes, at + DNS.reserved), get32(bytes, at + DNS.lifetime)];
      return { name: 'dnsSearchList', reserved, lifetime, domainNames };
    }
    default:
      return undefined;
  }
}

export const ndOptions: OptionList<NdOptionInput> = optionList<NdOptionInput>({
  argument: 'icmpv6.options',
  names: NAMES,
  types: TYPE,
  typeName: 'type',
  unit: 8,
  uncounted: 0,
  size,
  write,
  read: (bytes, at, length) =>
    readKnown(bytes, at, length) ?? {
      name: 'other',
      type: bytes[at + OPTION.type]!,
      data: bytes.subarray(at + OPTION.data, at + length),
    },
});
