/** What the readers of both capture file formats have in common. */
import type { CapturedPacket, CaptureInterface, InterfaceStatistics } from './capture-file.ts';

/** The largest packet that libpcap accepts. */
export const LARGEST: number = 128 * 1024 * 1024;
export const SECOND = 1_000_000_000n;

/** A problem in the bytes of a file, and its offset. */
export class Fault {
  readonly at: number;
  readonly reason: string;

  constructor(at: number, reason: string) {
    this.at = at;
    this.reason = reason;
  }
}

/** Reads the records of a file: the packets of a pcap file after its header, or the blocks of a pcapng file. */
export interface Records {
  readonly format: 'pcap' | 'pcapng';
  /** The interfaces read so far. For pcapng they are those of the current section. */
  readonly interfaces: CaptureInterface[];
  readonly statistics: InterfaceStatistics[];
  /**
   * Returns the size of the record at an offset, or a number above `left` if more bytes are needed to determine it. At
   * least four bytes are available.
   */
  sizeAt(view: DataView, at: number, left: number): number | Fault;
  /** Reads a whole record. Returns its packet, or undefined if it contains none. */
  read(view: DataView, bytes: Uint8Array, at: number, size: number): CapturedPacket | Fault | undefined;
}
