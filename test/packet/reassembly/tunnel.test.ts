/** Fragments inside tunnels. tshark judges what they contain, and decodePacket whether lengths and checksums fit. */
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';
import { Chance, fragments4, fragments6 } from '../../helpers/fragments.ts';
import { need, program } from '../../helpers/need.ts';
import { pcapOf, tshark } from '../../helpers/tshark.ts';

const ether = p.ethernet({ destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' });
const frame = p.ethernet({ destination: '02:00:00:00:01:02', source: '02:00:00:00:01:01' });
const tagged = p.ethernet({ destination: '02:00:00:00:01:02', source: '02:00:00:00:01:01', tags: [{ vid: 7 }] });
const outer4 = { sourceAddress: '198.51.100.1', destinationAddress: '198.51.100.2' };
const outer6 = { sourceAddress: '2001:db8:1::1', destinationAddress: '2001:db8:1::2' };
const inner4 = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' };
const inner6 = { sourceAddress: '2001:db8::1', destinationAddress: '2001:db8::2' };
const ports = p.udp({ sourcePort: 41000, destinationPort: 41001 });
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** A tunnel over UDP. The source port differs between packets, as it does for fragments of the same datagram. */
const over = (destinationPort: number, more: { checksum?: number } = {}) =>
  p.udp({ sourcePort: 50000, destinationPort, ...more });

/** The headers of each kind of tunnel, for an inner packet of this version. */
const TUNNELS: { readonly [name: string]: (version: 4 | 6) => p.LayerInput[] } = {
  'IP in IPv4': () => [p.ipv4(outer4)],
  'IP in IPv6': () => [p.ipv6(outer6)],
  'IP in IPv6 with options': () => [p.ipv6(outer6), p.destinationOptions({ options: [{ name: 'padN', length: 4 }] })],
  GRE: () => [p.ipv4(outer4), p.gre({})],
  'GRE with all fields': () => [p.ipv4(outer4), p.gre({ checksumPresent: true, key: 7, sequenceNumber: 1 })],
  'GRE over IPv6 with a frame': () => [p.ipv6(outer6), p.gre({ key: 7 }), tagged],
  VXLAN: () => [p.ipv4(outer4), over(4789, { checksum: 0 }), p.vxlan({ vni: 7 }), frame],
  'VXLAN with a checksum': () => [p.ipv6(outer6), over(4789), p.vxlan({ vni: 7 }), tagged],
  Geneve: () => [
    p.ipv4(outer4),
    over(6081),
    p.geneve({ vni: 7, options: [{ optionClass: 0x102, type: 1, data: new Uint8Array(8) }] }),
  ],
  'Geneve with a frame': () => [p.ipv4(outer4), over(6081, { checksum: 0 }), p.geneve({ vni: 7 }), frame],
  'PPPoE in IPv6 and Geneve': () => [
    ...[p.ipv6(outer6), over(6081), p.geneve({ vni: 7 }), p.pppoe({ sessionId: 1 }), p.ppp({})],
  ],
  'VXLAN with a source route': () => [
    p.ipv4({ ...outer4, options: [{ name: 'looseSourceRoute', pointer: 4, route: ['198.51.100.3'] }] }),
    ...[over(4789), p.vxlan({ vni: 7 }), frame],
  ],
  'Geneve after a routing header': () => [
    ...[p.ipv6(outer6), p.destinationOptions({ options: [] })],
    p.routing({ routingType: 4, segmentsLeft: 1, addresses: ['2001:db8:1::3', outer6.destinationAddress] }),
    ...[over(6081), p.geneve({ vni: 7 })],
  ],
  'VXLAN in GRE': () => [p.ipv4(inner6to4), p.gre({}), p.ipv6(outer6), over(4789), p.vxlan({ vni: 7 }), frame],
};
const inner6to4 = { sourceAddress: '203.0.113.1', destinationAddress: '203.0.113.2' };

/** Fragments of an inner packet without a link-layer header. */
function innerFragments(version: 4 | 6, identification: number, data: Uint8Array, size: number) {
  if (version === 4) {
    const whole = p.encodePacket([p.ipv4({ ...inner4, identification }), ports, data]);
    return { whole, parts: fragments4(whole, 0, size) };
  }
  const whole = p.encodePacket([p.ipv6(inner6), ports, data]);
  return { whole, parts: fragments6(whole, { at: 0, start: 40, announcedAt: 6, size, identification }) };
}

/** Encodes the headers of a tunnel around a packet. */
function around(headers: p.LayerInput[], version: 4 | 6, packet: Uint8Array): Uint8Array {
  const inside = p.decodePacket(packet, { first: version === 4 ? 'ipv4' : 'ipv6' }).layers;
  return p.encodePacket([ether, ...headers, ...inside]);
}

const captured = (list: readonly Uint8Array[]) =>
  list.map((data, i) => ({ data, linktype: p.LINKTYPE_ETHERNET as number, timestamp: BigInt(i) * 1_000_000n }));

async function run(packets: readonly Uint8Array[], options: p.DefragmentOptions = {}) {
  const list: p.SourcePacket[] = [];
  const incomplete: p.IncompleteDatagram[] = [];
  const onIncomplete = (datagram: p.IncompleteDatagram) => void incomplete.push(datagram);
  for await (const packet of p.defragment(captured(packets), { onIncomplete, ...options })) list.push(packet);
  return { packets: list, incomplete };
}

/** Returns the UDP data that tshark finds in the innermost datagrams. */
function dataByTshark(packets: readonly Uint8Array[]): string[] {
  const options = ['-o', 'ip.defragment:TRUE', '-o', 'ipv6.defragment:TRUE', '-Y', 'udp.dstport == 41001'];
  return tshark(pcapOf(packets), ...options, '-T', 'fields', '-E', 'occurrence=l', '-e', 'udp.payload')
    .trim()
    .split('\n');
}

/** Throws unless the lengths and checksums of all headers fit the packet. Returns the innermost data. */
function checkedData(packet: p.SourcePacket): Uint8Array {
  const { layers, error, missing } = p.decodePacket(packet);
  expect([error, missing]).toEqual([undefined, 0]);
  for (const layer of layers) {
    if ('checksumOk' in layer && !(layer.layer === 'udp' && layer.checksum === 0)) {
      if (layer.layer === 'gre' && !layer.checksumPresent) continue;
      expect(layer).toMatchObject({ checksumOk: true });
    }
  }
  expect(layers.at(-1)!.layer).toBe('payload');
  return (layers.at(-1) as p.Payload).data;
}

for (const [name, headers] of Object.entries(TUNNELS)) {
  test(`${name}: fragments are reassembled, as by tshark, also if packets of the tunnel are fragments`, async (context) => {
    need(context, program('tshark'));
    const chance = new Chance(name.length);
    const sent = Array.from({ length: 12 }, (_, i) => {
      const version = chance.below(2) === 0 ? 4 : 6;
      const data = chance.bytes(1500 + chance.below(3000));
      const { whole, parts } = innerFragments(version, i + 1, data, 8 * (40 + chance.below(100)));
      const packets = parts.map((part) => around(headers(version), version, part));
      return { data, whole, packets, expected: around(headers(version), version, whole) };
    });
    const first = headers(4)[0]!;
    let identification = 1000;
    const split = (packet: Uint8Array) => {
      if (chance.below(3) > 0) return [packet];
      identification++;
      if (first.layer !== 'ipv4') {
        const start = 54;
        return fragments6(packet, { at: 14, start, announcedAt: 20, size: 256, identification });
      }
      const copy = new Uint8Array(packet);
      copy.set([identification >> 8, identification], 18);
      return fragments4(copy, 14, 256);
    };
    const packets = chance.shuffled(
      sent.flatMap((one) => one.packets.flatMap(split)),
      20,
    );
    const { packets: out, incomplete } = await run(packets);
    expect(incomplete).toEqual([]);
    expect(out.every((packet) => packet instanceof p.ReassembledPacket)).toBe(true);
    const data = out.map((packet) => hex(checkedData(packet))).sort();
    expect(data).toEqual(sent.map((one) => hex(one.data)).sort());
    expect(data).toEqual(dataByTshark(packets).sort());
    if (name.includes('checksum') || name.includes('IPv4')) {
      const without = (packet: Uint8Array) => hex(packet.subarray(26));
      expect(out.map((packet) => without(packet.data)).sort()).toEqual(sent.map((one) => without(one.expected)).sort());
    }
  });
}

test('the datagrams of different tunnels are kept apart: other addresses, keys, networks and VLANs', async () => {
  const tunnels: p.LayerInput[][] = [
    [p.ipv4(outer4)],
    [p.ipv4(inner6to4)],
    [p.ipv4(outer4), p.gre({ key: 1 })],
    [p.ipv4(outer4), p.gre({ key: 2 })],
    [p.ipv4(outer4), over(4789), p.vxlan({ vni: 1 }), frame],
    [p.ipv4(outer4), over(4789), p.vxlan({ vni: 2 }), frame],
    [p.ipv4(outer4), over(4789), p.vxlan({ vni: 2 }), tagged],
  ];
  const sent = tunnels.map((headers, i) => {
    const { parts } = innerFragments(4, 1, new Uint8Array(500).fill(i), 256);
    return parts.map((part) => around(headers, 4, part));
  });
  const packets = sent[0]!.flatMap((_, i) => sent.map((parts) => parts[i]!));
  const { packets: out, incomplete } = await run(packets);
  expect(incomplete).toEqual([]);
  expect(out.map((packet) => hex(checkedData(packet)))).toEqual(
    tunnels.map((_, i) => hex(new Uint8Array(500).fill(i))),
  );
});

test('the fragments of one datagram may come from different source ports and with different sequence numbers', async () => {
  const data = new Uint8Array(1000).fill(7);
  const { parts } = innerFragments(4, 1, data, 256);
  for (const headers of [
    (i: number) => [
      p.ipv4(outer4),
      p.udp({ sourcePort: 50000 + i, destinationPort: 4789 }),
      p.vxlan({ vni: 7 }),
      frame,
    ],
    (i: number) => [p.ipv4(outer4), p.gre({ sequenceNumber: i })],
  ]) {
    const { packets } = await run(parts.map((part, i) => around(headers(i), 4, part)));
    expect(packets.map((packet) => hex(checkedData(packet)))).toEqual([hex(data)]);
  }
});

test('the length fields of a tunnel are 0 if the reassembled packet is too long for them', async () => {
  const data = new Uint8Array(65507).fill(7);
  const { parts } = innerFragments(4, 1, data, 8000);
  const headers = [p.ipv4(outer4), over(4789), p.vxlan({ vni: 7 }), frame];
  const { packets } = await run(parts.map((part) => around(headers, 4, part)));
  expect(packets.map((packet) => hex(checkedData(packet)))).toEqual([hex(data)]);
  const { layers } = p.decodePacket(packets[0]!);
  expect(layers.filter(({ layer }) => layer === 'ipv4' || layer === 'udp')).toMatchObject([
    { totalLength: 0 },
    { length: 0 },
    { totalLength: 65535 },
    { length: 65515 },
  ]);
});

test('an inner datagram that is incomplete is reported with its own addresses, and counts for the limits', async () => {
  const lonely = (identification: number) =>
    around([p.ipv4(outer4)], 4, innerFragments(4, identification, new Uint8Array(500), 256).parts[0]!);
  const ended = await run([lonely(1)]);
  expect(ended).toMatchObject({
    packets: [],
    incomplete: [{ ...inner4, reason: 'end', protocol: 17, identification: 1, received: 256, fragments: 1 }],
  });
  const list = Array.from({ length: 5 }, (_, i) => lonely(i));
  const reasons = ({ incomplete }: { incomplete: p.IncompleteDatagram[] }) => incomplete.map(({ reason }) => reason);
  expect(reasons(await run(list, { maxDatagrams: 2 }))).toEqual(['memory', 'memory', 'memory', 'end', 'end']);
  expect(reasons(await run(list, { maxBytes: 2500 }))).toEqual(['memory', 'memory', 'memory', 'end', 'end']);
  expect(reasons(await run(list, { timeout: 2 }))).toEqual(['timeout', 'timeout', 'end', 'end', 'end']);
});

test('packets pass unchanged: tunnels without fragments, damaged ones, and fragments beyond the end of the tunnel', async () => {
  const [part] = innerFragments(4, 1, new Uint8Array(500), 256).parts;
  const deep = Array.from({ length: 17 }, () => p.ipv4(outer4));
  const packets = [
    around([p.ipv4(outer4), p.gre({})], 4, innerFragments(4, 1, new Uint8Array(50), 256).whole),
    around([p.ipv4({ ...outer4, totalLength: 60 })], 4, part!),
    around([p.ipv4(outer4), p.udp({ ...over(4789), length: 60 }), p.vxlan({ vni: 7 }), frame], 4, part!),
    around([p.ipv4(outer4), p.gre({ version: 1 })], 4, part!),
    around(deep, 4, part!),
    p.encodePacket([ether, p.ipv4({ ...outer4, protocol: 47 }), new Uint8Array(3)]),
    p.encodePacket([ether, p.ipv4({ ...outer4, protocol: 47 }), Uint8Array.of(0xb0, 0, 8, 0)]),
    p.encodePacket([ether, p.ipv4(outer4), over(4789), new Uint8Array(20)]),
    p.encodePacket([ether, p.ipv4(outer4), over(6081), Uint8Array.of(63, 0, 8, 0, 0, 0, 0, 0)]),
    p.encodePacket([ether, p.ipv4({ ...outer4, protocol: 4 })]),
  ];
  const { packets: out, incomplete } = await run(packets);
  expect(out.map(({ data }) => data)).toEqual(packets);
  expect(incomplete).toEqual([]);
  expect((await run([around(deep.slice(1), 4, part!)])).incomplete).toHaveLength(1);
});

test('the fragments of a datagram may have outer headers of different lengths, also if it contains another fragment', async () => {
  const middle = { sourceAddress: '10.1.0.1', destinationAddress: '10.1.0.2', protocol: 4 };
  const data = new Uint8Array(100).fill(7);
  const innermost = p.encodePacket([p.ipv4({ ...inner4, identification: 1 }), ports, data]);
  const [begin, rest] = fragments4(innermost, 0, 56);
  const headers = p.ipv4({ ...middle, identification: 2 });
  const inside = p.decodePacket(begin!, { first: 'ipv4' }).layers;
  const [head, tail] = fragments4(p.encodePacket([headers, ...inside]), 0, 40);
  const short = [p.ipv4(outer4)];
  const long = [p.ipv4({ ...outer4, options: [1, 1, 1, 1].map(() => ({ name: 'noOperation' }) as const) })];
  for (const [one, other] of [
    [short, long],
    [long, short],
  ]) {
    const last = around([...one!, p.ipv4(middle)], 4, rest!);
    const { packets, incomplete } = await run([around(one!, 4, head!), around(other!, 4, tail!), last]);
    expect(incomplete).toEqual([]);
    expect(packets).toHaveLength(1);
    expect(checkedData(packets[0]!)).toEqual(data);
  }
});

/** A fragment after many MPLS labels. */
function labelled(labels: number, identification: number): Uint8Array {
  const data = new Uint8Array(24);
  const [packet] = fragments4(p.encodePacket([p.ipv4({ ...inner4, identification }), ports, data]), 0, 16);
  const bytes = Buffer.alloc(14 + 4 * labels + packet!.length);
  bytes.writeUInt16BE(0x8847, 12);
  bytes[14 + 4 * labels - 2] = 1;
  bytes.set(packet!, 14 + 4 * labels);
  return bytes;
}

test('any number of labels may precede a fragment, and they count as memory', async () => {
  const { packets, incomplete } = await run([labelled(60_000, 1)]);
  expect(packets).toEqual([]);
  expect(incomplete).toMatchObject([{ reason: 'end', received: 16 }]);
  const limited = await run([labelled(1000, 1), labelled(1000, 2)], { maxBytes: 15_000 });
  expect(limited.incomplete.map(({ reason }) => reason)).toEqual(['memory', 'end']);
});
