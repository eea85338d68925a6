/** The events of TCP streams. */
import type { SourcePacket } from './source.ts';

/**
 * One end of a connection.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export interface TcpEndpoint {
  readonly address: string;
  readonly port: number;
}

/**
 * A connection. All of its events contain the same object, which can be the key of a Map.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export interface TcpStream {
  /** The number of the connection, counted from 0 in the order in which they were opened. */
  readonly id: number;
  /** The end that sent the SYN, or if that was not captured, the end that sent first. */
  readonly client: TcpEndpoint;
  readonly server: TcpEndpoint;
  /** Whether both SYN segments were captured, so that the stream is known from its first byte. */
  readonly handshake: boolean;
}

/**
 * Why a connection was closed: both ends sent FIN, one of them sent RST, another connection uses its ports now, there
 * was no room for more connections, or the source ended.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export type TcpCloseReason = 'fin' | 'reset' | 'reuse' | 'memory' | 'end';

/** The end that sent something. */
export type Side = 'client' | 'server';

interface Told {
  readonly stream: TcpStream;
  /** When the packet that caused the event was captured, in nanoseconds since 1970. */
  readonly timestamp: bigint | undefined;
}

/**
 * An event of a connection. The order is: `open`; `data` in the order in which it was sent, with a `gap` where bytes
 * are missing; `end` for each direction; `close`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293
 */
export type TcpEvent =
  | (Told & { readonly type: 'open' })
  | (Told & {
      readonly type: 'data';
      /** The end that sent the data. */
      readonly from: 'client' | 'server';
      /** The offset of the data in this direction of the stream, in bytes. */
      readonly offset: number;
      /** The bytes. They stay valid and may be kept. */
      readonly data: Uint8Array;
    })
  | (Told & {
      readonly type: 'gap';
      readonly from: 'client' | 'server';
      readonly offset: number;
      /** The number of missing bytes. */
      readonly length: number;
    })
  | (Told & { readonly type: 'end'; readonly from: 'client' | 'server'; readonly offset: number })
  | (Told & {
      readonly type: 'close';
      readonly reason: TcpCloseReason;
      /** The end that sent the RST, if the reason is `reset`. */
      readonly from: 'client' | 'server' | undefined;
    });

/** Collects events, with the timestamp of the packet that caused them. */
export class EventWriter {
  out: TcpEvent[] = [];
  #packet: SourcePacket | undefined;
  #timestamp: bigint | undefined;

  /**
   * Sets the packet that causes the following events. At the end it is undefined, and the events have the timestamp of
   * the last one.
   */
  set packet(packet: SourcePacket | undefined) {
    this.#packet = packet;
  }

  /** Returns the timestamp of the packet, which is read only once for all of its events. */
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
