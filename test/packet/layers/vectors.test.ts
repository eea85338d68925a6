/** Packets whose bytes are known: from RFCs, and written by hand. */
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const hex = (packet: Uint8Array) => Buffer.from(packet).toString('hex');

const link = { destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01' };
const addresses = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' };
const addresses6 = { sourceAddress: '2001:db8::1', destinationAddress: '2001:db8::2' };
const ports = { sourcePort: 41000, destinationPort: 41001 };

test('an ARP request', () => {
  const packet = bytes(`ffffffffffff 020000000001 0806
    0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202`);
  const layers = [
    p.ethernet(link),
    p.arp({
      operation: 1,
      senderHardwareAddress: link.source,
      senderProtocolAddress: '192.0.2.1',
      targetProtocolAddress: '192.0.2.2',
    }),
  ];
  expect(hex(p.encodePacket(layers))).toBe(hex(packet));
  expect(p.decodePacket(packet)).toEqual({
    layers: [
      { layer: 'ethernet', ...link, tags: [], etherType: 0x0806 },
      {
        layer: 'arp',
        hardwareType: 1,
        protocolType: 0x0800,
        hardwareLength: 6,
        protocolLength: 4,
        operation: 1,
        senderHardwareAddress: link.source,
        senderProtocolAddress: '192.0.2.1',
        targetHardwareAddress: '00:00:00:00:00:00',
        targetProtocolAddress: '192.0.2.2',
      },
    ],
    error: undefined,
    missing: 0,
  });
});

test('ARP of other hardware and protocols', () => {
  const packet = bytes('0007 1234 01 02 0002 aa 0102 bb 0304');
  const { layers, error } = p.decodePacket(packet, { first: 'arp' });
  expect(error).toBeUndefined();
  expect(layers[0]).toMatchObject({ senderHardwareAddress: 'aa', targetProtocolAddress: '03:04' });
  expect(hex(p.encodePacket(layers))).toBe(hex(packet));
});

test('QinQ: the outer tag has 0x88a8, the inner one 0x8100, unless they are given', () => {
  const tags = [
    { vid: 100, pcp: 3 },
    { vid: 7, dei: true },
  ];
  const packet = p.encodePacket([p.ethernet({ ...link, tags, etherType: 0x1234 }), new Uint8Array([1])]);
  expect(hex(packet.subarray(12))).toBe('88a86064' + '81001007' + '1234' + '01');
  const given = p.encodePacket([p.ethernet({ ...link, tags: [{ vid: 1, tpid: 0x9100 }], etherType: 0x1234 })]);
  expect(hex(given.subarray(12))).toBe('910000011234');
  expect(p.findLayer(p.decodePacket(given), 'ethernet')?.tags).toEqual([{ tpid: 0x9100, pcp: 0, dei: false, vid: 1 }]);
});

test('an IEEE 802.3 frame: its length limits the payload', () => {
  const packet = bytes('0180c2000000 020000000001 0003 424203 000000');
  const { layers, error } = p.decodePacket(packet);
  expect(error).toBeUndefined();
  expect(layers.slice(1)).toEqual([
    { layer: 'llc', dsap: 0x42, ssap: 0x42, control: 3 },
    { layer: 'trailer', data: bytes('000000') },
  ]);
});

test('the options of RFC 7323, 2018 and 9293 in the layout that Linux sends', () => {
  const options: p.TcpOption[] = [
    { name: 'maximumSegmentSize', maximumSegmentSize: 1460 },
    { name: 'sackPermitted' },
    { name: 'timestamps', tsVal: 0x01020304, tsEcr: 0 },
    { name: 'noOperation' },
    { name: 'windowScale', shiftCount: 7 },
  ];
  const packet = p.encodePacket([p.tcp({ ...ports, syn: true, options })]);
  expect(hex(packet.subarray(12))).toBe(
    'a002ffff00000000' + '020405b4' + '0402' + '080a0102030400000000' + '01' + '030307',
  );
  expect(p.findLayer(p.decodePacket(packet, { first: 'tcp' }), 'tcp')?.options).toEqual(options);
});

test('SACK, fast open and MD5 options', () => {
  const options: p.TcpOption[] = [
    { name: 'sack', blocks: [{ leftEdge: 1, rightEdge: 2 }] },
    { name: 'fastOpen', cookie: bytes('0102030405060708') },
    { name: 'other', kind: 253, data: bytes('f989') },
  ];
  const packet = p.encodePacket([p.tcp({ ...ports, options })]);
  expect(hex(packet.subarray(20))).toBe('050a0000000100000002' + '220a0102030405060708' + 'fd04f989');
  const md5 = p.encodePacket([p.tcp({ ...ports, options: [{ name: 'md5Signature', digest: new Uint8Array(16) }] })]);
  expect(hex(md5.subarray(20))).toBe(`1312${'00'.repeat(16)}0000`);
});

test('lengths and checksums are filled in, and kept when they are given', () => {
  const packet = p.encodePacket([p.ipv4(addresses), p.udp(ports), 'data']);
  const [ip, udp] = p.decodePacket(packet, { first: 'ip' }).layers as [p.Ipv4, p.Udp];
  expect([ip.ihl, ip.totalLength, ip.protocol, ip.checksumOk]).toEqual([5, 32, 17, true]);
  expect([udp.length, udp.checksumOk]).toEqual([12, true]);
  const wrong = p.encodePacket([
    p.ipv4({ ...addresses, ihl: 6, totalLength: 9999, protocol: 99, headerChecksum: 0xbeef, version: 5 }),
    p.udp({ ...ports, length: 3, checksum: 0xdead }),
  ]);
  expect(hex(wrong)).toBe('5600270f' + '00000000' + '4063beef' + 'c0000201' + 'c0000202' + 'a028a0290003dead');
});

test('a UDP checksum that is 0 is sent as 0xffff; none is sent when 0 is given', () => {
  const find = (last: number) => p.encodePacket([p.ipv4(addresses), p.udp(ports), new Uint8Array([last >> 8, last])]);
  const other = p.checksum(p.pseudoHeaderIpv4('192.0.2.1', '192.0.2.2', 17, 10), bytes('a028a029000a00000000'));
  expect(hex(find(other).subarray(26, 28))).toBe('ffff');
  expect(p.findLayer(p.decodePacket(find(other), { first: 'ip' }), 'udp')?.checksumOk).toBe(true);
  const none = p.encodePacket([p.ipv4(addresses), p.udp({ ...ports, checksum: 0 }), 'data']);
  expect(p.findLayer(p.decodePacket(none, { first: 'ip' }), 'udp')?.checksumOk).toBeUndefined();
  const none6 = p.encodePacket([p.ipv6(addresses6), p.udp({ ...ports, checksum: 0 }), 'data']);
  expect(p.findLayer(p.decodePacket(none6, { first: 'ip' }), 'udp')?.checksumOk).toBe(false);
});

test('IPv6 with a routing header: the checksum uses the final destination', () => {
  const final = '2001:db8::ffff';
  const packet = p.encodePacket([
    p.ipv6(addresses6),
    p.routing({ routingType: 0, segmentsLeft: 1, addresses: [final] }),
    p.udp(ports),
    'data',
  ]);
  const pseudo = p.pseudoHeaderIpv6(addresses6.sourceAddress, final, 17, 12);
  expect(p.checksum(pseudo, packet.subarray(64))).toBe(0);
});

test('a jumbo payload', () => {
  const size = 70000;
  const packet = p.encodePacket([
    p.ipv6({ ...addresses6, payloadLength: 0 }),
    p.hopByHop({ options: [{ name: 'jumboPayload', jumboPayloadLength: 8 + size }] }),
    p.udp({ ...ports, length: 0 }),
    new Uint8Array(size - 8),
  ]);
  const decoded = p.decodePacket(packet, { first: 'ip' });
  expect([decoded.error, decoded.missing, decoded.layers.length]).toEqual([undefined, 0, 4]);
  const without = bytes(`60000000 0000 00 40 ${'00'.repeat(32)} 1100000000000000`);
  expect(p.decodePacket(without, { first: 'ip' }).error).toMatchObject({ layer: 'hopByHop' });
  const long = [p.ipv6(addresses6), p.udp({ ...ports, length: 0 }), new Uint8Array(size)];
  expect(() => p.encodePacket(long)).toThrow(/ipv6.payloadLength/);
});

test('fragments: the upper-layer checksum is not verified, and later fragments are payload', () => {
  const whole = p.encodePacket([p.ipv4(addresses), p.udp(ports), new Uint8Array(40)]).subarray(20);
  const part = (from: number, to: number) =>
    p.encodePacket([
      p.ipv4({ ...addresses, protocol: 17, fragmentOffset: from / 8, moreFragments: to < whole.length }),
      whole.subarray(from, to),
    ]);
  const first = p.decodePacket(part(0, 24), { first: 'ip' });
  expect([first.error, first.missing]).toEqual([undefined, 0]);
  expect(p.findLayer(first, 'udp')).toMatchObject({ length: 48, checksumOk: undefined });
  const second = p.decodePacket(part(24, 48), { first: 'ip' });
  expect(second.layers.map(({ layer }) => layer)).toEqual(['ipv4', 'payload']);
  expect(hex(p.encodePacket(p.refill(first.layers)))).toBe(hex(part(0, 24)));
});

test('an ICMP error and the packet that it quotes, also with only 8 bytes of it', () => {
  const inner = [p.ipv4(addresses), p.tcp({ ...ports, syn: true })];
  const packet = p.encodePacket([p.ipv4(addresses), p.icmp({ type: 3, code: 4, nextHopMtu: 1280 }), ...inner]);
  const decoded = p.decodePacket(packet, { first: 'ip' });
  expect(decoded.layers.map(({ layer }) => layer)).toEqual(['ipv4', 'icmp', 'ipv4', 'tcp']);
  expect(p.findLayer(decoded, 'icmp')).toMatchObject({ nextHopMtu: 1280, checksumOk: true });
  expect(p.findLayer(decoded, 'ipv4', 1)?.destinationAddress).toBe('192.0.2.2');
  const quoted = p.encodePacket(inner).subarray(0, 28);
  const short = p.encodePacket([p.ipv4(addresses), p.icmp({ type: 11 }), quoted]);
  const { layers, error, missing } = p.decodePacket(short, { first: 'ip' });
  expect([error, missing]).toEqual([undefined, 0]);
  expect(layers.map(({ layer }) => layer)).toEqual(['ipv4', 'icmp', 'ipv4', 'payload']);
});

test('ICMP extensions follow the quoted packet: RFC 4884', () => {
  const quoted = new Uint8Array(128);
  quoted.set(p.encodePacket([p.ipv4(addresses), p.udp(ports)]));
  const extension = bytes('2000 0000 0008 0101 00001101');
  const packet = p.encodePacket([p.ipv4(addresses), p.icmp({ type: 11, length: 32 }), quoted, extension]);
  const decoded = p.decodePacket(packet, { first: 'ip' });
  expect(decoded.error).toBeUndefined();
  expect(decoded.layers.map(({ layer }) => layer)).toEqual(['ipv4', 'icmp', 'ipv4', 'udp', 'trailer']);
  expect((decoded.layers[4] as p.Trailer).data.subarray(-12)).toEqual(extension);
});

test('what an ICMP error quotes stays as it is when the error is changed, and so do its extensions', () => {
  const extension = bytes('2000 0000 0008 0101 00001101');
  const errors = [
    (quoted: Uint8Array) => [p.ipv4(addresses), p.icmp({ type: 11, length: quoted.length / 4 }), quoted, extension],
    (quoted: Uint8Array) => [p.ipv4(addresses), p.icmp({ type: 3, code: 3 }), quoted],
    (quoted: Uint8Array) => [
      p.ipv4(addresses),
      p.gre({ checksumPresent: true }),
      p.ipv4(addresses),
      p.icmp({ type: 3 }),
      quoted,
    ],
  ];
  const errors6 = [
    (quoted: Uint8Array) => [p.ipv6(addresses6), p.icmpv6({ type: 3, length: quoted.length / 8 }), quoted, extension],
    (quoted: Uint8Array) => [p.ipv6(addresses6), p.icmpv6({ type: 2, mtu: 1280 }), quoted],
  ];
  // The lengths and the checksum of a quoted packet refer to the whole packet, which is longer than the quotation.
  const udp = p.udp({ ...ports, length: 1000, checksum: 0x1234 });
  const quoted4 = new Uint8Array(128);
  quoted4.set(p.encodePacket([p.ipv4({ ...addresses, totalLength: 1020, headerChecksum: 0xabcd }), udp]));
  const quoted6 = p.encodePacket([p.ipv6({ ...addresses6, payloadLength: 1000 }), udp, new Uint8Array(80)]);
  const packets = [...errors.map((error) => error(quoted4)), ...errors6.map((error) => error(quoted6))];
  for (const padding of [0, 4]) {
    for (const layers of packets) {
      const packet = p.encodePacket([...layers, p.trailer(new Uint8Array(padding))]);
      const decoded = p.decodePacket(packet, { first: 'ip' });
      expect(decoded.error).toBeUndefined();
      expect(hex(p.encodePacket(p.refill(decoded.layers)))).toBe(hex(packet));
    }
  }
});

test('a header inside the first fragment of a tunnel keeps the length of its own packet', () => {
  const inner = p.encodePacket([p.ipv4(addresses), p.udp(ports), new Uint8Array(64)]);
  const first = p.encodePacket([p.ipv4({ ...addresses, protocol: 4, moreFragments: true }), inner.subarray(0, 64)]);
  const { layers } = p.decodePacket(first, { first: 'ip' });
  expect(hex(p.encodePacket(p.refill(layers)))).toBe(hex(first));
  const hop = layers.map((one) => (one.layer === 'ipv4' ? { ...one, timeToLive: one.timeToLive - 1 } : one));
  const changed = p.decodePacket(p.encodePacket(p.refill(hop)), { first: 'ip' });
  expect(p.findLayer(changed, 'ipv4', 1)).toMatchObject({ timeToLive: 63, totalLength: 92, checksumOk: true });
});

test('a router advertisement: RFC 4861, 4191 and 8106', () => {
  const options: p.NdOption[] = [
    { name: 'sourceLinkLayerAddress', linkLayerAddress: '02:00:00:00:00:01' },
    { name: 'mtu', reserved: 0, mtu: 1500 },
    {
      name: 'prefixInformation',
      prefixLength: 64,
      onLink: true,
      autonomous: true,
      reserved1: 0,
      validLifetime: 86400,
      preferredLifetime: 14400,
      reserved2: 0,
      prefix: '2001:db8::',
    },
    {
      name: 'routeInformation',
      length: 2,
      prefixLength: 48,
      preference: 1,
      reserved: 0,
      routeLifetime: 60,
      prefix: 'fd00::',
    },
    { name: 'recursiveDnsServer', reserved: 0, lifetime: 600, addresses: ['2001:db8::53'] },
    { name: 'dnsSearchList', reserved: 0, lifetime: 600, domainNames: ['example.com', 'lan'] },
  ];
  const packet = p.encodePacket([
    p.icmpv6({
      type: p.ICMPV6_ROUTER_ADVERTISEMENT,
      curHopLimit: 64,
      otherConfiguration: true,
      defaultRouterPreference: 1,
      routerLifetime: 1800,
      options,
    }),
  ]);
  expect(hex(packet)).toBe(
    '86000000' +
      '40480708' +
      '00000000' +
      '00000000' +
      '0101020000000001' +
      '05010000000005dc' +
      '030440c0000151800000384000000000' +
      '20010db8000000000000000000000000' +
      '180230080000003c' +
      'fd00000000000000' +
      '1903000000000258' +
      '20010db8000000000000000000000053' +
      '1f04000000000258' +
      '076578616d706c6503636f6d00' +
      '036c616e00' +
      '000000000000',
  );
  const layer = p.findLayer(p.decodePacket(packet, { first: 'icmpv6' }), 'icmpv6')!;
  expect(layer).toMatchObject({ curHopLimit: 64, otherConfiguration: true, managedAddressConfiguration: false });
  expect(layer.options).toEqual(options);
});

test('IPv4 options: record route, source route, time stamps, router alert', () => {
  const options: p.Ipv4Option[] = [
    { name: 'recordRoute', pointer: 4, route: ['0.0.0.0'] },
    { name: 'routerAlert', value: 0 },
    { name: 'noOperation' },
    { name: 'timestamp', pointer: 9, overflow: 1, flag: 0, entries: [{ timestamp: 5 }] },
    { name: 'other', type: 130, data: bytes('0102') },
  ];
  const packet = p.encodePacket([p.ipv4({ ...addresses, options, protocol: 59 })]);
  expect(hex(packet.subarray(20))).toBe(
    '070704' + '00000000' + '94040000' + '01' + '44080910' + '00000005' + '82040102',
  );
  expect(p.findLayer(p.decodePacket(packet, { first: 'ip' }), 'ipv4')?.options).toEqual(options);
});

test('where decoding stopped', () => {
  const udp = p.encodePacket([p.ethernet(link), p.ipv4(addresses), p.udp(ports), 'data']);
  const at = (offset: number, value: number) => Uint8Array.from(udp, (byte, i) => (i === offset ? value : byte));
  const stopped = (packet: Uint8Array) => {
    const { error, layers } = p.decodePacket(packet);
    return [error?.layer, error?.offset, layers.length];
  };
  expect(stopped(udp.subarray(0, 13))).toEqual(['ethernet', 0, 1]);
  expect(stopped(udp.subarray(0, 30))).toEqual(['ipv4', 14, 2]);
  expect(stopped(at(14, 0x65))).toEqual(['ipv4', 14, 2]);
  expect(stopped(at(14, 0x44))).toEqual(['ipv4', 14, 3]);
  expect(stopped(at(17, 10))).toEqual(['ipv4', 16, 3]);
  expect(stopped(at(39, 200))).toEqual(['udp', 38, 4]);
  expect(stopped(udp.subarray(0, 40))).toEqual(['udp', 34, 3]);
  expect(p.decodePacket(udp.subarray(0, 44))).toMatchObject({ error: undefined, missing: 2 });
  const tcp = p.encodePacket([p.tcp({ ...ports, options: [{ name: 'malformed', data: bytes('05ff') }] })]);
  const { error, layers } = p.decodePacket(tcp, { first: 'tcp' });
  expect(error).toMatchObject({ layer: 'tcp', offset: 20 });
  expect((layers[0] as p.Tcp).options).toEqual([{ name: 'malformed', data: bytes('05ff0000') }]);
  expect(p.decodePacket(bytes('00'), { first: 'ip' }).error?.reason).toMatch('version 0');
});

test('values that do not fit into a field are rejected with its name and never truncated', () => {
  const udp = p.udp(ports);
  const cases: [string, () => unknown][] = [
    ['udp.sourcePort', () => p.encodePacket([p.udp({ ...ports, sourcePort: 65536 })])],
    ['udp.destinationPort', () => p.encodePacket([p.udp({ ...ports, destinationPort: 1.5 })])],
    ['ipv4.timeToLive', () => p.encodePacket([p.ipv4({ ...addresses, timeToLive: 256 }), udp])],
    ['ipv4.sourceAddress', () => p.encodePacket([p.ipv4({ ...addresses, sourceAddress: 'localhost' }), udp])],
    ['ipv4.totalLength', () => p.encodePacket([p.ipv4(addresses), udp, new Uint8Array(65536)])],
    ['ipv4.protocol', () => p.encodePacket([p.ipv4(addresses), 'data'])],
    [
      'ipv4.ihl',
      () =>
        p.encodePacket([
          p.ipv4({ ...addresses, options: [{ name: 'other', type: 7, data: new Uint8Array(50) }] }),
          udp,
        ]),
    ],
    ['ethernet.source', () => p.encodePacket([p.ethernet({ ...link, source: '1:2:3:4:5' })])],
    ['ethernet.etherType', () => p.encodePacket([p.ethernet(link), 'data'])],
    ['ethernet.tags.vid', () => p.encodePacket([p.ethernet({ ...link, tags: [{ vid: 4096 }] }), p.ipv4(addresses)])],
    [
      'tcp.options.shiftCount',
      () => p.encodePacket([p.tcp({ ...ports, options: [{ name: 'windowScale', shiftCount: -1 }] })]),
    ],
    ['icmpv6.targetAddress', () => p.encodePacket([p.icmpv6({ type: 135 })])],
    [
      'arp.targetProtocolAddress',
      () =>
        p.encodePacket([
          p.arp({
            operation: 1,
            senderHardwareAddress: 'aa',
            senderProtocolAddress: '192.0.2.1',
            targetProtocolAddress: '::1',
          }),
        ]),
    ],
    ['layer', () => p.encodePacket([{ layer: 'constructor' } as never])],
    ['layers', () => p.encodePacket([5 as never])],
    ['layers', () => p.encodePacket('data' as never)],
    ['bytes', () => p.decodePacket('data' as never)],
    ['layer', () => p.decodePacket(new Uint8Array(9), { first: 'toString' as never })],
  ];
  for (const [name, call] of cases) {
    expect(call, name).toThrow(`The "${name}" argument`);
  }
});

test('a formatted packet', () => {
  const frame = p.encodePacket([
    p.ethernet({ ...link, tags: [{ vid: 5 }] }),
    p.ipv4({ ...addresses, dontFragment: true }),
    p.tcp({ ...ports, syn: true, checksum: 1, options: [{ name: 'maximumSegmentSize', maximumSegmentSize: 1460 }] }),
    'hi\n',
  ]);
  expect(p.formatPacket(frame.subarray(0, -1))).toBe(
    [
      'Ethernet: 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, vlan 5, IPv4 (0x0800)',
      'IPv4: 192.0.2.1 > 192.0.2.2, TCP (6), ttl 64, id 0, DF, length 47, checksum 0xb6c5 ok',
      'TCP: 41000 > 41001, [SYN], seq 0, win 65535, <maximumSegmentSize 1460>, checksum 0x0001',
      'Payload: 2 bytes',
      '  0000  68 69                                             hi',
      'Cut: 1 more bytes were on the wire',
    ].join('\n'),
  );
  expect(p.formatPacket(frame)).toMatch('checksum 0x0001 WRONG');
  expect(inspect(p.decodePacket(frame))).toBe(p.formatPacket(frame));
  expect(p.formatPacket(frame.subarray(0, 30))).toMatch(
    /^Stopped: IPv4 at byte 18: a header of 20 bytes, but only 12 are available$/m,
  );
  expect(p.formatHex(new Uint8Array(17).fill(65)).split('\n')).toEqual([
    '0000  41 41 41 41 41 41 41 41  41 41 41 41 41 41 41 41  AAAAAAAAAAAAAAAA',
    '0010  41                                                A',
  ]);
});

test('decoding makes no copies of data', () => {
  const frame = p.encodePacket([p.ethernet(link), p.ipv4(addresses), p.udp(ports), 'data']);
  const data = p.findLayer(p.decodePacket(frame), 'payload')!.data;
  expect(data.buffer).toBe(frame.buffer);
  expect(frame.buffer.byteLength).toBe(frame.length);
});
