/** One TCP connection: its two directions, how it begins and how it ends. */

import type { EventWriter, Side, TcpCloseReason, TcpEndpoint, TcpStream } from './tcp-event.ts';
import { TcpHalf } from './tcp-half.ts';
import type { Segment } from './tcp-segment.ts';

/** What a segment did to its connection: nothing to be known, its end, or that another one has its ports. */
export type Turn = 'on' | 'fin' | 'reset' | 'reuse';

class Stream implements TcpStream {
  readonly id: number;
  readonly client: TcpEndpoint;
  readonly server: TcpEndpoint;
  handshake = false;

  constructor(id: number, client: TcpEndpoint, server: TcpEndpoint) {
    this.id = id;
    this.client = client;
    this.server = server;
  }
}

/** A connection. */
export class TcpConnection {
  readonly key: string;
  readonly stream: Stream;
  readonly client: TcpHalf;
  readonly server: TcpHalf;
  /** Since when something is missing, in milliseconds; undefined while nothing is. */
  waitsSince: number | undefined = undefined;
  readonly #writer: EventWriter;
  readonly #clientIsLower: boolean;
  /** A SYN in the midst of the connection, which counts when it is answered. */
  #attempt: { from: Side; sequence: number } | undefined;

  /** @param isAnswer Whether the segment that it begins with is from the server. */
  constructor(id: number, segment: Segment, isAnswer: boolean, writer: EventWriter) {
    const { key, source, destination, fromLower } = segment;
    this.key = key;
    this.stream = isAnswer ? new Stream(id, destination, source) : new Stream(id, source, destination);
    this.#clientIsLower = fromLower !== isAnswer;
    this.#writer = writer;
    this.client = new TcpHalf('client', this.stream, writer);
    this.server = new TcpHalf('server', this.stream, writer);
    writer.open(this.stream);
  }

  /** The memory of what waits, about. */
  get cost(): number {
    return this.client.cost + this.server.cost;
  }

  get isOver(): boolean {
    return this.client.ended && this.server.ended;
  }

  get hasHole(): boolean {
    return this.client.hasHole || this.server.hasHole;
  }

  /** The sequence number with which a new connection that was confirmed begins on the side of its client. */
  get attempt(): number {
    return this.#attempt!.sequence;
  }

  /** Takes a segment. */
  take(segment: Segment, isTransient: boolean): Turn {
    const isClient = segment.fromLower === this.#clientIsLower;
    const half = isClient ? this.client : this.server;
    const other = isClient ? this.server : this.client;
    if (segment.rst) return this.#isReset(segment, half, other) ? 'reset' : 'on';
    const { sequence } = segment;
    if (segment.ack) other.acknowledged = segment.acknowledgment;
    if (segment.syn) {
      const turn = segment.ack ? this.#answer(segment, half, other) : this.#ask(segment, half, other);
      if (turn === 'reuse' || half.first !== (sequence + 1) >>> 0) return turn;
      half.take(segment, sequence + 1, isTransient);
    } else if (segment.length > 0 || segment.fin) {
      if (!half.isKnown) half.begin(sequence);
      half.take(segment, sequence, isTransient);
    }
    return this.isOver ? 'fin' : 'on';
  }

  /** A SYN: of the beginning, again, or of another connection. */
  #ask({ sequence }: Segment, half: TcpHalf, other: TcpHalf): Turn {
    const first = (sequence + 1) >>> 0;
    if (!half.isKnown) half.begin(first);
    else if (half.first !== first) {
      if (!other.isKnown) return 'reuse'; // nobody answered the one before
      this.#attempt = { from: half.from, sequence };
    }
    return 'on';
  }

  /** A SYN with ACK. It must answer the SYN, if that was captured. */
  #answer({ sequence, acknowledgment }: Segment, half: TcpHalf, other: TcpHalf): Turn {
    const attempt = this.#attempt;
    if (attempt?.from === other.from && acknowledgment === (attempt.sequence + 1) >>> 0) return 'reuse';
    if (half.isKnown) return 'on';
    // It may acknowledge data that came with the SYN.
    if (other.isKnown && ((acknowledgment - other.first) | 0) < 0) return 'on';
    if (other.isKnown && ((acknowledgment - other.next) | 0) > 0) return 'on';
    this.stream.handshake = other.isKnown;
    if (!other.isKnown) other.begin(acknowledgment);
    half.begin(sequence + 1);
    return 'on';
  }

  /** Whether the receiver takes a RST: one that is only somewhere in its window does nothing. RFC 5961, 3.2. */
  #isReset(segment: Segment, half: TcpHalf, other: TcpHalf): boolean {
    if (half.isKnown) return half.isExact(segment.sequence);
    if (segment.ack && other.isKnown) return other.isExact(segment.acknowledgment);
    return segment.sequence === half.acknowledged;
  }

  /** Tells what is missing, gives the rest, and tells that it is over. */
  close(reason: TcpCloseReason, from?: Side): void {
    for (const half of [this.client, this.server]) while (half.isUnfinished) half.skip();
    this.#writer.close(this.stream, reason, from);
  }

  /** Who sent a segment. */
  sideOf(segment: Segment): Side {
    return segment.fromLower === this.#clientIsLower ? 'client' : 'server';
  }
}
