/** Formats the headers above IP in the style of tcpdump. */
import type { Icmp } from '../layers/icmp.ts';
import type { Icmpv6 } from '../layers/icmpv6-message.ts';
import type { Ipv4 } from '../layers/ipv4.ts';
import type { Layer } from '../layers/layer.ts';
import type { OwnLayer } from '../layers/layer-type.ts';
import type { Tcp } from '../layers/tcp.ts';
import type { TcpOption } from '../layers/tcp-option.ts';
import { ICMP_TYPES, ICMPV6_TYPES } from './transport.ts';
import { bytesText, hex, list, named } from './words.ts';

const FLAGS = { fin: 'F', syn: 'S', rst: 'R', psh: 'P', ack: '.', urg: 'U', ece: 'E', cwr: 'W' } as const;

function flagsOf(layer: Tcp): string {
  const set = Object.entries(FLAGS).filter(([flag]) => layer[flag as keyof typeof FLAGS]);
  return set.map(([, letter]) => letter).join('') || 'none';
}

function optionOf(option: TcpOption): string {
  switch (option.name) {
    case 'endOfOptionList':
      return 'eol';
    case 'noOperation':
      return 'nop';
    case 'maximumSegmentSize':
      return `mss ${option.maximumSegmentSize}`;
    case 'windowScale':
      return `wscale ${option.shiftCount}`;
    case 'sackPermitted':
      return 'sackOK';
    case 'sack':
      return `sack ${option.blocks.length} ${option.blocks.map((one) => `{${one.leftEdge}:${one.rightEdge}}`).join('')}`;
    case 'timestamps':
      return `TS val ${option.tsVal} ecr ${option.tsEcr}`;
    case 'fastOpen':
      return `tfo  ${option.cookie.length === 0 ? 'cookiereq' : `cookie ${bytesText(option.cookie)}`}`;
    case 'md5Signature':
      return `md5 ${bytesText(option.digest)}`;
    case 'other':
      return `unknown-${option.kind}${option.data.length > 0 ? ` 0x${bytesText(option.data)}` : ''}`;
    case 'malformed':
      return 'bad opt';
  }
}

/** Formats a segment, where `length` is the length of its data. Sequence numbers are those of the header. */
export function tcpSummary(layer: Tcp, length: number): string {
  const { sequenceNumber: from, options } = layer;
  const told = length > 0 || layer.syn || layer.fin || layer.rst;
  return list(
    `Flags [${flagsOf(layer)}]`,
    told && `seq ${from}${length > 0 ? `:${(from + length) % 2 ** 32}` : ''}`,
    layer.ack && `ack ${layer.acknowledgmentNumber}`,
    `win ${layer.window}`,
    layer.urg && `urg ${layer.urgentPointer}`,
    options.length > 0 && `options [${options.map(optionOf).join(',')}]`,
    `length ${length}`,
  );
}

/** Returns the destination address and port of a quoted packet. */
function quoted(layers: readonly (Layer | OwnLayer)[]): { to: string | undefined; port: string | undefined } {
  const header = layers.find((layer): layer is Ipv4 => layer.layer === 'ipv4');
  const upper = layers.find((layer) => layer.layer === 'udp' || layer.layer === 'tcp' || layer.layer === 'sctp');
  const port = upper === undefined ? undefined : `${upper.layer} port ${(upper as Tcp).destinationPort}`;
  return { to: header?.destinationAddress, port };
}

/** Formats an unreachable destination by its code. */
const UNREACHABLE: { readonly [code: number]: (to: string, port: string | undefined, layer: Icmp) => string } = {
  0: (to) => `net ${to} unreachable`,
  1: (to) => `host ${to} unreachable`,
  2: (to) => `${to} protocol unreachable`,
  3: (to, port = 'port') => `${to} ${port} unreachable`,
  4: (to, _, { nextHopMtu }) => `${to} unreachable - need to frag${nextHopMtu ? ` (mtu ${nextHopMtu})` : ''}`,
  10: (to) => `host ${to} unreachable - admin prohibited`,
  13: (to) => `host ${to} unreachable - admin prohibited filter`,
};

function icmpError(layer: Icmp, rest: readonly (Layer | OwnLayer)[]): string | undefined {
  const { to, port } = quoted(rest);
  if (layer.type === 3 && to !== undefined) return UNREACHABLE[layer.code]?.(to, port, layer);
  if (layer.type === 11) return layer.code === 0 ? 'time exceeded in-transit' : 'ip reassembly time exceeded';
  if (layer.type !== 5 || to === undefined) return undefined;
  return `redirect ${to} to ${layer.code === 0 ? 'net' : 'host'} ${layer.gatewayInternetAddress}`;
}

/** Formats an ICMP message, where `length` is the length of the whole message and `rest` the packet that it quotes. */
export function icmpSummary(layer: Icmp, length: number, rest: readonly (Layer | OwnLayer)[]): string {
  const { type, code, identifier, sequenceNumber } = layer;
  const plain = `${ICMP_TYPES[type] ?? `type-#${type}`}${code > 0 ? ` code ${code}` : ''}`;
  return list(
    `ICMP ${icmpError(layer, rest) ?? plain}`,
    identifier !== undefined && `id ${identifier}`,
    sequenceNumber !== undefined && `seq ${sequenceNumber}`,
    `length ${length}`,
  );
}

/** Formats an ICMPv6 message. */
export function icmpv6Summary(layer: Icmpv6, length: number): string {
  const { type, code, identifier, sequenceNumber, targetAddress } = layer;
  const target = targetAddress !== undefined && `${type === 135 ? 'who has' : 'tgt is'} ${targetAddress}`;
  return list(
    'ICMP6',
    `${named(ICMPV6_TYPES, type, hex(type, 2)).replace(/ \(0x\w+\)$/, '')}${code > 0 ? ` code ${code}` : ''}`,
    identifier !== undefined && `id ${identifier}`,
    sequenceNumber !== undefined && `seq ${sequenceNumber}`,
    layer.mtu !== undefined && `mtu ${layer.mtu}`,
    target,
    `length ${length}`,
  );
}
