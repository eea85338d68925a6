/** Conversion of hardware addresses between bytes and text. */
import { invalidValue } from '../argument/argument-error.ts';
import { attached, uint8Array } from '../argument/snapshot.ts';
import { hardwareText } from './hardware-text.ts';

/**
 * A hardware address that a call accepts: text, such as `'02:00:00:00:00:01'`, or bytes.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export type HardwareAddressLike = string | Uint8Array;

/** Bytes of one or two digits between colons, hyphens or dots; groups of two bytes between dots; digits alone. */
const BYTES = /^[0-9a-f]{1,2}(?:([:.-])[0-9a-f]{1,2}(?:\1[0-9a-f]{1,2})*)?$/i;
const GROUPS = /^[0-9a-f]{4}(?:\.[0-9a-f]{4})+$/i;
const DIGITS = /^(?:[0-9a-f]{2})*$/i;

/** The value of each character code as a hexadecimal digit, or NONE for any other character. */
const NONE = 0xff;
const DIGIT_VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? NONE : value;
});

/** Parses the most common form, two digits between colons, without searching the text. */
function plain(text: string): Uint8Array | undefined {
  const count = (text.length + 1) / 3;
  if (!Number.isInteger(count)) return undefined;
  const bytes = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const high = DIGIT_VALUES[text.charCodeAt(3 * i)] ?? NONE;
    const low = DIGIT_VALUES[text.charCodeAt(3 * i + 1)] ?? NONE;
    if (high === NONE || low === NONE || (i > 0 && text[3 * i - 1] !== ':')) return undefined;
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

/** Parses any spelling. Returns undefined for a text that is not a hardware address. */
function spelled(text: string): Uint8Array | undefined {
  let parts: readonly string[];
  if (BYTES.test(text)) parts = text.split(/[:.-]/);
  else if (GROUPS.test(text) || DIGITS.test(text)) parts = text.replaceAll('.', '').match(/../g) ?? [];
  else return undefined;
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
}

/** Returns the bytes of a hardware address. If `length` is given, the address must have that many bytes. */
export function hardwareBytes(value: unknown, name: string, length?: number): Uint8Array {
  const bytes =
    typeof value === 'string' ? (plain(value) ?? spelled(value)) : attached(value, name, 'a string or a Uint8Array');
  if (bytes === undefined || (length !== undefined && bytes.length !== length)) {
    throw invalidValue(name, `a hardware address${length === undefined ? '' : ` of ${length} bytes`} ('aa:bb:...')`);
  }
  return bytes;
}

/**
 * Converts a hardware address to bytes, like ether_aton(3), but for addresses of any length and in every common spelling.
 *
 * @param address The address: `'02:00:00:00:00:01'`, `'2:0:0:0:0:1'`, `'02-00-00-00-00-01'`, `'0200.0000.0001'` or `'020000000001'`, in
 *   upper or lower case. Bytes are returned unchanged. `''` is the address without bytes.
 * @returns The bytes. An Ethernet address has six.
 * @throws TypeError if `address` is not a hardware address.
 * @example
 * console.log(parseHardwareAddress('02:00:00:00:00:01')); // Uint8Array(6) [ 2, 0, 0, 0, 0, 1 ]
 * @see https://man7.org/linux/man-pages/man3/ether_aton.3.html
 */
export function parseHardwareAddress(address: HardwareAddressLike): Uint8Array {
  return hardwareBytes(address, 'address');
}

/**
 * Converts a hardware address to text, like ether_ntoa(3), but for addresses of any length and with two digits for each byte.
 *
 * @param address The bytes of the address.
 * @returns The text, such as `'02:00:00:00:00:01'`, or `''` for no bytes.
 * @throws TypeError if `address` is not a Uint8Array.
 * @example
 * console.log(formatHardwareAddress(Uint8Array.of(2, 0, 0, 0, 0, 1))); // 02:00:00:00:00:01
 * @see https://man7.org/linux/man-pages/man3/ether_aton.3.html
 */
export function formatHardwareAddress(address: Uint8Array): string {
  return hardwareText(uint8Array(address, 'address'), 0, address.length);
}
