/** The contents of capture files in either format. */

import { invalidType, invalidValue, outOfRange } from '../../argument/argument-error.ts';
import { type Names, namesOf, namesOfAny } from '../../argument/known-names.ts';

/**
 * An interface on which packets were captured.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export interface CaptureInterface {
  /** A LINKTYPE_ number. */
  linktype: number;
  /** The snapshot length: the maximum number of bytes kept of a packet, or 0 for no limit. */
  snaplen: number;
  /** The name of the interface. This property and those below exist only in pcapng files. */
  name?: string;
  description?: string;
  hardware?: string;
  os?: string;
  /** The text of the capture filter. */
  filter?: string;
  /** The speed in bits per second. */
  speed?: bigint;
}

/**
 * A captured packet to write.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export interface PacketRecord {
  /** Nanoseconds since 1970, UTC. */
  timestamp: bigint;
  data: Uint8Array;
  /** The length of the packet on the wire. The default is the length of `data`. */
  originalLength?: number | undefined;
  /**
   * The number of the interface, in the order in which the interfaces were added. The default is 0. Only in pcapng
   * files.
   */
  interfaceId?: number | undefined;
  /** A comment on the packet. Only in pcapng files. */
  comment?: string | undefined;
  /** The direction, the reception type and the link-layer errors: the bits of epb_flags. Only in pcapng files. */
  flags?: number | undefined;
  /** The number of packets lost between this packet and the previous one. Only in pcapng files. */
  dropCount?: bigint | undefined;
  /**
   * The link type of `data`, a LINKTYPE_ number, which captured packets contain. A writer rejects a packet whose link
   * type differs from that of the file or the interface.
   */
  linktype?: number | undefined;
}

/**
 * A packet that was read from a capture file. Its `data` is a view of the chunk that was pushed, or of a copy.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export interface CapturedPacket extends PacketRecord {
  originalLength: number;
  interfaceId: number;
  linktype: number;
}

const RECORD_NAMES = namesOf<CapturedPacket>({
  timestamp: true,
  data: true,
  originalLength: true,
  interfaceId: true,
  comment: true,
  flags: true,
  dropCount: true,
  linktype: true,
});

/** What the copy of a packet of a capture has in addition. The files have no place for it. */
interface CopiedFields {
  seconds: number;
  nanoseconds: number;
  capturedLength: number;
  ifindex: number;
  protocol: number;
  hatype: number;
  pkttype: number;
  status: number;
}

const COPY_NAMES = namesOf<CopiedFields>({
  seconds: true,
  nanoseconds: true,
  capturedLength: true,
  ifindex: true,
  protocol: true,
  hatype: true,
  pkttype: true,
  status: true,
});

/**
 * The property names of a packet to write. They include those of a packet that was read and of the copy of a captured
 * one, which can therefore be written as they are.
 */
export const PACKET_NAMES: Names = namesOfAny(RECORD_NAMES, COPY_NAMES);

/**
 * The counters of an interface, as pcapng files contain them. A counter that was not recorded is absent.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export interface InterfaceStatistics {
  interfaceId: number;
  /** When the counters were read, in nanoseconds since 1970, UTC. */
  timestamp: bigint;
  startTime?: bigint;
  endTime?: bigint;
  /** The number of packets that the interface received. */
  received?: bigint;
  /** The number of packets that the interface dropped because it had no room for them. */
  dropped?: bigint;
  filterAccepted?: bigint;
  osDropped?: bigint;
  /** The number of packets that were delivered to the user. */
  delivered?: bigint;
}

/**
 * Receives the finished bytes of a file: `(bytes) => stream.write(bytes)`, `(bytes) => chunks.push(bytes)`.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export type CaptureSink<Result> = (bytes: Uint8Array) => Result;

const SECOND = 1_000_000_000n;
const LAST = 2n ** 64n - 1n;

/** Throws if the packet's link type differs from the one that the file declares. */
export function checkLinktype({ linktype }: PacketRecord, wanted: number, whose: string): void {
  if (linktype === undefined || linktype === wanted) return;
  throw invalidValue('packet.linktype', `${wanted}, the link type of the ${whose}`);
}

/** Returns a timestamp that both file formats can hold. Throws for any other value. */
export function timestampOf(value: unknown, name: string): bigint {
  if (typeof value !== 'bigint') throw invalidType(name, 'a bigint');
  if (value < 0n || value > LAST) throw outOfRange(name, 'nanoseconds since 1970, from 0 to 2 ** 64 - 1');
  return value;
}

/** Splits nanoseconds into seconds and the remaining nanoseconds. */
export function splitTimestamp(nanoseconds: bigint): { seconds: number; rest: number } {
  return { seconds: Number(nanoseconds / SECOND), rest: Number(nanoseconds % SECOND) };
}
