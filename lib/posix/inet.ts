/** Byte order and addresses as text: byteorder(3), inet_pton(3), inet_aton(3). */

import { Buffer } from 'node:buffer';
import { ATON, NTOP, PTON } from './calls.ts';
import { AF_INET } from './constants.ts';
import { check } from './errno.ts';
import { native } from './native.ts';
import { LITTLE, uint16, uint32 } from './number.ts';

function swap16(value: number, name: string): number {
  const n = uint16(value, name);
  return LITTLE ? ((n & 0xff) << 8) | (n >> 8) : n;
}

function swap32(value: number, name: string): number {
  const n = uint32(value, name);
  return LITTLE ? ((n << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24)) >>> 0 : n;
}

/**
 * A 16-bit number from host to network byte order: htons(3).
 *
 * @param hostshort 0 to 65535; anything else is a RangeError (C would cut it).
 * @returns The number with its bytes in network order.
 * @throws TypeError, RangeError as said of the parameter.
 * @example
 * console.log(htons(0x1234).toString(16)); // 3412
 * @see https://man7.org/linux/man-pages/man3/htons.3.html
 */
export function htons(hostshort: number): number {
  return swap16(hostshort, 'hostshort');
}

/**
 * A 16-bit number from network to host byte order: ntohs(3).
 *
 * @param netshort 0 to 65535; anything else is a RangeError (C would cut it).
 * @returns The number with its bytes in host order.
 * @throws TypeError, RangeError as said of the parameter.
 * @example
 * console.log(ntohs(htons(80))); // 80
 * @see https://man7.org/linux/man-pages/man3/htons.3.html
 */
export function ntohs(netshort: number): number {
  return swap16(netshort, 'netshort');
}

/**
 * A 32-bit number from host to network byte order: htonl(3). The result is never negative.
 *
 * @param hostlong 0 to 4294967295; anything else is a RangeError (C would cut it).
 * @returns The number with its bytes in network order.
 * @throws TypeError, RangeError as said of the parameter.
 * @example
 * console.log(htonl(0x7f000001).toString(16)); // 100007f
 * @see https://man7.org/linux/man-pages/man3/htons.3.html
 */
export function htonl(hostlong: number): number {
  return swap32(hostlong, 'hostlong');
}

/**
 * A 32-bit number from network to host byte order: ntohl(3). The result is never negative.
 *
 * @param netlong 0 to 4294967295; anything else is a RangeError (C would cut it).
 * @returns The number with its bytes in host order.
 * @throws TypeError, RangeError as said of the parameter.
 * @example
 * console.log(ntohl(htonl(4294967295))); // 4294967295
 * @see https://man7.org/linux/man-pages/man3/htons.3.html
 */
export function ntohl(netlong: number): number {
  return swap32(netlong, 'netlong');
}

/**
 * The bytes of an address text: inet_pton(3), by the C library's own rules.
 *
 * @param family AF_INET or AF_INET6.
 * @param text `'192.0.2.1'` or `'2001:db8::1'`: no port, no scope.
 * @returns 4 or 16 bytes in network order, or `undefined` where C returns 0: the text is no address of that family.
 * @throws SocketError EAFNOSUPPORT for another family; TypeError for a text with an inner NUL, which C would cut.
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

/**
 * The text of an address: inet_ntop(3), by the C library's own rules.
 *
 * @param family AF_INET or AF_INET6.
 * @param address 4 or 16 bytes in network order.
 * @returns The text, in the shortest form.
 * @throws SocketError EAFNOSUPPORT for another family; RangeError for another number of bytes.
 * @example
 * console.log(inet_ntop(AF_INET6, new Uint8Array(16))); // ::
 * @see https://man7.org/linux/man-pages/man3/inet_ntop.3.html
 */
export function inet_ntop(family: number, address: Uint8Array): string {
  const text = native.inet_ntop(family, address);
  if (typeof text === 'number') throw check(text, NTOP);
  return text;
}

/**
 * The bytes of an IPv4 address in any of C's old forms (`'127.1'`, `'0x7f000001'`, octal parts): inet_aton(3).
 *
 * @param text The address.
 * @returns 4 bytes in network order, or `undefined` where C returns 0: the text is no address.
 * @throws TypeError for a text with an inner NUL, which C would cut.
 * @example
 * console.log(inet_aton('127.1')?.toString('hex')); // 7f000001
 * @see https://man7.org/linux/man-pages/man3/inet_aton.3.html
 */
export function inet_aton(text: string): Buffer | undefined {
  const to = Buffer.alloc(4);
  return check(native.inet_aton(text, to), ATON) === 0 ? undefined : to;
}

/**
 * The dotted text of 4 bytes: inet_ntoa(3).
 *
 * @param address 4 bytes in network order.
 * @returns `'127.0.0.1'`.
 * @throws RangeError for another number of bytes.
 * @example
 * console.log(inet_ntoa(Uint8Array.of(127, 0, 0, 1))); // 127.0.0.1
 * @see https://man7.org/linux/man-pages/man3/inet_ntoa.3.html
 */
export function inet_ntoa(address: Uint8Array): string {
  return inet_ntop(AF_INET, address);
}
