/** Virtual networks in datagrams: VXLAN, RFC 7348, and Geneve, RFC 8926. */
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { object } from '../../posix/snapshot.ts';
import { data, get16, list, put16, roundUp, uint, uint8, uint16 } from '../bytes.ts';
import type { Codec, Decoding, Filled, Next } from './codec.ts';
import { etherTypeOf, layerOfEtherType } from './protocol.ts';

/**
 * A VXLAN header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7348
 */
export interface VxlanFields {
  /** The flags; 8, that there is a network, unless given. */
  flags?: number | undefined;
  /** The 24 bits after the flags. */
  reserved?: number | undefined;
  /** The network, 24 bits. */
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
 * A VXLAN header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7348
 */
export interface Vxlan extends Filled<VxlanFields> {
  readonly layer: 'vxlan';
}

/**
 * An option of Geneve.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8926#section-3.5
 */
export interface GeneveOption {
  optionClass: number;
  /** From 128 on the option is critical. */
  type: number;
  /** The three bits before the length; 0 unless given. */
  reserved?: number | undefined;
  /** A multiple of 4 bytes, 124 at most. */
  data: Uint8Array;
}

/**
 * A Geneve header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8926
 */
export interface GeneveFields {
  /** 0 unless given. */
  version?: number | undefined;
  /** In words of 32 bits; filled in unless given. */
  optionsLength?: number | undefined;
  /** The byte after it: 128 is a control packet, 64 that there are critical options. */
  flags?: number | undefined;
  /** An EtherType; told by the following layer unless given. */
  protocol?: number | undefined;
  /** The network, 24 bits. */
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
 * A Geneve header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8926
 */
export interface Geneve extends Filled<GeneveFields> {
  readonly layer: 'geneve';
  options: GeneveOption[];
}

/**
 * A VXLAN header as a layer of `encodePacket`: behind `udp` to port 4789, before `ethernet`.
 *
 * @param fields The network; what is left out is filled in.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const frame = ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01', etherType: 0x88b5 });
 * console.log(encodePacket([udp({ sourcePort: 5000, destinationPort: 4789 }), vxlan({ vni: 7 }), frame]).length); // 30
 * @see https://www.rfc-editor.org/rfc/rfc7348
 */
export function vxlan(fields: VxlanFields): VxlanInput {
  return { ...fields, layer: 'vxlan' };
}

/**
 * A Geneve header as a layer of `encodePacket`: behind `udp` to port 6081.
 *
 * @param fields The network; what is left out is filled in.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(encodePacket([udp({ sourcePort: 5000, destinationPort: 6081 }), geneve({ vni: 7 }), packet]).length); // 36
 * @see https://www.rfc-editor.org/rfc/rfc8926
 */
export function geneve(fields: GeneveFields): GeneveInput {
  return { ...fields, layer: 'geneve' };
}

const HEADER = 8;
const NETWORK = 0xffffff;
const IS_NETWORK = 8;

/** Writes 24 bits, and 8 after them. */
function putNetwork(bytes: Uint8Array, at: number, network: number, last: number): void {
  put16(bytes, at, network >>> 8);
  bytes[at + 2] = network;
  bytes[at + 3] = last;
}
const network = (bytes: Uint8Array, at: number): number => (get16(bytes, at) << 8) | bytes[at + 2]!;

export const vxlanCodec: Codec<VxlanInput> = {
  names: namesOf<Vxlan>({ layer: true, flags: true, reserved: true, vni: true, reserved2: true }),
  size: () => HEADER,

  write(layer, { bytes }, at) {
    bytes[at] = uint8(layer.flags, 'vxlan.flags', IS_NETWORK);
    putNetwork(bytes, at + 1, uint(layer.reserved, NETWORK, 'vxlan.reserved', 0), 0);
    putNetwork(bytes, at + 4, uint(layer.vni, NETWORK, 'vxlan.vni'), uint8(layer.reserved2, 'vxlan.reserved2', 0));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('vxlan', HEADER)) return undefined;
    from.layers.push({
      layer: 'vxlan',
      flags: bytes[at]!,
      reserved: network(bytes, at + 1),
      vni: network(bytes, at + 4),
      reserved2: bytes[at + 7]!,
    });
    from.at = at + HEADER;
    return from.left === 0 ? undefined : 'ethernet';
  },
};

const OPTION = 4;
const OPTION_NAMES = namesOf<GeneveOption>({ optionClass: true, type: true, reserved: true, data: true });

/** Reads options up to an offset, and moves `from.at` behind those that are whole. */
function readOptions(from: Decoding, end: number): GeneveOption[] {
  const { bytes } = from;
  const options: GeneveOption[] = [];
  while (from.at < end) {
    const at = from.at;
    const length = at + OPTION <= end ? 4 * (bytes[at + 3]! & 31) : -1;
    if (length < 0 || at + OPTION + length > end) {
      from.stop('geneve', 'an option whose length cannot be right');
      break;
    }
    options.push({
      optionClass: get16(bytes, at),
      type: bytes[at + 2]!,
      reserved: bytes[at + 3]! >>> 5,
      data: bytes.subarray(at + OPTION, at + OPTION + length),
    });
    from.at = at + OPTION + length;
  }
  return options;
}

const optionSize = (option: GeneveOption): number => OPTION + roundUp(option.data.length, 4);
const optionsSize = (options: readonly GeneveOption[] = []): number =>
  options.reduce((total, option) => total + optionSize(option), 0);

export const geneveCodec: Codec<GeneveInput> = {
  check({ options }) {
    if (options === undefined) return;
    for (const option of list(options, 'geneve.options')) {
      onlyKnown(object(option, 'geneve.options'), OPTION_NAMES, 'geneve.options');
      data(option.data, 'geneve.options.data');
    }
  },
  names: namesOf<Geneve>({
    layer: true,
    version: true,
    optionsLength: true,
    flags: true,
    protocol: true,
    vni: true,
    reserved: true,
    options: true,
  }),
  size: ({ options }) => HEADER + optionsSize(options),

  write(layer, to, start) {
    const { bytes } = to;
    const { options = [] } = layer;
    const length = uint(layer.optionsLength ?? optionsSize(options) / 4, 63, 'geneve.optionsLength');
    bytes[start] = (uint(layer.version, 3, 'geneve.version', 0) << 6) | length;
    bytes[start + 1] = uint8(layer.flags, 'geneve.flags', 0);
    const protocol = layer.protocol ?? etherTypeOf(to.next, 'geneve.protocol');
    put16(bytes, start + 2, uint16(protocol, 'geneve.protocol'));
    putNetwork(bytes, start + 4, uint(layer.vni, NETWORK, 'geneve.vni'), uint8(layer.reserved, 'geneve.reserved', 0));
    let at = start + HEADER;
    for (const option of options) {
      const words = uint((optionSize(option) - OPTION) / 4, 31, 'geneve.options.data.length');
      put16(bytes, at, uint16(option.optionClass, 'geneve.options.optionClass'));
      bytes[at + 2] = uint8(option.type, 'geneve.options.type');
      bytes[at + 3] = (uint(option.reserved, 7, 'geneve.options.reserved', 0) << 5) | words;
      bytes.set(option.data, at + OPTION);
      at += optionSize(option);
    }
  },

  decode(from): Next {
    const { bytes, at } = from;
    if (from.cut('geneve', HEADER)) return undefined;
    const optionsLength = bytes[at]! & 63;
    if (from.cut('geneve', HEADER + 4 * optionsLength)) return undefined;
    const protocol = get16(bytes, at + 2);
    from.at = at + HEADER;
    const options = readOptions(from, at + HEADER + 4 * optionsLength);
    from.layers.push({
      layer: 'geneve',
      version: bytes[at]! >>> 6,
      optionsLength,
      flags: bytes[at + 1]!,
      protocol,
      vni: network(bytes, at + 4),
      reserved: bytes[at + 7]!,
      options,
    });
    const isWhole = from.at === at + HEADER + 4 * optionsLength;
    return isWhole && from.left > 0 ? layerOfEtherType(from, protocol) : undefined;
  },
};
