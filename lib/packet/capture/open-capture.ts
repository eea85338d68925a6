/** Opening captures: a packet(7) socket with a ring. */
import {
  AF_PACKET,
  ENOMEM,
  ENOPROTOOPT,
  ETH_P_ALL,
  PACKET_MR_PROMISC,
  SOCK_DGRAM,
  SOCK_RAW,
  SOF_TIMESTAMPING_RAW_HARDWARE,
} from '../../posix/constants.ts';
import { invalidValue, isSocketError } from '../../posix/errno.ts';
import { attachFilter, detachFilter, type FilterInstruction } from '../../posix/filter.ts';
import { setOption } from '../../posix/option-table.ts';
import { bind } from '../../posix/socket.ts';
import { type Descriptor, openSocket } from '../../socket/descriptor.ts';
import { AbortError } from '../../socket/errors.ts';
import { programFor, rejectsAll } from '../filter/given.ts';
import { Capture } from './capture.ts';
import { captureProgram, DROP } from './capture-filter.ts';
import { type CaptureLink, linkOf, netmaskOf } from './capture-link.ts';
import { type CaptureOptions, checkOptions, type Given, LARGEST_SNAPLEN, UNIT } from './capture-options.ts';
import { BatchSource, type CaptureSource, RingSource } from './capture-source.ts';
import { cookedProgram } from './cooked-filter.ts';

const RING_SIZE = 32 << 20;
/**
 * How many blocks a ring has, at least, and the milliseconds after which one is handed over that is not full. Of few
 * packets each takes a block of its own: both together say for how long the loop may be busy elsewhere, a second by
 * default. Large blocks wake the loop less often.
 */
const TIMELY = { blocks: 16, largest: RING_SIZE, retire: 100 };
const IMMEDIATE = { blocks: 16, largest: 2 * UNIT, retire: 4 };
/** Blocks of one size that fill the ring. */
function openRing(
  fd: number,
  size: number,
  link: CaptureLink,
  { blocks: least, largest, retire }: typeof TIMELY,
): RingSource {
  const most = size / UNIT;
  let blocks = Math.min(Math.max(least, Math.ceil(size / largest)), most);
  while (most % blocks !== 0) blocks++;
  return new RingSource(fd, { blockSize: size / blocks, blocks, retire }, link);
}

function openSource(
  fd: number,
  { ringSize, immediate, snaplen = LARGEST_SNAPLEN }: Given,
  link: CaptureLink,
): CaptureSource {
  if (ringSize === 0) return new BatchSource(fd, snaplen, link);
  try {
    return openRing(fd, ringSize ?? RING_SIZE, link, immediate ? IMMEDIATE : TIMELY);
  } catch (error) {
    const refused = isSocketError(error) && (error.errno === ENOPROTOOPT || error.errno === ENOMEM);
    if (ringSize === undefined && refused) return new BatchSource(fd, snaplen, link);
    throw error;
  }
}

/** The program of the user's filter, as the kernel is to run it. */
function programOf(fd: number, given: Given, { linktype, cooked }: CaptureLink): FilterInstruction[] | undefined {
  const { filter, snaplen, ifindex } = given;
  if (filter === undefined) return undefined;
  const netmask = 'expression' in filter ? netmaskOf(fd, ifindex) : undefined;
  const program = programFor(filter, linktype, snaplen ?? EVERY_BYTE, netmask);
  if (rejectsAll(filter, program)) {
    throw invalidValue('options.filter', 'one that a packet of this interface can pass: it rejects all packets');
  }
  return cooked ? cookedProgram(program) : program;
}

const EVERY_BYTE = 0xffffffff;

/** No packet comes before all else is in place. */
function start(fd: number, given: Given, link: CaptureLink): void {
  const { ifindex, snaplen, promiscuous, fanout, direction, loopbackTwice, hardwareTimestamps } = given;
  const own = programOf(fd, given, link);
  if (hardwareTimestamps) setOption(fd, 'PACKET_TIMESTAMP', SOF_TIMESTAMPING_RAW_HARDWARE);
  if (direction === 'in') setOption(fd, 'PACKET_IGNORE_OUTGOING', true);
  // What a group receives is not up to the option of its members but to a flag of its own, which kernels before Linux 6.2
  // ignore: there the program is what drops the packets that are sent.
  const isJudged = direction === 'out' || (direction === 'in' && fanout !== undefined);
  const once = direction === 'both' && link.loopback && !loopbackTwice ? 'once' : undefined;
  const program = captureProgram(own, snaplen, isJudged ? (direction as 'in' | 'out') : once);
  // A group is joined by who is bound: what comes before is dropped.
  const first = fanout !== undefined ? DROP : program;
  if (first !== undefined) attachFilter(fd, first);
  bind(fd, { family: AF_PACKET, ifindex, protocol: ETH_P_ALL });
  if (promiscuous) setOption(fd, 'PACKET_ADD_MEMBERSHIP', { ifindex, type: PACKET_MR_PROMISC });
  if (fanout === undefined) return;
  setOption(fd, 'PACKET_FANOUT', fanout);
  if (program === undefined) detachFilter(fd);
  else attachFilter(fd, program);
}

/** The socket of a capture: what has no link-layer header of one kind comes without it. */
function openFor(ifindex: number): { descriptor: Descriptor; link: CaptureLink } {
  const descriptor = openSocket(AF_PACKET, ifindex === 0 ? SOCK_DGRAM : SOCK_RAW, 0);
  try {
    const link = linkOf(descriptor.fd, ifindex);
    if (!link.cooked || ifindex === 0) return { descriptor, link };
    descriptor.close();
    return { descriptor: openSocket(AF_PACKET, SOCK_DGRAM, 0), link };
  } catch (error) {
    descriptor.close();
    throw error;
  }
}

/**
 * Opens a capture: a packet(7) socket with a ring, which the kernel fills from now on. Needs CAP_NET_RAW.
 *
 * Packets of all interfaces, and of a kind of link that has no link type here, begin with a header of LINUX_SLL2 in place
 * of their own, as those of `tcpdump -i any`: filters, decoders and files take them as one link type.
 *
 * @param options The interface, the filter, and how much; all packets of all interfaces unless given.
 * @returns A Capture, which must be closed.
 * @throws SocketError EPERM, ENODEV (no such interface), EINVAL (the program, a ring of this size), ENOMEM; AbortError;
 *   TypeError or RangeError for other options. An interface that is down is told by the first loop: ENETDOWN.
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
  const given = checkOptions(options);
  if (given.signal?.aborted) throw new AbortError(given.signal, 'openCapture');
  const { descriptor, link } = openFor(given.ifindex);
  let source: CaptureSource | undefined;
  try {
    source = openSource(descriptor.fd, given, link);
    start(descriptor.fd, given, link);
    return new Capture(descriptor, source, { linktype: link.linktype, ifindex: given.ifindex }, given.signal);
  } catch (error) {
    source?.close();
    descriptor.close();
    throw error;
  }
}
