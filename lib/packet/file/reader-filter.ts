/** The filter of a reader of capture files: each packet is judged by a program for its link type. */
import { PACKET_HOST, PACKET_OUTGOING } from '../../posix/constants.ts';
import { type PacketFilter, programFor, type ReadFilter, readFilter, rejectsAll } from '../filter/given.ts';
import { type OfflineFilter, offlineFilter } from '../filter/run.ts';
import type { CapturedPacket } from './capture-file.ts';

const DIRECTION = 3;
const OUTBOUND = 2;
const EVERY_BYTE = 0xffffffff;

/** A filter, compiled for each link type when the first packet of it comes. */
export class ReaderFilter {
  readonly #given: ReadFilter;
  readonly #programs = new Map<number, OfflineFilter | string>();
  /** The link types of which it rejects all packets. */
  readonly #rejected: number[] = [];

  /** @throws TypeError or RangeError for a filter that is none. */
  constructor(filter: PacketFilter) {
    this.#given = readFilter(filter);
  }

  /** Why no packet so far could pass; undefined if one could, or if there was none. */
  get rejection(): string | undefined {
    if (this.#rejected.length === 0 || this.#rejected.length < this.#programs.size) return undefined;
    return `the filter rejects all packets of link type ${this.#rejected.join(' and ')}`;
  }

  /** Whether a packet passes; text says why that cannot be told. */
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
      const program = programFor(this.#given, linktype, EVERY_BYTE);
      if (rejectsAll(this.#given, program)) this.#rejected.push(linktype);
      return offlineFilter(program);
    } catch (error) {
      return `a packet of link type ${linktype} cannot be filtered: ${(error as Error).message}`;
    }
  }
}
