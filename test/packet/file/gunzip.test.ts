/** Capture files compressed with gzip: they are read as such, and truncated or damaged ones are reported. */
import { spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';
import { need, program } from '../../helpers/need.ts';
import { sampleFrames } from '../../helpers/packets.ts';

const frames = sampleFrames(40).map((layers) => p.encodePacket(layers));

function file(format: 'pcap' | 'pcapng'): Buffer {
  const chunks: Uint8Array[] = [];
  const sink = (bytes: Uint8Array) => chunks.push(bytes);
  const writer = format === 'pcap' ? new p.PcapWriter(sink) : new p.PcapngWriter(sink);
  if (writer instanceof p.PcapngWriter) writer.addInterface({ linktype: 1, snaplen: 0 });
  frames.forEach((data, i) => {
    writer.write({ timestamp: BigInt(i), data });
  });
  return Buffer.concat(chunks);
}

function* chunksOf(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Uint8Array, size: number) {
  const reader = new p.CaptureReader();
  const packets: string[] = [];
  for await (const { data } of reader.read(chunksOf(bytes, size))) packets.push(Buffer.from(data).toString('hex'));
  return { packets, reader };
}

const texts = frames.map((data) => Buffer.from(data).toString('hex'));

test.each(['pcap', 'pcapng'] as const)('%s is read in chunks of any size, also in several members', async (format) => {
  const bytes = file(format);
  const members = Buffer.concat([gzipSync(bytes.subarray(0, 100)), gzipSync(bytes.subarray(100))]);
  for (const packed of [gzipSync(bytes), gzipSync(bytes, { level: 0 }), members]) {
    for (const size of [packed.length, 1, 2, 13, 1000]) {
      const { packets, reader } = await read(packed, size);
      expect(packets).toEqual(texts);
      expect([reader.error, reader.format]).toEqual([undefined, format]);
    }
  }
});

test('the output of gzip(1) is read', async (context) => {
  need(context, program('gzip'));
  const { stdout } = spawnSync('gzip', ['-c'], { input: file('pcap') });
  expect((await read(stdout, 4096)).packets).toEqual(texts);
});

test('a truncated file yields its complete packets, and the error says that it was truncated', async () => {
  const bytes = file('pcap');
  const packed = gzipSync(bytes, { level: 0 });
  for (const length of [2, 9, 18, 40, 1000, packed.length - 9, packed.length - 8, packed.length - 1]) {
    const { packets, reader } = await read(packed.subarray(0, length), 64);
    expect([length, reader.error]).toEqual([
      length,
      { offset: expect.any(Number), reason: 'the file ends within its gzip data', cut: true },
    ]);
    // Stored blocks begin behind 15 bytes: how much of the file is available is known exactly.
    const whole = new p.CaptureReader().push(bytes.subarray(0, Math.max(0, length - 15)));
    expect(packets).toEqual(texts.slice(0, whole.length));
  }
});

test('damaged data is reported with the message of zlib', async () => {
  const packed = gzipSync(file('pcap'), { level: 0 });
  packed[packed.length - 6]! ^= 1; // a bit of the checksum
  const { packets, reader } = await read(packed, 64);
  // zlib returns nothing of the chunk in which it finds the damage.
  expect(packets).toEqual(texts.slice(0, packets.length));
  expect(packets.length).toBeGreaterThan(texts.length - 3);
  expect(reader.error).toMatchObject({ reason: 'the gzip data is damaged: incorrect data check', cut: false });
});

test('zeros after the compressed data, as on tapes, are skipped', async () => {
  const padded = Buffer.concat([gzipSync(file('pcap')), Buffer.alloc(1000)]);
  for (const size of [1, 13, 500, padded.length]) {
    const { packets, reader } = await read(padded, size);
    expect([size, packets, reader.error]).toEqual([size, texts, undefined]);
  }
});

test('a compressed file that is not a capture is rejected by its contents', async () => {
  const { reader } = await read(gzipSync('no capture'), 64);
  expect(reader.error).toEqual({ offset: 0, reason: 'neither pcap nor pcapng: it begins with 0x6e6f2063', cut: false });
});

test('push rejects compressed bytes, and the error names read', () => {
  const reader = new p.CaptureReader();
  reader.push(gzipSync(file('pcap')));
  expect(reader.error?.reason).toMatch(/^compressed with gzip, which 'read' decompresses: it begins with 0x1f8b/);
});

test('chunks of one byte, many bytes and no bytes, and values that are not chunks', async () => {
  const large = Buffer.concat([file('pcap'), Buffer.alloc(1 << 20)]);
  for (const bytes of [large, gzipSync(large, { level: 0 })]) {
    const packets: string[] = [];
    const chunks = [new Uint8Array(0), bytes.subarray(0, 1), new Uint8Array(0), bytes.subarray(1)];
    for await (const { data } of new p.CaptureReader().read(chunks)) packets.push(Buffer.from(data).toString('hex'));
    expect(packets.slice(0, texts.length)).toEqual(texts);
  }
  const reading = async (...chunks: unknown[]) => {
    for await (const _ of new p.CaptureReader().read(chunks as Uint8Array[]));
  };
  for (const chunk of [undefined, 'text', new Uint16Array(4)]) {
    const refusal = { code: 'ERR_INVALID_ARG_TYPE', message: expect.stringContaining('"chunk"') };
    await expect(reading(chunk)).rejects.toMatchObject(refusal);
    await expect(reading(gzipSync(file('pcap')).subarray(0, 50), chunk)).rejects.toMatchObject(refusal);
    await expect(reading(file('pcap').subarray(0, 50), chunk)).rejects.toMatchObject(refusal);
  }
});

test('leaving the loop and an error of the source end the decompression', async () => {
  const packed = gzipSync(file('pcap'));
  let closed = false;
  function* source() {
    try {
      yield* chunksOf(packed, 16);
    } finally {
      closed = true;
    }
  }
  for await (const _ of new p.CaptureReader().read(source())) break;
  expect(closed).toBe(true);
  function* failing() {
    yield packed.subarray(0, 50);
    throw new Error('the disk failed');
  }
  const loop = async () => {
    for await (const _ of new p.CaptureReader().read(failing()));
  };
  await expect(loop()).rejects.toThrow('the disk');
});
