/** The IPv6 fragment header: RFC 8200. */
import { get16, get32, put16, put32, uint, uint8, uint32 } from '../bytes/bytes.ts';
import { type Filled, type LayerCodec, layerNames } from './codec.ts';
import { layerOfNextHeader, protocolField } from './protocol.ts';

/**
 * A fragment header to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 */
export interface FragmentFields {
  /** By default, the following layer determines it. */
  nextHeader?: number | undefined;
  /** The reserved byte after `nextHeader`. */
  reserved?: number | undefined;
  /** The offset in units of 8 bytes, as in the header. */
  fragmentOffset?: number | undefined;
  /** The two reserved bits after `fragmentOffset`. */
  reserved2?: number | undefined;
  moreFragments?: boolean | undefined;
  identification: number;
}

/**
 * A fragment header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 */
export interface FragmentInput extends FragmentFields {
  readonly layer: 'fragment';
}

/**
 * A decoded fragment header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 */
export interface Fragment extends Filled<FragmentFields> {
  readonly layer: 'fragment';
}

/**
 * Creates a fragment header as a layer for `encodePacket`.
 *
 * @param fields The fields. The offset is in units of 8 bytes.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = ipv6({ sourceAddress: 'fe80::1', destinationAddress: 'ff02::2' });
 * const packet = encodePacket([header, fragment({ identification: 7, fragmentOffset: 181, nextHeader: 17 }), 'rest']);
 * console.log(packet.length); // 52
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 */
export function fragment(fields: FragmentFields): FragmentInput {
  return { ...fields, layer: 'fragment' };
}

/** The offset of each field, or of the word that it shares. */
const FRAGMENT = { nextHeader: 0, reserved: 1, fragmentOffset: 2, identification: 4 } as const;
const MASK = { fragmentOffset: 0xfff8, moreFragments: 1 } as const;
const SHIFT = { fragmentOffset: 3, reserved2: 1 } as const;
/** For other modules: see codec.ts. */
export const fragmentField: typeof FRAGMENT = FRAGMENT;
export const fragmentMask: typeof MASK = MASK;
const HEADER = 8;

export const fragmentCodec: LayerCodec<FragmentInput> = {
  names: layerNames<Fragment>()({ ...FRAGMENT, reserved2: true, moreFragments: true }),
  size: () => HEADER,

  write(layer, to, at) {
    const { bytes } = to;
    bytes[at + FRAGMENT.nextHeader] = protocolField(layer.nextHeader, to.next, 'fragment.nextHeader');
    bytes[at + FRAGMENT.reserved] = uint8(layer.reserved, 'fragment.reserved', 0);
    const offset = uint(layer.fragmentOffset, 0x1fff, 'fragment.fragmentOffset', 0) << SHIFT.fragmentOffset;
    const reserved2 = uint(layer.reserved2, 3, 'fragment.reserved2', 0) << SHIFT.reserved2;
    put16(bytes, at + FRAGMENT.fragmentOffset, offset | reserved2 | (layer.moreFragments ? MASK.moreFragments : 0));
    put32(bytes, at + FRAGMENT.identification, uint32(layer.identification, 'fragment.identification'));
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('fragment', HEADER)) return undefined;
    const field = get16(bytes, at + FRAGMENT.fragmentOffset);
    const isFirst = field >>> SHIFT.fragmentOffset === 0;
    const moreFragments = (field & MASK.moreFragments) !== 0;
    from.add<Fragment>({
      layer: 'fragment',
      nextHeader: bytes[at + FRAGMENT.nextHeader]!,
      reserved: bytes[at + FRAGMENT.reserved]!,
      fragmentOffset: field >>> SHIFT.fragmentOffset,
      reserved2: (field >>> SHIFT.reserved2) & 3,
      moreFragments,
      identification: get32(bytes, at + FRAGMENT.identification),
    });
    from.at = at + HEADER;
    if (!isFirst || moreFragments) from.partial = true;
    return isFirst ? layerOfNextHeader(from, bytes[at + FRAGMENT.nextHeader]!) : undefined;
  },
};
