/** Versions of pcap and pcapng: we read what tcpdump reads, with the same lengths, and refuse what it refuses. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';
import { folder } from '../../helpers/fixtures.ts';
import { need, otherUsers, program } from '../../helpers/need.ts';

const frame = p.encodePacket([
  p.ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01', etherType: 0x88b5 }),
  Buffer.alloc(46),
]);

interface Header {
  magic?: number;
  version: [major: number, minor: number];
  linktype?: number;
  lengths?: [number, number];
  more?: number[];
}

/** A pcap file of one packet of 60 bytes, in either byte order. */
function pcap({ magic = 0xa1b2c3d4, version, linktype = 1, lengths = [60, 100], more = [] }: Header, little: boolean) {
  const bytes = Buffer.alloc(24 + 16 + more.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(0, magic, little);
  view.setUint16(4, version[0], little);
  view.setUint16(6, version[1], little);
  view.setUint32(16, 262144, little);
  view.setUint32(20, linktype, little);
  view.setUint32(32, lengths[0], little);
  view.setUint32(36, lengths[1], little);
  bytes.set(more, 40);
  return Buffer.concat([bytes, frame]);
}

/** A pcapng file of a version with one packet. */
function pcapng(major: number, minor: number): Buffer {
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapngWriter((bytes) => chunks.push(bytes));
  writer.addInterface({ linktype: 1, snaplen: 0 });
  writer.write({ timestamp: 0n, data: frame, originalLength: 100 });
  new DataView(chunks[0]!.buffer).setUint16(12, major, true);
  new DataView(chunks[0]!.buffer).setUint16(14, minor, true);
  return Buffer.concat(chunks);
}

/** The lengths of the packets that we read, and whether there is an error. */
function ours(file: Buffer): { lengths: [number, number][]; failed: boolean } {
  const reader = new p.CaptureReader();
  const packets = reader.push(file);
  return {
    lengths: packets.map(({ data, originalLength }) => [data.length, originalLength]),
    failed: reader.end() !== undefined,
  };
}

/** The same as read by tcpdump. */
function theirs(file: Buffer): ReturnType<typeof ours> {
  const path = join(folder(), 'file.pcap');
  writeFileSync(path, file);
  const { status } = spawnSync('tcpdump', ['-r', path, '-w', '/dev/null']);
  const { stdout } = spawnSync('tcpdump', ['-r', path, '-w', '-', '--immediate-mode']);
  return { lengths: ours(stdout).lengths, failed: status !== 0 };
}

const versions: [number, number][] = [
  ...[0, 1, 2, 3, 4, 5].map((minor) => [2, minor] as [number, number]),
  ...([
    [0, 0],
    [1, 0],
    [1, 2],
    [3, 0],
    [543, 0],
    [543, 1],
  ] as [number, number][]),
];

test('pcap of every version, with both orders of the lengths and of the bytes', (context) => {
  need(context, otherUsers, program('tcpdump'));
  for (const version of versions) {
    for (const lengths of [
      [60, 100],
      [100, 60],
    ] as [number, number][]) {
      for (const little of [true, false]) {
        const file = pcap({ version, lengths }, little);
        expect([version, lengths, ours(file)]).toEqual([version, lengths, theirs(file)]);
      }
    }
  }
});

test('pcapng of every version', (context) => {
  need(context, otherUsers, program('tcpdump'));
  for (const version of [
    [0, 1],
    [1, 0],
    [1, 1],
    [1, 2],
    [1, 3],
    [2, 0],
  ] as [number, number][]) {
    const file = pcapng(...version);
    expect([version, ours(file)]).toEqual([version, theirs(file)]);
  }
});

test('the longer records of a patched libpcap', (context) => {
  need(context, otherUsers, program('tcpdump'));
  const file = pcap({ magic: 0xa1b2cd34, version: [2, 4], more: [3, 0, 0, 0, 8, 0, 0, 0] }, true);
  expect(ours(file)).toEqual({ lengths: [[60, 100]], failed: false });
  expect(theirs(file)).toEqual(ours(file));
});

test('unsupported versions are named', () => {
  const reader = new p.CaptureReader();
  reader.push(pcap({ version: [2, 5] }, true));
  expect(reader.error).toEqual({ offset: 4, reason: 'pcap version 2.5 is not supported, only 2.0 to 2.4', cut: false });
  const other = new p.CaptureReader();
  other.push(pcapng(1, 1));
  expect(other.error).toMatchObject({ reason: 'pcapng version 1.1 is not supported, only 1.0 and 1.2' });
});

test('the link type has 26 bits; those above describe the frame check sequence', () => {
  const linktypeOf = (linktype: number) => {
    const [packet] = new p.CaptureReader().push(pcap({ version: [2, 4], linktype }, true));
    return packet?.linktype;
  };
  expect(linktypeOf(0x14000001)).toBe(p.LINKTYPE_ETHERNET);
  expect(linktypeOf(0x04000114)).toBe(p.LINKTYPE_LINUX_SLL2);
  expect(linktypeOf(0x00300001)).toBe(0x00300001);
});
