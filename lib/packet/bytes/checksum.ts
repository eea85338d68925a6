/** The Internet checksum (RFC 1071), its incremental update, and the IPv4 and IPv6 pseudo-headers. */
import { type Bytes, native } from '../../native/native.ts';
import { asBytes, put16, put32, uint8, uint16, uint32 } from './bytes.ts';
import { putIpv4, putIpv6 } from './text.ts';

/** The length from which calling the native sum is faster than adding in JavaScript: `npm run bench checksum`. */
const NATIVE = 160;

/** Folds the carries of a sum into 16 bits. */
export function fold(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** The most bytes whose sum `sumShort` can compute without an overflow, an even number. */
const MOST_SHORT = 65536;

/** Computes the same as `sum`, byte by byte. */
function sumShort(bytes: Uint8Array, from: number, to: number): number {
  const unrolled = to - 7;
  let at = from;
  let high = 0;
  let low = 0;
  for (; at < unrolled; at += 8) {
    high += bytes[at]! + bytes[at + 2]! + bytes[at + 4]! + bytes[at + 6]!;
    low += bytes[at + 1]! + bytes[at + 3]! + bytes[at + 5]! + bytes[at + 7]!;
  }
  for (; at < to - 1; at += 2) {
    high += bytes[at]!;
    low += bytes[at + 1]!;
  }
  if (at < to) high += bytes[at]!;
  return fold((high << 8) + low);
}

/**
 * Returns the ones' complement sum, from 0 to 65535, of the 16-bit words from `from` to `to`. An odd last byte is
 * padded with zero.
 */
export function sum(bytes: Uint8Array, from: number, to: number): number {
  if (to - from < NATIVE) return sumShort(bytes, from, to);
  const total = native.checksumSum(bytes, from, to);
  if (total >= 0) return total;
  // The native sum does not accept a Proxy of bytes.
  let folded = 0;
  for (let at = from; at < to; at += MOST_SHORT)
    folded = fold(folded + sumShort(bytes, at, Math.min(at + MOST_SHORT, to)));
  return folded;
}

/** Writes the checksum of the bytes between two offsets, which contain it. */
export function fillSum(bytes: Uint8Array, checksumAt: number, from: number, to: number): void {
  put16(bytes, checksumAt, 0);
  put16(bytes, checksumAt, ~sum(bytes, from, to) & 0xffff);
}

/**
 * Returns the sum of everything that an upper-layer checksum covers: the pseudo-header, where `pseudo` is the sum of
 * its addresses, and the data.
 */
export function upperLayerSum(bytes: Uint8Array, at: number, end: number, pseudo: number, protocol: number): number {
  const length = end - at;
  return fold(sum(bytes, at, end) + pseudo + protocol + (length >>> 16) + (length & 0xffff));
}

/**
 * Computes the Internet checksum of several views as if they were concatenated: RFC 1071.
 *
 * @param views Any bytes. If a view has an odd length, the next view continues within the same 16-bit word.
 * @returns The checksum, a number from 0 to 65535 that is stored in network byte order. It is 0 for data that contains
 *   its own correct checksum.
 * @throws TypeError for a view that is not bytes.
 * @example
 * const datagram = encodePacket([udp({ sourcePort: 1, destinationPort: 2, checksum: 0 }), 'data']);
 * console.log(checksum(pseudoHeaderIpv4('192.0.2.1', '192.0.2.2', 17, datagram.length), datagram)); // 41740
 * @see https://www.rfc-editor.org/rfc/rfc1071
 */
export function checksum(...views: Bytes[]): number {
  let total = 0;
  let odd = false;
  for (const view of views) {
    const bytes = asBytes(view, 'views');
    const part = sum(bytes, 0, bytes.length);
    // A part that begins at an odd offset has its bytes in the other halves of the words: RFC 1071, 2(B).
    total = fold(total + (odd ? ((part & 0xff) << 8) | (part >>> 8) : part));
    odd = odd !== (bytes.length % 2 === 1);
  }
  return ~total & 0xffff;
}

/**
 * Updates a checksum after one 16-bit word of the data has changed, without the rest of the data: RFC 1624, equation 3.
 *
 * @param checksum The checksum before the change.
 * @param before The word before the change, from 0 to 65535.
 * @param after The word after the change, from 0 to 65535.
 * @returns The checksum after the change. If a 32-bit field has changed, update the checksum twice, once for each half.
 * @throws TypeError or RangeError for an argument that is not a 16-bit number.
 * @example
 * const before = checksum(Uint8Array.of(64, 17, 1, 2));
 * console.log(updateChecksum(before, (64 << 8) | 17, (63 << 8) | 17) === checksum(Uint8Array.of(63, 17, 1, 2))); // true
 * @see https://www.rfc-editor.org/rfc/rfc1624
 */
export function updateChecksum(checksum: number, before: number, after: number): number {
  const old = ~uint16(checksum, 'checksum') & 0xffff;
  return ~fold(old + (~uint16(before, 'before') & 0xffff) + uint16(after, 'after')) & 0xffff;
}

/**
 * Creates the pseudo-header of TCP and UDP over IPv4.
 *
 * @param sourceAddress The address as text.
 * @param destinationAddress The address as text. If there is a source route, this is the final destination.
 * @param protocol An IPPROTO_ number.
 * @param length The length of the header and the data, from 0 to 65535.
 * @returns The 12 bytes, to be passed to `checksum` as the first argument.
 * @throws TypeError or RangeError that names the argument that does not fit into the header.
 * @example
 * console.log(pseudoHeaderIpv4('192.0.2.1', '192.0.2.2', 17, 12).length); // 12
 * @see https://www.rfc-editor.org/rfc/rfc9293#section-3.1
 */
export function pseudoHeaderIpv4(
  sourceAddress: string,
  destinationAddress: string,
  protocol: number,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(12);
  putIpv4(bytes, 0, sourceAddress, 'sourceAddress');
  putIpv4(bytes, 4, destinationAddress, 'destinationAddress');
  bytes[9] = uint8(protocol, 'protocol');
  put16(bytes, 10, uint16(length, 'length'));
  return bytes;
}

/**
 * Creates the pseudo-header of TCP, UDP and ICMPv6 over IPv6.
 *
 * @param sourceAddress The address as text.
 * @param destinationAddress The address as text. If there is a routing header, this is the final destination.
 * @param nextHeader The IPPROTO_ number of the upper-layer protocol, not that of an extension header.
 * @param length The length of the upper-layer header and the data, from 0 to 4294967295.
 * @returns The 40 bytes, to be passed to `checksum` as the first argument.
 * @throws TypeError or RangeError that names the argument that does not fit into the header.
 * @example
 * console.log(pseudoHeaderIpv6('fe80::1', 'fe80::2', 58, 12).length); // 40
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-8.1
 */
export function pseudoHeaderIpv6(
  sourceAddress: string,
  destinationAddress: string,
  nextHeader: number,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(40);
  putIpv6(bytes, 0, sourceAddress, 'sourceAddress');
  putIpv6(bytes, 16, destinationAddress, 'destinationAddress');
  put32(bytes, 32, uint32(length, 'length'));
  bytes[39] = uint8(nextHeader, 'nextHeader');
  return bytes;
}
