/** Makes one request to the kernel and receives the whole reply: netlink(7). */

import { uint16 } from '../argument/number.ts';
import { setsockopt } from '../call/option.ts';
import * as constants from '../native/constants.ts';
import { close, connect, socket } from '../posix/socket.ts';
import { recv, send } from '../posix/transfer.ts';
import { decodeNetlink, encodeNetlink, type NetlinkMessage } from './netlink.ts';
import { decodeNetlinkAck, NetlinkError } from './netlink-ack.ts';

/**
 * The reply of the kernel to `requestNetlink`.
 *
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export interface NetlinkReply {
  /** The messages of the reply, without the NLMSG_DONE or NLMSG_ERROR at its end. */
  messages: NetlinkMessage[];
  /** Whether a dump was interrupted by changes and may be inconsistent: NLM_F_DUMP_INTR. */
  interrupted: boolean;
  /** The text of a warning about a request that the kernel nevertheless carried out. */
  warning?: string;
}

/**
 * Makes one request to the kernel over a new netlink socket and returns the whole reply: netlink(7).
 *
 * @param type RTM_GETLINK, RTM_NEWADDR, ...
 * @param flags NLM_F_DUMP, NLM_F_CREATE, ...; NLM_F_REQUEST and NLM_F_ACK are added, so that every reply has an end.
 * @param body The struct of the type, followed by attributes.
 * @param protocol The netlink protocol, NETLINK_ROUTE by default.
 * @returns The messages of the reply, without those that only mark its end.
 * @throws NetlinkError, a SocketError with the errno in NLMSG_ERROR or NLMSG_DONE and with the kernel's explanation
 *   (`text`, `attributeOffset`): EPERM, ENODEV, EINVAL, EOPNOTSUPP, EEXIST, ESRCH, ...; SocketError with the errno of a call:
 *   EPROTONOSUPPORT, EMFILE, ENOBUFS, and EAGAIN for a protocol that replies later (NETLINK_AUDIT).
 * @example
 * const { messages } = requestNetlink(RTM_GETLINK, NLM_F_DUMP, Buffer.alloc(16));
 * console.log(messages.every(({ type }) => type === RTM_NEWLINK)); // true
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export function requestNetlink(
  type: number,
  flags: number,
  body: Uint8Array,
  protocol: number = constants.NETLINK_ROUTE,
): NetlinkReply {
  const request = encodeNetlink([
    { type, flags: uint16(flags, 'flags') | constants.NLM_F_REQUEST | constants.NLM_F_ACK, seq: 1, pid: 0, data: body },
  ]);
  const fd = socket(constants.AF_NETLINK, constants.SOCK_RAW, protocol);
  try {
    // Connected: nobody else can send to it.
    connect(fd, { family: constants.AF_NETLINK, pid: 0, groups: 0 });
    // The words of the kernel, without the request that they are about. A kernel that has neither answers all the same.
    for (const option of [constants.NETLINK_EXT_ACK, constants.NETLINK_CAP_ACK])
      setsockopt(fd, constants.SOL_NETLINK, option, true);
    send(fd, request);
    return receiveReply(fd);
  } finally {
    close(fd);
  }
}

function receiveReply(fd: number): NetlinkReply {
  const messages: NetlinkMessage[] = [];
  let interrupted = false;
  let buffer = new Uint8Array(0x8000);
  for (;;) {
    // The kernel answers within send and recv: without an answer this is EAGAIN, and no wait for ever.
    const size = recv(fd, buffer, constants.MSG_PEEK | constants.MSG_TRUNC | constants.MSG_DONTWAIT);
    if (size > buffer.length) buffer = new Uint8Array(size);
    for (const message of decodeNetlink(buffer, recv(fd, buffer, constants.MSG_DONTWAIT))) {
      if ((message.flags & constants.NLM_F_DUMP_INTR) !== 0) interrupted = true;
      if (message.type !== constants.NLMSG_DONE && message.type !== constants.NLMSG_ERROR) {
        messages.push(message);
        continue;
      }
      const ack = decodeNetlinkAck(message);
      if (ack !== undefined && ack.errno !== 0) throw new NetlinkError(ack);
      return { messages, interrupted, ...(ack?.text === undefined ? {} : { warning: ack.text }) };
    }
  }
}
