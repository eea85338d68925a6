/** A fragmented datagram: it collects the fragments and assembles the packet. */
import { get16, put16 } from '../bytes/bytes.ts';
import { fillSum } from '../bytes/checksum.ts';
import { ipv4Text, ipv6Text } from '../bytes/text.ts';
import { ipv4Field, ipv4Mask } from '../layers/ipv4.ts';
import { ipv6Field } from '../layers/ipv6.ts';
import { fragmentField } from '../layers/ipv6-fragment.ts';
import { IPV6_SIZE, type IpHeader } from './ip-header.ts';
import { Pieces } from './pieces.ts';
import { copyOf } from './source.ts';
import { fitOuter, type HeaderPlace } from './tunnel.ts';

/** The maximum length of a datagram. */
export const LONGEST = 65535;
/** The approximate memory overhead of a fragment, of a datagram without its fragments, and of a place. */
const PIECE = 160;
const DATAGRAM = 512;
const PLACE = 64;

const IPV4: typeof ipv4Field = ipv4Field;
const MASK: typeof ipv4Mask = ipv4Mask;
const IPV6: typeof ipv6Field = ipv6Field;
/** The ECN value for "congestion experienced". In IPv6, it is in the upper half of its byte. */
const CONGESTED = 3;
const ECN_AT = ipv4Field.ecn;
const ECN_SHIFT = { 4: 0, 6: 4 } as const;

/**
 * Why an incomplete datagram was discarded: its fragments did not arrive within the `timeout`, they overlapped, they
 * contradicted each other about its length or exceeded the maximum length, there was no memory for them, or the source
 * ended.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5722
 */
export type IncompleteReason = 'timeout' | 'overlap' | 'length' | 'memory' | 'end';

/**
 * A datagram that was discarded because it is incomplete or invalid.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 */
export interface IncompleteDatagram {
  reason: IncompleteReason;
  sourceAddress: string;
  destinationAddress: string;
  /** An IPPROTO_ number. */
  protocol: number;
  identification: number;
  /** When its first fragment was captured, in nanoseconds since 1970. */
  timestamp: bigint | undefined;
  /** The number of fragments that were captured, including duplicates. */
  fragments: number;
  /** The number of payload bytes that were captured. */
  received: number;
  /** The number of payload bytes of the whole datagram, or undefined if the last fragment was not captured. */
  length: number | undefined;
}

/** The result of adding a fragment to a datagram. */
export type Progress = 'more' | 'complete' | 'overlap' | 'length';

/** A datagram that waits for fragments. */
export class Datagram {
  /** When its first fragment was captured, in milliseconds. */
  readonly since: number;
  readonly timestamp: bigint | undefined;
  /** Whether it was discarded. It stays known so that fragments that arrive later are discarded as well. */
  isDead = false;
  /** The approximate memory that it uses. */
  cost: number;
  fragments = 0;
  /** The memory that it uses without its fragments. */
  readonly #leastCost: number;
  readonly #version: 4 | 6;
  readonly #protocol: number;
  readonly #identification: number;
  readonly #addresses: Uint8Array;
  #pieces = new Pieces();
  #length: number | undefined;
  /**
   * The headers of the first fragment, the places of its IP headers, the offsets of the last one and of its fragment
   * header, and the offset of the field that identifies the fragment header.
   */
  #header: Uint8Array | undefined;
  #places: readonly HeaderPlace[] = [];
  #at = 0;
  #fragmentAt = 0;
  #announcedAt = 0;
  #isCongested = false;

  /** @param keyLength The length of its key, which is long after many MPLS labels. */
  constructor(bytes: Uint8Array, header: IpHeader, keyLength: number, since: number, timestamp: bigint | undefined) {
    this.#leastCost = DATAGRAM + keyLength;
    this.cost = this.#leastCost;
    this.since = since;
    this.timestamp = timestamp;
    this.#version = header.version;
    this.#protocol = header.protocol;
    this.#identification = header.identification;
    const at = header.at + (header.version === 4 ? IPV4.sourceAddress : IPV6.sourceAddress);
    this.#addresses = copyOf(bytes, at, at + (header.version === 4 ? 8 : 32));
  }

  /** The places of the IP headers in the whole packet. */
  get places(): readonly HeaderPlace[] {
    return this.#places;
  }

  /** Adds a fragment, which must have been captured completely. */
  take(bytes: Uint8Array, header: IpHeader, places: readonly HeaderPlace[]): Progress {
    this.fragments++;
    const { fragmentOffset: offset, start, end } = header;
    const part = bytes.subarray(start, end);
    const verdict = this.#pieces.judge(offset, part);
    if (verdict === 'overlap') return 'overlap';
    if (!this.#agrees(offset + part.length, header.moreFragments)) return 'length';
    if (this.#ecn(bytes, header.at) === CONGESTED) this.#isCongested = true;
    if (verdict === 'duplicate') return 'more';
    this.#pieces.add(offset, copyOf(bytes, start, end));
    this.cost += part.length + PIECE;
    if (offset === 0) this.#keepHeader(bytes, header, places);
    if (this.#pieces.received !== this.#length || this.#header === undefined) return 'more';
    return this.#totalLength() > LONGEST ? 'length' : 'complete';
  }

  /** Returns the ECN value in an IP header. */
  #ecn(bytes: Uint8Array, at: number): number {
    return (bytes[at + ECN_AT]! >>> ECN_SHIFT[this.#version]) & CONGESTED;
  }

  /** Marks the header of the whole packet if a router marked one fragment: RFC 3168, 5.3. */
  #mark(bytes: Uint8Array): void {
    const at = this.#at;
    if (this.#isCongested && this.#ecn(bytes, at) !== 0) bytes[at + ECN_AT]! |= CONGESTED << ECN_SHIFT[this.#version];
  }

  /** Returns whether the end of a fragment is compatible with the fragments received before. */
  #agrees(end: number, moreFragments: boolean): boolean {
    if (moreFragments) return this.#length === undefined || end <= this.#length;
    if (this.#length !== undefined && this.#length !== end) return false;
    this.#length = end;
    return this.#pieces.end <= end;
  }

  #keepHeader(
    bytes: Uint8Array,
    { at, start, fragmentAt, announcedAt }: IpHeader,
    places: readonly HeaderPlace[],
  ): void {
    this.#places = places;
    this.#header = copyOf(bytes, 0, start);
    this.cost += start + PLACE * places.length;
    this.#at = at;
    this.#fragmentAt = fragmentAt;
    this.#announcedAt = announcedAt;
  }

  /** Returns the value of the length field of the whole packet. */
  #totalLength(): number {
    const header = this.#version === 4 ? this.#header!.length - this.#at : this.#fragmentAt - this.#at - IPV6_SIZE;
    return header + this.#length!;
  }

  /** Discards the fragments. */
  drop(): void {
    this.isDead = true;
    this.cost = this.#leastCost;
    this.#pieces = new Pieces();
    this.#header = undefined;
    this.#places = [];
  }

  /** Returns the whole packet, with the header of its first fragment changed as if it had not been fragmented. */
  assemble(): Uint8Array {
    const bytes = this.#version === 4 ? this.#assembleIpv4() : this.#assembleIpv6();
    fitOuter(bytes, this.#places);
    return bytes;
  }

  #assembleIpv4(): Uint8Array {
    const header = this.#header!;
    const at = this.#at;
    const bytes = new Uint8Array(header.length + this.#length!);
    bytes.set(header);
    this.#pieces.copyTo(bytes, header.length);
    put16(bytes, at + IPV4.totalLength, this.#totalLength());
    put16(bytes, at + IPV4.flags, get16(bytes, at + IPV4.flags) & ~(MASK.moreFragments | MASK.fragmentOffset));
    this.#mark(bytes);
    fillSum(bytes, at + IPV4.headerChecksum, at, header.length);
    return bytes;
  }

  #assembleIpv6(): Uint8Array {
    const header = this.#header!;
    const fragmentAt = this.#fragmentAt;
    const bytes = new Uint8Array(fragmentAt + this.#length!);
    bytes.set(header.subarray(0, fragmentAt));
    this.#pieces.copyTo(bytes, fragmentAt);
    bytes[this.#announcedAt] = header[fragmentAt + fragmentField.nextHeader]!;
    put16(bytes, this.#at + IPV6.payloadLength, this.#totalLength());
    this.#mark(bytes);
    return bytes;
  }

  /** Returns the report for a datagram that is discarded. */
  report(reason: IncompleteReason): IncompleteDatagram {
    const text = this.#version === 4 ? ipv4Text : ipv6Text;
    return {
      reason,
      sourceAddress: text(this.#addresses, 0),
      destinationAddress: text(this.#addresses, this.#addresses.length / 2),
      protocol: this.#protocol,
      identification: this.#identification,
      timestamp: this.timestamp,
      fragments: this.fragments,
      received: this.#pieces.received,
      length: this.#length,
    };
  }
}
