/** The options of IPv6's hop-by-hop and destination options headers: RFC 8200, 2711 and 2675. */
import { data, get16, get32, put16, put32, uint8, uint16, uint32 } from './bytes.ts';

/**
 * An option of an IPv6 extension header, told apart by `name`. Its length is filled in.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.2
 */
export type Ipv6Option =
  | { name: 'pad1' }
  /** `length` bytes of zeros after type and length. */
  | { name: 'padN'; length: number }
  | { name: 'routerAlert'; value: number }
  | { name: 'jumboPayload'; jumboPayloadLength: number }
  /** Any other type, or a known one of unexpected length. */
  | { name: 'other'; type: number; data: Uint8Array }
  /** What is left where an option's length cannot be right; encodes as it is. */
  | { name: 'malformed'; data: Uint8Array };

const PAD1 = 0;
const PADN = 1;
const ROUTER_ALERT = 5;
const JUMBO = 0xc2;

function size(option: Ipv6Option): number {
  switch (option.name) {
    case 'pad1':
      return 1;
    case 'padN':
      return 2 + option.length;
    case 'routerAlert':
      return 4;
    case 'jumboPayload':
      return 6;
    case 'other':
      return 2 + option.data.length;
    case 'malformed':
      return option.data.length;
  }
}

/** The length of options, without padding. */
export function ipv6OptionsSize(options: readonly Ipv6Option[]): number {
  let total = 0;
  for (const option of options) total += size(option);
  return total;
}

function write(option: Ipv6Option, bytes: Uint8Array, at: number): void {
  switch (option.name) {
    case 'pad1':
      return;
    case 'malformed':
      bytes.set(data(option.data, 'ipv6.options.data'), at);
      return;
    case 'padN':
      bytes[at] = PADN;
      break;
    case 'routerAlert':
      bytes[at] = ROUTER_ALERT;
      put16(bytes, at + 2, uint16(option.value, 'ipv6.options.value'));
      break;
    case 'jumboPayload':
      bytes[at] = JUMBO;
      put32(bytes, at + 2, uint32(option.jumboPayloadLength, 'ipv6.options.jumboPayloadLength'));
      break;
    case 'other':
      bytes[at] = uint8(option.type, 'ipv6.options.type');
      bytes.set(data(option.data, 'ipv6.options.data'), at + 2);
  }
  bytes[at + 1] = uint8(size(option) - 2, 'ipv6.options.length');
}

/** Writes options into zeros, and pads them up to `end`. */
export function writeIpv6Options(options: readonly Ipv6Option[], bytes: Uint8Array, start: number, end: number): void {
  let at = start;
  for (const option of options) {
    write(option, bytes, at);
    at += size(option);
  }
  if (end - at > 1) write({ name: 'padN', length: end - at - 2 }, bytes, at);
}

function read(bytes: Uint8Array, at: number, length: number): Ipv6Option {
  const type = bytes[at]!;
  if (type === ROUTER_ALERT && length === 2) return { name: 'routerAlert', value: get16(bytes, at + 2) };
  if (type === JUMBO && length === 4) return { name: 'jumboPayload', jumboPayloadLength: get32(bytes, at + 2) };
  if (type === PADN) {
    let zeros = true;
    for (let i = 0; i < length; i++) zeros &&= bytes[at + 2 + i] === 0;
    if (zeros) return { name: 'padN', length };
  }
  return { name: 'other', type, data: bytes.subarray(at + 2, at + 2 + length) };
}

/**
 * Reads options.
 *
 * @returns Where an option begins whose length cannot be right, or -1.
 */
export function readIpv6Options(bytes: Uint8Array, start: number, end: number, options: Ipv6Option[]): number {
  let at = start;
  while (at < end) {
    if (bytes[at] === PAD1) {
      options.push({ name: 'pad1' });
      at += 1;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1]! : 0;
    if (at + 2 + length > end) {
      options.push({ name: 'malformed', data: bytes.subarray(at, end) });
      return at;
    }
    options.push(read(bytes, at, length));
    at += 2 + length;
  }
  return -1;
}
