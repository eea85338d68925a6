/** Writes pcap files, the format of tcpdump -w: draft-ietf-opsawg-pcap. */

import { invalidType, invalidValue, outOfRange } from '../../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject, attached } from '../../argument/snapshot.ts';
import { uint16, uint32 } from '../bytes/bytes.ts';
import { LINKTYPE_ETHERNET } from '../layers/linktype.ts';
import {
  type CaptureSink,
  checkLinktype,
  PACKET_NAMES,
  type PacketRecord,
  splitTimestamp,
  timestampOf,
} from './capture-file.ts';

/**
 * The options of a pcap file.
 *
 * @see https://www.tcpdump.org/manpages/pcap-savefile.5.txt
 */
export interface PcapOptions {
  /** The link type of all packets, a LINKTYPE_ number. The default is Ethernet. */
  linktype?: number | undefined;
  /** The snapshot length for the file header. The default is 262144. The writer does not truncate packets. */
  snaplen?: number | undefined;
  /** The resolution of timestamps. The default is `'ns'`. `'us'` truncates timestamps to microseconds. */
  resolution?: 'ns' | 'us' | undefined;
}

const NAMES = namesOf<PcapOptions>({ linktype: true, snaplen: true, resolution: true });

const MAGIC = { us: 0xa1b2c3d4, ns: 0xa1b23c4d };
const LAST_SECOND = 0xffffffff;

/**
 * Writes a pcap file: the file header at once, and a record for each packet.
 *
 * @example
 * const { createWriteStream } = await import('node:fs');
 * const file = createWriteStream('out.pcap');
 * const writer = new PcapWriter((bytes) => file.write(bytes));
 * writer.write({ timestamp: BigInt(Date.now()) * 1_000_000n, data: new Uint8Array(60) });
 * file.end();
 * @see https://www.tcpdump.org/manpages/pcap-savefile.5.txt
 */
export class PcapWriter<Result> {
  readonly #sink: CaptureSink<Result>;
  readonly #microseconds: boolean;
  readonly #linktype: number;

  /**
   * @param sink Receives the bytes of the file, each time in a new array.
   * @param options The link type, the snapshot length and the resolution.
   * @throws TypeError or RangeError for options that do not fit into the header.
   */
  constructor(sink: CaptureSink<Result>, options: PcapOptions = {}) {
    if (typeof sink !== 'function') throw invalidType('sink', 'a function');
    this.#sink = sink;
    onlyKnown(assertObject(options, 'options'), NAMES, 'options');
    const { resolution } = options;
    if (resolution !== undefined && resolution !== 'ns' && resolution !== 'us')
      throw invalidValue('options.resolution', "'ns' or 'us'");
    this.#microseconds = resolution === 'us';
    this.#linktype = uint16(options.linktype, 'options.linktype', LINKTYPE_ETHERNET);
    const view = new DataView(new ArrayBuffer(24));
    view.setUint32(0, this.#microseconds ? MAGIC.us : MAGIC.ns, true);
    view.setUint16(4, 2, true);
    view.setUint16(6, 4, true);
    view.setUint32(16, uint32(options.snaplen, 'options.snaplen', 262144), true);
    view.setUint32(20, this.#linktype, true);
    sink(new Uint8Array(view.buffer));
  }

  /**
   * Writes a packet.
   *
   * @param packet The packet, with its timestamp and data. Properties that only pcapng supports are ignored.
   * @returns The result of the sink. For a stream it is whether the stream accepts more data now.
   * @throws TypeError or RangeError when a value does not fit into a record, such as a timestamp after 2106, or when
   *   the link type of the packet differs from that of the file.
   * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html#name-packet-record
   */
  write(packet: PacketRecord): Result {
    const { data } = onlyKnown(assertObject(packet, 'packet'), PACKET_NAMES, 'packet');
    attached(data, 'packet.data');
    checkLinktype(packet, this.#linktype, 'file');
    const { seconds, rest } = splitTimestamp(timestampOf(packet.timestamp, 'packet.timestamp'));
    if (seconds > LAST_SECOND) throw outOfRange('packet.timestamp', 'before the year 2107');
    const bytes = new Uint8Array(16 + data.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, seconds, true);
    view.setUint32(4, this.#microseconds ? Math.floor(rest / 1000) : rest, true);
    view.setUint32(8, data.length, true);
    view.setUint32(12, uint32(packet.originalLength, 'packet.originalLength', data.length), true);
    bytes.set(data, 16);
    return this.#sink(bytes);
  }
}
