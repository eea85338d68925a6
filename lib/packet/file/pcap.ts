/** The writer of pcap files, the format of tcpdump -w: draft-ietf-opsawg-pcap. */

import { invalidType, outOfRange } from '../../posix/errno.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { attached, object } from '../../posix/snapshot.ts';
import { uint16, uint32 } from '../bytes.ts';
import { LINKTYPE_ETHERNET } from '../linktype.ts';
import {
  type CaptureSink,
  checkLinktype,
  type PacketRecord,
  RECORD_NAMES,
  splitTimestamp,
  timestampOf,
} from './capture-file.ts';

/**
 * What a pcap file is to be.
 *
 * @see https://www.tcpdump.org/manpages/pcap-savefile.5.txt
 */
export interface PcapOptions {
  /** A LINKTYPE_ number, for all packets; Ethernet unless given. */
  linktype?: number | undefined;
  /** The most bytes kept of a packet; 262144 unless given. The writer cuts nothing. */
  snaplen?: number | undefined;
  /** The resolution of timestamps; `'ns'` unless given. The rest is cut off. */
  resolution?: 'ns' | 'us' | undefined;
}

const NAMES = namesOf<PcapOptions>({ linktype: true, snaplen: true, resolution: true });

const MAGIC = { us: 0xa1b2c3d4, ns: 0xa1b23c4d };
const LAST_SECOND = 0xffffffff;

/**
 * Writes a pcap file: the header at once, a record for each packet.
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
   * @param sink Takes the bytes of the file, each time in a new array.
   * @param options Link type, snaplen and resolution.
   * @throws TypeError or RangeError for options that the header cannot hold.
   */
  constructor(sink: CaptureSink<Result>, options: PcapOptions = {}) {
    if (typeof sink !== 'function') throw invalidType('sink', 'a function');
    this.#sink = sink;
    onlyKnown(object(options, 'options'), NAMES, 'options');
    this.#microseconds = options.resolution === 'us';
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
   * Writes one packet.
   *
   * @param packet Its timestamp and data; what only pcapng can hold is left out.
   * @returns What the sink returned: of a stream, whether it can take more now.
   * @throws TypeError or RangeError for what a record cannot hold: a timestamp after 2106; a packet of
   *   another link type than that of the file.
   * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html#name-packet-record
   */
  write(packet: PacketRecord): Result {
    const { data } = onlyKnown(object(packet, 'packet'), RECORD_NAMES, 'packet');
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
