/** Netlink messages and their attributes as bytes: netlink(7). */

import { Buffer } from 'node:buffer';
import { invalidType } from './errno.ts';
import { namesOf, onlyKnown } from './known-names.ts';
import { integer, LITTLE, uint16, uint32 } from './number.ts';
import { attached, elements, object, own, uint8Array } from './snapshot.ts';

/** NLMSG_ALIGNTO and RTA_ALIGNTO. */
const ALIGN = 4;
/** NLMSG_ALIGN and RTA_ALIGN. */
export const align = (length: number): number => Math.ceil(length / ALIGN) * ALIGN;

// The structs of linux/netlink.h and rtnetlink.h: sizes and offsets, the same everywhere.
const NLMSGHDR = { size: 16, len: 0, type: 4, flags: 6, seq: 8, pid: 12 };
const RTATTR = { size: 4, len: 0, type: 2 };

/**
 * A netlink message: struct nlmsghdr and what follows it.
 *
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export interface NetlinkMessage {
  /** RTM_NEWLINK, NLMSG_DONE, ... */
  type: number;
  /** NLM_F_ flags. */
  flags: number;
  /** The number that answers repeat. */
  seq: number;
  /** The port of the sender; 0 lets the kernel fill it in. */
  pid: number;
  /** A struct of the type (struct ifinfomsg, ...), then attributes. */
  data: Uint8Array;
}

/**
 * An attribute of a message: struct rtattr, or struct nlattr.
 *
 * @see https://man7.org/linux/man-pages/man3/rtnetlink.3.html
 */
export interface NetlinkAttribute {
  /** As it is on the wire: `type & NLA_TYPE_MASK` is free of NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
  type: number;
  data: Uint8Array;
}

/** A view of the same memory; of none where it is gone. */
export function view(bytes: Uint8Array): DataView {
  if (bytes.byteLength === 0) return EMPTY;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const EMPTY = new DataView(new ArrayBuffer(0));

const MESSAGE = namesOf<NetlinkMessage>({ type: true, flags: true, seq: true, pid: true, data: true });
const ATTRIBUTE = namesOf<NetlinkAttribute>({ type: true, data: true });

/**
 * The bytes of messages, each padded to its alignment (NLMSG_ALIGN): netlink(7).
 *
 * @param messages The messages, in the order they shall have.
 * @returns The bytes of one datagram.
 * @throws TypeError or RangeError that names the field which struct nlmsghdr cannot hold.
 * @example
 * const data = Buffer.alloc(16); // struct ifinfomsg
 * const bytes = encodeNetlink([{ type: RTM_GETLINK, flags: NLM_F_REQUEST | NLM_F_DUMP, seq: 1, pid: 0, data }]);
 * console.log(bytes.length); // 32
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export function encodeNetlink(messages: readonly NetlinkMessage[]): Uint8Array {
  if (!Array.isArray(messages)) throw invalidType('messages', 'an array of messages');
  const parts = elements(messages as readonly NetlinkMessage[], 'messages', messages.length, (given) => {
    const message = onlyKnown(object(given!, 'messages'), MESSAGE, 'message');
    return {
      type: uint16(own(message, 'type'), 'message.type'),
      flags: uint16(own(message, 'flags'), 'message.flags'),
      seq: uint32(own(message, 'seq'), 'message.seq'),
      pid: uint32(own(message, 'pid'), 'message.pid'),
      data: attached(own(message, 'data'), 'message.data'),
    };
  });
  const bytes = Buffer.alloc(parts.reduce((sum, part) => sum + align(NLMSGHDR.size + part.data.length), 0));
  const to = view(bytes);
  let at = 0;
  for (const part of parts) {
    to.setUint32(at + NLMSGHDR.len, NLMSGHDR.size + part.data.length, LITTLE);
    to.setUint16(at + NLMSGHDR.type, part.type, LITTLE);
    to.setUint16(at + NLMSGHDR.flags, part.flags, LITTLE);
    to.setUint32(at + NLMSGHDR.seq, part.seq, LITTLE);
    to.setUint32(at + NLMSGHDR.pid, part.pid, LITTLE);
    bytes.set(part.data, at + NLMSGHDR.size);
    at += align(NLMSGHDR.size + part.data.length);
  }
  return bytes;
}

/**
 * The messages in bytes: netlink(7). Total: never throws, whatever the bytes are.
 *
 * It ends where C's NLMSG_OK does: at a message that is not whole, or whose length is less than its header.
 *
 * @param bytes A datagram from the kernel, or any bytes.
 * @param length How many of the bytes count; a larger number (of MSG_TRUNC) counts as all of them.
 * @returns The messages, with data of their own.
 * @throws TypeError or RangeError for what is no Uint8Array or no length, and for nothing else.
 * @example
 * const fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
 * const request = { type: RTM_GETLINK, flags: NLM_F_REQUEST | NLM_F_DUMP, seq: 1, pid: 0, data: Buffer.alloc(16) };
 * send(fd, encodeNetlink([request]));
 * const buffer = Buffer.alloc(65536);
 * const messages = decodeNetlink(buffer, recv(fd, buffer));
 * console.log(messages[0].type === RTM_NEWLINK, messages[0].seq); // true 1
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export function decodeNetlink(bytes: Uint8Array, length?: number): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  const from = view(uint8Array(bytes, 'bytes'));
  const end = Math.min(integer(length, 'length', 0, Number.MAX_SAFE_INTEGER, from.byteLength), from.byteLength);
  let at = 0;
  while (end - at >= NLMSGHDR.size) {
    const size = from.getUint32(at + NLMSGHDR.len, LITTLE);
    if (size < NLMSGHDR.size || size > end - at) break;
    messages.push({
      type: from.getUint16(at + NLMSGHDR.type, LITTLE),
      flags: from.getUint16(at + NLMSGHDR.flags, LITTLE),
      seq: from.getUint32(at + NLMSGHDR.seq, LITTLE),
      pid: from.getUint32(at + NLMSGHDR.pid, LITTLE),
      data: Buffer.from(bytes.subarray(at + NLMSGHDR.size, at + size)),
    });
    at += align(size);
  }
  return messages;
}

/**
 * The bytes of attributes, each padded to its alignment (RTA_ALIGN): rtnetlink(3).
 *
 * @param attributes The attributes. To nest some, give their bytes as the data of another, with NLA_F_NESTED in its
 *   type where the kernel asks for it.
 * @returns The bytes that follow the struct of a message.
 * @throws TypeError or RangeError that names the field which struct rtattr cannot hold: data of more than 65531 bytes.
 * @example
 * console.log(encodeAttributes([{ type: IFLA_IFNAME, data: Buffer.from('veth0\0') }]).length); // 12
 * @see https://man7.org/linux/man-pages/man3/rtnetlink.3.html
 */
export function encodeAttributes(attributes: readonly NetlinkAttribute[]): Uint8Array {
  if (!Array.isArray(attributes)) throw invalidType('attributes', 'an array of attributes');
  const parts = elements(attributes as readonly NetlinkAttribute[], 'attributes', attributes.length, (given) => {
    const attribute = onlyKnown(object(given!, 'attributes'), ATTRIBUTE, 'attribute');
    const type = uint16(own(attribute, 'type'), 'attribute.type');
    const bytes = attached(own(attribute, 'data'), 'attribute.data');
    integer(bytes.length, 'attribute.data.length', 0, 0xffff - RTATTR.size);
    return { type, data: bytes };
  });
  const bytes = Buffer.alloc(parts.reduce((sum, part) => sum + align(RTATTR.size + part.data.length), 0));
  const to = view(bytes);
  let at = 0;
  for (const part of parts) {
    to.setUint16(at + RTATTR.len, RTATTR.size + part.data.length, LITTLE);
    to.setUint16(at + RTATTR.type, part.type, LITTLE);
    bytes.set(part.data, at + RTATTR.size);
    at += align(RTATTR.size + part.data.length);
  }
  return bytes;
}

/**
 * The attributes in bytes: rtnetlink(3). Total: never throws, whatever the bytes are.
 *
 * It ends where C's RTA_OK does: at an attribute that is not whole, or whose length is less than its header.
 *
 * @param bytes What follows the struct in a message, or the data of an attribute that nests others.
 * @returns The attributes, whose data are parts of these bytes.
 * @throws TypeError for what is no Uint8Array, and for nothing else.
 * @example
 * const { messages } = requestNetlink(RTM_GETLINK, NLM_F_DUMP, Buffer.alloc(16));
 * const name = decodeAttributes(messages[0].data.subarray(16)).find(({ type }) => type === IFLA_IFNAME);
 * console.log(Buffer.from(name?.data ?? []).toString('utf8', 0, 2)); // lo
 * @see https://man7.org/linux/man-pages/man3/rtnetlink.3.html
 */
export function decodeAttributes(bytes: Uint8Array): NetlinkAttribute[] {
  const attributes: NetlinkAttribute[] = [];
  const from = view(uint8Array(bytes, 'bytes'));
  let at = 0;
  const end = from.byteLength;
  while (end - at >= RTATTR.size) {
    const size = from.getUint16(at + RTATTR.len, LITTLE);
    if (size < RTATTR.size || size > end - at) break;
    attributes.push({
      type: from.getUint16(at + RTATTR.type, LITTLE),
      data: bytes.subarray(at + RTATTR.size, at + size),
    });
    at += align(size);
  }
  return attributes;
}
