/** One direction of a TCP connection: what was sent, in its order. */
import { copyOf } from './source.ts';
import type { EventWriter, Side, TcpStream } from './tcp-event.ts';
import type { Segment } from './tcp-segment.ts';

/** The largest window: what is farther ahead was never sent by this connection. RFC 7323, 2.3. */
const WINDOW = 2 ** 30;
/** What a part that waits costs beside its bytes, about. */
const PART = 200;
/** No sequence number. */
const UNKNOWN = -1;

/** Bytes that came before what is to be given first. `length` is more than there are when the capture cut them. */
interface Part {
  readonly offset: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** One direction. Offsets are counted from its first byte and never wrap, as sequence numbers do. */
export class TcpHalf {
  readonly from: Side;
  readonly #stream: TcpStream;
  readonly #writer: EventWriter;
  /** The sequence number of its first byte. */
  first: number = UNKNOWN;
  /** That of the next byte to be given. */
  next: number = UNKNOWN;
  /** What the other end acknowledged last. */
  acknowledged: number = UNKNOWN;
  /** How many bytes were given or are told to be missing. */
  offset = 0;
  /** Whether all up to the FIN was given. */
  ended = false;
  /** The memory of what waits, about. */
  cost = 0;
  #fin: number = UNKNOWN;
  #parts: Part[] = [];

  constructor(from: Side, stream: TcpStream, writer: EventWriter) {
    this.from = from;
    this.#stream = stream;
    this.#writer = writer;
  }

  get isKnown(): boolean {
    return this.next !== UNKNOWN;
  }

  /** The first byte is known. */
  begin(sequence: number): void {
    this.first = sequence >>> 0;
    this.next = this.first;
  }

  /**
   * Whether bytes are missing that will not come by themselves: others wait for them, or the other end has acknowledged the
   * FIN behind them. A FIN alone proves nothing: anybody can send it.
   */
  get hasHole(): boolean {
    if (this.#parts.length > 0) return true;
    return this.isUnfinished && this.acknowledged === (this.next + this.#fin - this.offset + 1) >>> 0;
  }

  /** Whether more is known to have been sent than was given. */
  get isUnfinished(): boolean {
    return this.#parts.length > 0 || (!this.ended && this.#fin > this.offset);
  }

  /** Where a sequence number is in the stream. */
  #offsetOf(sequence: number): number {
    return this.offset + ((sequence - this.next) | 0);
  }

  /** Where the last byte ends that was captured. */
  get #last(): number {
    const last = this.#parts.at(-1);
    return last === undefined ? this.offset : last.offset + last.length;
  }

  /** Whether a RST with this number is one that a receiver takes: only the next, or that behind all. RFC 5961, 3.2. */
  isExact(sequence: number): boolean {
    const at = this.#offsetOf(sequence);
    return at === this.offset || at === this.#last || sequence === this.acknowledged;
  }

  /** Takes the data and the FIN of a segment; `sequence` is that of the first byte, behind a SYN. */
  take(segment: Segment, sequence: number, isTransient: boolean): void {
    const offset = this.#offsetOf(sequence);
    const end = offset + segment.length;
    if (this.ended || offset - this.offset > WINDOW) return;
    // Of two the nearer one counts, as the receiver takes what comes first in the stream.
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
    // Only what is not there yet: what came first counts.
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

  /** The first part that ends behind an offset. */
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

  /** Gives bytes that are next, and tells how many of `length` the capture cut. */
  #give(bytes: Uint8Array, length: number): void {
    // No more than up to the FIN, as the receiver takes.
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

  /** Gives what waited for the bytes before, and the end. */
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

  /** Tells what is missing first, and gives what waited for it. */
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
