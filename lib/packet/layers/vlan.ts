/** A VLAN tag behind a header that is no Ethernet header, as in cooked captures: IEEE 802.1Q. */
import { namesOf } from '../../posix/known-names.ts';
import { get16, put16, uint, uint16 } from '../bytes.ts';
import type { Codec, Filled } from './codec.ts';
import { etherTypeOf, layerOfEtherType } from './protocol.ts';

/**
 * A VLAN tag as a layer, to encode. The tags of an Ethernet frame are in its `tags`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9542
 */
export interface VlanFields {
  /** The priority code point, 0 to 7. */
  pcp?: number | undefined;
  /** The drop eligible indicator. */
  dei?: boolean | undefined;
  /** The VLAN, 0 to 4095. */
  vid: number;
  /** Told by the following layer unless given. */
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
 * A VLAN tag as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9542
 */
export interface Vlan extends Filled<VlanFields> {
  readonly layer: 'vlan';
}

/**
 * A VLAN tag as a layer of `encodePacket`, behind a header that is no Ethernet header.
 *
 * @param fields The EtherType of what follows is filled in unless given.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(encodePacket([linuxSll2({}), vlan({ vid: 7 }), packet]).length); // 44
 * @see https://www.rfc-editor.org/rfc/rfc9542
 */
export function vlan(fields: VlanFields): VlanInput {
  return { ...fields, layer: 'vlan' };
}

const HEADER = 4;

export const vlanCodec: Codec<VlanInput> = {
  names: namesOf<Vlan>({ layer: true, pcp: true, dei: true, vid: true, etherType: true }),
  size: () => HEADER,

  write(layer, to, at) {
    const pcp = uint(layer.pcp, 7, 'vlan.pcp', 0);
    put16(to.bytes, at, (pcp << 13) | (layer.dei ? 0x1000 : 0) | uint(layer.vid, 0xfff, 'vlan.vid'));
    put16(
      to.bytes,
      at + 2,
      layer.etherType === undefined
        ? etherTypeOf(to.next, 'vlan.etherType')
        : uint16(layer.etherType, 'vlan.etherType'),
    );
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('vlan', HEADER)) return undefined;
    const control = get16(bytes, at);
    const etherType = get16(bytes, at + 2);
    from.layers.push({
      layer: 'vlan',
      pcp: control >>> 13,
      dei: (control & 0x1000) !== 0,
      vid: control & 0xfff,
      etherType,
    });
    from.at = at + HEADER;
    return from.left === 0 ? undefined : layerOfEtherType(from, etherType);
  },
};
