/** Reassembles TCP streams from captured packets: RFC 9293. */
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { integer } from '../../argument/number.ts';
import { assertObject, ownProperty } from '../../argument/snapshot.ts';
import { AgedMap } from '../bytes/aged-map.ts';
import { LINKTYPE_ETHERNET } from '../layers/linktype.ts';
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
 * The options of `tcpStreams`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export interface TcpStreamsOptions {
  /** Milliseconds, measured by packet timestamps, after which missing bytes are given up. The default is 30000. */
  gapTimeout?: number | undefined;
  /** The maximum memory for data of one connection that waits for missing bytes. The default is 1048576. */
  maxBytesPerStream?: number | undefined;
  /**
   * The same for all connections together. The default is 67108864. Beyond it, the connection that has waited longest
   * gives up its missing bytes.
   */
  maxBytes?: number | undefined;
  /**
   * The maximum number of open connections. The default is 65536. Beyond it, the connection that was idle longest is
   * closed.
   */
  maxStreams?: number | undefined;
}

const NAMES = namesOf<TcpStreamsOptions>({
  gapTimeout: true,
  maxBytesPerStream: true,
  maxBytes: true,
  maxStreams: true,
});

/** Milliseconds for which late packets of a closed connection are recognized. */
const LINGER = 60_000;

/** A closed connection. */
interface Over {
  since: number;
  /** The initial sequence numbers of its directions. */
  client: number;
  server: number;
}

/** Turns packets into events. */
class StreamMachine implements Machine<SourcePacket, TcpEvent> {
  readonly #gapTimeout: number;
  readonly #maxBytesPerStream: number;
  readonly #maxBytes: number;
  readonly #maxStreams: number;
  /** The connections, with the one that was idle longest first if they are ordered. */
  readonly #connections = new AgedMap<string, TcpConnection>();
  /** Whether each use moves a connection to the end. This has a cost, so it begins when the limit comes near. */
  #isOrdered = false;
  #uses = 0;
  readonly #over = new AgedMap<string, Over>();
  /** The connections that wait for missing bytes. The one that has waited longest comes first. */
  readonly #waiting = new AgedMap<TcpConnection, true>();
  readonly #segment = new Segment();
  readonly #writer = new EventWriter();
  #bytes = 0;
  #count = 0;
  #now = 0;

  constructor(options: TcpStreamsOptions) {
    onlyKnown(assertObject(options, 'options'), NAMES, 'options');
    const most = Number.MAX_SAFE_INTEGER;
    this.#gapTimeout = duration(ownProperty(options, 'gapTimeout'), 'options.gapTimeout', 30_000);
    this.#maxBytesPerStream = integer(
      ownProperty(options, 'maxBytesPerStream'),
      'options.maxBytesPerStream',
      0,
      most,
      1 << 20,
    );
    this.#maxBytes = integer(ownProperty(options, 'maxBytes'), 'options.maxBytes', 0, most, 64 << 20);
    this.#maxStreams = integer(ownProperty(options, 'maxStreams'), 'options.maxStreams', 1, 1 << 23, 65536);
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
    if (known !== undefined) {
      known.used = ++this.#uses;
      if (this.#isOrdered) this.#connections.add(known.key, known);
    }
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

  /** Opens the connection that a SYN, or the answer to a SYN, started in place of another one. */
  #reuse(before: TcpConnection, segment: Segment, transient: boolean): void {
    this.#over.delete(segment.key);
    const connection = this.#open(segment, segment.ack);
    if (segment.ack) connection.client.begin(before.attempt + 1);
    this.#take(connection, segment, transient);
  }

  /** Opens an unknown connection. It starts with a SYN, or with data if it was established before the capture. */
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
    connection.used = ++this.#uses;
    this.#connections.add(segment.key, connection);
    if (!this.#isOrdered && 2 * this.#connections.size > this.#maxStreams) this.#order();
    return connection;
  }

  /** Sorts the connections, so that the one that was idle longest comes first. */
  #order(): void {
    this.#isOrdered = true;
    const all = [...this.#connections.values()].sort((a, b) => a.used - b.used);
    for (const connection of all) this.#connections.add(connection.key, connection);
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

  /** Enforces the memory limits after a connection was changed. */
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

  /**
   * Updates whether and since when a connection waits, or closes it if it has ended. A connection that made progress
   * waits anew.
   */
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

  /** Gives up the first missing bytes in the direction that uses more memory. */
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
 * Reassembles TCP streams from captured packets and returns what each end sent, in order: RFC 9293.
 *
 * Segments may be captured in any order and more than once. If bytes were captured twice, the first ones are used even
 * if the later ones differ. Missing bytes are waited for. They are reported as a `gap` with their number when the data
 * waiting for them exceeds the limit or the timeout, or when the connection or the source ends. A connection whose
 * start was not captured begins with the first data. A RST is accepted only if its sequence number is exactly the next
 * one (RFC 5961), and a SYN on an established connection only if it is answered. Late packets of a closed connection
 * are ignored for one minute. Checksums are not verified, and fragments are ignored: use
 * `tcpStreams(defragment(source))` if there may be fragments.
 *
 * @param source Captured packets: a Capture, the packets of a CaptureReader, or an array. Its errors end the loop. The
 *   data of packets of a Capture is copied; the data of other packets is returned as a view.
 * @param options The memory limits and the timeout.
 * @returns The events: `open`, `data`, `gap`, `end` of one direction, and `close`.
 * @throws TypeError or RangeError for an invalid source or invalid options.
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
