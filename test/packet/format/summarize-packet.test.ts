/** One line for each packet: the same as that of tcpdump, if there is one; never two, and never an exception. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { folder } from '../../helpers/fixtures.ts';
import { need, otherUsers, program } from '../../helpers/need.ts';
import { sampleFrames } from '../../helpers/packets.ts';

const link = p.ethernet({ destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' });
const ip = p.ipv4({ sourceAddress: '10.0.0.1', destinationAddress: '10.0.0.2' });
const ip6 = p.ipv6({ sourceAddress: 'fe80::1', destinationAddress: 'fe80::2' });
const ports = { sourcePort: 4000, destinationPort: 5000 };
const mac = { senderHardwareAddress: '02:00:00:00:00:01' };
const who = { ...mac, senderProtocolAddress: '10.0.0.1', targetProtocolAddress: '10.0.0.2' };
const quoted = [ip, p.udp({ sourcePort: 4000, destinationPort: 9 }), 'hello'];

type Layers = (p.LayerInput | string)[];
const packets: Layers[] = [
  [link, ip, p.tcp({ ...ports, sequenceNumber: 4294967295, syn: true, window: 64240 })],
  [link, ip, p.tcp({ ...ports, sequenceNumber: 4294967290, acknowledgmentNumber: 7, ack: true, psh: true, window: 5 })],
  [link, ip, p.tcp({ ...ports, sequenceNumber: 1, window: 0 })],
  [
    link,
    ip,
    p.tcp({ ...ports, sequenceNumber: 1, rst: true, fin: true, urg: true, ece: true, cwr: true, urgentPointer: 3 }),
  ],
  [
    link,
    ip6,
    p.tcp({
      ...ports,
      sequenceNumber: 9,
      syn: true,
      ack: true,
      acknowledgmentNumber: 10,
      options: [
        { name: 'maximumSegmentSize', maximumSegmentSize: 1460 },
        { name: 'sackPermitted' },
        { name: 'timestamps', tsVal: 11, tsEcr: 12 },
        { name: 'noOperation' },
        { name: 'windowScale', shiftCount: 7 },
      ],
    }),
  ],
  [
    link,
    ip,
    p.tcp({
      ...ports,
      sequenceNumber: 9,
      ack: true,
      acknowledgmentNumber: 10,
      options: [
        { name: 'noOperation' },
        { name: 'noOperation' },
        {
          name: 'sack',
          blocks: [
            { leftEdge: 20, rightEdge: 30 },
            { leftEdge: 40, rightEdge: 50 },
          ],
        },
        { name: 'other', kind: 76, data: Buffer.of(1, 2) },
      ],
    }),
  ],
  [link, ip, p.udp(ports)],
  [link, ip6, p.udp(ports)],
  [link, ip, p.icmp({ type: s.ICMP_ECHO, identifier: 1, sequenceNumber: 2 })],
  [link, ip, p.icmp({ type: s.ICMP_ECHOREPLY, identifier: 1, sequenceNumber: 2 })],
  [link, ip, p.icmp({ type: s.ICMP_DEST_UNREACH, code: 0 }), ...quoted],
  [link, ip, p.icmp({ type: s.ICMP_DEST_UNREACH, code: 1 }), ...quoted],
  [link, ip, p.icmp({ type: s.ICMP_DEST_UNREACH, code: 3 }), ...quoted],
  [link, ip, p.icmp({ type: s.ICMP_DEST_UNREACH, code: 4, nextHopMtu: 1400 }), ...quoted],
  [link, ip, p.icmp({ type: s.ICMP_DEST_UNREACH, code: 13 }), ...quoted],
  [link, ip, p.icmp({ type: s.ICMP_TIME_EXCEEDED, code: 0 }), ...quoted],
  [link, ip, p.icmp({ type: s.ICMP_TIME_EXCEEDED, code: 1 }), ...quoted],
  [link, ip, p.icmp({ type: s.ICMP_REDIRECT, code: 1, gatewayInternetAddress: '10.0.0.9' }), ...quoted],
  [link, ip6, p.icmpv6({ type: p.ICMPV6_ECHO_REQUEST, identifier: 1, sequenceNumber: 2 })],
  [link, ip6, p.icmpv6({ type: p.ICMPV6_NEIGHBOR_SOLICITATION, targetAddress: 'fe80::9' })],
  [link, ip6, p.icmpv6({ type: p.ICMPV6_NEIGHBOR_ADVERTISEMENT, targetAddress: 'fe80::9' })],
  [link, ip6, p.icmpv6({ type: p.ICMPV6_ROUTER_SOLICITATION, options: [] })],
  [link, p.arp({ operation: 1, ...who })],
  [link, p.arp({ operation: 2, ...who, targetHardwareAddress: '02:00:00:00:00:02' })],
  [link, p.arp({ operation: 1, ...who, targetHardwareAddress: '02:00:00:00:00:02' })],
  [link, p.ipv4({ sourceAddress: '10.0.0.1', destinationAddress: '10.0.0.2', protocol: 253 })],
  [link, ip, ip6, p.udp(ports)],
  [link, p.arp({ operation: 1, ...who }), p.trailer(Buffer.alloc(18))],
];
const data = 'sixteen bytes of';

/** What tcpdump prints for packets, a line each. */
function tcpdump(frames: readonly Uint8Array[]): string[] {
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapWriter((bytes) => chunks.push(bytes));
  for (const frame of frames) writer.write({ timestamp: 0n, data: frame });
  const file = join(folder(), 'file.pcap');
  writeFileSync(file, Buffer.concat(chunks));
  const text = execFileSync('tcpdump', ['-nn', '-t', '-S', '-r', file], { encoding: 'utf8', stdio: 'pipe' });
  return text.trimEnd().split('\n');
}

test('the line is that of tcpdump -nn -t -S', (context) => {
  need(context, otherUsers, program('tcpdump'));
  const frames = packets.map((layers) => p.encodePacket(layers));
  for (const layers of packets) {
    const isWhole = layers.some(
      (layer) => typeof layer === 'string' || layer.layer === 'arp' || 'options' in layer || 'targetAddress' in layer,
    );
    if (!isWhole) frames.push(p.encodePacket([...layers, data]));
  }
  const theirs = tcpdump(frames).map((line) => line.replace(/ {2}/g, ' '));
  expect(frames.map((frame) => p.summarizePacket(frame))).toEqual(theirs);
});

/** The line for layers that are encoded and decoded again. */
const line = (layers: Layers, options?: p.DecodeOptions) => p.summarizePacket(p.encodePacket(layers), options);

test('tunnels, tags, fragments and unknown types', () => {
  const vxlan = p.udp({ sourcePort: 9999, destinationPort: 4789 });
  expect(line([link, ip, vxlan, p.vxlan({ vni: 5 }), link, ip6, p.udp(ports), data])).toBe(
    'IP 10.0.0.1.9999 > 10.0.0.2.4789: UDP, length 86: VXLAN network 5, length 86: IP6 fe80::1.4000 > fe80::2.5000: UDP, length 16',
  );
  expect(line([link, ip, p.gre({}), ip, p.icmp({ type: 8, identifier: 1, sequenceNumber: 2 })])).toBe(
    'IP 10.0.0.1 > 10.0.0.2: GRE IPv4 (0x0800), length 32: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 8',
  );
  const tagged = p.ethernet({
    destination: '02:00:00:00:00:02',
    source: '02:00:00:00:00:01',
    tags: [{ vid: 5 }, { vid: 6 }],
  });
  expect(line([tagged, ip, p.udp(ports)])).toBe('vlan 5, vlan 6, IP 10.0.0.1.4000 > 10.0.0.2.5000: UDP, length 0');
  expect(line([p.ethernet({ ...link, etherType: 0x88b5 }), data])).toBe(
    '02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x88b5, length 30',
  );
  expect(line([link, p.ipv4({ ...ip, protocol: 17, fragmentOffset: 185 }), data])).toBe(
    'IP 10.0.0.1 > 10.0.0.2: ip-proto-17, fragment at 1480, length 16',
  );
  expect(
    line([link, ip6, p.fragment({ identification: 7, moreFragments: true }), p.udp({ ...ports, length: 2008 }), data]),
  ).toBe('IP6 fe80::1.4000 > fe80::2.5000: frag (0) UDP, length 2000');
  const guarded = line([link, ip, p.ah({ spi: 1, sequenceNumber: 2 }), p.udp(ports), data]);
  expect(guarded).toMatch(/^IP 10\.0\.0\.1\.4000 > 10\.0\.0\.2\.5000: AH spi 0x00000001, seq 2, .*: UDP, length 16$/);
  expect(line([ip, p.udp(ports)], { first: 'ip' })).toBe('IP 10.0.0.1.4000 > 10.0.0.2.5000: UDP, length 0');
});

test('a truncated packet shows the length on the wire and where decoding stopped', () => {
  const whole = p.encodePacket([
    link,
    ip,
    p.tcp({ ...ports, sequenceNumber: 1, window: 1, ack: true, acknowledgmentNumber: 2 }),
    data,
  ]);
  expect(p.summarizePacket(whole.subarray(0, 60))).toBe(
    'IP 10.0.0.1.4000 > 10.0.0.2.5000: Flags [.], seq 1:17, ack 2, win 1, length 16',
  );
  expect(p.summarizePacket(whole.subarray(0, 40))).toMatch(/^IP 10\.0\.0\.1 > 10\.0\.0\.2: .* \[\|TCP: .*\]$/);
});

test('the padding of a short frame counts only for ARP', () => {
  const frame =
    '0180c200000000112233445500264242030000000000800000112233445500000000800000112233445580010000140002000f00';
  expect(p.summarizePacket(Buffer.from(frame.padEnd(120, '0'), 'hex'))).toMatch(/^STP configuration .*, length 35$/);
});

test('packets of other link types are described by their contents', () => {
  const cooked = [p.linuxSll2({ address: '02:00:00:00:00:01', interfaceIndex: 2 }), ip, p.udp(ports)];
  const captured = { data: p.encodePacket(cooked), linktype: p.LINKTYPE_LINUX_SLL2 };
  expect(p.summarizePacket(captured)).toBe('IP 10.0.0.1.4000 > 10.0.0.2.5000: UDP, length 0');
  expect(p.summarizePacket({ data: Buffer.from(data), linktype: 127 })).toBe('length 16');
});

test('layers of defineLayer provide their text', () => {
  const counter = p.defineLayer({
    name: 'counter',
    udpPort: 5000,
    decode: (bytes) => ({ fields: { count: bytes[0]! }, length: 1 }),
    encode: ({ count }: { count: number }) => Uint8Array.of(count),
    format: ({ count }) => `the count\n  is ${count}`,
  });
  const layers = [counter];
  const packet = p.encodePacket([link, ip, p.udp(ports), counter({ count: 7 }), data]);
  const text = 'IP 10.0.0.1.4000 > 10.0.0.2.5000: UDP, length 17: counter the count is 7';
  expect(p.summarizePacket(packet, { layers })).toBe(text);
  expect(p.summarizePacket(p.decodePacket(packet, { layers }))).toBe(text);
});

test('any packet is one line, whole, truncated or modified', () => {
  for (const layers of sampleFrames(200)) {
    const frame = p.encodePacket(layers);
    for (const bytes of [
      frame,
      ...[1, 14, 20, 33, 38, 50].map((length) => frame.subarray(0, length)),
      frame.map((byte, i) => (i % 17 === 3 ? byte ^ 0x5a : byte)),
    ]) {
      for (const first of ['ethernet', 'ip', 'linuxSll2', 'ppp', 'llc', 'mpls', 'pppoe'] as const) {
        const text = p.summarizePacket(bytes, { first });
        expect(text).not.toMatch(/\n|undefined|NaN/);
        expect(text.length).toBeGreaterThan(0);
      }
    }
  }
});

test('thousands of headers inside one another are one line, and are encoded to the same bytes', () => {
  const count = 6000;
  const repeated = (one: Uint8Array, last: Uint8Array) => Buffer.concat([...Array(count).fill(one), last]);
  const around = { sourceAddress: '10.0.0.1', destinationAddress: '10.0.0.2', totalLength: 0 };
  const tunnel = (protocol: number, header: number[]) =>
    Buffer.concat([p.encodePacket([p.ipv4({ ...around, protocol })]), Buffer.from(header)]);
  const inner = p.encodePacket([ip, p.udp(ports), 'data']);
  const extension = (next: number) => Buffer.of(next, 0, 0, 0, 0, 0, 0, 0);
  const authentication = (next: number) => p.encodePacket([p.ah({ spi: 1, sequenceNumber: 1, nextHeader: next })]);
  const outer6 = p.encodePacket([
    p.ipv6({ sourceAddress: '::1', destinationAddress: '::2', nextHeader: 43, payloadLength: 65535 }),
  ]);
  const cases: [string, Buffer, RegExp][] = [
    ['GRE', repeated(tunnel(s.IPPROTO_GRE, [0, 0, 8, 0]), inner), /GRE/g],
    ['IP in IP', repeated(tunnel(s.IPPROTO_IPIP, []), inner), /> 10\.0\.0\.2: IP /g],
    ['routing headers', Buffer.concat([outer6, repeated(extension(43), extension(59))]), /srcrt/g],
    [
      'authentication headers',
      Buffer.concat([tunnel(s.IPPROTO_AH, []), repeated(authentication(s.IPPROTO_AH), authentication(59))]),
      /AH/g,
    ],
  ];
  for (const [name, bytes, pattern] of cases) {
    const packet = p.decodePacket(bytes, { first: 'ip' });
    const line = p.summarizePacket(packet);
    expect(line.match(pattern)?.length ?? 0, name).toBeGreaterThanOrEqual(count);
    expect(line).not.toContain('\n');
    expect(Buffer.compare(p.encodePacket(packet.layers), bytes), name).toBe(0);
  }
});
