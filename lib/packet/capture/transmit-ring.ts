/** Sends packets through a ring that the kernel reads: packet(7), PACKET_TX_RING. */

import { invalidType, outOfRange } from '../../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { integer } from '../../argument/number.ts';
import { assertObject, ownProperty, ownPropertyOr } from '../../argument/snapshot.ts';
import { SEND } from '../../call/transfer.ts';
import { waitFor } from '../../loop/condition.ts';
import { Descriptor, openSocket } from '../../loop/descriptor.ts';
import { ClosedError } from '../../loop/errors.ts';
import type { WaitOptions } from '../../loop/options.ts';
import { WRITE } from '../../loop/readiness.ts';
import {
  AF_PACKET,
  EAGAIN,
  EINTR,
  MSG_DONTWAIT,
  PACKET_TX_RING,
  SOCK_RAW,
  SOL_PACKET,
  TP_STATUS_AVAILABLE,
  TP_STATUS_SEND_REQUEST,
  TP_STATUS_WRONG_FORMAT,
  TPACKET_V2,
} from '../../native/constants.ts';
import { layout, native } from '../../native/native.ts';
import { setsockopt } from '../../posix/option.ts';
import { setOption } from '../../posix/option-table.ts';
import { bind } from '../../posix/socket.ts';
import { SocketError, unlessRefused } from '../../struct/errno.ts';
import { data as bytesOf } from '../bytes/bytes.ts';
import { interfaceIndex } from './interface-index.ts';
import { InterfaceNames } from './interface-names.ts';
import { Ring } from './ring.ts';

/**
 * The interface and the size of a TransmitRing.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface TransmitRingOptions {
  /** The name or the index of the interface. */
  interface: string | number;
  /** The size of the ring in bytes, a multiple of 65536. The default is 1048576. */
  ringSize?: number | undefined;
  /**
   * The size of the slot for a packet in bytes, a power of 2 from 128 to 65536. The kernel uses 32 of them. The default
   * is 2048.
   */
  frameSize?: number | undefined;
}

const NAMES = namesOf<TransmitRingOptions>({ interface: true, ringSize: true, frameSize: true });

const BLOCK = 65536;
const RING_SIZE = 1 << 20;
const FRAME_SIZE = 2048;
/** The size of struct tpacket2_hdr, which precedes the packet. */
const HEADER = layout('tpacket2_hdr');
const STATUS = layout('tp2_status');
const LENGTH = layout('tp2_len');
const NOTHING = new Uint8Array(0);

/**
 * Opens a ring for sending: a packet(7) socket on an interface that sends many packets with one system call. It
 * receives nothing. This requires CAP_NET_RAW.
 *
 * @param options The interface and the size of the ring.
 * @returns The ring. The caller must close it.
 * @throws SocketError EPERM, ENODEV (no such interface), ENOMEM, ENETDOWN; TypeError or RangeError for invalid options.
 * @example
 * const ring = openTransmitRing({ interface: 'lo' });
 * const frame = encodePacket([ethernet({ destination: '00:00:00:00:00:00', source: '00:00:00:00:00:00', etherType: 0x88b5 })]);
 * for (let i = 0; i < 100; i++) ring.push(frame);
 * console.log(ring.send()); // 100
 * await ring.drain();
 * ring.close();
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 * @see https://docs.kernel.org/networking/packet_mmap.html
 */
export function openTransmitRing(options: TransmitRingOptions): TransmitRing {
  onlyKnown(assertObject(options, 'options'), NAMES, 'options');
  const ifindex = interfaceIndex(ownProperty(options, 'interface'));
  const ringSize = integer(ownPropertyOr(options, 'ringSize', RING_SIZE), 'options.ringSize', BLOCK, 0xffffffff);
  if (ringSize % BLOCK !== 0) throw outOfRange('options.ringSize', `a multiple of ${BLOCK}`);
  const frameSize = integer(ownPropertyOr(options, 'frameSize', FRAME_SIZE), 'options.frameSize', 128, BLOCK);
  if (BLOCK % frameSize !== 0) throw outOfRange('options.frameSize', 'a power of 2');
  const descriptor = openSocket(AF_PACKET, SOCK_RAW, 0);
  try {
    const { fd } = descriptor;
    setOption(fd, 'PACKET_VERSION', TPACKET_V2);
    // struct tpacket_req
    const request = new Uint32Array([BLOCK, ringSize / BLOCK, frameSize, ringSize / frameSize]);
    setsockopt(fd, SOL_PACKET, PACKET_TX_RING, request);
    bind(fd, { family: AF_PACKET, ifindex, protocol: 0 });
    return new TransmitRing(descriptor, new Ring(fd, ringSize), ringSize / frameSize, frameSize, ifindex);
  } catch (error) {
    descriptor.close();
    throw error;
  }
}

/**
 * A queue of packets to send, in memory that the kernel reads. `openTransmitRing` creates it. `push` adds a copy of a
 * packet; `frame` and `commit` let the caller write one in place. `send` and `drain` send the packets in order.
 *
 * @example
 * const ring = openTransmitRing({ interface: 'lo' });
 * const place = ring.frame(); // without a copy
 * place?.fill(0, 0, 60).set([0x88, 0xb5], 12);
 * ring.commit(60);
 * await ring.drain();
 * console.log(ring.sent); // 1
 * ring.close();
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export class TransmitRing {
  /** How many packets the ring holds. */
  readonly frames: number;
  /** The maximum length of a packet in bytes. */
  readonly frameRoom: number;
  readonly #descriptor: Descriptor;
  readonly #ring: Ring;
  readonly #frameSize: number;
  /** The name of the interface, for errors, or its index if it was removed at once. */
  readonly #interface: string | number;
  /** The buffer for a packet in a runtime that cannot map the ring into an ArrayBuffer. */
  readonly #copy: Uint8Array | undefined;
  /**
   * The next slot, the number of queued packets before it that the kernel has not accepted yet, and the number that it
   * has accepted.
   */
  #next = 0;
  #queued = 0;
  #sent = 0;

  constructor(descriptor: Descriptor, ring: Ring, frames: number, frameSize: number, ifindex: number) {
    if (!(descriptor instanceof Descriptor)) throw invalidType('descriptor', 'the descriptor of openTransmitRing');
    if (!(ring instanceof Ring)) throw invalidType('ring', 'the ring of openTransmitRing');
    this.frames = frames;
    this.frameRoom = frameSize - HEADER;
    this.#descriptor = descriptor;
    this.#ring = ring;
    this.#frameSize = frameSize;
    this.#interface = new InterfaceNames(ifindex).of(ifindex) ?? ifindex;
    this.#copy = ring.buffer === undefined ? new Uint8Array(this.frameRoom) : undefined;
  }

  /** The file descriptor, for options such as PACKET_QDISC_BYPASS. It is -1 once the ring is closed. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** The total number of packets that the kernel has accepted. */
  get sent(): number {
    return this.#sent;
  }

  /** The number of packets that are in the ring and not accepted by the kernel yet. */
  get queued(): number {
    return this.#queued;
  }

  #open(syscall: string): number {
    if (this.fd === -1) throw new ClosedError(syscall);
    return this.fd;
  }

  /** Returns the offset of a slot in the ring: 0 is the next slot to fill, -1 the last one that was filled. */
  #place(from: number): number {
    return ((this.#next + from + this.frames) % this.frames) * this.#frameSize;
  }

  /**
   * Returns the slot for the next packet, to write it in place. It is valid until `commit`. It is undefined when the
   * ring is full.
   */
  frame(): Uint8Array | undefined {
    this.#open('frame');
    const place = this.#place(0);
    if (this.#queued === this.frames || this.#ring.load(place + STATUS) !== TP_STATUS_AVAILABLE) return undefined;
    return this.#copy ?? new Uint8Array(this.#ring.buffer!, place + HEADER, this.frameRoom);
  }

  /**
   * Queues the packet of `length` bytes that was written to `frame`.
   *
   * @throws RangeError The length exceeds `frameRoom`, or the ring is full.
   */
  commit(length: number): void {
    integer(length, 'length', 0, this.frameRoom);
    if (this.frame() === undefined) throw outOfRange('length', 'the length of a packet that the ring has room for');
    const place = this.#place(0);
    if (this.#copy !== undefined) this.#ring.write(place + HEADER, this.#copy.subarray(0, (length + 3) & ~3));
    this.#ring.store(place + LENGTH, length);
    this.#ring.store(place + STATUS, TP_STATUS_SEND_REQUEST);
    this.#next = (this.#next + 1) % this.frames;
    this.#queued++;
  }

  /**
   * Queues a copy of a packet, where `data` begins with the link-layer header.
   *
   * @returns False when the ring is full. `drain` makes room.
   * @throws RangeError The packet is longer than `frameRoom`.
   */
  push(data: Uint8Array): boolean {
    bytesOf(data, 'data');
    if (data.length > this.frameRoom) throw outOfRange('data', `at most ${this.frameRoom} bytes long`);
    const place = this.frame();
    if (place === undefined) return false;
    place.set(data);
    this.commit(data.length);
    return true;
  }

  /**
   * Sends the queued packets with one send(2) that does not block. It sends as many as the send buffer has room for.
   *
   * @returns The number of packets that the kernel accepted.
   * @throws SocketError EINVAL, EMSGSIZE (a packet is shorter than its link-layer header or longer than the MTU: the
   *   packets before it are sent, it and the packets after it are removed from the ring); ENETDOWN, ENXIO, ENOBUFS (the
   *   packets stay in the ring).
   */
  send(): number {
    const n = unlessRefused(native.send(this.#open('send'), NOTHING, MSG_DONTWAIT), SEND);
    let taken = 0;
    for (; this.#queued > 0; taken++) {
      const status = this.#ring.load(this.#place(-this.#queued) + STATUS);
      if (status === TP_STATUS_SEND_REQUEST) break;
      if ((status & TP_STATUS_WRONG_FORMAT) !== 0) {
        this.#takeOut();
        break;
      }
      this.#queued--;
      this.#sent++;
    }
    if (n < 0 && n !== -EAGAIN && n !== -EINTR) throw new SocketError(-n, SEND.name, { interface: this.#interface });
    return taken;
  }

  /** Removes the queued packets. The kernel starts its next pass at the slot of the packet that it rejected. */
  #takeOut(): void {
    for (; this.#queued > 0; this.#queued--) {
      this.#next = (this.#next + this.frames - 1) % this.frames;
      this.#ring.store(this.#place(0) + STATUS, TP_STATUS_AVAILABLE);
    }
  }

  /**
   * Sends all queued packets and waits until the kernel no longer uses any slot of the ring.
   *
   * @param options An AbortSignal, and the timeout in milliseconds.
   * @throws The same errors as `send`; AbortError, TimeoutError, ClosedError.
   */
  async drain(options: WaitOptions = {}): Promise<void> {
    // The kernel accepts packets when the send buffer has room. No event reports that it has finished with them.
    await this.#until(false, options, () => this.#queued === 0 || (this.send() >= 0 && this.#queued === 0));
    await this.#until(true, options, () => this.#isIdle());
  }

  #isIdle(): boolean {
    for (let i = 0; i < this.frames; i++) {
      if (this.#ring.load(i * this.#frameSize + STATUS) !== TP_STATUS_AVAILABLE) return false;
    }
    return true;
  }

  async #until(retriedByTime: boolean, options: WaitOptions, done: () => boolean): Promise<void> {
    const fd = this.#open('send');
    if (done()) return;
    const attempt = (resolve: () => void, reject: (error: Error) => void) => {
      try {
        if (!done()) return false;
        resolve();
      } catch (error) {
        reject(error as Error);
      }
      return true;
    };
    await waitFor<void>({ fd, kind: WRITE, retriedByTime, syscall: 'send', owned: true, attempt }, options);
  }

  /**
   * Closes the ring and releases its memory and its file descriptor. Packets that were not sent are lost. Closing a
   * closed ring does nothing.
   */
  close(): void {
    if (this.fd === -1) return;
    this.#descriptor.close();
    this.#ring.close();
  }

  /** Closes the ring: see `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the ring: see `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
