/** ARP, for any hardware and protocol. */

import { ETH_P_IP } from '../../posix/constants.ts';
import { invalidType, invalidValue } from '../../posix/errno.ts';
import type { HardwareAddressLike } from '../../posix/hardware-address.ts';
import { namesOf } from '../../posix/known-names.ts';
import { get16, put16, uint8, uint16 } from '../bytes.ts';
import { hardwareLength, hardwareText, ipv4Text, putHardware, putIpv4 } from '../text.ts';
import type { Codec, Filled } from './codec.ts';

/**
 * An ARP message to encode. Hardware addresses are text, `'aa:bb:...'`, or bytes, of any length; protocol addresses that are
 * not those of IPv4 are `'aa:bb:...'`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc826
 */
export interface ArpFields {
  /** An ARPHRD_ number; 1, Ethernet, by default. */
  hardwareType?: number | undefined;
  /** An EtherType; 0x0800, IPv4, by default. */
  protocolType?: number | undefined;
  /** Filled in unless given. */
  hardwareLength?: number | undefined;
  /** Filled in unless given. */
  protocolLength?: number | undefined;
  /** 1 is a request, 2 a reply. */
  operation: number;
  senderHardwareAddress: HardwareAddressLike;
  senderProtocolAddress: string;
  /** Zeros by default: what a request asks for. */
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
 * An ARP message as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc826
 */
export interface Arp extends Filled<ArpFields> {
  readonly layer: 'arp';
  senderHardwareAddress: string;
  targetHardwareAddress: string;
}

/**
 * An ARP message as a layer of `encodePacket`.
 *
 * @param fields The hardware and protocol types are Ethernet and IPv4 unless given.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
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

const isIpv4 = (text: unknown) => typeof text === 'string' && text.includes('.');
const protocolSize = (text: unknown) => (isIpv4(text) ? 4 : hardwareLength(text, 'arp.senderProtocolAddress'));

function putProtocol(bytes: Uint8Array, at: number, text: unknown, name: string, size: number): void {
  if (typeof text !== 'string') throw invalidType(name, 'a string');
  if (!isIpv4(text)) putHardware(bytes, at, text, name, size);
  else if (size === 4) putIpv4(bytes, at, text, name);
  else throw invalidValue(name, `an address of ${size} bytes, as the other one`);
}

export const arpCodec: Codec<ArpInput> = {
  names: namesOf<Arp>({
    layer: true,
    hardwareType: true,
    protocolType: true,
    hardwareLength: true,
    protocolLength: true,
    operation: true,
    senderHardwareAddress: true,
    senderProtocolAddress: true,
    targetHardwareAddress: true,
    targetProtocolAddress: true,
  }),
  size: (layer) =>
    8 +
    2 * hardwareLength(layer.senderHardwareAddress, 'arp.senderHardwareAddress') +
    2 * protocolSize(layer.senderProtocolAddress),

  write(layer, to, at) {
    const { bytes } = to;
    const hardware = hardwareLength(layer.senderHardwareAddress, 'arp.senderHardwareAddress');
    const protocol = protocolSize(layer.senderProtocolAddress);
    put16(bytes, at, uint16(layer.hardwareType, 'arp.hardwareType', 1));
    put16(bytes, at + 2, uint16(layer.protocolType, 'arp.protocolType', ETH_P_IP));
    bytes[at + 4] = uint8(layer.hardwareLength ?? hardware, 'arp.hardwareLength');
    bytes[at + 5] = uint8(layer.protocolLength ?? protocol, 'arp.protocolLength');
    put16(bytes, at + 6, uint16(layer.operation, 'arp.operation'));
    const sender = at + 8;
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
    if (from.cut('arp', 8)) return undefined;
    const hardware = bytes[at + 4]!;
    const protocol = bytes[at + 5]!;
    const size = 8 + 2 * hardware + 2 * protocol;
    if (from.cut('arp', size)) return undefined;
    const protocolType = get16(bytes, at + 2);
    const ipv4 = protocolType === ETH_P_IP && protocol === 4;
    const protocolText = (offset: number) => (ipv4 ? ipv4Text(bytes, offset) : hardwareText(bytes, offset, protocol));
    const sender = at + 8;
    const target = sender + hardware + protocol;
    from.layers.push({
      layer: 'arp',
      hardwareType: get16(bytes, at),
      protocolType,
      hardwareLength: hardware,
      protocolLength: protocol,
      operation: get16(bytes, at + 6),
      senderHardwareAddress: hardwareText(bytes, sender, hardware),
      senderProtocolAddress: protocolText(sender + hardware),
      targetHardwareAddress: hardwareText(bytes, target, hardware),
      targetProtocolAddress: protocolText(target + hardware),
    });
    from.at = at + size;
    // What follows is the padding of a short frame, and no layer.
    from.end = from.at;
    return undefined;
  },
};
