/** The words of the filter language, and the meaning of those that are protocols. */
import type { FilterExpression, HeaderName } from './expression.ts';
import * as match from './match.ts';

const { etherProto, isoProto, proto } = match;
const ESIS = 0x82;
const ISIS = 0x83;
const CLNP = 0x81;
const pdus = (...numbers: number[]) => isoProto(ISIS, ...numbers);

/** EtherTypes and service access points, as arguments of `ether proto` and as words. `loopback` is only an argument. */
export const ETHER_PROTOCOLS: { readonly [name: string]: number } = {
  ...{ ip: 0x800, ip6: 0x86dd, arp: 0x806, rarp: 0x8035, atalk: 0x809b, aarp: 0x80f3, loopback: 0x9000 },
  ...{ decnet: 0x6003, lat: 0x6004, sca: 0x6007, mopdl: 0x6001, moprc: 0x6002 },
  ...{ iso: 0xfe, stp: 0x42, ipx: 0xe0, netbeui: 0xf0 },
};
export const ISO_PROTOCOLS: { readonly [name: string]: number } = { clnp: CLNP, esis: ESIS, isis: ISIS };

/** Protocols that form an expression when they stand alone. */
export const ALONE: { readonly [word: string]: () => FilterExpression } = {
  ...Object.fromEntries(
    Object.entries(ETHER_PROTOCOLS)
      .filter(([name]) => name !== 'loopback')
      .map(([name, number]) => [name, () => etherProto(number)]),
  ),
  ...{ tcp: match.tcp, udp: match.udp, sctp: match.sctp, icmp: match.icmp, icmp6: match.icmp6, igmp: match.igmp },
  ...{ ah: () => proto(51), esp: () => proto(50), pim: () => proto(103) },
  ...{ igrp: () => proto(9, 'ip'), vrrp: () => proto(112, 'ip'), carp: () => proto(112, 'ip') },
  ...{ clnp: () => isoProto(CLNP), esis: () => isoProto(ESIS), isis: () => isoProto(ISIS) },
  l1: () => pdus(26, 24, 18, 17, 15),
  l2: () => pdus(27, 25, 20, 17, 16),
  iih: () => pdus(17, 16, 15),
  lsp: () => pdus(20, 18),
  snp: () => pdus(27, 26, 25, 24),
  csnp: () => pdus(25, 24),
  psnp: () => pdus(27, 26),
};

/** The names of the link layer, all of which mean the same. */
export const LINK: readonly string[] = ['ether', 'link', 'ppp', 'slip', 'fddi', 'tr', 'wlan'];
/** Words that say what an address or a number is. */
export const TYPES: readonly string[] = ['host', 'net', 'port', 'portrange', 'proto', 'protochain', 'gateway'];
export const DIRECTIONS: readonly string[] = ['src', 'dst', 'addr1', 'addr2', 'addr3', 'addr4', 'ra', 'ta'];
/** Returns the name of a header in the data for its word. */
export const headerOf = (word: string): HeaderName => (LINK.includes(word) ? 'ether' : (word as HeaderName));

/** Words for link types that filters are not compiled for, and what they apply to. */
export const FOREIGN: { readonly [word: string]: string } = {
  ...Object.fromEntries(
    ['on', 'ifname', 'rset', 'ruleset', 'rnr', 'rulenum', 'srnr', 'subrulenum', 'reason', 'action'].map((word) => [
      word,
      'the OpenBSD packet filter log',
    ]),
  ),
  ...Object.fromEntries(
    [
      ...['lane', 'metac', 'bcc', 'oam', 'oamf4', 'oamf4ec', 'oamf4sc', 'sc', 'ilmic', 'vpi', 'vci'],
      ...['connectmsg', 'metaconnect'],
    ].map((word) => [word, 'ATM']),
  ),
  ...Object.fromEntries(
    [
      ...['fisu', 'lssu', 'lsu', 'msu', 'hfisu', 'hlssu', 'hmsu'],
      ...['sio', 'opc', 'dpc', 'sls', 'hsio', 'hopc', 'hdpc', 'hsls'],
    ].map((word) => [word, 'Signalling System 7']),
  ),
};

const WORDS = new Set([
  ...[...Object.keys(ALONE), ...LINK, ...TYPES, ...DIRECTIONS, ...Object.keys(FOREIGN)],
  ...['es-is', 'is-is', 'direction', 'address1', 'address2', 'address3', 'address4'],
  ...['and', 'or', 'not', 'mask', 'radio', 'len', 'length', 'less', 'greater', 'byte', 'broadcast', 'multicast'],
  ...['inbound', 'outbound', 'ifindex', 'vlan', 'mpls', 'pppoed', 'pppoes', 'geneve', 'llc', 'type', 'subtype', 'dir'],
]);

/** Returns whether a name is a word of the language. */
export function isWord(name: string): boolean {
  return WORDS.has(name);
}

/** Returns whether a word is a header whose bytes can be read, or another protocol. */
export function isHeader(word: string): boolean {
  return isProtocol(word) || word === 'radio';
}

/** Returns whether a word is a protocol that other words can follow. */
export function isProtocol(word: string): boolean {
  return Object.hasOwn(ALONE, word) || LINK.includes(word);
}
