// Random and changed packets through every decoder: none may throw, read outside of its view, or lose a byte (encoding what was
// decoded gives the packet again). FUZZ_RUNS is the number of packets, 1,000,000 unless given; FUZZ_SEED repeats a run.
import * as p from '../dist/packet/index.js';

const runs = Number(process.env.FUZZ_RUNS ?? 1_000_000);
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const GUARDED = 100; // every so many packets: a view that tells reads outside of it is slow

// mulberry32: small, fast, and the same everywhere.
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
  return (t ^ (t >>> 14)) >>> 0;
}
const below = (limit) => random() % limit;
const randomBytes = (size) => Uint8Array.from({ length: size }, () => below(256));

const link = { destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' };
const v4 = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' };
const v6 = { sourceAddress: '2001:db8::1', destinationAddress: '2001:db8::2' };
const ports = { sourcePort: 41000, destinationPort: 41001 };
const tcpOptions = [
  { name: 'maximumSegmentSize', maximumSegmentSize: 1460 },
  { name: 'timestamps', tsVal: 1, tsEcr: 2 },
  { name: 'sack', blocks: [{ leftEdge: 1, rightEdge: 2 }] },
  { name: 'windowScale', shiftCount: 7 },
];
const ndOptions = [
  { name: 'sourceLinkLayerAddress', linkLayerAddress: '02:00:00:00:00:01' },
  { name: 'mtu', mtu: 1500 },
  { name: 'recursiveDnsServer', lifetime: 1, addresses: ['2001:db8::53'] },
  { name: 'dnsSearchList', lifetime: 1, domainNames: ['example.com'] },
  { name: 'routeInformation', prefixLength: 48, preference: 0, routeLifetime: 1, prefix: 'fd00::' },
  { name: 'redirectedHeader', data: new Uint8Array(8) },
  {
    name: 'prefixInformation',
    prefixLength: 64,
    onLink: true,
    autonomous: true,
    validLifetime: 1,
    preferredLifetime: 1,
    prefix: '2001:db8::',
  },
];
const ipv4Options = [
  { name: 'recordRoute', pointer: 4, route: ['0.0.0.0', '0.0.0.0'] },
  { name: 'timestamp', pointer: 5, overflow: 0, flag: 1, entries: [{ address: '192.0.2.9', timestamp: 1 }] },
  { name: 'looseSourceRoute', pointer: 4, route: ['192.0.2.7'] },
];
const { ethernet, arp, ipv4, ipv6, hopByHop, routing, fragment, destinationOptions, icmp, icmpv6, tcp, udp } = p;
const discovery = [133, 134, 135, 136, 137].map((type) => [
  ipv6(v6),
  icmpv6({ type, targetAddress: 'fe80::1', destinationAddress: 'fe80::2', options: ndOptions }),
]);
const stacks = [
  [
    arp({
      operation: 1,
      senderHardwareAddress: link.source,
      senderProtocolAddress: v4.sourceAddress,
      targetProtocolAddress: v4.destinationAddress,
    }),
  ],
  [ipv4(v4), udp(ports), 'data'],
  [ipv4({ ...v4, options: ipv4Options }), tcp({ ...ports, options: tcpOptions }), 'data'],
  [ipv4(v4), icmp({ type: 13 })],
  [ipv4(v4), icmp({ type: 3, code: 4, nextHopMtu: 1280, length: 8 }), ipv4(v4), udp(ports), 'data'],
  [ipv4(v4), ipv6(v6), ipv4(v4), udp(ports)],
  [ipv6(v6), tcp({ ...ports, options: tcpOptions }), 'data'],
  [
    ipv6(v6),
    hopByHop({ options: [{ name: 'jumboPayload', jumboPayloadLength: 100 }] }),
    routing({ routingType: 0, segmentsLeft: 1, addresses: ['2001:db8::3'] }),
    destinationOptions({ options: [{ name: 'routerAlert', value: 0 }] }),
    fragment({ identification: 1 }),
    udp(ports),
    'data',
  ],
  [ipv6(v6), routing({ routingType: 4, segmentsLeft: 0, addresses: ['2001:db8::3', '2001:db8::4'] }), udp(ports)],
  [ipv6(v6), icmpv6({ type: 2, mtu: 1280 }), ipv6(v6), udp(ports), 'data'],
  ...discovery,
];
const seeds = stacks.flatMap((layers) => [
  p.encodePacket([ethernet(link), ...layers]),
  p.encodePacket([ethernet({ ...link, tags: [{ vid: 1 }, { vid: 2 }] }), ...layers, p.trailer(new Uint8Array(4))]),
]);

/** A packet with some bytes changed, cut or lengthened; sometimes only random bytes. */
function packet() {
  if (below(8) === 0) return randomBytes(below(160));
  const whole = seeds[below(seeds.length)];
  const bytes = new Uint8Array(below(4) === 0 ? below(whole.length + 20) : whole.length);
  bytes.set(whole.subarray(0, bytes.length));
  for (let left = below(7); left > 0 && bytes.length > 0; left--) bytes[below(bytes.length)] = below(256);
  return bytes;
}

/** Bytes that refuse to be read outside of themselves. */
function guarded(bytes) {
  return new Proxy(bytes, {
    get(target, key) {
      if (typeof key === 'string' && /^-?\d+$/.test(key)) {
        if (!(Number(key) >= 0 && Number(key) < target.length)) throw new Error(`read at ${key} of ${target.length}`);
        return target[Number(key)];
      }
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const names = ['ip', 'arp', 'ipv4', 'ipv6', 'hopByHop', 'destinationOptions', 'routing', 'fragment', 'icmp', 'icmpv6'];
const firsts = ['ethernet', 'ethernet', 'ethernet', 'ethernet', 'ethernet', ...names, 'tcp', 'udp'];
const view = new p.PacketView();

function fields(bytes) {
  view.of(bytes);
  return [
    view.sourceAddress,
    view.destinationAddress,
    view.sourcePort,
    view.destinationPort,
    view.hopLimit,
    view.tcpFlags,
  ];
}

function check(bytes, index) {
  const options = { first: firsts[below(firsts.length)] };
  const decoded = p.decodePacket(bytes, options);
  const again = p.encodePacket(decoded.layers);
  if (Buffer.compare(again, bytes) !== 0) throw new Error(`encodes to ${Buffer.from(again).toString('hex')}`);
  fields(bytes);
  if (index % GUARDED === 0) {
    p.decodePacket(guarded(bytes), options);
    fields(guarded(bytes));
    if (/undefined|NaN/.test(p.formatPacket(decoded))) throw new Error(p.formatPacket(decoded));
  }
  return decoded.error === undefined;
}

console.log(`${runs} packets, FUZZ_SEED=${seed}`);
let whole = 0;
for (let index = 0; index < runs; index++) {
  const bytes = packet();
  try {
    if (check(bytes, index)) whole += 1;
  } catch (error) {
    console.error(`packet ${index}: ${Buffer.from(bytes).toString('hex')}`);
    throw error;
  }
}
console.log(`ok: ${whole} without an error in them, ${runs - whole} with one`);
