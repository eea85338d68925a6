/** Reads the blocks of pcapng files: draft-ietf-opsawg-pcapng. */
import { Buffer } from 'node:buffer';
import type { CapturedPacket, CaptureInterface, InterfaceStatistics } from './capture-file.ts';
import { Fault, LARGEST, type Records, SECOND } from './records.ts';

/** The type of the first block, which is the same in both byte orders. */
export const SECTION = 0x0a0d0d0a;
export const BYTE_ORDER = 0x1a2b3c4d;
/** The options with the times of an interface statistics block: their codes, by property. */
export const TIMES = { startTime: 2, endTime: 3 } as const;
/** The options with its counters, which have 64 bits. */
export const COUNTERS = { received: 4, dropped: 5, filterAccepted: 6, osDropped: 7, delivered: 8 } as const;

const timeOf: ReadonlyMap<number, keyof typeof TIMES> = byCode(TIMES);
const counterOf: ReadonlyMap<number, keyof typeof COUNTERS> = byCode(COUNTERS);

/** The maximum size of a block, which leaves room for what it contains besides a packet. */
const LARGEST_BLOCK = LARGEST + 1024 * 1024;

/** What an obsolete packet block contains in place of the number of dropped packets. */
const UNKNOWN_DROPS = 0xffff;

/** An interface of the current section. */
interface TimedInterface {
  readonly public: CaptureInterface;
  /** Converts units to nanoseconds: multiply by `factor`, then divide by `divisor`. */
  readonly factor: bigint;
  readonly divisor: bigint;
  /** The offset to add to timestamps, in nanoseconds. */
  readonly offset: bigint;
}

/** The packets, interfaces and statistics of a pcapng file. */
export class PcapngRecords implements Records {
  readonly format = 'pcapng';
  interfaces: CaptureInterface[] = [];
  readonly statistics: InterfaceStatistics[] = [];
  #little = true;
  #known: TimedInterface[] = [];

  sizeAt(view: DataView, at: number, left: number): number | Fault {
    if (left < 12) return 12;
    if (view.getUint32(at, true) === SECTION) {
      const little = view.getUint32(at + 8, true) === BYTE_ORDER;
      if (!little && view.getUint32(at + 8, false) !== BYTE_ORDER) {
        return new Fault(at + 8, 'a section without the byte-order magic');
      }
      this.#little = little;
    }
    const size = view.getUint32(at + 4, this.#little);
    const isSize = size >= 12 && size % 4 === 0 && size <= LARGEST_BLOCK;
    return isSize ? size : new Fault(at + 4, `a block of ${size} bytes`);
  }

  read(view: DataView, bytes: Uint8Array, at: number, size: number): CapturedPacket | Fault | undefined {
    if (view.getUint32(at + size - 4, this.#little) !== size) {
      return new Fault(at + size - 4, 'the two lengths of a block differ');
    }
    const type = view.getUint32(at, this.#little);
    switch (type) {
      case SECTION:
        return this.#section(view, at, size);
      case 1:
        return this.#interface(view, bytes, at, size);
      case 2:
      case 3:
      case 6:
        return this.#packet(view, bytes, at, size, type);
      case 5:
        return this.#counts(view, bytes, at, size);
      default: // skipped, as the format requires
        return undefined;
    }
  }

  #short(at: number, size: number, least: number): Fault | undefined {
    return size >= least ? undefined : new Fault(at, `a block of ${size} bytes, which is too short for its fields`);
  }

  #section(view: DataView, at: number, size: number): Fault | undefined {
    const short = this.#short(at, size, 28);
    if (short !== undefined) return short;
    const [major, minor] = [view.getUint16(at + 12, this.#little), view.getUint16(at + 14, this.#little)];
    // Some programs wrote version 1.2, which does not differ from 1.0.
    if (major !== 1 || (minor !== 0 && minor !== 2)) {
      return new Fault(at + 12, `pcapng version ${major}.${minor} is not supported, only 1.0 and 1.2`);
    }
    this.interfaces = [];
    this.#known = [];
    return undefined;
  }

  /** Iterates over the options between an offset and the end of a block. It stops where the list is malformed. */
  *#options(view: DataView, bytes: Uint8Array, start: number, end: number): Generator<[code: number, Uint8Array]> {
    let at = start;
    while (at + 4 <= end) {
      const code = view.getUint16(at, this.#little);
      const length = view.getUint16(at + 2, this.#little);
      if (code === 0 || at + 4 + length > end) return;
      yield [code, bytes.subarray(at + 4, at + 4 + length)];
      at += 4 + Math.ceil(length / 4) * 4;
    }
  }

  #interface(view: DataView, bytes: Uint8Array, at: number, size: number): Fault | undefined {
    const short = this.#short(at, size, 20);
    if (short !== undefined) return short;
    const known: CaptureInterface = {
      linktype: view.getUint16(at + 8, this.#little),
      snaplen: view.getUint32(at + 12, this.#little),
    };
    let factor = 1000n; // microseconds by default
    let divisor = 1n;
    let offset = 0n;
    for (const [code, value] of this.#options(view, bytes, at + 16, at + size - 4)) {
      if (code === 2) known.name = text(value);
      else if (code === 3) known.description = text(value);
      else if (code === 8 && value.length === 8) known.speed = this.#uint64(value);
      else if (code === 9 && value.length === 1) [factor, divisor] = resolution(value[0]!);
      else if (code === 11 && value[0] === 0) known.filter = text(value.subarray(1));
      else if (code === 12) known.os = text(value);
      else if (code === 14 && value.length === 8) offset = BigInt.asIntN(64, this.#uint64(value)) * SECOND;
      else if (code === 15) known.hardware = text(value);
    }
    this.interfaces.push(known);
    this.#known.push({ public: known, factor, divisor, offset });
    return undefined;
  }

  #uint64(value: Uint8Array): bigint {
    return new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, this.#little);
  }

  /** Reads a time from two 32-bit halves, the upper one first. */
  #time(view: DataView, at: number, { factor, divisor, offset }: TimedInterface): bigint {
    const units = (BigInt(view.getUint32(at, this.#little)) << 32n) | BigInt(view.getUint32(at + 4, this.#little));
    return (units * factor) / divisor + offset;
  }

  #from(at: number, interfaceId: number): TimedInterface | Fault {
    return this.#known[interfaceId] ?? new Fault(at, `interface ${interfaceId} is not described`);
  }

  /** Reads the packet of an enhanced (6), a simple (3) or an obsolete (2) packet block. */
  #packet(view: DataView, bytes: Uint8Array, at: number, size: number, type: 2 | 3 | 6): CapturedPacket | Fault {
    const little = this.#little;
    const start = type === 3 ? 12 : 28;
    const short = this.#short(at, size, start + 4);
    if (short !== undefined) return short;
    const interfaceId = type === 6 ? view.getUint32(at + 8, little) : type === 2 ? view.getUint16(at + 8, little) : 0;
    const known = this.#from(at + 8, interfaceId);
    if (known instanceof Fault) return known;
    const originalLength = view.getUint32(at + (type === 3 ? 8 : 24), little);
    const room = size - start - 4;
    const { linktype, snaplen } = known.public;
    const captured = type === 3 ? Math.min(originalLength, snaplen || room, room) : view.getUint32(at + 20, little);
    if (captured > room) {
      return new Fault(at + 20, `a packet of ${captured} bytes in a block that has room for ${room}`);
    }
    const packet: CapturedPacket = {
      timestamp: type === 3 ? 0n : this.#time(view, at + 12, known), // a simple packet block has no timestamp
      data: bytes.subarray(at + start, at + start + captured),
      originalLength,
      interfaceId,
      linktype,
    };
    if (type === 2) {
      const drops = view.getUint16(at + 10, little);
      if (drops !== UNKNOWN_DROPS) packet.dropCount = BigInt(drops);
    }
    if (type !== 3) this.#packetOptions(packet, view, bytes, at + start + Math.ceil(captured / 4) * 4, at + size - 4);
    return packet;
  }

  #packetOptions(packet: CapturedPacket, view: DataView, bytes: Uint8Array, start: number, end: number): void {
    if (start + 4 > end) return;
    for (const [code, value] of this.#options(view, bytes, start, end)) {
      if (code === 1) packet.comment = text(value);
      else if (code === 2 && value.length === 4) {
        packet.flags = new DataView(value.buffer, value.byteOffset, 4).getUint32(0, this.#little);
      } else if (code === 4 && value.length === 8) packet.dropCount = this.#uint64(value);
    }
  }

  #counts(view: DataView, bytes: Uint8Array, at: number, size: number): Fault | undefined {
    const short = this.#short(at, size, 24);
    if (short !== undefined) return short;
    const interfaceId = view.getUint32(at + 8, this.#little);
    const known = this.#from(at + 8, interfaceId);
    // Without its interface, the units of the timestamps are unknown. The packets that follow do not depend on it.
    if (known instanceof Fault) return undefined;
    const counts: InterfaceStatistics = { interfaceId, timestamp: this.#time(view, at + 12, known) };
    for (const [code, value] of this.#options(view, bytes, at + 20, at + size - 4)) {
      if (value.length !== 8) continue;
      const time = timeOf.get(code);
      const counter = counterOf.get(code);
      if (time !== undefined) counts[time] = this.#time(new DataView(value.buffer, value.byteOffset, 8), 0, known);
      if (counter !== undefined) counts[counter] = this.#uint64(value);
    }
    this.statistics.push(counts);
    return undefined;
  }
}

/** Returns the properties by the codes of their options. */
function byCode<Name extends string>(codes: { readonly [name in Name]: number }): ReadonlyMap<number, Name> {
  return new Map(Object.entries<number>(codes).map(([name, code]) => [code, name as Name]));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

/** Decodes if_tsresol: the unit is 10 ** -n seconds, or 2 ** -n seconds if the highest bit is set. */
function resolution(value: number): [factor: bigint, divisor: bigint] {
  const exponent = BigInt(value & 0x7f);
  return [SECOND, value > 0x7f ? 2n ** exponent : 10n ** exponent];
}
