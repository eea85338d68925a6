/** One direction of a TCP connection: it puts the data in order. */
import { copyOf } from './source.ts';
import type { EventWriter, Side, TcpStream } from './tcp-event.ts';
import type { Segment } from './tcp-segment.ts';

/** The largest window. Data farther ahead cannot belong to this connection. RFC 7323, 2.3. */
const WINDOW = 2 ** 30;
/** The approximate memory overhead of a part that waits. */
const PART = 200;
/** Marks an unknown sequence number. */
const UNKNOWN = -1;

/**
 * Data that arrived before the data that comes first. `length` exceeds the number of bytes if the capture truncated the
 * packet.
 */
interface WaitingData {
  readonly offset: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** One direction of a connection. Offsets count from its first byte and never wrap, unlike sequence numbers. */
export class TcpHalf {
  readonly from: Side;
  readonly #stream: TcpStream;
  readonly #writer: EventWriter;
  /** The sequence number of the first byte. */
  first: number = UNKNOWN;
  /** The sequence number of the next byte to deliver. */
  next: number = UNKNOWN;
  /** The last acknowledgment number from the other end. */
  acknowledged: number = UNKNOWN;
  /** The number of bytes that were delivered or reported as missing. */
  offset = 0;
  /** Whether everything up to the FIN was delivered. */
  ended = false;
  /** The approximate memory of the data that waits. */
  cost = 0;
  #fin: number = UNKNOWN;
  #parts: WaitingData[] = [];

  constructor(from: Side, stream: TcpStream, writer: EventWriter) {
    this.from = from;
    this.#stream = stream;
    this.#writer = writer;
  }

  get isKnown(): boolean {
    return this.next !== UNKNOWN;
  }

  /** Sets the sequence number of the first byte. */
  begin(sequence: number): void {
    this.first = sequence >>> 0;
    this.next = this.first;
  }

  /**
   * Whether bytes are missing that are not expected to arrive: other data waits for them, or the other end has
   * acknowledged the FIN after them. A FIN alone proves nothing, because anyone can send it.
   */
  get hasHole(): boolean {
    if (this.#parts.length > 0) return true;
    return this.isUnfinished && this.acknowledged === (this.next + this.#fin - this.offset + 1) >>> 0;
  }

  /** Whether more is known to have been sent than was delivered. */
  get isUnfinished(): boolean {
    return this.#parts.length > 0 || (!this.ended && this.#fin > this.offset);
  }

  /** Returns the offset in the stream of a sequence number. */
  #offsetOf(sequence: number): number {
    return this.offset + ((sequence - this.next) | 0);
  }

  /** The end of the last captured byte. */
  get #last(): number {
    const last = this.#parts.at(-1);
    return last === undefined ? this.offset : last.offset + last.length;
  }

  /**
   * Returns whether a receiver accepts a RST with this sequence number: only the next one, or the one after all data.
   * RFC 5961, 3.2.
   */
  isExact(sequence: number): boolean {
    const at = this.#offsetOf(sequence);
    return at === this.offset || at === this.#last || sequence === this.acknowledged;
  }

  /**
   * Processes the data and the FIN of a segment. `sequence` is the sequence number of the first byte, after any SYN.
   */
  take(segment: Segment, sequence: number, isTransient: boolean): void {
    const offset = this.#offsetOf(sequence);
    const end = offset + segment.length;
    if (this.ended || offset - this.offset > WINDOW) return;
    // Of two FINs the nearer one is used, because the receiver processes what comes first in the stream.
    if (segment.fin && end >= this.offset && (this.#fin === UNKNOWN || end < this.#fin)) this.#fin = end;
    if (segment.length > 0 && end > this.offset) this.#takeData(segment, offset, isTransient);
    this.#drain();
  }

  #takeData({ bytes, start, stop, length }: Segment, offset: number, isTransient: boolean): void {
    if (this.#parts.length === 0 && offset <= this.offset) {
      const skipped = this.offset - offset;
      const from = Math.min(start + skipped, stop);
      this.#give(isTransient ? copyOf(bytes, from, stop) : bytes.subarray(from, stop), length - skipped);
      return;
    }
    // Only missing bytes are added, because the first data that arrived is used.
    const stopAt = offset + length;
    let at = Math.max(offset, this.offset);
    for (let i = this.#search(at); at < stopAt; i++) {
      const part = this.#parts[i];
      const until = Math.min(part?.offset ?? stopAt, stopAt);
      if (until > at) {
        const from = Math.min(start + at - offset, stop);
        const kept = copyOf(bytes, from, Math.min(start + until - offset, stop));
        this.#parts.splice(i++, 0, { offset: at, length: until - at, bytes: kept });
        this.cost += kept.length + PART;
      }
      if (part === undefined) return;
      at = Math.max(at, part.offset + part.length);
    }
  }

  /** Returns the index of the first part that ends after an offset. */
  #search(offset: number): number {
    let low = 0;
    let high = this.#parts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const part = this.#parts[middle]!;
      if (part.offset + part.length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Delivers the next bytes, and reports how many of `length` the capture truncated. */
  #give(bytes: Uint8Array, length: number): void {
    // Data after the FIN is ignored, as by the receiver.
    const room = this.#fin === UNKNOWN ? length : Math.min(length, this.#fin - this.offset);
    const given = Math.min(bytes.length, room);
    if (given > 0) {
      const data = given < bytes.length ? bytes.subarray(0, given) : bytes;
      this.#writer.data(this.#stream, this.from, this.offset, data);
      this.#advance(given);
    }
    if (room > given) {
      this.#writer.gap(this.#stream, this.from, this.offset, room - given);
      this.#advance(room - given);
    }
  }

  #advance(length: number): void {
    this.offset += length;
    this.next = (this.next + length) >>> 0;
  }

  /** Delivers the data that waited for the previous bytes, and the end. */
  #drain(): void {
    let given = 0;
    for (; this.#fin !== this.offset; given++) {
      const part = this.#parts[given];
      if (part === undefined || part.offset > this.offset) break;
      this.cost -= part.bytes.length + PART;
      this.#give(part.bytes, part.length);
    }
    if (given > 0) this.#parts.splice(0, given);
    if (this.#fin !== this.offset || this.ended) return;
    this.ended = true;
    this.next = (this.next + 1) >>> 0;
    this.#parts = [];
    this.cost = 0;
    this.#writer.end(this.#stream, this.from, this.offset);
  }

  /** Reports the first missing bytes and delivers the data that waited for them. */
  skip(): void {
    const part = this.#parts[0];
    const before = this.#fin > this.offset ? this.#fin : Number.POSITIVE_INFINITY;
    const until = Math.min(part?.offset ?? before, before);
    const length = until - this.offset;
    if (length > 0 && Number.isFinite(length)) {
      this.#writer.gap(this.#stream, this.from, this.offset, length);
      this.#advance(length);
    }
    this.#drain();
  }
}
