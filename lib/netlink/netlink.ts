/** Netlink messages and their attributes as bytes: netlink(7). */

import { Buffer } from 'node:buffer';
import { invalidType } from '../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../argument/known-names.ts';
import { integer, uint16, uint32 } from '../argument/number.ts';
import { assertObject, attached, copyElements, ownProperty, uint8Array } from '../argument/snapshot.ts';
import { LITTLE } from '../native/byte-order.ts';
import { decodeRecords, encodeRecords } from './record.ts';

// The structs of linux/netlink.h and rtnetlink.h: sizes and offsets, the same everywhere.
const NLMSGHDR = { size: 16, length: 'uint32', type: 4, flags: 6, seq: 8, pid: 12 } as const;
const RTATTR = { size: 4, length: 'uint16', type: 2 } as const;

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
  /** The sequence number, which replies repeat. */
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

const MESSAGE = namesOf<NetlinkMessage>({ type: true, flags: true, seq: true, pid: true, data: true });
const ATTRIBUTE = namesOf<NetlinkAttribute>({ type: true, data: true });

/**
 * Encodes messages as bytes, each padded to its alignment (NLMSG_ALIGN): netlink(7).
 *
 * @param messages The messages, in the order in which they are encoded.
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
  const parts = copyElements(messages as readonly NetlinkMessage[], 'messages', messages.length, (given) => {
    const message = onlyKnown(assertObject(given!, 'messages'), MESSAGE, 'message');
    return {
      type: uint16(ownProperty(message, 'type'), 'message.type'),
      flags: uint16(ownProperty(message, 'flags'), 'message.flags'),
      seq: uint32(ownProperty(message, 'seq'), 'message.seq'),
      pid: uint32(ownProperty(message, 'pid'), 'message.pid'),
      data: attached(ownProperty(message, 'data'), 'message.data'),
    };
  });
  return encodeRecords(parts, NLMSGHDR, (to, at, { type, flags, seq, pid }) => {
    to.setUint16(at + NLMSGHDR.type, type, LITTLE);
    to.setUint16(at + NLMSGHDR.flags, flags, LITTLE);
    to.setUint32(at + NLMSGHDR.seq, seq, LITTLE);
    to.setUint32(at + NLMSGHDR.pid, pid, LITTLE);
  });
}

/**
 * Decodes bytes to netlink messages: netlink(7). It accepts any bytes without throwing.
 *
 * It stops where C's NLMSG_OK does: at a message that is incomplete, or whose length is less than that of its header.
 *
 * @param bytes A datagram from the kernel, or any bytes.
 * @param length How many of the bytes to decode. A number larger than the buffer (from MSG_TRUNC) means all of its bytes.
 * @returns The messages. Their data are copies.
 * @throws TypeError or RangeError only if `bytes` is not a Uint8Array or `length` is not a valid length.
 * @example
 * const fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
 * const request = { type: RTM_GETLINK, flags: NLM_F_REQUEST | NLM_F_DUMP, seq: 1, pid: 0, data: Buffer.alloc(16) };
 * send(fd, encodeNetlink([request]));
 * const buffer = Buffer.alloc(65536);
 * const [message] = decodeNetlink(buffer, recv(fd, buffer));
 * console.log(message?.type === RTM_NEWLINK, message?.seq); // true 1
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export function decodeNetlink(bytes: Uint8Array, length?: number): NetlinkMessage[] {
  const { byteLength } = uint8Array(bytes, 'bytes');
  const end = Math.min(integer(length, 'length', 0, Number.MAX_SAFE_INTEGER, byteLength), byteLength);
  return decodeRecords(bytes, NLMSGHDR, readMessage, end);
}

function readMessage(from: DataView, at: number, data: Uint8Array): NetlinkMessage {
  return {
    type: from.getUint16(at + NLMSGHDR.type, LITTLE),
    flags: from.getUint16(at + NLMSGHDR.flags, LITTLE),
    seq: from.getUint32(at + NLMSGHDR.seq, LITTLE),
    pid: from.getUint32(at + NLMSGHDR.pid, LITTLE),
    data: Buffer.from(data),
  };
}

/**
 * Encodes attributes as bytes, each padded to its alignment (RTA_ALIGN): rtnetlink(3).
 *
 * @param attributes The attributes. To nest attributes, use their bytes as the data of another one, with NLA_F_NESTED
 *   in its type where the kernel requires it.
 * @returns The bytes that follow the struct of a message.
 * @throws TypeError or RangeError that names the field which struct rtattr cannot hold: data of more than 65531 bytes.
 * @example
 * console.log(encodeAttributes([{ type: IFLA_IFNAME, data: Buffer.from('veth0\0') }]).length); // 12
 * @see https://man7.org/linux/man-pages/man3/rtnetlink.3.html
 */
export function encodeAttributes(attributes: readonly NetlinkAttribute[]): Uint8Array {
  if (!Array.isArray(attributes)) throw invalidType('attributes', 'an array of attributes');
  const parts = copyElements(attributes as readonly NetlinkAttribute[], 'attributes', attributes.length, (given) => {
    const attribute = onlyKnown(assertObject(given!, 'attributes'), ATTRIBUTE, 'attribute');
    const type = uint16(ownProperty(attribute, 'type'), 'attribute.type');
    const bytes = attached(ownProperty(attribute, 'data'), 'attribute.data');
    integer(bytes.length, 'attribute.data.length', 0, 0xffff - RTATTR.size);
    return { type, data: bytes };
  });
  return encodeRecords(parts, RTATTR, (to, at, { type }) => to.setUint16(at + RTATTR.type, type, LITTLE));
}

/**
 * Decodes bytes to attributes: rtnetlink(3). It accepts any bytes without throwing.
 *
 * It stops where C's RTA_OK does: at an attribute that is incomplete, or whose length is less than that of its header.
 *
 * @param bytes The bytes that follow the struct in a message, or the data of an attribute that contains nested ones.
 * @returns The attributes. Their data are views of these bytes.
 * @throws TypeError only if `bytes` is not a Uint8Array.
 * @example
 * const { messages } = requestNetlink(RTM_GETLINK, NLM_F_DUMP, Buffer.alloc(16));
 * const attributes = messages.flatMap(({ data }) => decodeAttributes(data.subarray(16)));
 * const name = attributes.find(({ type }) => type === IFLA_IFNAME); // of the first link
 * console.log(Buffer.from(name?.data ?? []).toString('utf8', 0, 2)); // lo
 * @see https://man7.org/linux/man-pages/man3/rtnetlink.3.html
 */
export function decodeAttributes(bytes: Uint8Array): NetlinkAttribute[] {
  return decodeRecords(uint8Array(bytes, 'bytes'), RTATTR, (from, at, data) => {
    return { type: from.getUint16(at + RTATTR.type, LITTLE), data };
  });
}
