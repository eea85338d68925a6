/** Where packets come from: captures, files, arrays; and loops that make something else of them. */
import { invalidType, outOfRange } from '../../posix/errno.ts';
import { isUint8Array } from '../../posix/kind.ts';
import { Packet } from '../capture/packet.ts';
import type { CapturedData } from '../layers/decode.ts';

/**
 * What `defragment` and `tcpStreams` read of a packet: a Packet of a capture, its copy, or a packet of a file.
 *
 * @see https://www.tcpdump.org/linktypes.html
 */
export interface SourcePacket extends CapturedData {
  /** Nanoseconds since 1970, UTC. Without it nothing is ever too old. */
  readonly timestamp?: bigint | undefined;
  /** Its length on the wire. */
  readonly originalLength?: number | undefined;
  /** The interface: of a file, by the order there. */
  readonly interfaceId?: number | undefined;
  /** The index of the interface. */
  readonly ifindex?: number | undefined;
  /** Direction and reception type, as `epb_flags` of pcapng has them. */
  readonly flags?: number | undefined;
}

/**
 * A source of packets: a Capture, what a CaptureReader gives, an array, or a loop of one's own.
 *
 * @see https://www.tcpdump.org/linktypes.html
 */
export type PacketSource<One extends SourcePacket = SourcePacket> = AsyncIterable<One> | Iterable<One>;

/** What makes something else of packets: it puts what it made into `out`. */
export interface Machine<In, Out> {
  push(packet: In, out: Out[]): void;
  /** The source has ended. */
  end(out: Out[]): void;
}

/** Refuses what is no source of packets. */
export function checkSource(source: unknown): void {
  const given = source as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined;
  if (typeof given === 'object' && given !== null && !isUint8Array(given)) {
    if (given[Symbol.asyncIterator] !== undefined || given[Symbol.iterator] !== undefined) return;
  }
  throw invalidType('source', 'an iterable of captured packets, as openCapture and CaptureReader give them');
}

/** What a machine makes of a source. */
export async function* transform<In extends SourcePacket, Out>(
  source: PacketSource<In>,
  machine: Machine<In, Out>,
): AsyncGenerator<Out, void, void> {
  const out: Out[] = [];
  // Not by yield*, each of whose steps costs as much as a packet.
  if (Symbol.asyncIterator in source) {
    for await (const packet of source) {
      machine.push(packet, out);
      if (out.length === 0) continue;
      for (const one of out) yield one;
      out.length = 0;
    }
  } else {
    for (const packet of source) {
      machine.push(packet, out);
      if (out.length === 0) continue;
      for (const one of out) yield one;
      out.length = 0;
    }
  }
  machine.end(out);
  for (const one of out) yield one;
}

/** The bytes of a packet. */
export function dataOf(packet: SourcePacket): Uint8Array {
  const data = packet?.data;
  if (!isUint8Array(data)) throw invalidType('packet.data', 'a Uint8Array');
  return data;
}

/** When a packet was captured, in milliseconds; `absent` when it does not say. */
export function millisecondsOf(packet: SourcePacket, absent: number): number {
  if (packet instanceof Packet) return packet.seconds * 1000 + packet.nanoseconds / 1e6;
  return packet.timestamp === undefined ? absent : Number(packet.timestamp) / 1e6;
}

/** Whether the bytes of a packet are gone when the next one is asked for. */
export function isTransient(packet: SourcePacket): boolean {
  return packet instanceof Packet;
}

/** A copy with memory of its own: `slice` of a Buffer is none. */
export function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const copy = new Uint8Array(to - from);
  copy.set(bytes.subarray(from, to));
  return copy;
}

/** Milliseconds, or Infinity. */
export function duration(value: unknown, name: string, absent: number): number {
  if (value === undefined) return absent;
  if (typeof value !== 'number') throw invalidType(name, 'a number');
  if (!(value >= 0)) throw outOfRange(name, 'a number from 0 on');
  return value;
}
