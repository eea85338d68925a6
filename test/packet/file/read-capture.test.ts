/** readCapture: a file in one loop, with a filter; and filters of readers that cannot match anything. */
import { spawnSync } from 'node:child_process';
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';
import { folder } from '../../helpers/fixtures.ts';
import { need, otherUsers, program } from '../../helpers/need.ts';

const addresses = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' };
const link = p.ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01' });
const inner = [p.ipv4(addresses), p.udp({ sourcePort: 5000, destinationPort: 53 }), 'question'];
const frames = [p.encodePacket([link, ...inner]), p.encodePacket([link, p.ipv4(addresses), p.icmp({ type: 8 })])];

function pcap(): Buffer {
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapWriter((bytes) => chunks.push(bytes));
  for (const data of frames) writer.write({ timestamp: 0n, data });
  return Buffer.concat(chunks);
}

async function lengths(...args: Parameters<typeof p.readCapture>): Promise<number[]> {
  const found: number[] = [];
  for await (const { data } of p.readCapture(...args)) found.push(data.length);
  return found;
}

test('a path, a URL, bytes and a stream', async () => {
  const all = frames.map(({ length }) => length);
  const path = join(folder(), 'file.pcap.gz');
  writeFileSync(path, gzipSync(pcap()));
  expect(await lengths(path)).toEqual(all);
  expect(await lengths(pathToFileURL(path))).toEqual(all);
  expect(await lengths(createReadStream(path))).toEqual(all);
  expect(await lengths(pcap())).toEqual(all);
  expect(await lengths(path, { filter: 'udp port 53' })).toEqual([frames[0]!.length]);
});

test.for([12, 14, p.LINKTYPE_PPP_HDLC])(
  'a filter for link type %i, another number of a known link type',
  async (linktype) => {
    const begin = linktype === p.LINKTYPE_PPP_HDLC ? [p.ppp({ framed: true })] : [];
    const packets = [inner, [p.ipv4(addresses), p.icmp({ type: 8 })]].map((layers) =>
      p.encodePacket([...begin, ...layers]),
    );
    const chunks: Uint8Array[] = [];
    const writer = new p.PcapWriter((bytes) => chunks.push(bytes), { linktype });
    for (const data of packets) writer.write({ timestamp: 0n, data });
    const file = Buffer.concat(chunks);
    expect(await lengths(file, { filter: 'udp port 53' })).toEqual([packets[0]!.length]);
    const program = p.compileFilter(p.parseFilter('icmp'), {
      linktype: begin.length > 0 ? p.LINKTYPE_PPP : p.LINKTYPE_RAW,
    });
    expect(await lengths(file, { filter: program })).toEqual([packets[1]!.length]);
  },
);

test('a file that cannot be read makes the loop throw', async () => {
  await expect(lengths('/nonexistent/file')).rejects.toMatchObject({ code: 'ENOENT', path: '/nonexistent/file' });
  const found: number[] = [];
  const cut = async () => {
    for await (const { data } of p.readCapture(pcap().subarray(0, -1))) found.push(data.length);
  };
  const error = await cut().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(p.CaptureFileError);
  expect(error).toMatchObject({ name: 'CaptureFileError', cut: true, offset: 24 + 16 + frames[0]!.length });
  expect(found).toEqual([frames[0]!.length]);
});

test('a file that nobody reads is not opened', () => {
  p.readCapture('/nonexistent/file'); // nobody would receive the error of opening
});

test('invalid files and filters are rejected at once', () => {
  for (const file of [undefined, null, 7, {}]) {
    expect(() => p.readCapture(file as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  }
  expect(() => p.readCapture('x', { filter: 'tcp prot 80' })).toThrow(/"options.filter"/);
  expect(() => p.readCapture('x', { fliter: 'tcp' } as never)).toThrow(/"options.filter"/);
});

test('a filter that rejects all packets is reported, as by tcpdump -r', async (context) => {
  need(context, otherUsers, program('tcpdump'));
  const rejection = 'the filter rejects all packets of link type 1';
  for (const [filter, rejects] of [
    ['tcp && udp', "'udp' contradicts 'tcp'"],
    ['ip and not ip', "'not ip' contradicts 'ip'"],
    ['port 80 and not port 80', "'not port 80' contradicts 'port 80'"],
    ['tcp port 80', undefined],
    ['less 5', undefined],
  ] as const) {
    const { status, stderr } = spawnSync('tcpdump', ['-r', '-', filter], { input: pcap(), encoding: 'utf8' });
    const isRejected = rejects !== undefined;
    expect([filter, status, /rejects all packets/.test(stderr)]).toEqual([filter, isRejected ? 1 : 0, isRejected]);
    const reader = new p.CaptureReader({ filter });
    expect(reader.push(pcap())).toEqual([]);
    const reason = `${rejection}: ${rejects}`;
    expect([filter, reader.end()]).toEqual([filter, isRejected ? { offset: 24, reason, cut: false } : undefined]);
  }
  await expect(lengths(pcap(), { filter: 'tcp && udp' })).rejects.toThrow(
    `the capture file: ${rejection}: 'udp' contradicts 'tcp'`,
  );
  // A program is used unchanged.
  expect(await lengths(pcap(), { filter: [{ code: 6, jt: 0, jf: 0, k: 0 }] })).toEqual([]);
});

test('with several link types, a filter may match only one', () => {
  const write = (...linktypes: number[]) => {
    const chunks: Uint8Array[] = [];
    const writer = new p.PcapngWriter((bytes) => chunks.push(bytes));
    for (const linktype of linktypes) {
      const interfaceId = writer.addInterface({ linktype, snaplen: 0 });
      const data = linktype === p.LINKTYPE_RAW ? p.encodePacket(inner) : frames[0]!;
      writer.write({ timestamp: 0n, data, interfaceId });
    }
    return Buffer.concat(chunks);
  };
  const reader = new p.CaptureReader({ filter: 'ether proto 0x0800 and less 1000' });
  const raw = new p.CaptureReader({ filter: 'arp' });
  const both = write(p.LINKTYPE_RAW, p.LINKTYPE_ETHERNET);
  expect(reader.push(both)).toHaveLength(2);
  expect([raw.push(both), raw.end()]).toEqual([[], undefined]);
  const only = new p.CaptureReader({ filter: 'arp' });
  expect(only.push(write(p.LINKTYPE_RAW))).toEqual([]);
  expect(only.end()).toMatchObject({
    reason: "the filter rejects all packets of link type 101: no packet can match 'arp'",
    cut: false,
  });
});

test('a writer rejects a packet whose link type differs from that of its file', () => {
  const [packet] = new p.CaptureReader().push(pcap());
  const raw = new p.PcapWriter(() => {}, { linktype: p.LINKTYPE_RAW });
  const refusal = expect.objectContaining({
    code: 'ERR_INVALID_ARG_VALUE',
    message: expect.stringContaining('"packet.linktype" argument must be 101, the link type of the file'),
  });
  expect(() => raw.write(packet!)).toThrow(refusal);
  raw.write({ timestamp: 0n, data: p.encodePacket(inner) });
  new p.PcapWriter(() => {}).write(packet!);
  const ng = new p.PcapngWriter(() => {});
  ng.addInterface({ linktype: p.LINKTYPE_ETHERNET, snaplen: 0 });
  ng.addInterface({ linktype: p.LINKTYPE_RAW, snaplen: 0 });
  ng.write(packet!);
  expect(() => ng.write({ ...packet!, interfaceId: 1 })).toThrow(/"packet.linktype" argument must be 101/);
});
