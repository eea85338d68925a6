/** The header of BSD loopback captures, NULL and LOOP: an address family. */
import { namesOf } from '../../argument/known-names.ts';
import { get32, put32, uint32 } from '../bytes/bytes.ts';
import type { Encoding, Filled, LayerCodec } from './codec.ts';
import { knownNumber } from './protocol.ts';

/**
 * The header of a BSD loopback capture to encode.
 *
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_NULL.html
 */
export interface BsdLoopbackFields {
  /**
   * The address family: 2 is IPv4; IPv6 is 24, 28 or 30, depending on the system. By default, the following layer
   * determines it: 2 or, as on macOS, 30.
   */
  family?: number | undefined;
  /** The byte order: that of the capturing host for NULL, big-endian for LOOP. The default is little-endian. */
  littleEndian?: boolean | undefined;
}

/**
 * The header of a BSD loopback capture for `encodePacket`.
 *
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_NULL.html
 */
export interface BsdLoopbackInput extends BsdLoopbackFields {
  readonly layer: 'bsdLoopback';
}

/**
 * The decoded header of a BSD loopback capture.
 *
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_NULL.html
 */
export interface BsdLoopback extends Filled<BsdLoopbackFields> {
  readonly layer: 'bsdLoopback';
}

/**
 * Creates the header of a BSD loopback capture, LINKTYPE_NULL or LINKTYPE_LOOP, as a layer for `encodePacket`.
 *
 * @param fields The fields. Those that are omitted are filled in.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const packet = ipv4({ sourceAddress: '127.0.0.1', destinationAddress: '127.0.0.1' });
 * console.log(encodePacket([bsdLoopback({}), packet])[0]); // 2
 * @see https://www.tcpdump.org/linktypes/LINKTYPE_NULL.html
 */
export function bsdLoopback(fields: BsdLoopbackFields): BsdLoopbackInput {
  return { ...fields, layer: 'bsdLoopback' };
}

const HEADER = 4;
const INET = 2;
/** The values of AF_INET6 on macOS, on OpenBSD and NetBSD, on FreeBSD and on Linux. */
const INET6: readonly number[] = [30, 24, 28, 10];

const swapped = (value: number): number =>
  (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;

function familyOf(next: Encoding['next']): number {
  const family = next?.layer === 'ipv4' ? INET : next?.layer === 'ipv6' ? INET6[0] : undefined;
  return knownNumber(family, 'bsdLoopback.family');
}

export const bsdLoopbackCodec: LayerCodec<BsdLoopbackInput> = {
  names: namesOf<BsdLoopback>({ layer: true, family: true, littleEndian: true }),
  size: () => HEADER,

  write(layer, to, at) {
    const family = layer.family === undefined ? familyOf(to.next) : uint32(layer.family, 'bsdLoopback.family');
    put32(to.bytes, at, (layer.littleEndian ?? true) ? swapped(family) : family);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('bsdLoopback', HEADER)) return undefined;
    const word = get32(bytes, at);
    const littleEndian = word > 0xffff; // families are small numbers
    const family = littleEndian ? swapped(word) : word;
    from.add<BsdLoopback>({ layer: 'bsdLoopback', family, littleEndian });
    from.at = at + HEADER;
    if (from.left === 0) return undefined;
    if (family === INET) return 'ipv4';
    return INET6.includes(family) ? 'ipv6' : undefined;
  },
};
