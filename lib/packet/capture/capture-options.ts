/** What a capture may be told, and how that is checked. */
import { PACKET_FANOUT_FLAG_IGNORE_OUTGOING } from '../../posix/constants.ts';
import { invalidValue, outOfRange } from '../../posix/errno.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { type Fanout, fanoutFields } from '../../posix/option-value.ts';
import { object, own, ownOr } from '../../posix/snapshot.ts';
import { optionalSignal } from '../../socket/options.ts';
import { uint } from '../bytes.ts';
import { type PacketFilter, type ReadFilter, readFilter } from '../filter/given.ts';
import { interfaceIndex } from './interface-index.ts';

/**
 * What is to be captured, and how.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface CaptureOptions {
  /** The name or the index of an interface. All interfaces, as `'any'` and 0 say, unless given. */
  interface?: string | number | undefined;
  /**
   * Only packets that it accepts are captured, none from before it: text in the language of pcap-filter(7), as
   * `'tcp port 80'`, or an expression, compiled for the link type of the interface; or a program of classic BPF. The kernel
   * runs it on frames without the VLAN tag that their driver took out.
   */
  filter?: PacketFilter | undefined;
  /**
   * The most bytes of a packet, 1 to 262144; and 4 for a VLAN tag that is put back, and 20 for a cooked header that is put
   * before. All unless given.
   */
  snaplen?: number | undefined;
  /** Whether the interface shall take frames for other stations too, as long as the capture is open. Not of all interfaces. */
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
  /**
   * Whether a packet of lo is wanted twice, as it is sent and as it is received. It is captured once, as received, unless
   * this is true or `direction` is `'out'`.
   */
  loopbackTwice?: boolean | undefined;
  /** Timestamps of the network card, where it makes them (SIOCSHWTSTAMP): TP_STATUS_TS_RAW_HARDWARE tells. */
  hardwareTimestamps?: boolean | undefined;
  /** Closes the capture; iterations reject with an AbortError. */
  signal?: AbortSignal | undefined;
}

/** The unit of the size of a ring. */
export const UNIT = 65536;
/** The most bytes of a packet that are kept. */
export const LARGEST_SNAPLEN = 262144;

const NAMES = namesOf<CaptureOptions>({
  interface: true,
  filter: true,
  snaplen: true,
  promiscuous: true,
  immediate: true,
  ringSize: true,
  fanout: true,
  direction: true,
  loopbackTwice: true,
  hardwareTimestamps: true,
  signal: true,
});

/** Options that were checked. */
export interface Given extends Omit<CaptureOptions, 'filter'> {
  ifindex: number;
  filter: ReadFilter | undefined;
}

/** Checks options, and reads their filter. */
export function checkOptions(options: CaptureOptions): Given {
  onlyKnown(object(options, 'options'), NAMES, 'options');
  const given = ownOr(options, 'interface', 0);
  const ifindex = given === 'any' ? 0 : interfaceIndex(given);
  const promiscuous = own(options, 'promiscuous') === true;
  if (promiscuous && ifindex === 0) {
    throw invalidValue('options.promiscuous', 'left out of all interfaces: the kernel has it for each alone');
  }
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
    promiscuous,
    immediate: own(options, 'immediate') === true,
    ringSize,
    fanout: fanoutOf(own(options, 'fanout'), direction),
    direction,
    loopbackTwice: own(options, 'loopbackTwice') === true,
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
