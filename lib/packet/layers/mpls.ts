/** MPLS labels: RFC 3032, with the traffic class of RFC 5462. */
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { get32, list, put32, uint, uint8 } from '../bytes/bytes.ts';
import type { Filled, LayerCodec } from './codec.ts';
import type { Next } from './layer-type.ts';

/**
 * An entry of an MPLS label stack to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export interface MplsEntryFields {
  /** 0 to 0xfffff. */
  label: number;
  /** 0 to 7. */
  trafficClass?: number | undefined;
  /** Whether it is the last entry. By default, it is true for the last one and false for the others. */
  bottomOfStack?: boolean | undefined;
  /** The default is 64. */
  timeToLive?: number | undefined;
}

/**
 * A decoded entry of an MPLS label stack.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export interface MplsEntry extends Filled<MplsEntryFields> {}

/**
 * An MPLS label stack to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export interface MplsFields {
  /** The entries, the outermost one first. */
  entries: readonly MplsEntryFields[];
}

/**
 * An MPLS label stack for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export interface MplsInput extends MplsFields {
  readonly layer: 'mpls';
}

/**
 * A decoded MPLS label stack.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export interface Mpls extends MplsFields {
  readonly layer: 'mpls';
  entries: MplsEntry[];
}

/**
 * Creates an MPLS label stack as a layer for `encodePacket`.
 *
 * @param fields The entries. Fields that are omitted are filled in.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(encodePacket([mpls({ entries: [{ label: 16 }, { label: 17 }] }), packet]).length); // 28
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export function mpls(fields: MplsFields): MplsInput {
  return { ...fields, layer: 'mpls' };
}

/** The bits of each field of an entry, which is one word. */
const MASK = { bottomOfStack: 0x100, timeToLive: 0xff } as const;
const SHIFT = { label: 12, trafficClass: 9 } as const;
const ENTRY = 4;
const ENTRY_NAMES = namesOf<MplsEntry>({ label: true, trafficClass: true, bottomOfStack: true, timeToLive: true });

export const mplsCodec: LayerCodec<MplsInput> = {
  check({ entries }) {
    for (const entry of list(entries, 'mpls.entries')) {
      onlyKnown(assertObject(entry, 'mpls.entries'), ENTRY_NAMES, 'mpls.entries');
    }
  },
  names: namesOf<Mpls>({ layer: true, entries: true }),
  size: ({ entries }) => ENTRY * entries.length,

  write({ entries }, { bytes }, start) {
    entries.forEach((entry, i) => {
      const label = uint(entry.label, 0xfffff, 'mpls.entries.label');
      const trafficClass = uint(entry.trafficClass, 7, 'mpls.entries.trafficClass', 0);
      const bottom = (entry.bottomOfStack ?? i === entries.length - 1) ? MASK.bottomOfStack : 0;
      const timeToLive = uint8(entry.timeToLive, 'mpls.entries.timeToLive', 64);
      put32(
        bytes,
        start + ENTRY * i,
        (label << SHIFT.label) | (trafficClass << SHIFT.trafficClass) | bottom | timeToLive,
      );
    });
  },

  decode(from): Next {
    const { bytes } = from;
    const entries: MplsEntry[] = [];
    let bottomOfStack = false;
    while (!bottomOfStack && !from.cut('mpls', ENTRY)) {
      const word = get32(bytes, from.at);
      bottomOfStack = (word & MASK.bottomOfStack) !== 0;
      entries.push({
        label: word >>> SHIFT.label,
        trafficClass: (word >>> SHIFT.trafficClass) & 7,
        bottomOfStack,
        timeToLive: word & MASK.timeToLive,
      });
      from.at += ENTRY;
    }
    if (entries.length > 0) from.add<Mpls>({ layer: 'mpls', entries });
    if (!bottomOfStack || from.left === 0) return undefined;
    // No number identifies the next layer, only the IP version does.
    const version = bytes[from.at]! >>> 4;
    return version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined;
  },
};
