/** One datagram that was sent in fragments, while they come: and the packet that they make. */
import { put16 } from '../bytes.ts';
import { sum } from '../checksum.ts';
import { ipv4Text, ipv6Text } from '../text.ts';
import type { IpHeader } from './ip-header.ts';
import { pppoeLengthAt } from './network-offset.ts';
import { Pieces } from './pieces.ts';
import { copyOf } from './source.ts';

/** The longest datagram. */
export const LONGEST = 65535;
/** What a part costs beside its bytes, and a datagram beside its parts, about. */
const PIECE = 160;
const DATAGRAM = 512;

/** The protocol of PPP, which the length of PPPoE covers, too. */
const PPP = 2;
/** ECN: congestion experienced. */
const CONGESTED = 3;

/**
 * Why a datagram was given up: fragments did not come in `timeout`, overlapped each other, told different lengths or more
 * than a datagram has, there was no room for them, or the source ended.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5722
 */
export type IncompleteReason = 'timeout' | 'overlap' | 'length' | 'memory' | 'end';

/**
 * A datagram that was given up.
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
  /** When the first of its fragments came: nanoseconds since 1970. */
  timestamp: bigint | undefined;
  /** How many fragments came, duplicates among them. */
  fragments: number;
  /** How many bytes came of what is behind the header. */
  received: number;
  /** How many bytes there are; undefined when the last fragment did not come. */
  length: number | undefined;
}

/** What a fragment did to its datagram. */
export type Progress = 'more' | 'complete' | 'overlap' | 'length';

/** A datagram, while its fragments come. */
export class Datagram {
  /** When its first fragment came, in milliseconds. */
  readonly since: number;
  readonly timestamp: bigint | undefined;
  /** Whether it was given up: what is yet to come of it belongs to it still, and is thrown away. */
  isDead = false;
  /** The memory that it takes, about. */
  cost: number = DATAGRAM;
  fragments = 0;
  readonly #version: 4 | 6;
  readonly #protocol: number;
  readonly #identification: number;
  readonly #addresses: Uint8Array;
  #pieces = new Pieces();
  #length: number | undefined;
  /** The first fragment up to its data; where its IP header and its fragment header are, and what announces that one. */
  #header: Uint8Array | undefined;
  #at = 0;
  #fragmentAt = 0;
  #announcedAt = 0;
  #isCongested = false;

  constructor(bytes: Uint8Array, header: IpHeader, since: number, timestamp: bigint | undefined) {
    this.since = since;
    this.timestamp = timestamp;
    this.#version = header.version;
    this.#protocol = header.protocol;
    this.#identification = header.identification;
    const at = header.at + (header.version === 4 ? 12 : 8);
    this.#addresses = copyOf(bytes, at, at + (header.version === 4 ? 8 : 32));
  }

  /** Takes a fragment, which is whole. */
  take(bytes: Uint8Array, header: IpHeader): Progress {
    this.fragments++;
    const { fragmentOffset: offset, start, end } = header;
    const part = bytes.subarray(start, end);
    const verdict = this.#pieces.judge(offset, part);
    if (verdict === 'overlap') return 'overlap';
    if (!this.#agrees(offset + part.length, header.moreFragments)) return 'length';
    if (header.version === 4 && (bytes[header.at + 1]! & 3) === CONGESTED) this.#isCongested = true;
    if (verdict === 'duplicate') return 'more';
    this.#pieces.add(offset, copyOf(bytes, start, end));
    this.cost += part.length + PIECE;
    if (offset === 0) this.#keepHeader(bytes, header);
    if (this.#pieces.received !== this.#length || this.#header === undefined) return 'more';
    return this.#totalLength() > LONGEST ? 'length' : 'complete';
  }

  /** Whether the end of a fragment is one that the datagram can have. */
  #agrees(end: number, moreFragments: boolean): boolean {
    if (moreFragments) return this.#length === undefined || end <= this.#length;
    if (this.#length !== undefined && this.#length !== end) return false;
    this.#length = end;
    return this.#pieces.end <= end;
  }

  #keepHeader(bytes: Uint8Array, { at, start, fragmentAt, announcedAt }: IpHeader): void {
    this.#header = copyOf(bytes, 0, start);
    this.cost += start;
    this.#at = at;
    this.#fragmentAt = fragmentAt;
    this.#announcedAt = announcedAt;
  }

  /** What the length field of the whole packet tells. */
  #totalLength(): number {
    const header = this.#version === 4 ? this.#header!.length - this.#at : this.#fragmentAt - this.#at - 40;
    return header + this.#length!;
  }

  /** Throws away what has come. */
  drop(): void {
    this.isDead = true;
    this.cost = DATAGRAM;
    this.#pieces = new Pieces();
    this.#header = undefined;
  }

  /** The whole packet, with the header of its first fragment as if it had not been fragmented. */
  assemble(): Uint8Array {
    return this.#version === 4 ? this.#assembleIpv4() : this.#assembleIpv6();
  }

  #assembleIpv4(): Uint8Array {
    const header = this.#header!;
    const at = this.#at;
    const bytes = new Uint8Array(header.length + this.#length!);
    bytes.set(header);
    this.#pieces.copyTo(bytes, header.length);
    put16(bytes, at + 2, this.#totalLength());
    bytes[at + 6] = bytes[at + 6]! & 0xc0; // neither more fragments nor an offset
    bytes[at + 7] = 0;
    // A router that marked one of them marked the datagram: RFC 3168, 5.3.
    if (this.#isCongested && (bytes[at + 1]! & 3) !== 0) bytes[at + 1] = bytes[at + 1]! | CONGESTED;
    put16(bytes, at + 10, 0);
    put16(bytes, at + 10, ~sum(bytes, at, header.length) & 0xffff);
    this.#fitPppoe(bytes);
    return bytes;
  }

  #assembleIpv6(): Uint8Array {
    const header = this.#header!;
    const fragmentAt = this.#fragmentAt;
    const bytes = new Uint8Array(fragmentAt + this.#length!);
    bytes.set(header.subarray(0, fragmentAt));
    this.#pieces.copyTo(bytes, fragmentAt);
    bytes[this.#announcedAt] = header[fragmentAt]!;
    put16(bytes, this.#at + 4, this.#totalLength());
    this.#fitPppoe(bytes);
    return bytes;
  }

  /** The length field of PPPoE, which is the only link-layer header here that has one. */
  #fitPppoe(bytes: Uint8Array): void {
    const field = pppoeLengthAt(bytes, this.#at);
    if (field >= 0) put16(bytes, field, bytes.length - this.#at + PPP);
  }

  /** What is told of it when it is given up. */
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
