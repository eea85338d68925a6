/** Addresses in packets as text: hardware addresses, IPv4 and IPv6. */
import { AF_INET, AF_INET6 } from '../posix/constants.ts';
import { invalidType, invalidValue } from '../posix/errno.ts';
import { hardwareBytes } from '../posix/hardware-address.ts';
import { inet_ntop } from '../posix/inet.ts';
import { native } from '../posix/native.ts';

export { hardwareText } from '../posix/hardware-text.ts';

// One for all: an address is read and written at once.
const scratch = new Uint8Array(16);

/** The number of bytes of a hardware address. */
export function hardwareLength(address: unknown, name: string): number {
  return hardwareBytes(address, name).length;
}

/** Writes a hardware address; `length` is how many bytes it must have, if that is given. */
export function putHardware(bytes: Uint8Array, at: number, address: unknown, name: string, length?: number): void {
  bytes.set(hardwareBytes(address, name, length), at);
}

/** 4 bytes as dotted text. */
export function ipv4Text(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** 16 bytes as text: inet_ntop(3). */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  // What begins with zeros may be an IPv4 address, about which C libraries differ. The others are faster without a call.
  if (bytes[at] !== 0 || bytes[at + 1] !== 0) return groupsText(bytes, at);
  for (let i = 0; i < 16; i++) scratch[i] = bytes[at + i]!;
  return inet_ntop(AF_INET6, scratch);
}

/** The text of 8 groups of which the first is not 0: the first of the longest runs of two or more that are 0 is left out. */
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

/** Writes an IPv4 address: inet_pton(3). */
export function putIpv4(bytes: Uint8Array, at: number, text: unknown, name: string): void {
  put(bytes, at, text, name, AF_INET, 4);
}

/** Writes an IPv6 address: inet_pton(3). */
export function putIpv6(bytes: Uint8Array, at: number, text: unknown, name: string): void {
  put(bytes, at, text, name, AF_INET6, 16);
}
