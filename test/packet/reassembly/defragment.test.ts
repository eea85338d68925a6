import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { cleanup } from '../../helpers/fds.ts';
import { folder } from '../../helpers/fixtures.ts';
import { Chance, fragments4, fragments6 } from '../../helpers/fragments.ts';
import { ipv6, namespaces, need, packetSockets, program, rawSockets } from '../../helpers/need.ts';
import { link } from '../../helpers/networks.ts';
import { pcapOf, tshark } from '../../helpers/tshark.ts';

const ether = p.ethernet({ destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' });
const from4 = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' };
const from6 = { sourceAddress: '2001:db8::1', destinationAddress: '2001:db8::2' };
const ports = p.udp({ sourcePort: 41000, destinationPort: 41001 });

/** Captured packets, this many milliseconds apart. */
const captured = (list: readonly Uint8Array[], apart = 1, linktype = p.LINKTYPE_ETHERNET as number) =>
  list.map((data, i) => ({ data, linktype, timestamp: BigInt(i) * BigInt(apart) * 1_000_000n }));

async function all<T>(packets: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const packet of packets) list.push(packet);
  return list;
}

/** Returns the resulting packets, and the datagrams that were given up. */
async function run(packets: readonly p.SourcePacket[], options: p.DefragmentOptions = {}) {
  const incomplete: p.IncompleteDatagram[] = [];
  const onIncomplete = (datagram: p.IncompleteDatagram) => void incomplete.push(datagram);
  return { packets: await all(p.defragment(packets, { onIncomplete, ...options })), incomplete };
}

/** Datagrams of all kinds: the whole packet, its fragments, and its payload. */
function datagrams(count: number, chance: Chance) {
  return Array.from({ length: count }, (_, identification) => {
    const data = chance.bytes(100 + chance.below(4000));
    const tags = chance.below(3) === 0 ? [{ vid: 1 + chance.below(3) }] : [];
    const first = { ...ether, tags };
    const at = 14 + 4 * tags.length;
    const size = 8 * (1 + chance.below(100));
    if (chance.below(2) === 0) {
      const options = chance.below(2) === 0 ? [{ name: 'routerAlert' as const, value: 0 }] : [];
      const whole = p.encodePacket([first, p.ipv4({ ...from4, identification, options }), ports, data]);
      return { whole, data, parts: fragments4(whole, at, size) };
    }
    const before = chance.below(2) === 0 ? [p.hopByHop({ options: [{ name: 'routerAlert', value: 0 }] })] : [];
    const whole = p.encodePacket([first, p.ipv6(from6), ...before, ports, data]);
    const start = at + 40 + 8 * before.length;
    const announcedAt = before.length === 0 ? at + 6 : at + 40;
    return { whole, data, parts: fragments6(whole, { at, start, announcedAt, size, identification }) };
  });
}

test('datagrams are reassembled, as by tshark: IPv4 and IPv6, shuffled, some twice', async (context) => {
  need(context, program('tshark'));
  const chance = new Chance(7);
  const list = datagrams(60, chance);
  const packets = chance.shuffled(
    list.flatMap(({ parts }) => (chance.below(4) === 0 ? [...parts, parts[chance.below(parts.length)]!] : parts)),
    40,
  );
  const { packets: out } = await run(captured(packets));
  const complete = out.filter((packet) => packet instanceof p.ReassembledPacket);
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  expect(complete.map(({ data }) => hex(data)).sort()).toEqual(
    list
      .filter(({ parts }) => parts.length > 1)
      .map(({ whole }) => hex(whole))
      .sort(),
  );
  const defragmented = ['-o', 'ip.defragment:TRUE', '-o', 'ipv6.defragment:TRUE', '-Y', 'udp', '-T', 'fields'];
  const theirs = tshark(pcapOf(packets), ...defragmented, '-e', 'udp.payload')
    .trim()
    .split('\n');
  const ours = out.flatMap((packet) => {
    const decoded = p.decodePacket(packet);
    const fields = p.findLayer(decoded, 'udp');
    if (fields === undefined) return [];
    expect(fields.checksumOk).toBe(true);
    return hex(p.findLayer(decoded, 'payload')!.data);
  });
  expect(new Set(ours)).toEqual(new Set(theirs));
  expect(new Set(ours).size).toBe(list.length);
});

test('datagrams that the kernel fragmented are reassembled, in a capture as well, and writers accept them', async (context) => {
  need(context, namespaces, packetSockets, program('tshark'), program('ip'));
  const { name, peer } = await link();
  execFileSync('ip', ['link', 'set', name, 'mtu', '1280']);
  const capture = p.openCapture({
    interface: name,
    filter: 'ip[6:2] & 0x3fff != 0 or ip6 proto 44 or udp',
    immediate: true,
  });
  cleanup(capture.fd);
  const sent: Buffer[] = [];
  for (const [family, address] of [
    [s.AF_INET, peer.address],
    [s.AF_INET6, peer.address6],
  ] as const) {
    for (const size of [10, 1500, 9000, 60000]) {
      const data = Buffer.alloc(size, size % 251);
      const fd = cleanup(s.socket(family, s.SOCK_DGRAM));
      s.sendto(fd, data, 0, { family, address, port: 9 } as s.Address);
      sent.push(data);
    }
  }
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapWriter((bytes) => chunks.push(bytes));
  const received: Buffer[] = [];
  for await (const packet of p.defragment(capture)) {
    writer.write(packet);
    const { layers } = p.decodePacket(packet);
    if (p.findLayer(layers, 'udp')?.destinationPort !== 9 || p.findLayer(layers, 'icmp')) continue;
    received.push(Buffer.from(p.findLayer(layers, 'payload')!.data));
    if (received.length === sent.length) break;
  }
  capture.close();
  expect(received.map((data) => data.length)).toEqual(sent.map((data) => data.length));
  expect(Buffer.concat(received).equals(Buffer.concat(sent))).toBe(true);
  const file = join(folder(), 'whole.pcap');
  writeFileSync(file, Buffer.concat(chunks));
  expect(tshark(file, '-Y', 'ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr || udp.length > 60000')).not.toBe(
    '',
  );
});

test('packets that are not fragments are passed on as the same object: atomic fragments, ARP, garbage, truncated fragments', async () => {
  const atomic = p.encodePacket([ether, p.ipv6(from6), p.fragment({ identification: 1 }), ports, 'data']);
  const whole = p.encodePacket([ether, p.ipv4(from4), ports, new Uint8Array(100)]);
  const [first] = fragments4(whole, 14, 64);
  const packets = captured([
    whole,
    atomic,
    p.encodePacket([{ ...ether, etherType: 0x88b5 }, 'data']),
    new Uint8Array(0),
    new Uint8Array(20),
    first!.subarray(0, 60),
    whole.subarray(0, 20),
  ]);
  const { packets: out, incomplete } = await run(packets);
  expect(out).toEqual(packets);
  out.forEach((packet, i) => void expect(packet).toBe(packets[i]));
  expect(incomplete).toEqual([]);
});

/** Fragments of one datagram, each with this payload. */
const part4 = (fragmentOffset: number, data: Uint8Array | string, moreFragments = true) =>
  p.encodePacket([p.ipv4({ ...from4, identification: 5, protocol: 17, fragmentOffset, moreFragments }), data]);
const part6 = (fragmentOffset: number, data: Uint8Array | string, moreFragments = true) =>
  p.encodePacket([
    p.ipv6(from6),
    p.fragment({ nextHeader: 17, identification: 5, fragmentOffset, moreFragments }),
    data,
  ]);
const raw = (list: readonly Uint8Array[], apart = 1) => captured(list, apart, p.LINKTYPE_RAW);

test.each([
  ['IPv4', part4],
  ['IPv6', part6],
] as const)(
  '%s: overlapping fragments discard the datagram, including later fragments; duplicates do not',
  async (_name, part) => {
    const a = 'aaaaaaaabbbbbbbb';
    const reasons = async (...list: Uint8Array[]) => {
      const { packets, incomplete } = await run(raw(list));
      return [packets.length, ...incomplete.map(({ reason }) => reason)];
    };
    const [begin, end] = [part(0, a), part(2, 'tail', false)];
    expect(await reasons(begin, end)).toEqual([1]);
    expect(await reasons(end, begin)).toEqual([1]);
    expect(await reasons(begin, begin, end)).toEqual([1]);
    expect(await reasons(begin, part(1, 'bbbbbbbb'), end)).toEqual([1]); // a duplicate of one half
    expect(await reasons(begin, part(1, 'xxxxxxxx'), end)).toEqual([0, 'overlap']); // different bytes
    expect(await reasons(begin, part(1, 'bbbbbbbbcccccccc'), end)).toEqual([0, 'overlap']); // more bytes
    expect(await reasons(part(1, 'bbbbbbbb'), begin, end)).toEqual([0, 'overlap']);
    expect(await reasons(begin, part(1, 'bbbb', false), end)).toEqual([0, 'length']); // teardrop: an end within
    expect(await reasons(end, part(3, 'farther', false), begin)).toEqual([0, 'length']);
    expect(await reasons(end, part(3, '12345678'), begin)).toEqual([0, 'length']);
    expect(await reasons(begin, part(4, '12345678'), end)).toEqual([0, 'length']);
  },
);

test('invalid lengths: more than 65535, a part that is not a multiple of 8, and 0', async () => {
  const beyond = part4(8191, new Uint8Array(16), false);
  const odd = part4(0, 'odd');
  const empty = part4(1, '');
  const { packets, incomplete } = await run(raw([beyond, odd, empty]));
  expect(packets.map(({ data }) => data)).toEqual([beyond, odd, empty]);
  expect(incomplete).toEqual([]);
  // 65530 bytes behind a header of 20 exceed the limit by 15.
  const parts = [part4(0, new Uint8Array(65000)), part4(8125, new Uint8Array(530), false)];
  expect((await run(raw(parts))).incomplete).toMatchObject([{ reason: 'length', received: 65530, length: 65530 }]);
  const largest = [part4(0, new Uint8Array(65000)), part4(8125, new Uint8Array(515), false)];
  const [packet] = (await run(raw(largest))).packets;
  expect(packet!.data.length).toBe(65535);
  expect(p.findLayer(p.decodePacket(packet!), 'ipv4')).toMatchObject({ totalLength: 65535, checksumOk: true });
});

test('time is measured by the packets: 30 seconds, or another timeout', async () => {
  const parts = [part4(0, 'aaaaaaaa'), part4(1, 'tail', false)];
  expect((await run(raw(parts, 30_000))).packets).toHaveLength(1);
  const { packets, incomplete } = await run(raw(parts, 30_001));
  expect(packets).toEqual([]);
  expect(incomplete).toEqual([
    expect.objectContaining({
      reason: 'timeout',
      ...from4,
      protocol: 17,
      identification: 5,
      timestamp: 0n,
      fragments: 1,
    }),
    expect.objectContaining({ reason: 'end', received: 4, length: 12 }),
  ]);
  expect((await run(raw(parts, 1000), { timeout: 999 })).incomplete).toHaveLength(2);
  // Packets without a time never expire, and a clock that goes back expires nothing.
  expect((await run(parts.map((data) => ({ data, linktype: p.LINKTYPE_RAW })))).packets).toHaveLength(1);
  expect((await run(raw(parts, 1000).reverse(), { timeout: 10 })).packets).toHaveLength(1);
});

test('memory is limited in bytes and in datagrams: the oldest is discarded first', async () => {
  const starts = Array.from({ length: 100 }, (_, identification) =>
    p.encodePacket([p.ipv4({ ...from4, identification, protocol: 17, moreFragments: true }), new Uint8Array(1000)]),
  );
  const { incomplete } = await run(raw(starts), { maxDatagrams: 10 });
  expect(incomplete.map(({ reason }) => reason)).toEqual([...Array(90).fill('memory'), ...Array(10).fill('end')]);
  expect(incomplete.map(({ identification }) => identification)).toEqual(starts.map((_, i) => i));
  const some = await run(raw(starts), { maxBytes: 20_000 });
  const kept = some.incomplete.filter(({ reason }) => reason === 'end').length;
  expect(kept).toBeGreaterThan(8);
  expect(kept).toBeLessThan(20);
  expect((await run(raw([part4(0, 'aaaaaaaa'), part4(1, 'tail', false)]), { maxBytes: 0 })).packets).toEqual([]);
});

test('fragments of other interfaces, directions, VLANs and protocols belong to other datagrams', async () => {
  const [begin, end] = raw([part4(0, 'aaaaaaaa'), part4(1, 'tail', false)]);
  for (const [one, other] of [
    [{ ifindex: 1 }, { ifindex: 2 }],
    [{ interfaceId: 1 }, { interfaceId: 2 }],
    [{ flags: 1 }, { flags: 2 }],
  ]) {
    expect(
      (
        await run([
          { ...begin!, ...one },
          { ...end!, ...other },
        ])
      ).packets,
    ).toEqual([]);
    expect(
      (
        await run([
          { ...begin!, ...one },
          { ...end!, ...one },
        ])
      ).packets,
    ).toHaveLength(1);
  }
  const tagged = (vid: number, packet: Uint8Array) =>
    p.encodePacket([{ ...ether, etherType: 0x800, tags: [{ vid }] }, packet]);
  const [first, last] = [part4(0, 'aaaaaaaa'), part4(1, 'tail', false)];
  expect((await run(captured([tagged(1, first!), tagged(2, last!)]))).packets).toEqual([]);
  expect((await run(captured([tagged(1, first!), tagged(1, last!)]))).packets).toHaveLength(1);
});

test('every link type: the headers before are kept, and the length of PPPoE is adjusted', async () => {
  const whole = p.encodePacket([p.ipv4({ ...from4, identification: 3 }), ports, new Uint8Array(200)]);
  const parts = fragments4(whole, 0, 64);
  const links: [number, p.LayerInput[]][] = [
    [p.LINKTYPE_RAW, []],
    [p.LINKTYPE_IPV4, []],
    [p.LINKTYPE_LINUX_SLL, [p.linuxSll({ protocol: 0x800 })]],
    [p.LINKTYPE_LINUX_SLL2, [p.linuxSll2({ protocol: 0x800 })]],
    [p.LINKTYPE_NULL, [p.bsdLoopback({ family: 2 })]],
    [p.LINKTYPE_PPP, [p.ppp({ protocol: 0x21 })]],
    [p.LINKTYPE_ETHERNET, [{ ...ether, etherType: 0x8847 }, p.mpls({ entries: [{ label: 5 }, { label: 6 }] })]],
    [p.LINKTYPE_ETHERNET, [{ ...ether, etherType: 0x8864 }, p.pppoe({ sessionId: 1 }), p.ppp({ protocol: 0x21 })]],
    [p.LINKTYPE_ETHERNET, [ether, p.pppoe({ sessionId: 1 }), p.ppp({ protocol: 0x21, compressed: true })]],
    [p.LINKTYPE_LINUX_SLL, [p.linuxSll({}), p.pppoe({ sessionId: 1 }), p.ppp({ protocol: 0x21 })]],
    [p.LINKTYPE_LINUX_SLL2, [p.linuxSll2({}), p.pppoe({ sessionId: 1 }), p.ppp({ protocol: 0x21 })]],
  ];
  for (const [linktype, layers] of links) {
    const packets = parts.map((part) => p.encodePacket([...layers, part]));
    const { packets: out } = await run(captured(packets, 1, linktype));
    expect(out).toHaveLength(1);
    expect(out[0]!.data).toEqual(p.encodePacket([...layers, whole]));
    expect(out[0]!.linktype).toBe(linktype);
  }
});

test('the length of PPPoE is 0 for a datagram that is too long for it, and the decoder reads all of it', async () => {
  const layers = [{ ...ether, etherType: 0x8864 }, p.pppoe({ sessionId: 1 }), p.ppp({ protocol: 0x21 })];
  const data = Uint8Array.from({ length: 65_515 - 8 }, (_, i) => i & 0xff);
  const whole = p.encodePacket([
    p.ipv4({ ...from4, identification: 3 }),
    p.udp({ sourcePort: 7, destinationPort: 8 }),
    data,
  ]);
  const packets = fragments4(whole, 0, 1480).map((part) => p.encodePacket([...layers, part]));
  const { packets: out } = await run(captured(packets));
  expect(out).toHaveLength(1);
  const { layers: decoded, error, missing } = p.decodePacket(out[0]!);
  expect([error, missing, p.findLayer(decoded, 'pppoe')?.length]).toEqual([undefined, 0, 0]);
  expect(p.findLayer(decoded, 'udp')?.checksumOk).toBe(true);
  expect(Buffer.from(p.findLayer(decoded, 'payload')!.data).equals(data)).toBe(true);
});

test('a forwarded datagram in a cooked capture is two datagrams, and its fragments may come from different neighbours', async () => {
  const whole = p.encodePacket([p.ipv4({ ...from4, identification: 3 }), ports, new Uint8Array(200)]);
  const parts = fragments4(whole, 0, 64);
  const address = (i: number) => `02:00:00:00:00:0${i + 1}`;
  const [incoming, outgoing] = [s.PACKET_HOST, s.PACKET_OUTGOING];
  const links: [number, (packetType: number, i: number) => p.LayerInput][] = [
    [p.LINKTYPE_LINUX_SLL, (packetType, i) => p.linuxSll({ packetType, address: address(i), protocol: 0x800 })],
    [
      p.LINKTYPE_LINUX_SLL2,
      (packetType, i) =>
        p.linuxSll2({ packetType, address: address(i), protocol: 0x800, interfaceIndex: packetType + 1 }),
    ],
  ];
  for (const [linktype, headerOf] of links) {
    const packets = parts.flatMap((part, i) =>
      [incoming, outgoing].map((type) => p.encodePacket([headerOf(type, i), part])),
    );
    const { packets: out, incomplete } = await run(captured(packets, 1, linktype));
    expect(incomplete).toEqual([]);
    expect(out.map(({ data }) => data)).toEqual(
      [incoming, outgoing].map((type) => p.encodePacket([headerOf(type, 0), whole])),
    );
  }
});

test('a congestion mark on one fragment marks the datagram', async () => {
  const marked = (ecn: number, fragmentOffset: number, moreFragments: boolean) =>
    p.encodePacket([p.ipv4({ ...from4, ecn, protocol: 17, fragmentOffset, moreFragments }), 'aaaaaaaa']);
  const { packets } = await run(raw([marked(2, 0, true), marked(3, 1, false)]));
  expect(p.findLayer(p.decodePacket(packets[0]!), 'ipv4')).toMatchObject({ ecn: 3, checksumOk: true });
});

test('a congestion mark on one fragment marks the datagram of IPv6 as in the kernel', async (context) => {
  need(context, rawSockets, ipv6);
  const socket = cleanup(s.socket(s.AF_INET6, s.SOCK_RAW, s.IPPROTO_RAW));
  const receiver = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
  const address = { family: s.AF_INET6, address: '::1', port: 0 } as const;
  s.bind(receiver, address);
  s.setOption(receiver, 'IPV6_RECVTCLASS', true);
  const ends = { sourceAddress: '::1', destinationAddress: '::1' };
  const { port } = s.getsockname(receiver) as s.Inet6Address;
  const datagram = p.encodePacket([p.udp({ sourcePort: 9, destinationPort: port }), new Uint8Array(8)], {
    pseudoHeader: ends,
  });
  const pairs = [
    [2, 3],
    [3, 1],
    [0xb8 | 1, 3],
    [2, 2],
    [0, 0],
  ] as const;
  for (const [identification, trafficClasses] of pairs.entries()) {
    const parts = trafficClasses.map((trafficClass, i) =>
      p.encodePacket([
        p.ipv6({ ...ends, trafficClass }),
        p.fragment({ identification, fragmentOffset: i, moreFragments: i === 0, nextHeader: s.IPPROTO_UDP }),
        datagram.subarray(8 * i, 8 * i + 8),
      ]),
    );
    for (const part of parts) s.sendto(socket, part, 0, address);
    const { control } = s.recvmsg(receiver, { buffers: [new Uint8Array(8)], controlLength: 64 });
    const { packets } = await run(raw(parts));
    expect(p.findLayer(p.decodePacket(packets[0]!), 'ipv6')?.trafficClass).toBe(
      s.findControl(control, s.IPPROTO_IPV6, s.IPV6_TCLASS)?.value,
    );
  }
});

test('mutated fragments cause no exceptions or growth: each is passed on, reassembled or reported', async () => {
  const chance = new Chance(99);
  const runs = Number(process.env.STRESS_REASSEMBLY ?? 1) * 20;
  for (let i = 0; i < runs; i++) {
    const packets = chance.shuffled(datagrams(10, chance).flatMap(({ parts }) => parts)).map((data) => {
      const changed = data.slice(0, chance.below(8) === 0 ? chance.below(data.length) : data.length);
      for (let n = chance.below(4); n > 0; n--) changed[14 + chance.below(40)] = chance.below(256);
      return changed;
    });
    let told = 0;
    const onIncomplete = ({ fragments }: p.IncompleteDatagram) => {
      told += fragments;
    };
    const options = { onIncomplete, maxBytes: 50_000, maxDatagrams: 20 };
    const linktype = chance.below(4) === 0 ? chance.below(300) : p.LINKTYPE_ETHERNET;
    for await (const packet of p.defragment(captured(packets, 10, linktype), options)) {
      told += packet instanceof p.ReassembledPacket ? packet.fragments : 1;
      p.decodePacket(packet);
    }
    expect(told).toBeLessThanOrEqual(packets.length);
  }
});

test('invalid sources and options are rejected at once', () => {
  for (const source of [undefined, null, 5, 'packets', {}, new Uint8Array(5)]) {
    expect(() => p.defragment(source as never)).toThrow('"source"');
  }
  expect(() => p.defragment([], { timeout: -1 })).toThrow('"options.timeout"');
  expect(() => p.defragment([], { maxBytes: 1.5 })).toThrow('"options.maxBytes"');
  expect(() => p.defragment([], { onIncomplete: 5 as never })).toThrow('"options.onIncomplete"');
  expect(() => p.defragment([], { maxByte: 1 } as never)).toThrow('"options.maxBytes"');
});

test('a packet without data, an error of the source and one of the callback end the loop', async () => {
  await expect(run([{} as never])).rejects.toThrow('"packet.data"');
  const failing = (async function* () {
    yield* raw([part4(0, 'aaaaaaaa')]);
    throw new Error('of the source');
  })();
  await expect(all(p.defragment(failing))).rejects.toThrow('of the source');
  const onIncomplete = () => {
    throw new Error('of the callback');
  };
  await expect(all(p.defragment(raw([part4(0, 'aaaaaaaa')]), { onIncomplete }))).rejects.toThrow('of the callback');
});
