/** The reader of pcap and pcapng files, from chunks of any size. */

import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { attached, object, own } from '../../posix/snapshot.ts';
import type { PacketFilter } from '../filter/given.ts';
import type { CapturedPacket, CaptureInterface, InterfaceStatistics } from './capture-file.ts';
import { Decompressed, isGzip } from './gunzip.ts';
import { PcapRecords, pcapOrder } from './pcap-records.ts';
import { PcapngRecords, SECTION } from './pcapng-records.ts';
import { ReaderFilter } from './reader-filter.ts';
import { Fault, type Records } from './records.ts';

/**
 * Why a file could not be read to its end.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export interface CaptureError {
  /** Where in the file, in bytes; of a compressed file in what it holds. */
  offset: number;
  /** What is wrong, for people. */
  reason: string;
  /** Whether the file only ends too early: all before is whole. */
  cut: boolean;
}

/**
 * What a reader may be told.
 *
 * @see https://man7.org/linux/man-pages/man3/pcap_offline_filter.3pcap.html
 */
export interface ReaderOptions {
  /**
   * Only packets that it accepts are given, whole: text in the language of pcap-filter(7), as `'tcp port 80'`, or an
   * expression, compiled for the link type of each packet; or a program of classic BPF. That a text or an expression
   * rejects all packets of the file is an `error`.
   */
  filter?: PacketFilter | undefined;
}

const NAMES = namesOf<ReaderOptions>({ filter: true });

/**
 * Reads pcap and pcapng files, in both byte orders and all resolutions, chunk by chunk; `read` also those that gzip has
 * compressed. It never throws for what is in the file: what is whole is given, `error` tells what is not.
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
  /** Why reading stopped before the end of the file. */
  error: CaptureError | undefined = undefined;

  readonly #filter: ReaderFilter | undefined;
  #records: Records | undefined;
  #chunks: Uint8Array[] = [];
  #held = 0;
  /** How many bytes the next step needs. */
  #need = 4;
  #offset = 0;
  #ended = false;

  /**
   * @param options `filter`.
   * @throws TypeError or RangeError for a filter that is none. A packet of a link type that the filter cannot be compiled
   *   for is an `error` of the file.
   */
  constructor(options: ReaderOptions = {}) {
    onlyKnown(object(options, 'options'), NAMES, 'options');
    const filter = own(options, 'filter');
    this.#filter = filter === undefined ? undefined : new ReaderFilter(filter);
  }

  /** Known after the first bytes. */
  get format(): 'pcap' | 'pcapng' | undefined {
    return this.#records?.format;
  }

  /** The interfaces so far; in pcapng those of the current section. */
  get interfaces(): CaptureInterface[] {
    return this.#records?.interfaces ?? [];
  }

  /** What interfaces counted, so far; only in pcapng. */
  get statistics(): InterfaceStatistics[] {
    return this.#records?.statistics ?? [];
  }

  /**
   * Takes the next chunk of the file.
   *
   * @param chunk Bytes. Packets are views of them, or of a copy where a packet spans chunks: do not write to them again
   *   while packets are in use.
   * @returns The packets that are whole now. None after an error.
   * @throws TypeError for what is no bytes.
   * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
   */
  push(chunk: Uint8Array): CapturedPacket[] {
    attached(chunk, 'chunk');
    const packets: CapturedPacket[] = [];
    if (this.error !== undefined || this.#ended) return packets;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    // Chunks are joined only when a whole record is there, so that a large one in small chunks is copied once.
    if (this.#held < this.#need) return packets;
    const bytes = this.#join();
    const at = this.#readAll(bytes, packets);
    this.#offset += at;
    this.#chunks = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#held = bytes.length - at;
    return packets;
  }

  /**
   * Tells that the file has ended: `error` tells then whether it was cut.
   *
   * @returns The error, or undefined for a whole file.
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
   * The packets of a file, as its chunks come. A file that gzip has compressed is decompressed.
   *
   * @param source A stream of Node, or anything else that gives chunks. It is read no further after an error in the file.
   * @returns An async iterator; at its end `error` is known.
   * @throws What the source throws.
   * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
   */
  async *read(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<CapturedPacket, void, undefined> {
    const file = new Decompressed();
    for await (const chunk of file.of(source)) {
      yield* this.push(chunk);
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

  /** Reads whole records, and gives how far that went. */
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

  /** Reads a record, and gives its packet if the filter accepts it; false after an error. */
  #read(view: DataView, bytes: Uint8Array, at: number, size: number, packets: CapturedPacket[]): boolean {
    const packet = this.#records!.read(view, bytes, at, size);
    if (packet instanceof Fault) this.#fail(packet);
    else if (packet !== undefined) {
      const verdict = this.#filter?.accepts(packet) ?? true;
      if (typeof verdict === 'string') this.#fail(new Fault(at, verdict));
      else if (verdict) packets.push(packet);
      // All packets of a pcap file have the same link type; in pcapng others may come.
      else if (this.format === 'pcap') this.error = this.#nothing(this.#offset + at);
    }
    return this.error === undefined;
  }

  /** The error of a filter that no packet of the file can pass. */
  #nothing(offset: number): CaptureError | undefined {
    const reason = this.#filter?.rejection;
    return reason === undefined ? undefined : { offset, reason, cut: false };
  }
}

/** The format of a file, by its first four bytes. */
function recordsOf(view: DataView, at: number): Records | Fault {
  if (view.getUint32(at, true) === SECTION) return new PcapngRecords();
  const order = pcapOrder(view, at);
  if (order !== undefined) return new PcapRecords(order);
  const begin = view.getUint32(at, false).toString(16).padStart(8, '0');
  const isPacked = isGzip(new Uint8Array(view.buffer, view.byteOffset + at, 2));
  const why = isPacked ? "compressed by gzip, which 'read' decompresses" : `neither pcap nor pcapng`;
  return new Fault(at, `${why}: it begins with 0x${begin}`);
}
