/** The headers of Linux cooked captures, LINUX_SLL and LINUX_SLL2: what stands for the link-layer header of any link. */
import {
  ARPHRD_FRAD,
  ARPHRD_IEEE80211_RADIOTAP,
  ARPHRD_NETLINK,
  ARPHRD_VSOCKMON,
  ETH_P_802_2,
  PACKET_HOST,
} from '../../posix/constants.ts';
import type { HardwareAddressLike } from '../../posix/hardware-address.ts';
import { namesOf } from '../../posix/known-names.ts';
import { data, get16, get32, put16, put32, uint8, uint16, uint32 } from '../bytes.ts';
import { hardwareLength, hardwareText, putHardware } from '../text.ts';
import type { Codec, Decoding, Encoding, Filled, Next } from './codec.ts';
import { etherTypeOf, layerOfEtherType } from './protocol.ts';

/** What both headers have. */
interface CookedFields {
  /** A PACKET_ number: to whom it was sent; PACKET_OUTGOING of one that was sent. PACKET_HOST unless given. */
  packetType?: number | undefined;
  /** An ARPHRD_ number: the kind of link; ARPHRD_ETHER unless given. */
  hardwareType?: number | undefined;
  /** The length of the sender's address, of which the header holds 8 bytes at most; filled in unless given. */
  addressLength?: number | undefined;
  /** The hardware address of the sender, `'aa:bb:...'` or bytes, up to 8; none unless given. */
  address?: HardwareAddressLike | undefined;
  /** What is behind the address in its 8 bytes; zeros unless given. */
  unused?: Uint8Array | undefined;
  /** An EtherType; told by the following layer unless given. */
  protocol?: number | undefined;
}

/**
 * The header of a Linux cooked capture to encode.
 *
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html
 */
export interface LinuxSllFields extends CookedFields {}

/**
 * The header of a Linux cooked capture for `encodePacket`.
 *
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html
 */
export interface LinuxSllInput extends LinuxSllFields {
  readonly layer: 'linuxSll';
}

/**
 * The header of a Linux cooked capture as decoded.
 *
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html
 */
export interface LinuxSll extends Filled<LinuxSllFields> {
  readonly layer: 'linuxSll';
  address: string;
}

/**
 * The header of a Linux cooked capture v2 to encode.
 *
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
 */
export interface LinuxSll2Fields extends CookedFields {
  /** The index of the interface; 0 unless given. */
  interfaceIndex?: number | undefined;
  /** The two bytes between protocol and interface. */
  reserved?: number | undefined;
}

/**
 * The header of a Linux cooked capture v2 for `encodePacket`.
 *
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
 */
export interface LinuxSll2Input extends LinuxSll2Fields {
  readonly layer: 'linuxSll2';
}

/**
 * The header of a Linux cooked capture v2 as decoded.
 *
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
 */
export interface LinuxSll2 extends Filled<LinuxSll2Fields> {
  readonly layer: 'linuxSll2';
  address: string;
}

/**
 * The header of a Linux cooked capture, LINKTYPE_LINUX_SLL, as a layer of `encodePacket`.
 *
 * @param fields What is left out is filled in.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = linuxSll({ address: '02:00:00:00:00:01' });
 * console.log(encodePacket([header, ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' })]).length); // 36
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html
 */
export function linuxSll(fields: LinuxSllFields): LinuxSllInput {
  return { ...fields, layer: 'linuxSll' };
}

/**
 * The header of a Linux cooked capture v2, LINKTYPE_LINUX_SLL2, as a layer of `encodePacket`.
 *
 * @param fields What is left out is filled in.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = linuxSll2({ address: '02:00:00:00:00:01', interfaceIndex: 2, protocol: ETH_P_IP });
 * console.log(encodePacket([header]).length); // 20
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
 */
export function linuxSll2(fields: LinuxSll2Fields): LinuxSll2Input {
  return { ...fields, layer: 'linuxSll2' };
}

const SLL = 16;
const SLL2 = 20;
/** The bytes that a header has for an address. */
const ADDRESS = 8;
const ETHER = 1;

/** Links whose protocol number is no EtherType. */
const OTHER_NUMBERS: ReadonlySet<number> = new Set([
  ARPHRD_FRAD,
  ARPHRD_IEEE80211_RADIOTAP,
  ARPHRD_NETLINK,
  ARPHRD_VSOCKMON,
]);

function layerOf(from: Decoding, hardwareType: number, protocol: number): Next {
  if (OTHER_NUMBERS.has(hardwareType) || from.left === 0) return undefined;
  return protocol === ETH_P_802_2 ? 'llc' : layerOfEtherType(from, protocol);
}

function protocolOf(layer: CookedFields, to: Encoding, name: string): number {
  if (layer.protocol !== undefined) return uint16(layer.protocol, name);
  return to.next?.layer === 'llc' ? ETH_P_802_2 : etherTypeOf(to.next, name);
}

function putAddress(bytes: Uint8Array, at: number, { address = '', unused }: CookedFields, name: string): void {
  const length = hardwareLength(address, `${name}.address`);
  putHardware(bytes, at, address, `${name}.address`, Math.min(length, ADDRESS));
  bytes.set(data(unused, `${name}.unused`).subarray(0, ADDRESS - length), at + length);
}

function addressOf(bytes: Uint8Array, at: number, addressLength: number): Pick<LinuxSll, 'address' | 'unused'> {
  const length = Math.min(addressLength, ADDRESS);
  return { address: hardwareText(bytes, at, length), unused: bytes.subarray(at + length, at + ADDRESS) };
}

export const linuxSllCodec: Codec<LinuxSllInput> = {
  names: namesOf<LinuxSll>({
    layer: true,
    packetType: true,
    hardwareType: true,
    addressLength: true,
    address: true,
    unused: true,
    protocol: true,
  }),
  size: () => SLL,

  write(layer, to, at) {
    const { bytes } = to;
    const { address = '' } = layer;
    put16(bytes, at, uint16(layer.packetType, 'linuxSll.packetType', PACKET_HOST));
    put16(bytes, at + 2, uint16(layer.hardwareType, 'linuxSll.hardwareType', ETHER));
    const length = hardwareLength(address, 'linuxSll.address');
    put16(bytes, at + 4, uint16(layer.addressLength, 'linuxSll.addressLength', length));
    putAddress(bytes, at + 6, layer, 'linuxSll');
    put16(bytes, at + 14, protocolOf(layer, to, 'linuxSll.protocol'));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('linuxSll', SLL)) return undefined;
    const hardwareType = get16(bytes, at + 2);
    const addressLength = get16(bytes, at + 4);
    const protocol = get16(bytes, at + 14);
    from.layers.push({
      layer: 'linuxSll',
      packetType: get16(bytes, at),
      hardwareType,
      addressLength,
      ...addressOf(bytes, at + 6, addressLength),
      protocol,
    });
    from.at = at + SLL;
    return layerOf(from, hardwareType, protocol);
  },
};

export const linuxSll2Codec: Codec<LinuxSll2Input> = {
  names: namesOf<LinuxSll2>({
    layer: true,
    protocol: true,
    reserved: true,
    interfaceIndex: true,
    hardwareType: true,
    packetType: true,
    addressLength: true,
    address: true,
    unused: true,
  }),
  size: () => SLL2,

  write(layer, to, at) {
    const { bytes } = to;
    const { address = '' } = layer;
    put16(bytes, at, protocolOf(layer, to, 'linuxSll2.protocol'));
    put16(bytes, at + 2, uint16(layer.reserved, 'linuxSll2.reserved', 0));
    put32(bytes, at + 4, uint32(layer.interfaceIndex, 'linuxSll2.interfaceIndex', 0));
    put16(bytes, at + 8, uint16(layer.hardwareType, 'linuxSll2.hardwareType', ETHER));
    bytes[at + 10] = uint8(layer.packetType, 'linuxSll2.packetType', PACKET_HOST);
    const length = hardwareLength(address, 'linuxSll2.address');
    bytes[at + 11] = uint8(layer.addressLength, 'linuxSll2.addressLength', length);
    putAddress(bytes, at + 12, layer, 'linuxSll2');
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('linuxSll2', SLL2)) return undefined;
    const protocol = get16(bytes, at);
    const hardwareType = get16(bytes, at + 8);
    const addressLength = bytes[at + 11]!;
    from.layers.push({
      layer: 'linuxSll2',
      protocol,
      reserved: get16(bytes, at + 2),
      interfaceIndex: get32(bytes, at + 4),
      hardwareType,
      packetType: bytes[at + 10]!,
      addressLength,
      ...addressOf(bytes, at + 12, addressLength),
    });
    from.at = at + SLL2;
    return layerOf(from, hardwareType, protocol);
  },
};
