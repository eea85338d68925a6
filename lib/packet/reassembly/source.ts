/** Sources of packets (captures, files, arrays) and loops that transform them. */
import { invalidType, outOfRange } from '../../argument/argument-error.ts';
import { isUint8Array } from '../../argument/kind.ts';
import { itemsOf, NOTHING, ReadyItems } from '../bytes/ready-items.ts';
import { Packet } from '../capture/packet.ts';
import type { CapturedData } from '../layers/decode.ts';

/**
 * The properties of a packet that `defragment` and `tcpStreams` read. A Packet of a capture, its copy and a packet of a
 * file have them.
 *
 * @see https://www.tcpdump.org/linktypes.html
 */
export interface SourcePacket extends CapturedData {
  /** Nanoseconds since 1970, UTC. Without it, there are no timeouts. */
  readonly timestamp?: bigint | undefined;
  /** The length on the wire. */
  readonly originalLength?: number | undefined;
  /** The number of the interface in the capture file. */
  readonly interfaceId?: number | undefined;
  /** The index of the interface. */
  readonly ifindex?: number | undefined;
  /** The direction and the reception type, in the format of pcapng's `epb_flags`. */
  readonly flags?: number | undefined;
}

/**
 * A source of packets: a Capture, the packets of a CaptureReader, an array, or any other iterable.
 *
 * @see https://www.tcpdump.org/linktypes.html
 */
export type PacketSource<One extends SourcePacket = SourcePacket> = AsyncIterable<One> | Iterable<One>;

/** Transforms packets. It adds its results to `out`. */
export interface Machine<In, Out> {
  push(packet: In, out: Out[]): void;
  /** Called when the source has ended. */
  end(out: Out[]): void;
}

/** Throws if a value is not a source of packets. */
export function checkSource(source: unknown): void {
  const given = source as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined;
  if (typeof given === 'object' && given !== null && !isUint8Array(given)) {
    if (given[Symbol.asyncIterator] !== undefined || given[Symbol.iterator] !== undefined) return;
  }
  throw invalidType('source', 'an iterable of captured packets, such as those of openCapture or CaptureReader');
}

/** Passes the packets of a source through a machine and iterates over its results. */
export function transform<In extends SourcePacket, Out>(
  source: PacketSource<In>,
  machine: Machine<In, Out>,
): AsyncGenerator<Out, void, void> {
  const packets = itemsOf(source);
  const out: Out[] = [];
  let at = 0;
  let ended = false;
  return new ReadyItems<Out>({
    take() {
      while (out.length === 0) {
        const packet = ended ? NOTHING : packets.take();
        if (packet === NOTHING) return NOTHING;
        machine.push(packet, out);
      }
      if (out.length === 1) return out.pop()!; // this keeps the memory of the array, which `length = 0` gives up
      const one = out[at++]!;
      if (at === out.length) {
        out.length = 0;
        at = 0;
      }
      return one;
    },
    async wait() {
      if (ended) return false;
      if (await packets.wait()) return true;
      ended = true;
      machine.end(out);
      return true;
    },
    close: () => packets.close?.(),
  });
}

/** Returns the bytes of a packet. */
export function dataOf(packet: SourcePacket): Uint8Array {
  const data = packet?.data;
  if (!isUint8Array(data)) throw invalidType('packet.data', 'a Uint8Array');
  return data;
}

/** Returns when a packet was captured, in milliseconds, or `absent` if it has no timestamp. */
export function millisecondsOf(packet: SourcePacket, absent: number): number {
  if (packet instanceof Packet) return packet.seconds * 1000 + packet.nanoseconds / 1e6;
  return packet.timestamp === undefined ? absent : Number(packet.timestamp) / 1e6;
}

/** Returns whether the bytes of a packet become invalid when the next one is requested. */
export function isTransient(packet: SourcePacket): boolean {
  return packet instanceof Packet;
}

/** Returns a copy with its own memory. `slice` of a Buffer does not copy. */
export function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const copy = new Uint8Array(to - from);
  copy.set(bytes.subarray(from, to));
  return copy;
}

/** Returns a number of milliseconds, which may be Infinity. */
export function duration(value: unknown, name: string, absent: number): number {
  if (value === undefined) return absent;
  if (typeof value !== 'number') throw invalidType(name, 'a number');
  if (!(value >= 0)) throw outOfRange(name, 'a number that is at least 0');
  return value;
}
