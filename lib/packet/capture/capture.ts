/** Capturing packets: packet(7) sockets with a ring, for the event loop. */

import {
  AF_PACKET,
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  ARPHRD_NONE,
  ARPHRD_RAWIP,
  ARPHRD_SIT,
  ARPHRD_TUNNEL,
  ARPHRD_TUNNEL6,
  ENOMEM,
  ENOPROTOOPT,
  ETH_P_ALL,
  PACKET_FANOUT_FLAG_IGNORE_OUTGOING,
  PACKET_MR_PROMISC,
  SIOCGIFHWADDR,
  SO_ERROR,
  SOCK_RAW,
  SOF_TIMESTAMPING_RAW_HARDWARE,
  SOL_SOCKET,
} from '../../posix/constants.ts';
import { invalidType, invalidValue, isSocketError, outOfRange, SocketError } from '../../posix/errno.ts';
import { attachFilter, detachFilter } from '../../posix/filter.ts';
import { if_indextoname } from '../../posix/interface.ts';
import { ifreq, ioctl } from '../../posix/ioctl.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { layout } from '../../posix/native.ts';
import { LITTLE } from '../../posix/number.ts';
import { getsockopt } from '../../posix/option.ts';
import { getOption, setOption } from '../../posix/option-table.ts';
import { type Fanout, fanoutFields } from '../../posix/option-value.ts';
import { object, own, ownOr } from '../../posix/snapshot.ts';
import { bind, getsockname } from '../../posix/socket.ts';
import { listen, unlisten } from '../../socket/abort.ts';
import { Descriptor, openSocket } from '../../socket/descriptor.ts';
import { AbortError, ClosedError, TimeoutError } from '../../socket/errors.ts';
import { optionalSignal } from '../../socket/options.ts';
import { READ } from '../../socket/readiness.ts';
import { waitFor } from '../../socket/wait.ts';
import { uint } from '../bytes.ts';
import { type PacketFilter, programFor, type ReadFilter, readFilter } from '../filter/given.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../linktype.ts';
import { Block, type BlockMemory, type Packet } from './block.ts';
import { captureProgram, DROP } from './capture-filter.ts';
import { BatchSource, type CaptureSource, RingSource } from './capture-source.ts';
import { interfaceIndex } from './interface-index.ts';

/**
 * What is to be captured, and how.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface CaptureOptions {
  /** The name or the index of an interface. All interfaces unless given. */
  interface?: string | number | undefined;
  /**
   * Only packets that it accepts are captured, none from before it: text in the language of pcap-filter(7), as
   * `'tcp port 80'`, or an expression, compiled for the link type of the interface; or a program of classic BPF. The kernel
   * runs it on frames without the VLAN tag that their driver took out.
   */
  filter?: PacketFilter | undefined;
  /** The most bytes of a packet, 1 to 262144, and 4 for a VLAN tag that is put back. All unless given. */
  snaplen?: number | undefined;
  /** Whether the interface shall take frames for other stations too, as long as the capture is open. */
  promiscuous?: boolean | undefined;
  /** Hands a packet over within 4 ms, not within 100 ms, for answers that are waited for; but in more, smaller blocks. */
  immediate?: boolean | undefined;
  /**
   * The size of the ring in bytes, a multiple of 65536, which the kernel keeps in memory; 0 for none. 33554432 unless
   * given, and none where the kernel has no rings (ENOPROTOOPT) or no memory (ENOMEM).
   */
  ringSize?: number | undefined;
  /**
   * Shares the packets with the captures of a group: PACKET_FANOUT. All of them have the same type and flags, and with
   * `direction: 'in'` the flag PACKET_FANOUT_FLAG_IGNORE_OUTGOING is one of these.
   */
  fanout?: Fanout | undefined;
  /** Whether received packets, sent packets or both are wanted; both unless given. */
  direction?: 'in' | 'out' | 'both' | undefined;
  /** Timestamps of the network card, where it makes them (SIOCSHWTSTAMP): TP_STATUS_TS_RAW_HARDWARE tells. */
  hardwareTimestamps?: boolean | undefined;
  /** Closes the capture; iterations reject with an AbortError. */
  signal?: AbortSignal | undefined;
}

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

const UNIT = 65536;
const RING_SIZE = 32 << 20;
const LARGEST_SNAPLEN = 262144;
/**
 * How many blocks a ring has, at least, and the milliseconds after which one is handed over that is not full. Of few
 * packets each takes a block of its own: both together say for how long the loop may be busy elsewhere, a second by
 * default. Large blocks wake the loop less often.
 */
const TIMELY = { blocks: 16, largest: RING_SIZE, retire: 100 };
const IMMEDIATE = { blocks: 16, largest: 2 * UNIT, retire: 4 };
/** Milliseconds after which what came before an error was handed over. */
const GRACE = TIMELY.retire + 20;

const NAMES = namesOf<CaptureOptions>({
  interface: true,
  filter: true,
  snaplen: true,
  promiscuous: true,
  immediate: true,
  ringSize: true,
  fanout: true,
  direction: true,
  hardwareTimestamps: true,
  signal: true,
});

interface Given extends Omit<CaptureOptions, 'filter'> {
  ifindex: number;
  filter: ReadFilter | undefined;
}

function check(options: CaptureOptions): Given {
  onlyKnown(object(options, 'options'), NAMES, 'options');
  const ifindex = interfaceIndex(ownOr(options, 'interface', 0));
  const snaplen = own(options, 'snaplen');
  if (snaplen !== undefined && uint(snaplen, LARGEST_SNAPLEN, 'options.snaplen') === 0) {
    throw outOfRange('options.snaplen', `an integer from 1 to ${LARGEST_SNAPLEN}`);
  }
  const ringSize = own(options, 'ringSize');
  if (ringSize !== undefined && uint(ringSize, 0xffffffff, 'options.ringSize') % UNIT !== 0) {
    throw outOfRange('options.ringSize', `a multiple of ${UNIT}`);
  }
  const direction = ownOr(options, 'direction', 'both');
  if (!['in', 'out', 'both'].includes(direction)) throw invalidValue('options.direction', "'in', 'out' or 'both'");
  const signal = optionalSignal(own(options, 'signal'), 'options.signal');
  const filter = own(options, 'filter');
  return {
    ifindex,
    filter: filter === undefined ? undefined : readFilter(filter),
    snaplen,
    promiscuous: own(options, 'promiscuous') === true,
    immediate: own(options, 'immediate') === true,
    ringSize,
    fanout: fanoutOf(own(options, 'fanout'), direction),
    direction,
    hardwareTimestamps: own(options, 'hardwareTimestamps') === true,
    signal,
  };
}

/** The group, which ignores the packets that are sent when only received ones are wanted. */
function fanoutOf(fanout: Fanout | undefined, direction: string): Fanout | undefined {
  if (fanout === undefined) return undefined;
  const given = fanoutFields(fanout, 'options.fanout');
  if (direction === 'in') given.flags |= PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
  return given;
}

/** Blocks of one size that fill the ring. */
function openRing(fd: number, size: number, { blocks: least, largest, retire }: typeof TIMELY): RingSource {
  const most = size / UNIT;
  let blocks = Math.min(Math.max(least, Math.ceil(size / largest)), most);
  while (most % blocks !== 0) blocks++;
  return new RingSource(fd, { blockSize: size / blocks, blocks, retire });
}

function openSource(fd: number, { ringSize, immediate, snaplen = LARGEST_SNAPLEN }: Given): CaptureSource {
  if (ringSize === 0) return new BatchSource(fd, snaplen);
  try {
    return openRing(fd, ringSize ?? RING_SIZE, immediate ? IMMEDIATE : TIMELY);
  } catch (error) {
    const refused = isSocketError(error) && (error.errno === ENOPROTOOPT || error.errno === ENOMEM);
    if (ringSize === undefined && refused) return new BatchSource(fd, snaplen);
    throw error;
  }
}

const EVERY_BYTE = 0xffffffff;

/** No packet comes before all else is in place. Gives the link type. */
function start(fd: number, given: Given): number | undefined {
  const { ifindex, filter, snaplen, promiscuous, fanout, direction, hardwareTimestamps } = given;
  if (hardwareTimestamps) setOption(fd, 'PACKET_TIMESTAMP', SOF_TIMESTAMPING_RAW_HARDWARE);
  if (direction === 'in') setOption(fd, 'PACKET_IGNORE_OUTGOING', true);
  // What a group receives is not up to the option of its members but to a flag of its own, which kernels before Linux 6.2
  // ignore: there the program is what drops the packets that are sent.
  const judged = direction === 'out' || (direction === 'in' && fanout !== undefined) ? direction : undefined;
  // A group is joined by who is bound, and the link type of the filter is that of the interface: what comes before is dropped.
  const isLater = fanout !== undefined || filter !== undefined;
  const first = isLater ? DROP : captureProgram(undefined, snaplen, judged);
  if (first !== undefined) attachFilter(fd, first);
  bind(fd, { family: AF_PACKET, ifindex, protocol: ETH_P_ALL });
  if (promiscuous) setOption(fd, 'PACKET_ADD_MEMBERSHIP', { ifindex, type: PACKET_MR_PROMISC });
  if (fanout !== undefined) setOption(fd, 'PACKET_FANOUT', fanout);
  const linktype = linktypeOf(fd, ifindex);
  if (!isLater) return linktype;
  const own = filter === undefined ? undefined : programFor(filter, linktype, snaplen ?? EVERY_BYTE);
  if (filter !== undefined && 'expression' in filter && own?.length === 1 && own[0]!.k === 0) {
    throw invalidValue('options.filter', 'one that a packet of this interface can pass: it rejects all packets');
  }
  const program = captureProgram(own, snaplen, judged);
  if (program === undefined) detachFilter(fd);
  else attachFilter(fd, program);
  return linktype;
}

const LINKTYPES = new Map<number, number>([
  [ARPHRD_ETHER, LINKTYPE_ETHERNET],
  [ARPHRD_LOOPBACK, LINKTYPE_ETHERNET],
  [ARPHRD_NONE, LINKTYPE_RAW],
  [ARPHRD_RAWIP, LINKTYPE_RAW],
  [ARPHRD_TUNNEL, LINKTYPE_RAW],
  [ARPHRD_TUNNEL6, LINKTYPE_RAW],
  [ARPHRD_SIT, LINKTYPE_RAW],
]);

/** The link type of an interface; of all interfaces together, which Ethernet stands for, each packet has its own. */
function linktypeOf(fd: number, ifindex: number): number | undefined {
  if (ifindex === 0) return LINKTYPE_ETHERNET;
  const bytes = ifreq(if_indextoname(ifindex));
  ioctl(fd, SIOCGIFHWADDR, bytes);
  const hatype = new DataView(bytes.buffer, bytes.byteOffset).getUint16(layout('ifr_ifru'), LITTLE);
  return LINKTYPES.get(hatype);
}

/**
 * Opens a capture: a packet(7) socket with a ring, which the kernel fills from now on. Needs CAP_NET_RAW.
 *
 * @param options The interface, the filter, and how much; all packets of all interfaces unless given.
 * @returns A Capture, which must be closed.
 * @throws SocketError EPERM, ENODEV (no such interface), EINVAL (the program, a ring of this size), ENOMEM, ENETDOWN (the
 *   interface is down); AbortError; TypeError or RangeError for other options.
 * @example
 * const capture = openCapture({ interface: 'lo', filter: 'udp dst port 9', immediate: true });
 * sendto(socket(AF_INET, SOCK_DGRAM), 'hello', 0, { family: AF_INET, address: '127.0.0.1', port: 9 });
 * for await (const packet of capture) {
 *   console.log(packet.originalLength, new PacketView().of(packet.data).destinationPort); // 47 9
 *   break;
 * }
 * capture.close();
 * @example
 * const { writeSync, openSync } = await import('node:fs');
 * const file = openSync('lo.pcap', 'w');
 * const writer = new PcapWriter((bytes) => writeSync(file, bytes));
 * const capture = openCapture({ interface: 'lo' });
 * setTimeout(() => capture.close(), 50);
 * for await (const packet of capture) writer.write(packet);
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 * @see https://docs.kernel.org/networking/packet_mmap.html
 */
export function openCapture(options: CaptureOptions = {}): Capture {
  const given = check(options);
  if (given.signal?.aborted) throw new AbortError(given.signal, 'openCapture');
  const descriptor = openSocket(AF_PACKET, SOCK_RAW, 0);
  let source: CaptureSource | undefined;
  try {
    source = openSource(descriptor.fd, given);
    const linktype = start(descriptor.fd, given);
    return new Capture(descriptor, source, linktype, given.signal);
  } catch (error) {
    source?.close();
    descriptor.close();
    throw error;
  }
}

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
 *   if (bytes >= 2 * 47) capture.close(); // sent, and received
 * }
 * console.log(bytes >= 94); // true
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export class Capture implements AsyncIterable<Packet> {
  /** What packets begin with: a LINKTYPE_ number, for files; undefined for a kind of link that has none here. */
  readonly linktype: number | undefined;
  /** Whether packets come through a ring, not by recvmmsg(2). */
  readonly isRing: boolean;
  readonly #descriptor: Descriptor;
  readonly #source: CaptureSource;
  readonly #totals: CaptureStatistics = { received: 0, dropped: 0, freezes: 0 };
  readonly #unlisten: () => void;
  #memory: BlockMemory | undefined;
  /** Where the loop over packets is in its block. */
  #cursor: Packet | undefined;
  #waiting = false;
  #failure: Error | undefined;
  #aborted: AbortError | undefined;

  constructor(
    descriptor: Descriptor,
    source: CaptureSource,
    linktype: number | undefined,
    signal: AbortSignal | undefined,
  ) {
    if (!(descriptor instanceof Descriptor)) throw invalidType('descriptor', 'that of openCapture');
    this.linktype = linktype;
    this.isRing = source instanceof RingSource;
    this.#descriptor = descriptor;
    this.#source = source;
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
   * @throws SocketError ENETDOWN: the interface went down or away, and everything before was given. In a new loop a
   *   capture goes on when the interface comes up again; AbortError.
   */
  async *blocks(): AsyncGenerator<Block, void, void> {
    for (let memory = await this.#next(); memory !== undefined; memory = await this.#next()) yield new Block(memory);
  }

  /** The packets, as they come; as `blocks`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Packet, void, void> {
    for (;;) {
      while (this.#cursor?.next()) yield this.#cursor.clone();
      const memory = await this.#next();
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
    this.#memory.held = false;
    this.#memory = undefined;
    this.#cursor = undefined;
    this.#source.give();
  }

  /** The next block, if there is one. An error waits until what came before it was given. */
  #take(): BlockMemory | undefined {
    let memory = this.#source.take();
    if (typeof memory === 'number') {
      this.#failure ??= new SocketError(-memory, 'recvmmsg');
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
    this.#failure ??= new SocketError(errno, 'poll');
    return true;
  }

  /** The next block, when it is there; undefined when the capture was closed. */
  async #next(): Promise<BlockMemory | undefined> {
    if (this.#waiting) throw new Error('A loop over this capture waits already');
    this.#giveBack();
    this.#waiting = true;
    try {
      while (!this.closed && this.#memory === undefined && this.#take() === undefined) await this.#wait();
    } finally {
      this.#waiting = false;
    }
    if (this.#aborted !== undefined) throw this.#aborted;
    return this.#memory;
  }

  /** Waits for a block or an error. Throws an error when no block from before it can come any more. */
  async #wait(): Promise<void> {
    if (this.#failure !== undefined && !this.isRing) this.#fail();
    const attempt = (resolve: () => void, reject: (error: Error) => void) => {
      try {
        if (!this.#isReady()) return false;
        resolve();
      } catch (error) {
        reject(error as Error);
      }
      return true;
    };
    const timeout = this.#failure === undefined ? undefined : GRACE;
    try {
      await waitFor<void>({ fd: this.fd, kind: READ, syscall: 'poll', owned: true, attempt }, { timeout });
    } catch (error) {
      if (error instanceof TimeoutError) this.#fail();
      if (!(error instanceof ClosedError)) throw error;
    }
  }

  /** Throws what happened. The kernel tells it once; of an interface that is gone it stays true. */
  #fail(): never {
    const failure = this.#failure!;
    const address = getsockname(this.fd);
    const gone = address?.family === AF_PACKET && 'ifindex' in address && address.ifindex === -1;
    if (!gone) this.#failure = undefined;
    throw failure;
  }
}
