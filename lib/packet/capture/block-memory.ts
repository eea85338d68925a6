/** Blocks of a TPACKET_V3 ring in memory: where the fields of a packet are, and what is put in the room before it. */
import {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  ETH_P_8021Q,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
} from '../../posix/constants.ts';
import { layout } from '../../posix/native.ts';
import { LITTLE } from '../../posix/number.ts';

type Place =
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

/** Where the fields of a packet are: struct tpacket3_hdr, then struct sockaddr_ll. */
export const AT: { readonly [Field in Place]: number } = {
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
/** What is before the bytes of a packet. */
export const HEADER: number = LINK + layout('sockaddr_ll');

const TAG = 4;
/** The addresses of an Ethernet header: a tag stands behind them. */
const ADDRESSES = 12;
const TAGGED = TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID;
/** The header of LINUX_SLL2: the protocol, 2 bytes, the interface, the kind of link, the pkttype, and the sender's address. */
const COOKED = 20;
const LONGEST_ADDRESS = 8;
/** The room that is needed between the header and the packet. */
export const ROOM: number = COOKED + TAG;

/** A place where no packet is: behind all blocks. */
export const NOWHERE = 0x3fffffff;

/** What the packets of a source begin with. */
export interface SourceLink {
  /** As a capture gives them: a LINKTYPE_ number. */
  readonly linktype: number;
  /** Whether they come without a link-layer header, which is put before them. */
  readonly cooked: boolean;
}

/** A block in memory, of a source that reads it by a view and as bytes. What it says of itself is not trusted. */
export class BlockMemory {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** Where its first packet begins, and how many there are. */
  readonly first: number;
  readonly count: number;
  readonly linktype: number;
  readonly cooked: boolean;
  /** The last place at which a packet can begin that ends where the block does; less than any when it is ours no more. */
  limit: number;

  constructor(
    { view, bytes }: Pick<BlockMemory, 'view' | 'bytes'>,
    { first, end, count }: { first: number; end: number; count: number },
    { linktype, cooked }: SourceLink,
  ) {
    this.view = view;
    this.bytes = bytes;
    this.first = Math.min(first, NOWHERE);
    this.count = count;
    this.linktype = linktype;
    this.cooked = cooked;
    this.limit = end - HEADER;
  }

  /** Its packets cannot be read any more. */
  end(): void {
    this.limit = -1;
  }
}

/** The bytes of a packet grow by those that were put before it. */
function grow(view: DataView, at: number, size: number): void {
  for (const field of [AT.snaplen, AT.len])
    view.setUint32(at + field, view.getUint32(at + field, LITTLE) + size, LITTLE);
  view.setUint16(at + AT.mac, view.getUint16(at + AT.mac, LITTLE) - size, LITTLE);
}

/** The EtherType of the tag that the kernel keeps beside a packet. */
function tagProtocol(view: DataView, at: number): number {
  const known = (view.getUint32(at + AT.status, LITTLE) & TP_STATUS_VLAN_TPID_VALID) !== 0;
  return known ? view.getUint16(at + AT.vlanTpid, LITTLE) : ETH_P_8021Q;
}

/** The driver or the kernel took the tag out of the frame: it is put back, in the room before the packet, once. */
export function restoreTag(view: DataView, at: number, end: number): void {
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
 * A packet without a link-layer header gets that of LINUX_SLL2, in the room before it, once; a VLAN tag that was taken out
 * stands behind it.
 */
export function cook(view: DataView, at: number, end: number): void {
  const mac = view.getUint16(at + AT.mac, LITTLE);
  const isCooked = mac !== view.getUint16(at + AT.net, LITTLE);
  if (isCooked || mac < HEADER + ROOM || at + mac > end) return;
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
