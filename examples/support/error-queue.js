// @ts-check
// What hosts report by ICMP about packets of ours: the error queue of a socket, ip(7) and ipv6(7).
import {
  AF_INET,
  IP_RECVERR,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVERR,
  isControl,
  isErrno,
  MSG_ERRQUEUE,
  recvmsg,
  SCM_TIMESTAMPNS,
  SO_TIMESTAMPNS,
  SOL_SOCKET,
} from 'sys-socket';

/** @typedef {import('sys-socket/packet').RequestError} Report what an error says, and the address of who says it */

/** Asks for the error queue, and for times of arrival. @param {import('sys-socket').Socket} socket */
export function reportErrors(socket) {
  socket.setsockopt(SOL_SOCKET, SO_TIMESTAMPNS, true);
  if (socket.family === AF_INET) socket.setsockopt(IPPROTO_IP, IP_RECVERR, true);
  else socket.setsockopt(IPPROTO_IPV6, IPV6_RECVERR, true);
}

/**
 * What the error queue of a connection has, and when it came, in milliseconds since the epoch.
 * @param {import('sys-socket').Socket} socket @returns {{ report: Report, time: number | undefined } | undefined}
 */
export function reported(socket) {
  try {
    const { control } = recvmsg(socket.fd, { buffers: [Buffer.alloc(512)], controlLength: 1024 }, MSG_ERRQUEUE);
    const stamp = control.find((m) => isControl(m, SOL_SOCKET, SCM_TIMESTAMPNS));
    const time = stamp !== undefined && 'nanoseconds' in stamp ? Number(stamp.nanoseconds / 1000n) / 1000 : undefined;
    for (const message of control) {
      if (!isControl(message, IPPROTO_IP, IP_RECVERR) && !isControl(message, IPPROTO_IPV6, IPV6_RECVERR)) continue;
      const { error, offender } = message;
      const by = offender !== undefined && 'port' in offender && 'address' in offender ? offender.address : undefined;
      return { report: { ...error, by }, time };
    }
  } catch (error) {
    if (!isErrno(error, 'EAGAIN')) throw error;
  }
  return undefined;
}
