// @ts-check
// Reads what other hosts report by ICMP about our packets from the error queue of a socket. ip(7), ipv6(7).
import {
  AF_INET,
  findControl,
  IP_RECVERR,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVERR,
  isErrno,
  MSG_ERRQUEUE,
  recvmsg,
  SCM_TIMESTAMPNS,
  SO_TIMESTAMPNS,
  SOL_SOCKET,
} from 'sys-socket';

/** @typedef {import('sys-socket/packet').RequestError} Report an ICMP error and the address of its sender */

/** Enables the error queue and timestamps of arrival. @param {import('sys-socket').Socket} socket */
export function reportErrors(socket) {
  socket.setsockopt(SOL_SOCKET, SO_TIMESTAMPNS, true);
  if (socket.family === AF_INET) socket.setsockopt(IPPROTO_IP, IP_RECVERR, true);
  else socket.setsockopt(IPPROTO_IPV6, IPV6_RECVERR, true);
}

/**
 * Returns the next report in the error queue of a connection and its time of arrival, in milliseconds since the epoch.
 * @param {import('sys-socket').Socket} socket @returns {{ report: Report, time: number | undefined } | undefined}
 */
export function reported(socket) {
  try {
    const { control } = recvmsg(socket.fd, { buffers: [Buffer.alloc(512)], controlLength: 1024 }, MSG_ERRQUEUE);
    const stamp = findControl(control, SOL_SOCKET, SCM_TIMESTAMPNS)?.nanoseconds;
    const time = stamp === undefined ? undefined : Number(stamp / 1000n) / 1000;
    const message = findControl(control, IPPROTO_IP, IP_RECVERR) ?? findControl(control, IPPROTO_IPV6, IPV6_RECVERR);
    if (message === undefined) return undefined;
    const { error, offender } = message;
    const by = offender !== undefined && 'port' in offender && 'address' in offender ? offender.address : undefined;
    return { report: { ...error, by }, time };
  } catch (error) {
    if (!isErrno(error, 'EAGAIN')) throw error;
  }
  return undefined;
}
