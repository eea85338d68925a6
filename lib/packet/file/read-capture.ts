/** Reads a whole capture file with one loop. */
import { createReadStream } from 'node:fs';
import { invalidType, text } from '../../argument/argument-error.ts';
import { isUint8Array } from '../../argument/kind.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { type ItemSource, itemsOf, ReadyItems } from '../bytes/ready-items.ts';
import type { CapturedPacket } from './capture-file.ts';
import { type CaptureError, CaptureReader, type ReaderOptions } from './capture-reader.ts';

/**
 * The error for a capture file that could not be read to its end. All packets before `offset` were delivered.
 *
 * @example
 * try {
 *   for await (const packet of readCapture(Buffer.from('no capture'))) console.log(packet);
 * } catch (error) {
 *   if (error instanceof CaptureFileError) console.log(error.offset, error.cut); // 0 false
 * }
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export class CaptureFileError extends Error {
  override readonly name = 'CaptureFileError' as const;
  /** The offset in the file, in bytes. For a compressed file it is the offset in the decompressed data. */
  readonly offset: number;
  /** Whether the file is only truncated: everything before `offset` is complete. */
  readonly cut: boolean;

  /** @param file The name of the file, for the message. @param error The error of the reader. */
  constructor(file: string, error: CaptureError) {
    const { offset, reason, cut } = assertObject(error, 'error');
    super(`${text(file, 'file')}: ${reason}`);
    this.offset = offset;
    this.cut = cut;
  }
}

type Source = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

function packets(
  reader: CaptureReader,
  open: () => Source,
  name: string,
): AsyncGenerator<CapturedPacket, void, undefined> {
  let items: ItemSource<CapturedPacket> | undefined;
  return new ReadyItems({
    take() {
      items ??= itemsOf(reader.read(open()));
      return items.take();
    },
    async wait() {
      if (await items!.wait()) return true;
      if (reader.error !== undefined) throw new CaptureFileError(name, reader.error);
      return false;
    },
    close: () => items?.close?.(),
  });
}

/**
 * Iterates over the packets of a pcap or pcapng file, which may be compressed with gzip. `CaptureReader` does the same
 * for separate chunks and also provides the interfaces and their statistics.
 *
 * @param file A path, the bytes of a file, or its chunks, such as a Node stream.
 * @param options The filter.
 * @returns An async iterator. Leaving the loop early closes the file.
 * @throws TypeError or RangeError for an invalid filter or a `file` of another type. The loop throws a CaptureFileError
 *   if the file is damaged or truncated or if the filter rejects all of its packets, and the system's error if the file
 *   cannot be opened.
 * @example
 * const { appendFileSync, writeFileSync } = await import('node:fs');
 * writeFileSync('one.pcap', '');
 * const writer = new PcapWriter((bytes) => appendFileSync('one.pcap', bytes));
 * writer.write({ timestamp: 1_000_000_000n, data: new Uint8Array(60) });
 * for await (const packet of readCapture('one.pcap', { filter: 'less 100' })) console.log(packet.data.length); // 60
 * @see https://man7.org/linux/man-pages/man3/pcap_open_offline.3pcap.html
 */
export function readCapture(
  file: string | URL | Uint8Array | Source,
  options: ReaderOptions = {},
): AsyncGenerator<CapturedPacket, void, undefined> {
  const reader = new CaptureReader(options);
  if (typeof file === 'string' || file instanceof URL) {
    return packets(reader, () => createReadStream(file), typeof file === 'string' ? file : file.pathname);
  }
  if (isUint8Array(file)) return packets(reader, () => [file], 'the capture file');
  const isSource =
    typeof file === 'object' && file !== null && (Symbol.asyncIterator in file || Symbol.iterator in file);
  if (!isSource) throw invalidType('file', 'a path, bytes or an iterable of chunks');
  return packets(reader, () => file, 'the capture file');
}
