/** Reassembles IP packets from their fragments: RFC 791, RFC 8200. */
import { invalidType } from '../../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { integer, uint32 } from '../../argument/number.ts';
import { assertObject, ownProperty, uint8Array } from '../../argument/snapshot.ts';
import { PACKET_OUTGOING } from '../../native/constants.ts';
import { AgedMap } from '../bytes/aged-map.ts';
import { get32 } from '../bytes/bytes.ts';
import { ipv4Field } from '../layers/ipv4.ts';
import { ipv6Field } from '../layers/ipv6.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 } from '../layers/linktype.ts';
import { sll2Field, sllField } from '../layers/linux-cooked.ts';
import { Datagram, type IncompleteDatagram, type IncompleteReason, LONGEST } from './datagram.ts';
import { IpHeader, keyOf } from './ip-header.ts';
import { networkOffset, pppoeLengthAt } from './network-offset.ts';
import {
  checkSource,
  dataOf,
  duration,
  type Machine,
  millisecondsOf,
  type PacketSource,
  type SourcePacket,
  transform,
} from './source.ts';
import { endInside, type HeaderPlace, insideTunnel } from './tunnel.ts';

/**
 * The options of `defragment`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 */
export interface DefragmentOptions {
  /**
   * Milliseconds, measured by packet timestamps, after which an incomplete datagram is discarded. The default is 30000,
   * as in Linux.
   */
  timeout?: number | undefined;
  /**
   * The maximum memory for waiting fragments, in bytes. The default is 4194304, as in Linux. Beyond it, the oldest
   * datagram is discarded.
   */
  maxBytes?: number | undefined;
  /** The maximum number of incomplete datagrams. The default is 4096. */
  maxDatagrams?: number | undefined;
  /** Called for each incomplete datagram that is discarded. An exception that it throws ends the loop. */
  onIncomplete?: ((datagram: IncompleteDatagram) => void) | undefined;
}

const NAMES = namesOf<DefragmentOptions>({ timeout: true, maxBytes: true, maxDatagrams: true, onIncomplete: true });

/**
 * A packet that was reassembled from its fragments. The writers of capture files accept it.
 *
 * @example
 * const part = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2', identification: 7, protocol: IPPROTO_UDP };
 * const packets = [
 *   encodePacket([ipv4({ ...part, moreFragments: true }), udp({ sourcePort: 1, destinationPort: 2, length: 16, checksum: 0 })]),
 *   encodePacket([ipv4({ ...part, fragmentOffset: 1 }), 'the rest']),
 * ].map((data) => ({ data, linktype: LINKTYPE_RAW }));
 * for await (const packet of defragment(packets)) {
 *   if (packet instanceof ReassembledPacket) console.log(packet.fragments, packet.data.length); // 2 36
 * }
 * @see https://www.rfc-editor.org/rfc/rfc791
 */
export class ReassembledPacket implements SourcePacket {
  /** When the last fragment was captured. */
  readonly timestamp: bigint;
  /** The headers of the first fragment up to the IP header of the datagram, followed by the payload of all fragments. */
  readonly data: Uint8Array;
  /** The length of the data. */
  readonly originalLength: number;
  /** The link type of the last fragment. The properties below come from it as well. */
  readonly linktype: number;
  /** The number of the interface in the capture file. */
  readonly interfaceId: number;
  /** The direction and the reception type, in the format of pcapng's `epb_flags`. */
  readonly flags: number;
  readonly #fragments: number;

  constructor(data: Uint8Array, last: SourcePacket, fragments: number) {
    this.data = uint8Array(data, 'data');
    assertObject(last, 'last');
    this.timestamp = last.timestamp ?? 0n;
    this.originalLength = data.length;
    this.linktype = last.linktype ?? LINKTYPE_ETHERNET;
    this.interfaceId = last.interfaceId ?? 0;
    this.flags = last.flags ?? 0;
    this.#fragments = uint32(fragments, 'fragments');
  }

  /** The number of its fragments, including duplicates. In a tunnel, these are the fragments of the innermost datagram. */
  get fragments(): number {
    return this.#fragments;
  }
}

/** The offset of the EtherType, which hardware addresses precede, in most link-layer headers. */
const LINK = 12;
/** The end of the LINUX_SLL2 header, which ends with the hardware address. */
const COOKED = 20;
/** The number of tunnels inside one another that are searched. */
const DEEPEST = 16;
const NONE: readonly HeaderPlace[] = [];

/** The bits of epb_flags that contain the direction. */
const DIRECTION = 3;
const OUTBOUND = 2;

/** Reassembles fragments and passes on all other packets. */
class Defragmenter<One extends SourcePacket> implements Machine<One, One | ReassembledPacket> {
  readonly #timeout: number;
  readonly #maxBytes: number;
  readonly #maxDatagrams: number;
  readonly #onIncomplete: ((datagram: IncompleteDatagram) => void) | undefined;
  readonly #datagrams = new AgedMap<string, Datagram>();
  readonly #header = new IpHeader();
  #bytes = 0;
  #now = 0;

  constructor(options: DefragmentOptions) {
    onlyKnown(assertObject(options, 'options'), NAMES, 'options');
    this.#timeout = duration(ownProperty(options, 'timeout'), 'options.timeout', 30_000);
    this.#maxBytes = integer(ownProperty(options, 'maxBytes'), 'options.maxBytes', 0, Number.MAX_SAFE_INTEGER, 4 << 20);
    this.#maxDatagrams = integer(ownProperty(options, 'maxDatagrams'), 'options.maxDatagrams', 0, 1 << 24, 4096);
    this.#onIncomplete = ownProperty(options, 'onIncomplete');
    if (this.#onIncomplete !== undefined && typeof this.#onIncomplete !== 'function') {
      throw invalidType('options.onIncomplete', 'a function');
    }
  }

  push(packet: One, out: (One | ReassembledPacket)[]): void {
    if (this.#datagrams.size > 0) this.#expire(packet);
    const header = this.#header;
    let result: One | ReassembledPacket = packet;
    let bytes = dataOf(packet);
    let end = bytes.length;
    let at = networkOffset(bytes, packet.linktype ?? LINKTYPE_ETHERNET);
    let from = packet.linktype === LINKTYPE_LINUX_SLL2 ? COOKED : LINK;
    let tunnel = 0;
    // The IP headers around the one at `at`. A packet without a tunnel needs no list of its own.
    let outer: readonly HeaderPlace[] = NONE;
    while (at >= 0 && at < end && header.read(bytes, at)) {
      if (header.isFragment) {
        if (!isWhole(header, end)) break;
        const datagram = this.#take(bytes, [...outer, { at, from, tunnel }], packet);
        if (datagram === undefined) return;
        result = new ReassembledPacket(datagram.assemble(), packet, datagram.fragments);
        bytes = result.data;
        end = bytes.length;
        // The headers are those of the first fragment, which may be longer or shorter than those of this one.
        const { places } = datagram;
        ({ at, from, tunnel } = places.at(-1)!);
        outer = places.slice(0, -1);
      } else {
        end = Math.min(end, endInside(bytes, header));
        const inside = insideTunnel(bytes, header);
        if (inside === undefined || outer.length === DEEPEST) break;
        outer = [...outer, { at, from, tunnel }];
        ({ at, from, tunnel } = inside);
      }
    }
    out.push(result);
  }

  /** Adds a fragment, whose IP header is at the last of these places. Returns the datagram that it completes, if any. */
  #take(bytes: Uint8Array, places: readonly HeaderPlace[], packet: One): Datagram | undefined {
    const key = keyOfFragment(bytes, this.#header, places, packet);
    const datagram = this.#datagrams.get(key) ?? this.#begin(key, bytes, packet);
    if (datagram.isDead) return undefined;
    const before = datagram.cost;
    const progress = datagram.take(bytes, this.#header, places);
    this.#bytes += datagram.cost - before;
    if (progress === 'complete') {
      this.#forget(key, datagram);
      return datagram;
    }
    if (progress !== 'more') this.#giveUp(datagram, progress);
    this.#bound();
    return undefined;
  }

  end(): void {
    while (this.#datagrams.size > 0) this.#giveUpOldest('end');
  }

  #begin(key: string, bytes: Uint8Array, packet: One): Datagram {
    this.#now = millisecondsOf(packet, this.#now);
    const datagram = new Datagram(bytes, this.#header, key.length, this.#now, packet.timestamp);
    this.#datagrams.add(key, datagram);
    this.#bytes += datagram.cost;
    return datagram;
  }

  #forget(key: string, datagram: Datagram): void {
    this.#datagrams.delete(key);
    this.#bytes -= datagram.cost;
  }

  /**
   * Reports a datagram and discards its fragments. A datagram that is still known also discards the fragments that
   * arrive later.
   */
  #giveUp(datagram: Datagram, reason: IncompleteReason): void {
    const report = this.#onIncomplete && datagram.report(reason);
    const before = datagram.cost;
    datagram.drop();
    this.#bytes += datagram.cost - before;
    if (report !== undefined) this.#onIncomplete!(report);
  }

  #giveUpOldest(reason: IncompleteReason): void {
    const [key, datagram] = this.#datagrams.oldest!;
    this.#datagrams.delete(key);
    try {
      if (!datagram.isDead) this.#giveUp(datagram, reason);
    } finally {
      this.#bytes -= datagram.cost;
    }
  }

  #expire(packet: One): void {
    this.#now = millisecondsOf(packet, this.#now);
    for (;;) {
      const oldest = this.#datagrams.oldest;
      if (oldest === undefined || this.#now - oldest[1].since <= this.#timeout) return;
      this.#giveUpOldest('timeout');
    }
  }

  #bound(): void {
    while (this.#bytes > this.#maxBytes || this.#datagrams.size > this.#maxDatagrams) this.#giveUpOldest('memory');
  }
}

/** Returns whether a fragment was captured completely and can be part of a datagram. */
function isWhole({ start, end, fragmentOffset, moreFragments }: IpHeader, available: number): boolean {
  const length = end - start;
  if (length <= 0 || end > available || fragmentOffset + length > LONGEST) return false;
  return !moreFragments || length % 8 === 0;
}

/**
 * Returns the key that the fragments of a datagram have in common. It contains the interface and the direction, because
 * a forwarded packet is captured twice; the bytes before each IP header except for hardware addresses, because they may
 * contain a VLAN tag; the tunnels; the addresses; the identification; and for IPv4 the protocol.
 */
function keyOfFragment(
  bytes: Uint8Array,
  header: IpHeader,
  places: readonly HeaderPlace[],
  packet: SourcePacket,
): string {
  const { version, identification, protocol } = header;
  const upper = version === 4 ? `4${protocol}` : '6';
  const numbers = `${upper},${identification},${captureOf(bytes, packet)}`;
  return places.reduce((key, place) => key + keyOfPlace(bytes, place), numbers);
}

/** Returns the interface and the direction. In a pcap file, only a cooked header contains them. */
function captureOf(bytes: Uint8Array, { linktype, flags = 0, ifindex, interfaceId }: SourcePacket): string {
  const given = ifindex ?? interfaceId ?? 0;
  if (linktype === LINKTYPE_LINUX_SLL) return directed(given, bytes[sllField.packetType + 1] === PACKET_OUTGOING);
  if (linktype !== LINKTYPE_LINUX_SLL2) return directed(given, (flags & DIRECTION) === OUTBOUND);
  const isOutgoing = bytes[sll2Field.packetType] === PACKET_OUTGOING;
  return `${get32(bytes, sll2Field.interfaceIndex)},${directed(given, isOutgoing)}`;
}

const directed = (number: number, isOutgoing: boolean): string => `${number}${isOutgoing ? 'o' : 'i'}`;

function keyOfPlace(bytes: Uint8Array, { at, from, tunnel }: HeaderPlace): string {
  const isIpv4 = bytes[at]! >>> 4 === 4;
  const source = at + (isIpv4 ? ipv4Field.sourceAddress : ipv6Field.sourceAddress);
  const length = pppoeLengthAt(bytes, at, from);
  const link = keyOf(bytes, Math.min(from, at), length < 0 ? at : length);
  return `${isIpv4 ? 4 : 6}${tunnel},${at - from},${link}${keyOf(bytes, source, source + (isIpv4 ? 8 : 32))}`;
}

/**
 * Reassembles IP packets from their fragments: RFC 791, RFC 8200. All other packets are passed on unchanged, without a
 * copy.
 *
 * A reassembled packet is returned as a ReassembledPacket in place of the last fragment that was captured. A duplicate
 * of a fragment with the same bytes is ignored. If fragments overlap in any other way, the datagram is discarded
 * together with all fragments that arrive later. RFC 5722 requires this for IPv6, and Linux does it for both versions,
 * because receivers differ in which bytes they use. An atomic fragment (RFC 6946) is a complete packet and is passed
 * on. A fragment that cannot be reassembled is passed on as well: one that the capture truncated, or one with an
 * invalid length.
 *
 * Fragments inside tunnels (IP in IP, GRE, VXLAN, Geneve, and up to 16 of these inside one another) are reassembled as
 * well, even if the packets of the tunnel are fragments themselves. The reassembled packet has the headers of the tunnel
 * around the first inner fragment, with their lengths and checksums adjusted. A length field is 0 if it cannot hold the
 * length.
 *
 * @param source Captured packets: a Capture, the packets of a CaptureReader, or an array. Its errors end the loop.
 * @param options The limits, and `onIncomplete`, which is called for each datagram that is discarded.
 * @returns The packets, in the order in which they became complete.
 * @throws TypeError or RangeError for an invalid source or invalid options.
 * @example
 * const part = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2', identification: 7, protocol: IPPROTO_UDP };
 * const packets = [
 *   encodePacket([ipv4({ ...part, fragmentOffset: 1 }), 'the rest']),
 *   encodePacket([ipv4({ ...part, moreFragments: true }), udp({ sourcePort: 1, destinationPort: 2, length: 16, checksum: 0 })]),
 *   encodePacket([ipv4({ ...part, identification: 8, fragmentOffset: 1 }), 'lonely']),
 * ].map((data) => ({ data, linktype: LINKTYPE_RAW }));
 * const given = new Map();
 * const whole = defragment(packets, { onIncomplete: ({ reason, identification }) => given.set(identification, reason) });
 * for await (const packet of whole) {
 *   console.log(decodePacket(packet).layers.map(({ layer }) => layer).join(' ')); // ipv4 udp payload
 * }
 * console.log(given); // Map(1) { 8 => 'end' }
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 * @see https://www.rfc-editor.org/rfc/rfc5722
 */
export function defragment<One extends SourcePacket>(
  source: PacketSource<One>,
  options: DefragmentOptions = {},
): AsyncGenerator<One | ReassembledPacket, void, void> {
  checkSource(source);
  return transform(source, new Defragmenter<One>(options));
}
