/** The fields that tshark prints for packets, and how they follow from what we decode. */
import * as p from '../../lib/packet/index.ts';
import { fieldsOf } from './tshark.ts';

type Of<Name extends p.LayerName> = Extract<p.Layer, { layer: Name }>;
type Value = string | number | boolean | bigint | undefined;

/** A field of tshark, and how its values follow from a layer; undefined if the layer has none. */
interface Comparison {
  layer: p.LayerName;
  values(layer: never): Value | readonly Value[];
}

function compare<Name extends p.LayerName>(
  layer: Name,
  fields: { [field: string]: (layer: Of<Name>) => Value | readonly Value[] },
): [string, Comparison][] {
  return Object.entries(fields).map(([field, values]) => [field, { layer, values }]);
}

const hex = (digits: number) => (value: number) => `0x${value.toString(16).padStart(digits, '0')}`;
const [hex2, hex4, hex6, hex8] = [hex(2), hex(4), hex(6), hex(8)];
const status = (ok: boolean | undefined) => (ok === undefined ? '2' : ok ? '1' : '0');
const optionValues = <Option extends { name: string }, Name extends Option['name']>(
  options: readonly Option[] | undefined,
  name: Name,
  values: (option: Extract<Option, { name: Name }>) => Value | readonly Value[],
): Value[] =>
  (options ?? [])
    .filter((option): option is Extract<Option, { name: Name }> => option.name === name)
    .flatMap((option) => values(option) as Value);

/** tshark prints the last hop of an unfinished source route; our checksums cover it, too. */
function finalDestination({ destinationAddress, options }: p.Ipv4): string | undefined {
  for (const option of options) {
    if (option.name !== 'looseSourceRoute' && option.name !== 'strictSourceRoute') continue;
    if (option.pointer <= 3 + 4 * option.route.length) return option.route.at(-1);
  }
  return destinationAddress;
}

const comparisons: ReadonlyMap<string, Comparison> = new Map<string, Comparison>([
  ...compare('ethernet', {
    'eth.dst': (l) => l.destination,
    'eth.src': (l) => l.source,
    'ieee8021ad.id': (l) => l.tags.filter((tag) => tag.tpid === 0x88a8).map((tag) => tag.vid),
    'ieee8021ad.priority': (l) => l.tags.filter((tag) => tag.tpid === 0x88a8).map((tag) => tag.pcp),
    'vlan.id': (l) => l.tags.filter((tag) => tag.tpid === 0x8100).map((tag) => tag.vid),
    'vlan.priority': (l) => l.tags.filter((tag) => tag.tpid === 0x8100).map((tag) => tag.pcp),
    'vlan.dei': (l) => l.tags.filter((tag) => tag.tpid === 0x8100).map((tag) => tag.dei),
  }),
  ...compare('arp', {
    'arp.hw.type': (l) => l.hardwareType,
    'arp.proto.type': (l) => hex4(l.protocolType),
    'arp.hw.size': (l) => l.hardwareLength,
    'arp.proto.size': (l) => l.protocolLength,
    'arp.opcode': (l) => l.operation,
    'arp.src.hw_mac': (l) => l.senderHardwareAddress,
    'arp.src.proto_ipv4': (l) => l.senderProtocolAddress,
    'arp.dst.hw_mac': (l) => l.targetHardwareAddress,
    'arp.dst.proto_ipv4': (l) => l.targetProtocolAddress,
  }),
  ...compare('ipv4', {
    'ip.hdr_len': (l) => 4 * l.ihl,
    'ip.dsfield.dscp': (l) => l.dscp,
    'ip.dsfield.ecn': (l) => l.ecn,
    'ip.len': (l) => l.totalLength,
    'ip.id': (l) => hex4(l.identification),
    'ip.flags.rb': (l) => l.reserved,
    'ip.flags.df': (l) => l.dontFragment,
    'ip.flags.mf': (l) => l.moreFragments,
    'ip.frag_offset': (l) => l.fragmentOffset,
    'ip.ttl': (l) => l.timeToLive,
    'ip.proto': (l) => l.protocol,
    'ip.checksum': (l) => hex4(l.headerChecksum),
    'ip.checksum.status': (l) => status(l.checksumOk),
    'ip.src': (l) => l.sourceAddress,
    'ip.dst': finalDestination,
    'ip.opt.ptr': (l) => l.options.flatMap((option) => ('pointer' in option ? option.pointer : [])),
    'ip.opt.flag': (l) => optionValues(l.options, 'timestamp', (option) => hex2(option.flag)),
    'ip.opt.ra': (l) => optionValues(l.options, 'routerAlert', (option) => option.value),
  }),
  ...compare('ipv6', {
    'ipv6.version': (l) => l.version,
    'ipv6.tclass': (l) => hex8(l.trafficClass),
    'ipv6.flow': (l) => hex6(l.flowLabel),
    'ipv6.plen': (l) => l.payloadLength,
    'ipv6.nxt': (l) => l.nextHeader,
    'ipv6.hlim': (l) => l.hopLimit,
    'ipv6.src': (l) => l.sourceAddress,
    'ipv6.dst': (l) => l.destinationAddress,
  }),
  ...compare('hopByHop', {
    'ipv6.hopopts.nxt': (l) => l.nextHeader,
    'ipv6.hopopts.len': (l) => l.headerExtensionLength,
  }),
  ...compare('destinationOptions', {
    'ipv6.dstopts.nxt': (l) => l.nextHeader,
    'ipv6.dstopts.len': (l) => l.headerExtensionLength,
  }),
  ...compare('routing', {
    'ipv6.routing.nxt': (l) => l.nextHeader,
    'ipv6.routing.len': (l) => l.headerExtensionLength,
    'ipv6.routing.type': (l) => l.routingType,
    'ipv6.routing.segleft': (l) => l.segmentsLeft,
    'ipv6.routing.src.addr': (l) => (l.routingType === 0 ? l.addresses : []),
    'ipv6.routing.srh.addr': (l) => (l.routingType === 4 ? l.addresses : []),
  }),
  ...compare('fragment', {
    'ipv6.fraghdr.nxt': (l) => l.nextHeader,
    'ipv6.fraghdr.offset': (l) => l.fragmentOffset,
    'ipv6.fraghdr.more': (l) => l.moreFragments,
    'ipv6.fraghdr.ident': (l) => hex8(l.identification),
  }),
  ...compare('icmp', {
    'icmp.type': (l) => l.type,
    'icmp.code': (l) => l.code,
    'icmp.checksum': (l) => hex4(l.checksum),
    'icmp.checksum.status': (l) => status(l.checksumOk),
    'icmp.ident': (l) => l.identifier,
    'icmp.seq': (l) => l.sequenceNumber,
    'icmp.mtu': (l) => (l.code === 4 ? l.nextHopMtu : undefined),
    'icmp.redir_gw': (l) => l.gatewayInternetAddress,
    'icmp.pointer': (l) => l.pointer,
    'icmp.originate_timestamp': (l) => l.originateTimestamp,
    'icmp.receive_timestamp': (l) => l.receiveTimestamp,
    'icmp.transmit_timestamp': (l) => l.transmitTimestamp,
  }),
  ...compare('icmpv6', {
    'icmpv6.type': (l) => l.type,
    'icmpv6.code': (l) => l.code,
    'icmpv6.checksum': (l) => hex4(l.checksum),
    'icmpv6.checksum.status': (l) => status(l.checksumOk),
    'icmpv6.echo.identifier': (l) => (l.identifier === undefined ? undefined : hex4(l.identifier)),
    'icmpv6.echo.sequence_number': (l) => l.sequenceNumber,
    'icmpv6.mtu': (l) => l.mtu,
    'icmpv6.pointer': (l) => l.pointer,
    'icmpv6.nd.ra.cur_hop_limit': (l) => l.curHopLimit,
    'icmpv6.nd.ra.flag.m': (l) => l.managedAddressConfiguration,
    'icmpv6.nd.ra.flag.o': (l) => l.otherConfiguration,
    'icmpv6.nd.ra.flag.h': (l) => l.homeAgent,
    'icmpv6.nd.ra.flag.prf': (l) => l.defaultRouterPreference,
    'icmpv6.nd.ra.router_lifetime': (l) => l.routerLifetime,
    'icmpv6.nd.ra.reachable_time': (l) => l.reachableTime,
    'icmpv6.nd.ra.retrans_timer': (l) => l.retransTimer,
    'icmpv6.nd.ns.target_address': (l) => (l.type === p.ICMPV6_NEIGHBOR_SOLICITATION ? l.targetAddress : undefined),
    'icmpv6.nd.na.target_address': (l) => (l.type === p.ICMPV6_NEIGHBOR_ADVERTISEMENT ? l.targetAddress : undefined),
    'icmpv6.nd.na.flag.r': (l) => l.router,
    'icmpv6.nd.na.flag.s': (l) => l.solicited,
    'icmpv6.nd.na.flag.o': (l) => l.override,
    'icmpv6.rd.na.destination_address': (l) => l.destinationAddress,
    'icmpv6.opt.linkaddr': (l) => [
      ...(l.options ?? []).flatMap((option) => ('linkLayerAddress' in option ? option.linkLayerAddress : [])),
    ],
    'icmpv6.opt.prefix': (l) => (l.options ?? []).flatMap((option) => ('prefix' in option ? option.prefix : [])),
    'icmpv6.opt.prefix.valid_lifetime': (l) => optionValues(l.options, 'prefixInformation', (o) => o.validLifetime),
    'icmpv6.opt.prefix.preferred_lifetime': (l) =>
      optionValues(l.options, 'prefixInformation', (o) => o.preferredLifetime),
    'icmpv6.opt.prefix.flag.l': (l) => optionValues(l.options, 'prefixInformation', (o) => o.onLink),
    'icmpv6.opt.prefix.flag.a': (l) => optionValues(l.options, 'prefixInformation', (o) => o.autonomous),
    'icmpv6.opt.mtu': (l) => optionValues(l.options, 'mtu', (o) => o.mtu),
    'icmpv6.opt.route_lifetime': (l) => optionValues(l.options, 'routeInformation', (o) => o.routeLifetime),
    'icmpv6.opt.rdnss': (l) => optionValues(l.options, 'recursiveDnsServer', (o) => o.addresses),
    'icmpv6.opt.rdnss.lifetime': (l) => optionValues(l.options, 'recursiveDnsServer', (o) => o.lifetime),
    'icmpv6.opt.dnssl': (l) => optionValues(l.options, 'dnsSearchList', (o) => o.domainNames),
    'icmpv6.opt.dnssl.lifetime': (l) => optionValues(l.options, 'dnsSearchList', (o) => o.lifetime),
  }),
  ...compare('tcp', {
    'tcp.srcport': (l) => l.sourcePort,
    'tcp.dstport': (l) => l.destinationPort,
    'tcp.seq_raw': (l) => l.sequenceNumber,
    'tcp.ack_raw': (l) => l.acknowledgmentNumber,
    'tcp.hdr_len': (l) => 4 * l.dataOffset,
    'tcp.flags.ae': (l) => (l.reserved & 1) !== 0,
    'tcp.flags.cwr': (l) => l.cwr,
    'tcp.flags.ece': (l) => l.ece,
    'tcp.flags.urg': (l) => l.urg,
    'tcp.flags.ack': (l) => l.ack,
    'tcp.flags.push': (l) => l.psh,
    'tcp.flags.reset': (l) => l.rst,
    'tcp.flags.syn': (l) => l.syn,
    'tcp.flags.fin': (l) => l.fin,
    'tcp.window_size_value': (l) => l.window,
    'tcp.checksum': (l) => hex4(l.checksum),
    'tcp.checksum.status': (l) => status(l.checksumOk),
    'tcp.urgent_pointer': (l) => l.urgentPointer,
    'tcp.options.mss_val': (l) => optionValues(l.options, 'maximumSegmentSize', (o) => o.maximumSegmentSize),
    'tcp.options.wscale.shift': (l) => optionValues(l.options, 'windowScale', (o) => o.shiftCount),
    'tcp.options.sack_le': (l) => optionValues(l.options, 'sack', (o) => o.blocks.map((b) => b.leftEdge)),
    'tcp.options.sack_re': (l) => optionValues(l.options, 'sack', (o) => o.blocks.map((b) => b.rightEdge)),
    'tcp.options.timestamp.tsval': (l) => optionValues(l.options, 'timestamps', (o) => o.tsVal),
    'tcp.options.timestamp.tsecr': (l) => optionValues(l.options, 'timestamps', (o) => o.tsEcr),
    'tcp.options.tfo.cookie': (l) =>
      optionValues(l.options, 'fastOpen', (o) => (o.cookie.length > 0 ? Buffer.from(o.cookie).toString('hex') : [])),
    'tcp.options.md5.digest': (l) =>
      optionValues(l.options, 'md5Signature', (o) => Buffer.from(o.digest).toString('hex')),
  }),
  ...compare('udp', {
    'udp.srcport': (l) => l.sourcePort,
    'udp.dstport': (l) => l.destinationPort,
    'udp.length': (l) => l.length,
    'udp.checksum': (l) => hex4(l.checksum),
    'udp.checksum.status': (l) => status(l.checksumOk),
  }),
  ...compare('payload', { 'data.data': (l) => Buffer.from(l.data).toString('hex') }),
]);

/** Returns what we decoded, as tshark prints it. */
function valuesOf(layers: readonly p.Layer[], { layer, values }: Comparison): string[] {
  return layers
    .filter((one) => one.layer === layer)
    .flatMap((one) => values(one as never))
    .filter((value) => value !== undefined)
    .map((value) => (typeof value === 'boolean' ? (value ? '1' : '0') : String(value)));
}

/** The fields of tshark that are compared. */
export const FIELDS: readonly string[] = [...comparisons.keys()];

/** A field of a packet that tshark and we decode differently. */
export interface Disagreement {
  packet: number;
  field: string;
  theirs: string;
  mine: string;
}

/** The ports whose datagrams tshark regards as probes of a traceroute, which changes the name of their data. */
const isProbe = (port: number) => port >= 33434 && port <= 33534;

/** Whether tshark prints a field of this packet only in part, or under another name, and agrees in what it prints. */
function isTold(
  field: string,
  theirs: readonly string[],
  mine: readonly string[],
  layers: readonly p.Layer[],
): boolean {
  const error = layers.findIndex(({ layer }) => layer === 'icmp' || layer === 'icmpv6');
  const message = layers[error] as p.Icmp | p.Icmpv6 | undefined;
  const quotes = message !== undefined && layers[error + 1]?.layer.startsWith('ipv') === true;
  const redirect = message?.layer === 'icmp' && message.type === 5;
  // In a quotation it prints no sequence number of TCP, and verifies no checksum of ICMP; in that of a redirect, no checksum.
  if (quotes && field === 'tcp.seq_raw') return theirs.length === 0;
  if (redirect && field === 'udp.checksum.status') return true;
  if (quotes && /^icmp(v6)?.checksum.status$/.test(field)) {
    return theirs.length === mine.length && theirs.every((one, i) => one === mine[i] || (i > 0 && one === '2'));
  }
  if (field !== 'data.data') return false;
  if (redirect || p.findLayer(layers, 'tcp')?.rst) return true;
  if (theirs.length === 0) {
    return layers.some(
      (one) => (one.layer === 'udp' && isProbe(one.destinationPort)) || (one.layer === 'icmpv6' && one.type === 143),
    );
  }
  // A time at the start of the data of an echo is a field of its own.
  const echo = layers.some((one) => 'identifier' in one);
  const time = mine.join().length - theirs.join().length;
  return echo && (time === 16 || time === 32) && mine.join().endsWith(theirs.join());
}

/** Returns what tshark and we decode differently in the packets of a file, and the fields that tshark printed. */
export function compareWithTshark(
  file: string,
  packets: readonly Uint8Array[],
): { wrong: Disagreement[]; seen: Set<string> } {
  const seen = new Set<string>();
  const wrong: Disagreement[] = [];
  const rows = fieldsOf(file, FIELDS);
  if (rows.length !== packets.length) throw new Error(`tshark sees ${rows.length} of ${packets.length} packets`);
  rows.forEach((row, packet) => {
    const { layers } = p.decodePacket(packets[packet]!);
    FIELDS.forEach((field, j) => {
      const theirs = row[j] ?? [];
      if (theirs.length > 0) seen.add(field);
      const mine = valuesOf(layers, comparisons.get(field)!);
      if (theirs.join() === mine.join() || isTold(field, theirs, mine, layers)) return;
      wrong.push({ packet, field, theirs: theirs.join(), mine: mine.join() });
    });
  });
  return { wrong, seen };
}
