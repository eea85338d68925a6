/** Packets that fast-check generates: stacks of layers in order, with options, tags, tunnels, fragments and quotations. */
import fc from 'fast-check';
import { AF_INET, AF_INET6, inet_ntop } from '../../lib/index.ts';
import * as p from '../../lib/packet/index.ts';

const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);

export const mac: fc.Arbitrary<string> = bytes(6).map((b) => Buffer.from(b).toString('hex').match(/../g)!.join(':'));
export const address4: fc.Arbitrary<string> = bytes(4).map((b) => inet_ntop(AF_INET, b));
export const address6: fc.Arbitrary<string> = bytes(16).map((b) => inet_ntop(AF_INET6, b));

/** A port without a dissector of its own, so that arbitrary payload is only data. */
const port = fc.integer({ min: 41000, max: 41900 });
const data = (max = 40) => fc.uint8Array({ minLength: 1, maxLength: max });

const tag = fc.record({ vid: fc.nat(0xfff), pcp: fc.nat(7), dei: fc.boolean() });
const ethernet = fc.record({ destination: mac, source: mac, tags: fc.array(tag, { maxLength: 2 }) }).map(p.ethernet);

const arp = fc
  .record({
    operation: fc.constantFrom(1, 2),
    senderHardwareAddress: mac,
    senderProtocolAddress: address4,
    targetHardwareAddress: mac,
    targetProtocolAddress: address4,
  })
  .map(p.arp);

/** A route whose pointer is within or after its addresses. */
const route = (name: 'recordRoute' | 'looseSourceRoute' | 'strictSourceRoute') =>
  fc
    .tuple(fc.array(address4, { minLength: 1, maxLength: 3 }), fc.nat(3))
    .map(([list, used]) => ({ name, pointer: 4 + 4 * Math.min(used, list.length), route: list }));
const timestamp = fc
  .tuple(fc.constantFrom(0, 1, 3), fc.array(fc.tuple(address4, u32), { minLength: 1, maxLength: 3 }), fc.nat(15))
  .map(([flag, list, overflow]) => ({
    name: 'timestamp' as const,
    pointer: 5 + list.length * (flag === 0 ? 4 : 8),
    overflow,
    flag,
    entries: list.map(([address, time]) => (flag === 0 ? { timestamp: time } : { address, timestamp: time })),
  }));
const ipv4Options: fc.Arbitrary<p.Ipv4Option[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<p.Ipv4Option[]>([]) },
  fc.tuple(route('recordRoute')),
  fc.tuple(fc.oneof(route('looseSourceRoute'), route('strictSourceRoute'))),
  fc.tuple(timestamp),
  fc.constant<p.Ipv4Option[]>([{ name: 'noOperation' }, { name: 'routerAlert', value: 0 }]),
);
const ipv4Fields = fc.record({
  dscp: fc.nat(63),
  ecn: fc.nat(3),
  identification: u16,
  dontFragment: fc.boolean(),
  timeToLive: fc.integer({ min: 1, max: 255 }),
  sourceAddress: address4,
  destinationAddress: address4,
  options: ipv4Options,
});
const ipv4 = ipv4Fields.map(p.ipv4);

const ipv6Fields = fc.record({
  trafficClass: u8,
  flowLabel: fc.nat(0xfffff),
  hopLimit: fc.integer({ min: 1, max: 255 }),
  sourceAddress: address6,
  destinationAddress: address6,
});
const ipv6 = ipv6Fields.map(p.ipv6);
const unknownOption = fc.record({
  name: fc.constant('other' as const),
  type: fc.constant(0x1e),
  data: fc.uint8Array({ maxLength: 12 }),
});
const hopByHop = fc
  .array(fc.oneof(fc.constant({ name: 'routerAlert' as const, value: 0 }), unknownOption), {
    minLength: 1,
    maxLength: 2,
  })
  .map((options) => p.hopByHop({ options }));
const destinationOptions = fc
  .array(unknownOption, { maxLength: 2 })
  .map((options) => p.destinationOptions({ options }));
const routing = fc
  .tuple(fc.constantFrom(0, 4), fc.array(address6, { minLength: 1, maxLength: 3 }), fc.nat(3))
  .map(([routingType, addresses, left]) =>
    p.routing({ routingType, addresses, segmentsLeft: Math.min(left, addresses.length - (routingType === 4 ? 1 : 0)) }),
  );
const extensions = fc
  .tuple(
    ...[hopByHop, routing, destinationOptions].map((one) => fc.option(one as fc.Arbitrary<p.LayerInput>, { freq: 2 })),
  )
  .map((list) => list.filter((one) => one !== null));

const tcpOption: fc.Arbitrary<p.TcpOption> = fc.oneof(
  fc.record({ name: fc.constant('maximumSegmentSize' as const), maximumSegmentSize: u16 }),
  fc.record({ name: fc.constant('windowScale' as const), shiftCount: fc.nat(14) }),
  fc.constant({ name: 'sackPermitted' as const }),
  fc.record({ name: fc.constant('timestamps' as const), tsVal: u32, tsEcr: u32 }),
  fc.record({
    name: fc.constant('sack' as const),
    blocks: fc.array(fc.record({ leftEdge: u32, rightEdge: u32 }), { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ name: fc.constant('md5Signature' as const), digest: bytes(16) }),
  fc.record({ name: fc.constant('fastOpen' as const), cookie: fc.constantFrom(0, 8, 16).chain(bytes) }),
  fc.constant({ name: 'noOperation' as const }),
);
const sizes: { readonly [name: string]: number } = {
  maximumSegmentSize: 4,
  windowScale: 3,
  sackPermitted: 2,
  timestamps: 10,
  md5Signature: 18,
  noOperation: 1,
};
function fits(options: readonly p.TcpOption[]): p.TcpOption[] {
  const kept: p.TcpOption[] = [];
  const known = new Set<string>();
  let left = 40;
  for (const option of options) {
    const size =
      option.name === 'sack'
        ? 2 + 8 * option.blocks.length
        : option.name === 'fastOpen'
          ? 2 + option.cookie.length
          : sizes[option.name]!;
    if (size > left || (known.has(option.name) && option.name !== 'noOperation')) continue;
    known.add(option.name);
    left -= size;
    kept.push(option);
  }
  return kept;
}
const tcp = fc
  .record({
    sourcePort: port,
    destinationPort: port,
    sequenceNumber: u32,
    acknowledgmentNumber: u32,
    cwr: fc.boolean(),
    ece: fc.boolean(),
    urg: fc.boolean(),
    ack: fc.boolean(),
    psh: fc.boolean(),
    rst: fc.boolean(),
    syn: fc.boolean(),
    fin: fc.boolean(),
    window: u16,
    urgentPointer: u16,
    options: fc.array(tcpOption, { maxLength: 5 }).map(fits),
  })
  .map(p.tcp);
const udp = fc.record({ sourcePort: port, destinationPort: port }).map(p.udp);

type Stack = p.LayerInput[];
const stack = (...layers: fc.Arbitrary<p.LayerInput>[]): fc.Arbitrary<Stack> => fc.tuple(...layers);
const payload = data().map((some) => p.payload(some));

const transport: fc.Arbitrary<Stack> = fc.oneof(stack(tcp, payload), stack(tcp), stack(udp, payload), stack(udp));

const echo = fc.record({ type: fc.constantFrom(0, 8), identifier: u16, sequenceNumber: u16 }).map(p.icmp);
const quotation = fc.tuple(ipv4, stack(udp, payload)).map(([first, rest]): Stack => [first, ...rest]);
const icmp: fc.Arbitrary<Stack> = fc.oneof(
  stack(echo, payload),
  fc
    .record({
      type: fc.constantFrom(13, 14),
      identifier: u16,
      sequenceNumber: u16,
      originateTimestamp: fc.nat(86399999),
      receiveTimestamp: fc.nat(86399999),
      transmitTimestamp: fc.nat(86399999),
    })
    .map((fields): Stack => [p.icmp(fields)]),
  fc
    .tuple(
      fc.oneof(
        fc.record({ type: fc.constant(3), code: fc.nat(3) }),
        fc.record({ type: fc.constant(3), code: fc.constant(4), nextHopMtu: u16 }),
        fc.record({ type: fc.constant(11), code: fc.nat(1) }),
        fc.record({ type: fc.constant(12), code: fc.constant(0), pointer: fc.nat(19) }),
        fc.record({ type: fc.constant(5), code: fc.nat(3), gatewayInternetAddress: address4 }),
      ),
      quotation,
    )
    .map(([fields, quoted]): Stack => [p.icmp(fields), ...quoted]),
);

const lifetime = u32;
const ndOption: fc.Arbitrary<p.NdOption> = fc.oneof(
  fc.record({
    name: fc.constantFrom('sourceLinkLayerAddress' as const, 'targetLinkLayerAddress' as const),
    linkLayerAddress: mac,
  }),
  fc.record({
    name: fc.constant('prefixInformation' as const),
    prefixLength: fc.nat(128),
    onLink: fc.boolean(),
    autonomous: fc.boolean(),
    validLifetime: lifetime,
    preferredLifetime: lifetime,
    prefix: address6,
  }),
  fc.record({ name: fc.constant('mtu' as const), mtu: u32 }),
  fc.record({
    name: fc.constant('routeInformation' as const),
    prefixLength: fc.integer({ min: 65, max: 128 }),
    preference: fc.constantFrom(0, 1, 3),
    routeLifetime: lifetime,
    prefix: address6,
  }),
  fc.record({
    name: fc.constant('recursiveDnsServer' as const),
    lifetime,
    addresses: fc.array(address6, { minLength: 1, maxLength: 2 }),
  }),
  fc.record({
    name: fc.constant('dnsSearchList' as const),
    lifetime,
    domainNames: fc.array(fc.constantFrom('example.com', 'lan', 'a.b.c.example.org'), { minLength: 1, maxLength: 2 }),
  }),
);
const ndOptions = fc.array(ndOption, { maxLength: 3 });
const discovery: fc.Arbitrary<p.LayerInput> = fc.oneof(
  fc.record({ type: fc.constant(p.ICMPV6_ROUTER_SOLICITATION), options: ndOptions }).map(p.icmpv6),
  fc
    .record({
      type: fc.constant(p.ICMPV6_ROUTER_ADVERTISEMENT),
      curHopLimit: u8,
      managedAddressConfiguration: fc.boolean(),
      otherConfiguration: fc.boolean(),
      homeAgent: fc.boolean(),
      defaultRouterPreference: fc.constantFrom(0, 1, 3),
      routerLifetime: u16,
      reachableTime: u32,
      retransTimer: u32,
      options: ndOptions,
    })
    .map(p.icmpv6),
  fc
    .record({ type: fc.constant(p.ICMPV6_NEIGHBOR_SOLICITATION), targetAddress: address6, options: ndOptions })
    .map(p.icmpv6),
  fc
    .record({
      type: fc.constant(p.ICMPV6_NEIGHBOR_ADVERTISEMENT),
      router: fc.boolean(),
      solicited: fc.boolean(),
      override: fc.boolean(),
      targetAddress: address6,
      options: ndOptions,
    })
    .map(p.icmpv6),
  fc
    .record({
      type: fc.constant(p.ICMPV6_REDIRECT),
      targetAddress: address6,
      destinationAddress: address6,
      options: ndOptions,
    })
    .map(p.icmpv6),
);
const quotation6 = fc.tuple(ipv6, stack(udp, payload)).map(([first, rest]): Stack => [first, ...rest]);
const icmpv6: fc.Arbitrary<Stack> = fc.oneof(
  fc
    .tuple(fc.record({ type: fc.constantFrom(128, 129), identifier: u16, sequenceNumber: u16 }).map(p.icmpv6), payload)
    .map((list): Stack => list),
  { weight: 3, arbitrary: stack(discovery) },
  fc
    .tuple(
      fc.oneof(
        fc.record({ type: fc.constant(1), code: fc.nat(6) }),
        fc.record({ type: fc.constant(2), mtu: u32 }),
        fc.record({ type: fc.constant(3), code: fc.nat(1) }),
        fc.record({ type: fc.constant(4), code: fc.nat(2), pointer: fc.nat(60) }),
      ),
      quotation6,
    )
    .map(([fields, quoted]): Stack => [p.icmpv6(fields), ...quoted]),
);

/** A later fragment, whose payload is not dissected. */
const fragment4 = fc
  .tuple(ipv4Fields, fc.integer({ min: 1, max: 8000 }), fc.boolean(), data(5))
  .map(([fields, fragmentOffset, moreFragments, some]): Stack => {
    const whole = new Uint8Array(8 * some.length).fill(some[0]!);
    const parts = { fragmentOffset, moreFragments, dontFragment: false, protocol: 17 };
    return [p.ipv4({ ...fields, ...parts }), p.payload(whole)];
  });
const fragment6 = fc
  .tuple(ipv6, fc.integer({ min: 1, max: 8000 }), fc.boolean(), u32, data(5))
  .map(([header, fragmentOffset, moreFragments, identification, some]): Stack => {
    const whole = new Uint8Array(8 * some.length).fill(some[0]!);
    return [header, p.fragment({ nextHeader: 17, fragmentOffset, moreFragments, identification }), p.payload(whole)];
  });
/** The first fragment, with the upper header, and a checksum that covers more than this fragment. */
const firstFragment = fc
  .tuple(ipv4Fields, udp, u16)
  .map(
    ([fields, header, checksum]): Stack => [
      p.ipv4({ ...fields, dontFragment: false, moreFragments: true }),
      { ...header, length: 1000, checksum: checksum || 1 } as p.LayerInput,
      p.payload(new Uint8Array(16)),
    ],
  );

const over4 = fc.tuple(ipv4, fc.oneof(transport, icmp)).map(([first, rest]): Stack => [first, ...rest]);
const over6 = fc
  .tuple(ipv6, extensions, fc.oneof(transport, icmpv6))
  .map(([first, between, rest]): Stack => [first, ...between, ...rest]);
const tunnel = fc
  .tuple(fc.oneof(ipv4, ipv6) as fc.Arbitrary<p.LayerInput>, fc.oneof(over4, over6))
  .map(([outer, inner]): Stack => [outer, ...inner]);

/** Stacks that begin with an IP header or ARP. */
export const ipStack: fc.Arbitrary<Stack> = fc.oneof(
  { weight: 5, arbitrary: over4 },
  { weight: 7, arbitrary: over6 },
  { weight: 1, arbitrary: tunnel },
  { weight: 1, arbitrary: fragment4 },
  { weight: 1, arbitrary: fragment6 },
  { weight: 1, arbitrary: firstFragment },
);

/** Ethernet frames: ARP and IP, with up to two VLAN tags, some padded to the shortest length. */
export const frameStack: fc.Arbitrary<Stack> = fc
  .tuple(ethernet, fc.oneof({ weight: 1, arbitrary: stack(arp) }, { weight: 12, arbitrary: ipStack }), fc.boolean())
  .map(([first, rest, padded]): Stack => {
    const layers: Stack = [first, ...rest];
    const size = p.encodePacket(layers).length;
    return padded && size < 60 ? [...layers, p.trailer(new Uint8Array(60 - size))] : layers;
  });

/** Bytes that a decoder may receive: arbitrary ones, and packets with some bytes changed, truncated or extended. */
export const mutated: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 120 }),
  fc
    .tuple(frameStack, fc.array(fc.tuple(fc.nat(200), u8), { maxLength: 6 }), fc.integer({ min: -60, max: 20 }))
    .map(([layers, changes, longer]) => {
      const packet = p.encodePacket(layers);
      const changed = new Uint8Array(Math.max(0, packet.length + longer));
      changed.set(packet.subarray(0, changed.length));
      for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
      return changed;
    }),
);

/** A fixed list of different frames, the same in every run. */
export function sampleFrames(count: number, seed = 42): p.LayerInput[][] {
  return fc.sample(frameStack, { numRuns: count, seed });
}
