/** The ancillary data of a packet that BPF programs can load: the SKF_AD_ numbers of linux/filter.h. */

import { type Names, namesOf } from '../../argument/known-names.ts';
import { LITTLE } from '../../native/byte-order.ts';
import {
  SKF_AD_ALU_XOR_X,
  SKF_AD_CPU,
  SKF_AD_HATYPE,
  SKF_AD_IFINDEX,
  SKF_AD_MARK,
  SKF_AD_NLATTR,
  SKF_AD_NLATTR_NEST,
  SKF_AD_OFF,
  SKF_AD_PAY_OFFSET,
  SKF_AD_PKTTYPE,
  SKF_AD_PROTOCOL,
  SKF_AD_QUEUE,
  SKF_AD_RANDOM,
  SKF_AD_RXHASH,
  SKF_AD_VLAN_TAG,
  SKF_AD_VLAN_TAG_PRESENT,
} from '../../native/constants.ts';

/**
 * What is known about a packet besides its bytes. The default of each number is 0, unless stated otherwise.
 *
 * @see https://docs.kernel.org/networking/filter.html
 */
export interface FilterContext {
  /**
   * The length on the wire. The default is the number of bytes given, which may be fewer because the packet was
   * truncated.
   */
  length?: number | undefined;
  /** The offset of the network header, on which offsets relative to SKF_NET_OFF are based. */
  networkOffset?: number | undefined;
  /** The EtherType. */
  protocol?: number | undefined;
  /** A PACKET_ number: whom the packet was sent to, or PACKET_OUTGOING if this host sent it. */
  pkttype?: number | undefined;
  /**
   * The index of the interface. If there is none, a program that loads it or `hatype` ends and returns the value of A.
   */
  ifindex?: number | undefined;
  /** The ARPHRD_ number of the interface. */
  hatype?: number | undefined;
  mark?: number | undefined;
  queue?: number | undefined;
  rxhash?: number | undefined;
  cpu?: number | undefined;
  random?: number | undefined;
  /** The offset of the payload of TCP, UDP and similar protocols. */
  payloadOffset?: number | undefined;
  /** The VLAN tag that the kernel removed from the packet. The default is none. */
  vlanTci?: number | undefined;
  /** The EtherType of that tag. */
  vlanTpid?: number | undefined;
}

/** The property names of a FilterContext. */
export const CONTEXT_NAMES: Names = namesOf<FilterContext>({
  length: true,
  networkOffset: true,
  protocol: true,
  pkttype: true,
  ifindex: true,
  hatype: true,
  mark: true,
  queue: true,
  rxhash: true,
  cpu: true,
  random: true,
  payloadOffset: true,
  vlanTci: true,
  vlanTpid: true,
});

const ATTRIBUTE = 4;
const TYPE = 0x3fff;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Returns the offset of an attribute of a type between two offsets, or 0 if there is none: the kernel's nla_find. */
function findAttribute(bytes: Uint8Array, from: number, to: number, type: number): number {
  const view = viewOf(bytes);
  for (let at = from; to - at >= ATTRIBUTE; ) {
    const length = view.getUint16(at, LITTLE);
    if (length < ATTRIBUTE || length > to - at) return 0;
    if ((view.getUint16(at + 2, LITTLE) & TYPE) === type) return at;
    at += (length + 3) & ~3;
  }
  return 0;
}

/** Returns the offset of an attribute of a type within the attribute at an offset, or 0 if there is none. */
function findNested(bytes: Uint8Array, at: number, type: number): number {
  if (at > bytes.length - ATTRIBUTE) return 0;
  const length = viewOf(bytes).getUint16(at, LITTLE);
  if (length < ATTRIBUTE || length > bytes.length - at) return 0;
  return findAttribute(bytes, at + ATTRIBUTE, at + length, type);
}

/**
 * Returns the value that an ancillary load at `offset` puts into A, or undefined if the load ends the program with the
 * current value of A.
 */
export function ancillary(
  bytes: Uint8Array,
  context: FilterContext,
  offset: number,
  a: number,
  x: number,
): number | undefined {
  switch ((offset | 0) - SKF_AD_OFF) {
    case SKF_AD_PROTOCOL:
      return context.protocol ?? 0;
    case SKF_AD_PKTTYPE:
      return context.pkttype ?? 0;
    case SKF_AD_IFINDEX:
      return context.ifindex;
    case SKF_AD_HATYPE:
      return context.ifindex === undefined ? undefined : (context.hatype ?? 0);
    case SKF_AD_NLATTR:
      return findAttribute(bytes, a, bytes.length, x);
    case SKF_AD_NLATTR_NEST:
      return findNested(bytes, a, x);
    case SKF_AD_MARK:
      return context.mark ?? 0;
    case SKF_AD_QUEUE:
      return context.queue ?? 0;
    case SKF_AD_RXHASH:
      return context.rxhash ?? 0;
    case SKF_AD_CPU:
      return context.cpu ?? 0;
    case SKF_AD_ALU_XOR_X:
      return (a ^ x) >>> 0;
    case SKF_AD_VLAN_TAG:
      return context.vlanTci ?? 0;
    case SKF_AD_VLAN_TAG_PRESENT:
      return context.vlanTci === undefined ? 0 : 1;
    case SKF_AD_PAY_OFFSET:
      return context.payloadOffset ?? 0;
    case SKF_AD_RANDOM:
      return context.random ?? 0;
    default: // SKF_AD_VLAN_TPID
      return context.vlanTpid ?? 0;
  }
}
