/** The filter of a capture file reader, which is compiled for each link type that occurs. */
import { PACKET_HOST, PACKET_OUTGOING } from '../../native/constants.ts';
import { type PacketFilter, programFor, type ReadFilter, readFilter, rejection } from '../filter/given.ts';
import { type OfflineFilter, offlineFilter } from '../filter/run.ts';
import type { CapturedPacket } from './capture-file.ts';

const DIRECTION = 3;
const OUTBOUND = 2;
const EVERY_BYTE = 0xffffffff;

/** Filters packets with a program for their link type, which is compiled when the first packet of that type is read. */
export class ReaderFilter {
  readonly #given: ReadFilter;
  readonly #programs = new Map<number, OfflineFilter | string>();
  /** The link types for which the filter rejects all packets, and the reason for the first one. */
  readonly #rejected: number[] = [];
  #reason = '';

  /** @throws TypeError or RangeError for an invalid filter. */
  constructor(filter: PacketFilter) {
    this.#given = readFilter(filter);
  }

  /**
   * The reason why the filter can accept none of the packets read so far, or undefined if it can accept some or there
   * were none.
   */
  get rejection(): string | undefined {
    if (this.#rejected.length === 0 || this.#rejected.length < this.#programs.size) return undefined;
    return `the filter rejects all packets of link type ${this.#rejected.join(' and ')}: ${this.#reason}`;
  }

  /** Returns whether the filter accepts a packet. If that cannot be determined, it returns the reason as text. */
  accepts({ data, flags = 0, originalLength: length, linktype }: CapturedPacket): boolean | string {
    const program = this.#programs.get(linktype) ?? this.#compile(linktype);
    if (typeof program === 'string') return program;
    const pkttype = (flags & DIRECTION) === OUTBOUND ? PACKET_OUTGOING : PACKET_HOST;
    return program(data, { length, pkttype }) > 0;
  }

  #compile(linktype: number): OfflineFilter | string {
    const made = this.#programFor(linktype);
    this.#programs.set(linktype, made);
    return made;
  }

  #programFor(linktype: number): OfflineFilter | string {
    try {
      const program = programFor(this.#given, linktype, EVERY_BYTE, undefined, true);
      const contradiction = rejection(this.#given, program, linktype, undefined, true);
      if (contradiction !== undefined) {
        if (this.#rejected.push(linktype) === 1) this.#reason = contradiction.reason;
      }
      return offlineFilter(program);
    } catch (error) {
      return `a packet of link type ${linktype} cannot be filtered: ${(error as Error).message}`;
    }
  }
}
