/** Captured packets where the kernel wrote them: packet(7). */
import { inspect } from 'node:util';
import { TP_STATUS_VLAN_VALID } from '../../posix/constants.ts';
import { invalidType } from '../../posix/errno.ts';
import { isDataView } from '../../posix/kind.ts';
import { LITTLE } from '../../posix/number.ts';
import { AT, type BlockMemory, cook, HEADER, restoreTag } from './block-memory.ts';

/** What each packet needs, where the compiler sees that it is constant. */
const HOST = LITTLE;
const ROOM = HEADER;
const { next: NEXT, mac: MAC, snaplen: SNAPLEN, status: STATUS } = AT;
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
 * const { value: packet } = await capture[Symbol.asyncIterator]().next();
 * capture.close();
 * try {
 *   packet.data;
 * } catch (error) {
 *   console.log(error instanceof GivenBackError, error.code); // true ERR_BLOCK_GIVEN_BACK
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
 * const { value: packet } = await capture[Symbol.asyncIterator]().next();
 * const kept = packet.copy();
 * capture.close();
 * console.log(kept.originalLength, Buffer.from(kept.data).toString('utf8', 42)); // 47 hello
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export class Packet {
  readonly #memory: BlockMemory;
  readonly #view: DataView;
  readonly #buffer: ArrayBuffer;
  readonly #end: number;
  #at: number;
  #left: number;

  constructor(memory: BlockMemory, at = 0, left?: number) {
    if (!isDataView(memory?.view)) throw invalidType('memory', 'that of a block of a capture');
    this.#memory = memory;
    this.#view = memory.view;
    this.#buffer = memory.view.buffer as ArrayBuffer;
    this.#end = memory.end;
    this.#at = at;
    this.#left = left ?? memory.count;
  }

  /**
   * Moves to the next packet of the block, with no allocation: see `Block.cursor`.
   *
   * @returns False behind the last one, and when the block was given back.
   */
  next(): boolean {
    if (this.#left === 0 || !this.#memory.held) return false;
    const view = this.#view;
    const from = this.#at;
    const at = from === 0 ? this.#memory.first : from + view.getUint32(from + NEXT, HOST);
    // Not forward, or behind the end: whoever wrote that was not the kernel.
    if (at <= from || at + ROOM > this.#end) {
      this.#left = 0;
      return false;
    }
    this.#at = at;
    this.#left--;
    if (this.#memory.cooked) cook(view, at, this.#end);
    else if ((view.getUint32(at + STATUS, HOST) & TP_STATUS_VLAN_VALID) !== 0) restoreTag(view, at, this.#end);
    return true;
  }

  /** The packet where this one is now: a further `next` of this one does not move it. */
  clone(): Packet {
    return new Packet(this.#memory, this.#at, this.#left);
  }

  /** Where the packet is, if it is ours still. */
  #here(): number {
    if (!this.#memory.held || this.#at === 0) throw new GivenBackError();
    return this.#at;
  }

  /** What `data` begins with: a LINKTYPE_ number. Of all interfaces it is LINKTYPE_LINUX_SLL2, for each packet. */
  get linktype(): number {
    this.#here();
    return this.#memory.linktype;
  }

  /** The bytes from the link-layer header on, with the VLAN tag in its place: a view of the ring. */
  get data(): Uint8Array {
    const at = this.#here();
    const start = Math.min(at + this.#view.getUint16(at + MAC, HOST), this.#end);
    const stop = Math.min(start + this.#view.getUint32(at + SNAPLEN, HOST), this.#end);
    return new Uint8Array(this.#buffer, start, stop - start);
  }

  /** Where a field is that `data` would have at this offset; -1 when it has not. */
  #field(offset: number, size: number): number {
    const at = this.#here();
    const start = at + this.#view.getUint16(at + MAC, HOST);
    const stop = Math.min(start + this.#view.getUint32(at + SNAPLEN, HOST), this.#end);
    return offset >= 0 && start + offset + size <= stop ? start + offset : -1;
  }

  /** The byte at this `offset` in the packet, without a view of it; undefined behind its end. */
  uint8(offset: number): number | undefined {
    const at = this.#field(offset, 1);
    return at === -1 ? undefined : this.#view.getUint8(at);
  }

  /** The 16 bits in network order at this `offset`, as `uint8`: `packet.uint16(12) === ETH_P_IP`. */
  uint16(offset: number): number | undefined {
    const at = this.#field(offset, 2);
    return at === -1 ? undefined : this.#view.getUint16(at);
  }

  /** The 32 bits in network order at this `offset`, as `uint8`. */
  uint32(offset: number): number | undefined {
    const at = this.#field(offset, 4);
    return at === -1 ? undefined : this.#view.getUint32(at);
  }

  /** The length of `data`. */
  get capturedLength(): number {
    const at = this.#here();
    const start = at + this.#view.getUint16(at + MAC, HOST);
    return Math.max(0, Math.min(this.#view.getUint32(at + SNAPLEN, HOST), this.#end - start));
  }

  /** The length on the wire. */
  get originalLength(): number {
    return this.#view.getUint32(this.#here() + AT.len, HOST);
  }

  /** When the kernel, or the network card, had it: seconds since 1970, UTC. */
  get seconds(): number {
    return this.#view.getUint32(this.#here() + AT.sec, HOST);
  }

  /** The rest of the time. */
  get nanoseconds(): number {
    return this.#view.getUint32(this.#here() + AT.nsec, HOST);
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
    return this.#view.getUint32(this.#here() + AT.status, HOST);
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
