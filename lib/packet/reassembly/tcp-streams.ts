/** TCP streams put together from captured packets: RFC 9293. */
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { integer } from '../../posix/number.ts';
import { object, own } from '../../posix/snapshot.ts';
import { AgedMap } from '../aged-map.ts';
import { LINKTYPE_ETHERNET } from '../linktype.ts';
import { networkOffset } from './network-offset.ts';
import {
  checkSource,
  dataOf,
  duration,
  isTransient,
  type Machine,
  millisecondsOf,
  type PacketSource,
  type SourcePacket,
  transform,
} from './source.ts';
import { TcpConnection } from './tcp-connection.ts';
import { EventWriter, type Side, type TcpCloseReason, type TcpEvent } from './tcp-event.ts';
import { Segment } from './tcp-segment.ts';

/**
 * What `tcpStreams` may be told.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export interface TcpStreamsOptions {
  /** Milliseconds, by the timestamps of packets, after which missing bytes are given up; 30000 unless given. */
  gapTimeout?: number | undefined;
  /** The most memory for what waits for missing bytes of one connection; 1048576 unless given. */
  maxBytesPerStream?: number | undefined;
  /** The same of all connections; 67108864 unless given. The one that waits longest gives its missing bytes up first. */
  maxBytes?: number | undefined;
  /** The most connections at once; 65536 unless given. The one that was silent for longest goes first. */
  maxStreams?: number | undefined;
}

const NAMES = namesOf<TcpStreamsOptions>({
  gapTimeout: true,
  maxBytesPerStream: true,
  maxBytes: true,
  maxStreams: true,
});

/** Milliseconds for which late packets of a connection that is over are known as such. */
const LINGER = 60_000;

/** A connection that is over. */
interface Over {
  since: number;
  /** The sequence numbers with which its directions began. */
  client: number;
  server: number;
}

/** Makes events of packets. */
class StreamMachine implements Machine<SourcePacket, TcpEvent> {
  readonly #gapTimeout: number;
  readonly #maxBytesPerStream: number;
  readonly #maxBytes: number;
  readonly #maxStreams: number;
  readonly #connections = new AgedMap<string, TcpConnection>();
  readonly #over = new AgedMap<string, Over>();
  /** Those that wait for missing bytes, the one that waits longest first. */
  readonly #waiting = new AgedMap<TcpConnection, true>();
  readonly #segment = new Segment();
  readonly #writer = new EventWriter();
  #bytes = 0;
  #count = 0;
  #now = 0;

  constructor(options: TcpStreamsOptions) {
    onlyKnown(object(options, 'options'), NAMES, 'options');
    const most = Number.MAX_SAFE_INTEGER;
    this.#gapTimeout = duration(own(options, 'gapTimeout'), 'options.gapTimeout', 30_000);
    this.#maxBytesPerStream = integer(own(options, 'maxBytesPerStream'), 'options.maxBytesPerStream', 0, most, 1 << 20);
    this.#maxBytes = integer(own(options, 'maxBytes'), 'options.maxBytes', 0, most, 64 << 20);
    this.#maxStreams = integer(own(options, 'maxStreams'), 'options.maxStreams', 1, 1 << 23, 65536);
  }

  push(packet: SourcePacket, out: TcpEvent[]): void {
    const bytes = dataOf(packet);
    const writer = this.#writer;
    const segment = this.#segment;
    const at = networkOffset(bytes, packet.linktype ?? LINKTYPE_ETHERNET);
    if (at < 0 || !segment.read(bytes, at)) return;
    writer.out = out;
    writer.packet = packet;
    this.#now = millisecondsOf(packet, this.#now);
    if (this.#waiting.size > 0) this.#giveUpOld();
    const known = this.#connections.get(segment.key);
    // The first one goes when there is no room. To put one behind the others costs something, so not before it counts.
    if (known !== undefined && 2 * this.#connections.size > this.#maxStreams) this.#connections.add(known.key, known);
    const connection = known ?? this.#begin(segment);
    if (connection !== undefined) this.#take(connection, segment, isTransient(packet));
  }

  end(out: TcpEvent[]): void {
    this.#writer.out = out;
    this.#writer.packet = undefined;
    for (const connection of [...this.#connections.values()]) this.#close(connection, 'end');
  }

  #take(connection: TcpConnection, segment: Segment, transient: boolean): void {
    const before = connection.cost;
    const { client, server } = connection;
    const given = client.offset + server.offset;
    const turn = connection.take(segment, transient);
    this.#bytes += connection.cost - before;
    if (turn === 'on') {
      if (connection.waitsSince !== undefined || connection.cost > 0 || connection.hasHole) {
        this.#bound(connection, client.offset + server.offset > given);
      }
      return;
    }
    this.#close(connection, turn, turn === 'reset' ? connection.sideOf(segment) : undefined);
    if (turn === 'reuse') this.#reuse(connection, segment, transient);
  }

  /** The connection that a SYN, or the answer to a SYN, began in place of another. */
  #reuse(before: TcpConnection, segment: Segment, transient: boolean): void {
    this.#over.delete(segment.key);
    const connection = this.#open(segment, segment.ack);
    if (segment.ack) connection.client.begin(before.attempt + 1);
    this.#take(connection, segment, transient);
  }

  /** A connection that is not known: with a SYN it begins, with data it was there before the capture. */
  #begin(segment: Segment): TcpConnection | undefined {
    if (segment.rst || (!segment.syn && segment.length === 0)) return undefined;
    const over = this.#over.get(segment.key);
    if (over !== undefined) {
      const first = (segment.sequence + 1) >>> 0;
      const isNew = segment.syn && first !== over.client && first !== over.server;
      if (!isNew && this.#now - over.since <= LINGER) return undefined;
      this.#over.delete(segment.key);
    }
    return this.#open(segment, segment.syn && segment.ack);
  }

  #open(segment: Segment, isAnswer: boolean): TcpConnection {
    if (this.#connections.size >= this.#maxStreams) {
      this.#close(this.#connections.oldest![1], 'memory');
    }
    const connection = new TcpConnection(this.#count++, segment, isAnswer, this.#writer);
    this.#connections.add(segment.key, connection);
    return connection;
  }

  #close(connection: TcpConnection, reason: TcpCloseReason, from?: Side): void {
    const { key, client, server } = connection;
    this.#bytes -= connection.cost;
    this.#connections.delete(key);
    this.#waiting.delete(connection);
    connection.close(reason, from);
    if (reason === 'memory') return;
    this.#over.add(key, { since: this.#now, client: client.first, server: server.first });
    if (this.#over.size > this.#maxStreams) this.#over.delete(this.#over.oldest![0]);
  }

  /** Keeps a connection that waits for missing bytes within the limits. */
  #bound(connection: TcpConnection, hasMoved: boolean): void {
    let moved = hasMoved;
    for (; connection.cost > this.#maxBytesPerStream; moved = true) this.#skip(connection);
    this.#settle(connection, moved);
    while (this.#bytes > this.#maxBytes) {
      const [oldest] = this.#waiting.oldest!;
      this.#skip(oldest);
      this.#settle(oldest, true);
    }
  }

  /** Notes whether a connection waits, and since when, or that it is over; what has moved on waits anew. */
  #settle(connection: TcpConnection, hasMoved: boolean): void {
    if (connection.isOver) {
      this.#close(connection, 'fin');
      return;
    }
    if (!hasMoved && connection.waitsSince !== undefined && connection.hasHole) return;
    this.#waiting.delete(connection);
    connection.waitsSince = connection.hasHole ? this.#now : undefined;
    if (connection.waitsSince !== undefined) this.#waiting.add(connection, true);
  }

  /** Gives the missing bytes up that come first: of the direction that takes more memory. */
  #skip(connection: TcpConnection): void {
    const { client, server } = connection;
    const before = connection.cost;
    if (client.hasHole && (client.cost >= server.cost || !server.hasHole)) client.skip();
    else server.skip();
    this.#bytes += connection.cost - before;
  }

  #giveUpOld(): void {
    for (;;) {
      const [connection] = this.#waiting.oldest ?? [];
      if (connection === undefined || this.#now - connection.waitsSince! <= this.#gapTimeout) return;
      this.#skip(connection);
      this.#settle(connection, true);
    }
  }
}

/**
 * TCP streams put together from captured packets: what each end sent, in its order. RFC 9293.
 *
 * Segments may come in any order and several times. Of bytes that came twice the first ones count, whatever the later ones
 * are. Bytes that are missing are waited for, and told as a `gap`, with their number, when too much waits for them or for
 * too long, or when the connection or the source ends. A connection whose beginning was not captured begins with the first
 * data. A RST counts when its sequence number is exactly the next one (RFC 5961), a SYN in the midst of a connection when it
 * is answered. What comes late of a connection that is over is passed over for a minute. Checksums are not looked at, and
 * fragments are passed over: give `tcpStreams(defragment(source))` what may have them.
 *
 * @param source Captured packets: a Capture, what a CaptureReader gives, an array. Its errors end the loop. A packet of a
 *   Capture is copied, as far as its data are given; data of another packet are a view of it.
 * @param options How much waits, and for how long.
 * @returns Events: `open`, `data`, `gap`, `end` of one direction, `close`.
 * @throws TypeError or RangeError for a source or options that are none.
 * @example
 * const ends = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' };
 * const ports = { sourcePort: 40000, destinationPort: 80 };
 * const segments = [
 *   [tcp({ ...ports, sequenceNumber: 99, syn: true })],
 *   [tcp({ ...ports, sequenceNumber: 106, ack: true }), 'world'],
 *   [tcp({ ...ports, sequenceNumber: 100, ack: true }), 'hello '],
 *   [tcp({ ...ports, sequenceNumber: 120, ack: true }), '!'],
 * ];
 * const packets = segments.map((layers) => ({ data: encodePacket([ipv4(ends), ...layers]), linktype: LINKTYPE_RAW }));
 * const told = [];
 * for await (const event of tcpStreams(packets)) {
 *   if (event.type === 'data') told.push(Buffer.from(event.data).toString());
 *   else told.push(event.type === 'gap' ? event.length : event.type);
 * }
 * console.log(told); // [ 'open', 'hello ', 'world', 9, '!', 'close' ]
 * @see https://www.rfc-editor.org/rfc/rfc9293
 * @see https://www.rfc-editor.org/rfc/rfc5961
 */
export function tcpStreams(
  source: PacketSource,
  options: TcpStreamsOptions = {},
): AsyncGenerator<TcpEvent, void, void> {
  checkSource(source);
  return transform(source, new StreamMachine(options));
}
