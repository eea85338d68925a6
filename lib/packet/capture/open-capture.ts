/** Opens captures: packet(7) sockets with a ring. */

import { invalidValue } from '../../argument/argument-error.ts';
import { type Descriptor, openSocket } from '../../loop/descriptor.ts';
import { AbortError } from '../../loop/errors.ts';
import * as constants from '../../native/constants.ts';
import { attachFilter, detachFilter, type FilterInstruction } from '../../posix/filter.ts';
import { setOption } from '../../posix/option-table.ts';
import { bind } from '../../posix/socket.ts';
import { isSocketError } from '../../struct/errno.ts';
import { programFor, rejection } from '../filter/given.ts';
import { reasonAt } from '../filter/refusal.ts';
import { Capture } from './capture.ts';
import { captureProgram, DROP } from './capture-filter.ts';
import { type CaptureLink, linkOf, netmaskOf } from './capture-link.ts';
import { type CaptureOptions, checkOptions, type Given, LARGEST_SNAPLEN, UNIT } from './capture-options.ts';
import { BatchSource, type CaptureSource, RingSource } from './capture-source.ts';
import { cookedProgram } from './cooked-filter.ts';

const RING_SIZE = 32 << 20;
/**
 * The minimum number of blocks of a ring, and the milliseconds after which a partly filled block is handed over. At a
 * low packet rate each packet takes up a block of its own. Together, the two values therefore determine how long the
 * event loop may be busy with other work: more than a second by default. Larger blocks wake the event loop less often.
 */
const TIMELY = { blocks: 16, largest: RING_SIZE, retire: 100 };
const IMMEDIATE = { blocks: 16, largest: 2 * UNIT, retire: 4 };
/** Opens a ring of blocks of equal size that together fill it. */
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
    const refused = isSocketError(error) && (error.errno === constants.ENOPROTOOPT || error.errno === constants.ENOMEM);
    if (ringSize === undefined && refused) return new BatchSource(fd, snaplen, link);
    throw error;
  }
}

/** Returns the user's filter as the program that the kernel is to run. */
function programOf(fd: number, given: Given, { linktype, cooked }: CaptureLink): FilterInstruction[] | undefined {
  const { filter, snaplen, ifindex } = given;
  if (filter === undefined) return undefined;
  const netmask = 'expression' in filter ? netmaskOf(fd, ifindex) : undefined;
  const program = programFor(filter, linktype, snaplen ?? EVERY_BYTE, netmask);
  const contradiction = linktype === undefined ? undefined : rejection(filter, program, linktype, netmask);
  if (contradiction !== undefined) {
    const { at, reason } = contradiction;
    const why = reasonAt(at, `it rejects all packets: ${reason}`);
    throw invalidValue('options.filter', `a filter that accepts some packets of this interface, but ${why}`);
  }
  return cooked ? cookedProgram(program) : program;
}

const EVERY_BYTE = 0xffffffff;

/** Configures the socket so that no packet is delivered before everything is in place. */
function start(fd: number, given: Given, link: CaptureLink): void {
  const { ifindex, snaplen, promiscuous, fanout, direction, loopbackTwice, hardwareTimestamps } = given;
  const own = programOf(fd, given, link);
  if (hardwareTimestamps) setOption(fd, 'PACKET_TIMESTAMP', constants.SOF_TIMESTAMPING_RAW_HARDWARE);
  if (direction === 'in') setOption(fd, 'PACKET_IGNORE_OUTGOING', true);
  // The option of a member does not decide what a fanout group receives. A flag of the group does, and kernels before
  // Linux 6.2 ignore that flag. On those kernels the filter program drops the outgoing packets.
  const isJudged = direction === 'out' || (direction === 'in' && fanout !== undefined);
  const once = direction === 'both' && link.loopback && !loopbackTwice ? 'once' : undefined;
  const program = captureProgram(own, snaplen, isJudged ? (direction as 'in' | 'out') : once);
  // Only a bound socket can join a group. The packets that arrive before it has joined are dropped.
  const first = fanout !== undefined ? DROP : program;
  if (first !== undefined) attachFilter(fd, first);
  bind(fd, { family: constants.AF_PACKET, ifindex, protocol: constants.ETH_P_ALL });
  if (promiscuous) setOption(fd, 'PACKET_ADD_MEMBERSHIP', { ifindex, type: constants.PACKET_MR_PROMISC });
  if (fanout === undefined) return;
  setOption(fd, 'PACKET_FANOUT', fanout);
  if (program === undefined) detachFilter(fd);
  else attachFilter(fd, program);
}

/**
 * Opens the socket of a capture. If the packets have no uniform link-layer header, they are captured without it
 * (SOCK_DGRAM).
 */
function openFor(ifindex: number): { descriptor: Descriptor; link: CaptureLink } {
  const descriptor = openSocket(constants.AF_PACKET, ifindex === 0 ? constants.SOCK_DGRAM : constants.SOCK_RAW, 0);
  try {
    const link = linkOf(descriptor.fd, ifindex);
    if (!link.cooked || ifindex === 0) return { descriptor, link };
    descriptor.close();
    return { descriptor: openSocket(constants.AF_PACKET, constants.SOCK_DGRAM, 0), link };
  } catch (error) {
    descriptor.close();
    throw error;
  }
}

/**
 * Opens a capture: a packet(7) socket with a ring, which the kernel fills from then on. This requires CAP_NET_RAW.
 *
 * Packets from all interfaces, and from an interface whose link-layer header this library does not support, begin with
 * a LINUX_SLL2 header instead of their own, like those of `tcpdump -i any`. Filters, decoders and files therefore treat
 * them as one link type.
 *
 * @param options The interface, the filter and the amount of data to capture. By default, all packets of all interfaces
 *   are captured.
 * @returns The capture. The caller must close it.
 * @throws SocketError EPERM, ENODEV (no such interface), EINVAL (the filter program or the size of the ring), ENOMEM;
 *   AbortError; TypeError or RangeError for invalid options. If the interface is down, the first loop throws ENETDOWN.
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
