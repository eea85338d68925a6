/** The filter of a reader of capture files: each packet is judged by a program for its link type. */
import { PACKET_HOST, PACKET_OUTGOING } from '../../posix/constants.ts';
import { type PacketFilter, programFor, readFilter } from '../filter/given.ts';
import { type OfflineFilter, offlineFilter } from '../filter/run.ts';
import type { CapturedPacket } from './capture-file.ts';

const DIRECTION = 3;
const OUTBOUND = 2;
const EVERY_BYTE = 0xffffffff;

/** Whether a packet passes; text says why that cannot be told. */
export type Judge = (packet: CapturedPacket) => boolean | string;

/** The judge of a filter. The filter itself is checked now, for each link type when the first packet of it comes. */
export function judgeOf(filter: PacketFilter): Judge {
  const read = readFilter(filter);
  const programs = new Map<number, OfflineFilter | string>();
  const programOf = (linktype: number): OfflineFilter | string => {
    try {
      return offlineFilter(programFor(read, linktype, EVERY_BYTE));
    } catch (error) {
      return `a packet of link type ${linktype} cannot be filtered: ${(error as Error).message}`;
    }
  };
  const make = (linktype: number): OfflineFilter | string => {
    const made = programOf(linktype);
    programs.set(linktype, made);
    return made;
  };
  return ({ data, flags = 0, originalLength: length, linktype }) => {
    const accepts = programs.get(linktype) ?? make(linktype);
    if (typeof accepts === 'string') return accepts;
    const pkttype = (flags & DIRECTION) === OUTBOUND ? PACKET_OUTGOING : PACKET_HOST;
    return accepts(data, { length, pkttype }) > 0;
  };
}
