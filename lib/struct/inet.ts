/** Conversion of byte order and of addresses to and from text: byteorder(3), inet_pton(3), inet_aton(3). */

import { Buffer } from 'node:buffer';
import { uint16, uint32 } from '../argument/number.ts';
import { LITTLE } from '../native/byte-order.ts';
import { AF_INET } from '../native/constants.ts';
import { native } from '../native/native.ts';
import { type Call, call, check, fail } from './errno.ts';

function swap16(value: number, name: string): number {
  const n = uint16(value, name);
  return LITTLE ? ((n & 0xff) << 8) | (n >> 8) : n;
}

function swap32(value: number, name: string): number {
  const n = uint32(value, name);
  return LITTLE ? ((n << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24)) >>> 0 : n;
}

/**
 * Converts a 16-bit number from host to network byte order: htons(3).
 *
 * @param hostshort A number from 0 to 65535. Any other number throws a RangeError (C would truncate it).
 * @returns The number with its bytes in network order.
 * @throws TypeError if the argument is not a number; RangeError if it is not in this range.
 * @example
 * console.log(htons(0x1234).toString(16)); // 3412
 * @see https://man7.org/linux/man-pages/man3/htons.3.html
 */
export function htons(hostshort: number): number {
  return swap16(hostshort, 'hostshort');
}

/**
 * Converts a 16-bit number from network to host byte order: ntohs(3).
 *
 * @param netshort A number from 0 to 65535. Any other number throws a RangeError (C would truncate it).
 * @returns The number with its bytes in host order.
 * @throws TypeError if the argument is not a number; RangeError if it is not in this range.
 * @example
 * console.log(ntohs(htons(80))); // 80
 * @see https://man7.org/linux/man-pages/man3/htons.3.html
 */
export function ntohs(netshort: number): number {
  return swap16(netshort, 'netshort');
}

/**
 * Converts a 32-bit number from host to network byte order: htonl(3). The result is never negative.
 *
 * @param hostlong A number from 0 to 4294967295. Any other number throws a RangeError (C would truncate it).
 * @returns The number with its bytes in network order.
 * @throws TypeError if the argument is not a number; RangeError if it is not in this range.
 * @example
 * console.log(htonl(0x7f000001).toString(16)); // 100007f
 * @see https://man7.org/linux/man-pages/man3/htons.3.html
 */
export function htonl(hostlong: number): number {
  return swap32(hostlong, 'hostlong');
}

/**
 * Converts a 32-bit number from network to host byte order: ntohl(3). The result is never negative.
 *
 * @param netlong A number from 0 to 4294967295. Any other number throws a RangeError (C would truncate it).
 * @returns The number with its bytes in host order.
 * @throws TypeError if the argument is not a number; RangeError if it is not in this range.
 * @example
 * console.log(ntohl(htonl(4294967295))); // 4294967295
 * @see https://man7.org/linux/man-pages/man3/htons.3.html
 */
export function ntohl(netlong: number): number {
  return swap32(netlong, 'netlong');
}

const PTON: Call = call('inet_pton', 'family', 'text', 'to');

/**
 * Converts the text of an address to bytes, by the rules of the C library: inet_pton(3).
 *
 * @param family AF_INET or AF_INET6.
 * @param text The address, such as `'192.0.2.1'` or `'2001:db8::1'`, without a port or a scope.
 * @returns 4 or 16 bytes in network byte order, or `undefined` where C returns 0 because the text is not an address of that
 *   family.
 * @throws SocketError EAFNOSUPPORT for another family; TypeError for a text that contains a NUL, which C would truncate.
 * @example
 * console.log(inet_pton(AF_INET, '127.0.0.1')?.toString('hex')); // 7f000001
 * console.log(inet_pton(AF_INET6, '127.0.0.1')); // undefined
 * @see https://man7.org/linux/man-pages/man3/inet_pton.3.html
 */
export function inet_pton(family: number, text: string): Buffer | undefined {
  const to = Buffer.alloc(16);
  if (check(native.inet_pton(family, text, to), PTON) === 0) return undefined;
  return family === AF_INET ? to.subarray(0, 4) : to;
}

const NTOP: Call = call('inet_ntop', 'family', 'address');

/**
 * Converts the bytes of an address to text, by the rules of the C library: inet_ntop(3).
 *
 * @param family AF_INET or AF_INET6.
 * @param address The address, 4 or 16 bytes in network byte order.
 * @returns The text in its shortest form.
 * @throws SocketError EAFNOSUPPORT for another family; RangeError for another number of bytes.
 * @example
 * console.log(inet_ntop(AF_INET6, new Uint8Array(16))); // ::
 * @see https://man7.org/linux/man-pages/man3/inet_ntop.3.html
 */
export function inet_ntop(family: number, address: Uint8Array): string {
  const text = native.inet_ntop(family, address);
  if (typeof text === 'number') fail(text, NTOP);
  return text;
}

const ATON: Call = call('inet_aton', 'text', 'to');

/**
 * Converts the text of an IPv4 address to bytes: inet_aton(3). It accepts all the old forms of C (`'127.1'`, `'0x7f000001'`,
 * octal parts).
 *
 * @param text The address.
 * @returns 4 bytes in network byte order, or `undefined` where C returns 0 because the text is not an address.
 * @throws TypeError for a text that contains a NUL, which C would truncate.
 * @example
 * console.log(inet_aton('127.1')?.toString('hex')); // 7f000001
 * @see https://man7.org/linux/man-pages/man3/inet_aton.3.html
 */
export function inet_aton(text: string): Buffer | undefined {
  const to = Buffer.alloc(4);
  return check(native.inet_aton(text, to), ATON) === 0 ? undefined : to;
}

/**
 * Converts 4 bytes to the dotted text of an IPv4 address: inet_ntoa(3).
 *
 * @param address The address, 4 bytes in network byte order.
 * @returns The text, such as `'127.0.0.1'`.
 * @throws RangeError for another number of bytes.
 * @example
 * console.log(inet_ntoa(Uint8Array.of(127, 0, 0, 1))); // 127.0.0.1
 * @see https://man7.org/linux/man-pages/man3/inet_ntoa.3.html
 */
export function inet_ntoa(address: Uint8Array): string {
  return inet_ntop(AF_INET, address);
}
