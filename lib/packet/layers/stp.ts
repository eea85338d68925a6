/** Spanning tree messages of bridges: IEEE 802.1D, with the rapid spanning tree. */
import type { HardwareAddressLike } from '../../posix/hardware-address.ts';
import { namesOf } from '../../posix/known-names.ts';
import { get16, get32, put16, put32, uint8, uint16, uint32 } from '../bytes.ts';
import { hardwareText, putHardware } from '../text.ts';
import type { Codec } from './codec.ts';

/** What a message has that is no notification of a change. */
interface Configuration {
  /** The bits of the flags: 1 topology change, 2 proposal, 12 port role, 16 learning, 32 forwarding, 64 agreement, 128. */
  flags?: number | undefined;
  /** The priority of the root with the number of its VLAN. */
  rootPriority?: number | undefined;
  rootAddress?: HardwareAddressLike | undefined;
  rootPathCost?: number | undefined;
  /** The priority of the sender with the number of its VLAN. */
  bridgePriority?: number | undefined;
  bridgeAddress?: HardwareAddressLike | undefined;
  portIdentifier?: number | undefined;
  /** Times in units of 1/256 s. */
  messageAge?: number | undefined;
  maxAge?: number | undefined;
  helloTime?: number | undefined;
  forwardDelay?: number | undefined;
  /** Of version 2 and later, the length of what version 1 would have; 0 unless given. */
  version1Length?: number | undefined;
}

/**
 * A spanning tree message to encode. A configuration has the fields from `flags` on, 0 unless given; a notification of a
 * change has none of them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4188
 */
export interface StpFields extends Configuration {
  /** 0 unless given. */
  protocolIdentifier?: number | undefined;
  /** 0 is the spanning tree, 2 the rapid, 3 the multiple spanning tree. */
  version?: number | undefined;
  /** 0 is a configuration, 2 one of the rapid spanning tree, 128 a notification of a change. */
  type: number;
}

/**
 * A spanning tree message for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4188
 */
export interface StpInput extends StpFields {
  readonly layer: 'stp';
}

/**
 * A spanning tree message as decoded. What the multiple spanning tree adds is payload.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4188
 */
export interface Stp extends Configuration {
  readonly layer: 'stp';
  rootAddress?: string | undefined;
  bridgeAddress?: string | undefined;
  protocolIdentifier: number;
  version: number;
  type: number;
}

/**
 * A spanning tree message as a layer of `encodePacket`: behind `llc`.
 *
 * @param fields What is left out is 0.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = ethernet({ destination: '01:80:c2:00:00:00', source: '02:00:00:00:00:01' });
 * const message = stp({ type: 0, rootPriority: 0x8000, rootAddress: '02:00:00:00:00:01', helloTime: 512 });
 * console.log(encodePacket([header, llc({}), message]).length); // 52
 * @see https://www.rfc-editor.org/rfc/rfc4188
 */
export function stp(fields: StpFields): StpInput {
  return { ...fields, layer: 'stp' };
}

const HEADER = 4;
const CONFIGURATION = 0;
const RAPID = 2;
const NO_ADDRESS = '00:00:00:00:00:00';

/** The length of a message of a type. */
function sizeOf(type: number): number {
  if (type === CONFIGURATION) return 35;
  return type === RAPID ? 36 : HEADER;
}

export const stpCodec: Codec<StpInput> = {
  names: namesOf<Stp>({
    layer: true,
    protocolIdentifier: true,
    version: true,
    type: true,
    flags: true,
    rootPriority: true,
    rootAddress: true,
    rootPathCost: true,
    bridgePriority: true,
    bridgeAddress: true,
    portIdentifier: true,
    messageAge: true,
    maxAge: true,
    helloTime: true,
    forwardDelay: true,
    version1Length: true,
  }),
  size: ({ type }) => sizeOf(type),

  write(layer, to, at) {
    const { bytes } = to;
    put16(bytes, at, uint16(layer.protocolIdentifier, 'stp.protocolIdentifier', 0));
    bytes[at + 3] = uint8(layer.type, 'stp.type');
    bytes[at + 2] = uint8(layer.version, 'stp.version', layer.type === RAPID ? 2 : 0);
    const size = sizeOf(layer.type);
    if (size === HEADER) return;
    bytes[at + 4] = uint8(layer.flags, 'stp.flags', 0);
    put16(bytes, at + 5, uint16(layer.rootPriority, 'stp.rootPriority', 0));
    putHardware(bytes, at + 7, layer.rootAddress ?? NO_ADDRESS, 'stp.rootAddress', 6);
    put32(bytes, at + 13, uint32(layer.rootPathCost, 'stp.rootPathCost', 0));
    put16(bytes, at + 17, uint16(layer.bridgePriority, 'stp.bridgePriority', 0));
    putHardware(bytes, at + 19, layer.bridgeAddress ?? NO_ADDRESS, 'stp.bridgeAddress', 6);
    put16(bytes, at + 25, uint16(layer.portIdentifier, 'stp.portIdentifier', 0));
    put16(bytes, at + 27, uint16(layer.messageAge, 'stp.messageAge', 0));
    put16(bytes, at + 29, uint16(layer.maxAge, 'stp.maxAge', 0));
    put16(bytes, at + 31, uint16(layer.helloTime, 'stp.helloTime', 0));
    put16(bytes, at + 33, uint16(layer.forwardDelay, 'stp.forwardDelay', 0));
    if (layer.type === RAPID) bytes[at + 35] = uint8(layer.version1Length, 'stp.version1Length', 0);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('stp', HEADER)) return undefined;
    const type = bytes[at + 3]!;
    const size = sizeOf(type);
    if (from.cut('stp', size)) return undefined;
    const header = { layer: 'stp', protocolIdentifier: get16(bytes, at), version: bytes[at + 2]!, type } as const;
    from.at = at + size;
    if (size === HEADER) {
      from.layers.push(header);
      return undefined;
    }
    from.layers.push({
      ...header,
      flags: bytes[at + 4]!,
      rootPriority: get16(bytes, at + 5),
      rootAddress: hardwareText(bytes, at + 7, 6),
      rootPathCost: get32(bytes, at + 13),
      bridgePriority: get16(bytes, at + 17),
      bridgeAddress: hardwareText(bytes, at + 19, 6),
      portIdentifier: get16(bytes, at + 25),
      messageAge: get16(bytes, at + 27),
      maxAge: get16(bytes, at + 29),
      helloTime: get16(bytes, at + 31),
      forwardDelay: get16(bytes, at + 33),
      ...(type === RAPID ? { version1Length: bytes[at + 35]! } : {}),
    });
    return undefined;
  },
};
