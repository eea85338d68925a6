/** The status that the kernel reports at the end of a reply: netlink(7), NLMSG_ERROR and NLMSG_DONE with extended acknowledgement. */

import { assertObject, uint8Array } from '../argument/snapshot.ts';
import { LITTLE } from '../native/byte-order.ts';
import {
  NLA_TYPE_MASK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSGERR_ATTR_MISS_NEST,
  NLMSGERR_ATTR_MISS_TYPE,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
} from '../native/constants.ts';
import { SocketError } from '../struct/errno.ts';
import { decodeAttributes, type NetlinkMessage } from './netlink.ts';
import { align, view } from './record.ts';

/**
 * The status of a request as the kernel reports it: an errno and, with NETLINK_EXT_ACK, further details.
 *
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export interface NetlinkAck {
  /** The positive errno; 0 when the request succeeded. */
  errno: number;
  /** The text of the kernel: why it rejected the request, or a warning about a request that it carried out. */
  text?: string;
  /** The offset of the attribute that the kernel rejected, in the data of the request (after struct nlmsghdr). */
  attributeOffset?: number;
  /** The type of an attribute that is missing in the request. */
  missingType?: number;
  /** The offset, in the data of the request, of the attribute that should contain the missing one. */
  missingNest?: number;
}

/** struct nlmsghdr. */
const HEADER = 16;

/**
 * Decodes a message of type NLMSG_ERROR or NLMSG_DONE: netlink(7). It accepts any bytes without throwing.
 *
 * @param message A message from the kernel, as `decodeNetlink` returns it. With the option NETLINK_EXT_ACK on the socket,
 *   the kernel reports more than the errno.
 * @returns The status, or undefined for a message of another type or one that is truncated.
 * @throws TypeError only if `message` is not a NetlinkMessage.
 * @example
 * const fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
 * setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, true);
 * const mtu = encodeAttributes([{ type: IFLA_MTU, data: Buffer.alloc(1) }]); // should be 4 bytes
 * const data = Buffer.concat([Buffer.alloc(16), mtu]);
 * send(fd, encodeNetlink([{ type: RTM_GETLINK, flags: NLM_F_REQUEST, seq: 1, pid: 0, data }]));
 * const buffer = Buffer.alloc(4096);
 * const [ack] = decodeNetlink(buffer, recv(fd, buffer)).map(decodeNetlinkAck);
 * console.log(ack?.errno === ERANGE, ack?.attributeOffset); // true 16
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export function decodeNetlinkAck(message: NetlinkMessage): NetlinkAck | undefined {
  assertObject(message, 'message');
  const { type, flags, data } = message;
  uint8Array(data, 'message.data');
  if ((type !== NLMSG_ERROR && type !== NLMSG_DONE) || data.length < 4) return undefined;
  const from = view(data);
  const ack: NetlinkAck = { errno: Math.abs(from.getInt32(0, LITTLE)) };
  if ((flags & NLM_F_ACK_TLVS) === 0) return ack;
  let at = 4;
  if (type === NLMSG_ERROR) {
    // The request follows: its header alone, unless it failed and NETLINK_CAP_ACK is not set.
    if (data.length < at + HEADER) return ack;
    const request = from.getUint32(at, LITTLE);
    at += ack.errno !== 0 && (flags & NLM_F_CAPPED) === 0 ? align(Math.max(request, HEADER)) : HEADER;
  }
  for (const { type, data: value } of decodeAttributes(data.subarray(at))) {
    const number = value.length < 4 ? undefined : view(value).getUint32(0, LITTLE);
    switch (type & NLA_TYPE_MASK) {
      case NLMSGERR_ATTR_MSG:
        ack.text = new TextDecoder().decode(value).replace(/\0.*$/s, '');
        break;
      case NLMSGERR_ATTR_OFFS:
        if (number !== undefined) ack.attributeOffset = number - HEADER;
        break;
      case NLMSGERR_ATTR_MISS_TYPE:
        if (number !== undefined) ack.missingType = number;
        break;
      case NLMSGERR_ATTR_MISS_NEST:
        if (number !== undefined) ack.missingNest = number - HEADER;
        break;
    }
  }
  return ack;
}

/**
 * The error of a request that the kernel rejected, with the kernel's explanation: a SocketError whose syscall is `'netlink'`.
 *
 * @example
 * const mtu = encodeAttributes([{ type: IFLA_MTU, data: Buffer.alloc(1) }]); // should be 4 bytes
 * try {
 *   requestNetlink(RTM_GETLINK, 0, Buffer.concat([Buffer.alloc(16), mtu]));
 * } catch (error) {
 *   if (!(error instanceof NetlinkError)) throw error;
 *   console.log(error.code, error.attributeOffset, error.text); // ERANGE 16 Attribute failed policy validation
 * }
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export class NetlinkError extends SocketError {
  /** The explanation of the kernel, or undefined when there is none. */
  declare readonly text?: string;
  /** The offset of the attribute that the kernel rejected, in the body of the request. */
  declare readonly attributeOffset?: number;
  /** The type of an attribute that is missing in the request. */
  declare readonly missingType?: number;
  /** The offset, in the body of the request, of the attribute that should contain the missing one. */
  declare readonly missingNest?: number;

  constructor(ack: NetlinkAck) {
    const { errno, ...words } = assertObject(ack, 'ack');
    super(errno, 'netlink');
    Object.assign(this, words);
    if (words.text !== undefined) this.message += `: ${words.text}`;
  }
}
