/** The IP header of a packet, and whether it is a fragment: read where it stands, into an object that is used again. */
import { IPPROTO_DSTOPTS, IPPROTO_FRAGMENT, IPPROTO_HOPOPTS, IPPROTO_ROUTING } from '../../posix/constants.ts';
import { get16, get32 } from '../bytes.ts';

const IPV4 = 20;
const IPV6 = 40;
const FRAGMENT = 8;
const MORE_FRAGMENTS = 0x2000;

/** An IP header with the extension headers of IPv6. */
export class IpHeader {
  /** Where it begins. */
  at = 0;
  version: 4 | 6 = 4;
  /** What is behind the headers: an IPPROTO_ number. */
  protocol = 0;
  /** Where the headers end: in a fragment, where its part of the datagram begins. */
  start = 0;
  /** Where the packet ends by its length: behind the bytes that are there, if it was captured in part. */
  end = 0;
  /** Whether it is part of a datagram that was sent in several. */
  isFragment = false;
  /** Where this part begins in what was sent, in bytes. */
  fragmentOffset = 0;
  moreFragments = false;
  identification = 0;
  /** Of a fragment of IPv6, where its fragment header begins, and where the byte is that announces it. */
  fragmentAt = 0;
  announcedAt = 0;

  /** Reads the header at an offset. False when it is cut or malformed. */
  read(bytes: Uint8Array, at: number): boolean {
    this.at = at;
    this.isFragment = false;
    const version = bytes[at]! >>> 4;
    if (version === 4) return this.#readIpv4(bytes, at);
    return version === 6 && this.#readIpv6(bytes, at);
  }

  #readIpv4(bytes: Uint8Array, at: number): boolean {
    if (at + IPV4 > bytes.length) return false;
    this.version = 4;
    this.start = at + 4 * (bytes[at]! & 15);
    const totalLength = get16(bytes, at + 2);
    // 0 is what a capture before segmentation offload shows: the length is that of the frame.
    this.end = totalLength === 0 ? bytes.length : at + totalLength;
    if (this.start < at + IPV4 || this.end < this.start) return false;
    this.protocol = bytes[at + 9]!;
    const field = get16(bytes, at + 6);
    this.moreFragments = (field & MORE_FRAGMENTS) !== 0;
    this.fragmentOffset = (field & 0x1fff) * 8;
    if (this.moreFragments || this.fragmentOffset > 0) {
      this.isFragment = totalLength !== 0;
      this.identification = get16(bytes, at + 4);
      return this.isFragment;
    }
    return true;
  }

  #readIpv6(bytes: Uint8Array, at: number): boolean {
    if (at + IPV6 > bytes.length) return false;
    this.version = 6;
    const payloadLength = get16(bytes, at + 4);
    // 0 is the length of a jumbo payload, and of a large packet before segmentation offload.
    this.end = payloadLength === 0 ? bytes.length : at + IPV6 + payloadLength;
    let announced = at + 6;
    let start = at + IPV6;
    let next = bytes[announced]!;
    while (
      next === IPPROTO_HOPOPTS ||
      next === IPPROTO_ROUTING ||
      next === IPPROTO_DSTOPTS ||
      next === IPPROTO_FRAGMENT
    ) {
      const size =
        next === IPPROTO_FRAGMENT ? FRAGMENT : start + 2 > bytes.length ? FRAGMENT : 8 * bytes[start + 1]! + 8;
      if (start + size > bytes.length || start + size > this.end) return false;
      if (next === IPPROTO_FRAGMENT && this.#readFragment(bytes, start, announced)) return payloadLength !== 0;
      announced = start;
      next = bytes[start]!;
      start += size;
    }
    this.protocol = next;
    this.start = start;
    return true;
  }

  /** Reads a fragment header. False for an atomic fragment, which is a datagram of its own: RFC 6946. */
  #readFragment(bytes: Uint8Array, at: number, announcedAt: number): boolean {
    const field = get16(bytes, at + 2);
    this.moreFragments = (field & 1) !== 0;
    this.fragmentOffset = field & 0xfff8;
    if (!this.moreFragments && this.fragmentOffset === 0) return false;
    this.isFragment = true;
    this.identification = get32(bytes, at + 4);
    this.protocol = bytes[at]!;
    this.fragmentAt = at;
    this.announcedAt = announcedAt;
    this.start = at + FRAGMENT;
    return true;
  }
}

/** Bytes as text, each a character: keys that are compared at once. */
export function keyOf(bytes: Uint8Array, from: number, to: number): string {
  return latin(bytes.subarray(from, to));
}

function latin(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}
