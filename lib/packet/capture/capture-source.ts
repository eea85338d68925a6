/**
 * The source of a capture's blocks: a ring, or recvmmsg(2) if there is no ring. Both deliver blocks in the same format.
 */

import { recvmmsg } from '../../call/batch.ts';
import { MessageBatch } from '../../call/message-batch.ts';
import { LITTLE } from '../../native/byte-order.ts';
import {
  EAGAIN,
  EINTR,
  MSG_DONTWAIT,
  PACKET_AUXDATA,
  PACKET_RX_RING,
  SCM_TIMESTAMPNS,
  SOL_PACKET,
  SOL_SOCKET,
  TP_STATUS_KERNEL,
  TP_STATUS_USER,
  TPACKET_V3,
} from '../../native/constants.ts';
import { layout } from '../../native/native.ts';
import { setsockopt } from '../../posix/option.ts';
import { setOption } from '../../posix/option-table.ts';
import { CMSG_SPACE } from '../../struct/control.ts';
import { findControl } from '../../struct/control-message.ts';
import { OPTION_ROOM } from '../../struct/control-room.ts';
import { roundUp } from '../bytes/bytes.ts';
import { AT, BlockMemory, BlockViews, COOKED_ROOM, HEADER, type SourceLink } from './block-memory.ts';
import { Ring } from './ring.ts';

/** Delivers blocks, one at a time. */
export interface CaptureSource {
  /**
   * Returns the next block, undefined when none is available yet, or -errno. The previous block must have been
   * returned.
   */
  take(): BlockMemory | number | undefined;
  /** Returns the current block to the kernel. */
  giveBack(): void;
  close(): void;
}

/** The fields of struct tpacket_req3. */
export interface RingRequest {
  blockSize: number;
  blocks: number;
  /** Milliseconds after which the kernel hands over a block that is not full. */
  retire: number;
}

const BLOCK = {
  status: layout('bh1_block_status'),
  count: layout('bh1_num_pkts'),
  first: layout('bh1_offset_to_first_pkt'),
} as const;
/** In a ring of blocks, frames have no fixed size. The kernel only requires a size that divides the block size. */
const FRAME = 2048;

function request({ blockSize, blocks, retire }: RingRequest): Uint8Array {
  const words = new Uint32Array(layout('tpacket_req3') / 4);
  words[0] = blockSize;
  words[layout('tp_block_nr') / 4] = blocks;
  words[layout('tp_frame_size') / 4] = FRAME;
  words[layout('tp_frame_nr') / 4] = (blockSize / FRAME) * blocks;
  words[layout('tp_retire_blk_tov') / 4] = retire;
  return new Uint8Array(words.buffer);
}

/** The blocks of a TPACKET_V3 ring, read in place. */
export class RingSource implements CaptureSource {
  readonly #ring: Ring;
  readonly #request: RingRequest;
  readonly #link: SourceLink;
  /** The views of the blocks that were taken before. */
  readonly #views: BlockViews[] = [];
  /** A copy of the block in a runtime that cannot map the ring into an ArrayBuffer. */
  readonly #copy: BlockViews | undefined;
  #current = 0;

  /**
   * @param fd An unbound packet socket.
   * @param given The size of the ring.
   * @param link The link type of its packets.
   * @param shared False to copy each block.
   * @throws SocketError ENOPROTOOPT, EINVAL, ENOMEM.
   */
  constructor(fd: number, given: RingRequest, link: SourceLink, shared = true) {
    setOption(fd, 'PACKET_VERSION', TPACKET_V3);
    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request(given));
    this.#request = given;
    this.#link = link;
    try {
      this.#ring = new Ring(fd, given.blockSize * given.blocks, shared);
    } catch (error) {
      // Without the ring, recvmmsg(2) receives the packets. Otherwise they would go to a ring that nobody reads.
      setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request({ blockSize: 0, blocks: 0, retire: 0 }));
      throw error;
    }
    if (this.#ring.buffer === undefined)
      this.#copy = new BlockViews(new ArrayBuffer(given.blockSize), 0, given.blockSize);
  }

  take(): BlockMemory | undefined {
    const { blockSize } = this.#request;
    const place = this.#current * blockSize;
    if ((this.#ring.load(place + BLOCK.status) & TP_STATUS_USER) === 0) return undefined;
    const views = this.#read(place);
    const { view, offset } = views;
    const count = view.getUint32(offset + BLOCK.count, LITTLE);
    const first = view.getUint32(offset + BLOCK.first, LITTLE);
    return new BlockMemory(views, { first, end: blockSize, count }, this.#link);
  }

  /** Returns the views of the current block. */
  #read(place: number): BlockViews {
    if (this.#copy !== undefined) {
      this.#ring.read(place, this.#copy.bytes);
      return this.#copy;
    }
    this.#views[this.#current] ??= new BlockViews(this.#ring.buffer!, place, this.#request.blockSize);
    return this.#views[this.#current]!;
  }

  giveBack(): void {
    const { blockSize, blocks } = this.#request;
    this.#ring.store(this.#current * blockSize + BLOCK.status, TP_STATUS_KERNEL);
    this.#current = (this.#current + 1) % blocks;
  }

  close(): void {
    this.#ring.close();
  }
}

/** The number of packets that one call reads. */
const MESSAGES = 32;
const CONTROL = CMSG_SPACE(layout('tpacket_auxdata')) + OPTION_ROOM;
/** The offset of the packet, with room for the bytes that are put before it. */
const MAC = roundUp(HEADER + COOKED_ROOM, 16);
const SECOND = 1_000_000_000n;

/** Packets that recvmmsg(2) received, written in the format of the kernel's blocks. */
export class BatchSource implements CaptureSource {
  readonly #fd: number;
  readonly #batch: MessageBatch;
  readonly #link: SourceLink;
  readonly #views: BlockViews;

  /**
   * @param fd An unbound packet socket.
   * @param snaplen The maximum number of bytes of a packet.
   * @param link The link type of the packets.
   */
  constructor(fd: number, snaplen: number, link: SourceLink) {
    setOption(fd, 'PACKET_AUXDATA', true);
    setOption(fd, 'SO_TIMESTAMPNS', true);
    this.#fd = fd;
    this.#link = link;
    this.#batch = new MessageBatch({ messages: MESSAGES, size: snaplen, controlLength: CONTROL });
    const size = roundUp(MAC + snaplen, 16) * (MESSAGES + 1); // no packet begins at offset 0
    this.#views = new BlockViews(new ArrayBuffer(size), 0, size);
  }

  take(): BlockMemory | number | undefined {
    const n = recvmmsg(this.#fd, this.#batch, MSG_DONTWAIT);
    if (n === -EAGAIN || n === -EINTR) return undefined;
    if (n < 0) return n;
    const first = MAC;
    let at = first;
    for (let i = 0; i < n; i++) at += this.#put(i, at);
    return new BlockMemory(this.#views, { first, end: at, count: n }, this.#link);
  }

  /** Writes message i and returns the number of bytes that it took. */
  #put(i: number, at: number): number {
    const batch = this.#batch;
    const { view, bytes } = this.#views;
    const data = batch.bytes(i);
    const control = batch.control(i);
    const auxiliary = findControl(control, SOL_PACKET, PACKET_AUXDATA);
    const time = findControl(control, SOL_SOCKET, SCM_TIMESTAMPNS)?.nanoseconds ?? 0n;
    const size = roundUp(MAC + data.length, 16);
    view.setUint32(at + AT.next, size, LITTLE);
    view.setUint32(at + AT.sec, Number(time / SECOND), LITTLE);
    view.setUint32(at + AT.nsec, Number(time % SECOND), LITTLE);
    view.setUint32(at + AT.snaplen, data.length, LITTLE);
    view.setUint32(at + AT.len, auxiliary?.len ?? data.length, LITTLE);
    view.setUint32(at + AT.status, auxiliary?.status ?? 0, LITTLE);
    view.setUint16(at + AT.mac, MAC, LITTLE);
    view.setUint16(at + AT.net, this.#link.cooked ? MAC : 0, LITTLE);
    view.setUint32(at + AT.vlanTci, auxiliary?.vlanTci ?? 0, LITTLE);
    view.setUint16(at + AT.vlanTpid, auxiliary?.vlanTpid ?? 0, LITTLE);
    bytes.fill(0, at + AT.link, at + HEADER);
    bytes.set(batch.name(i).subarray(0, HEADER - AT.link), at + AT.link);
    bytes.set(data, at + MAC);
    return size;
  }

  giveBack(): void {}

  close(): void {}
}
