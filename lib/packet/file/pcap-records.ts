/** Reads the records of pcap files: pcap-savefile(5). */
import type { CapturedPacket, CaptureInterface } from './capture-file.ts';
import { Fault, LARGEST, type Records, SECOND } from './records.ts';

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
/** The magic number of files of a patched libpcap, whose records have a longer header. */
const PATCHED = 0xa1b2cd34;
const HEADER = 24;
const RECORD = 16;
const PATCHED_RECORD = 24;
/** The bits of the link type. The bits above them are the length of the frame check sequence. */
const LINKTYPE = 0x03ffffff;

/** Returns whether a number is the magic number of a pcap file. */
const isMagic = (magic: number) => magic === MICROSECONDS || magic === NANOSECONDS || magic === PATCHED;

/**
 * Returns the byte order of a pcap file, determined from its first four bytes, or undefined if it is not a pcap file.
 */
export function pcapOrder(view: DataView, at: number): 'little' | 'big' | undefined {
  if (isMagic(view.getUint32(at, true))) return 'little';
  return isMagic(view.getUint32(at, false)) ? 'big' : undefined;
}

/**
 * Returns the order of the two lengths of a packet in a version of the format, or undefined for versions that no
 * program reads.
 */
function lengthsOf(major: number, minor: number): 'in order' | 'swapped' | 'either' | undefined {
  if (major === 543 && minor === 0) return 'swapped'; // tcpdump of DG/UX
  if (major !== 2 || minor > 4) return undefined;
  return minor === 4 ? 'in order' : minor === 3 ? 'either' : 'swapped';
}

/** The packets of a pcap file. */
export class PcapRecords implements Records {
  readonly format = 'pcap';
  readonly interfaces: CaptureInterface[] = [];
  readonly statistics: [] = [];
  readonly #little: boolean;
  /**
   * The unit of the fractional seconds, in nanoseconds. Like the fields below, it is known once the header was read.
   */
  #factor = 1000n;
  #lengths: 'in order' | 'swapped' | 'either' = 'in order';
  #header = RECORD;

  constructor(order: 'little' | 'big') {
    this.#little = order === 'little';
  }

  sizeAt(view: DataView, at: number, left: number): number | Fault {
    if (this.interfaces.length === 0) return HEADER;
    if (left < this.#header) return this.#header;
    const { captured } = this.#lengthsAt(view, at);
    return captured > LARGEST
      ? new Fault(at, `a packet of ${captured} bytes, which exceeds the limit of ${LARGEST}`)
      : this.#header + captured;
  }

  read(view: DataView, bytes: Uint8Array, at: number, size: number): CapturedPacket | Fault | undefined {
    if (this.interfaces.length === 0) return this.#begin(view, at);
    const seconds = BigInt(view.getUint32(at, this.#little));
    return {
      timestamp: seconds * SECOND + BigInt(view.getUint32(at + 4, this.#little)) * this.#factor,
      data: bytes.subarray(at + this.#header, at + size),
      originalLength: this.#lengthsAt(view, at).original,
      interfaceId: 0,
      linktype: this.interfaces[0]!.linktype,
    };
  }

  #begin(view: DataView, at: number): Fault | undefined {
    const little = this.#little;
    const [major, minor] = [view.getUint16(at + 4, little), view.getUint16(at + 6, little)];
    const lengths = lengthsOf(major, minor);
    if (lengths === undefined) {
      return new Fault(at + 4, `pcap version ${major}.${minor} is not supported, only 2.0 to 2.4`);
    }
    const magic = view.getUint32(at, little);
    this.#lengths = lengths;
    if (magic === NANOSECONDS) this.#factor = 1n;
    if (magic === PATCHED) this.#header = PATCHED_RECORD;
    this.interfaces.push({
      linktype: view.getUint32(at + 20, little) & LINKTYPE,
      snaplen: view.getUint32(at + 16, little),
    });
    return undefined;
  }

  #lengthsAt(view: DataView, at: number): { captured: number; original: number } {
    const first = view.getUint32(at + 8, this.#little);
    const second = view.getUint32(at + 12, this.#little);
    // Files of version 2.3 exist with either order. The captured length cannot exceed the original length.
    const isSwapped = this.#lengths === 'swapped' || (this.#lengths === 'either' && first > second);
    return isSwapped ? { captured: second, original: first } : { captured: first, original: second };
  }
}
