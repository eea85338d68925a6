/** tshark dissects everything we encode without a complaint, and its fields are the same as ours. */
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';
import { need, program } from '../../helpers/need.ts';
import { sampleFrames } from '../../helpers/packets.ts';
import { complaints, fieldsOf, pcapOf, tshark } from '../../helpers/tshark.ts';
import { compareWithTshark, FIELDS } from '../../helpers/tshark-fields.ts';

const frames = sampleFrames(400).map((layers) => p.encodePacket(layers));

test('400 mixed packets: every field is decoded as by tshark', (context) => {
  need(context, program('tshark'));
  const { wrong, seen } = compareWithTshark(pcapOf(frames), frames);
  expect(wrong).toEqual([]);
  expect(FIELDS.filter((field) => !seen.has(field))).toEqual([]);
});

/** The remarks that arbitrary addresses, flags and header types cause. */
const REMARKS = [
  /^Source MAC must not be a group address/,
  /^The (acknowledgment number|urgent pointer) field is nonzero while/,
  /^The (non-)?SYN packet does/,
  /^(Connection|This frame initiates|D-SACK|TCP SYN with TFO|Routing header type is deprecated|"Time To Live")/,
];

test('tshark does not complain about encoded packets', (context) => {
  need(context, program('tshark'));
  const file = pcapOf(frames);
  expect(complaints(file)).toBe('');
  const messages = fieldsOf(file, ['_ws.expert.message']).flatMap(([list]) => list ?? []);
  expect(messages.filter((message) => !REMARKS.some((remark) => remark.test(message)))).toEqual([]);
  expect(JSON.parse(tshark(file, '-T', 'json', '-c', '50'))).toHaveLength(50);
});

test('tshark complains about packets that are wrong on purpose, and so do we', (context) => {
  need(context, program('tshark'));
  const link = p.ethernet({ destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' });
  const addresses = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' };
  const ports = { sourcePort: 41000, destinationPort: 41001 };
  const bad = [
    p.encodePacket([link, p.ipv4({ ...addresses, headerChecksum: 1 }), p.udp(ports), 'data']),
    p.encodePacket([link, p.ipv4(addresses), p.udp({ ...ports, checksum: 1 }), 'data']),
    p.encodePacket([link, p.ipv4(addresses), p.tcp({ ...ports, checksum: 1 }), 'data']),
    p.encodePacket([link, p.ipv4(addresses), p.icmp({ type: 8, checksum: 1 }), 'data']),
  ];
  const rows = fieldsOf(
    pcapOf(bad),
    ['ip', 'udp', 'tcp', 'icmp'].map((layer) => `${layer}.checksum.status`),
  );
  expect(rows.map((row) => row.flat().filter((value) => value === '0').length)).toEqual([1, 1, 1, 1]);
  for (const packet of bad) {
    const judged = p.decodePacket(packet).layers.filter((layer) => 'checksumOk' in layer && layer.checksumOk === false);
    expect(judged).toHaveLength(1);
  }
});

test('packets that begin with the IP header', (context) => {
  need(context, program('tshark'));
  const packets = [
    p.encodePacket([p.ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' }), p.icmp({ type: 8 })]),
    p.encodePacket([p.ipv6({ sourceAddress: 'fe80::1', destinationAddress: 'fe80::2' }), p.icmpv6({ type: 128 })]),
  ];
  const rows = fieldsOf(pcapOf(packets, p.LINKTYPE_RAW), ['icmp.checksum.status', 'icmpv6.checksum.status']);
  expect(rows).toEqual([
    [['1'], []],
    [[], ['1']],
  ]);
  const decoded = packets.map((packet) => p.decodePacket(packet, { first: p.layerOfLinktype(p.LINKTYPE_RAW) }));
  expect(decoded.map(({ layers }) => layers.map(({ layer }) => layer))).toEqual([
    ['ipv4', 'icmp'],
    ['ipv6', 'icmpv6'],
  ]);
});
