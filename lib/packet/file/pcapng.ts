/** Writes pcapng files: draft-ietf-opsawg-pcapng. */

import { Buffer } from 'node:buffer';
import { invalidType, outOfRange, text } from '../../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject, attached } from '../../argument/snapshot.ts';
import { roundUp, uint16, uint32 } from '../bytes/bytes.ts';
import {
  type CaptureInterface,
  type CaptureSink,
  checkLinktype,
  type InterfaceStatistics,
  PACKET_NAMES,
  type PacketRecord,
  timestampOf,
} from './capture-file.ts';
import { BYTE_ORDER, COUNTERS, SECTION, TIMES } from './pcapng-records.ts';

/**
 * The description of a section.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export interface SectionOptions {
  hardware?: string | undefined;
  os?: string | undefined;
  /** The program that writes the file. */
  application?: string | undefined;
  comment?: string | undefined;
}

/** An option of a block: its code and its value. A number is written with 32 bits and a bigint with 64. */
type Option = readonly [code: number, value: Uint8Array | number | bigint | undefined];

const SECTION_NAMES = namesOf<SectionOptions>({ hardware: true, os: true, application: true, comment: true });
const INTERFACE_NAMES = namesOf<CaptureInterface>({
  linktype: true,
  snaplen: true,
  name: true,
  description: true,
  hardware: true,
  os: true,
  filter: true,
  speed: true,
});
const STATISTICS_NAMES = namesOf<InterfaceStatistics>({ interfaceId: true, timestamp: true, ...TIMES, ...COUNTERS });

const INTERFACE = 1;
const STATISTICS = 5;
const PACKET = 6;
const NANOSECONDS = new Uint8Array([9]);
const LONGEST = 0xffff;

type Value = Uint8Array | number | bigint;

/** Encodes the value of a text option, optionally after a prefix. */
function textOption(value: string | undefined, name: string, before = ''): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const bytes = Buffer.from(before + text(value, name));
  if (bytes.length > LONGEST) throw outOfRange(name, `at most ${LONGEST} bytes long`);
  return bytes;
}

const valueSize = (value: Value) =>
  typeof value === 'number' ? 4 : typeof value === 'bigint' ? 8 : roundUp(value.length, 4);

/** Builds a block: its type, `fixed` bytes that `fill` writes, and its options. */
function block(
  type: number,
  fixed: number,
  options: readonly Option[],
  fill: (view: DataView, bytes: Uint8Array) => void,
) {
  const list: (readonly [code: number, value: Value])[] = [];
  for (const [code, value] of options) if (value !== undefined) list.push([code, value]);
  let size = 12 + fixed + (list.length > 0 ? 4 : 0);
  for (const [, value] of list) size += 4 + valueSize(value);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, size, true);
  fill(view, bytes);
  let at = 8 + fixed;
  for (const [code, value] of list) {
    view.setUint16(at, code, true);
    if (typeof value === 'number') {
      view.setUint16(at + 2, 4, true);
      view.setUint32(at + 4, value, true);
    } else if (typeof value === 'bigint') {
      view.setUint16(at + 2, 8, true);
      view.setBigUint64(at + 4, value, true);
    } else {
      view.setUint16(at + 2, value.length, true);
      bytes.set(value, at + 4);
    }
    at += 4 + valueSize(value);
  }
  view.setUint32(size - 4, size, true);
  return bytes;
}

function putTime(view: DataView, at: number, nanoseconds: bigint): void {
  view.setUint32(at, Number(nanoseconds >> 32n), true);
  view.setUint32(at + 4, Number(nanoseconds & 0xffffffffn), true);
}

/** Encodes the value of an option that holds a time as two 32-bit halves, the upper one first. */
function timeOption(nanoseconds: bigint | undefined, name: string): Uint8Array | undefined {
  if (nanoseconds === undefined) return undefined;
  const bytes = new Uint8Array(8);
  putTime(new DataView(bytes.buffer), 0, timestampOf(nanoseconds, name));
  return bytes;
}

const keysOf = <Codes extends object>(codes: Codes) => Object.keys(codes) as (keyof Codes & string)[];

function count(value: bigint | undefined, name: string): bigint | undefined {
  return value === undefined ? undefined : timestampOf(value, name);
}

/**
 * Writes a pcapng file: the section header at once, then interfaces, packets and statistics. Timestamps are in
 * nanoseconds.
 *
 * @example
 * const chunks = [];
 * const writer = new PcapngWriter((bytes) => chunks.push(bytes));
 * const eth0 = writer.addInterface({ linktype: LINKTYPE_ETHERNET, snaplen: 0, name: 'eth0' });
 * const timestamp = BigInt(Date.now()) * 1_000_000n;
 * writer.write({ interfaceId: eth0, timestamp, data: new Uint8Array(60) });
 * writer.statistics({ interfaceId: eth0, timestamp, received: 100n, dropped: 0n });
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export class PcapngWriter<Result> {
  readonly #sink: CaptureSink<Result>;
  /** The link types of the interfaces. */
  readonly #linktypes: number[] = [];

  /**
   * @param sink Receives the bytes of the file, each time in a new array.
   * @param options The description of the section.
   * @throws TypeError or RangeError for options that do not fit into a block.
   */
  constructor(sink: CaptureSink<Result>, options: SectionOptions = {}) {
    if (typeof sink !== 'function') throw invalidType('sink', 'a function');
    this.#sink = sink;
    onlyKnown(assertObject(options, 'options'), SECTION_NAMES, 'options');
    const texts: Option[] = [
      [1, textOption(options.comment, 'options.comment')],
      [2, textOption(options.hardware, 'options.hardware')],
      [3, textOption(options.os, 'options.os')],
      [4, textOption(options.application, 'options.application')],
    ];
    sink(
      block(SECTION, 16, texts, (view) => {
        view.setUint32(8, BYTE_ORDER, true);
        view.setUint16(12, 1, true);
        view.setBigInt64(16, -1n, true); // the length of the section is unknown
      }),
    );
  }

  /**
   * Adds an interface.
   *
   * @param given Its link type, and optionally its description.
   * @returns The number of the interface, which is the `interfaceId` of its packets.
   * @throws TypeError or RangeError for values that do not fit into a block.
   * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html#name-interface-description-block
   */
  addInterface(given: CaptureInterface): number {
    onlyKnown(assertObject(given, 'interface'), INTERFACE_NAMES, 'interface');
    const options: Option[] = [
      [2, textOption(given.name, 'interface.name')],
      [3, textOption(given.description, 'interface.description')],
      [8, count(given.speed, 'interface.speed')],
      [9, NANOSECONDS],
      [11, textOption(given.filter, 'interface.filter', '\0')], // 0: the filter is text
      [12, textOption(given.os, 'interface.os')],
      [15, textOption(given.hardware, 'interface.hardware')],
    ];
    const linktype = uint16(given.linktype, 'interface.linktype');
    const snaplen = uint32(given.snaplen, 'interface.snaplen', 0);
    this.#sink(
      block(INTERFACE, 8, options, (view) => {
        view.setUint16(8, linktype, true);
        view.setUint32(12, snaplen, true);
      }),
    );
    return this.#linktypes.push(linktype) - 1;
  }

  #known(interfaceId: unknown, name: string): number {
    const id = uint32(interfaceId, name, 0);
    if (id >= this.#linktypes.length) throw outOfRange(name, 'the number of an interface that was added');
    return id;
  }

  /**
   * Writes a packet.
   *
   * @param packet The packet, with its timestamp and data and optionally a comment, flags and drop count.
   * @returns The result of the sink. For a stream it is whether the stream accepts more data now.
   * @throws TypeError or RangeError for values that do not fit into a block, for an interface that was not added, and
   *   for a packet whose link type differs from that of the interface.
   * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html#name-enhanced-packet-block
   */
  write(packet: PacketRecord): Result {
    const { data } = onlyKnown(assertObject(packet, 'packet'), PACKET_NAMES, 'packet');
    attached(data, 'packet.data');
    const id = this.#known(packet.interfaceId, 'packet.interfaceId');
    checkLinktype(packet, this.#linktypes[id]!, 'interface');
    const timestamp = timestampOf(packet.timestamp, 'packet.timestamp');
    const originalLength = uint32(packet.originalLength, 'packet.originalLength', data.length);
    const options: Option[] = [
      [1, textOption(packet.comment, 'packet.comment')],
      [2, packet.flags === undefined ? undefined : uint32(packet.flags, 'packet.flags')],
      [4, count(packet.dropCount, 'packet.dropCount')],
    ];
    const written = block(PACKET, 20 + roundUp(data.length, 4), options, (view, bytes) => {
      view.setUint32(8, id, true);
      putTime(view, 12, timestamp);
      view.setUint32(20, data.length, true);
      view.setUint32(24, originalLength, true);
      bytes.set(data, 28);
    });
    return this.#sink(written);
  }

  /**
   * Writes the counters of an interface, such as the number of dropped packets.
   *
   * @param given The counters that are known.
   * @returns The result of the sink.
   * @throws TypeError or RangeError for values that do not fit into a block and for an interface that was not added.
   * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html#name-interface-statistics-block
   */
  statistics(given: InterfaceStatistics): Result {
    onlyKnown(assertObject(given, 'statistics'), STATISTICS_NAMES, 'statistics');
    const id = this.#known(given.interfaceId, 'statistics.interfaceId');
    const timestamp = timestampOf(given.timestamp, 'statistics.timestamp');
    const options: Option[] = [
      ...keysOf(TIMES).map((name) => [TIMES[name], timeOption(given[name], `statistics.${name}`)] as const),
      ...keysOf(COUNTERS).map((name) => [COUNTERS[name], count(given[name], `statistics.${name}`)] as const),
    ];
    const written = block(STATISTICS, 12, options, (view) => {
      view.setUint32(8, id, true);
      putTime(view, 12, timestamp);
    });
    return this.#sink(written);
  }
}
