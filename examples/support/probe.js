// @ts-check
// Probes of a traceroute: a packet with a short time to live, and who answers it. Each has a socket of its own, so that
// what comes there is its answer.
import {
  AbortError,
  AF_INET,
  connect,
  ECONNREFUSED,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_UNICAST_HOPS,
  isErrno,
  SO_ERROR,
  SO_LINGER,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
  Socket,
} from 'sys-socket';
import { Echo } from './echo.js';
import { next, now, reportErrors, reported, send } from './error-queue.js';

/**
 * @typedef {object} Answer
 * @property {string} from
 * @property {number} time when it came, after the probe was sent, in milliseconds
 * @property {import('./error-queue.js').Report | undefined} report of a router or the host; none of a host that replies
 *
 * @typedef {object} Probe
 * @property {import('./host.js').HostAddress} to
 * @property {number} hops the time to live
 * @property {number} sequence its number, from 1 on
 * @property {number} port
 * @property {number} wait for an answer, in milliseconds
 */

/** What comes in time. @template T @param {number} wait @param {(o: import('sys-socket').WaitOptions) => Promise<T>} next */
async function within(wait, next) {
  try {
    return await next({ signal: AbortSignal.timeout(wait) });
  } catch (error) {
    if (error instanceof AbortError) return undefined;
    throw error;
  }
}

/** A socket whose packets live so long. @param {Probe} probe @param {number} type */
function open({ to, hops }, type) {
  const socket = new Socket(to.family, type);
  if (to.family === AF_INET) socket.setsockopt(IPPROTO_IP, IP_TTL, hops);
  else socket.setsockopt(IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops);
  reportErrors(socket);
  return socket;
}

/** @param {string} from @param {number} time @param {import('./error-queue.js').Arrival | undefined} arrival */
const answer = (from, time, arrival) => ({ from: arrival?.report?.by ?? from, time, report: arrival?.report });

/** A datagram, to a port of its own. @param {Probe} probe @returns {Promise<Answer | undefined>} */
export async function udpProbe(probe) {
  const { to, port, sequence, wait } = probe;
  const socket = open(probe, SOCK_DGRAM);
  try {
    const sent = await send(socket, { buffers: [Buffer.alloc(32)], address: { ...to, port: port + sequence - 1 } });
    const arrival = await within(wait, (options) => next(socket, options));
    return arrival && answer(to.address, arrival.time - sent, arrival);
  } finally {
    socket.close();
  }
}

/** An echo request. @param {Probe} probe @returns {Promise<Answer | undefined>} */
export async function icmpProbe({ to, hops, sequence, wait }) {
  const echo = new Echo(to);
  try {
    const sent = await echo.send(sequence, Buffer.alloc(32), hops);
    return await within(wait, async (options) => {
      for (;;) {
        const { from, time, report, sequence: which } = await echo.receive(options);
        if (which === sequence) return { from, time: time - sent, report }; // raw sockets hear those of others, too
      }
    });
  } finally {
    echo.close();
  }
}

/** The SYN of a connection. @param {Probe} probe @returns {Promise<Answer | undefined>} */
export async function tcpProbe(probe) {
  const { to, port, wait } = probe;
  const socket = open(probe, SOCK_STREAM);
  try {
    socket.setsockopt(SOL_SOCKET, SO_LINGER, new Int32Array([1, 0])); // one that is there is reset
    const sent = now();
    try {
      connect(socket.fd, { ...to, port });
    } catch (error) {
      if (!isErrno(error, 'EINPROGRESS')) throw error;
    }
    // The connection stands or has failed, or the error queue has a report, which TCP may take for no reason to fail.
    const came = await within(wait, (options) => socket.writable(options).then(now));
    if (came === undefined) return undefined;
    const arrival = reported(socket);
    if (arrival !== undefined) return answer(to.address, arrival.time - sent, arrival);
    const errno = socket.getsockopt(SOL_SOCKET, SO_ERROR);
    return errno === 0 || errno === ECONNREFUSED ? answer(to.address, came - sent, undefined) : undefined;
  } finally {
    socket.close();
  }
}
