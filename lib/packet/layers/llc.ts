/** The IEEE 802.2 headers after the length of an 802.3 frame: LLC, and SNAP after it. */
import { get16, get24, put16, put24, uint, uint8, uint16 } from '../bytes/bytes.ts';
import { type Encoding, type Filled, type LayerCodec, layerNames } from './codec.ts';
import type { Next } from './layer-type.ts';
import { etherTypeOf, layerOfEtherType, layerOfPoint, pointOf } from './protocol.ts';

/**
 * A logical link control header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export interface LlcFields {
  /** The destination service access point. By default, the following layer determines it. */
  dsap?: number | undefined;
  /** The source service access point, whose lowest bit marks a response. The default is `dsap`. */
  ssap?: number | undefined;
  /**
   * A field of one byte if its two lowest bits are set, and otherwise of two bytes, the first of which is the lower half.
   * The default is 3, unnumbered information.
   */
  control?: number | undefined;
}

/**
 * A logical link control header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export interface LlcInput extends LlcFields {
  readonly layer: 'llc';
}

/**
 * A decoded logical link control header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export interface Llc extends Filled<LlcFields> {
  readonly layer: 'llc';
}

/**
 * A SNAP header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export interface SnapFields {
  /** The organization, 24 bits. The default is 0, whose protocols are EtherTypes. */
  oui?: number | undefined;
  /** An EtherType, or a protocol of the organization. By default, the following layer determines it. */
  protocol?: number | undefined;
}

/**
 * A SNAP header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export interface SnapInput extends SnapFields {
  readonly layer: 'snap';
}

/**
 * A decoded SNAP header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export interface Snap extends Filled<SnapFields> {
  readonly layer: 'snap';
}

/**
 * Creates a logical link control header (IEEE 802.2) as a layer for `encodePacket`, to follow `ethernet`, whose length
 * is filled in.
 *
 * @param fields The fields. Those that are omitted are filled in.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = ethernet({ destination: '01:80:c2:00:00:00', source: '02:00:00:00:00:01' });
 * console.log(encodePacket([header, llc({ dsap: 0xfe }), 'data'])[13]); // 7
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export function llc(fields: LlcFields): LlcInput {
  return { ...fields, layer: 'llc' };
}

/**
 * Creates a SNAP header (RFC 1042) as a layer for `encodePacket`, to follow `llc`.
 *
 * @param fields The fields. Those that are omitted are filled in.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const headers = [llc({}), snap({ oui: 0x00000c, protocol: 0x2000 })];
 * console.log(Buffer.from(encodePacket(headers)).toString('hex')); // aaaa0300000c2000
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export function snap(fields: SnapFields): SnapInput {
  return { ...fields, layer: 'snap' };
}

/** The offset of each field of the LLC and the SNAP header. */
const LLC = { dsap: 0, ssap: 1, control: 2 } as const;
const SNAP = { oui: 0, protocol: 3 } as const;

const UNNUMBERED = 3;
/** The two lowest bits of a control field with one byte. */
const SHORT = 3;
const isShort = (control: number): boolean => (control & SHORT) === SHORT;
/** The bytes of older IPX frames in place of both service access points. */
const RAW_IPX = 0xffff;

export const llcCodec: LayerCodec<LlcInput> = {
  names: layerNames<Llc>()({ ...LLC }),
  size: ({ control = UNNUMBERED }) => (isShort(control) ? 3 : 4),

  write(layer, to, at) {
    const { bytes } = to;
    const dsap = layer.dsap ?? pointOf(to.next, 'llc.dsap');
    bytes[at + LLC.dsap] = uint8(dsap, 'llc.dsap');
    bytes[at + LLC.ssap] = uint8(layer.ssap, 'llc.ssap', dsap);
    const control = uint16(layer.control, 'llc.control', UNNUMBERED);
    bytes[at + LLC.control] = isShort(control) ? uint8(control, 'llc.control') : control;
    if (!isShort(control)) bytes[at + LLC.control + 1] = control >>> 8;
  },

  decode(from): Next {
    const { bytes, at } = from;
    if (from.left >= 2 && get16(bytes, at) === RAW_IPX) return undefined;
    if (from.cut('llc', 3)) return undefined;
    const size = isShort(bytes[at + LLC.control]!) ? 3 : 4;
    if (from.cut('llc', size)) return undefined;
    const [dsap, ssap] = [bytes[at + LLC.dsap]!, bytes[at + LLC.ssap]!];
    const control =
      size === 3 ? bytes[at + LLC.control]! : bytes[at + LLC.control]! | (bytes[at + LLC.control + 1]! << 8);
    from.add<Llc>({ layer: 'llc', dsap, ssap, control });
    from.at = at + size;
    return control === UNNUMBERED && ssap === dsap && from.left > 0 ? layerOfPoint(dsap) : undefined;
  },
};

/** The organization code of Cisco, which sends the spanning tree messages of each VLAN. */
const CISCO = 0x00000c;
const PER_VLAN_SPANNING_TREE = 0x010b;
/** The organization codes whose protocols are EtherTypes: RFC 1042, and IEEE 802.1H for bridges. */
const ETHER_TYPES: readonly number[] = [0, 0x0000f8];
const HEADER = 5;

function snapOf(next: Encoding['next']): Required<SnapFields> {
  if (next?.layer === 'stp') return { oui: CISCO, protocol: PER_VLAN_SPANNING_TREE };
  return { oui: 0, protocol: etherTypeOf(next, 'snap.protocol') };
}

export const snapCodec: LayerCodec<SnapInput> = {
  names: layerNames<Snap>()({ ...SNAP }),
  size: () => HEADER,

  write(layer, to, at) {
    const { bytes } = to;
    const following = layer.protocol === undefined ? snapOf(to.next) : { oui: 0, protocol: layer.protocol };
    const oui = uint(layer.oui, 0xffffff, 'snap.oui', following.oui);
    put24(bytes, at + SNAP.oui, oui);
    put16(bytes, at + SNAP.protocol, uint16(following.protocol, 'snap.protocol'));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('snap', HEADER)) return undefined;
    const oui = get24(bytes, at + SNAP.oui);
    const protocol = get16(bytes, at + SNAP.protocol);
    from.add<Snap>({ layer: 'snap', oui, protocol });
    from.at = at + HEADER;
    if (from.left === 0) return undefined;
    if (oui === CISCO && protocol === PER_VLAN_SPANNING_TREE) return 'stp';
    return ETHER_TYPES.includes(oui) ? layerOfEtherType(from, protocol) : undefined;
  },
};
