/** Blocks of captured packets: those of a TPACKET_V3 ring, packet(7). */
import { invalidType } from '../../argument/argument-error.ts';
import { BlockMemory } from './block-memory.ts';
import { Packet } from './packet.ts';

/**
 * A number of captured packets that the kernel handed over together. It is valid until the next block is requested.
 *
 * @example
 * const capture = openCapture({ interface: 'lo', immediate: true });
 * sendto(socket(AF_INET, SOCK_DGRAM), 'hello', 0, { family: AF_INET, address: '127.0.0.1', port: 9 });
 * for await (const block of capture.blocks()) {
 *   for (const packet of block) console.log(packet.originalLength);
 *   // 47
 *   // 75
 *   capture.close(); // the datagram, and the answer of ICMP
 * }
 * @see https://docs.kernel.org/networking/packet_mmap.html
 */
export class Block implements Iterable<Packet> {
  /** The number of packets in the block. */
  readonly count: number;
  readonly #memory: BlockMemory;

  constructor(memory: BlockMemory) {
    if (!(memory instanceof BlockMemory)) throw invalidType('memory', 'the memory of a block of a capture');
    this.count = memory.count;
    this.#memory = memory;
  }

  /**
   * Returns a cursor for reading the block without allocating an object per packet: a single Packet, which stands
   * before the first packet of the block and which `next` moves.
   *
   *     const packet = block.cursor();
   *     while (packet.next()) bytes += packet.originalLength;
   */
  cursor(): Packet {
    return new Packet(this.#memory);
  }

  /** Iterates over the packets, each of which is an object of its own. */
  *[Symbol.iterator](): Generator<Packet, void, void> {
    const cursor = this.cursor();
    while (cursor.next()) yield cursor.clone();
  }
}
