/** Where the blocks of a capture come from: a ring, or recvmmsg(2) where there is none. Both have the same form. */
import { MessageBatch, recvmmsgNothrow } from '../../posix/batch.ts';
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
} from '../../posix/constants.ts';
import { CMSG_SPACE } from '../../posix/control.ts';
import { findControl } from '../../posix/control-message.ts';
import { OPTION_ROOM } from '../../posix/control-room.ts';
import { layout } from '../../posix/native.ts';
import { LITTLE } from '../../posix/number.ts';
import { setsockopt } from '../../posix/option.ts';
import { setOption } from '../../posix/option-table.ts';
import { roundUp } from '../bytes.ts';
import { AT, BlockMemory, HEADER, ROOM, type SourceLink } from './block-memory.ts';
import { Ring } from './ring.ts';

/** Gives blocks, one at a time. */
export interface CaptureSource {
  /** The next block; undefined when there is none yet; -errno. The one before must have been given back. */
  take(): BlockMemory | number | undefined;
  /** The block that was taken is the kernel's again. */
  give(): void;
  close(): void;
}

/** struct tpacket_req3. */
export interface RingRequest {
  blockSize: number;
  blocks: number;
  /** Milliseconds after which a block that is not full is handed over. */
  retire: number;
}

const BLOCK = {
  status: layout('bh1_block_status'),
  count: layout('bh1_num_pkts'),
  first: layout('bh1_offset_to_first_pkt'),
} as const;
/** Frames have no size of their own in a ring of blocks: the kernel only wants one that divides the block. */
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

/** Blocks of a TPACKET_V3 ring, where they are. */
export class RingSource implements CaptureSource {
  readonly #ring: Ring;
  readonly #request: RingRequest;
  readonly #link: SourceLink;
  readonly #memory: { readonly view: DataView; readonly bytes: Uint8Array<ArrayBuffer> };
  /** Where a block goes in a runtime that cannot see the ring. */
  readonly #copy: Uint8Array<ArrayBuffer> | undefined;
  #current = 0;

  /**
   * @param fd A packet socket that is not bound.
   * @param given The size of the ring.
   * @param link What its packets begin with.
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
      // Without a ring recvmmsg(2) finds the packets, which else would go where nobody sees them.
      setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request({ blockSize: 0, blocks: 0, retire: 0 }));
      throw error;
    }
    if (this.#ring.buffer === undefined) this.#copy = new Uint8Array(given.blockSize);
    const buffer = this.#ring.buffer ?? this.#copy!.buffer;
    this.#memory = { view: new DataView(buffer), bytes: new Uint8Array(buffer) };
  }

  take(): BlockMemory | undefined {
    const { blockSize } = this.#request;
    const place = this.#current * blockSize;
    if ((this.#ring.load(place + BLOCK.status) & TP_STATUS_USER) === 0) return undefined;
    if (this.#copy !== undefined) this.#ring.read(place, this.#copy);
    const { view } = this.#memory;
    const start = this.#copy === undefined ? place : 0;
    const count = view.getUint32(start + BLOCK.count, LITTLE);
    const first = start + view.getUint32(start + BLOCK.first, LITTLE);
    return new BlockMemory(this.#memory, { first, end: start + blockSize, count }, this.#link);
  }

  give(): void {
    const { blockSize, blocks } = this.#request;
    this.#ring.store(this.#current * blockSize + BLOCK.status, TP_STATUS_KERNEL);
    this.#current = (this.#current + 1) % blocks;
  }

  close(): void {
    this.#ring.close();
  }
}

/** Packets that are taken by one call. */
const MESSAGES = 32;
const CONTROL = CMSG_SPACE(layout('tpacket_auxdata')) + OPTION_ROOM;
/** Where the packet begins, with room for what is put before it. */
const MAC = roundUp(HEADER + ROOM, 16);
const SECOND = 1_000_000_000n;

/** Packets of recvmmsg(2), written as the kernel writes a block. */
export class BatchSource implements CaptureSource {
  readonly #fd: number;
  readonly #batch: MessageBatch;
  readonly #link: SourceLink;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;

  /**
   * @param fd A packet socket that is not bound.
   * @param snaplen The most bytes of a packet.
   * @param link What packets begin with.
   */
  constructor(fd: number, snaplen: number, link: SourceLink) {
    setOption(fd, 'PACKET_AUXDATA', true);
    setOption(fd, 'SO_TIMESTAMPNS', true);
    this.#fd = fd;
    this.#link = link;
    this.#batch = new MessageBatch({ messages: MESSAGES, size: snaplen, controlLength: CONTROL });
    this.#bytes = new Uint8Array(roundUp(MAC + snaplen, 16) * (MESSAGES + 1)); // none begins at 0
    this.#view = new DataView(this.#bytes.buffer);
  }

  take(): BlockMemory | number | undefined {
    const n = recvmmsgNothrow(this.#fd, this.#batch, MSG_DONTWAIT);
    if (n === -EAGAIN || n === -EINTR) return undefined;
    if (n < 0) return n;
    const first = MAC;
    let at = first;
    for (let i = 0; i < n; i++) at += this.#put(i, at);
    return new BlockMemory({ view: this.#view, bytes: this.#bytes }, { first, end: at, count: n }, this.#link);
  }

  /** Writes message i; gives what it took. */
  #put(i: number, at: number): number {
    const batch = this.#batch;
    const view = this.#view;
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
    this.#bytes.fill(0, at + AT.link, at + HEADER);
    this.#bytes.set(batch.name(i).subarray(0, HEADER - AT.link), at + AT.link);
    this.#bytes.set(data, at + MAC);
    return size;
  }

  give(): void {}

  close(): void {}
}
