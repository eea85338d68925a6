/** Captured packets, read directly from the memory that the kernel wrote: packet(7). */
import { inspect } from 'node:util';
import { invalidType } from '../../argument/argument-error.ts';
import { LITTLE } from '../../native/byte-order.ts';
import { TP_STATUS_VLAN_VALID } from '../../native/constants.ts';
import { AT, BlockMemory, NO_VIEWS, NOWHERE, WORD } from './block-memory.ts';

/** Copies of constants for the code that runs for each packet: the compiler sees here that they are constant. */
const HOST = LITTLE;
const AWAY = NOWHERE;
const TAGGED = TP_STATUS_VLAN_VALID;
const { len: LENGTH, sec: SEC, nsec: NSEC, status: STATUS } = AT;
const { protocol: PROTOCOL, ifindex: IFINDEX, hatype: HATYPE, pkttype: PKTTYPE } = AT;
/** The words of a packet's header that `next` reads. One of them has the start of the packet in one of its halves. */
const NEXT_WORD = AT.next / WORD;
const STATUS_WORD = AT.status / WORD;
const SNAPLEN_WORD = AT.snaplen / WORD;
const MAC_WORD = Math.floor(AT.mac / WORD);
const MAC_SHIFT = (AT.mac % WORD === 0) === LITTLE ? 0 : 16;
const SECOND = 1_000_000_000n;

/** A block without packets, whose parts are what the fields of a Packet begin with. */
const NONE = new BlockMemory(NO_VIEWS, { first: 0, end: 0, count: 0 }, { linktype: 0, cooked: false });

/** The values of pcapng's epb_flags by pkttype. They contain the direction and the reception type. */
const FLAGS = [1 | (1 << 2), 1 | (3 << 2), 1 | (2 << 2), 1 | (4 << 2), 2];

/**
 * The error for a packet that is used after its block was returned to the kernel, which happens when the next block is
 * requested or the capture is closed.
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
    super('The block of this packet was returned to the kernel: use copy() to keep a packet');
  }
}

/**
 * A captured packet, read in place: each property is read from the ring when it is accessed, and `data` is a view of
 * the ring.
 *
 * It is valid until the next block is requested or the capture is closed. After that its properties throw a
 * GivenBackError, and a view that was taken earlier shows zeros or the bytes of other packets. Use `copy` to keep a
 * packet. `PcapWriter` and `PcapngWriter` accept a packet as it is, and its copy. `{ ...packet }` is empty, because the
 * properties are getters; `{ ...packet.copy(), comment: 'odd' }` is a packet with a comment.
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
  // Like those of BlockMemory, the fields begin with values of the types that they keep.
  readonly #memory: BlockMemory = NONE;
  readonly #words: Int32Array = NONE.views.words;
  readonly #bytes: Uint8Array = NONE.views.bytes;
  readonly #view: DataView = NONE.views.view;
  readonly #buffer: ArrayBuffer = NONE.views.buffer;
  /** The indexes of the words of the block at which its header and the header of the next packet begin. */
  #at: number = AWAY;
  #next = 0;
  #left = 0;
  /**
   * The offset in the buffer and the length of its bytes. They are read from the header only once and never extend
   * beyond the block.
   */
  #start = 0;
  #length = 0;

  constructor(memory: BlockMemory) {
    if (!(memory instanceof BlockMemory)) throw invalidType('memory', 'the memory of a block of a capture');
    const { words, bytes, view, buffer } = memory.views;
    this.#memory = memory;
    this.#words = words;
    this.#bytes = bytes;
    this.#view = view;
    this.#buffer = buffer;
    this.#next = memory.first;
    this.#left = memory.count;
  }

  /**
   * Moves to the next packet of the block without allocating an object: see `Block.cursor`.
   *
   * @returns False after the last packet, and once the block was returned to the kernel.
   */
  next(): boolean {
    const memory = this.#memory;
    const left = this.#left;
    const at = this.#next;
    if (left === 0 || at > memory.limit) return false;
    const words = this.#words;
    const step = words[at + NEXT_WORD]! >> 2;
    this.#at = at;
    this.#left = left - 1;
    // The offset must move forward. It is 0 after the last packet, and the kernel never writes a negative one.
    this.#next = step > 0 ? at + step : AWAY;
    if (((words[at + STATUS_WORD]! | memory.incomplete) & TAGGED) !== 0) memory.complete(memory.start + (at << 2));
    const start = memory.start + (at << 2) + ((words[at + MAC_WORD]! >>> MAC_SHIFT) & 0xffff);
    const length = words[at + SNAPLEN_WORD]!;
    this.#start = start;
    this.#length = length;
    if (!(length >= 0 && length <= memory.end - start)) this.#cut();
    return true;
  }

  /** Limits the packet to the block if its header claims more. */
  #cut(): void {
    const { end } = this.#memory;
    this.#view.getUint8(0); // throws if the memory was detached, of which a typed array only returns undefined
    this.#start = Math.min(this.#start, end);
    this.#length = end - this.#start;
  }

  /** Returns another Packet at the current position. Calling `next` on this one does not move it. */
  clone(): Packet {
    const packet = new Packet(this.#memory);
    packet.#at = this.#at;
    packet.#next = this.#next;
    packet.#left = this.#left;
    packet.#start = this.#start;
    packet.#length = this.#length;
    return packet;
  }

  /** Throws if the block was returned to the kernel. */
  #check(): void {
    if (this.#at > this.#memory.limit) throw new GivenBackError();
  }

  /** Returns the offset of the packet's header in the buffer. Throws if the block was returned to the kernel. */
  #here(): number {
    this.#check();
    return this.#memory.start + (this.#at << 2);
  }

  /**
   * The link type of `data`: a LINKTYPE_ number. For a capture of all interfaces it is LINKTYPE_LINUX_SLL2 for each
   * packet.
   */
  get linktype(): number {
    this.#check();
    return this.#memory.linktype;
  }

  /** The bytes from the link-layer header on, with the VLAN tag put back in place. This is a view of the ring. */
  get data(): Uint8Array {
    this.#check();
    return new Uint8Array(this.#buffer, this.#start, this.#length);
  }

  /** Returns the byte at this `offset` without creating a view of the packet, or undefined if it is beyond the end. */
  uint8(offset: number): number | undefined {
    this.#check();
    return offset >= 0 && offset < this.#length ? this.#bytes[this.#start + offset] : undefined;
  }

  /**
   * Returns the 16-bit integer in network byte order at this `offset`, or undefined: `packet.uint16(12) === ETH_P_IP`.
   */
  uint16(offset: number): number | undefined {
    this.#check();
    return offset >= 0 && offset + 2 <= this.#length ? this.#view.getUint16(this.#start + offset) : undefined;
  }

  /** Returns the 32-bit integer in network byte order at this `offset`, or undefined if it is beyond the end. */
  uint32(offset: number): number | undefined {
    this.#check();
    return offset >= 0 && offset + 4 <= this.#length ? this.#view.getUint32(this.#start + offset) : undefined;
  }

  /** The length of `data`. */
  get capturedLength(): number {
    this.#check();
    return this.#length;
  }

  /** The length of the packet on the wire. */
  get originalLength(): number {
    return this.#view.getUint32(this.#here() + LENGTH, HOST);
  }

  /** When the kernel or the network card received or sent the packet: seconds since 1970, UTC. */
  get seconds(): number {
    return this.#view.getUint32(this.#here() + SEC, HOST);
  }

  /** The fraction of the second, in nanoseconds. */
  get nanoseconds(): number {
    return this.#view.getUint32(this.#here() + NSEC, HOST);
  }

  /** The seconds and nanoseconds as one number: nanoseconds since 1970, UTC. */
  get timestamp(): bigint {
    return BigInt(this.seconds) * SECOND + BigInt(this.nanoseconds);
  }

  /** The index of the interface on which the packet was captured. */
  get ifindex(): number {
    return this.#view.getInt32(this.#here() + IFINDEX, HOST);
  }

  /** The EtherType after the VLAN tags that the driver or the kernel removed: an ETH_P_ number. */
  get protocol(): number {
    return this.#view.getUint16(this.#here() + PROTOCOL);
  }

  /** The hardware type of the interface: an ARPHRD_ number. */
  get hatype(): number {
    return this.#view.getUint16(this.#here() + HATYPE, HOST);
  }

  /** PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST or PACKET_OUTGOING. */
  get pkttype(): number {
    return this.#view.getUint8(this.#here() + PKTTYPE);
  }

  /**
   * TP_STATUS_ bits, such as TP_STATUS_CSUMNOTREADY (the network card will compute the checksum) or
   * TP_STATUS_TS_RAW_HARDWARE.
   */
  get status(): number {
    return this.#view.getUint32(this.#here() + STATUS, HOST);
  }

  /** The direction and the reception type, in the format of pcapng's `epb_flags`. */
  get flags(): number {
    return FLAGS[this.pkttype] ?? 0;
  }

  /** Returns a copy that stays valid: a plain object with the properties of the packet and with bytes of its own. */
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
 * A copy of a packet: the properties of a Packet as a plain object.
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
