/** What BPF programs load of a packet besides its bytes: the SKF_AD_ numbers of linux/filter.h. */

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
} from '../../posix/constants.ts';
import { type Names, namesOf } from '../../posix/known-names.ts';

/**
 * What is known of a packet besides its bytes. What is not given is 0.
 *
 * @see https://docs.kernel.org/networking/filter.html
 */
export interface FilterContext {
  /** The length on the wire, that of the bytes unless given: the bytes may be cut. */
  length?: number | undefined;
  /** Where the network header begins: offsets from SKF_NET_OFF count from there. */
  networkOffset?: number | undefined;
  /** The EtherType. */
  protocol?: number | undefined;
  /** A PACKET_ number: to whom it was sent; PACKET_OUTGOING of one that leaves. */
  pkttype?: number | undefined;
  /** The interface; a packet without any ends a program that asks for it or for `hatype`, with what is in A. */
  ifindex?: number | undefined;
  /** The ARPHRD_ number of the interface. */
  hatype?: number | undefined;
  mark?: number | undefined;
  queue?: number | undefined;
  rxhash?: number | undefined;
  cpu?: number | undefined;
  random?: number | undefined;
  /** Where the data of TCP, UDP and their like begin. */
  payloadOffset?: number | undefined;
  /** The VLAN tag that the kernel took out of the packet; none unless given. */
  vlanTci?: number | undefined;
  /** The EtherType of that tag. */
  vlanTpid?: number | undefined;
}

/** The names of what is known of a packet. */
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

/** Where an attribute of a type is between two offsets, 0 if nowhere: nla_find of the kernel. */
function findAttribute(bytes: Uint8Array, from: number, to: number, type: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = from; to - at >= ATTRIBUTE; ) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE || length > to - at) return 0;
    if ((view.getUint16(at + 2, true) & TYPE) === type) return at;
    at += (length + 3) & ~3;
  }
  return 0;
}

/** Where an attribute of a type is within the one at an offset, 0 if nowhere. */
function findNested(bytes: Uint8Array, at: number, type: number): number {
  if (at > bytes.length - ATTRIBUTE) return 0;
  const length = bytes[at]! | (bytes[at + 1]! << 8);
  if (length < ATTRIBUTE || length > bytes.length - at) return 0;
  return findAttribute(bytes, at + ATTRIBUTE, at + length, type);
}

/** What an ancillary load at `offset` makes of A; undefined where it ends the program with A. */
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
