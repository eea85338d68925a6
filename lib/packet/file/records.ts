/** What the readers of both formats of capture files share. */
import type { CapturedPacket, CaptureInterface, InterfaceStatistics } from './capture-file.ts';

/** libpcap's limit for a packet. */
export const LARGEST: number = 128 * 1024 * 1024;
export const SECOND = 1_000_000_000n;

/** What is wrong in the bytes that were given, and where in them. */
export class Fault {
  readonly at: number;
  readonly reason: string;

  constructor(at: number, reason: string) {
    this.at = at;
    this.reason = reason;
  }
}

/** Reads the records of a file: of pcap the packets behind the header, of pcapng the blocks. */
export interface Records {
  readonly format: 'pcap' | 'pcapng';
  /** The interfaces so far; in pcapng those of the current section. */
  readonly interfaces: CaptureInterface[];
  readonly statistics: InterfaceStatistics[];
  /** The size of the record at an offset, or more than is `left` there. At least four bytes are. */
  sizeAt(view: DataView, at: number, left: number): number | Fault;
  /** What a whole record holds: a packet, or nothing that is one. */
  read(view: DataView, bytes: Uint8Array, at: number, size: number): CapturedPacket | Fault | undefined;
}
