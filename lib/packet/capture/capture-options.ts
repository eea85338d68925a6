/** The options of a capture and their validation. */

import { invalidValue, outOfRange } from '../../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject, ownProperty, ownPropertyOr } from '../../argument/snapshot.ts';
import { optionalSignal } from '../../loop/options.ts';
import { PACKET_FANOUT_FLAG_IGNORE_OUTGOING } from '../../native/constants.ts';
import type { Fanout } from '../../struct/option-type.ts';
import { fanoutFields } from '../../struct/option-value.ts';
import { uint } from '../bytes/bytes.ts';
import { type PacketFilter, type ReadFilter, readFilter } from '../filter/given.ts';
import { interfaceIndex } from './interface-index.ts';

/**
 * The options of `openCapture`.
 *
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export interface CaptureOptions {
  /** The name or the index of an interface. The default is all interfaces, which `'any'` and 0 select as well. */
  interface?: string | number | undefined;
  /**
   * Only packets that the filter accepts are captured, and none that arrived before it was attached. The filter is
   * either text in the syntax of pcap-filter(7), such as `'tcp port 80'`, or an expression, both of which are compiled
   * for the link type of the interface; or it is a classic BPF program. The kernel runs it on frames without the VLAN
   * tag that the driver removed.
   */
  filter?: PacketFilter | undefined;
  /**
   * The snapshot length: the maximum number of bytes captured of each packet, from 1 to 262144. The 4 bytes of a VLAN
   * tag that is put back and the 20 bytes of a cooked header are added to it. By default, packets are captured whole.
   */
  snaplen?: number | undefined;
  /**
   * Puts the interface into promiscuous mode while the capture is open. This cannot be combined with all interfaces.
   */
  promiscuous?: boolean | undefined;
  /**
   * Delivers packets within 4 ms instead of 100 ms, for a program that waits for answers. The ring then has more,
   * smaller blocks.
   */
  immediate?: boolean | undefined;
  /**
   * The size of the ring in bytes: a multiple of 65536, all of which the kernel keeps in memory, or 0 for no ring. The
   * default is 33554432, or no ring if the kernel does not support rings (ENOPROTOOPT) or lacks the memory (ENOMEM).
   */
  ringSize?: number | undefined;
  /**
   * Distributes the packets among the captures of a group: PACKET_FANOUT. All members must use the same type and the
   * same flags. The option `direction: 'in'` adds PACKET_FANOUT_FLAG_IGNORE_OUTGOING to the flags.
   */
  fanout?: Fanout | undefined;
  /**
   * Whether to capture received packets, sent packets or both. The default is `'both'`. As with pcap_setdirection(3PCAP),
   * it applies in addition to the filter: `direction: 'in'` with the filter `outbound` is accepted and captures nothing.
   */
  direction?: 'in' | 'out' | 'both' | undefined;
  /**
   * Whether to capture each packet on the loopback interface twice, once when it is sent and once when it is received.
   * By default it is captured once, when it is received, unless `direction` is `'out'`.
   */
  loopbackTwice?: boolean | undefined;
  /**
   * Uses timestamps of the network card if it makes them (SIOCSHWTSTAMP). TP_STATUS_TS_RAW_HARDWARE marks packets that
   * have one.
   */
  hardwareTimestamps?: boolean | undefined;
  /** Closes the capture when it is aborted. Loops then throw an AbortError. */
  signal?: AbortSignal | undefined;
}

/** The size of a ring is a multiple of this number of bytes. */
export const UNIT = 65536;
/** The largest snapshot length. */
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

/** The validated options. */
export interface Given extends Omit<CaptureOptions, 'filter'> {
  ifindex: number;
  filter: ReadFilter | undefined;
}

/** Validates the options and parses the filter. */
export function checkOptions(options: CaptureOptions): Given {
  onlyKnown(assertObject(options, 'options'), NAMES, 'options');
  const given = ownPropertyOr(options, 'interface', 0);
  const ifindex = given === 'any' ? 0 : interfaceIndex(given);
  const promiscuous = ownProperty(options, 'promiscuous') === true;
  if (promiscuous && ifindex === 0) {
    throw invalidValue(
      'options.promiscuous',
      'omitted when all interfaces are captured: promiscuous mode applies to a single interface',
    );
  }
  const snaplen = ownProperty(options, 'snaplen');
  if (snaplen !== undefined && uint(snaplen, LARGEST_SNAPLEN, 'options.snaplen') === 0) {
    throw outOfRange('options.snaplen', `an integer from 1 to ${LARGEST_SNAPLEN}`);
  }
  const ringSize = ownProperty(options, 'ringSize');
  if (ringSize !== undefined && uint(ringSize, 0xffffffff, 'options.ringSize') % UNIT !== 0) {
    throw outOfRange('options.ringSize', `a multiple of ${UNIT}`);
  }
  const direction = ownPropertyOr(options, 'direction', 'both');
  if (!['in', 'out', 'both'].includes(direction)) throw invalidValue('options.direction', "'in', 'out' or 'both'");
  const signal = optionalSignal(ownProperty(options, 'signal'), 'options.signal');
  const filter = ownProperty(options, 'filter');
  return {
    ifindex,
    filter: filter === undefined ? undefined : readFilter(filter),
    snaplen,
    promiscuous,
    immediate: ownProperty(options, 'immediate') === true,
    ringSize,
    fanout: fanoutOf(ownProperty(options, 'fanout'), direction),
    direction,
    loopbackTwice: ownProperty(options, 'loopbackTwice') === true,
    hardwareTimestamps: ownProperty(options, 'hardwareTimestamps') === true,
    signal,
  };
}

/** Returns the fanout group. If only received packets are wanted, the group ignores outgoing ones. */
function fanoutOf(fanout: Fanout | undefined, direction: string): Fanout | undefined {
  if (fanout === undefined) return undefined;
  const given = fanoutFields(fanout, 'options.fanout');
  if (direction === 'in') given.flags |= PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
  return given;
}
