/** A TCP connection: its two directions, its start and its end. */

import type { EventWriter, Side, TcpCloseReason, TcpEndpoint, TcpStream } from './tcp-event.ts';
import { TcpHalf } from './tcp-half.ts';
import type { Segment } from './tcp-segment.ts';

/** The effect of a segment on its connection: none, the connection ended, or another one uses its ports. */
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
  /** Since when bytes are missing, in milliseconds, or undefined if none are. */
  waitsSince: number | undefined = undefined;
  /** A number that is higher the later the connection was used. */
  used = 0;
  readonly #writer: EventWriter;
  readonly #clientIsLower: boolean;
  /** A SYN on the established connection. It takes effect when it is answered. */
  #attempt: { from: Side; sequence: number } | undefined;

  /** @param isAnswer Whether the first segment comes from the server. */
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

  /** The approximate memory of the data that waits. */
  get cost(): number {
    return this.client.cost + this.server.cost;
  }

  get isOver(): boolean {
    return this.client.ended && this.server.ended;
  }

  get hasHole(): boolean {
    return this.client.hasHole || this.server.hasHole;
  }

  /** The initial sequence number of the client of a new connection that was confirmed. */
  get attempt(): number {
    return this.#attempt!.sequence;
  }

  /** Processes a segment. */
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

  /** Processes a SYN: that of the connection, a retransmission of it, or that of another connection. */
  #ask({ sequence }: Segment, half: TcpHalf, other: TcpHalf): Turn {
    const first = (sequence + 1) >>> 0;
    if (!half.isKnown) half.begin(first);
    else if (half.first !== first) {
      if (!other.isKnown) return 'reuse'; // the previous SYN was not answered
      this.#attempt = { from: half.from, sequence };
    }
    return 'on';
  }

  /** Processes a SYN with ACK. It must answer the SYN, if that was captured. */
  #answer({ sequence, acknowledgment }: Segment, half: TcpHalf, other: TcpHalf): Turn {
    const attempt = this.#attempt;
    if (attempt?.from === other.from && acknowledgment === (attempt.sequence + 1) >>> 0) return 'reuse';
    if (half.isKnown) return 'on';
    // It may acknowledge data that was sent with the SYN.
    if (other.isKnown && ((acknowledgment - other.first) | 0) < 0) return 'on';
    if (other.isKnown && ((acknowledgment - other.next) | 0) > 0) return 'on';
    this.stream.handshake = other.isKnown;
    if (!other.isKnown) other.begin(acknowledgment);
    half.begin(sequence + 1);
    return 'on';
  }

  /** Returns whether the receiver accepts a RST. One that is merely within its window has no effect: RFC 5961, 3.2. */
  #isReset(segment: Segment, half: TcpHalf, other: TcpHalf): boolean {
    if (half.isKnown) return half.isExact(segment.sequence);
    if (segment.ack && other.isKnown) return other.isExact(segment.acknowledgment);
    return segment.sequence === half.acknowledged;
  }

  /** Reports the missing bytes, delivers the remaining data and closes the connection. */
  close(reason: TcpCloseReason, from?: Side): void {
    for (const half of [this.client, this.server]) while (half.isUnfinished) half.skip();
    this.#writer.close(this.stream, reason, from);
  }

  /** Returns the end that sent a segment. */
  sideOf(segment: Segment): Side {
    return segment.fromLower === this.#clientIsLower ? 'client' : 'server';
  }
}
