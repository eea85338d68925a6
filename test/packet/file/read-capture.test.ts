/** readCapture: a file in one loop, with a filter; and the filters of readers that can match nothing. */
import { spawnSync } from 'node:child_process';
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';
import { need, otherUsers, program } from '../../helpers/need.ts';
import { folder } from '../../helpers/world.ts';

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

test('what cannot be read is an error of the loop', async () => {
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
  p.readCapture('/nonexistent/file'); // an error of opening would be nobody's
});

test('what is no file and no filter is refused at once', () => {
  for (const file of [undefined, null, 7, {}]) {
    expect(() => p.readCapture(file as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  }
  expect(() => p.readCapture('x', { filter: 'tcp prot 80' })).toThrow(/"options.filter"/);
  expect(() => p.readCapture('x', { fliter: 'tcp' } as never)).toThrow(/"options.filter"/);
});

test('a filter that can match nothing is told, as by tcpdump -r', async (context) => {
  need(context, otherUsers, program('tcpdump'));
  const reason = 'the filter rejects all packets of link type 1';
  for (const [filter, rejects] of [
    ['tcp && udp', true],
    ['ip and not ip', true],
    ['tcp port 80', false],
    ['less 5', false],
  ] as const) {
    const { status, stderr } = spawnSync('tcpdump', ['-r', '-', filter], { input: pcap(), encoding: 'utf8' });
    expect([filter, status, /rejects all packets/.test(stderr)]).toEqual([filter, rejects ? 1 : 0, rejects]);
    const reader = new p.CaptureReader({ filter });
    expect(reader.push(pcap())).toEqual([]);
    expect([filter, reader.end()]).toEqual([filter, rejects ? { offset: 24, reason, cut: false } : undefined]);
  }
  await expect(lengths(pcap(), { filter: 'tcp && udp' })).rejects.toThrow(`the capture file: ${reason}`);
  // A program is taken as it is.
  expect(await lengths(pcap(), { filter: [{ code: 6, jt: 0, jf: 0, k: 0 }] })).toEqual([]);
});

test('of several link types, a filter may match one alone', () => {
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
  expect(only.end()).toMatchObject({ reason: 'the filter rejects all packets of link type 101', cut: false });
});

test('a writer refuses a packet of another link type than its file has', () => {
  const [packet] = new p.CaptureReader().push(pcap());
  const raw = new p.PcapWriter(() => {}, { linktype: p.LINKTYPE_RAW });
  const refusal = expect.objectContaining({
    code: 'ERR_INVALID_ARG_VALUE',
    message: expect.stringContaining('"packet.linktype" argument must be 101, that of the file'),
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
