/** The headers of IEEE 802.2 behind the length of an 802.3 frame: LLC, and SNAP behind it. */
import { namesOf } from '../../posix/known-names.ts';
import { get16, put16, uint, uint8, uint16 } from '../bytes.ts';
import type { Codec, Encoding, Filled, Next } from './codec.ts';
import { etherTypeOf, layerOfEtherType, layerOfPoint, pointOf } from './protocol.ts';

/**
 * A header of logical link control to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export interface LlcFields {
  /** The service access point of the destination; told by the following layer unless given. */
  dsap?: number | undefined;
  /** That of the source, whose lowest bit tells a response; as `dsap` unless given. */
  ssap?: number | undefined;
  /** Its two lowest bits set, one byte; else two bytes, the first one in the lower half. 3, unnumbered, unless given. */
  control?: number | undefined;
}

/**
 * A header of logical link control for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export interface LlcInput extends LlcFields {
  readonly layer: 'llc';
}

/**
 * A header of logical link control as decoded.
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
  /** The organization, 24 bits; 0, that of EtherTypes, unless given. */
  oui?: number | undefined;
  /** An EtherType, or a protocol of the organization; told by the following layer unless given. */
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
 * A SNAP header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export interface Snap extends Filled<SnapFields> {
  readonly layer: 'snap';
}

/**
 * A header of logical link control, IEEE 802.2, as a layer of `encodePacket`: behind `ethernet`, whose length is filled in.
 *
 * @param fields What is left out is filled in.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = ethernet({ destination: '01:80:c2:00:00:00', source: '02:00:00:00:00:01' });
 * console.log(encodePacket([header, llc({ dsap: 0xfe }), 'data'])[13]); // 7
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export function llc(fields: LlcFields): LlcInput {
  return { ...fields, layer: 'llc' };
}

/**
 * A SNAP header, RFC 1042, as a layer of `encodePacket`: behind `llc`.
 *
 * @param fields What is left out is filled in.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const headers = [llc({}), snap({ oui: 0x00000c, protocol: 0x2000 })];
 * console.log(Buffer.from(encodePacket(headers)).toString('hex')); // aaaa0300000c2000
 * @see https://www.rfc-editor.org/rfc/rfc1042
 */
export function snap(fields: SnapFields): SnapInput {
  return { ...fields, layer: 'snap' };
}

const UNNUMBERED = 3;
/** The two lowest bits of a control field of one byte. */
const SHORT = 3;
const isShort = (control: number): boolean => (control & SHORT) === SHORT;
/** What older frames of IPX have in place of both service access points. */
const RAW_IPX = 0xffff;

export const llcCodec: Codec<LlcInput> = {
  names: namesOf<Llc>({ layer: true, dsap: true, ssap: true, control: true }),
  size: ({ control = UNNUMBERED }) => (isShort(control) ? 3 : 4),

  write(layer, to, at) {
    const { bytes } = to;
    const dsap = layer.dsap ?? pointOf(to.next, 'llc.dsap');
    bytes[at] = uint8(dsap, 'llc.dsap');
    bytes[at + 1] = uint8(layer.ssap, 'llc.ssap', dsap);
    const control = uint16(layer.control, 'llc.control', UNNUMBERED);
    bytes[at + 2] = isShort(control) ? uint8(control, 'llc.control') : control;
    if (!isShort(control)) bytes[at + 3] = control >>> 8;
  },

  decode(from): Next {
    const { bytes, at } = from;
    if (from.left >= 2 && get16(bytes, at) === RAW_IPX) return undefined;
    if (from.cut('llc', 3)) return undefined;
    const size = isShort(bytes[at + 2]!) ? 3 : 4;
    if (from.cut('llc', size)) return undefined;
    const [dsap, ssap] = [bytes[at]!, bytes[at + 1]!];
    const control = size === 3 ? bytes[at + 2]! : bytes[at + 2]! | (bytes[at + 3]! << 8);
    from.layers.push({ layer: 'llc', dsap, ssap, control });
    from.at = at + size;
    return control === UNNUMBERED && ssap === dsap && from.left > 0 ? layerOfPoint(dsap) : undefined;
  },
};

/** Cisco's, which sends the spanning tree of each VLAN. */
const CISCO = 0x00000c;
const PER_VLAN_SPANNING_TREE = 0x010b;
/** Those whose protocols are EtherTypes: RFC 1042, and IEEE 802.1H for bridges. */
const ETHER_TYPES: readonly number[] = [0, 0x0000f8];
const HEADER = 5;

function snapOf(next: Encoding['next']): Required<SnapFields> {
  if (next?.layer === 'stp') return { oui: CISCO, protocol: PER_VLAN_SPANNING_TREE };
  return { oui: 0, protocol: etherTypeOf(next, 'snap.protocol') };
}

export const snapCodec: Codec<SnapInput> = {
  names: namesOf<Snap>({ layer: true, oui: true, protocol: true }),
  size: () => HEADER,

  write(layer, to, at) {
    const { bytes } = to;
    const told = layer.protocol === undefined ? snapOf(to.next) : { oui: 0, protocol: layer.protocol };
    const oui = uint(layer.oui, 0xffffff, 'snap.oui', told.oui);
    bytes[at] = oui >>> 16;
    put16(bytes, at + 1, oui & 0xffff);
    put16(bytes, at + 3, uint16(told.protocol, 'snap.protocol'));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('snap', HEADER)) return undefined;
    const oui = (bytes[at]! << 16) | get16(bytes, at + 1);
    const protocol = get16(bytes, at + 3);
    from.layers.push({ layer: 'snap', oui, protocol });
    from.at = at + HEADER;
    if (from.left === 0) return undefined;
    if (oui === CISCO && protocol === PER_VLAN_SPANNING_TREE) return 'stp';
    return ETHER_TYPES.includes(oui) ? layerOfEtherType(from, protocol) : undefined;
  },
};
