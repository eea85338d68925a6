/** Sending packets through a ring that the kernel reads: packet(7), PACKET_TX_RING. */

import { SEND } from '../../posix/calls.ts';
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
} from '../../posix/constants.ts';
import { invalidType, outOfRange, SocketError, settle } from '../../posix/errno.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { layout, native } from '../../posix/native.ts';
import { integer } from '../../posix/number.ts';
import { setsockopt } from '../../posix/option.ts';
import { setOption } from '../../posix/option-table.ts';
import { object, own, ownOr } from '../../posix/snapshot.ts';
import { bind } from '../../posix/socket.ts';
import { Descriptor, openSocket } from '../../socket/descriptor.ts';
import { ClosedError } from '../../socket/errors.ts';
import type { WaitOptions } from '../../socket/options.ts';
import { WRITE } from '../../socket/readiness.ts';
import { waitFor } from '../../socket/wait.ts';
import { data as bytesOf } from '../bytes.ts';
import { interfaceIndex } from './interface-index.ts';
import { InterfaceNames } from './interface-names.ts';
import { Ring } from './ring.ts';

/**
 * Where a TransmitRing sends to, and how much it holds.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface TransmitRingOptions {
  /** The name or the index of the interface. */
  interface: string | number;
  /** The size of the ring in bytes, a multiple of 65536; 1048576 unless given. */
  ringSize?: number | undefined;
  /** The size of the place of a packet, 32 bytes for the kernel among them: a power of 2 from 128 to 65536; 2048. */
  frameSize?: number | undefined;
}

const NAMES = namesOf<TransmitRingOptions>({ interface: true, ringSize: true, frameSize: true });

const BLOCK = 65536;
const RING_SIZE = 1 << 20;
const FRAME_SIZE = 2048;
/** Before the packet: struct tpacket2_hdr. */
const HEADER = layout('tpacket2_hdr');
const STATUS = layout('tp2_status');
const LENGTH = layout('tp2_len');
const NOTHING = new Uint8Array(0);

/**
 * Opens a ring for sending: a packet(7) socket on an interface, to which packets go by one system call for many. It
 * receives nothing. Needs CAP_NET_RAW.
 *
 * @param options The interface, and how much the ring holds.
 * @returns A TransmitRing, which must be closed.
 * @throws SocketError EPERM, ENODEV (no such interface), ENOMEM, ENETDOWN; TypeError or RangeError for other options.
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
  onlyKnown(object(options, 'options'), NAMES, 'options');
  const ifindex = interfaceIndex(own(options, 'interface'));
  const ringSize = integer(ownOr(options, 'ringSize', RING_SIZE), 'options.ringSize', BLOCK, 0xffffffff);
  if (ringSize % BLOCK !== 0) throw outOfRange('options.ringSize', `a multiple of ${BLOCK}`);
  const frameSize = integer(ownOr(options, 'frameSize', FRAME_SIZE), 'options.frameSize', 128, BLOCK);
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
 * Packets to send, in memory that the kernel reads: made by `openTransmitRing`. Those that are put in with `push`, or
 * written in place with `frame` and `commit`, go out in their order with `send` or `drain`.
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
  /** How many packets it holds. */
  readonly frames: number;
  /** The most bytes of a packet. */
  readonly frameRoom: number;
  readonly #descriptor: Descriptor;
  readonly #ring: Ring;
  readonly #frameSize: number;
  /** Its name, for errors; the index of one that went away at once. */
  readonly #interface: string | number;
  /** Where a packet is written in a runtime that cannot see the ring. */
  readonly #copy: Uint8Array | undefined;
  /** The next place, the packets before it that the kernel has not taken, and how many it has. */
  #next = 0;
  #queued = 0;
  #sent = 0;

  constructor(descriptor: Descriptor, ring: Ring, frames: number, frameSize: number, ifindex: number) {
    if (!(descriptor instanceof Descriptor)) throw invalidType('descriptor', 'that of openTransmitRing');
    if (!(ring instanceof Ring)) throw invalidType('ring', 'that of openTransmitRing');
    this.frames = frames;
    this.frameRoom = frameSize - HEADER;
    this.#descriptor = descriptor;
    this.#ring = ring;
    this.#frameSize = frameSize;
    this.#interface = new InterfaceNames(ifindex).of(ifindex) ?? ifindex;
    this.#copy = ring.buffer === undefined ? new Uint8Array(this.frameRoom) : undefined;
  }

  /** The descriptor, for options (PACKET_QDISC_BYPASS); -1 when it was closed. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** How many packets the kernel has taken, in all. */
  get sent(): number {
    return this.#sent;
  }

  /** How many packets are put in and not taken. */
  get queued(): number {
    return this.#queued;
  }

  #open(syscall: string): number {
    if (this.fd === -1) throw new ClosedError(syscall);
    return this.fd;
  }

  /** Where a packet is in the ring: 0 is the next one to put in, -1 the last one. */
  #place(from: number): number {
    return ((this.#next + from + this.frames) % this.frames) * this.#frameSize;
  }

  /** The place of the next packet, to write it there: valid until `commit`. Undefined when the ring is full. */
  frame(): Uint8Array | undefined {
    this.#open('frame');
    const place = this.#place(0);
    if (this.#queued === this.frames || this.#ring.load(place + STATUS) !== TP_STATUS_AVAILABLE) return undefined;
    return this.#copy ?? new Uint8Array(this.#ring.buffer!, place + HEADER, this.frameRoom);
  }

  /**
   * Puts the packet in that was written to `frame`, by its `length`.
   *
   * @throws RangeError for a length beyond `frameRoom`, or when the ring is full.
   */
  commit(length: number): void {
    integer(length, 'length', 0, this.frameRoom);
    if (this.frame() === undefined) throw outOfRange('length', 'that of a packet for which there is room');
    const place = this.#place(0);
    if (this.#copy !== undefined) this.#ring.write(place + HEADER, this.#copy.subarray(0, (length + 3) & ~3));
    this.#ring.store(place + LENGTH, length);
    this.#ring.store(place + STATUS, TP_STATUS_SEND_REQUEST);
    this.#next = (this.#next + 1) % this.frames;
    this.#queued++;
  }

  /**
   * Puts a packet in, from its link-layer header on: `data` is copied.
   *
   * @returns False when the ring is full: `drain` makes room.
   * @throws RangeError for one that is longer than `frameRoom`.
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
   * Sends what is put in, by one send(2) that does not wait: as much as the send buffer has room for.
   *
   * @returns How many packets the kernel took.
   * @throws SocketError EINVAL, EMSGSIZE (a packet is shorter than its header, or longer than the MTU: those before it
   *   are sent, those behind it taken out of the ring); ENETDOWN, ENXIO, ENOBUFS (packets stay in the ring).
   */
  send(): number {
    const n = settle(native.send(this.#open('send'), NOTHING, MSG_DONTWAIT), SEND);
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

  /** The kernel begins its next look at the packet that it refused. */
  #takeOut(): void {
    for (; this.#queued > 0; this.#queued--) {
      this.#next = (this.#next + this.frames - 1) % this.frames;
      this.#ring.store(this.#place(0) + STATUS, TP_STATUS_AVAILABLE);
    }
  }

  /**
   * Sends all that is put in, and waits until the kernel needs none of the ring any more.
   *
   * @param options AbortSignal, and timeout in milliseconds.
   * @throws As `send`; AbortError, TimeoutError, ClosedError.
   */
  async drain(options: WaitOptions = {}): Promise<void> {
    // Taken: when the send buffer has room. Gone: no event tells.
    await this.#until(false, options, () => this.#queued === 0 || (this.send() >= 0 && this.#queued === 0));
    await this.#until(true, options, () => this.#isIdle());
  }

  #isIdle(): boolean {
    for (let i = 0; i < this.frames; i++) {
      if (this.#ring.load(i * this.#frameSize + STATUS) !== TP_STATUS_AVAILABLE) return false;
    }
    return true;
  }

  async #until(eventless: boolean, options: WaitOptions, done: () => boolean): Promise<void> {
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
    await waitFor<void>({ fd, kind: WRITE, eventless, syscall: 'send', owned: true, attempt }, options);
  }

  /** Gives the memory and the descriptor back; what was not sent is lost. Idempotent. */
  close(): void {
    if (this.fd === -1) return;
    this.#descriptor.close();
    this.#ring.close();
  }

  /** As `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
