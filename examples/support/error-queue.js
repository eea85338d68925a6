// @ts-check
// Packets, and what hosts report by ICMP about packets of ours: the error queue of a socket, ip(7) and ipv6(7).
import {
  AF_INET,
  IP_RECVERR,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVERR,
  isControl,
  isErrno,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  recvmsg,
  SCM_TIMESTAMPNS,
  SO_TIMESTAMPNS,
  SOL_SOCKET,
} from 'sys-socket';

/**
 * @typedef {object} Arrival
 * @property {Buffer} data a packet; of a report the beginning of the packet of ours
 * @property {import('./host.js').HostAddress | undefined} address who sent it; of a report where ours went
 * @property {import('sys-socket').ControlMessage[]} control
 * @property {number} time when the kernel got it, in milliseconds since the epoch
 * @property {Report | undefined} report
 *
 * @typedef {import('sys-socket').ExtendedError['error'] & { by: string | undefined }} Report what an error says, and
 *   the address of who says it
 */

const buffer = Buffer.alloc(65536);

/** The time of day as the kernel counts it, in milliseconds since the epoch, finer than Date.now(). */
export const now = () => performance.timeOrigin + performance.now();

/** Asks for the error queue, and for times of arrival. @param {import('sys-socket').Socket} socket */
export function reportErrors(socket) {
  socket.setsockopt(SOL_SOCKET, SO_TIMESTAMPNS, true);
  if (socket.family === AF_INET) socket.setsockopt(IPPROTO_IP, IP_RECVERR, true);
  else socket.setsockopt(IPPROTO_IPV6, IPV6_RECVERR, true);
}

/**
 * What is there already, in one of the two queues.
 * @param {import('sys-socket').Socket} socket @param {number} flags @returns {Arrival | undefined}
 */
function take(socket, flags) {
  try {
    const { bytes, address, control } = recvmsg(socket.fd, { buffers: [buffer], controlLength: 1024 }, flags);
    const from = /** @type {import('./host.js').HostAddress | undefined} */ (address);
    const stamp = control.find((m) => isControl(m, SOL_SOCKET, SCM_TIMESTAMPNS));
    const time = stamp !== undefined && 'nanoseconds' in stamp ? Number(stamp.nanoseconds / 1000n) / 1000 : now();
    const arrival = { data: Buffer.from(buffer.subarray(0, bytes)), address: from, control, time };
    for (const message of control) {
      if (isControl(message, IPPROTO_IP, IP_RECVERR) || isControl(message, IPPROTO_IPV6, IPV6_RECVERR)) {
        const { error, offender } = message;
        const by = offender !== undefined && 'port' in offender && 'address' in offender ? offender.address : undefined;
        return { ...arrival, report: { ...error, by } };
      }
    }
    return { ...arrival, report: undefined };
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return undefined;
    throw error;
  }
}

/** What the error queue has. @param {import('sys-socket').Socket} socket */
export function reported(socket) {
  return take(socket, MSG_ERRQUEUE);
}

/**
 * Waits for what comes next: a report, which goes first, or a packet.
 * @param {import('sys-socket').Socket} socket @param {import('sys-socket').WaitOptions} wait @returns {Promise<Arrival>}
 */
export async function next(socket, wait) {
  for (;;) {
    await socket.readable(wait); // an error makes it readable, too
    const arrival = reported(socket) ?? take(socket, MSG_DONTWAIT);
    if (arrival !== undefined) return arrival;
  }
}

/**
 * Sends. A report about an earlier packet makes the next call fail, once: what fails twice is an error of this one.
 * @param {import('sys-socket').Socket} socket @param {import('sys-socket').SendMessage} message
 * @returns {Promise<number>} when, in milliseconds since the epoch
 */
export async function send(socket, message) {
  const time = now();
  try {
    await socket.sendmsg(message);
  } catch (error) {
    if (!isErrno(error)) throw error;
    await socket.sendmsg(message);
  }
  return time;
}
