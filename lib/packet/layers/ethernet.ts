/** Ethernet II frames with any number of VLAN tags: IEEE 802.1Q and 802.1ad (QinQ). */

import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { ETH_P_802_3_MIN, ETH_P_8021AD, ETH_P_8021Q, ETH_P_QINQ1 } from '../../native/constants.ts';
import type { HardwareAddressLike } from '../../struct/hardware-address.ts';
import { get16, list, put16, uint, uint16 } from '../bytes/bytes.ts';
import { hardwareText, putHardware } from '../bytes/text.ts';
import type { Encoding, Filled, LayerCodec } from './codec.ts';
import { etherTypeOf, layerOfEtherType } from './protocol.ts';
import { vlanControl } from './vlan.ts';

/**
 * A VLAN tag to encode.
 *
 * @see https://www.ieee802.org/1/pages/802.1Q.html
 */
export interface VlanTagFields {
  /** The tag protocol identifier. The default is 0x8100 for the innermost tag and 0x88a8 for the tags before it. */
  tpid?: number | undefined;
  /** The priority code point, 0 to 7. */
  pcp?: number | undefined;
  /** The drop eligible indicator. */
  dei?: boolean | undefined;
  /** The VLAN ID, 0 to 4095. */
  vid: number;
}

/**
 * A decoded VLAN tag.
 *
 * @see https://www.ieee802.org/1/pages/802.1Q.html
 */
export interface VlanTag extends Filled<VlanTagFields> {}

/**
 * An Ethernet header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc894
 */
export interface EthernetFields {
  /** `'aa:bb:cc:dd:ee:ff'`, or six bytes. */
  destination: HardwareAddressLike;
  source: HardwareAddressLike;
  /** The VLAN tags, the outermost one first. */
  tags?: readonly VlanTagFields[] | undefined;
  /**
   * By default, the following layer determines it. A number up to 1500 is the length of an IEEE 802.3 frame, which is
   * filled in before `llc`.
   */
  etherType?: number | undefined;
}

/**
 * An Ethernet header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc894
 */
export interface EthernetInput extends EthernetFields {
  readonly layer: 'ethernet';
}

/**
 * A decoded Ethernet header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc894
 */
export interface Ethernet extends Filled<EthernetFields> {
  readonly layer: 'ethernet';
  destination: string;
  source: string;
  tags: VlanTag[];
}

/**
 * Creates an Ethernet II header as a layer for `encodePacket`.
 *
 * @param fields The fields. Those that are omitted are filled in when the packet is encoded.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const tags = [{ vid: 100 }, { vid: 7, pcp: 5 }];
 * const header = ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01', tags, etherType: 0x88b5 });
 * console.log(encodePacket([header]).length); // 22
 * @see https://www.rfc-editor.org/rfc/rfc894
 */
export function ethernet(fields: EthernetFields): EthernetInput {
  return { ...fields, layer: 'ethernet' };
}

/** The offset of each field of an untagged frame. */
const ETHERNET = { destination: 0, source: 6, etherType: 12 } as const;
/** The offset of each field of a tag, which takes the place of the EtherType and moves it by 4 bytes. */
const TAG = { tpid: 0, control: 2 } as const;
const CONTROL: typeof vlanControl = vlanControl;
/** For other modules: see codec.ts. */
export const ethernetField: typeof ETHERNET = ETHERNET;
const HEADER = 14;
const TAG_SIZE = 4;
const ADDRESS_SIZE = 6;
const LONGEST_802_3 = 1500;

/** Returns whether an EtherType identifies a VLAN tag. */
export function isTag(etherType: number): boolean {
  return etherType === ETH_P_8021Q || etherType === ETH_P_8021AD || etherType === ETH_P_QINQ1;
}

/** Returns the EtherType of the next layer, or the length of an 802.3 frame. */
function typeOrLength({ next, end }: Encoding, start: number): number {
  return next?.layer === 'llc' ? uint(end - start, LONGEST_802_3, 'ethernet.etherType') : etherTypeOf(next);
}

const TAG_NAMES = namesOf<VlanTag>({ tpid: true, pcp: true, dei: true, vid: true });

export const ethernetCodec: LayerCodec<EthernetInput> = {
  check({ tags }) {
    if (tags === undefined) return;
    for (const tag of list(tags, 'ethernet.tags'))
      onlyKnown(assertObject(tag, 'ethernet.tags'), TAG_NAMES, 'ethernet.tags');
  },
  names: namesOf<Ethernet>({ layer: true, destination: true, source: true, tags: true, etherType: true }),
  size: ({ tags }) => HEADER + TAG_SIZE * (tags?.length ?? 0),

  write(layer, to, start) {
    const { bytes } = to;
    const tags = layer.tags ?? [];
    putHardware(bytes, start + ETHERNET.destination, layer.destination, 'ethernet.destination', ADDRESS_SIZE);
    putHardware(bytes, start + ETHERNET.source, layer.source, 'ethernet.source', ADDRESS_SIZE);
    let at = start + ETHERNET.etherType;
    tags.forEach((tag, i) => {
      const tpid = i === tags.length - 1 ? ETH_P_8021Q : ETH_P_8021AD;
      put16(bytes, at + TAG.tpid, uint16(tag.tpid, 'ethernet.tags.tpid', tpid));
      const pcp = uint(tag.pcp, 7, 'ethernet.tags.pcp', 0);
      const vid = uint(tag.vid, CONTROL.vid, 'ethernet.tags.vid');
      put16(bytes, at + TAG.control, (pcp << CONTROL.pcpShift) | (tag.dei ? CONTROL.dei : 0) | vid);
      at += TAG_SIZE;
    });
    put16(
      bytes,
      at,
      layer.etherType === undefined ? typeOrLength(to, at + 2) : uint16(layer.etherType, 'ethernet.etherType'),
    );
  },

  decode(from) {
    const { bytes, at: start } = from;
    if (from.cut('ethernet', HEADER)) return undefined;
    const tags: VlanTag[] = [];
    let at = start + ETHERNET.etherType;
    let etherType = get16(bytes, at);
    while (isTag(etherType) && at + TAG_SIZE + 2 <= from.end) {
      const control = get16(bytes, at + TAG.control);
      tags.push({
        tpid: etherType,
        pcp: control >>> CONTROL.pcpShift,
        dei: (control & CONTROL.dei) !== 0,
        vid: control & CONTROL.vid,
      });
      at += TAG_SIZE;
      etherType = get16(bytes, at);
    }
    from.add<Ethernet>({
      layer: 'ethernet',
      destination: hardwareText(bytes, start + ETHERNET.destination, ADDRESS_SIZE),
      source: hardwareText(bytes, start + ETHERNET.source, ADDRESS_SIZE),
      tags,
      etherType,
    });
    from.at = at + 2;
    if (isTag(etherType))
      return from.stop('ethernet', `a VLAN tag of 4 bytes, but only ${from.left} are available`, at);
    if (etherType >= ETH_P_802_3_MIN) return layerOfEtherType(from, etherType);
    if (etherType > LONGEST_802_3) return undefined;
    from.limit(from.at + etherType);
    return from.left === 0 ? undefined : 'llc';
  },
};
