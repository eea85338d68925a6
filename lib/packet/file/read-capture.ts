/** A whole capture file, in one loop. */
import { createReadStream } from 'node:fs';
import { invalidType, text } from '../../posix/errno.ts';
import { isUint8Array } from '../../posix/kind.ts';
import { object } from '../../posix/snapshot.ts';
import type { CapturedPacket } from './capture-file.ts';
import { type CaptureError, CaptureReader, type ReaderOptions } from './capture-reader.ts';

/**
 * A capture file that could not be read to its end. All packets before `offset` were given.
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
  /** Where in the file, in bytes; of a compressed file in what it holds. */
  readonly offset: number;
  /** Whether the file only ends too early: all before is whole. */
  readonly cut: boolean;

  /** @param file What was read, for the message. @param error What the reader tells. */
  constructor(file: string, error: CaptureError) {
    const { offset, reason, cut } = object(error, 'error');
    super(`${text(file, 'file')}: ${reason}`);
    this.offset = offset;
    this.cut = cut;
  }
}

type Source = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

async function* packets(
  reader: CaptureReader,
  open: () => Source,
  name: string,
): AsyncGenerator<CapturedPacket, void, undefined> {
  yield* reader.read(open());
  if (reader.error !== undefined) throw new CaptureFileError(name, reader.error);
}

/**
 * The packets of a pcap or pcapng file, which gzip may have compressed. `CaptureReader` does the same chunk by chunk, and
 * tells the interfaces and their statistics.
 *
 * @param file A path, or the bytes of a file, or chunks of it: a stream of Node.
 * @param options `filter`.
 * @returns An async iterator. A loop that is left closes the file.
 * @throws TypeError or RangeError for a filter that is none, and for what is no file; the loop throws a CaptureFileError where
 *   the file is damaged or cut, or when the filter rejects all of its packets, and the system's error for a file that cannot
 *   be opened.
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
