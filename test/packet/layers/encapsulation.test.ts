/** Tunnels, IPsec, multicast groups and SCTP: what tshark reads in them, and what is decoded. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';
import { folder } from '../../helpers/fixtures.ts';
import { need, program } from '../../helpers/need.ts';
import { complaints, fieldsOf, pcapOf } from '../../helpers/tshark.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

const ethernet = p.ethernet({ destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' });
const outer = p.ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
const outer6 = p.ipv6({ sourceAddress: '2001:db8::1', destinationAddress: '2001:db8::2' });
const inner = [
  p.ipv4({ sourceAddress: '10.0.0.1', destinationAddress: '10.0.0.2' }),
  p.udp({ sourcePort: 41000, destinationPort: 41001 }),
  p.payload(bytes('64617461')),
];
const inner6 = [
  p.ipv6({ sourceAddress: 'fd00::1', destinationAddress: 'fd00::2' }),
  p.tcp({ sourcePort: 41000, destinationPort: 41001, syn: true }),
];
const port = (destinationPort: number) => p.udp({ sourcePort: 50000, destinationPort });
const icv = bytes('000102030405060708090a0b');
const init = bytes('01 00 0014 00000001 0000ffff 0001 0001 00000001');

const CASES: [layers: p.LayerInput[], fields: { [field: string]: string }][] = [
  [
    [ethernet, p.mpls({ entries: [{ label: 1000, trafficClass: 5, timeToLive: 9 }, { label: 16 }] }), ...inner],
    { 'mpls.label': '1000|16', 'mpls.exp': '5|0', 'mpls.bottom': '0|1', 'mpls.ttl': '9|64', 'udp.dstport': '41001' },
  ],
  [[ethernet, p.mpls({ entries: [{ label: 17 }] }), ...inner6], { 'mpls.label': '17', 'tcp.dstport': '41001' }],
  [
    [ethernet, p.pppoe({ sessionId: 7 }), p.ppp({}), ...inner],
    {
      'pppoe.code': '0x00',
      'pppoe.session_id': '0x0007',
      'pppoe.payload_length': '34',
      'ppp.protocol': '0x0021',
      'udp.dstport': '41001',
    },
  ],
  [
    [ethernet, p.pppoe({ code: 9 }), p.payload(bytes('0101 0000'))],
    { 'eth.type': '0x8863', 'pppoe.code': '0x09', 'pppoe.payload_length': '4' },
  ],
  [[ethernet, outer, p.gre({}), ...inner], { 'gre.proto': '0x0800', 'udp.dstport': '41001' }],
  [
    [ethernet, outer, p.gre({ checksumPresent: true, key: 0x12345678, sequenceNumber: 9 }), ...inner6],
    {
      'gre.proto': '0x86dd',
      'gre.checksum.status': '1',
      'gre.key': '0x12345678',
      'gre.sequence_number': '9',
      'tcp.dstport': '41001',
    },
  ],
  [[ethernet, outer6, p.gre({}), ethernet, ...inner], { 'gre.proto': '0x6558', 'udp.dstport': '41001' }],
  [
    [
      ethernet,
      outer,
      p.gre({ version: 1, key: 0x00260007, sequenceNumber: 1, acknowledgmentNumber: 2 }),
      p.ppp({ framed: true }),
      ...inner,
    ],
    {
      'gre.proto': '0x880b',
      'gre.flags.version': '1',
      'gre.sequence_number': '1',
      'gre.ack_number': '2',
      'udp.dstport': '41001',
    },
  ],
  [
    [ethernet, outer, port(4789), p.vxlan({ vni: 0x123456 }), ethernet, ...inner],
    { 'vxlan.vni': '1193046', 'vxlan.flags': '0x0800', 'udp.dstport': '4789|41001', 'udp.checksum.status': '1|1' },
  ],
  [
    [
      ...[ethernet, outer6, port(6081)],
      p.geneve({ vni: 77, flags: 64, options: [{ optionClass: 0x0102, type: 0x83, data: bytes('01020304') }] }),
      ...[ethernet, ...inner],
    ],
    {
      'geneve.vni': '0x00004d',
      'geneve.proto_type': '0x6558',
      'geneve.option.class': '0x0102',
      'geneve.option.type': '0x83',
      'udp.dstport': '6081|41001',
    },
  ],
  [
    [ethernet, outer, port(6081), p.geneve({ vni: 1 }), ...inner6],
    { 'geneve.proto_type': '0x86dd', 'tcp.dstport': '41001' },
  ],
  [[ethernet, outer, ...inner6], { 'ip.proto': '41', 'tcp.dstport': '41001' }],
  [[ethernet, outer6, ...inner], { 'ipv6.nxt': '4', 'udp.dstport': '41001' }],
  [
    [ethernet, outer, p.ah({ spi: 0x100, sequenceNumber: 5, icv }), port(41001), p.payload(bytes('64'))],
    {
      'ah.next_header': '17',
      'ah.length': '4',
      'ah.spi': '0x00000100',
      'ah.sequence': '5',
      'ah.icv': hex(icv),
      'udp.checksum.status': '1',
    },
  ],
  [
    [
      ...[ethernet, outer, p.ah({ spi: 1, sequenceNumber: 1, icv })],
      p.udp({ sourcePort: 41000, destinationPort: 41001, checksum: 0 }),
    ],
    { 'ah.next_header': '17', 'udp.checksum.status': '3' }, // IPv4 does not require a checksum
  ],
  [
    [
      ethernet,
      outer6,
      p.ah({ spi: 1, sequenceNumber: 1, icv }),
      p.icmpv6({ type: 128, identifier: 1, sequenceNumber: 1 }),
    ],
    { 'ah.next_header': '58', 'icmpv6.type': '128', 'icmpv6.checksum.status': '1' },
  ],
  [
    [ethernet, outer, p.esp({ spi: 0xabcdef01, sequenceNumber: 6 }), p.payload(new Uint8Array(28))],
    { 'esp.spi': '0xabcdef01', 'esp.sequence': '6' },
  ],
  [
    [ethernet, outer, p.sctp({ sourcePort: 41000, destinationPort: 41001, verificationTag: 0 }), p.payload(init)],
    { 'sctp.srcport': '41000', 'sctp.dstport': '41001', 'sctp.checksum.status': '1', 'sctp.chunk_type': '1' },
  ],
  [
    [ethernet, outer6, p.udplite({ sourcePort: 41000, destinationPort: 41001 }), p.payload(bytes('64617461'))],
    { 'udp.srcport': '41000', 'udp.dstport': '41001', 'udp.checksum_coverage': '0', 'udp.checksum.status': '1' },
  ],
  [
    [ethernet, outer, p.igmp({ type: 0x16, groupAddress: '239.1.2.3' })],
    { 'igmp.type': '0x16', 'igmp.maddr': '239.1.2.3', 'igmp.checksum.status': '1' },
  ],
  [
    [
      ethernet,
      outer,
      p.igmp({
        type: 0x11,
        maxResponseCode: 100,
        groupAddress: '239.1.2.3',
        flags: 10,
        queryInterval: 125,
        sources: ['10.0.0.9'],
      }),
    ],
    {
      'igmp.type': '0x11',
      'igmp.s': '1',
      'igmp.qrv': '2',
      'igmp.qqic': '125',
      'igmp.num_src': '1',
      'igmp.saddr': '10.0.0.9',
    },
  ],
  [
    [
      ...[ethernet, outer],
      p.igmp({
        type: 0x22,
        records: [
          { type: 4, groupAddress: '239.1.1.1', sources: [] },
          { type: 1, groupAddress: '232.1.1.1', sources: ['10.0.0.8', '10.0.0.9'], auxiliaryData: bytes('01020304') },
        ],
      }),
    ],
    {
      'igmp.type': '0x22',
      'igmp.num_grp_recs': '2',
      'igmp.record_type': '4|1',
      'igmp.maddr': '239.1.1.1|232.1.1.1',
      'igmp.saddr': '10.0.0.8|10.0.0.9',
      'igmp.checksum.status': '1',
    },
  ],
];

test('encoded packets are read correctly by tshark and decoded to the same fields', (context) => {
  need(context, program('tshark'));
  const packets = CASES.map(([layers]) => p.encodePacket(layers));
  const file = pcapOf(packets);
  const fields = [...new Set(CASES.flatMap(([, values]) => Object.keys(values)))];
  const rows = fieldsOf(file, fields);
  CASES.forEach(([layers, values], i) => {
    const told = Object.fromEntries(fields.map((field, j) => [field, (rows[i]![j] ?? []).join('|')]));
    expect(told).toMatchObject(values);
    const decoded = p.decodePacket(packets[i]!);
    expect(decoded.error).toBeUndefined();
    expect(decoded.layers.map(({ layer }) => layer)).toEqual(layers.map(({ layer }) => layer));
    layers.forEach((layer, j) => void expect(decoded.layers[j]).toMatchObject(layer));
    for (const layer of decoded.layers) if ('checksumOk' in layer) expect(layer.checksumOk).not.toBe(false);
    expect(hex(p.encodePacket(decoded.layers))).toBe(hex(packets[i]!));
    expect(hex(p.encodePacket(p.refill(decoded.layers)))).toBe(hex(packets[i]!));
    expect(p.formatPacket(decoded)).not.toMatch(/undefined|NaN|object Object/);
  });
  expect(complaints(file)).toBe('');
});

test('extended echoes of RFC 8335', (context) => {
  need(context, program('tshark'));
  const request = { identifier: 0x1234, sequenceNumber: 9, local: true };
  const reply = { identifier: 0x1234, sequenceNumber: 9, state: 2, active: true, ipv4: true, ipv6: false };
  const object = bytes('2000 0000 0008 0302 00000002'); // an interface, by its index
  const packets = [
    p.encodePacket([ethernet, outer, p.icmp({ type: 42, ...request }), object]),
    p.encodePacket([ethernet, outer, p.icmp({ type: 43, ...reply })]),
    p.encodePacket([ethernet, outer6, p.icmpv6({ type: 160, ...request }), object]),
    p.encodePacket([ethernet, outer6, p.icmpv6({ type: 161, ...reply })]),
  ];
  const names = [
    'icmp.ident',
    'icmp.ext.echo.seq',
    'icmp.ext.echo.req.local',
    'icmp.ext.echo.rsp.state',
    'icmp.ext.echo.rsp.active',
  ];
  const rows = fieldsOf(pcapOf(packets.slice(0, 2)), names);
  expect(rows.map((row) => row.map(([first]) => first))).toEqual([
    ['4660', '9', '1', undefined, undefined],
    ['4660', '9', undefined, '2', '1'],
  ]);
  packets.forEach((packet, i) => {
    const decoded = p.decodePacket(packet);
    const message = p.findLayer(decoded, 'icmp') ?? p.findLayer(decoded, 'icmpv6');
    expect(message).toMatchObject({ ...(i % 2 === 0 ? request : reply), checksumOk: true });
    expect(hex(p.encodePacket(decoded.layers))).toBe(hex(packet));
    expect(p.formatPacket(decoded)).toMatch(
      i % 2 === 0 ? /extended echo request.*seq 9, local/ : /extended echo reply.*state 2, active, ipv4,/,
    );
  });
});

test('a changed byte invalidates each checksum, of outer and inner headers', () => {
  for (const [layers] of CASES) {
    const packet = p.encodePacket(layers);
    packet[packet.length - 1]! ^= 1;
    const judged = p.decodePacket(packet).layers.filter((layer) => 'checksumOk' in layer && layer.layer !== 'ipv4');
    for (const layer of judged) expect('checksumOk' in layer && layer.checksumOk !== true, layer.layer).toBe(true);
  }
});

test('decoding stops at truncated headers and at headers with wrong counts', () => {
  const at = (layer: p.LayerName, text: string) => p.decodePacket(bytes(text), { first: layer });
  expect(at('mpls', '00010040 0001').error).toMatchObject({ layer: 'mpls', offset: 4 });
  expect(at('gre', 'a000 0800 0000').error).toMatchObject({ layer: 'gre', offset: 0 });
  expect(at('gre', '4000 0800 00000000').layers.map(({ layer }) => layer)).toEqual(['payload']);
  expect(at('geneve', '0200 0800 00000100 0001 01 02 00000000').error).toMatchObject({ layer: 'geneve', offset: 8 });
  expect(at('geneve', '3f00 0800 00000100').error).toMatchObject({ layer: 'geneve' });
  expect(at('ah', '1100 0000 00000001 00000001').error).toMatchObject({ layer: 'ah', offset: 1 });
  expect(at('ah', '1104 0000 00000001 00000001').error).toMatchObject({ layer: 'ah', offset: 0 });
  expect(at('igmp', '2200 0000 0000 0002 04000000ef010101').error).toMatchObject({ layer: 'igmp' });
  expect(at('udplite', '0001 0002 0007 0000').error).toMatchObject({ layer: 'udplite', offset: 4 });
  expect(at('udplite', '0001 0002 0009 0000').error).toMatchObject({ layer: 'udplite', offset: 4 });
  expect(at('pppoe', '1100 0001 0040 0021').missing).toBe(62);
});

test('what is missing is what was not captured: neither less than that nor what other fragments contain', () => {
  const udp = p.udp({ sourcePort: 41000, destinationPort: 41001 });
  const short = new Uint8Array(60);
  short.set(p.encodePacket([ethernet, outer, udp, 'padded']));
  const tunnel = [ethernet, outer, p.udp({ sourcePort: 41000, destinationPort: 4789 }), p.vxlan({ vni: 1 })];
  const padded = p.encodePacket([...tunnel, short]);
  const inner = p.encodePacket([outer, outer6, udp, new Uint8Array(100)]).subarray(20);
  const parts = [p.ipv4({ ...outer, moreFragments: true, protocol: 41 }), inner.subarray(0, 80)];
  const first = p.encodePacket([ethernet, ...parts]);
  for (const whole of [padded, first]) {
    for (let length = 34; length <= whole.length; length++) {
      expect(p.decodePacket(whole.subarray(0, length)).missing).toBe(whole.length - length);
    }
  }
});

test('the checksum of a whole packet is verified, also if the capture truncated the padding after it, as by tshark', (context) => {
  need(context, program('tshark'));
  const short = new Uint8Array(60);
  short.set(p.encodePacket([ethernet, outer, p.udp({ sourcePort: 41000, destinationPort: 41001 }), 'padded']));
  const tunnel = [ethernet, outer, p.udp({ sourcePort: 41000, destinationPort: 4789 }), p.vxlan({ vni: 1 })];
  const whole = p.encodePacket([...tunnel, short]);
  const cut = Array.from({ length: 20 }, (_, i) => whole.subarray(0, whole.length - i));
  const file = join(folder(), 'cut.pcap');
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapWriter((chunk) => chunks.push(chunk));
  for (const data of cut) writer.write({ timestamp: 0n, data, originalLength: whole.length });
  writeFileSync(file, Buffer.concat(chunks));
  const verdicts = fieldsOf(file, ['udp.checksum.status']).map(([values]) => values?.map((status) => status === '1'));
  const ours = cut.map((data) =>
    p.decodePacket(data).layers.flatMap((layer) => (layer.layer === 'udp' ? [layer.checksumOk ?? false] : [])),
  );
  expect(ours).toEqual(verdicts);
});

test('jumbograms and large packets before segmentation offload are changed and encoded again', () => {
  const data = new Uint8Array(70_000).fill(7);
  const jumbo = p.encodePacket([
    { ...outer6, payloadLength: 0 },
    p.hopByHop({ options: [{ name: 'jumboPayload', jumboPayloadLength: 8 + 20 + data.length }] }),
    p.tcp({ sourcePort: 1, destinationPort: 2 }),
    data,
  ]);
  const large = [
    p.encodePacket([{ ...outer, totalLength: 0 }, p.tcp({ sourcePort: 1, destinationPort: 2 }), data]),
    p.encodePacket([{ ...outer6, payloadLength: 0 }, p.tcp({ sourcePort: 1, destinationPort: 2 }), data]),
  ];
  for (const packet of [jumbo, ...large]) {
    const decoded = p.decodePacket(packet, { first: 'ip' });
    expect([decoded.error, decoded.missing]).toEqual([undefined, 0]);
    expect(p.findLayer(decoded, 'tcp')?.checksumOk).toBe(true);
    expect(p.findLayer(decoded, 'payload')?.data.length).toBe(data.length);
    expect(Buffer.compare(p.encodePacket(p.refill(decoded.layers)), packet)).toBe(0);
    const longer = decoded.layers.map((layer) =>
      layer.layer === 'payload' ? p.payload(Buffer.concat([layer.data, bytes('0102')])) : layer,
    );
    const again = p.decodePacket(p.encodePacket(p.refill(longer)), { first: 'ip' });
    expect([again.error, again.missing, p.findLayer(again, 'payload')?.data.length]).toEqual([undefined, 0, 70_002]);
    // A packet that is short again gets its ordinary length field again.
    const short = decoded.layers.filter(({ layer }) => layer !== 'hopByHop');
    const small = p.encodePacket(
      p
        .refill(short.map((one) => (one.layer === 'payload' ? p.payload('x') : one)))
        .map((one) => (one.layer === 'ipv6' ? { ...one, nextHeader: 6 } : one)),
    );
    expect(p.findLayer(p.decodePacket(small, { first: 'ip' }), 'payload')?.data.length).toBe(1);
  }
});

test('the lengths of tunnels are filled in again after a change of what they contain', (context) => {
  need(context, program('tshark'));
  const inside = [outer, p.udp({ sourcePort: 41000, destinationPort: 41001 }), 'short'];
  const tunnels = [
    [ethernet, p.pppoe({ sessionId: 1 }), p.ppp({}), ...inside],
    [
      ethernet,
      outer,
      p.udp({ sourcePort: 41000, destinationPort: 6081 }),
      p.geneve({ vni: 1, options: [] }),
      ...inside,
    ],
  ];
  const option = { optionClass: 0x102, type: 1, data: new Uint8Array(4) };
  const longer = tunnels.map((layers) => {
    const changed = p.decodePacket(p.encodePacket(layers)).layers.map((one) => {
      if (one.layer === 'geneve') return { ...one, options: [option] };
      return one.layer === 'payload' ? p.payload('longer than before') : one;
    });
    return p.encodePacket(p.refill(changed));
  });
  for (const packet of longer) {
    const { layers, error, missing } = p.decodePacket(packet);
    expect([error, missing]).toEqual([undefined, 0]);
    expect(Buffer.from((layers.at(-1) as p.Payload).data).toString()).toBe('longer than before');
  }
  const file = pcapOf(longer);
  expect(complaints(file)).toBe('');
  const [session, network] = fieldsOf(file, ['pppoe.payload_length', 'geneve.option.length']);
  expect([session![0]?.[0], network![1]?.[0]]).toEqual([String(2 + 28 + 18), '8']);
});

test('thousands of headers and options are filled in again', () => {
  const headers = Array(3000).fill(outer);
  const options = { options: Array(2046).fill({ name: 'pad1' }) };
  for (const layers of [
    [...headers, p.udp({ sourcePort: 1, destinationPort: 2 }), 'data'],
    [outer6, ...Array(31).fill(p.hopByHop(options)), p.udp({ sourcePort: 1, destinationPort: 2 }), 'data'],
  ]) {
    const packet = p.encodePacket(layers);
    const decoded = p.decodePacket(packet, { first: 'ip' });
    expect(decoded.layers).toHaveLength(layers.length);
    expect(Buffer.compare(p.encodePacket(p.refill(decoded.layers)), packet)).toBe(0);
  }
});
