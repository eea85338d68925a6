/** Link-layer headers besides Ethernet II: what tshark reads in them, and files of link types that are not decoded. */
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';
import { need, program } from '../../helpers/need.ts';
import { complaints, fieldsOf, pcapOf } from '../../helpers/tshark.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

const network4 = [
  p.ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' }),
  p.udp({ sourcePort: 41000, destinationPort: 41001 }),
  p.payload(bytes('64617461')),
];
const network6 = [
  p.ipv6({ sourceAddress: '2001:db8::1', destinationAddress: '2001:db8::2' }),
  p.tcp({ sourcePort: 41000, destinationPort: 41001, syn: true }),
];
const mac = '02:00:00:00:00:01';
const ethernet = p.ethernet({ destination: '01:80:c2:00:00:00', source: mac });
const bridge = {
  flags: 0x3c,
  rootPriority: 0x8001,
  rootAddress: '02:00:00:00:00:07',
  rootPathCost: 20000,
  bridgePriority: 0x9001,
  bridgeAddress: mac,
  portIdentifier: 0x8002,
  messageAge: 256,
  maxAge: 5120,
  helloTime: 512,
  forwardDelay: 3840,
};

/** Packets by link type, each with the compared fields of tshark, and their values. */
const CASES: [linktype: number, layers: p.LayerInput[], fields: { [field: string]: string }][] = [
  [
    p.LINKTYPE_LINUX_SLL,
    [p.linuxSll({ packetType: 4, address: mac }), ...network4],
    {
      'sll.pkttype': '4',
      'sll.hatype': '1',
      'sll.halen': '6',
      'sll.src.eth': mac,
      'sll.etype': '0x0800',
      'udp.dstport': '41001',
    },
  ],
  [
    p.LINKTYPE_LINUX_SLL,
    [p.linuxSll({ hardwareType: 0xfffe }), ...network6],
    { 'sll.hatype': '65534', 'sll.halen': '0', 'sll.etype': '0x86dd', 'tcp.dstport': '41001' },
  ],
  [
    p.LINKTYPE_LINUX_SLL,
    [p.linuxSll({ address: mac }), p.llc({}), p.stp({ type: 128 })],
    { 'sll.ltype': '0x0004', 'llc.dsap': '0x42', 'stp.type': '0x80' },
  ],
  [
    p.LINKTYPE_LINUX_SLL2,
    [p.linuxSll2({ packetType: 1, address: mac, interfaceIndex: 7 }), p.vlan({ vid: 5, pcp: 3 }), ...network4],
    { 'sll.ifindex': '7', 'sll.pkttype': '1', 'vlan.id': '5', 'vlan.priority': '3', 'udp.dstport': '41001' },
  ],
  [p.LINKTYPE_LINUX_SLL2, [p.linuxSll2({}), ...network6], { 'sll.etype': '0x86dd', 'tcp.dstport': '41001' }],
  [p.LINKTYPE_NULL, [p.bsdLoopback({}), ...network4], { 'null.family': '2', 'udp.dstport': '41001' }],
  [p.LINKTYPE_NULL, [p.bsdLoopback({ family: 24 }), ...network6], { 'null.family': '24', 'tcp.dstport': '41001' }],
  [
    p.LINKTYPE_LOOP,
    [p.bsdLoopback({ littleEndian: false }), ...network6],
    { 'null.family': '30', 'tcp.dstport': '41001' },
  ],
  [
    p.LINKTYPE_PPP,
    [p.ppp({ framed: true }), ...network4],
    { 'ppp.address': '0xff', 'ppp.protocol': '0x0021', 'udp.dstport': '41001' },
  ],
  [p.LINKTYPE_PPP, [p.ppp({}), ...network6], { 'ppp.protocol': '0x0057', 'tcp.dstport': '41001' }],
  [p.LINKTYPE_PPP, [p.ppp({ compressed: true }), ...network4], { 'ppp.protocol': '0x0021', 'udp.dstport': '41001' }],
  [
    p.LINKTYPE_ETHERNET,
    [ethernet, p.llc({}), p.stp({ type: 0, ...bridge }), p.trailer(new Uint8Array(8))],
    {
      'eth.len': '38',
      'llc.dsap': '0x42',
      'llc.ssap': '0x42',
      'llc.control': '0x0003',
      'stp.version': '0',
      'stp.flags': '0x3c',
      'stp.root.hw': bridge.rootAddress,
      'stp.root.cost': '20000',
      'stp.bridge.hw': mac,
      'stp.port': '0x8002',
      'stp.hello': '2',
      'stp.forward': '15',
      'eth.padding': '0000000000000000',
    },
  ],
  [
    p.LINKTYPE_ETHERNET,
    [ethernet, p.llc({}), p.stp({ type: 2, ...bridge })],
    { 'stp.version': '2', 'stp.version_1_length': '0' },
  ],
  [
    p.LINKTYPE_ETHERNET,
    [ethernet, p.llc({}), p.snap({}), p.stp({ type: 0, ...bridge }), p.payload(bytes('00 0000 0002 0001'))],
    { 'llc.oui': '12', 'llc.cisco_pid': '0x010b', 'stp.root.hw': bridge.rootAddress },
  ],
  [
    p.LINKTYPE_ETHERNET,
    [ethernet, p.llc({}), p.snap({}), ...network4],
    { 'llc.dsap': '0xaa', 'llc.oui': '0', 'llc.type': '0x0800', 'udp.dstport': '41001' },
  ],
  [
    p.LINKTYPE_ETHERNET,
    [ethernet, p.llc({ dsap: 0xf0, ssap: 0xf1, control: 0x0101 })],
    { 'llc.dsap': '0xf0', 'llc.ssap': '0xf1', 'llc.control': '0x0101' },
  ],
];

test('encoded packets are read correctly by tshark and decoded to the same fields', (context) => {
  need(context, program('tshark'));
  for (const linktype of new Set(CASES.map(([one]) => one))) {
    const cases = CASES.filter(([one]) => one === linktype);
    const packets = cases.map(([, layers]) => p.encodePacket(layers));
    const file = pcapOf(packets, linktype);
    expect(complaints(file)).toBe('');
    const fields = [...new Set(cases.flatMap(([, , values]) => Object.keys(values)))];
    const rows = fieldsOf(file, fields);
    cases.forEach(([, layers, values], i) => {
      const told = Object.fromEntries(fields.map((field, j) => [field, (rows[i]![j] ?? [])[0]]));
      expect(told).toMatchObject(values);
      const decoded = p.decodePacket({ data: packets[i]!, linktype });
      expect(decoded.error).toBeUndefined();
      expect(decoded.layers.map(({ layer }) => layer)).toEqual(layers.map(({ layer }) => layer));
      layers.forEach((layer, j) => void expect(decoded.layers[j]).toMatchObject(layer));
      expect(hex(p.encodePacket(decoded.layers))).toBe(hex(packets[i]!));
      expect(hex(p.encodePacket(p.refill(decoded.layers)))).toBe(hex(packets[i]!));
      expect(p.formatPacket({ data: packets[i]!, linktype })).not.toMatch(/undefined|NaN/);
    });
  }
});

test('a family of BSD loopback is read in both byte orders', () => {
  for (const [text, family, littleEndian] of [
    ['02000000', 2, true],
    ['0000001c', 28, false],
    ['1e000000', 30, true],
    ['00000000', 0, false],
  ] as const) {
    const { layers, error } = p.decodePacket({ data: bytes(text), linktype: p.LINKTYPE_NULL });
    expect([layers, error]).toEqual([[{ layer: 'bsdLoopback', family, littleEndian }], undefined]);
  }
});

test('addresses of cooked packets: longer than their field, absent, and with bytes after them', () => {
  const read = (text: string) => {
    const { layers } = p.decodePacket({ data: bytes(text), linktype: p.LINKTYPE_LINUX_SLL });
    expect(hex(p.encodePacket(layers))).toBe(text.replaceAll(' ', ''));
    return p.findLayer(layers, 'linuxSll');
  };
  expect(read('0000 0020 0014 8000000000000001 88b5')).toMatchObject({
    addressLength: 20,
    address: '80:00:00:00:00:00:00:01',
  });
  expect(read('0000 0200 0000 0102030405060708 88b5')).toMatchObject({
    address: '',
    unused: bytes('0102030405060708'),
  });
  expect(read('0000 0001 0006 0102030405060708 88b5')).toMatchObject({ unused: bytes('0708') });
  // The protocol of netlink is the family, not an EtherType.
  expect(
    p.decodePacket({ data: bytes('0004 0338 0000 0000000000000000 0800 45'), linktype: 113 }).error,
  ).toBeUndefined();
});

test('an IPX frame without LLC, and a truncated one', () => {
  const frame = (text: string) => p.decodePacket(bytes(`ffffffffffff 020000000001 ${text}`));
  expect(frame('0004 ffff 0022').layers.map(({ layer }) => layer)).toEqual(['ethernet', 'payload']);
  expect(frame('0003 4242').error).toMatchObject({ layer: 'llc', offset: 14 });
  expect(frame('0008 424203 00000000').error).toMatchObject({ layer: 'stp', offset: 17 });
  expect(frame('0000 00').error).toBeUndefined();
});

test('other link types are payload without an error', () => {
  const data = bytes('0000 0800 00000000 80000000');
  for (const linktype of [
    p.LINKTYPE_IEEE802_11_RADIOTAP,
    p.LINKTYPE_IEEE802_11,
    p.LINKTYPE_CAN_SOCKETCAN,
    147,
    65535,
  ]) {
    expect(p.decodePacket({ data, linktype })).toMatchObject({
      layers: [{ layer: 'payload', data }],
      error: undefined,
    });
  }
  expect(p.layerOfLinktype(12)).toBe('ip');
});

test('a captured packet is decoded by its link type', () => {
  const packet = p.encodePacket([p.linuxSll2({}), ...network4]);
  const data = packet.slice();
  data[20 + 20 + 6]! ^= 1; // the checksum
  const sums = (given: Parameters<typeof p.decodePacket>[0], options?: p.DecodeOptions) => {
    const decoded = p.decodePacket(given, options);
    return [p.findLayer(decoded, 'udp')?.checksumOk, p.formatPacket(decoded).match(/UDP: .*checksum \w+ ?(.*)/)?.[1]];
  };
  const linktype = p.LINKTYPE_LINUX_SLL2;
  expect(sums({ data, linktype })).toEqual([false, 'WRONG']);
  expect(sums({ data, linktype, status: 8 })).toEqual([undefined, 'not filled in yet']);
  expect(sums({ data: packet, linktype, status: 8 })).toEqual([true, 'ok']);
  expect(sums({ data, linktype, status: 8 }, { checksumPending: false })).toEqual([false, 'WRONG']);
  expect(sums(data, { first: 'linuxSll2', checksumPending: true })).toEqual([undefined, 'not filled in yet']);
  expect(sums({ data: data.subarray(20), linktype }, { first: 'ip' })).toEqual([false, 'WRONG']);
  expect(() => p.decodePacket({ data: 'text' } as never)).toThrow(/"packet.data"/);
});
