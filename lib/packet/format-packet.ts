/** Packets for people: a line for each layer, and the payload as a hex dump. */

import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import { text } from '../posix/errno.ts';
import { isUint8Array } from '../posix/kind.ts';
import type { Bytes } from '../posix/native.ts';
import { object, uint8Array } from '../posix/snapshot.ts';
import { isBytes } from './bytes.ts';
import type { Icmp } from './layers/icmp.ts';
import type { Icmpv6 } from './layers/icmpv6.ts';
import type { Ipv4 } from './layers/ipv4.ts';
import type { Routing } from './layers/ipv6-extension.ts';
import {
  Decoded,
  type DecodedPacket,
  type DecodeOptions,
  decodePacket,
  type Layer,
  type LayerName,
  layersOf,
} from './layers/packet.ts';
import type { Tcp } from './layers/tcp.ts';

const hex = (value: number, digits: number) => `0x${value.toString(16).padStart(digits, '0')}`;

const ETHER_TYPES: { readonly [number: number]: string } = {
  2048: 'IPv4',
  2054: 'ARP',
  32821: 'RARP',
  34525: 'IPv6',
  35020: 'LLDP',
};
const PROTOCOLS: { readonly [number: number]: string } = {
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
};
const ICMP_TYPES: { readonly [number: number]: string } = {
  0: 'echo reply',
  3: 'destination unreachable',
  4: 'source quench',
  5: 'redirect',
  8: 'echo request',
  9: 'router advertisement',
  10: 'router solicitation',
  11: 'time exceeded',
  12: 'parameter problem',
  13: 'timestamp',
  14: 'timestamp reply',
};
const UNREACHABLE: readonly string[] = [
  'net',
  'host',
  'protocol',
  'port',
  'fragmentation needed',
  'source route failed',
];
const ICMPV6_TYPES: { readonly [number: number]: string } = {
  1: 'destination unreachable',
  2: 'packet too big',
  3: 'time exceeded',
  4: 'parameter problem',
  128: 'echo request',
  129: 'echo reply',
  130: 'multicast listener query',
  131: 'multicast listener report',
  132: 'multicast listener done',
  133: 'router solicitation',
  134: 'router advertisement',
  135: 'neighbor solicitation',
  136: 'neighbor advertisement',
  137: 'redirect',
  143: 'multicast listener report v2',
};
const ARP_OPERATIONS: { readonly [number: number]: string } = {
  1: 'request',
  2: 'reply',
  3: 'RARP request',
  4: 'RARP reply',
};

/** A number with its name, if it has one. */
function named(names: { readonly [number: number]: string }, value: number, text = String(value)): string {
  const name = names[value];
  return name === undefined ? text : `${name} (${text})`;
}

/** A checksum with the verdict over it. */
function sumText(checksum: number, ok: boolean | undefined): string {
  return `checksum ${hex(checksum, 4)}${ok === undefined ? '' : ok ? ' ok' : ' WRONG'}`;
}

/** A list without what is not to be said. */
function list(...parts: (string | false | undefined)[]): string {
  return parts.filter(Boolean).join(', ');
}

function bytesText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** The value of an option's field. */
function valueText(value: unknown): string {
  if (isUint8Array(value)) return bytesText(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return Object.values(value).map(valueText).join('-');
  return String(value);
}

/** `name value, name value` of one option: the name alone when it has no fields. */
function optionText(option: { name: string }): string {
  const { name, ...fields } = option;
  const values = Object.entries(fields).filter(([, value]) => value !== 0 && value !== false);
  if (values.length === 1) return `${name} ${valueText(values[0]![1])}`;
  return [name, ...values.map(([key, value]) => (value === true ? key : `${key} ${valueText(value)}`))].join(' ');
}

function optionsText(options: readonly { name: string }[] | undefined): string | undefined {
  return options === undefined || options.length === 0 ? undefined : `<${options.map(optionText).join(', ')}>`;
}

function ipv4Line(layer: Ipv4): string {
  return list(
    `${layer.sourceAddress} > ${layer.destinationAddress}`,
    named(PROTOCOLS, layer.protocol),
    `ttl ${layer.timeToLive}`,
    `id ${layer.identification}`,
    layer.reserved && 'reserved flag',
    layer.dontFragment && 'DF',
    layer.moreFragments && 'MF',
    (layer.fragmentOffset > 0 || layer.moreFragments) && `fragment at ${8 * layer.fragmentOffset}`,
    layer.dscp > 0 && `dscp ${layer.dscp}`,
    layer.ecn > 0 && `ecn ${layer.ecn}`,
    `length ${layer.totalLength}`,
    optionsText(layer.options),
    sumText(layer.headerChecksum, layer.checksumOk),
  );
}

function routingLine(layer: Routing): string {
  return list(
    `type ${layer.routingType}`,
    `${layer.segmentsLeft} segments left`,
    layer.addresses.join(' '),
    layer.data.length > 0 && `data ${bytesText(layer.data)}`,
    named(PROTOCOLS, layer.nextHeader),
  );
}

function icmpLine(layer: Icmp): string {
  const code = layer.type === 3 ? (UNREACHABLE[layer.code] ?? `code ${layer.code}`) : `code ${layer.code}`;
  return list(
    named(ICMP_TYPES, layer.type, `type ${layer.type}`),
    (layer.code > 0 || layer.type === 3) && code,
    layer.identifier !== undefined && `id ${layer.identifier}`,
    layer.sequenceNumber !== undefined && `seq ${layer.sequenceNumber}`,
    layer.type === 3 && layer.code === 4 && `mtu ${layer.nextHopMtu}`,
    layer.pointer !== undefined && `pointer ${layer.pointer}`,
    layer.gatewayInternetAddress !== undefined && `gateway ${layer.gatewayInternetAddress}`,
    layer.originateTimestamp !== undefined &&
      `times ${layer.originateTimestamp} ${layer.receiveTimestamp} ${layer.transmitTimestamp}`,
    sumText(layer.checksum, layer.checksumOk),
  );
}

function icmpv6Line(layer: Icmpv6): string {
  return list(
    named(ICMPV6_TYPES, layer.type, `type ${layer.type}`),
    layer.code > 0 && `code ${layer.code}`,
    layer.identifier !== undefined && `id ${layer.identifier}`,
    layer.sequenceNumber !== undefined && `seq ${layer.sequenceNumber}`,
    layer.mtu !== undefined && `mtu ${layer.mtu}`,
    layer.pointer !== undefined && `pointer ${layer.pointer}`,
    layer.targetAddress !== undefined && `target ${layer.targetAddress}`,
    layer.destinationAddress !== undefined && `destination ${layer.destinationAddress}`,
    layer.curHopLimit !== undefined && `hop limit ${layer.curHopLimit}`,
    layer.managedAddressConfiguration && 'managed',
    layer.otherConfiguration && 'other',
    layer.homeAgent && 'home agent',
    layer.router && 'router',
    layer.solicited && 'solicited',
    layer.override && 'override',
    layer.routerLifetime !== undefined && `lifetime ${layer.routerLifetime}`,
    optionsText(layer.options),
    sumText(layer.checksum, layer.checksumOk),
  );
}

const FLAGS = ['cwr', 'ece', 'urg', 'ack', 'psh', 'rst', 'syn', 'fin'] as const;

function tcpLine(layer: Tcp): string {
  const flags = FLAGS.filter((flag) => layer[flag]).map((flag) => flag.toUpperCase());
  return list(
    `${layer.sourcePort} > ${layer.destinationPort}`,
    `[${flags.join(' ')}]`,
    `seq ${layer.sequenceNumber}`,
    layer.ack && `ack ${layer.acknowledgmentNumber}`,
    `win ${layer.window}`,
    layer.urg && `urgent ${layer.urgentPointer}`,
    optionsText(layer.options),
    sumText(layer.checksum, layer.checksumOk),
  );
}

/** What is said of a layer after its name. */
function line(layer: Layer): string {
  switch (layer.layer) {
    case 'ethernet':
      return list(
        `${layer.source} > ${layer.destination}`,
        ...layer.tags.map((tag) => list(`vlan ${tag.vid}`, tag.pcp > 0 && `pcp ${tag.pcp}`, tag.dei && 'dei')),
        layer.etherType <= 1500
          ? `802.3 length ${layer.etherType}`
          : named(ETHER_TYPES, layer.etherType, hex(layer.etherType, 4)),
      );
    case 'arp':
      return list(
        named(ARP_OPERATIONS, layer.operation),
        `${layer.senderProtocolAddress} (${layer.senderHardwareAddress}) > ` +
          `${layer.targetProtocolAddress} (${layer.targetHardwareAddress})`,
      );
    case 'ipv4':
      return ipv4Line(layer);
    case 'ipv6':
      return list(
        `${layer.sourceAddress} > ${layer.destinationAddress}`,
        named(PROTOCOLS, layer.nextHeader),
        `hop limit ${layer.hopLimit}`,
        layer.trafficClass > 0 && `class ${hex(layer.trafficClass, 2)}`,
        layer.flowLabel > 0 && `flow ${hex(layer.flowLabel, 5)}`,
        `length ${layer.payloadLength}`,
      );
    case 'hopByHop':
    case 'destinationOptions':
      return list(optionsText(layer.options), named(PROTOCOLS, layer.nextHeader));
    case 'routing':
      return routingLine(layer);
    case 'fragment':
      return list(
        `at ${8 * layer.fragmentOffset}`,
        layer.moreFragments && 'more follow',
        `id ${hex(layer.identification, 8)}`,
        named(PROTOCOLS, layer.nextHeader),
      );
    case 'icmp':
      return icmpLine(layer);
    case 'icmpv6':
      return icmpv6Line(layer);
    case 'tcp':
      return tcpLine(layer);
    case 'udp':
      return list(
        `${layer.sourcePort} > ${layer.destinationPort}`,
        `length ${layer.length}`,
        sumText(layer.checksum, layer.checksumOk),
      );
    default:
      return `${layer.data.length} bytes`;
  }
}

const TITLES: { readonly [name in LayerName | 'ip']: string } = {
  ethernet: 'Ethernet',
  arp: 'ARP',
  ip: 'IP',
  ipv4: 'IPv4',
  ipv6: 'IPv6',
  hopByHop: 'Hop-by-hop options',
  destinationOptions: 'Destination options',
  routing: 'Routing',
  fragment: 'Fragment',
  icmp: 'ICMP',
  icmpv6: 'ICMPv6',
  tcp: 'TCP',
  udp: 'UDP',
  payload: 'Payload',
  trailer: 'Trailer',
};

/**
 * Bytes as offset, hex and ASCII, 16 to a line.
 *
 * @param bytes The bytes.
 * @param indent What every line begins with.
 * @returns Lines, without a newline at the end; `''` for no bytes.
 * @throws TypeError for what is no bytes.
 * @example
 * console.log(formatHex(Buffer.from('hello')));
 * // 0000  68 65 6c 6c 6f                                    hello
 * @see https://man7.org/linux/man-pages/man1/hexdump.1.html
 */
export function formatHex(bytes: Uint8Array, indent = ''): string {
  uint8Array(bytes, 'bytes');
  text(indent, 'indent');
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    let digits = '';
    let ascii = '';
    for (let i = at; i < Math.min(at + 16, bytes.length); i++) {
      const byte = bytes[i]!;
      digits += `${i === at + 8 ? ' ' : ''} ${byte.toString(16).padStart(2, '0')}`;
      ascii += byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.';
    }
    lines.push(`${indent}${at.toString(16).padStart(4, '0')} ${digits.padEnd(50)} ${ascii}`);
  }
  return lines.join('\n');
}

/**
 * A packet as a person reads it: a line for each layer, the payload in hex, and where decoding stopped.
 *
 * @param packet A decoded packet, or its bytes.
 * @param options For bytes: as for `decodePacket`.
 * @returns Lines, without a newline at the end.
 * @throws As `decodePacket`.
 * @example
 * const question = { operation: 1, senderHardwareAddress: '02:00:00:00:00:01', senderProtocolAddress: '192.0.2.1' };
 * const packet = encodePacket([arp({ ...question, targetProtocolAddress: '192.0.2.2' })]);
 * console.log(formatPacket(packet, { first: 'arp' }));
 * // ARP: request (1), 192.0.2.1 (02:00:00:00:00:01) > 192.0.2.2 (00:00:00:00:00:00)
 * @see https://man7.org/linux/man-pages/man1/tcpdump.1.html
 */
export function formatPacket(packet: DecodedPacket | Bytes, options?: DecodeOptions): string {
  const { layers, error, missing } = isBytes(packet) ? decodePacket(packet, options) : object(packet, 'packet');
  const lines: string[] = [];
  for (const layer of layersOf(layers, 'packet')) {
    lines.push(`${TITLES[layer.layer]}: ${line(layer)}`);
    if ((layer.layer === 'payload' || layer.layer === 'trailer') && layer.data.length > 0) {
      lines.push(formatHex(layer.data, '  '));
    }
  }
  if (missing > 0) lines.push(`Cut: ${missing} more bytes were on the wire`);
  if (error !== undefined) lines.push(`Stopped: ${TITLES[error.layer]} at byte ${error.offset}: ${error.reason}`);
  return lines.join('\n');
}

Object.defineProperty(Decoded.prototype, inspect.custom, {
  value(this: Decoded): string {
    return formatPacket(this);
  },
});
