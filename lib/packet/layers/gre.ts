/** Generic routing encapsulation: RFC 2784 with key and sequence number (RFC 2890), and that of PPTP (RFC 2637). */
import { namesOf } from '../../posix/known-names.ts';
import { get16, get32, put16, put32, uint, uint16, uint32 } from '../bytes.ts';
import { fold, sum } from '../checksum.ts';
import type { Codec, Filled, Next } from './codec.ts';
import { etherTypeOf, layerOfEtherType } from './protocol.ts';

/**
 * A GRE header to encode. `checksum`, `key`, `sequenceNumber` and `acknowledgmentNumber` are there when they are given.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2784
 */
export interface GreFields {
  /** Whether there is a checksum, which is filled in unless `checksum` is given. */
  checksumPresent?: boolean | undefined;
  checksum?: number | undefined;
  /** The 16 bits after the checksum. */
  reserved1?: number | undefined;
  /** In version 1 the length of the payload and the identifier of the call. */
  key?: number | undefined;
  sequenceNumber?: number | undefined;
  /** Of version 1. */
  acknowledgmentNumber?: number | undefined;
  /** The other bits of the first 13; 0 unless given. */
  flags?: number | undefined;
  /** 0 unless given; 1 is that of PPTP. */
  version?: number | undefined;
  /** An EtherType; told by the following layer unless given. */
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
 * A GRE header as decoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2784
 */
export interface Gre extends Filled<Omit<GreFields, Optional>>, Pick<GreFields, Optional> {
  readonly layer: 'gre';
  /** Whether the checksum is right; undefined without one, or when the packet is cut or a fragment. */
  checksumOk: boolean | undefined;
}

/**
 * A GRE header as a layer of `encodePacket`.
 *
 * @param fields What is left out is filled in, or is not there.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const packet = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
 * console.log(encodePacket([gre({ key: 7 }), packet]).length); // 28
 * @see https://www.rfc-editor.org/rfc/rfc2784
 */
export function gre(fields: GreFields): GreInput {
  return { ...fields, layer: 'gre' };
}

const HEADER = 4;
const CHECKSUM = 0x8000;
const ROUTING = 0x4000;
const KEY = 0x2000;
const SEQUENCE = 0x1000;
const ACKNOWLEDGMENT = 0x0080;
const VERSION = 7;
/** The bits that are neither the version nor tell of a field. */
const OTHERS = 0xffff & ~(CHECKSUM | ROUTING | KEY | SEQUENCE | ACKNOWLEDGMENT | VERSION);
const PPTP = 1;
const PPP = 0x880b;

const hasChecksum = ({ checksumPresent, checksum, reserved1 }: GreFields): boolean =>
  checksumPresent ?? (checksum !== undefined || reserved1 !== undefined);

function size(layer: GreInput): number {
  const { key, sequenceNumber, acknowledgmentNumber } = layer;
  const words = [key, sequenceNumber, acknowledgmentNumber].filter((word) => word !== undefined).length;
  return HEADER + (hasChecksum(layer) ? 4 : 0) + 4 * words;
}

export const greCodec: Codec<GreInput> = {
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
    const version = uint(layer.version, VERSION, 'gre.version', 0);
    const present =
      (hasChecksum(layer) ? CHECKSUM : 0) |
      (key === undefined ? 0 : KEY) |
      (sequenceNumber === undefined ? 0 : SEQUENCE) |
      (acknowledgmentNumber === undefined ? 0 : ACKNOWLEDGMENT);
    put16(bytes, start, flags | version | present);
    const told = to.next?.layer === 'ppp' ? PPP : undefined;
    const protocol = layer.protocol ?? told ?? etherTypeOf(to.next, 'gre.protocol');
    put16(bytes, start + 2, uint16(protocol, 'gre.protocol'));
    let at = start + HEADER;
    if (hasChecksum(layer)) {
      put16(bytes, at, uint16(layer.checksum, 'gre.checksum', 0));
      put16(bytes, at + 2, uint16(layer.reserved1, 'gre.reserved1', 0));
      at += 4;
    }
    for (const [name, word] of Object.entries({ key, sequenceNumber, acknowledgmentNumber })) {
      if (word === undefined) continue;
      put32(bytes, at, uint32(word, `gre.${name}`));
      at += 4;
    }
  },

  seal(layer, to, at) {
    if (layer.checksum !== undefined || !hasChecksum(layer)) return;
    put16(to.bytes, at + HEADER, ~sum(to.bytes, at, to.end) & 0xffff);
  },

  decode(from): Next {
    const { bytes, at: start } = from;
    if (from.cut('gre', HEADER)) return undefined;
    const first = get16(bytes, start);
    const has = (bit: number) => (first & bit) !== 0;
    if (has(ROUTING)) return undefined; // source routes of RFC 1701, of any length: all is payload
    const words = [CHECKSUM, KEY, SEQUENCE, ACKNOWLEDGMENT].filter(has).length;
    if (from.cut('gre', HEADER + 4 * words)) return undefined;
    const protocol = get16(bytes, start + 2);
    const version = first & VERSION;
    const layer: Gre = {
      layer: 'gre',
      checksumPresent: has(CHECKSUM),
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
    if (has(CHECKSUM)) {
      const both = word();
      layer.checksum = both >>> 16;
      layer.reserved1 = both & 0xffff;
      if (!from.partial) layer.checksumOk = fold(sum(bytes, start, from.end)) === 0xffff;
    }
    if (has(KEY)) layer.key = word();
    if (has(SEQUENCE)) layer.sequenceNumber = word();
    if (has(ACKNOWLEDGMENT)) layer.acknowledgmentNumber = word();
    from.layers.push(layer);
    from.at = at;
    if (from.left === 0 || version > PPTP) return undefined;
    return protocol === PPP ? 'ppp' : layerOfEtherType(from, protocol);
  },
};
