/** ARP, for any hardware and protocol. */

import { invalidType, invalidValue } from '../../argument/argument-error.ts';
import { ETH_P_IP } from '../../native/constants.ts';
import type { HardwareAddressLike } from '../../struct/hardware-address.ts';
import { get16, put16, uint8, uint16 } from '../bytes/bytes.ts';
import { hardwareLength, hardwareText, ipv4Text, putHardware, putIpv4 } from '../bytes/text.ts';
import { type Filled, type LayerCodec, layerNames } from './codec.ts';

/**
 * An ARP message to encode. Hardware addresses have any length and are text, `'aa:bb:...'`, or bytes. Protocol
 * addresses other than IPv4 addresses are written as `'aa:bb:...'`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc826
 */
export interface ArpFields {
  /** An ARPHRD_ number. The default is 1, Ethernet. */
  hardwareType?: number | undefined;
  /** An EtherType. The default is 0x0800, IPv4. */
  protocolType?: number | undefined;
  /** By default, encoding fills it in. */
  hardwareLength?: number | undefined;
  /** By default, encoding fills it in. */
  protocolLength?: number | undefined;
  /** 1 is a request, 2 a reply. */
  operation: number;
  senderHardwareAddress: HardwareAddressLike;
  senderProtocolAddress: string;
  /** Zeros by default, because a request asks for it. */
  targetHardwareAddress?: HardwareAddressLike | undefined;
  targetProtocolAddress: string;
}

/**
 * An ARP message for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc826
 */
export interface ArpInput extends ArpFields {
  readonly layer: 'arp';
}

/**
 * A decoded ARP message.
 *
 * @see https://www.rfc-editor.org/rfc/rfc826
 */
export interface Arp extends Filled<ArpFields> {
  readonly layer: 'arp';
  senderHardwareAddress: string;
  targetHardwareAddress: string;
}

/**
 * Creates an ARP message as a layer for `encodePacket`.
 *
 * @param fields The fields. The default types are Ethernet and IPv4.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const question = arp({
 *   operation: 1,
 *   senderHardwareAddress: '02:00:00:00:00:01',
 *   senderProtocolAddress: '192.0.2.1',
 *   targetProtocolAddress: '192.0.2.2',
 * });
 * console.log(encodePacket([question]).length); // 28
 * @see https://www.rfc-editor.org/rfc/rfc826
 */
export function arp(fields: ArpFields): ArpInput {
  return { ...fields, layer: 'arp' };
}

/** The offset of each field. The addresses of the target follow those of the sender. */
const ARP = {
  hardwareType: 0,
  protocolType: 2,
  hardwareLength: 4,
  protocolLength: 5,
  operation: 6,
  senderHardwareAddress: 8,
} as const;
/** The length before the addresses. */
const HEADER = 8;

const isIpv4 = (text: unknown) => typeof text === 'string' && text.includes('.');
const protocolSize = (text: unknown) => (isIpv4(text) ? 4 : hardwareLength(text, 'arp.senderProtocolAddress'));

function putProtocol(bytes: Uint8Array, at: number, text: unknown, name: string, size: number): void {
  if (typeof text !== 'string') throw invalidType(name, 'a string');
  if (!isIpv4(text)) putHardware(bytes, at, text, name, size);
  else if (size === 4) putIpv4(bytes, at, text, name);
  else throw invalidValue(name, `an address of ${size} bytes, like the other one`);
}

export const arpCodec: LayerCodec<ArpInput> = {
  names: layerNames<Arp>()({
    ...ARP,
    senderProtocolAddress: true,
    targetHardwareAddress: true,
    targetProtocolAddress: true,
  }),
  size: (layer) =>
    HEADER +
    2 * hardwareLength(layer.senderHardwareAddress, 'arp.senderHardwareAddress') +
    2 * protocolSize(layer.senderProtocolAddress),

  write(layer, to, at) {
    const { bytes } = to;
    const hardware = hardwareLength(layer.senderHardwareAddress, 'arp.senderHardwareAddress');
    const protocol = protocolSize(layer.senderProtocolAddress);
    put16(bytes, at + ARP.hardwareType, uint16(layer.hardwareType, 'arp.hardwareType', 1));
    put16(bytes, at + ARP.protocolType, uint16(layer.protocolType, 'arp.protocolType', ETH_P_IP));
    bytes[at + ARP.hardwareLength] = uint8(layer.hardwareLength ?? hardware, 'arp.hardwareLength');
    bytes[at + ARP.protocolLength] = uint8(layer.protocolLength ?? protocol, 'arp.protocolLength');
    put16(bytes, at + ARP.operation, uint16(layer.operation, 'arp.operation'));
    const sender = at + ARP.senderHardwareAddress;
    const target = sender + hardware + protocol;
    putHardware(bytes, sender, layer.senderHardwareAddress, 'arp.senderHardwareAddress');
    putProtocol(bytes, sender + hardware, layer.senderProtocolAddress, 'arp.senderProtocolAddress', protocol);
    if (layer.targetHardwareAddress !== undefined) {
      putHardware(bytes, target, layer.targetHardwareAddress, 'arp.targetHardwareAddress', hardware);
    }
    putProtocol(bytes, target + hardware, layer.targetProtocolAddress, 'arp.targetProtocolAddress', protocol);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('arp', HEADER)) return undefined;
    const hardware = bytes[at + ARP.hardwareLength]!;
    const protocol = bytes[at + ARP.protocolLength]!;
    const size = HEADER + 2 * hardware + 2 * protocol;
    if (from.cut('arp', size)) return undefined;
    const protocolType = get16(bytes, at + ARP.protocolType);
    const ipv4 = protocolType === ETH_P_IP && protocol === 4;
    const protocolText = (offset: number) => (ipv4 ? ipv4Text(bytes, offset) : hardwareText(bytes, offset, protocol));
    const sender = at + ARP.senderHardwareAddress;
    const target = sender + hardware + protocol;
    from.add<Arp>({
      layer: 'arp',
      hardwareType: get16(bytes, at + ARP.hardwareType),
      protocolType,
      hardwareLength: hardware,
      protocolLength: protocol,
      operation: get16(bytes, at + ARP.operation),
      senderHardwareAddress: hardwareText(bytes, sender, hardware),
      senderProtocolAddress: protocolText(sender + hardware),
      targetHardwareAddress: hardwareText(bytes, target, hardware),
      targetProtocolAddress: protocolText(target + hardware),
    });
    from.at = at + size;
    // The rest is not a layer but the padding of a short frame.
    from.end = from.at;
    return undefined;
  },
};
