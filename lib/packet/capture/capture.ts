/** Captures deliver packets to the event loop as they arrive. */

import { invalidType } from '../../argument/argument-error.ts';
import { listen, unlisten } from '../../loop/abort.ts';
import { type Condition, waitFor } from '../../loop/condition.ts';
import { Descriptor } from '../../loop/descriptor.ts';
import { AbortError, ClosedError, TimeoutError } from '../../loop/errors.ts';
import { NONE, type WaitOptions, waitOptions } from '../../loop/options.ts';
import { READ } from '../../loop/readiness.ts';
import { LITTLE } from '../../native/byte-order.ts';
import { AF_PACKET, SIOCGIFNAME, SO_ERROR, SOL_SOCKET } from '../../native/constants.ts';
import { layout } from '../../native/native.ts';
import { ifreq, ioctl } from '../../posix/ioctl.ts';
import { getsockopt } from '../../posix/option.ts';
import { getOption } from '../../posix/option-table.ts';
import { getsockname } from '../../posix/socket.ts';
import { isSocketError, SocketError } from '../../struct/errno.ts';
import { NOTHING, ReadyItems } from '../bytes/ready-items.ts';
import { Block } from './block.ts';
import type { BlockMemory } from './block-memory.ts';
import { type CaptureSource, RingSource } from './capture-source.ts';
import { InterfaceNames } from './interface-names.ts';
import type { Packet } from './packet.ts';

/**
 * The counters of a capture since it was opened: struct tpacket_stats_v3.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface CaptureStatistics {
  /** The packets that the filter accepted, including those that were dropped. */
  received: number;
  /** The packets that were dropped because the ring had no room for them. */
  dropped: number;
  /** How many times the ring was full. */
  freezes: number;
}

/** Returns whether a packet socket is no longer bound to any interface, because its interface was removed. */
function isUnbound(fd: number): boolean {
  const address = getsockname(fd);
  return address?.family === AF_PACKET && 'ifindex' in address && address.ifindex === -1;
}

/** Milliseconds to wait for packets that arrived before an error. A partly filled block is handed over within 100. */
const GRACE = 120;

/**
 * A capture delivers packets as they arrive. `openCapture` creates it.
 *
 * One loop at a time can read it, either packet by packet (iterating over the capture itself) or block by block
 * (`blocks`). Blocks are faster because they give direct access to the ring. A packet is valid until the next one is
 * requested; a block and its packets are valid until the next block is requested, because the kernel then overwrites
 * the memory. `copy` keeps a packet. After a loop has ended early, a new loop continues where it stopped.
 *
 * @example
 * const capture = openCapture({ interface: 'lo', immediate: true });
 * sendto(socket(AF_INET, SOCK_DGRAM), 'hello', 0, { family: AF_INET, address: '127.0.0.1', port: 9 });
 * let bytes = 0;
 * for await (const block of capture.blocks()) {
 *   const packet = block.cursor();
 *   while (packet.next()) bytes += packet.originalLength;
 *   if (bytes >= 47) capture.close();
 * }
 * console.log(bytes >= 47); // true
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export class Capture implements AsyncIterable<Packet> {
  /**
   * The link type of the packets: a LINKTYPE_ number, as capture files use it. For all interfaces it is
   * LINKTYPE_LINUX_SLL2.
   */
  readonly linktype: number;
  /** Whether packets arrive through a ring. Otherwise they are read with recvmmsg(2). */
  readonly isRing: boolean;
  readonly #descriptor: Descriptor;
  readonly #source: CaptureSource;
  readonly #ifindex: number;
  readonly #names: InterfaceNames;
  readonly #totals: CaptureStatistics = { received: 0, dropped: 0, freezes: 0 };
  readonly #unlisten: () => void;
  readonly #arrival: Condition<void>;
  #memory: BlockMemory | undefined;
  /** The position of the loop over packets in the current block. */
  #cursor: Packet | undefined;
  #waiting = false;
  #failure: Error | undefined;
  #aborted: AbortError | undefined;

  constructor(
    descriptor: Descriptor,
    source: CaptureSource,
    from: { linktype: number; ifindex: number },
    signal: AbortSignal | undefined,
  ) {
    if (!(descriptor instanceof Descriptor)) throw invalidType('descriptor', 'the descriptor of openCapture');
    const { linktype, ifindex } = from;
    this.linktype = linktype;
    this.#ifindex = ifindex;
    this.#names = new InterfaceNames(ifindex);
    this.isRing = source instanceof RingSource;
    this.#descriptor = descriptor;
    this.#source = source;
    const attempt: Condition<void>['attempt'] = (resolve, reject) => this.#attempt(resolve, reject);
    this.#arrival = { fd: descriptor.fd, kind: READ, syscall: 'poll', owned: true, attempt };
    const abort = () => {
      this.#aborted = new AbortError(signal!, 'poll');
      this.close();
    };
    const member = { abort };
    this.#unlisten = () => signal !== undefined && unlisten(signal, member);
    if (signal !== undefined) listen(signal, member);
  }

  /** The file descriptor, for socket options. It is -1 once the capture is closed. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** Whether the capture is closed. */
  get closed(): boolean {
    return this.fd === -1;
  }

  /**
   * Iterates over the blocks as they arrive, which is the fastest way to read. The loop ends when the capture is
   * closed.
   *
   * @throws SocketError ENETDOWN: the interface is down, and all earlier packets have been delivered; a new loop
   *   continues when the interface comes up again. ENODEV: the interface was removed. AbortError: the signal of
   *   `openCapture` was aborted.
   */
  async *blocks(): AsyncGenerator<Block, void, void> {
    for (;;) {
      const memory = this.#takeNext() ?? (await this.#waitForNext(NONE));
      if (memory === undefined) return;
      yield new Block(memory);
    }
  }

  /** Iterates over the packets as they arrive, with the same errors as `blocks`. */
  [Symbol.asyncIterator](): AsyncGenerator<Packet, void, void> {
    return this.packets();
  }

  /**
   * Iterates over the packets as they arrive. If the wait for the next packet is aborted or times out, the capture
   * stays open and another loop can continue. Only the signal of `openCapture` closes the capture.
   *
   * @param options An AbortSignal, and the timeout of each wait in milliseconds.
   * @throws The same errors as `blocks`; TimeoutError; AbortError.
   */
  packets(options: WaitOptions = NONE): AsyncGenerator<Packet, void, void> {
    let given: WaitOptions | undefined;
    return new ReadyItems<Packet>({
      take: () => {
        given ??= waitOptions(options);
        return this.#cursor?.next() ? this.#cursor.clone() : NOTHING;
      },
      wait: async () => {
        const memory = this.#takeNext() ?? (await this.#waitForNext(given!));
        if (memory !== undefined) this.#cursor = new Block(memory).cursor();
        return memory !== undefined;
      },
    });
  }

  /**
   * Returns the counters since the capture was opened: packet(7), PACKET_STATISTICS. The kernel resets its counters at
   * each read; this method adds them up.
   *
   * @throws ClosedError The capture is closed.
   */
  statistics(): CaptureStatistics {
    if (this.closed) throw new ClosedError('getsockopt');
    const { packets, drops, freezes = 0 } = getOption(this.fd, 'PACKET_STATISTICS');
    const totals = this.#totals;
    totals.received += packets;
    totals.dropped += drops;
    totals.freezes += freezes;
    return { ...totals };
  }

  /**
   * Returns the name of an interface from which packets were captured.
   *
   * @param ifindex The `ifindex` of a packet.
   * @returns The name, or undefined if the interface was removed before its name was first looked up.
   */
  interfaceName(ifindex: number): string | undefined {
    return this.#names.of(ifindex);
  }

  /**
   * Closes the capture and releases its memory and its file descriptor. Loops end, and existing views of packets show
   * zeros. Closing a closed capture does nothing.
   */
  close(): void {
    if (this.closed) return;
    this.#unlisten();
    this.#giveBack();
    this.#descriptor.close();
    this.#source.close();
  }

  /** Closes the capture: see `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the capture: see `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #giveBack(): void {
    if (this.#memory === undefined) return;
    this.#memory.return();
    this.#memory = undefined;
    this.#cursor = undefined;
    this.#source.giveBack();
  }

  /** Returns the next block, if there is one. An error is kept until the packets before it have been delivered. */
  #take(): BlockMemory | undefined {
    let memory = this.#source.take();
    if (typeof memory === 'number') {
      this.#failure ??= new SocketError(-memory, 'recvmmsg', { interface: this.#name });
      memory = this.#source.take();
    }
    this.#memory = typeof memory === 'number' ? undefined : memory;
    return this.#memory;
  }

  /** Returns whether a block or an error is available now. */
  #isReady(): boolean {
    if (this.#take() !== undefined) return true;
    if (!this.isRing && this.#failure !== undefined) return true;
    const errno = getsockopt(this.fd, SOL_SOCKET, SO_ERROR);
    if (errno === 0) return false;
    this.#failure ??= new SocketError(errno, 'poll', { interface: this.#name });
    return true;
  }

  /** Returns the last block to the kernel and takes the next one, if it is available. */
  #takeNext(): BlockMemory | undefined {
    if (this.#waiting) {
      const text = 'Another loop over this capture is already waiting';
      throw Object.assign(new Error(text), { code: 'ERR_CAPTURE_IN_USE' });
    }
    this.#giveBack();
    return this.closed ? undefined : this.#take();
  }

  /** Waits for the next block. The result is undefined when the capture was closed. */
  async #waitForNext(options: WaitOptions): Promise<BlockMemory | undefined> {
    this.#waiting = true;
    try {
      for (let again = false; !this.closed && this.#memory === undefined; again = true) {
        if (!again || this.#take() === undefined) await this.#wait(options);
      }
    } finally {
      this.#waiting = false;
    }
    if (this.#aborted !== undefined) throw this.#aborted;
    return this.#memory;
  }

  /** Resolves or rejects the waiting promise if a block or an error is available. */
  #attempt(resolve: (nothing: void) => void, reject: (error: Error) => void): boolean {
    try {
      if (!this.#isReady()) return false;
      resolve();
    } catch (error) {
      reject(error as Error);
    }
    return true;
  }

  /** Waits for a block or an error. Throws a pending error once no earlier block can arrive any more. */
  async #wait(options: WaitOptions): Promise<void> {
    if (this.#failure !== undefined && !this.isRing) this.#fail();
    const failing = this.#failure !== undefined;
    try {
      await waitFor<void>(this.#arrival, failing ? { signal: options.signal, timeout: GRACE } : options);
    } catch (error) {
      if (failing && error instanceof TimeoutError) this.#fail();
      if (!(error instanceof ClosedError)) throw error;
    }
  }

  /**
   * Throws the pending error. The kernel reports it only once, but for a removed interface the error is kept and thrown
   * again.
   */
  #fail(): never {
    const failure = this.#failure!;
    if (isUnbound(this.fd)) throw this.#removalError() ?? failure;
    this.#failure = undefined;
    throw failure;
  }

  /**
   * Returns the kernel's error for an interface that does not exist any more. For those the socket itself only reports
   * ENETDOWN.
   */
  #removalError(): SocketError | undefined {
    const bytes = ifreq('');
    new DataView(bytes.buffer, bytes.byteOffset).setInt32(layout('ifr_ifru'), this.#ifindex, LITTLE);
    try {
      ioctl(this.fd, SIOCGIFNAME, bytes);
      return undefined;
    } catch (error) {
      if (!isSocketError(error)) throw error;
      return new SocketError(error.errno, error.syscall, { interface: this.#name });
    }
  }

  /** The name or the index of the captured interface, for errors. */
  get #name(): string | number {
    return this.interfaceName(this.#ifindex) ?? this.#ifindex;
  }
}
