/** The IP header of a packet and its fragmentation, read in place into an object that is reused. */
import { Buffer } from 'node:buffer';
import { IPPROTO_DSTOPTS, IPPROTO_FRAGMENT, IPPROTO_HOPOPTS, IPPROTO_ROUTING } from '../../native/constants.ts';
import { get16, get32 } from '../bytes/bytes.ts';
import { ipv4Field, ipv4Mask } from '../layers/ipv4.ts';
import { ipv6Field } from '../layers/ipv6.ts';
import { extensionField } from '../layers/ipv6-extension.ts';
import { fragmentField, fragmentMask } from '../layers/ipv6-fragment.ts';

const { totalLength: TOTAL_LENGTH, identification: IDENTIFICATION, flags: FLAGS, protocol: PROTOCOL } = ipv4Field;
const { ihl: IHL, moreFragments: MORE_FRAGMENTS, fragmentOffset: FRAGMENT_OFFSET } = ipv4Mask;
const { payloadLength: PAYLOAD_LENGTH, nextHeader: NEXT_HEADER } = ipv6Field;
const EXTENSION_LENGTH = extensionField.headerExtensionLength;
/** The length of an IPv4 header without options. */
export const IPV4_SIZE = 20;
/** The length of an IPv6 header. */
export const IPV6_SIZE = 40;
const FRAGMENT_SIZE = 8;
/** The largest value of a length field. Longer packets have 0: jumbograms, and those from before segmentation offload. */
export const LONGEST = 0xffff;
/** Longer keys are built by Buffer, which takes longer for short ones. */
const MOST_ARGUMENTS = 256;

/** An IP header with the IPv6 extension headers. */
export class IpHeader {
  /** The offset of the header. */
  at = 0;
  version: 4 | 6 = 4;
  /** The protocol after the headers, an IPPROTO_ number. */
  protocol = 0;
  /** The end of the headers. In a fragment, its part of the payload begins there. */
  start = 0;
  /** The end of the packet according to its length. It is beyond the captured bytes if the packet was truncated. */
  end = 0;
  /** Whether the packet is a fragment of a datagram. */
  isFragment = false;
  /** The offset of this fragment in the payload of the datagram, in bytes. */
  fragmentOffset = 0;
  moreFragments = false;
  identification = 0;
  /** In an IPv6 fragment, the offset of the fragment header, and the offset of the field that identifies it. */
  fragmentAt = 0;
  announcedAt = 0;

  /** Reads the header at an offset. Returns false if it is truncated or malformed. */
  read(bytes: Uint8Array, at: number): boolean {
    this.at = at;
    this.isFragment = false;
    const version = bytes[at]! >>> 4;
    if (version === 4) return this.#readIpv4(bytes, at);
    return version === 6 && this.#readIpv6(bytes, at);
  }

  #readIpv4(bytes: Uint8Array, at: number): boolean {
    if (at + IPV4_SIZE > bytes.length) return false;
    this.version = 4;
    this.start = at + 4 * (bytes[at]! & IHL);
    const totalLength = get16(bytes, at + TOTAL_LENGTH);
    // The length is 0 in a packet captured before segmentation offload. It is then that of the frame.
    this.end = totalLength === 0 ? bytes.length : at + totalLength;
    if (this.start < at + IPV4_SIZE || this.end < this.start) return false;
    this.protocol = bytes[at + PROTOCOL]!;
    const field = get16(bytes, at + FLAGS);
    this.moreFragments = (field & MORE_FRAGMENTS) !== 0;
    this.fragmentOffset = (field & FRAGMENT_OFFSET) * 8;
    if (this.moreFragments || this.fragmentOffset > 0) {
      this.isFragment = totalLength !== 0;
      this.identification = get16(bytes, at + IDENTIFICATION);
      return this.isFragment;
    }
    return true;
  }

  #readIpv6(bytes: Uint8Array, at: number): boolean {
    if (at + IPV6_SIZE > bytes.length) return false;
    this.version = 6;
    const payloadLength = get16(bytes, at + PAYLOAD_LENGTH);
    let announced = at + NEXT_HEADER;
    let start = at + IPV6_SIZE;
    let next = bytes[announced]!;
    // The length is 0 for a jumbo payload, and for a large packet captured before segmentation offload.
    const isLarge = next === IPPROTO_HOPOPTS || bytes.length - start > LONGEST;
    this.end = payloadLength === 0 && isLarge ? bytes.length : start + payloadLength;
    while (
      next === IPPROTO_HOPOPTS ||
      next === IPPROTO_ROUTING ||
      next === IPPROTO_DSTOPTS ||
      next === IPPROTO_FRAGMENT
    ) {
      const hasLength = next !== IPPROTO_FRAGMENT && start + 2 <= bytes.length;
      const size = hasLength ? 8 * bytes[start + EXTENSION_LENGTH]! + 8 : FRAGMENT_SIZE;
      if (start + size > bytes.length || start + size > this.end) return false;
      if (next === IPPROTO_FRAGMENT && this.#readFragment(bytes, start, announced)) return payloadLength !== 0;
      announced = start;
      next = bytes[announced]!;
      start += size;
    }
    this.protocol = next;
    this.start = start;
    return true;
  }

  /** Reads a fragment header. Returns false for an atomic fragment, which is a complete datagram: RFC 6946. */
  #readFragment(bytes: Uint8Array, at: number, announcedAt: number): boolean {
    const field = get16(bytes, at + fragmentField.fragmentOffset);
    this.moreFragments = (field & fragmentMask.moreFragments) !== 0;
    this.fragmentOffset = field & fragmentMask.fragmentOffset;
    if (!this.moreFragments && this.fragmentOffset === 0) return false;
    this.isFragment = true;
    this.identification = get32(bytes, at + fragmentField.identification);
    this.protocol = bytes[at + fragmentField.nextHeader]!;
    this.fragmentAt = at;
    this.announcedAt = announcedAt;
    this.start = at + FRAGMENT_SIZE;
    return true;
  }
}

/** Returns bytes as a string with one character each, to serve as a key. */
export function keyOf(bytes: Uint8Array, from: number, to: number): string {
  return latin(bytes.subarray(from, to));
}

function latin(bytes: Uint8Array): string {
  // Thousands of MPLS labels would be more arguments than the stack can hold.
  if (bytes.length > MOST_ARGUMENTS) {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}
