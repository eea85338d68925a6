/** The parts of which the lines of layers are composed. */
import { Buffer } from 'node:buffer';
import { isUint8Array } from '../../argument/kind.ts';

/** Formats a number in hex with a minimum number of digits. */
export const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** Names of numbers. */
export type NumberNames = { readonly [number: number]: string };

export const ETHER_TYPES: NumberNames = {
  2048: 'IPv4',
  2054: 'ARP',
  25944: 'Ethernet',
  32821: 'RARP',
  33024: 'VLAN',
  34525: 'IPv6',
  34887: 'MPLS',
  34888: 'MPLS multicast',
  34915: 'PPPoE discovery',
  34916: 'PPPoE session',
  34984: 'VLAN',
  35020: 'LLDP',
};
export const PROTOCOLS: NumberNames = {
  0: 'hop-by-hop options',
  1: 'ICMP',
  2: 'IGMP',
  4: 'IPv4',
  6: 'TCP',
  17: 'UDP',
  41: 'IPv6',
  43: 'routing',
  44: 'fragment',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  58: 'ICMPv6',
  59: 'nothing',
  60: 'destination options',
  132: 'SCTP',
  136: 'UDP-Lite',
  137: 'MPLS',
  143: 'Ethernet',
};

/** Formats a number together with its name, if it has one. */
export function named(names: NumberNames, value: number, text: string = String(value)): string {
  const name = names[value];
  return name === undefined ? text : `${name} (${text})`;
}

/** Formats a checksum and whether it is correct. `pending` means that the network card has not filled it in yet. */
export function sumText(
  checksum: number,
  ok: boolean | undefined,
  pending: boolean = false,
  digits: number = 4,
): string {
  const verdict = ok === undefined ? (pending ? ' not filled in yet' : '') : ok ? ' ok' : ' WRONG';
  return `checksum ${hex(checksum, digits)}${verdict}`;
}

/** Joins a list and omits the parts that are empty, false or undefined. */
export function list(...parts: (string | false | undefined)[]): string {
  return parts.filter(Boolean).join(', ');
}

/** Formats bytes in hex. */
export function bytesText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Formats the value of an option's field. */
export function valueText(value: unknown): string {
  if (isUint8Array(value)) return bytesText(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return Object.values(value).map(valueText).join('-');
  return String(value);
}

/** Formats an option as `name value, name value`, or as the name alone if it has no fields. */
export function optionText(option: { name: string }): string {
  const { name, ...fields } = option;
  const values = Object.entries(fields).filter(([, value]) => value !== 0 && value !== false);
  if (values.length === 1) return `${name} ${valueText(values[0]![1])}`;
  return [name, ...values.map(([key, value]) => (value === true ? key : `${key} ${valueText(value)}`))].join(' ');
}

/** Formats a list of options. */
export function optionsText(options: readonly { name: string }[] | undefined): string | undefined {
  return options === undefined || options.length === 0 ? undefined : `<${options.map(optionText).join(', ')}>`;
}
