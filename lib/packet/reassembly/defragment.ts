/** IP packets put together from their fragments: RFC 791, RFC 8200. */
import { invalidType } from '../../posix/errno.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { integer, uint32 } from '../../posix/number.ts';
import { object, own, uint8Array } from '../../posix/snapshot.ts';
import { AgedMap } from '../aged-map.ts';
import { LINKTYPE_ETHERNET } from '../linktype.ts';
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

/**
 * What `defragment` may be told.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.5
 */
export interface DefragmentOptions {
  /** Milliseconds, by the timestamps of packets, after which a datagram is given up; 30000 unless given, as in Linux. */
  timeout?: number | undefined;
  /** The most memory for fragments that wait, in bytes; 4194304 unless given, as in Linux. The oldest datagram goes first. */
  maxBytes?: number | undefined;
  /** The most datagrams that wait; 4096 unless given. */
  maxDatagrams?: number | undefined;
  /** Called for each datagram that is given up, with what came of it. What it throws, the loop throws. */
  onIncomplete?: ((datagram: IncompleteDatagram) => void) | undefined;
}

const NAMES = namesOf<DefragmentOptions>({ timeout: true, maxBytes: true, maxDatagrams: true, onIncomplete: true });

/**
 * A packet that was put together from its fragments. Writers of capture files take it.
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
  /** When the last of its fragments came. */
  readonly timestamp: bigint;
  /** The link-layer and IP headers of the first fragment, and all that the fragments carried. */
  readonly data: Uint8Array;
  /** The length of the data. */
  readonly originalLength: number;
  /** That of the last fragment, as what follows. */
  readonly linktype: number;
  /** The interface: of a file, by the order there. */
  readonly interfaceId: number;
  /** Direction and reception type, as `epb_flags` of pcapng has them. */
  readonly flags: number;
  readonly #fragments: number;

  constructor(data: Uint8Array, last: SourcePacket, fragments: number) {
    this.data = uint8Array(data, 'data');
    object(last, 'last');
    this.timestamp = last.timestamp ?? 0n;
    this.originalLength = data.length;
    this.linktype = last.linktype ?? LINKTYPE_ETHERNET;
    this.interfaceId = last.interfaceId ?? 0;
    this.flags = last.flags ?? 0;
    this.#fragments = uint32(fragments, 'fragments');
  }

  /** How many fragments came, duplicates among them. */
  get fragments(): number {
    return this.#fragments;
  }
}

/** epb_flags: the direction. */
const DIRECTION = 3;
const OUTBOUND = 2;

/** Puts packets together; everything else passes. */
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
    onlyKnown(object(options, 'options'), NAMES, 'options');
    this.#timeout = duration(own(options, 'timeout'), 'options.timeout', 30_000);
    this.#maxBytes = integer(own(options, 'maxBytes'), 'options.maxBytes', 0, Number.MAX_SAFE_INTEGER, 4 << 20);
    this.#maxDatagrams = integer(own(options, 'maxDatagrams'), 'options.maxDatagrams', 0, 1 << 24, 4096);
    this.#onIncomplete = own(options, 'onIncomplete');
    if (this.#onIncomplete !== undefined && typeof this.#onIncomplete !== 'function') {
      throw invalidType('options.onIncomplete', 'a function');
    }
  }

  push(packet: One, out: (One | ReassembledPacket)[]): void {
    if (this.#datagrams.size > 0) this.#expire(packet);
    const bytes = dataOf(packet);
    const at = networkOffset(bytes, packet.linktype ?? LINKTYPE_ETHERNET);
    const header = this.#header;
    if (at < 0 || !header.read(bytes, at) || !header.isFragment || !isWhole(bytes, header)) {
      out.push(packet);
      return;
    }
    const key = keyOfFragment(bytes, header, packet);
    const datagram = this.#datagrams.get(key) ?? this.#begin(key, bytes, packet);
    if (datagram.isDead) return;
    const before = datagram.cost;
    const progress = datagram.take(bytes, header);
    this.#bytes += datagram.cost - before;
    if (progress === 'complete') {
      this.#forget(key, datagram);
      out.push(new ReassembledPacket(datagram.assemble(), packet, datagram.fragments));
    } else if (progress !== 'more') this.#giveUp(datagram, progress);
    this.#bound();
  }

  end(): void {
    while (this.#datagrams.size > 0) this.#giveUpOldest('end');
  }

  #begin(key: string, bytes: Uint8Array, packet: One): Datagram {
    this.#now = millisecondsOf(packet, this.#now);
    const datagram = new Datagram(bytes, this.#header, this.#now, packet.timestamp);
    this.#datagrams.add(key, datagram);
    this.#bytes += datagram.cost;
    return datagram;
  }

  #forget(key: string, datagram: Datagram): void {
    this.#datagrams.delete(key);
    this.#bytes -= datagram.cost;
  }

  /** Tells of a datagram and throws away what came of it. One that stays known takes what is yet to come. */
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

/** Whether a fragment is there as a whole, and can be part of a datagram. */
function isWhole(bytes: Uint8Array, { start, end, fragmentOffset, moreFragments }: IpHeader): boolean {
  const length = end - start;
  if (length <= 0 || end > bytes.length || fragmentOffset + length > LONGEST) return false;
  return !moreFragments || length % 8 === 0;
}

/**
 * What fragments of one datagram have in common: interface and direction, since a packet that is forwarded is captured
 * twice; what is before the IP header but for hardware addresses, as it may be of another VLAN; the addresses, the
 * identification, and in IPv4 the protocol.
 */
function keyOfFragment(bytes: Uint8Array, header: IpHeader, packet: SourcePacket): string {
  const { at, version, identification, protocol } = header;
  const from = at + (version === 4 ? 12 : 8);
  const direction = ((packet.flags ?? 0) & DIRECTION) === OUTBOUND ? 'o' : 'i';
  const length = pppoeLengthAt(bytes, at);
  const link = keyOf(bytes, Math.min(12, at), length < 0 ? at : length);
  const upper = version === 4 ? `4${protocol}` : '6';
  const numbers = `${upper},${identification},${packet.ifindex ?? packet.interfaceId ?? 0}${direction}${at}`;
  return `${numbers}${link}${keyOf(bytes, from, from + (version === 4 ? 8 : 32))}`;
}

/**
 * IP packets put together from their fragments: RFC 791, RFC 8200. All other packets pass as they are, without a copy.
 *
 * A packet takes its place when the last of its fragments has come, as a ReassembledPacket. A fragment that comes again
 * with the same bytes is ignored. Fragments that overlap in any other way make the datagram be given up, and all that is
 * yet to come of it: what RFC 5722 asks of IPv6, and Linux does for both; receivers differ in which bytes they take.
 * An atomic fragment (RFC 6946) is a packet of its own, and passes. A fragment that cannot be put together passes, too:
 * one that was cut by the capture, or whose length no datagram can have. Fragments within tunnels are not looked for.
 *
 * @param source Captured packets: a Capture, what a CaptureReader gives, an array. Its errors end the loop.
 * @param options How long and how many fragments wait, and `onIncomplete`, which is told of each datagram that is given up.
 * @returns The packets, in the order in which they were complete.
 * @throws TypeError or RangeError for a source or options that are none.
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
