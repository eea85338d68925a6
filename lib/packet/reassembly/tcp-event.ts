/** What is told of TCP streams. */
import type { SourcePacket } from './source.ts';

/**
 * An end of a connection.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export interface TcpEndpoint {
  readonly address: string;
  readonly port: number;
}

/**
 * A connection. It is the same object in all of its events: the key of a Map.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export interface TcpStream {
  /** Counted from 0, in the order in which they began. */
  readonly id: number;
  /** Who sent the SYN; without one, who sent first. */
  readonly client: TcpEndpoint;
  readonly server: TcpEndpoint;
  /** Whether both SYNs were captured, so that the stream is known from its first byte. */
  readonly handshake: boolean;
}

/**
 * Why a connection is over: both ends sent FIN, one of them RST, another connection has its ports now, there was no room
 * for more connections, or the source ended.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export type TcpCloseReason = 'fin' | 'reset' | 'reuse' | 'memory' | 'end';

/** Which end sent. */
export type Side = 'client' | 'server';

interface Told {
  readonly stream: TcpStream;
  /** When the packet was captured that this comes from, in nanoseconds since 1970. */
  readonly timestamp: bigint | undefined;
}

/**
 * What is told of a connection, in this order: `open`; `data`, in the order in which they were sent, and `gap` where some
 * are missing; `end` of each direction; `close`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export type TcpEvent =
  | (Told & { readonly type: 'open' })
  | (Told & {
      readonly type: 'data';
      /** Who sent it. */
      readonly from: 'client' | 'server';
      /** Where it begins in what was sent in this direction, in bytes. */
      readonly offset: number;
      /** It may be kept. */
      readonly data: Uint8Array;
    })
  | (Told & {
      readonly type: 'gap';
      readonly from: 'client' | 'server';
      readonly offset: number;
      /** How many bytes are missing. */
      readonly length: number;
    })
  | (Told & { readonly type: 'end'; readonly from: 'client' | 'server'; readonly offset: number })
  | (Told & {
      readonly type: 'close';
      readonly reason: TcpCloseReason;
      /** Who sent the RST, of `reset`. */
      readonly from: 'client' | 'server' | undefined;
    });

/** Where events go, and the packet that they come from. */
export class EventWriter {
  out: TcpEvent[] = [];
  #packet: SourcePacket | undefined;
  #timestamp: bigint | undefined;

  /** What follows comes from a packet; from none at the end, which has the time of what was told last. */
  set packet(packet: SourcePacket | undefined) {
    this.#packet = packet;
  }

  /** The time of the packet, read once for all of its events. */
  #time(): bigint | undefined {
    if (this.#packet === undefined) return this.#timestamp;
    this.#timestamp = this.#packet.timestamp;
    this.#packet = undefined;
    return this.#timestamp;
  }

  open(stream: TcpStream): void {
    this.out.push({ type: 'open', stream, timestamp: this.#time() });
  }

  data(stream: TcpStream, from: Side, offset: number, data: Uint8Array): void {
    this.out.push({ type: 'data', stream, from, offset, data, timestamp: this.#time() });
  }

  gap(stream: TcpStream, from: Side, offset: number, length: number): void {
    this.out.push({ type: 'gap', stream, from, offset, length, timestamp: this.#time() });
  }

  end(stream: TcpStream, from: Side, offset: number): void {
    this.out.push({ type: 'end', stream, from, offset, timestamp: this.#time() });
  }

  close(stream: TcpStream, reason: TcpCloseReason, from: Side | undefined): void {
    this.out.push({ type: 'close', stream, reason, from, timestamp: this.#time() });
  }
}
