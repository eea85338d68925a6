/** Captures: packets as they come, for the event loop. */
import { AF_PACKET, SIOCGIFNAME, SO_ERROR, SOL_SOCKET } from '../../posix/constants.ts';
import { invalidType, isSocketError, SocketError } from '../../posix/errno.ts';
import { ifreq, ioctl } from '../../posix/ioctl.ts';
import { layout } from '../../posix/native.ts';
import { LITTLE } from '../../posix/number.ts';
import { getsockopt } from '../../posix/option.ts';
import { getOption } from '../../posix/option-table.ts';
import { getsockname } from '../../posix/socket.ts';
import { listen, unlisten } from '../../socket/abort.ts';
import { Descriptor } from '../../socket/descriptor.ts';
import { AbortError, ClosedError, TimeoutError } from '../../socket/errors.ts';
import { NONE, type WaitOptions, waitOptions } from '../../socket/options.ts';
import { READ } from '../../socket/readiness.ts';
import { type Condition, waitFor } from '../../socket/wait.ts';
import { Block } from './block.ts';
import type { BlockMemory } from './block-memory.ts';
import { type CaptureSource, RingSource } from './capture-source.ts';
import { InterfaceNames } from './interface-names.ts';
import type { Packet } from './packet.ts';

/**
 * What a capture counted since it was opened: struct tpacket_stats_v3.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface CaptureStatistics {
  /** Packets that the filter accepted, those that were dropped among them. */
  received: number;
  /** Packets that found no room. */
  dropped: number;
  /** How often the ring was full. */
  freezes: number;
}

/** Whether a packet socket is bound to no interface any more, as the one that it was bound to is gone. */
function isUnbound(fd: number): boolean {
  const address = getsockname(fd);
  return address?.family === AF_PACKET && 'ifindex' in address && address.ifindex === -1;
}

/** Milliseconds after which what came before an error was handed over: blocks that are not full are within 100. */
const GRACE = 120;

/**
 * Packets as they come: made by `openCapture`.
 *
 * It is read by one loop at a time, over packets (the capture itself) or over blocks (`blocks`), which are faster: they
 * are the ring itself. A packet is valid until the next one is asked for, a block and its packets until the next block
 * is: then the kernel writes over it. `copy` keeps a packet. A loop that is left can be begun again, and goes on.
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
  /** What packets begin with: a LINKTYPE_ number, for files. Of all interfaces it is LINKTYPE_LINUX_SLL2. */
  readonly linktype: number;
  /** Whether packets come through a ring, not by recvmmsg(2). */
  readonly isRing: boolean;
  readonly #descriptor: Descriptor;
  readonly #source: CaptureSource;
  readonly #ifindex: number;
  readonly #names: InterfaceNames;
  readonly #totals: CaptureStatistics = { received: 0, dropped: 0, freezes: 0 };
  readonly #unlisten: () => void;
  readonly #arrival: Condition<void>;
  #memory: BlockMemory | undefined;
  /** Where the loop over packets is in its block. */
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
    if (!(descriptor instanceof Descriptor)) throw invalidType('descriptor', 'that of openCapture');
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

  /** The descriptor, for options; -1 when it was closed. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.fd === -1;
  }

  /**
   * The blocks, as they come: the fast way. The loop ends when the capture is closed.
   *
   * @throws SocketError ENETDOWN: the interface is down, and everything before was given; in a new loop a capture goes on
   *   when it comes up again. ENODEV: the interface was removed. AbortError.
   */
  async *blocks(): AsyncGenerator<Block, void, void> {
    for (;;) {
      const memory = this.#now() ?? (await this.#later(NONE));
      if (memory === undefined) return;
      yield new Block(memory);
    }
  }

  /** The packets, as they come; as `blocks`. */
  [Symbol.asyncIterator](): AsyncGenerator<Packet, void, void> {
    return this.packets();
  }

  /**
   * The packets, as they come, until a wait for the next one is given up: another loop goes on then, as the capture stays
   * open. The signal of `openCapture` closes it.
   *
   * @param options AbortSignal, and timeout of each wait in milliseconds.
   * @throws As `blocks`; TimeoutError.
   */
  async *packets(options: WaitOptions = NONE): AsyncGenerator<Packet, void, void> {
    const wait = waitOptions(options);
    for (;;) {
      while (this.#cursor?.next()) yield this.#cursor.clone();
      const memory = this.#now() ?? (await this.#later(wait));
      if (memory === undefined) return;
      this.#cursor = new Block(memory).cursor();
    }
  }

  /**
   * What was counted since the capture was opened: packet(7), PACKET_STATISTICS, which counts from 0 each time it is read.
   *
   * @throws ClosedError
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
   * The name of an interface that packets came from.
   *
   * @param ifindex The `ifindex` of a packet.
   * @returns Its name; undefined for one that went away before it was asked for.
   */
  interfaceName(ifindex: number): string | undefined {
    return this.#names.of(ifindex);
  }

  /** Gives the memory and the descriptor back. Loops end; views of packets show zeros. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.#unlisten();
    this.#giveBack();
    this.#descriptor.close();
    this.#source.close();
  }

  /** As `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #giveBack(): void {
    if (this.#memory === undefined) return;
    this.#memory.end();
    this.#memory = undefined;
    this.#cursor = undefined;
    this.#source.give();
  }

  /** The next block, if there is one. An error waits until what came before it was given. */
  #take(): BlockMemory | undefined {
    let memory = this.#source.take();
    if (typeof memory === 'number') {
      this.#failure ??= new SocketError(-memory, 'recvmmsg', { interface: this.#name });
      memory = this.#source.take();
    }
    this.#memory = typeof memory === 'number' ? undefined : memory;
    return this.#memory;
  }

  /** Whether a block or an error is there now. */
  #isReady(): boolean {
    if (this.#take() !== undefined) return true;
    if (!this.isRing && this.#failure !== undefined) return true;
    const errno = getsockopt(this.fd, SOL_SOCKET, SO_ERROR);
    if (errno === 0) return false;
    this.#failure ??= new SocketError(errno, 'poll', { interface: this.#name });
    return true;
  }

  /** Gives the last block back. The next one, if it is there. */
  #now(): BlockMemory | undefined {
    if (this.#waiting) throw new Error('A loop over this capture waits already');
    this.#giveBack();
    return this.closed ? undefined : this.#take();
  }

  /** The next block, which was not there yet; undefined when the capture was closed. */
  async #later(options: WaitOptions): Promise<BlockMemory | undefined> {
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

  /** Tells who waits of a block or an error, if there is one. */
  #attempt(resolve: (nothing: void) => void, reject: (error: Error) => void): boolean {
    try {
      if (!this.#isReady()) return false;
      resolve();
    } catch (error) {
      reject(error as Error);
    }
    return true;
  }

  /** Waits for a block or an error. Throws an error when no block from before it can come any more. */
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

  /** Throws what happened. The kernel tells it once; of an interface that is gone it stays true. */
  #fail(): never {
    const failure = this.#failure!;
    if (isUnbound(this.fd)) throw this.#gone() ?? failure;
    this.#failure = undefined;
    throw failure;
  }

  /** What the kernel says of an interface that it says to be down, when there is none. */
  #gone(): SocketError | undefined {
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

  /** The interface that is captured, for errors. */
  get #name(): string | number {
    return this.interfaceName(this.#ifindex) ?? this.#ifindex;
  }
}
