/** The reader of pcap and pcapng files, from chunks of any size. */

import { Buffer } from 'node:buffer';
import { invalidType } from '../../posix/errno.ts';
import { isUint8Array } from '../../posix/kind.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { object, own } from '../../posix/snapshot.ts';
import type { PacketFilter } from '../filter/given.ts';
import type { CapturedPacket, CaptureInterface, InterfaceStatistics } from './capture-file.ts';
import { type Judge, judgeOf } from './reader-filter.ts';

/**
 * Why a file could not be read to its end.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export interface CaptureError {
  /** Where in the file, in bytes. */
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
   * expression, compiled for the link type of each packet; or a program of classic BPF.
   */
  filter?: PacketFilter | undefined;
}

const NAMES = namesOf<ReaderOptions>({ filter: true });

const PCAP_US = 0xa1b2c3d4;
const PCAP_NS = 0xa1b23c4d;
const SECTION = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
/** libpcap's limit for a packet, and the room for what a block has beside it. */
const LARGEST = 128 * 1024 * 1024;
const LARGEST_BLOCK = LARGEST + 1024 * 1024;
const SECOND = 1_000_000_000n;

/** An interface of the section that is being read. */
interface Known {
  readonly public: CaptureInterface;
  /** Units to nanoseconds: a factor, then a divisor. */
  readonly factor: bigint;
  readonly divisor: bigint;
  /** Added to timestamps, in nanoseconds. */
  readonly offset: bigint;
}

/**
 * Reads pcap and pcapng files, in both byte orders and all resolutions, chunk by chunk. It never throws for what is in
 * the file: what is whole is given, `error` tells what is not.
 *
 * @example
 * const chunks = [];
 * new PcapWriter((bytes) => chunks.push(bytes)).write({ timestamp: 1_000_000_000n, data: new Uint8Array(60) });
 * const reader = new CaptureReader();
 * for await (const packet of reader.read(chunks)) console.log(packet.timestamp, packet.data.length); // 1000000000n 60
 * console.log(reader.error); // undefined
 * for await (const packet of new CaptureReader({ filter: 'tcp port 80' }).read(chunks)) console.log('never');
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export class CaptureReader {
  /** Known after the first bytes. */
  format: 'pcap' | 'pcapng' | undefined = undefined;
  /** The interfaces so far; in pcapng those of the current section. */
  interfaces: CaptureInterface[] = [];
  /** What interfaces counted, so far; only in pcapng. */
  readonly statistics: InterfaceStatistics[] = [];
  /** Why reading stopped before the end of the file. */
  error: CaptureError | undefined = undefined;

  readonly #judge: Judge | undefined;
  #chunks: Uint8Array[] = [];
  #held = 0;
  /** How many bytes the next step needs. */
  #need = 4;
  #offset = 0;
  #little = true;
  #known: Known[] = [];
  #ended = false;

  /**
   * @param options `filter`.
   * @throws TypeError or RangeError for a filter that is none. A packet of a link type that the filter cannot be compiled
   *   for is an `error` of the file.
   */
  constructor(options: ReaderOptions = {}) {
    onlyKnown(object(options, 'options'), NAMES, 'options');
    const filter = own(options, 'filter');
    this.#judge = filter === undefined ? undefined : judgeOf(filter);
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
    if (!isUint8Array(chunk)) throw invalidType('chunk', 'a Uint8Array');
    const packets: CapturedPacket[] = [];
    if (this.error !== undefined || this.#ended) return packets;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    // Chunks are joined only when a whole record is there, so that a large one in small chunks is copied once.
    if (this.#held < this.#need) return packets;
    const bytes = this.#join();
    const at = this.#records(bytes, packets);
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
    return this.error;
  }

  /**
   * The packets of a file, as its chunks come.
   *
   * @param source A stream of Node, or anything else that gives chunks. It is read no further after an error in the file.
   * @returns An async iterator; at its end `error` is known.
   * @throws What the source throws.
   * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
   */
  async *read(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<CapturedPacket, void, undefined> {
    for await (const chunk of source) {
      yield* this.push(chunk);
      if (this.error !== undefined) break;
    }
    this.end();
  }

  #join(): Uint8Array {
    if (this.#chunks.length === 1) return this.#chunks[0]!;
    const bytes = new Uint8Array(this.#held);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  #fail(at: number, reason: string): 0 {
    this.error = { offset: this.#offset + at, reason, cut: false };
    return 0;
  }

  /** Reads whole records, and gives how far that went. */
  #records(bytes: Uint8Array, packets: CapturedPacket[]): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      const size = left < 4 ? 4 : this.#sizeAt(view, at, left);
      if (size === 0) return at;
      if (size > left) {
        this.#need = size;
        return at;
      }
      this.#record(view, bytes, at, size, packets);
      if (this.error !== undefined) return at;
      at += size;
    }
  }

  /** The size of the record at an offset, or at least more than is there; 0 after an error. */
  #sizeAt(view: DataView, at: number, left: number): number {
    if (this.format === undefined) return this.#begin(view, at, left);
    return this.format === 'pcap' ? this.#pcapSize(view, at, left) : this.#blockSize(view, at, left);
  }

  /** Tells the format by the first bytes. */
  #begin(view: DataView, at: number, left: number): number {
    const magic = view.getUint32(at, true);
    if (magic === SECTION) {
      this.format = 'pcapng';
      return this.#blockSize(view, at, left);
    }
    const swapped = view.getUint32(at, false);
    if (magic !== PCAP_US && magic !== PCAP_NS && swapped !== PCAP_US && swapped !== PCAP_NS) {
      return this.#fail(at, `neither pcap nor pcapng: it begins with 0x${swapped.toString(16).padStart(8, '0')}`);
    }
    return 24;
  }

  #pcapSize(view: DataView, at: number, left: number): number {
    if (left < 16) return 16;
    const captured = view.getUint32(at + 8, this.#little);
    if (captured > LARGEST) return this.#fail(at, `a packet of ${captured} bytes`);
    return 16 + captured;
  }

  #blockSize(view: DataView, at: number, left: number): number {
    if (left < 12) return 12;
    if (view.getUint32(at, true) === SECTION) {
      const little = view.getUint32(at + 8, true) === BYTE_ORDER;
      if (!little && view.getUint32(at + 8, false) !== BYTE_ORDER) {
        return this.#fail(at + 8, 'a section without the byte-order magic');
      }
      this.#little = little;
    }
    const size = view.getUint32(at + 4, this.#little);
    if (size < 12 || size % 4 !== 0 || size > LARGEST_BLOCK) return this.#fail(at + 4, `a block of ${size} bytes`);
    return size;
  }

  #record(view: DataView, bytes: Uint8Array, at: number, size: number, packets: CapturedPacket[]): void {
    if (this.format === undefined) this.#pcapHeader(view, at);
    else if (this.format === 'pcap') this.#give(this.#pcapRecord(view, bytes, at, size), at, packets);
    else this.#block(view, bytes, at, size, packets);
  }

  /** Gives a packet that the filter accepts. */
  #give(packet: CapturedPacket, at: number, packets: CapturedPacket[]): void {
    const verdict = this.#judge?.(packet) ?? true;
    if (typeof verdict === 'string') this.#fail(at, verdict);
    else if (verdict) packets.push(packet);
  }

  #pcapHeader(view: DataView, at: number): void {
    const magic = view.getUint32(at, true);
    this.#little = magic === PCAP_US || magic === PCAP_NS;
    const little = this.#little;
    this.format = 'pcap';
    // The upper bits are the length of the frame check sequence.
    const linktype = view.getUint32(at + 20, little) & 0xffff;
    const known: CaptureInterface = { linktype, snaplen: view.getUint32(at + 16, little) };
    const factor = view.getUint32(at, little) === PCAP_NS ? 1n : 1000n;
    this.interfaces.push(known);
    this.#known.push({ public: known, factor, divisor: 1n, offset: 0n });
  }

  #pcapRecord(view: DataView, bytes: Uint8Array, at: number, size: number): CapturedPacket {
    const { public: from, factor } = this.#known[0]!;
    const seconds = BigInt(view.getUint32(at, this.#little));
    return {
      timestamp: seconds * SECOND + BigInt(view.getUint32(at + 4, this.#little)) * factor,
      data: bytes.subarray(at + 16, at + size),
      originalLength: view.getUint32(at + 12, this.#little),
      interfaceId: 0,
      linktype: from.linktype,
    };
  }

  #block(view: DataView, bytes: Uint8Array, at: number, size: number, packets: CapturedPacket[]): void {
    const type = view.getUint32(at, this.#little);
    if (view.getUint32(at + size - 4, this.#little) !== size) {
      this.#fail(at + size - 4, 'a block whose two lengths differ');
    } else if (type === SECTION) {
      this.#section(view, at, size);
    } else if (type === 1) {
      this.#interface(view, bytes, at, size);
    } else if (type === 2 || type === 3 || type === 6) {
      const packet = this.#packet(view, bytes, at, size, type);
      if (packet !== undefined) this.#give(packet, at, packets);
    } else if (type === 5) {
      this.#counts(view, bytes, at, size);
    }
    // All other blocks are passed over, as the format asks for.
  }

  #short(at: number, size: number, least: number): boolean {
    if (size >= least) return false;
    this.#fail(at, `a block of ${size} bytes, less than its fields`);
    return true;
  }

  #section(view: DataView, at: number, size: number): void {
    if (this.#short(at, size, 28)) return;
    const major = view.getUint16(at + 12, this.#little);
    if (major !== 1) this.#fail(at + 12, `version ${major} of pcapng`);
    this.interfaces = [];
    this.#known = [];
  }

  /** The options from an offset up to the end of a block. A list that is not in order ends there. */
  *#options(view: DataView, bytes: Uint8Array, start: number, end: number): Generator<[code: number, Uint8Array]> {
    let at = start;
    while (at + 4 <= end) {
      const code = view.getUint16(at, this.#little);
      const length = view.getUint16(at + 2, this.#little);
      if (code === 0 || at + 4 + length > end) return;
      yield [code, bytes.subarray(at + 4, at + 4 + length)];
      at += 4 + Math.ceil(length / 4) * 4;
    }
  }

  #interface(view: DataView, bytes: Uint8Array, at: number, size: number): void {
    if (this.#short(at, size, 20)) return;
    const known: CaptureInterface = {
      linktype: view.getUint16(at + 8, this.#little),
      snaplen: view.getUint32(at + 12, this.#little),
    };
    let factor = 1000n; // microseconds, if nothing else is said
    let divisor = 1n;
    let offset = 0n;
    for (const [code, value] of this.#options(view, bytes, at + 16, at + size - 4)) {
      if (code === 2) known.name = text(value);
      else if (code === 3) known.description = text(value);
      else if (code === 8 && value.length === 8) known.speed = this.#uint64(value);
      else if (code === 9 && value.length === 1) [factor, divisor] = resolution(value[0]!);
      else if (code === 11 && value[0] === 0) known.filter = text(value.subarray(1));
      else if (code === 12) known.os = text(value);
      else if (code === 14 && value.length === 8) offset = BigInt.asIntN(64, this.#uint64(value)) * SECOND;
      else if (code === 15) known.hardware = text(value);
    }
    this.interfaces.push(known);
    this.#known.push({ public: known, factor, divisor, offset });
  }

  #uint64(value: Uint8Array): bigint {
    return new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, this.#little);
  }

  /** A time in two halves, the upper one first. */
  #time(view: DataView, at: number, { factor, divisor, offset }: Known): bigint {
    const units = (BigInt(view.getUint32(at, this.#little)) << 32n) | BigInt(view.getUint32(at + 4, this.#little));
    return (units * factor) / divisor + offset;
  }

  #from(at: number, interfaceId: number): Known | undefined {
    const known = this.#known[interfaceId];
    if (known === undefined) this.#fail(at, `interface ${interfaceId} is not described`);
    return known;
  }

  /** A packet of an enhanced (6), a simple (3) or an obsolete (2) packet block. */
  #packet(view: DataView, bytes: Uint8Array, at: number, size: number, type: 2 | 3 | 6): CapturedPacket | undefined {
    const little = this.#little;
    const start = type === 3 ? 12 : 28;
    if (this.#short(at, size, start + 4)) return undefined;
    const interfaceId = type === 6 ? view.getUint32(at + 8, little) : type === 2 ? view.getUint16(at + 8, little) : 0;
    const known = this.#from(at + 8, interfaceId);
    if (known === undefined) return undefined;
    const originalLength = view.getUint32(at + (type === 3 ? 8 : 24), little);
    const room = size - start - 4;
    const { linktype, snaplen } = known.public;
    const captured = type === 3 ? Math.min(originalLength, snaplen || room, room) : view.getUint32(at + 20, little);
    if (captured > room) {
      this.#fail(at + 20, `a packet of ${captured} bytes in a block with room for ${room}`);
      return undefined;
    }
    const packet: CapturedPacket = {
      timestamp: type === 3 ? 0n : this.#time(view, at + 12, known), // a simple packet block has no time
      data: bytes.subarray(at + start, at + start + captured),
      originalLength,
      interfaceId,
      linktype,
    };
    if (type === 6) this.#packetOptions(packet, view, bytes, at + start + Math.ceil(captured / 4) * 4, at + size - 4);
    return packet;
  }

  #packetOptions(packet: CapturedPacket, view: DataView, bytes: Uint8Array, start: number, end: number): void {
    if (start + 4 > end) return;
    for (const [code, value] of this.#options(view, bytes, start, end)) {
      if (code === 1) packet.comment = text(value);
      else if (code === 2 && value.length === 4) {
        packet.flags = new DataView(value.buffer, value.byteOffset, 4).getUint32(0, this.#little);
      } else if (code === 4 && value.length === 8) packet.dropCount = this.#uint64(value);
    }
  }

  #counts(view: DataView, bytes: Uint8Array, at: number, size: number): void {
    if (this.#short(at, size, 24)) return;
    const interfaceId = view.getUint32(at + 8, this.#little);
    const known = this.#from(at + 8, interfaceId);
    if (known === undefined) return;
    const counts: InterfaceStatistics = { interfaceId, timestamp: this.#time(view, at + 12, known) };
    for (const [code, value] of this.#options(view, bytes, at + 20, at + size - 4)) {
      if (value.length !== 8) continue;
      const time = () => this.#time(new DataView(value.buffer, value.byteOffset, 8), 0, known);
      if (code === 2) counts.startTime = time();
      else if (code === 3) counts.endTime = time();
      else if (code === 4) counts.received = this.#uint64(value);
      else if (code === 5) counts.dropped = this.#uint64(value);
      else if (code === 6) counts.filterAccepted = this.#uint64(value);
      else if (code === 7) counts.osDropped = this.#uint64(value);
      else if (code === 8) counts.delivered = this.#uint64(value);
    }
    this.statistics.push(counts);
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

/** if_tsresol: units of 10 ** -n seconds, or of 2 ** -n with the upper bit. */
function resolution(value: number): [factor: bigint, divisor: bigint] {
  const exponent = BigInt(value & 0x7f);
  return [SECOND, value > 0x7f ? 2n ** exponent : 10n ** exponent];
}
