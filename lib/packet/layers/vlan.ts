/** A VLAN tag after a header other than Ethernet, as in cooked captures: IEEE 802.1Q. */
import { namesOf } from '../../argument/known-names.ts';
import { get16, put16, uint, uint16 } from '../bytes/bytes.ts';
import type { Filled, LayerCodec } from './codec.ts';
import { etherTypeOf, layerOfEtherType } from './protocol.ts';

/**
 * A VLAN tag to encode as a separate layer. The tags of an Ethernet frame are in its `tags`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9542
 */
export interface VlanFields {
  /** The priority code point, 0 to 7. */
  pcp?: number | undefined;
  /** The drop eligible indicator. */
  dei?: boolean | undefined;
  /** The VLAN ID, 0 to 4095. */
  vid: number;
  /** By default, the following layer determines it. */
  etherType?: number | undefined;
}

/**
 * A VLAN tag for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9542
 */
export interface VlanInput extends VlanFields {
  readonly layer: 'vlan';
}

/**
 * A decoded VLAN tag.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9542
 */
export interface Vlan extends Filled<VlanFields> {
  readonly layer: 'vlan';
}

/**
 * Creates a VLAN tag as a layer for `encodePacket`, to follow a header other than Ethernet.
 *
 * @param fields The fields. The EtherType of the next layer is filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(encodePacket([linuxSll2({}), vlan({ vid: 7 }), packet]).length); // 44
 * @see https://www.rfc-editor.org/rfc/rfc9542
 */
export function vlan(fields: VlanFields): VlanInput {
  return { ...fields, layer: 'vlan' };
}

/** The offset of each field; the first three share a word, which the tags of Ethernet have as well. */
const VLAN = { control: 0, etherType: 2 } as const;
const CONTROL = { vid: 0x0fff, dei: 0x1000, pcpShift: 13 } as const;
/** For other modules: see codec.ts. */
export const vlanField: typeof VLAN = VLAN;
export const vlanControl: typeof CONTROL = CONTROL;
const HEADER = 4;

export const vlanCodec: LayerCodec<VlanInput> = {
  names: namesOf<Vlan>({ layer: true, pcp: true, dei: true, vid: true, etherType: true }),
  size: () => HEADER,

  write(layer, to, at) {
    const pcp = uint(layer.pcp, 7, 'vlan.pcp', 0);
    const dei = layer.dei ? CONTROL.dei : 0;
    const vid = uint(layer.vid, CONTROL.vid, 'vlan.vid');
    put16(to.bytes, at + VLAN.control, (pcp << CONTROL.pcpShift) | dei | vid);
    put16(
      to.bytes,
      at + VLAN.etherType,
      layer.etherType === undefined
        ? etherTypeOf(to.next, 'vlan.etherType')
        : uint16(layer.etherType, 'vlan.etherType'),
    );
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('vlan', HEADER)) return undefined;
    const control = get16(bytes, at + VLAN.control);
    const etherType = get16(bytes, at + VLAN.etherType);
    from.add<Vlan>({
      layer: 'vlan',
      pcp: control >>> CONTROL.pcpShift,
      dei: (control & CONTROL.dei) !== 0,
      vid: control & CONTROL.vid,
      etherType,
    });
    from.at = at + HEADER;
    return from.left === 0 ? undefined : layerOfEtherType(from, etherType);
  },
};
