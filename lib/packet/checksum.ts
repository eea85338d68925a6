/** The Internet checksum: RFC 1071, its incremental update, and the pseudo-headers of IPv4 and IPv6. */
import { type Bytes, native } from '../posix/native.ts';
import { asBytes, put16, put32, uint8, uint16, uint32 } from './bytes.ts';
import { putIpv4, putIpv6 } from './text.ts';

/** From this length on a call of the native sum costs less than summing here: `npm run bench checksum`. */
const NATIVE = 160;

/** Folds the carries of a sum into 16 bits. */
export function fold(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** As `sum`, byte by byte. */
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

/** The ones' complement sum of 16-bit words from `from` to `to`, an odd last byte padded with zero; 0 to 65535. */
export function sum(bytes: Uint8Array, from: number, to: number): number {
  const total = to - from < NATIVE ? -1 : native.checksumSum(bytes, from, to);
  return total < 0 ? sumShort(bytes, from, to) : total; // a Proxy of bytes is none for the native sum
}

/** The sum of what an upper layer's checksum covers: its pseudo-header, of whose addresses `pseudo` is the sum, and data. */
export function upperLayerSum(bytes: Uint8Array, at: number, end: number, pseudo: number, protocol: number): number {
  const length = end - at;
  return fold(sum(bytes, at, end) + pseudo + protocol + (length >>> 16) + (length & 0xffff));
}

/**
 * The Internet checksum of several views as if they were one: RFC 1071.
 *
 * @param views Any bytes. A part of odd length in the middle carries over: the next part goes on within its 16-bit
 *   word.
 * @returns The checksum as a number from 0 to 65535, to be stored in network order. Over data that holds its own right
 *   checksum it is 0.
 * @throws TypeError for a part that is no bytes.
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
 * The checksum after one 16-bit word of the data has changed, without the data: RFC 1624, equation 3.
 *
 * @param checksum The checksum before.
 * @param before The word before, 0 to 65535.
 * @param after The word after, 0 to 65535.
 * @returns The checksum after. Change a 32-bit field by two calls, one for each half.
 * @throws TypeError or RangeError for what is no 16-bit number.
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
 * The pseudo-header of TCP and UDP over IPv4.
 *
 * @param sourceAddress Text.
 * @param destinationAddress Text; the final destination where there is a source route.
 * @param protocol An IPPROTO_ number.
 * @param length The length of header and data, 0 to 65535.
 * @returns 12 bytes: the first argument of `checksum`.
 * @throws TypeError or RangeError that names the argument which the header cannot hold.
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
 * The pseudo-header of TCP, UDP and ICMPv6 over IPv6.
 *
 * @param sourceAddress Text.
 * @param destinationAddress Text; the final destination where there is a routing header.
 * @param nextHeader The IPPROTO_ number of the upper layer, not of an extension header.
 * @param length The length of upper-layer header and data, 0 to 4294967295.
 * @returns 40 bytes: the first argument of `checksum`.
 * @throws TypeError or RangeError that names the argument which the header cannot hold.
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
