/** Files of captured packets: tshark, tcpdump and editcap read ours, we read theirs; whole, truncated and damaged. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { datagram, folder } from '../../helpers/fixtures.ts';
import { type Need, need, packetSockets, program } from '../../helpers/need.ts';
import { sampleFrames } from '../../helpers/packets.ts';
import { fieldsOf, tshark } from '../../helpers/tshark.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 300);
const START = 1_700_000_000_123_456_789n;
const frames = sampleFrames(30).map((layers) => p.encodePacket(layers));
const records: p.PacketRecord[] = frames.map((data, i) => ({
  timestamp: START + BigInt(i) * 1_000_000_007n,
  data,
  originalLength: data.length + (i % 3),
}));

function pcap(options?: p.PcapOptions, list = records): Uint8Array {
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapWriter((bytes) => chunks.push(bytes), options);
  for (const record of list) writer.write(record);
  return new Uint8Array(Buffer.concat(chunks));
}

const interfaces: p.CaptureInterface[] = [
  {
    linktype: p.LINKTYPE_ETHERNET,
    snaplen: 1500,
    name: 'eth0',
    description: 'the first',
    hardware: 'none',
    os: 'Linux',
    filter: 'udp port 53',
    speed: 1_000_000_000n,
  },
  { linktype: p.LINKTYPE_RAW, snaplen: 0, name: 'tun0' },
];
const statistics: p.InterfaceStatistics = {
  interfaceId: 0,
  timestamp: START + 99n,
  startTime: START,
  endTime: START + 98n,
  received: 1000n,
  dropped: 17n,
  filterAccepted: 900n,
  osDropped: 3n,
  delivered: 880n,
};

function pcapng(): { bytes: Uint8Array; packets: p.PacketRecord[] } {
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapngWriter((bytes) => chunks.push(bytes), { application: 'test', comment: 'a file' });
  for (const one of interfaces) writer.addInterface(one);
  const packets = records.map((record, i) => ({
    ...record,
    interfaceId: 0,
    comment: `number ${i}`,
    flags: 1,
    dropCount: 2n,
  }));
  for (const packet of packets) writer.write(packet);
  const ip = p.encodePacket([
    p.ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' }),
    p.icmp({ type: 8 }),
  ]);
  const raw = { timestamp: START, data: ip, originalLength: ip.length, interfaceId: 1 };
  writer.write(raw);
  writer.statistics(statistics);
  return { bytes: new Uint8Array(Buffer.concat(chunks)), packets: [...packets, raw as (typeof packets)[0]] };
}

/** Everything in a file that arrives in chunks of this size. */
function readAll(
  bytes: Uint8Array,
  size = bytes.length || 1,
): { packets: p.CapturedPacket[]; reader: p.CaptureReader } {
  const reader = new p.CaptureReader();
  const packets: p.CapturedPacket[] = [];
  for (let at = 0; at < bytes.length; at += size) packets.push(...reader.push(bytes.subarray(at, at + size)));
  reader.end();
  return { packets, reader };
}

const linked = (list: readonly p.PacketRecord[]) =>
  list.map((record) => ({
    ...record,
    interfaceId: record.interfaceId ?? 0,
    linktype: record.interfaceId === 1 ? 101 : 1,
  }));

/** A pcap file with every number in the other byte order. */
function swapPcap(bytes: Uint8Array): Uint8Array {
  const swapped = Buffer.from(bytes);
  swapped.subarray(0, 4).swap32();
  swapped.subarray(4, 8).swap16();
  swapped.subarray(8, 24).swap32();
  for (let at = 24; at < bytes.length; at += 16 + new DataView(bytes.buffer).getUint32(at + 8, true)) {
    swapped.subarray(at, at + 16).swap32();
  }
  return swapped;
}

test.each(['ns', 'us'] as const)(
  'pcap in %s: written files are read in both byte orders and in chunks of any size',
  (resolution) => {
    const bytes = pcap({ resolution });
    const expected = linked(records).map((packet) =>
      resolution === 'ns' ? packet : { ...packet, timestamp: packet.timestamp - (packet.timestamp % 1000n) },
    );
    for (const file of [bytes, swapPcap(bytes)]) {
      for (const size of [file.length, 1, 7, 24, 40, 1000]) {
        const { packets, reader } = readAll(Uint8Array.from(file), size);
        expect(packets).toEqual(expected);
        expect([reader.error, reader.format]).toEqual([undefined, 'pcap']);
        expect(reader.interfaces).toEqual([{ linktype: 1, snaplen: 262144 }]);
      }
    }
  },
);

test('pcapng: packets, interfaces and statistics, in chunks of any size', () => {
  const { bytes, packets: written } = pcapng();
  for (const size of [bytes.length, 1, 13, 64, 1000]) {
    const { packets, reader } = readAll(bytes, size);
    expect(packets).toEqual(linked(written));
    expect(reader.interfaces).toEqual(interfaces);
    expect(reader.statistics).toEqual([statistics]);
    expect([reader.error, reader.format]).toEqual([undefined, 'pcapng']);
  }
});

/** A pcapng block in big-endian order. */
function block(type: number, ...body: (number | Buffer)[]): Buffer {
  const parts = body.map((part) => {
    if (typeof part !== 'number') return part;
    const word = Buffer.alloc(4);
    word.writeUInt32BE(part);
    return word;
  });
  const whole = Buffer.concat([Buffer.alloc(8), ...parts, Buffer.alloc(4)]);
  whole.writeUInt32BE(type);
  whole.writeUInt32BE(whole.length, 4);
  whole.writeUInt32BE(whole.length, whole.length - 4);
  return whole;
}
const section = block(0x0a0d0d0a, 0x1a2b3c4d, 0x00010000, 0xffffffff, 0xffffffff);
const interfaceOf = (...options: (number | Buffer)[]) => block(1, 0x00010000, 64, ...options);

test('pcapng in big-endian order, with other resolutions, offsets, and blocks of every kind', () => {
  const tsresol = (value: number) => [0x00090001, value * 2 ** 24] as const;
  const file = Buffer.concat([
    section,
    interfaceOf(), // microseconds
    interfaceOf(...tsresol(0x8a), 0), // 2 ** -10 s
    interfaceOf(...tsresol(12), 0x000e0008, 0, 100, 0), // picoseconds, 100 s later
    block(4, 0, 0), // name resolution: skipped
    block(0x40000bad, 1, 2), // unknown: skipped
    block(6, 0, 0, 5, 4, 9, 0x01020304),
    block(6, 1, 0, 1536, 2, 9, 0x01020000),
    block(6, 2, 1, 0, 1, 9, 0x01000000),
    block(2, 0x00010003, 0, 1024, 3, 9, 0x01020300),
    block(3, 99, Buffer.alloc(64, 7)),
    section,
    interfaceOf(),
    block(3, 2, 0x09080000),
    block(6, 1, 0, 5, 4, 9, 0x01020304), // for an interface that this section does not have
  ]);
  const { packets, reader } = readAll(file);
  expect(packets.map(({ timestamp, interfaceId, data }) => [timestamp, interfaceId, data.length])).toEqual([
    [5000n, 0, 4],
    [1_500_000_000n, 1, 2],
    [(1n << 32n) / 1000n + 100_000_000_000n, 2, 1],
    [1_000_000_000n, 1, 3],
    [0n, 0, 64],
    [0n, 0, 2],
  ]);
  expect(reader.error).toMatchObject({ reason: 'interface 1 is not described', cut: false });
  expect(reader.interfaces).toHaveLength(1);
});

test('packet blocks of old files have a comment, flags and a drop count, as tshark reads them', (context) => {
  need(context, program('tshark'));
  const options = [0x00010002, Buffer.from('hi\0\0'), 0x00020004, 2, 0];
  const frame = (drops: number) => block(2, drops, 0, 1000, 16, 16, Buffer.alloc(16), ...options);
  const file = Buffer.concat([section, interfaceOf(), frame(7), frame(0), frame(0xffff)]);
  const path = join(folder(), 'old.pcapng');
  writeFileSync(path, file);
  const { packets } = readAll(file);
  const read = packets.map(({ comment, flags, dropCount }) => [comment, `0x0000000${flags}`, dropCount?.toString()]);
  expect(read.map((values) => values.at(-1))).toEqual(['7', '0', undefined]);
  const rows = fieldsOf(path, ['frame.comment', 'frame.packet_flags', 'frame.drop_count']);
  expect(rows.map((row) => row.map((values) => values?.[0]))).toEqual(read);
});

test('a file truncated anywhere yields its complete packets, and the error says that it was truncated', () => {
  const short = pcap({}, records.slice(0, 5));
  const { bytes } = pcapng();
  for (const whole of [short, bytes.subarray(0, 1500)]) {
    const all = readAll(whole).packets.map(({ timestamp, data }) => `${timestamp} ${data.length}`);
    const ends = new Set<number>();
    for (let length = 0; length < whole.length; length++) {
      const { packets, reader } = readAll(whole.subarray(0, length), 512);
      const given = packets.map(({ timestamp, data }) => `${timestamp} ${data.length}`);
      expect(given.join()).toBe(all.slice(0, packets.length).join());
      if (reader.error === undefined) ends.add(packets.length);
      else expect([reader.error.cut, reader.error.offset <= length]).toEqual([true, true]);
    }
    // Before the first packet, and after each but the last one, the file could end: truncation there cannot be
    // detected.
    expect([...ends]).toEqual(Array.from({ length: ends.size }, (_, i) => i));
    expect(ends.size).toBeGreaterThanOrEqual(5);
  }
});

test('arbitrary bytes and modified files are read without an exception', () => {
  const files = [pcap(), swapPcap(pcap()), pcapng().bytes];
  const changes = fc.array(fc.tuple(fc.nat(3000), fc.nat(255)), { maxLength: 5 });
  fc.assert(
    fc.property(
      fc.nat(3),
      changes,
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 1, max: 300 }),
      (which, list, other, size) => {
        const bytes = Uint8Array.from(files[which] ?? other);
        for (const [at, value] of list) if (at < bytes.length) bytes[at] = value;
        const { packets } = readAll(bytes, size);
        for (const { data } of packets) expect(data.length).toBeLessThanOrEqual(bytes.length);
        expect(readAll(bytes).packets).toEqual(packets);
      },
    ),
    { numRuns: Math.min(numRuns, 20_000), interruptAfterTimeLimit: 20_000 },
  );
});

test('files that are not captures, an empty file, and oversized records', () => {
  expect(readAll(Buffer.from('#!/bin/sh\n')).reader.error).toMatchObject({ offset: 0, cut: false });
  expect(readAll(new Uint8Array(0)).reader.error).toMatchObject({ reason: 'the file is empty', cut: true });
  const huge = pcap().slice(0, 40);
  new DataView(huge.buffer).setUint32(32, 0xfffffff0, true);
  expect(readAll(huge).reader.error).toMatchObject({ offset: 24, cut: false });
  const reader = new p.CaptureReader();
  expect(() => reader.push('text' as never)).toThrow(TypeError);
});

test('a large packet in small chunks is not copied again with each of them', () => {
  const file = pcap({}, [{ timestamp: 0n, data: new Uint8Array(4_000_000) }]);
  const set = vi.spyOn(Uint8Array.prototype, 'set');
  try {
    expect(readAll(file, 100).packets[0]?.data.length).toBe(4_000_000);
    const copied = set.mock.calls.reduce((total, [source]) => total + source.length, 0);
    expect(copied).toBeGreaterThan(4_000_000);
    expect(copied).toBeLessThan(5 * 4_000_000);
  } finally {
    set.mockRestore();
  }
});

test('values that do not fit into a file are rejected', () => {
  const none = () => undefined;
  expect(() => new p.PcapWriter(none).write({ timestamp: 2n ** 62n, data: new Uint8Array(1) })).toThrow(RangeError);
  expect(() => new p.PcapWriter(none).write({ timestamp: 1 as never, data: new Uint8Array(1) })).toThrow(TypeError);
  expect(() => new p.PcapWriter(none).write({ timestamp: -1n, data: new Uint8Array(1) })).toThrow(RangeError);
  expect(() => new p.PcapWriter(none).write({ timestamp: 1n, data: 'text' as never })).toThrow(TypeError);
  expect(() => new p.PcapWriter(none, { linktype: 65536 })).toThrow(RangeError);
  expect(() => new p.PcapWriter('file' as never)).toThrow(TypeError);
  expect(() => new p.PcapWriter(none, { resolution: 'ms' as never })).toThrow(/options.resolution/);
  expect(() => new p.PcapngWriter(none).write({ timestamp: 1n, data: new Uint8Array(1) })).toThrow(/interfaceId/);
  expect(() => new p.PcapngWriter(none, { comment: 'x'.repeat(65536) })).toThrow(RangeError);
});

test('Node streams on both sides', async () => {
  const file = join(folder(), 'packets.pcapng');
  const stream = createWriteStream(file);
  const writer = new p.PcapngWriter((bytes) => stream.write(bytes));
  writer.addInterface({ linktype: 1, snaplen: 0 });
  for (const record of records) expect(writer.write(record)).toBeTypeOf('boolean');
  stream.end();
  await once(stream, 'finish');
  const reader = new p.CaptureReader();
  const packets: p.CapturedPacket[] = [];
  for await (const packet of reader.read(createReadStream(file, { highWaterMark: 100 }))) packets.push(packet);
  expect(reader.error).toBeUndefined();
  expect(packets.map(({ data }) => Uint8Array.from(data))).toEqual(frames);
});

/** Seconds and nanoseconds as tshark prints them. */
const epoch = (timestamp: bigint) =>
  `${timestamp / 1_000_000_000n}.${String(timestamp % 1_000_000_000n).padStart(9, '0')}`;

test('tshark reads our files: times, lengths, interfaces, comments', (context) => {
  need(context, program('tshark'));
  const at = folder();
  const { bytes, packets } = pcapng();
  const file = join(at, 'ours.pcapng');
  writeFileSync(file, bytes);
  const fields = ['frame.time_epoch', 'frame.cap_len', 'frame.len', 'frame.interface_name', 'frame.comment'];
  expect(fieldsOf(file, fields)).toEqual(
    packets.map(({ timestamp, data, originalLength, interfaceId, comment }) => [
      [epoch(timestamp)],
      [String(data.length)],
      [String(originalLength)],
      [interfaceId === 1 ? 'tun0' : 'eth0'],
      comment === undefined ? [] : [comment],
    ]),
  );
  expect(tshark(file, '-Y', '_ws.malformed')).toBe('');
  for (const options of [{}, { resolution: 'us' }] as const) {
    writeFileSync(file, pcap(options));
    const times = fieldsOf(file, ['frame.time_epoch']).map(([cell]) => cell?.[0]);
    const unit = 'resolution' in options ? 1000n : 1n;
    expect(times).toEqual(records.map(({ timestamp }) => epoch(timestamp - (timestamp % unit))));
  }
});

test('capinfos reads the drop counters of our statistics block', (context) => {
  need(context, program('capinfos'));
  const file = join(folder(), 'ours.pcapng');
  writeFileSync(file, pcapng().bytes);
  const text = execFileSync('capinfos', [file], { encoding: 'utf8' });
  expect(text).toMatch(/Number of stat entries = 1/);
  expect(text).toMatch(/Capture application: +test/);
  expect(text).toMatch(/Capture filter = udp port 53|Filter string = udp port 53/);
});

test.for(['pcap', 'nsecpcap', 'pcapng'])('we read what editcap writes as %s', (format, context) => {
  need(context, program('editcap'));
  const at = folder();
  writeFileSync(join(at, 'ours'), pcap());
  execFileSync('editcap', ['-F', format, join(at, 'ours'), join(at, 'theirs')]);
  const { packets, reader } = readAll(readFileSync(join(at, 'theirs')), 77);
  expect(reader.error).toBeUndefined();
  const unit = format === 'pcap' ? 1000n : 1n;
  expect(
    packets.map(({ timestamp, data, originalLength }) => [timestamp, Uint8Array.from(data), originalLength]),
  ).toEqual(
    records.map(({ timestamp, data, originalLength }) => [timestamp - (timestamp % unit), data, originalLength]),
  );
});

/** As root tcpdump changes to another user, which may not exist in a user namespace. */
const tcpdump: Need = () => {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65535, 16);
  header.writeUInt32LE(1, 20);
  const { error, status } = spawnSync('tcpdump', ['-r', '-'], { input: header });
  if (error !== undefined) return 'no tcpdump';
  return status === 0 ? undefined : 'tcpdump cannot become another user here';
};

test('tcpdump reads our file, and we read what it writes', (context) => {
  need(context, tcpdump);
  const at = folder();
  writeFileSync(join(at, 'ours'), pcap());
  for (const precision of ['micro', 'nano']) {
    const options = [`--time-stamp-precision=${precision}`, '-r', join(at, 'ours'), '-w', join(at, 'theirs')];
    execFileSync('tcpdump', options, { stdio: 'ignore' });
    const { packets, reader } = readAll(readFileSync(join(at, 'theirs')));
    expect(reader.error).toBeUndefined();
    const unit = precision === 'micro' ? 1000n : 1n;
    expect(packets.map(({ timestamp }) => timestamp)).toEqual(
      records.map(({ timestamp }) => timestamp - (timestamp % unit)),
    );
    expect(packets.map(({ data }) => Uint8Array.from(data))).toEqual(frames);
  }
});

test.for([
  ['tcpdump', 'pcap', (file: string, port: number) => ['-i', 'lo', '-U', '-c', '3', '-w', file, `udp port ${port}`]],
  ['dumpcap', 'pcapng', (file: string, port: number) => ['-i', 'lo', '-c', '3', '-w', file, '-f', `udp port ${port}`]],
] as const)('we read a capture of %s on the loopback interface', async ([name, format, args], context) => {
  need(context, name === 'tcpdump' ? tcpdump : program(name), packetSockets);
  const at = folder();
  const file = join(at, 'capture');
  const { fd, address } = datagram();
  const capture = spawn(name, args(file, address.port), { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => void capture.kill());
  const ended = once(capture, 'exit');
  await once(capture.stderr!, 'data');
  const timer = setInterval(() => s.sendto(fd, 'to be captured', 0, address), 50);
  onTestFinished(() => clearInterval(timer));
  await ended;
  const { packets, reader } = readAll(readFileSync(file));
  expect([reader.error, reader.format, packets.length]).toEqual([undefined, format, 3]);
  for (const { data, linktype, timestamp } of packets) {
    const decoded = p.decodePacket(data, { first: p.layerOfLinktype(linktype) });
    expect(decoded.error).toBeUndefined();
    expect(p.findLayer(decoded, 'udp')?.destinationPort).toBe(address.port);
    expect(Buffer.from(p.findLayer(decoded, 'payload')!.data).toString()).toBe('to be captured');
    expect(Math.abs(Number(timestamp / 1_000_000n) - Date.now())).toBeLessThan(60_000);
  }
});

test('a statistics block of an interface that is not described is skipped', () => {
  const chunks: Buffer[] = [];
  const writer = new p.PcapngWriter((bytes) => chunks.push(Buffer.from(bytes)));
  writer.addInterface({ linktype: 1, snaplen: 0 });
  writer.write({ timestamp: 1_000_000_000n, data: new Uint8Array(60) });
  const block = Buffer.alloc(24);
  block.writeUInt32LE(5, 0); // interface statistics block
  block.writeUInt32LE(24, 4);
  block.writeUInt32LE(7, 8); // the interface
  block.writeUInt32LE(24, 20);
  chunks.push(block);
  writer.write({ timestamp: 2_000_000_000n, data: new Uint8Array(61) });
  const { packets, reader } = readAll(Buffer.concat(chunks));
  expect([packets.map(({ data }) => data.length), reader.statistics, reader.error]).toEqual([[60, 61], [], undefined]);
});
