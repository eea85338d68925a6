/** Captured packets where the kernel wrote them: packet(7). */
import { inspect } from 'node:util';
import { TP_STATUS_VLAN_VALID } from '../../posix/constants.ts';
import { invalidType } from '../../posix/errno.ts';
import { LITTLE } from '../../posix/number.ts';
import { AT, BlockMemory, cook, HEADER, NOWHERE, restoreTag } from './block-memory.ts';

/** What each packet needs, where the compiler sees that it is constant. */
const HOST = LITTLE;
const ROOM = HEADER;
const AWAY = NOWHERE;
const TAGGED = TP_STATUS_VLAN_VALID;
const { next: NEXT, mac: MAC, snaplen: SNAPLEN, len: LENGTH, sec: SEC, nsec: NSEC, status: STATUS } = AT;
const { protocol: PROTOCOL, ifindex: IFINDEX, hatype: HATYPE, pkttype: PKTTYPE } = AT;
const SECOND = 1_000_000_000n;

/** epb_flags of pcapng by pkttype: the direction, and who the packet is for. */
const FLAGS = [1 | (1 << 2), 1 | (3 << 2), 1 | (2 << 2), 1 | (4 << 2), 2];

/**
 * A packet was used after its block was given back to the kernel: after the next one was asked for, or after `close`.
 *
 * @example
 * const capture = openCapture({ interface: 'lo', immediate: true });
 * sendto(socket(AF_INET, SOCK_DGRAM), 'hello', 0, { family: AF_INET, address: '127.0.0.1', port: 9 });
 * for await (const packet of capture) {
 *   capture.close();
 *   try {
 *     packet.data;
 *   } catch (error) {
 *     console.log(error instanceof GivenBackError && error.code); // ERR_BLOCK_GIVEN_BACK
 *   }
 * }
 * @see https://docs.kernel.org/networking/packet_mmap.html
 */
export class GivenBackError extends Error {
  override readonly name = 'GivenBackError' as const;
  readonly code = 'ERR_BLOCK_GIVEN_BACK' as const;

  constructor() {
    super('The block of this packet was given back to the kernel: copy() what you keep');
  }
}

/**
 * A captured packet, read where it stands: each field is read when it is asked for, and `data` is a view of the ring.
 *
 * It is valid until the next block is asked for, or the capture is closed. Later its fields throw a GivenBackError; a
 * view that was taken before shows bytes of other packets, or zeros: `copy` what you keep. It can be given to
 * `PcapWriter` and `PcapngWriter` as it is.
 *
 * @example
 * const capture = openCapture({ interface: 'lo', immediate: true });
 * sendto(socket(AF_INET, SOCK_DGRAM), 'hello', 0, { family: AF_INET, address: '127.0.0.1', port: 9 });
 * for await (const packet of capture) {
 *   const kept = packet.copy();
 *   capture.close();
 *   console.log(kept.originalLength, Buffer.from(kept.data).toString('utf8', 42)); // 47 hello
 * }
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export class Packet {
  readonly #memory: BlockMemory;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #buffer: ArrayBufferLike;
  /** Where its header is, and that of the next one. */
  #at: number = AWAY;
  #next: number;
  #left: number;
  /** Its bytes: what the header says of them is read once, and they end where the block does. */
  #start = 0;
  #length = 0;

  constructor(memory: BlockMemory) {
    if (!(memory instanceof BlockMemory)) throw invalidType('memory', 'that of a block of a capture');
    this.#memory = memory;
    this.#view = memory.view;
    this.#bytes = memory.bytes;
    this.#buffer = memory.bytes.buffer;
    this.#next = memory.first;
    this.#left = memory.count;
  }

  /**
   * Moves to the next packet of the block, with no allocation: see `Block.cursor`.
   *
   * @returns False behind the last one, and when the block was given back.
   */
  next(): boolean {
    const { limit, cooked } = this.#memory;
    const left = this.#left;
    const at = this.#next;
    if (left === 0 || at > limit) return false;
    const view = this.#view;
    const step = view.getInt32(at + NEXT, HOST);
    this.#at = at;
    this.#left = left - 1;
    // Not forward: behind the last one there is 0, and whoever wrote less was not the kernel.
    this.#next = step > 0 ? at + step : AWAY;
    const end = limit + ROOM;
    if (cooked) cook(view, at, end);
    else if ((view.getInt32(at + STATUS, HOST) & TAGGED) !== 0) restoreTag(view, at, end);
    const start = at + view.getUint16(at + MAC, HOST);
    const length = view.getInt32(at + SNAPLEN, HOST);
    this.#start = start;
    this.#length = length;
    if (length < 0 || length > end - start) this.#cut(end);
    return true;
  }

  /** The header says more than there is in the block. */
  #cut(end: number): void {
    this.#start = Math.min(this.#start, end);
    this.#length = end - this.#start;
  }

  /** The packet where this one is now: a further `next` of this one does not move it. */
  clone(): Packet {
    const packet = new Packet(this.#memory);
    packet.#at = this.#at;
    packet.#next = this.#next;
    packet.#left = this.#left;
    packet.#start = this.#start;
    packet.#length = this.#length;
    return packet;
  }

  /** Where the packet is, if it is ours still. */
  #here(): number {
    const at = this.#at;
    if (at > this.#memory.limit) throw new GivenBackError();
    return at;
  }

  /** What `data` begins with: a LINKTYPE_ number. Of all interfaces it is LINKTYPE_LINUX_SLL2, for each packet. */
  get linktype(): number {
    this.#here();
    return this.#memory.linktype;
  }

  /** The bytes from the link-layer header on, with the VLAN tag in its place: a view of the ring. */
  get data(): Uint8Array {
    this.#here();
    return new Uint8Array(this.#buffer, this.#start, this.#length);
  }

  /** The byte at this `offset` in the packet, without a view of it; undefined behind its end. */
  uint8(offset: number): number | undefined {
    this.#here();
    return offset >= 0 && offset < this.#length ? this.#bytes[this.#start + offset] : undefined;
  }

  /** The 16 bits in network order at this `offset`, as `uint8`: `packet.uint16(12) === ETH_P_IP`. */
  uint16(offset: number): number | undefined {
    this.#here();
    return offset >= 0 && offset + 2 <= this.#length ? this.#view.getUint16(this.#start + offset) : undefined;
  }

  /** The 32 bits in network order at this `offset`, as `uint8`. */
  uint32(offset: number): number | undefined {
    this.#here();
    return offset >= 0 && offset + 4 <= this.#length ? this.#view.getUint32(this.#start + offset) : undefined;
  }

  /** The length of `data`. */
  get capturedLength(): number {
    this.#here();
    return this.#length;
  }

  /** The length on the wire. */
  get originalLength(): number {
    return this.#view.getUint32(this.#here() + LENGTH, HOST);
  }

  /** When the kernel, or the network card, had it: seconds since 1970, UTC. */
  get seconds(): number {
    return this.#view.getUint32(this.#here() + SEC, HOST);
  }

  /** The rest of the time. */
  get nanoseconds(): number {
    return this.#view.getUint32(this.#here() + NSEC, HOST);
  }

  /** Both as one: nanoseconds since 1970, UTC. */
  get timestamp(): bigint {
    return BigInt(this.seconds) * SECOND + BigInt(this.nanoseconds);
  }

  /** The index of the interface. */
  get ifindex(): number {
    return this.#view.getInt32(this.#here() + IFINDEX, HOST);
  }

  /** The EtherType behind the VLAN tags that were taken out: an ETH_P_ number. */
  get protocol(): number {
    return this.#view.getUint16(this.#here() + PROTOCOL);
  }

  /** The kind of link: an ARPHRD_ number. */
  get hatype(): number {
    return this.#view.getUint16(this.#here() + HATYPE, HOST);
  }

  /** PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST or PACKET_OUTGOING. */
  get pkttype(): number {
    return this.#view.getUint8(this.#here() + PKTTYPE);
  }

  /** TP_STATUS_ bits: TP_STATUS_CSUMNOTREADY (the card will fill the checksum in), TP_STATUS_TS_RAW_HARDWARE, ... */
  get status(): number {
    return this.#view.getUint32(this.#here() + STATUS, HOST);
  }

  /** Direction and reception type, as `epb_flags` of pcapng has them. */
  get flags(): number {
    return FLAGS[this.pkttype] ?? 0;
  }

  /** The packet for keeping: a plain object with all of that, and with bytes of its own. */
  copy(): PacketCopy {
    const { seconds, nanoseconds, timestamp, originalLength, capturedLength } = this;
    const { ifindex, protocol, hatype, pkttype, status, flags, linktype } = this;
    const data = this.data.slice();
    return {
      ...{ data, timestamp, seconds, nanoseconds, originalLength, capturedLength },
      ...{ ifindex, protocol, hatype, pkttype, status, flags, linktype },
    };
  }
}

type Reader = 'uint8' | 'uint16' | 'uint32';

/**
 * A packet that was copied: what a Packet says, as a plain object.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export type PacketCopy = {
  readonly [Field in Exclude<keyof Packet, 'next' | 'clone' | 'copy' | Reader>]: Packet[Field];
};

function describe(this: Packet): unknown {
  try {
    return this.copy();
  } catch (error) {
    return error;
  }
}
Object.defineProperty(Packet.prototype, inspect.custom, { value: describe });
