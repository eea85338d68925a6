/** What files of captured packets hold, in either format. */

import { invalidType, invalidValue, outOfRange } from '../../posix/errno.ts';
import { type Names, namesOf } from '../../posix/known-names.ts';

/**
 * An interface that packets were captured on.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export interface CaptureInterface {
  /** A LINKTYPE_ number. */
  linktype: number;
  /** The most bytes kept of a packet; 0 is no limit. */
  snaplen: number;
  /** The rest only in pcapng. */
  name?: string;
  description?: string;
  hardware?: string;
  os?: string;
  /** The text of the capture filter. */
  filter?: string;
  /** In bits per second. */
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
  /** Its length on the wire; that of the data unless given. */
  originalLength?: number | undefined;
  /** The interface, by the order in which they were added; 0 unless given. Only in pcapng. */
  interfaceId?: number | undefined;
  /** Only in pcapng. */
  comment?: string | undefined;
  /** Direction, reception and link-layer errors: the bits of epb_flags. Only in pcapng. */
  flags?: number | undefined;
  /** How many packets were lost between this and the one before. Only in pcapng. */
  dropCount?: bigint | undefined;
  /** What it begins with, a LINKTYPE_ number: as captured packets tell it. A writer refuses one that its file has not. */
  linktype?: number | undefined;
}

/**
 * A captured packet as read. Its data are a view of the chunk that was pushed, or of a copy.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export interface CapturedPacket extends PacketRecord {
  originalLength: number;
  interfaceId: number;
  linktype: number;
}

/** The names of a packet to write: also one that was read can be written. */
export const RECORD_NAMES: Names = namesOf<CapturedPacket>({
  timestamp: true,
  data: true,
  originalLength: true,
  interfaceId: true,
  comment: true,
  flags: true,
  dropCount: true,
  linktype: true,
});

/**
 * What an interface counted. Of pcapng files, each count only when it was noted.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export interface InterfaceStatistics {
  interfaceId: number;
  /** When the counts were taken, in nanoseconds since 1970. */
  timestamp: bigint;
  startTime?: bigint;
  endTime?: bigint;
  /** Packets that the interface received. */
  received?: bigint;
  /** Packets that the interface dropped for want of room. */
  dropped?: bigint;
  filterAccepted?: bigint;
  osDropped?: bigint;
  /** Packets given to the user. */
  delivered?: bigint;
}

/**
 * Where finished bytes of a file go: `(bytes) => stream.write(bytes)`, `(bytes) => chunks.push(bytes)`.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export type CaptureSink<Result> = (bytes: Uint8Array) => Result;

const SECOND = 1_000_000_000n;
const LAST = 2n ** 64n - 1n;

/** Refuses a packet whose link type is another than the file says. */
export function checkLinktype({ linktype }: PacketRecord, wanted: number, whose: string): void {
  if (linktype === undefined || linktype === wanted) return;
  throw invalidValue('packet.linktype', `${wanted}, that of the ${whose}: this packet begins with another header`);
}

/** A timestamp that files can hold. */
export function timestampOf(value: unknown, name: string): bigint {
  if (typeof value !== 'bigint') throw invalidType(name, 'a bigint');
  if (value < 0n || value > LAST) throw outOfRange(name, 'nanoseconds from 1970 on, below 2 ** 64');
  return value;
}

/** Nanoseconds as seconds and the rest. */
export function splitTimestamp(nanoseconds: bigint): { seconds: number; rest: number } {
  return { seconds: Number(nanoseconds / SECOND), rest: Number(nanoseconds % SECOND) };
}
