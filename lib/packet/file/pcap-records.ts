/** The reader of pcap files: pcap-savefile(5). */
import type { CapturedPacket, CaptureInterface } from './capture-file.ts';
import { Fault, LARGEST, type Records, SECOND } from './records.ts';

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
/** Files of a patched libpcap, whose records have a longer header. */
const PATCHED = 0xa1b2cd34;
const HEADER = 24;
const RECORD = 16;
const PATCHED_RECORD = 24;
/** The bits of the link type; those above are the length of the frame check sequence. */
const LINKTYPE = 0x03ffffff;

/** Whether a number is one that a pcap file begins with. */
const isMagic = (magic: number) => magic === MICROSECONDS || magic === NANOSECONDS || magic === PATCHED;

/** The byte order of a pcap file, by its first four bytes; undefined for what is none. */
export function pcapOrder(view: DataView, at: number): 'little' | 'big' | undefined {
  if (isMagic(view.getUint32(at, true))) return 'little';
  return isMagic(view.getUint32(at, false)) ? 'big' : undefined;
}

/** How a version orders the two lengths of a packet; undefined for versions that no program reads. */
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
  /** What a part of a second is, in nanoseconds; known with the header, as all below. */
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
    return captured > LARGEST ? new Fault(at, `a packet of ${captured} bytes`) : this.#header + captured;
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
      return new Fault(at + 4, `version ${major}.${minor} of pcap, of which 2.0 to 2.4 are known`);
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
    // Version 2.3 was written in both orders: no more can be captured than there was.
    const isSwapped = this.#lengths === 'swapped' || (this.#lengths === 'either' && first > second);
    return isSwapped ? { captured: second, original: first } : { captured: first, original: second };
  }
}
