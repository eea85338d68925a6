/** What the lines of all layers consist of: words for numbers, lists and hexadecimal digits. */
import { Buffer } from 'node:buffer';
import { isUint8Array } from '../../argument/kind.ts';
import * as constants from '../../native/constants.ts';

/** Formats a number in hex with a minimum number of digits. */
export const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** Names of numbers. */
export type NumberNames = { readonly [number: number]: string };

export const ETHER_TYPES: NumberNames = {
  [constants.ETH_P_IP]: 'IPv4',
  [constants.ETH_P_ARP]: 'ARP',
  [constants.ETH_P_TEB]: 'Ethernet',
  [constants.ETH_P_RARP]: 'RARP',
  [constants.ETH_P_8021Q]: 'VLAN',
  [constants.ETH_P_IPV6]: 'IPv6',
  [constants.ETH_P_MPLS_UC]: 'MPLS',
  [constants.ETH_P_MPLS_MC]: 'MPLS multicast',
  [constants.ETH_P_PPP_DISC]: 'PPPoE discovery',
  [constants.ETH_P_PPP_SES]: 'PPPoE session',
  [constants.ETH_P_8021AD]: 'VLAN',
  [constants.ETH_P_LLDP]: 'LLDP',
};
export const PROTOCOLS: NumberNames = {
  [constants.IPPROTO_HOPOPTS]: 'hop-by-hop options',
  [constants.IPPROTO_ICMP]: 'ICMP',
  [constants.IPPROTO_IGMP]: 'IGMP',
  [constants.IPPROTO_IPIP]: 'IPv4',
  [constants.IPPROTO_TCP]: 'TCP',
  [constants.IPPROTO_UDP]: 'UDP',
  [constants.IPPROTO_IPV6]: 'IPv6',
  [constants.IPPROTO_ROUTING]: 'routing',
  [constants.IPPROTO_FRAGMENT]: 'fragment',
  [constants.IPPROTO_GRE]: 'GRE',
  [constants.IPPROTO_ESP]: 'ESP',
  [constants.IPPROTO_AH]: 'AH',
  [constants.IPPROTO_ICMPV6]: 'ICMPv6',
  [constants.IPPROTO_NONE]: 'nothing',
  [constants.IPPROTO_DSTOPTS]: 'destination options',
  [constants.IPPROTO_SCTP]: 'SCTP',
  [constants.IPPROTO_UDPLITE]: 'UDP-Lite',
  [constants.IPPROTO_MPLS]: 'MPLS',
  [constants.IPPROTO_ETHERNET]: 'Ethernet',
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
