/** TCP connections as lists of packets: with handshakes, data in both directions, and what networks do to them. */
import * as p from '../../lib/packet/index.ts';
import type { Chance } from './fragments.ts';

export type Side = 'client' | 'server';

/** A packet of a connection, and its role in it. */
export interface Sent {
  data: Uint8Array;
  from: Side;
  /** The offset of its data in the stream of its side; undefined without data. */
  offset?: number;
  length: number;
}

/** The sending end of a connection. */
export class Session {
  readonly sent: Sent[] = [];
  readonly streams: Record<Side, number[]> = { client: [], server: [] };
  readonly #family: 4 | 6;
  readonly #addresses: Record<Side, string>;
  readonly #ports: Record<Side, number>;
  /** The initial sequence numbers. */
  readonly first: Record<Side, number>;

  constructor(
    number: number,
    first: Record<Side, number> = { client: 1000, server: 5000 },
    ports: Record<Side, number> = { client: 40000 + (number % 20000), server: 80 },
  ) {
    this.#family = number % 3 === 2 ? 6 : 4;
    const address = (last: number) => (this.#family === 4 ? `192.0.2.${last}` : `2001:db8::${last}`);
    const client = 2 + (number % 200);
    this.#addresses = { client: address(client), server: address(1) };
    this.#ports = ports;
    this.first = first;
  }

  /** A segment with these fields; its sequence number is the offset after the SYN, unless it is a SYN. */
  segment(from: Side, offset: number, fields: Partial<p.TcpFields> = {}, data: Uint8Array | string = ''): Sent {
    const to: Side = from === 'client' ? 'server' : 'client';
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const sequenceNumber = (this.first[from] + (fields.syn ? 0 : 1) + offset) >>> 0;
    const header = { sourceAddress: this.#addresses[from], destinationAddress: this.#addresses[to] };
    const layers = [
      p.ethernet({ destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' }),
      this.#family === 4 ? p.ipv4(header) : p.ipv6(header),
      p.tcp({ sourcePort: this.#ports[from], destinationPort: this.#ports[to], sequenceNumber, ...fields }),
      bytes,
    ];
    const sent: Sent = { data: p.encodePacket(layers), from, length: bytes.length };
    if (bytes.length > 0) sent.offset = offset;
    return sent;
  }

  push(...args: Parameters<Session['segment']>): Sent {
    const sent = this.segment(...args);
    this.sent.push(sent);
    return sent;
  }

  /** The acknowledgement number of the other end after it has received this much. */
  ack(from: Side, received: number): Partial<p.TcpFields> {
    const to: Side = from === 'client' ? 'server' : 'client';
    return { ack: true, acknowledgmentNumber: (this.first[to] + 1 + received) >>> 0 };
  }

  handshake(): this {
    this.push('client', 0, { syn: true });
    this.push('server', 0, { syn: true, ...this.ack('server', 0) });
    this.push('client', 0, this.ack('client', 0));
    return this;
  }

  /** Appends data to the stream of a side in one segment, which acknowledges everything that the other side sent. */
  say(from: Side, data: Uint8Array | string): Sent {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const to: Side = from === 'client' ? 'server' : 'client';
    const offset = this.streams[from].length;
    this.streams[from].push(...bytes);
    return this.push(from, offset, { ...this.ack(from, this.streams[to].length), psh: true }, bytes);
  }

  /** Sends a FIN from both sides. */
  goodbye(): this {
    const [c, s] = [this.streams.client.length, this.streams.server.length];
    this.push('client', c, { ...this.ack('client', s), fin: true });
    this.push('server', s, { ...this.ack('server', c + 1), fin: true });
    this.push('client', c + 1, this.ack('client', s + 1));
    return this;
  }
}

/** A complete connection of random length, whose sequence numbers may wrap, with segments repeated in other sizes. */
export function session(number: number, chance: Chance): Session {
  const first = () => (chance.below(2) === 0 ? 0xffffffff - chance.below(3000) : chance.below(2 ** 32));
  const one = new Session(number, { client: first(), server: first() }).handshake();
  for (let turns = 1 + chance.below(8); turns > 0; turns--) {
    const from: Side = chance.below(2) === 0 ? 'client' : 'server';
    for (let n = 1 + chance.below(4); n > 0; n--) {
      one.say(from, chance.bytes(1 + chance.below(700)));
      if (chance.below(4) > 0) continue;
      // Repeated with some of the previous data, as by a sender that merges segments.
      const stream = one.streams[from];
      const start = Math.max(0, stream.length - 1 - chance.below(900));
      const to: Side = from === 'client' ? 'server' : 'client';
      one.push(from, start, one.ack(from, one.streams[to].length), Uint8Array.from(stream.slice(start)));
    }
  }
  return one.goodbye();
}

/** Captured packets, this many milliseconds apart. */
export const captured = (list: readonly Uint8Array[], apart = 1): p.CapturedPacket[] =>
  list.map((data, i) => ({
    data,
    interfaceId: 0,
    originalLength: data.length,
    linktype: p.LINKTYPE_ETHERNET,
    timestamp: BigInt(i * apart) * 1_000_000n,
  }));

/** All events that are emitted. */
export async function events(packets: p.PacketSource, options?: p.TcpStreamsOptions): Promise<p.TcpEvent[]> {
  const list: p.TcpEvent[] = [];
  for await (const event of p.tcpStreams(packets, options)) list.push(event);
  return list;
}

/** The events of one connection as short words: `c:text` is data of the client, `s-5` five bytes of the server that are missing. */
export async function told(list: readonly Sent[], options?: p.TcpStreamsOptions, apart?: number): Promise<string[]> {
  const all = await events(
    captured(
      list.map(({ data }) => data),
      apart,
    ),
    options,
  );
  return all.map((event) => {
    const side = 'from' in event ? event.from?.[0] : undefined;
    if (event.type === 'data') return `${side}:${Buffer.from(event.data).toString()}`;
    if (event.type === 'gap') return `${side}-${event.length}`;
    if (event.type === 'end') return `${side}.`;
    return event.type === 'close' ? event.reason : event.type;
  });
}
