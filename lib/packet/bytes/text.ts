/** Addresses in packets as text: hardware addresses, IPv4 and IPv6. */

import { invalidType, invalidValue } from '../../argument/argument-error.ts';
import { AF_INET, AF_INET6 } from '../../native/constants.ts';
import { native } from '../../native/native.ts';
import { hardwareBytes } from '../../struct/hardware-address.ts';
import { inet_ntop } from '../../struct/inet.ts';

export { hardwareText } from '../../struct/hardware-text.ts';

// One buffer is shared by all calls, because each address is written and read at once.
const scratch = new Uint8Array(16);

/** Returns the number of bytes of a hardware address. */
export function hardwareLength(address: unknown, name: string): number {
  return hardwareBytes(address, name).length;
}

/** Writes a hardware address. It must have `length` bytes if that is given. */
export function putHardware(bytes: Uint8Array, at: number, address: unknown, name: string, length?: number): void {
  bytes.set(hardwareBytes(address, name, length), at);
}

/** Returns 4 bytes as an IPv4 address in dotted decimal notation. */
export function ipv4Text(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** Returns 16 bytes as an IPv6 address: inet_ntop(3). */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  // An address that begins with zeros may embed an IPv4 address, whose notation differs between C libraries. For other
  // addresses this code is faster than the call.
  if (bytes[at] !== 0 || bytes[at + 1] !== 0) return groupsText(bytes, at);
  for (let i = 0; i < 16; i++) scratch[i] = bytes[at + i]!;
  return inet_ntop(AF_INET6, scratch);
}

/**
 * Returns 8 groups as text, where the first one is not 0. The first of the longest runs of two or more zero groups is
 * omitted.
 */
function groupsText(bytes: Uint8Array, at: number): string {
  let start = 8;
  let length = 1;
  for (let i = 1, run = 0; i < 8; i++) {
    run = bytes[at + 2 * i] === 0 && bytes[at + 2 * i + 1] === 0 ? run + 1 : 0;
    if (run <= length) continue;
    length = run;
    start = i + 1 - run;
  }
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === start) {
      text += i + length === 8 ? '::' : ':';
      i += length - 1;
    } else {
      const group = (bytes[at + 2 * i]! << 8) | bytes[at + 2 * i + 1]!;
      text += i === 0 ? group.toString(16) : `:${group.toString(16)}`;
    }
  }
  return text;
}

function put(bytes: Uint8Array, at: number, text: unknown, name: string, family: number, size: number): void {
  if (typeof text !== 'string') throw invalidType(name, 'a string');
  if (native.inet_pton(family, text, scratch) !== 1) {
    throw invalidValue(name, `an ${family === AF_INET ? 'IPv4' : 'IPv6'} address`);
  }
  for (let i = 0; i < size; i++) bytes[at + i] = scratch[i]!;
}

/** Writes an IPv4 address that is given as text: inet_pton(3). */
export function putIpv4(bytes: Uint8Array, at: number, text: unknown, name: string): void {
  put(bytes, at, text, name, AF_INET, 4);
}

/** Writes an IPv6 address that is given as text: inet_pton(3). */
export function putIpv6(bytes: Uint8Array, at: number, text: unknown, name: string): void {
  put(bytes, at, text, name, AF_INET6, 16);
}
