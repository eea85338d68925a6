/** The headers of Linux cooked captures, LINUX_SLL and LINUX_SLL2, which replace the link-layer header. */

import {
  ARPHRD_ETHER,
  ARPHRD_FRAD,
  ARPHRD_IEEE80211_RADIOTAP,
  ARPHRD_NETLINK,
  ARPHRD_VSOCKMON,
  ETH_P_802_2,
  PACKET_HOST,
} from '../../native/constants.ts';
import type { HardwareAddressLike } from '../../struct/hardware-address.ts';
import { data, get16, get32, put16, put32, uint8, uint16, uint32 } from '../bytes/bytes.ts';
import { hardwareLength, hardwareText, putHardware } from '../bytes/text.ts';
import { type Decoding, type Encoding, type Filled, type LayerCodec, layerNames } from './codec.ts';
import type { Next } from './layer-type.ts';
import { etherTypeOf, layerOfEtherType } from './protocol.ts';

/** The fields of both headers. */
interface CookedFields {
  /**
   * A PACKET_ number: whom the packet was sent to, or PACKET_OUTGOING if the capturing host sent it. The default is
   * PACKET_HOST.
   */
  packetType?: number | undefined;
  /** The hardware type of the interface, an ARPHRD_ number. The default is ARPHRD_ETHER. */
  hardwareType?: number | undefined;
  /** The length of the sender's address, filled in by default. The header contains at most 8 bytes of the address. */
  addressLength?: number | undefined;
  /** The hardware address of the sender, `'aa:bb:...'` or up to 8 bytes. By default there is none. */
  address?: HardwareAddressLike | undefined;
  /** The rest of the 8 bytes after the address. The default is zeros. */
  unused?: Uint8Array | undefined;
  /** An EtherType. By default, the following layer determines it. */
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
 * The decoded header of a Linux cooked capture.
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
  /** The index of the interface. The default is 0. */
  interfaceIndex?: number | undefined;
  /** The two bytes between the protocol and the interface index. */
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
 * The decoded header of a Linux cooked capture v2.
 *
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
 */
export interface LinuxSll2 extends Filled<LinuxSll2Fields> {
  readonly layer: 'linuxSll2';
  address: string;
}

/**
 * Creates the header of a Linux cooked capture, LINKTYPE_LINUX_SLL, as a layer for `encodePacket`.
 *
 * @param fields The fields. Those that are omitted are filled in.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = linuxSll({ address: '02:00:00:00:00:01' });
 * console.log(encodePacket([header, ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' })]).length); // 36
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html
 */
export function linuxSll(fields: LinuxSllFields): LinuxSllInput {
  return { ...fields, layer: 'linuxSll' };
}

/**
 * Creates the header of a Linux cooked capture v2, LINKTYPE_LINUX_SLL2, as a layer for `encodePacket`.
 *
 * @param fields The fields. Those that are omitted are filled in.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = linuxSll2({ address: '02:00:00:00:00:01', interfaceIndex: 2, protocol: ETH_P_IP });
 * console.log(encodePacket([header]).length); // 20
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
 */
export function linuxSll2(fields: LinuxSll2Fields): LinuxSll2Input {
  return { ...fields, layer: 'linuxSll2' };
}

/** The offset of each field. */
const SLL = { packetType: 0, hardwareType: 2, addressLength: 4, address: 6, protocol: 14 } as const;
const SLL2 = {
  protocol: 0,
  reserved: 2,
  interfaceIndex: 4,
  hardwareType: 8,
  packetType: 10,
  addressLength: 11,
  address: 12,
} as const;
/** For other modules: see codec.ts. */
export const sllField: typeof SLL = SLL;
export const sll2Field: typeof SLL2 = SLL2;
const SLL_SIZE = 16;
const SLL2_SIZE = 20;
/** The size of the address field. */
const ADDRESS_SIZE = 8;
const ETHER = ARPHRD_ETHER;

/** The hardware types whose protocol number is not an EtherType. */
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
  putHardware(bytes, at, address, `${name}.address`, Math.min(length, ADDRESS_SIZE));
  bytes.set(data(unused, `${name}.unused`).subarray(0, ADDRESS_SIZE - length), at + length);
}

function addressOf(bytes: Uint8Array, at: number, addressLength: number): Pick<LinuxSll, 'address' | 'unused'> {
  const length = Math.min(addressLength, ADDRESS_SIZE);
  return { address: hardwareText(bytes, at, length), unused: bytes.subarray(at + length, at + ADDRESS_SIZE) };
}

export const linuxSllCodec: LayerCodec<LinuxSllInput> = {
  names: layerNames<LinuxSll>()({ ...SLL, unused: true }),
  size: () => SLL_SIZE,

  write(layer, to, at) {
    const { bytes } = to;
    const { address = '' } = layer;
    put16(bytes, at + SLL.packetType, uint16(layer.packetType, 'linuxSll.packetType', PACKET_HOST));
    put16(bytes, at + SLL.hardwareType, uint16(layer.hardwareType, 'linuxSll.hardwareType', ETHER));
    const length = hardwareLength(address, 'linuxSll.address');
    put16(bytes, at + SLL.addressLength, uint16(layer.addressLength, 'linuxSll.addressLength', length));
    putAddress(bytes, at + SLL.address, layer, 'linuxSll');
    put16(bytes, at + SLL.protocol, protocolOf(layer, to, 'linuxSll.protocol'));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('linuxSll', SLL_SIZE)) return undefined;
    const hardwareType = get16(bytes, at + SLL.hardwareType);
    const addressLength = get16(bytes, at + SLL.addressLength);
    const protocol = get16(bytes, at + SLL.protocol);
    from.add<LinuxSll>({
      layer: 'linuxSll',
      packetType: get16(bytes, at + SLL.packetType),
      hardwareType,
      addressLength,
      ...addressOf(bytes, at + SLL.address, addressLength),
      protocol,
    });
    from.at = at + SLL_SIZE;
    return layerOf(from, hardwareType, protocol);
  },
};

export const linuxSll2Codec: LayerCodec<LinuxSll2Input> = {
  names: layerNames<LinuxSll2>()({ ...SLL2, unused: true }),
  size: () => SLL2_SIZE,

  write(layer, to, at) {
    const { bytes } = to;
    const { address = '' } = layer;
    put16(bytes, at + SLL2.protocol, protocolOf(layer, to, 'linuxSll2.protocol'));
    put16(bytes, at + SLL2.reserved, uint16(layer.reserved, 'linuxSll2.reserved', 0));
    put32(bytes, at + SLL2.interfaceIndex, uint32(layer.interfaceIndex, 'linuxSll2.interfaceIndex', 0));
    put16(bytes, at + SLL2.hardwareType, uint16(layer.hardwareType, 'linuxSll2.hardwareType', ETHER));
    bytes[at + SLL2.packetType] = uint8(layer.packetType, 'linuxSll2.packetType', PACKET_HOST);
    const length = hardwareLength(address, 'linuxSll2.address');
    bytes[at + SLL2.addressLength] = uint8(layer.addressLength, 'linuxSll2.addressLength', length);
    putAddress(bytes, at + SLL2.address, layer, 'linuxSll2');
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('linuxSll2', SLL2_SIZE)) return undefined;
    const protocol = get16(bytes, at + SLL2.protocol);
    const hardwareType = get16(bytes, at + SLL2.hardwareType);
    const addressLength = bytes[at + SLL2.addressLength]!;
    from.add<LinuxSll2>({
      layer: 'linuxSll2',
      protocol,
      reserved: get16(bytes, at + SLL2.reserved),
      interfaceIndex: get32(bytes, at + SLL2.interfaceIndex),
      hardwareType,
      packetType: bytes[at + SLL2.packetType]!,
      addressLength,
      ...addressOf(bytes, at + SLL2.address, addressLength),
    });
    from.at = at + SLL2_SIZE;
    return layerOf(from, hardwareType, protocol);
  },
};
