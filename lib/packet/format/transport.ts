/** Formats the headers above IP. */
import type { ExtendedEchoFields } from '../layers/extended-echo.ts';
import type { Icmp } from '../layers/icmp.ts';
import type { Icmpv6 } from '../layers/icmpv6-message.ts';
import type { Tcp } from '../layers/tcp.ts';
import type { Udp } from '../layers/udp.ts';
import type { Udplite } from '../layers/udplite.ts';
import { list, type NumberNames, named, optionsText, sumText } from './words.ts';

export const ICMP_TYPES: NumberNames = {
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
  42: 'extended echo request',
  43: 'extended echo reply',
};
const UNREACHABLE: readonly string[] = [
  'net',
  'host',
  'protocol',
  'port',
  'fragmentation needed',
  'source route failed',
];
export const ICMPV6_TYPES: NumberNames = {
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
  160: 'extended echo request',
  161: 'extended echo reply',
};
/** Formats what an extended echo message reports about an interface. */
function extendedEcho(layer: ExtendedEchoFields): (string | false | undefined)[] {
  const flags = (['local', 'active', 'ipv4', 'ipv6'] as const).map((flag) => layer[flag] && flag);
  return [layer.state !== undefined && `state ${layer.state}`, ...flags];
}

export function icmpLine(layer: Icmp): string {
  const code = layer.type === 3 ? (UNREACHABLE[layer.code] ?? `code ${layer.code}`) : `code ${layer.code}`;
  return list(
    named(ICMP_TYPES, layer.type, `type ${layer.type}`),
    (layer.code > 0 || layer.type === 3) && code,
    layer.identifier !== undefined && `id ${layer.identifier}`,
    layer.sequenceNumber !== undefined && `seq ${layer.sequenceNumber}`,
    ...extendedEcho(layer),
    layer.type === 3 && layer.code === 4 && `mtu ${layer.nextHopMtu}`,
    layer.pointer !== undefined && `pointer ${layer.pointer}`,
    layer.gatewayInternetAddress !== undefined && `gateway ${layer.gatewayInternetAddress}`,
    layer.originateTimestamp !== undefined &&
      `times ${layer.originateTimestamp} ${layer.receiveTimestamp} ${layer.transmitTimestamp}`,
    sumText(layer.checksum, layer.checksumOk),
  );
}

export function icmpv6Line(layer: Icmpv6): string {
  return list(
    named(ICMPV6_TYPES, layer.type, `type ${layer.type}`),
    layer.code > 0 && `code ${layer.code}`,
    layer.identifier !== undefined && `id ${layer.identifier}`,
    layer.sequenceNumber !== undefined && `seq ${layer.sequenceNumber}`,
    ...extendedEcho(layer),
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

/** Formats the flags of a segment that are set. */
export function tcpFlags(layer: Tcp): string {
  return `[${FLAGS.filter((flag) => layer[flag])
    .map((flag) => flag.toUpperCase())
    .join(' ')}]`;
}

export function tcpLine(layer: Tcp, pending: boolean): string {
  return list(
    `${layer.sourcePort} > ${layer.destinationPort}`,
    tcpFlags(layer),
    `seq ${layer.sequenceNumber}`,
    layer.ack && `ack ${layer.acknowledgmentNumber}`,
    `win ${layer.window}`,
    layer.urg && `urgent ${layer.urgentPointer}`,
    optionsText(layer.options),
    sumText(layer.checksum, layer.checksumOk, pending),
  );
}

export function udpLine(layer: Udp, pending: boolean): string {
  return list(
    `${layer.sourcePort} > ${layer.destinationPort}`,
    `length ${layer.length}`,
    sumText(layer.checksum, layer.checksumOk, pending),
  );
}

export function udpliteLine(layer: Udplite, pending: boolean): string {
  return list(
    `${layer.sourcePort} > ${layer.destinationPort}`,
    `coverage ${layer.checksumCoverage}`,
    sumText(layer.checksum, layer.checksumOk, pending),
  );
}
