/**
 * Generic routing encapsulation: RFC 2784, with key and sequence number (RFC 2890), and the version of PPTP (RFC 2637).
 */
import { namesOf } from '../../argument/known-names.ts';
import { get16, get32, put16, put32, uint, uint16, uint32 } from '../bytes/bytes.ts';
import { fold, sum } from '../bytes/checksum.ts';
import type { Filled, LayerCodec } from './codec.ts';
import type { Next } from './layer-type.ts';
import { etherTypeOf, layerOfEtherType } from './protocol.ts';

/**
 * A GRE header to encode. It contains `checksum`, `key`, `sequenceNumber` and `acknowledgmentNumber` only if they are
 * given.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2784
 */
export interface GreFields {
  /** Whether the header has a checksum, which is filled in unless `checksum` is given. */
  checksumPresent?: boolean | undefined;
  checksum?: number | undefined;
  /** The 16 bits after the checksum. */
  reserved1?: number | undefined;
  /** In version 1, the length of the payload and the identifier of the call. */
  key?: number | undefined;
  sequenceNumber?: number | undefined;
  /** In version 1 only. */
  acknowledgmentNumber?: number | undefined;
  /** The other bits of the first 13. The default is 0. */
  flags?: number | undefined;
  /** The default is 0. Version 1 is that of PPTP. */
  version?: number | undefined;
  /** An EtherType. By default, the following layer determines it. */
  protocol?: number | undefined;
}

/**
 * A GRE header for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2784
 */
export interface GreInput extends GreFields {
  readonly layer: 'gre';
}

type Optional = 'checksum' | 'reserved1' | 'key' | 'sequenceNumber' | 'acknowledgmentNumber';

/**
 * A decoded GRE header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2784
 */
export interface Gre extends Filled<Omit<GreFields, Optional>>, Pick<GreFields, Optional> {
  readonly layer: 'gre';
  /** Whether the checksum is correct. It is undefined if there is none, or if the packet is truncated or a fragment. */
  checksumOk: boolean | undefined;
}

/**
 * Creates a GRE header as a layer for `encodePacket`.
 *
 * @param fields The fields. Those that are omitted are filled in or not present in the header.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(encodePacket([gre({ key: 7 }), packet]).length); // 28
 * @see https://www.rfc-editor.org/rfc/rfc2784
 */
export function gre(fields: GreFields): GreInput {
  return { ...fields, layer: 'gre' };
}

/** The offset of each field that is always there. The optional ones follow in this order, each in one word. */
const GRE = { flags: 0, version: 0, protocol: 2, optional: 4 } as const;
/** The bits of the first word. */
const MASK = {
  checksum: 0x8000,
  routing: 0x4000,
  key: 0x2000,
  sequence: 0x1000,
  acknowledgment: 0x0080,
  version: 0x0007,
} as const;
/** For other modules: see codec.ts. */
export const greField: typeof GRE = GRE;
export const greMask: typeof MASK = MASK;
const HEADER = GRE.optional;
/** The bits that are neither the version nor mark the presence of a field. */
const OTHERS = 0xffff & ~(MASK.checksum | MASK.routing | MASK.key | MASK.sequence | MASK.acknowledgment | MASK.version);
const PPTP = 1;
const PPP = 0x880b;

const hasChecksum = ({ checksumPresent, checksum, reserved1 }: GreFields): boolean =>
  checksumPresent ?? (checksum !== undefined || reserved1 !== undefined);

function size(layer: GreInput): number {
  const { key, sequenceNumber, acknowledgmentNumber } = layer;
  const words = [key, sequenceNumber, acknowledgmentNumber].filter((word) => word !== undefined).length;
  return HEADER + (hasChecksum(layer) ? 4 : 0) + 4 * words;
}

export const greCodec: LayerCodec<GreInput> = {
  names: namesOf<Gre>({
    layer: true,
    checksumPresent: true,
    checksum: true,
    reserved1: true,
    key: true,
    sequenceNumber: true,
    acknowledgmentNumber: true,
    flags: true,
    version: true,
    protocol: true,
    checksumOk: true,
  }),
  size,

  write(layer, to, start) {
    const { bytes } = to;
    const { key, sequenceNumber, acknowledgmentNumber } = layer;
    const flags = uint(layer.flags, 0xffff, 'gre.flags', 0) & OTHERS;
    const version = uint(layer.version, MASK.version, 'gre.version', 0);
    const present =
      (hasChecksum(layer) ? MASK.checksum : 0) |
      (key === undefined ? 0 : MASK.key) |
      (sequenceNumber === undefined ? 0 : MASK.sequence) |
      (acknowledgmentNumber === undefined ? 0 : MASK.acknowledgment);
    put16(bytes, start + GRE.flags, flags | version | present);
    const told = to.next?.layer === 'ppp' ? PPP : undefined;
    const protocol = layer.protocol ?? told ?? etherTypeOf(to.next, 'gre.protocol');
    put16(bytes, start + GRE.protocol, uint16(protocol, 'gre.protocol'));
    let at = start + HEADER;
    if (hasChecksum(layer)) {
      const checksum = uint16(layer.checksum, 'gre.checksum', 0);
      put32(bytes, at, (checksum << 16) | uint16(layer.reserved1, 'gre.reserved1', 0));
      at += 4;
    }
    for (const [name, word] of Object.entries({ key, sequenceNumber, acknowledgmentNumber })) {
      if (word === undefined) continue;
      put32(bytes, at, uint32(word, `gre.${name}`));
      at += 4;
    }
  },

  fillChecksum(layer, to, at) {
    if (layer.checksum !== undefined || !hasChecksum(layer)) return;
    put16(to.bytes, at + HEADER, ~sum(to.bytes, at, to.end) & 0xffff);
  },

  decode(from): Next {
    const { bytes, at: start } = from;
    if (from.cut('gre', HEADER)) return undefined;
    const first = get16(bytes, start + GRE.flags);
    const has = (bit: number) => (first & bit) !== 0;
    if (has(MASK.routing)) return undefined; // RFC 1701 source routes of any length: the rest is payload
    const words = [MASK.checksum, MASK.key, MASK.sequence, MASK.acknowledgment].filter(has).length;
    if (from.cut('gre', HEADER + 4 * words)) return undefined;
    const protocol = get16(bytes, start + GRE.protocol);
    const version = first & MASK.version;
    const layer: Gre = {
      layer: 'gre',
      checksumPresent: has(MASK.checksum),
      flags: first & OTHERS,
      version,
      protocol,
      checksumOk: undefined,
    };
    let at = start + HEADER;
    const word = () => {
      at += 4;
      return get32(bytes, at - 4);
    };
    if (has(MASK.checksum)) {
      const both = word();
      layer.checksum = both >>> 16;
      layer.reserved1 = both & 0xffff;
      if (from.mayVerify()) layer.checksumOk = fold(sum(bytes, start, from.end)) === 0xffff;
    }
    if (has(MASK.key)) layer.key = word();
    if (has(MASK.sequence)) layer.sequenceNumber = word();
    if (has(MASK.acknowledgment)) layer.acknowledgmentNumber = word();
    from.add(layer);
    from.at = at;
    if (from.left === 0 || version > PPTP) return undefined;
    return protocol === PPP ? 'ppp' : layerOfEtherType(from, protocol);
  },
};
