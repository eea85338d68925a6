/** Labels of MPLS: RFC 3032, with the traffic class of RFC 5462. */
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { object } from '../../posix/snapshot.ts';
import { get32, list, put32, uint, uint8 } from '../bytes.ts';
import type { Codec, Filled, Next } from './codec.ts';

/**
 * An entry of a stack of labels to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export interface MplsEntryFields {
  /** 0 to 0xfffff. */
  label: number;
  /** 0 to 7. */
  trafficClass?: number | undefined;
  /** Whether it is the last entry; true of the last one and false of the others unless given. */
  bottomOfStack?: boolean | undefined;
  /** 64 unless given. */
  timeToLive?: number | undefined;
}

/**
 * An entry of a stack of labels as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export interface MplsEntry extends Filled<MplsEntryFields> {}

/**
 * A stack of labels to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export interface MplsFields {
  /** The outer one first. */
  entries: readonly MplsEntryFields[];
}

/**
 * A stack of labels for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export interface MplsInput extends MplsFields {
  readonly layer: 'mpls';
}

/**
 * A stack of labels as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export interface Mpls extends MplsFields {
  readonly layer: 'mpls';
  entries: MplsEntry[];
}

/**
 * A stack of MPLS labels as a layer of `encodePacket`.
 *
 * @param fields The entries; encoding fills in what is left out.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(encodePacket([mpls({ entries: [{ label: 16 }, { label: 17 }] }), packet]).length); // 28
 * @see https://www.rfc-editor.org/rfc/rfc3032
 */
export function mpls(fields: MplsFields): MplsInput {
  return { ...fields, layer: 'mpls' };
}

const ENTRY = 4;
const ENTRY_NAMES = namesOf<MplsEntry>({ label: true, trafficClass: true, bottomOfStack: true, timeToLive: true });

export const mplsCodec: Codec<MplsInput> = {
  check({ entries }) {
    for (const entry of list(entries, 'mpls.entries')) {
      onlyKnown(object(entry, 'mpls.entries'), ENTRY_NAMES, 'mpls.entries');
    }
  },
  names: namesOf<Mpls>({ layer: true, entries: true }),
  size: ({ entries }) => ENTRY * entries.length,

  write({ entries }, { bytes }, start) {
    entries.forEach((entry, i) => {
      const label = uint(entry.label, 0xfffff, 'mpls.entries.label');
      const trafficClass = uint(entry.trafficClass, 7, 'mpls.entries.trafficClass', 0);
      const bottom = (entry.bottomOfStack ?? i === entries.length - 1) ? 0x100 : 0;
      const timeToLive = uint8(entry.timeToLive, 'mpls.entries.timeToLive', 64);
      put32(bytes, start + ENTRY * i, (label << 12) | (trafficClass << 9) | bottom | timeToLive);
    });
  },

  decode(from): Next {
    const { bytes } = from;
    const entries: MplsEntry[] = [];
    let bottomOfStack = false;
    while (!bottomOfStack && !from.cut('mpls', ENTRY)) {
      const word = get32(bytes, from.at);
      bottomOfStack = (word & 0x100) !== 0;
      entries.push({ label: word >>> 12, trafficClass: (word >>> 9) & 7, bottomOfStack, timeToLive: word & 0xff });
      from.at += ENTRY;
    }
    if (entries.length > 0) from.layers.push({ layer: 'mpls', entries });
    if (!bottomOfStack || from.left === 0) return undefined;
    // No number tells what follows: the version of IP does.
    const version = bytes[from.at]! >>> 4;
    return version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined;
  },
};
