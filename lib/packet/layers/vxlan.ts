/** Virtual networks over UDP: VXLAN (RFC 7348) and Geneve (RFC 8926). */
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { data, get16, get24, list, put16, put24, roundUp, uint, uint8, uint16 } from '../bytes/bytes.ts';
import { type Decoding, type Filled, type LayerCodec, layerNames } from './codec.ts';
import type { Next } from './layer-type.ts';
import { etherTypeOf, layerOfEtherType } from './protocol.ts';

/**
 * A VXLAN header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7348
 */
export interface VxlanFields {
  /** The flags. The default is 8, which marks the network identifier as valid. */
  flags?: number | undefined;
  /** The 24 bits after the flags. */
  reserved?: number | undefined;
  /** The network identifier, 24 bits. */
  vni: number;
  /** The last byte. */
  reserved2?: number | undefined;
}

/**
 * A VXLAN header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7348
 */
export interface VxlanInput extends VxlanFields {
  readonly layer: 'vxlan';
}

/**
 * A decoded VXLAN header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7348
 */
export interface Vxlan extends Filled<VxlanFields> {
  readonly layer: 'vxlan';
}

/**
 * A Geneve option.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8926#section-3.5
 */
export interface GeneveOption {
  optionClass: number;
  /** Types from 128 on are critical options. */
  type: number;
  /** The three bits before the length. The default is 0. */
  reserved?: number | undefined;
  /** A multiple of 4 bytes, at most 124. */
  data: Uint8Array;
}

/**
 * A Geneve header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8926
 */
export interface GeneveFields {
  /** The default is 0. */
  version?: number | undefined;
  /** The length of the options in 32-bit words. By default, encoding fills it in. */
  optionsLength?: number | undefined;
  /** The next byte: 128 marks a control packet, and 64 the presence of critical options. */
  flags?: number | undefined;
  /** An EtherType. By default, the following layer determines it. */
  protocol?: number | undefined;
  /** The network identifier, 24 bits. */
  vni: number;
  /** The last byte. */
  reserved?: number | undefined;
  options?: readonly GeneveOption[] | undefined;
}

/**
 * A Geneve header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8926
 */
export interface GeneveInput extends GeneveFields {
  readonly layer: 'geneve';
}

/**
 * A decoded Geneve header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8926
 */
export interface Geneve extends Filled<GeneveFields> {
  readonly layer: 'geneve';
  options: GeneveOption[];
}

/**
 * Creates a VXLAN header as a layer for `encodePacket`, to follow `udp` with port 4789 and to precede `ethernet`.
 *
 * @param fields The network identifier. Fields that are omitted are filled in.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const frame = ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01', etherType: 0x88b5 });
 * console.log(encodePacket([udp({ sourcePort: 5000, destinationPort: 4789 }), vxlan({ vni: 7 }), frame]).length); // 30
 * @see https://www.rfc-editor.org/rfc/rfc7348
 */
export function vxlan(fields: VxlanFields): VxlanInput {
  return { ...fields, layer: 'vxlan' };
}

/**
 * Creates a Geneve header as a layer for `encodePacket`, to follow `udp` with port 6081.
 *
 * @param fields The network identifier. Fields that are omitted are filled in.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(encodePacket([udp({ sourcePort: 5000, destinationPort: 6081 }), geneve({ vni: 7 }), packet]).length); // 36
 * @see https://www.rfc-editor.org/rfc/rfc8926
 */
export function geneve(fields: GeneveFields): GeneveInput {
  return { ...fields, layer: 'geneve' };
}

/** The offset of each field, or of the byte that it shares. */
const VXLAN = { flags: 0, reserved: 1, vni: 4, reserved2: 7 } as const;
const GENEVE = { version: 0, optionsLength: 0, flags: 1, protocol: 2, vni: 4, reserved: 7 } as const;
const GENEVE_OPTION = { optionClass: 0, type: 2, reserved: 3, length: 3, data: 4 } as const;
const MASK = { optionsLength: 63, length: 31 } as const;
const SHIFT = { version: 6, reserved: 5 } as const;
/** For other modules: see codec.ts. */
export const vxlanField: typeof VXLAN = VXLAN;
export const geneveField: typeof GENEVE = GENEVE;
export const geneveMask: typeof MASK = MASK;
const HEADER = 8;
const NETWORK = 0xffffff;
const IS_NETWORK = 8;

export const vxlanCodec: LayerCodec<VxlanInput> = {
  names: layerNames<Vxlan>()({ ...VXLAN }),
  size: () => HEADER,

  write(layer, { bytes }, at) {
    bytes[at + VXLAN.flags] = uint8(layer.flags, 'vxlan.flags', IS_NETWORK);
    put24(bytes, at + VXLAN.reserved, uint(layer.reserved, NETWORK, 'vxlan.reserved', 0));
    put24(bytes, at + VXLAN.vni, uint(layer.vni, NETWORK, 'vxlan.vni'));
    bytes[at + VXLAN.reserved2] = uint8(layer.reserved2, 'vxlan.reserved2', 0);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('vxlan', HEADER)) return undefined;
    from.add<Vxlan>({
      layer: 'vxlan',
      flags: bytes[at + VXLAN.flags]!,
      reserved: get24(bytes, at + VXLAN.reserved),
      vni: get24(bytes, at + VXLAN.vni),
      reserved2: bytes[at + VXLAN.reserved2]!,
    });
    from.at = at + HEADER;
    return from.left === 0 ? undefined : 'ethernet';
  },
};

const OPTION = GENEVE_OPTION.data;
const OPTION_NAMES = namesOf<GeneveOption>({ optionClass: true, type: true, reserved: true, data: true });

/** Reads options up to an offset and moves `from.at` to the end of the complete ones. */
function readOptions(from: Decoding, end: number): GeneveOption[] {
  const { bytes } = from;
  const options: GeneveOption[] = [];
  while (from.at < end) {
    const at = from.at;
    const length = at + OPTION <= end ? 4 * (bytes[at + GENEVE_OPTION.length]! & MASK.length) : -1;
    if (length < 0 || at + OPTION + length > end) {
      from.stop('geneve', 'an option with an invalid length');
      break;
    }
    options.push({
      optionClass: get16(bytes, at + GENEVE_OPTION.optionClass),
      type: bytes[at + GENEVE_OPTION.type]!,
      reserved: bytes[at + GENEVE_OPTION.reserved]! >>> SHIFT.reserved,
      data: bytes.subarray(at + OPTION, at + OPTION + length),
    });
    from.at = at + OPTION + length;
  }
  return options;
}

const optionSize = (option: GeneveOption): number => OPTION + roundUp(option.data.length, 4);
const optionsSize = (options: readonly GeneveOption[] = []): number =>
  options.reduce((total, option) => total + optionSize(option), 0);

export const geneveCodec: LayerCodec<GeneveInput> = {
  check({ options }) {
    if (options === undefined) return;
    for (const option of list(options, 'geneve.options')) {
      onlyKnown(assertObject(option, 'geneve.options'), OPTION_NAMES, 'geneve.options');
      data(option.data, 'geneve.options.data');
    }
  },
  names: layerNames<Geneve>()({ ...GENEVE, options: true }),
  size: ({ options }) => HEADER + optionsSize(options),

  write(layer, to, start) {
    const { bytes } = to;
    const { options = [] } = layer;
    const length = uint(layer.optionsLength ?? optionsSize(options) / 4, MASK.optionsLength, 'geneve.optionsLength');
    bytes[start + GENEVE.version] = (uint(layer.version, 3, 'geneve.version', 0) << SHIFT.version) | length;
    bytes[start + GENEVE.flags] = uint8(layer.flags, 'geneve.flags', 0);
    const protocol = layer.protocol ?? etherTypeOf(to.next, 'geneve.protocol');
    put16(bytes, start + GENEVE.protocol, uint16(protocol, 'geneve.protocol'));
    put24(bytes, start + GENEVE.vni, uint(layer.vni, NETWORK, 'geneve.vni'));
    bytes[start + GENEVE.reserved] = uint8(layer.reserved, 'geneve.reserved', 0);
    let at = start + HEADER;
    for (const option of options) {
      const words = uint((optionSize(option) - OPTION) / 4, MASK.length, 'geneve.options.data.length');
      put16(bytes, at + GENEVE_OPTION.optionClass, uint16(option.optionClass, 'geneve.options.optionClass'));
      bytes[at + GENEVE_OPTION.type] = uint8(option.type, 'geneve.options.type');
      bytes[at + GENEVE_OPTION.reserved] =
        (uint(option.reserved, 7, 'geneve.options.reserved', 0) << SHIFT.reserved) | words;
      bytes.set(option.data, at + OPTION);
      at += optionSize(option);
    }
  },

  decode(from): Next {
    const { bytes, at } = from;
    if (from.cut('geneve', HEADER)) return undefined;
    const optionsLength = bytes[at + GENEVE.optionsLength]! & MASK.optionsLength;
    if (from.cut('geneve', HEADER + 4 * optionsLength)) return undefined;
    const protocol = get16(bytes, at + GENEVE.protocol);
    from.at = at + HEADER;
    const options = readOptions(from, at + HEADER + 4 * optionsLength);
    from.add<Geneve>({
      layer: 'geneve',
      version: bytes[at + GENEVE.version]! >>> SHIFT.version,
      optionsLength,
      flags: bytes[at + GENEVE.flags]!,
      protocol,
      vni: get24(bytes, at + GENEVE.vni),
      reserved: bytes[at + GENEVE.reserved]!,
      options,
    });
    const isWhole = from.at === at + HEADER + 4 * optionsLength;
    return isWhole && from.left > 0 ? layerOfEtherType(from, protocol) : undefined;
  },
};
