/** One request to the kernel, and its whole answer: netlink(7). */
import {
  AF_NETLINK,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  SOCK_RAW,
  SOL_NETLINK,
} from './constants.ts';
import { decodeNetlink, encodeNetlink, type NetlinkMessage } from './netlink.ts';
import { decodeNetlinkAck, NetlinkError } from './netlink-ack.ts';
import { uint16 } from './number.ts';
import { setRaw } from './option.ts';
import { close, connect, socket } from './socket.ts';
import { recv, send } from './transfer.ts';

/**
 * What the kernel answered to `requestNetlink`.
 *
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export interface NetlinkReply {
  /** Its messages, without the NLMSG_DONE or NLMSG_ERROR at their end. */
  messages: NetlinkMessage[];
  /** Whether a dump was interrupted by changes and may be inconsistent: NLM_F_DUMP_INTR. */
  interrupted: boolean;
  /** What the kernel says in words about a request that it carried out all the same. */
  warning?: string;
}

/**
 * Asks the kernel one thing over a netlink socket of its own, and gives the whole answer: netlink(7).
 *
 * @param type RTM_GETLINK, RTM_NEWADDR, ...
 * @param flags NLM_F_DUMP, NLM_F_CREATE, ...; NLM_F_REQUEST and NLM_F_ACK are added, so that every answer has an end.
 * @param body The struct of the type, then attributes.
 * @param protocol The netlink protocol.
 * @returns Its messages, without those that only end them.
 * @throws NetlinkError, a SocketError with the kernel's errno in NLMSG_ERROR or NLMSG_DONE and with its words about it
 *   (`text`, `attributeOffset`): EPERM, ENODEV, EINVAL, EOPNOTSUPP, EEXIST, ESRCH, ...; SocketError with that of a call:
 *   EPROTONOSUPPORT, EMFILE, ENOBUFS, and EAGAIN of a protocol that answers later (NETLINK_AUDIT).
 * @example
 * const { messages } = requestNetlink(RTM_GETLINK, NLM_F_DUMP, Buffer.alloc(16));
 * console.log(messages[0].type === RTM_NEWLINK); // true
 * @see https://man7.org/linux/man-pages/man7/netlink.7.html
 */
export function requestNetlink(
  type: number,
  flags: number,
  body: Uint8Array,
  protocol: number = NETLINK_ROUTE,
): NetlinkReply {
  const request = encodeNetlink([
    { type, flags: uint16(flags, 'flags') | NLM_F_REQUEST | NLM_F_ACK, seq: 1, pid: 0, data: body },
  ]);
  const fd = socket(AF_NETLINK, SOCK_RAW, protocol);
  try {
    // Connected: nobody else can send to it.
    connect(fd, { family: AF_NETLINK, pid: 0, groups: 0 });
    // The words of the kernel, without the request that they are about. A kernel that has neither answers all the same.
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK]) setRaw(fd, SOL_NETLINK, option, true);
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
    const size = recv(fd, buffer, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (size > buffer.length) buffer = new Uint8Array(size);
    for (const message of decodeNetlink(buffer, recv(fd, buffer, MSG_DONTWAIT))) {
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
      if (message.type !== NLMSG_DONE && message.type !== NLMSG_ERROR) {
        messages.push(message);
        continue;
      }
      const ack = decodeNetlinkAck(message);
      if (ack !== undefined && ack.errno !== 0) throw new NetlinkError(ack);
      return { messages, interrupted, ...(ack?.text === undefined ? {} : { warning: ack.text }) };
    }
  }
}
