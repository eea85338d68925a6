/** Spanning tree messages of bridges: IEEE 802.1D, including the rapid spanning tree. */

import type { HardwareAddressLike } from '../../struct/hardware-address.ts';
import { get16, get32, put16, put32, uint8, uint16, uint32 } from '../bytes/bytes.ts';
import { hardwareText, putHardware } from '../bytes/text.ts';
import { type LayerCodec, layerNames } from './codec.ts';

/** The fields of a configuration message. A topology change notification does not have them. */
interface Configuration {
  /**
   * The flag bits: 1 topology change, 2 proposal, 12 port role, 16 learning, 32 forwarding, 64 agreement, 128 topology
   * change acknowledgment.
   */
  flags?: number | undefined;
  /** The priority of the root bridge, including the VLAN ID. */
  rootPriority?: number | undefined;
  rootAddress?: HardwareAddressLike | undefined;
  rootPathCost?: number | undefined;
  /** The priority of the sender, including the VLAN ID. */
  bridgePriority?: number | undefined;
  bridgeAddress?: HardwareAddressLike | undefined;
  portIdentifier?: number | undefined;
  /** Times in units of 1/256 second. */
  messageAge?: number | undefined;
  maxAge?: number | undefined;
  helloTime?: number | undefined;
  forwardDelay?: number | undefined;
  /** For version 2 and later: the length of the version 1 data. The default is 0. */
  version1Length?: number | undefined;
}

/**
 * A spanning tree message to encode. A configuration message has the fields from `flags` on, which are 0 by default. A
 * topology change notification has none of them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4188
 */
export interface StpFields extends Configuration {
  /** The default is 0. */
  protocolIdentifier?: number | undefined;
  /** 0 is the spanning tree, 2 the rapid spanning tree, and 3 the multiple spanning tree. */
  version?: number | undefined;
  /** 0 is a configuration message, 2 one of the rapid spanning tree, and 128 a topology change notification. */
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
 * A decoded spanning tree message. The data that the multiple spanning tree adds is payload.
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
 * Creates a spanning tree message as a layer for `encodePacket`, to follow `llc`.
 *
 * @param fields The fields. Those that are omitted are 0.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = ethernet({ destination: '01:80:c2:00:00:00', source: '02:00:00:00:00:01' });
 * const message = stp({ type: 0, rootPriority: 0x8000, rootAddress: '02:00:00:00:00:01', helloTime: 512 });
 * console.log(encodePacket([header, llc({}), message]).length); // 52
 * @see https://www.rfc-editor.org/rfc/rfc4188
 */
export function stp(fields: StpFields): StpInput {
  return { ...fields, layer: 'stp' };
}

/** The offset of each field. */
const STP = {
  protocolIdentifier: 0,
  version: 2,
  type: 3,
  flags: 4,
  rootPriority: 5,
  rootAddress: 7,
  rootPathCost: 13,
  bridgePriority: 17,
  bridgeAddress: 19,
  portIdentifier: 25,
  messageAge: 27,
  maxAge: 29,
  helloTime: 31,
  forwardDelay: 33,
  version1Length: 35,
} as const;
const HEADER = 4;
const CONFIGURATION = 0;
const RAPID = 2;
const NO_ADDRESS = '00:00:00:00:00:00';

/** Returns the length of a message of a type. */
function sizeOf(type: number): number {
  if (type === CONFIGURATION) return 35;
  return type === RAPID ? 36 : HEADER;
}

export const stpCodec: LayerCodec<StpInput> = {
  names: layerNames<Stp>()({ ...STP }),
  size: ({ type }) => sizeOf(type),

  write(layer, to, at) {
    const { bytes } = to;
    put16(bytes, at + STP.protocolIdentifier, uint16(layer.protocolIdentifier, 'stp.protocolIdentifier', 0));
    bytes[at + STP.type] = uint8(layer.type, 'stp.type');
    bytes[at + STP.version] = uint8(layer.version, 'stp.version', layer.type === RAPID ? 2 : 0);
    const size = sizeOf(layer.type);
    if (size === HEADER) return;
    bytes[at + STP.flags] = uint8(layer.flags, 'stp.flags', 0);
    put16(bytes, at + STP.rootPriority, uint16(layer.rootPriority, 'stp.rootPriority', 0));
    putHardware(bytes, at + STP.rootAddress, layer.rootAddress ?? NO_ADDRESS, 'stp.rootAddress', 6);
    put32(bytes, at + STP.rootPathCost, uint32(layer.rootPathCost, 'stp.rootPathCost', 0));
    put16(bytes, at + STP.bridgePriority, uint16(layer.bridgePriority, 'stp.bridgePriority', 0));
    putHardware(bytes, at + STP.bridgeAddress, layer.bridgeAddress ?? NO_ADDRESS, 'stp.bridgeAddress', 6);
    put16(bytes, at + STP.portIdentifier, uint16(layer.portIdentifier, 'stp.portIdentifier', 0));
    put16(bytes, at + STP.messageAge, uint16(layer.messageAge, 'stp.messageAge', 0));
    put16(bytes, at + STP.maxAge, uint16(layer.maxAge, 'stp.maxAge', 0));
    put16(bytes, at + STP.helloTime, uint16(layer.helloTime, 'stp.helloTime', 0));
    put16(bytes, at + STP.forwardDelay, uint16(layer.forwardDelay, 'stp.forwardDelay', 0));
    if (layer.type === RAPID) bytes[at + STP.version1Length] = uint8(layer.version1Length, 'stp.version1Length', 0);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('stp', HEADER)) return undefined;
    const type = bytes[at + STP.type]!;
    const size = sizeOf(type);
    if (from.cut('stp', size)) return undefined;
    const header = {
      layer: 'stp',
      protocolIdentifier: get16(bytes, at + STP.protocolIdentifier),
      version: bytes[at + STP.version]!,
      type,
    } as const;
    from.at = at + size;
    if (size === HEADER) {
      from.add<Stp>(header);
      return undefined;
    }
    from.add<Stp>({
      ...header,
      flags: bytes[at + STP.flags]!,
      rootPriority: get16(bytes, at + STP.rootPriority),
      rootAddress: hardwareText(bytes, at + STP.rootAddress, 6),
      rootPathCost: get32(bytes, at + STP.rootPathCost),
      bridgePriority: get16(bytes, at + STP.bridgePriority),
      bridgeAddress: hardwareText(bytes, at + STP.bridgeAddress, 6),
      portIdentifier: get16(bytes, at + STP.portIdentifier),
      messageAge: get16(bytes, at + STP.messageAge),
      maxAge: get16(bytes, at + STP.maxAge),
      helloTime: get16(bytes, at + STP.helloTime),
      forwardDelay: get16(bytes, at + STP.forwardDelay),
      ...(type === RAPID ? { version1Length: bytes[at + STP.version1Length]! } : {}),
    });
    return undefined;
  },
};
