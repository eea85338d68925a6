// @ts-check
// Sends the probes of a traceroute, packets with a short time to live, and receives the answers. Each probe has a
// socket of its own, so any packet that arrives there is its answer.
import {
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
  TimeoutError,
} from 'sys-socket';
import { exchangeOne } from 'sys-socket/packet';
import { echoRequest, openEcho } from './echo.js';
import { reportErrors, reported } from './error-queue.js';

/**
 * @typedef {object} Answer
 * @property {string} from
 * @property {number} time the time from sending the probe to receiving the answer, in milliseconds
 * @property {import('./error-queue.js').Report | undefined} report from a router or the host; none if the host replies
 *
 * @typedef {object} Probe
 * @property {import('./host.js').HostAddress} to
 * @property {number} hops the time to live
 * @property {number} sequence its number, starting at 1
 * @property {number} port
 * @property {number} wait the time to wait for an answer, in milliseconds
 */

/** Opens a socket that sends packets with the given time to live. @param {Probe} probe @param {number} type */
function open({ to, hops }, type) {
  const socket = new Socket(to.family, type);
  if (to.family === AF_INET) socket.setsockopt(IPPROTO_IP, IP_TTL, hops);
  else socket.setsockopt(IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops);
  reportErrors(socket);
  return socket;
}

/**
 * Sends a probe by a socket, and closes the socket afterwards.
 * @param {Socket} socket @param {import('sys-socket/packet').ExchangeRequest} request @param {Probe} probe
 * @returns {Promise<Answer | undefined>}
 */
async function probeBy(socket, request, { to, wait }) {
  try {
    const answer = await exchangeOne(socket, request, { timeout: wait });
    return answer && { from: answer.error?.by ?? to.address, time: answer.roundTrip, report: answer.error };
  } finally {
    socket.close();
  }
}

/** Sends a datagram to a port of its own. @param {Probe} probe */
export function udpProbe(probe) {
  const { to, port, sequence } = probe;
  return probeBy(
    open(probe, SOCK_DGRAM),
    { layers: [Buffer.alloc(32)], to: { ...to, port: port + sequence - 1 } },
    probe,
  );
}

/** Sends an echo request. @param {Probe} probe */
export function icmpProbe(probe) {
  const { to, hops, sequence } = probe;
  return probeBy(openEcho(to), echoRequest(to, sequence, Buffer.alloc(32), hops), probe);
}

/**
 * Resolves to whether a connection is established or fails within the timeout.
 * @param {Socket} socket @param {number} timeout
 */
async function isWritable(socket, timeout) {
  const over = new AbortController();
  const options = { timeout, signal: over.signal };
  const waits = [socket.writable(options), socket.errorReady(options)];
  try {
    await Promise.race(waits);
    return true;
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  } finally {
    over.abort();
    await Promise.allSettled(waits);
  }
}

/** Sends the SYN of a connection. @param {Probe} probe @returns {Promise<Answer | undefined>} */
export async function tcpProbe(probe) {
  const { to, port, wait } = probe;
  const socket = open(probe, SOCK_STREAM);
  try {
    socket.setsockopt(SOL_SOCKET, SO_LINGER, new Int32Array([1, 0])); // if the connection is established, it is reset
    const start = performance.now();
    try {
      connect(socket.fd, { ...to, port });
    } catch (error) {
      if (!isErrno(error, 'EINPROGRESS')) throw error;
    }
    // The connection is established or has failed, or the error queue has a report that TCP may not treat as a failure.
    if (!(await isWritable(socket, wait))) return undefined;
    const time = performance.now() - start;
    const arrival = reported(socket);
    if (arrival !== undefined) {
      const came = (arrival.time ?? performance.timeOrigin + start + time) - performance.timeOrigin - start;
      return { from: arrival.report.by ?? to.address, time: came, report: arrival.report };
    }
    const errno = socket.getsockopt(SOL_SOCKET, SO_ERROR);
    return errno === 0 || errno === ECONNREFUSED ? { from: to.address, time, report: undefined } : undefined;
  } finally {
    socket.close();
  }
}
