/** Ethernet II frames with any number of VLAN tags: IEEE 802.1Q and 802.1ad (QinQ). */

import { ETH_P_802_3_MIN, ETH_P_8021AD, ETH_P_8021Q, ETH_P_QINQ1 } from '../../posix/constants.ts';
import type { HardwareAddressLike } from '../../posix/hardware-address.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { object } from '../../posix/snapshot.ts';
import { get16, list, put16, uint, uint16 } from '../bytes.ts';
import { hardwareText, putHardware } from '../text.ts';
import type { Codec, Encoding, Filled } from './codec.ts';
import { etherTypeOf, layerOfEtherType } from './protocol.ts';

/**
 * A VLAN tag to encode.
 *
 * @see https://www.ieee802.org/1/pages/802.1Q.html
 */
export interface VlanTagFields {
  /** The tag protocol; by default 0x8100 for the innermost tag and 0x88a8 for those before it. */
  tpid?: number | undefined;
  /** The priority code point, 0 to 7. */
  pcp?: number | undefined;
  /** The drop eligible indicator. */
  dei?: boolean | undefined;
  /** The VLAN, 0 to 4095. */
  vid: number;
}

/**
 * A VLAN tag as decoded.
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
  /** VLAN tags, the outer one first. */
  tags?: readonly VlanTagFields[] | undefined;
  /** Told by the following layer unless given. Up to 1500 it is the length of an IEEE 802.3 frame, filled in before `llc`. */
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
 * An Ethernet header as decoded.
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
 * An Ethernet II header as a layer of `encodePacket`.
 *
 * @param fields Addresses as text or bytes; encoding fills in what is left out.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const tags = [{ vid: 100 }, { vid: 7, pcp: 5 }];
 * const header = ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01', tags, etherType: 0x88b5 });
 * console.log(encodePacket([header]).length); // 22
 * @see https://www.rfc-editor.org/rfc/rfc894
 */
export function ethernet(fields: EthernetFields): EthernetInput {
  return { ...fields, layer: 'ethernet' };
}

const LONGEST_802_3 = 1500;

/** Whether an EtherType announces a VLAN tag. */
export function isTag(etherType: number): boolean {
  return etherType === ETH_P_8021Q || etherType === ETH_P_8021AD || etherType === ETH_P_QINQ1;
}

/** The EtherType of what follows, or the length of an 802.3 frame. */
function typeOrLength({ next, end }: Encoding, start: number): number {
  return next?.layer === 'llc' ? uint(end - start, LONGEST_802_3, 'ethernet.etherType') : etherTypeOf(next);
}

const TAG = namesOf<VlanTag>({ tpid: true, pcp: true, dei: true, vid: true });

export const ethernetCodec: Codec<EthernetInput> = {
  check({ tags }) {
    if (tags === undefined) return;
    for (const tag of list(tags, 'ethernet.tags')) onlyKnown(object(tag, 'ethernet.tags'), TAG, 'ethernet.tags');
  },
  names: namesOf<Ethernet>({ layer: true, destination: true, source: true, tags: true, etherType: true }),
  size: ({ tags }) => 14 + 4 * (tags?.length ?? 0),

  write(layer, to, start) {
    const { bytes } = to;
    const tags = layer.tags ?? [];
    putHardware(bytes, start, layer.destination, 'ethernet.destination', 6);
    putHardware(bytes, start + 6, layer.source, 'ethernet.source', 6);
    let at = start + 12;
    tags.forEach((tag, i) => {
      put16(bytes, at, uint16(tag.tpid, 'ethernet.tags.tpid', i === tags.length - 1 ? ETH_P_8021Q : ETH_P_8021AD));
      const pcp = uint(tag.pcp, 7, 'ethernet.tags.pcp', 0);
      put16(bytes, at + 2, (pcp << 13) | (tag.dei ? 0x1000 : 0) | uint(tag.vid, 0xfff, 'ethernet.tags.vid'));
      at += 4;
    });
    put16(
      bytes,
      at,
      layer.etherType === undefined ? typeOrLength(to, at + 2) : uint16(layer.etherType, 'ethernet.etherType'),
    );
  },

  decode(from) {
    const { bytes, at: start } = from;
    if (from.cut('ethernet', 14)) return undefined;
    const tags: VlanTag[] = [];
    let at = start + 12;
    let etherType = get16(bytes, at);
    while (isTag(etherType) && at + 6 <= from.end) {
      const tci = get16(bytes, at + 2);
      tags.push({ tpid: etherType, pcp: tci >>> 13, dei: (tci & 0x1000) !== 0, vid: tci & 0xfff });
      at += 4;
      etherType = get16(bytes, at);
    }
    from.layers.push({
      layer: 'ethernet',
      destination: hardwareText(bytes, start, 6),
      source: hardwareText(bytes, start + 6, 6),
      tags,
      etherType,
    });
    from.at = at + 2;
    if (isTag(etherType)) return from.stop('ethernet', `a VLAN tag of 4 bytes, ${from.left} are there`, at);
    if (etherType >= ETH_P_802_3_MIN) return layerOfEtherType(from, etherType);
    if (etherType > LONGEST_802_3) return undefined;
    from.limit(from.at + etherType);
    return from.left === 0 ? undefined : 'llc';
  },
};
