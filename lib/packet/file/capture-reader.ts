/** Reads pcap and pcapng files from chunks of any size. */

import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject, attached, ownProperty } from '../../argument/snapshot.ts';
import { itemsOfLists } from '../bytes/ready-items.ts';
import type { PacketFilter } from '../filter/given.ts';
import type { CapturedPacket, CaptureInterface, InterfaceStatistics } from './capture-file.ts';
import { Decompressed, isGzip } from './gunzip.ts';
import { PcapRecords, pcapOrder } from './pcap-records.ts';
import { PcapngRecords, SECTION } from './pcapng-records.ts';
import { ReaderFilter } from './reader-filter.ts';
import { Fault, type Records } from './records.ts';

/**
 * The reason why a file could not be read to its end.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export interface CaptureError {
  /** The offset in the file, in bytes. For a compressed file it is the offset in the decompressed data. */
  offset: number;
  /** A description of the problem. */
  reason: string;
  /** Whether the file is only truncated: everything before `offset` is complete. */
  cut: boolean;
}

/**
 * The options of a reader.
 *
 * @see https://man7.org/linux/man-pages/man3/pcap_offline_filter.3pcap.html
 */
export interface ReaderOptions {
  /**
   * The reader returns only packets that the filter accepts, and returns them whole. The filter is either text in the
   * syntax of pcap-filter(7), such as `'tcp port 80'`, or an expression, both of which are compiled for the link type
   * of each packet; or it is a classic BPF program. If text or an expression rejects all packets of the file, that is
   * an `error`.
   */
  filter?: PacketFilter | undefined;
}

const NAMES = namesOf<ReaderOptions>({ filter: true });

/**
 * Reads pcap and pcapng files of either byte order and any timestamp resolution, chunk by chunk. `read` also accepts
 * files compressed with gzip. The contents of a file never cause an exception: the reader returns the packets before a
 * problem, and `error` describes it.
 *
 * @example
 * const chunks = [Buffer.alloc(0)];
 * const writer = new PcapWriter((bytes) => chunks.push(Buffer.from(bytes)));
 * writer.write({ timestamp: 1_000_000_000n, data: new Uint8Array(60) });
 * const reader = new CaptureReader();
 * for await (const packet of reader.read(chunks)) console.log(packet.timestamp, packet.data.length); // 1000000000n 60
 * console.log(reader.error); // undefined
 * for await (const packet of new CaptureReader({ filter: 'tcp port 80' }).read(chunks)) console.log('never');
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export class CaptureReader {
  /** The reason why reading stopped before the end of the file. */
  error: CaptureError | undefined = undefined;

  readonly #filter: ReaderFilter | undefined;
  #records: Records | undefined;
  #chunks: Uint8Array[] = [];
  #held = 0;
  /** The number of bytes that the next step needs. */
  #need = 4;
  #offset = 0;
  #ended = false;

  /**
   * @param options The filter.
   * @throws TypeError or RangeError for an invalid filter. If the filter cannot be compiled for the link type of a
   *   packet, that is an `error` of the file.
   */
  constructor(options: ReaderOptions = {}) {
    onlyKnown(assertObject(options, 'options'), NAMES, 'options');
    const filter = ownProperty(options, 'filter');
    this.#filter = filter === undefined ? undefined : new ReaderFilter(filter);
  }

  /** The format of the file. It is known after the first bytes. */
  get format(): 'pcap' | 'pcapng' | undefined {
    return this.#records?.format;
  }

  /** The interfaces read so far. For pcapng they are those of the current section. */
  get interfaces(): CaptureInterface[] {
    return this.#records?.interfaces ?? [];
  }

  /** The interface statistics read so far. Only pcapng files contain them. */
  get statistics(): InterfaceStatistics[] {
    return this.#records?.statistics ?? [];
  }

  /**
   * Reads the next chunk of the file.
   *
   * @param chunk The bytes. Packets are views of them, or of a copy if a packet spans several chunks. Do not overwrite
   *   the bytes while the packets are in use.
   * @returns The packets that are now complete. There are none after an error.
   * @throws TypeError when the chunk is not a Uint8Array.
   * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
   */
  push(chunk: Uint8Array): CapturedPacket[] {
    attached(chunk, 'chunk');
    const packets: CapturedPacket[] = [];
    if (this.error !== undefined || this.#ended) return packets;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    // The chunks are joined only when a whole record is available, so that a large record in small chunks is copied
    // only once.
    if (this.#held < this.#need) return packets;
    const bytes = this.#join();
    const at = this.#readAll(bytes, packets);
    this.#offset += at;
    this.#chunks = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#held = bytes.length - at;
    return packets;
  }

  /**
   * Marks the end of the file. `error` then shows whether it was truncated.
   *
   * @returns The error, or undefined if the whole file was read.
   * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
   */
  end(): CaptureError | undefined {
    this.#ended = true;
    const empty = this.format === undefined && this.#held === 0;
    if (this.error === undefined && (this.#held > 0 || empty)) {
      const reason = empty ? 'the file is empty' : `the file ends within a record, ${this.#held} bytes after its start`;
      this.error = { offset: this.#offset, reason, cut: true };
    }
    this.error ??= this.#nothing(this.#offset);
    return this.error;
  }

  /**
   * Iterates over the packets of a file whose chunks come from `source`. A file compressed with gzip is decompressed.
   * If its compressed data is damaged, the packets in the last 16 KiB before the damage may be missing.
   *
   * @param source A Node stream or any other iterable of chunks. Nothing more is read from it after an error in the
   *   file.
   * @returns An async iterator. When it ends, `error` is set if the file could not be read to its end.
   * @throws Whatever the source throws.
   * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
   */
  read(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<CapturedPacket, void, undefined> {
    return itemsOfLists(this.#lists(source));
  }

  /** Reads the chunks of a source, and returns a list of packets for each. */
  async *#lists(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<CapturedPacket[], void, undefined> {
    const file = new Decompressed();
    for await (const chunk of file.of(source)) {
      yield this.push(chunk);
      if (this.error !== undefined) break;
    }
    if (file.fault !== undefined) this.error ??= { offset: this.#offset + this.#held, ...file.fault };
    this.end();
  }

  #join(): Uint8Array {
    if (this.#chunks.length === 1) return attached(this.#chunks[0], 'chunk');
    const bytes = new Uint8Array(this.#held);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(attached(chunk, 'chunk'), at);
      at += chunk.length;
    }
    return bytes;
  }

  #fail({ at, reason }: Fault): void {
    this.error = { offset: this.#offset + at, reason, cut: false };
  }

  /** Reads all whole records and returns the offset after them. */
  #readAll(bytes: Uint8Array, packets: CapturedPacket[]): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      const size = left < 4 ? 4 : this.#sizeAt(view, at, left);
      if (size instanceof Fault) this.#fail(size);
      else if (size > left) this.#need = size;
      else if (this.#read(view, bytes, at, size, packets)) {
        at += size;
        continue;
      }
      return at;
    }
  }

  #sizeAt(view: DataView, at: number, left: number): number | Fault {
    if (this.#records === undefined) {
      const records = recordsOf(view, at);
      if (records instanceof Fault) return records;
      this.#records = records;
    }
    return this.#records.sizeAt(view, at, left);
  }

  /** Reads a record and keeps its packet if the filter accepts it. Returns false after an error. */
  #read(view: DataView, bytes: Uint8Array, at: number, size: number, packets: CapturedPacket[]): boolean {
    const packet = this.#records!.read(view, bytes, at, size);
    if (packet instanceof Fault) this.#fail(packet);
    else if (packet !== undefined) {
      const verdict = this.#filter?.accepts(packet) ?? true;
      if (typeof verdict === 'string') this.#fail(new Fault(at, verdict));
      else if (verdict) packets.push(packet);
      // All packets of a pcap file have the same link type. A pcapng file may still contain packets of other link
      // types.
      else if (this.format === 'pcap') this.error = this.#nothing(this.#offset + at);
    }
    return this.error === undefined;
  }

  /** Returns the error of a filter that rejects all packets of the file. */
  #nothing(offset: number): CaptureError | undefined {
    const reason = this.#filter?.rejection;
    return reason === undefined ? undefined : { offset, reason, cut: false };
  }
}

/** Recognizes the format of a file by its first four bytes. */
function recordsOf(view: DataView, at: number): Records | Fault {
  if (view.getUint32(at, true) === SECTION) return new PcapngRecords();
  const order = pcapOrder(view, at);
  if (order !== undefined) return new PcapRecords(order);
  const begin = view.getUint32(at, false).toString(16).padStart(8, '0');
  const isPacked = isGzip(new Uint8Array(view.buffer, view.byteOffset + at, 2));
  const why = isPacked ? "compressed with gzip, which 'read' decompresses" : `neither pcap nor pcapng`;
  return new Fault(at, `${why}: it begins with 0x${begin}`);
}
