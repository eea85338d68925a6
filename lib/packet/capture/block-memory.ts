/**
 * The memory of TPACKET_V3 blocks: the offsets of a packet's fields, and the bytes that are put into the room before
 * it.
 */

import { LITTLE } from '../../native/byte-order.ts';
import {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  ETH_P_8021Q,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
} from '../../native/constants.ts';
import { layout } from '../../native/native.ts';

type FieldName =
  | 'next'
  | 'sec'
  | 'nsec'
  | 'snaplen'
  | 'len'
  | 'status'
  | 'mac'
  | 'net'
  | 'vlanTci'
  | 'vlanTpid'
  | 'link'
  | 'protocol'
  | 'ifindex'
  | 'hatype'
  | 'pkttype'
  | 'halen'
  | 'address';

const LINK = layout('tpacket3_hdr');

/** The offsets of a packet's fields: struct tpacket3_hdr, followed by struct sockaddr_ll. */
export const AT: { readonly [Field in FieldName]: number } = {
  next: layout('tp3_next_offset'),
  sec: layout('tp3_sec'),
  nsec: layout('tp3_nsec'),
  snaplen: layout('tp3_snaplen'),
  len: layout('tp3_len'),
  status: layout('tp3_status'),
  mac: layout('tp3_mac'),
  net: layout('tp3_net'),
  vlanTci: layout('tp3_vlan_tci'),
  vlanTpid: layout('tp3_vlan_tpid'),
  link: LINK,
  protocol: LINK + layout('sll_protocol'),
  ifindex: LINK + layout('sll_ifindex'),
  hatype: LINK + layout('sll_hatype'),
  pkttype: LINK + layout('sll_pkttype'),
  halen: LINK + layout('sll_halen'),
  address: LINK + layout('sll_addr'),
};
/** The size of the headers before the bytes of a packet. */
export const HEADER: number = LINK + layout('sockaddr_ll');

const TAG = 4;
/** The length of the addresses of an Ethernet header. A VLAN tag follows them. */
const ADDRESSES = 12;
const TAGGED = TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID;
/**
 * The length of a LINUX_SLL2 header: protocol, 2 reserved bytes, interface index, ARPHRD_ type, packet type, address
 * length and address.
 */
const COOKED = 20;
const LONGEST_ADDRESS = 8;
/** The room that is needed between the headers and the packet. */
export const COOKED_ROOM: number = COOKED + TAG;

/** The size of a word. The kernel aligns headers to words, and a cursor counts in words. */
export const WORD = 4;

/** The index of a word after every block, where no packet is. */
export const NOWHERE = 0x3fffffff;

/** The link type of the packets of a source. */
export interface SourceLink {
  /** The link type that the capture reports: a LINKTYPE_ number. */
  readonly linktype: number;
  /** Whether the packets arrive without a link-layer header and a cooked header is put before them. */
  readonly cooked: boolean;
}

/** The views through which a block is read: of its words, and of the whole buffer, in which it begins at `offset`. */
export class BlockViews {
  readonly buffer: ArrayBuffer;
  readonly offset: number;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;

  constructor(buffer: ArrayBuffer, offset: number, size: number) {
    this.buffer = buffer;
    this.offset = offset;
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer, offset, Math.floor(size / WORD));
  }
}

/** Views of nothing. */
export const NO_VIEWS: BlockViews = new BlockViews(new ArrayBuffer(0), 0, 0);

/**
 * A block in memory. Its contents are not trusted.
 *
 * The fields begin with values of the types that they keep. A field that was undefined for a moment is one of any type
 * for the compiler, and its type is checked again for each packet.
 */
export class BlockMemory {
  readonly views: BlockViews = NO_VIEWS;
  /** The index of the word of the block at which its first packet begins, and the number of packets. */
  readonly first: number = 0;
  readonly count: number = 0;
  /** The offsets in the buffer at which it begins and ends. */
  readonly start: number = 0;
  readonly end: number = 0;
  readonly linktype: number = 0;
  readonly cooked: boolean = false;
  /** The bits that are added to the status of each packet: all packets are completed if they get a cooked header. */
  readonly incomplete: number = 0;
  /**
   * The index of the last word at which a packet can begin within the block. It is below every index once the block was
   * returned.
   */
  limit: number = -1;

  /**
   * @param views The views of the block.
   * @param place The offsets in the block at which its first packet begins and at which it ends; the number of packets.
   * @param link The link type of the packets.
   */
  constructor(
    views: BlockViews,
    { first, end, count }: { first: number; end: number; count: number },
    { linktype, cooked }: SourceLink,
  ) {
    this.views = views;
    this.first = first >>> 2;
    this.count = count;
    this.start = views.offset;
    this.end = views.offset + end;
    this.linktype = linktype;
    this.cooked = cooked;
    this.incomplete = cooked ? TP_STATUS_VLAN_VALID : 0;
    this.limit = Math.floor((end - HEADER) / WORD);
  }

  /** Marks the block as returned: its packets can no longer be read. */
  return(): void {
    this.limit = -1;
  }

  /**
   * Puts before the packet at this offset of the buffer what belongs there: the VLAN tag that was removed, or a cooked
   * header.
   */
  complete(at: number): void {
    const { view } = this.views;
    if (this.cooked) cook(view, at, this.end);
    else restoreTag(view, at, this.end);
  }
}

/** Adds bytes that were put before a packet to its lengths, and moves its start. */
function grow(view: DataView, at: number, size: number): void {
  for (const field of [AT.snaplen, AT.len])
    view.setUint32(at + field, view.getUint32(at + field, LITTLE) + size, LITTLE);
  view.setUint16(at + AT.mac, view.getUint16(at + AT.mac, LITTLE) - size, LITTLE);
}

/** Returns the EtherType of the VLAN tag that the kernel stores outside the packet. */
function tagProtocol(view: DataView, at: number): number {
  const known = (view.getUint32(at + AT.status, LITTLE) & TP_STATUS_VLAN_TPID_VALID) !== 0;
  return known ? view.getUint16(at + AT.vlanTpid, LITTLE) : ETH_P_8021Q;
}

/**
 * Puts a VLAN tag that the driver or the kernel removed back into the frame, using the room before the packet. It
 * happens once per packet.
 */
function restoreTag(view: DataView, at: number, end: number): void {
  const hatype = view.getUint16(at + AT.hatype, LITTLE);
  const mac = view.getUint16(at + AT.mac, LITTLE);
  const start = at + mac;
  if (hatype !== ARPHRD_ETHER && hatype !== ARPHRD_LOOPBACK) return;
  if (mac < HEADER + TAG || view.getUint32(at + AT.snaplen, LITTLE) < ADDRESSES || start + ADDRESSES > end) return;
  new Uint8Array(view.buffer, view.byteOffset + start - TAG, TAG + ADDRESSES).copyWithin(0, TAG);
  view.setUint16(start + ADDRESSES - TAG, tagProtocol(view, at));
  view.setUint16(start + ADDRESSES - TAG + 2, view.getUint32(at + AT.vlanTci, LITTLE));
  grow(view, at, TAG);
  view.setUint32(at + AT.status, view.getUint32(at + AT.status, LITTLE) & ~TAGGED, LITTLE);
}

/**
 * Puts a LINUX_SLL2 header before a packet that has no link-layer header, in the room before it and only once. A VLAN
 * tag that was removed follows the header.
 */
function cook(view: DataView, at: number, end: number): void {
  const mac = view.getUint16(at + AT.mac, LITTLE);
  const isCooked = mac !== view.getUint16(at + AT.net, LITTLE);
  if (isCooked || mac < HEADER + COOKED_ROOM || at + mac > end) return;
  const status = view.getUint32(at + AT.status, LITTLE);
  const protocol = view.getUint16(at + AT.protocol);
  let start = at + mac;
  let first = protocol;
  if ((status & TP_STATUS_VLAN_VALID) !== 0) {
    first = tagProtocol(view, at);
    start -= TAG;
    view.setUint16(start, view.getUint32(at + AT.vlanTci, LITTLE));
    view.setUint16(start + 2, protocol);
    view.setUint32(at + AT.status, status & ~TAGGED, LITTLE);
  }
  start -= COOKED;
  const length = view.getUint8(at + AT.halen);
  view.setUint16(start, first);
  view.setUint16(start + 2, 0);
  view.setInt32(start + 4, view.getInt32(at + AT.ifindex, LITTLE));
  view.setUint16(start + 8, view.getUint16(at + AT.hatype, LITTLE));
  view.setUint8(start + 10, view.getUint8(at + AT.pkttype));
  view.setUint8(start + 11, length);
  for (let i = 0; i < LONGEST_ADDRESS; i++) {
    view.setUint8(start + 12 + i, i < length ? view.getUint8(at + AT.address + i) : 0);
  }
  grow(view, at, at + mac - start);
}
