// @ts-check
// Echo requests and their answers, of ICMP and ICMPv6, by a ping socket or by a raw one: icmp(7), raw(7).
import {
  AF_INET,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  IP_RECVTTL,
  IP_TTL,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_HOPLIMIT,
  IPV6_RECVHOPLIMIT,
  isControl,
  isErrno,
  SOCK_DGRAM,
  SOCK_RAW,
  Socket,
  setOption,
} from 'sys-socket';
import { findLayer, ICMPV6_ECHO_REPLY, ICMPV6_ECHO_REQUEST, icmp, icmpv6 } from 'sys-socket/packet';
import { reportErrors } from './error-queue.js';

/**
 * A socket for echoes. A ping socket needs no privilege, but a group that net.ipv4.ping_group_range allows; without it
 * the kernel says EACCES, and a raw socket is tried, which needs CAP_NET_RAW.
 * @param {number} family @param {number} protocol @param {boolean} raw
 */
function open(family, protocol, raw) {
  if (raw) return new Socket(family, SOCK_RAW, protocol);
  try {
    return new Socket(family, SOCK_DGRAM, protocol);
  } catch (error) {
    if (!isErrno(error, 'EACCES')) throw error;
    return new Socket(family, SOCK_RAW, protocol);
  }
}

/**
 * A socket for echo requests to a host, with the reports about them.
 * @param {import('./host.js').HostAddress} to @param {boolean} raw whether not to try a ping socket
 */
export function openEcho(to, raw = false) {
  const isInet = to.family === AF_INET;
  const socket = open(to.family, isInet ? IPPROTO_ICMP : IPPROTO_ICMPV6, raw);
  reportErrors(socket);
  if (isInet) socket.setsockopt(IPPROTO_IP, IP_RECVTTL, true);
  else socket.setsockopt(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, true);
  if (socket.type !== SOCK_RAW) return socket;
  if (isInet)
    setOption(socket.fd, 'ICMP_FILTER', ~(1 << ICMP_ECHOREPLY) >>> 0); // others are blocked
  else setOption(socket.fd, 'ICMP6_FILTER', { pass: [ICMPV6_ECHO_REPLY] });
  return socket;
}

/**
 * An echo request, with its sequence number as the tag.
 * @param {import('./host.js').HostAddress} to @param {number} sequence @param {Uint8Array} data
 * @param {number} [hops] the time to live
 */
export function echoRequest(to, sequence, data, hops) {
  // The kernel writes the identifier of a ping socket, and the checksum of ICMPv6, which covers the addresses.
  const fields = { identifier: process.pid & 0xffff, sequenceNumber: sequence };
  const isInet = to.family === AF_INET;
  const header = isInet ? icmp({ type: ICMP_ECHO, ...fields }) : icmpv6({ type: ICMPV6_ECHO_REQUEST, ...fields });
  const field = isInet
    ? /** @type {const} */ ({ level: IPPROTO_IP, type: IP_TTL })
    : /** @type {const} */ ({ level: IPPROTO_IPV6, type: IPV6_HOPLIMIT });
  return { layers: [header, data], to, tag: sequence, control: hops === undefined ? [] : [{ ...field, value: hops }] };
}

/**
 * The length of the ICMP message of a reply, what is left of its time to live, and whether its checksum is wrong.
 * @param {import('sys-socket/packet').Answered} answer
 */
export function replyOf({ packet, data, control }) {
  const header = findLayer(packet, 'ipv4'); // that a raw IPv4 socket gives, too
  const field = control.find((m) => isControl(m, IPPROTO_IP, IP_TTL) || isControl(m, IPPROTO_IPV6, IPV6_HOPLIMIT));
  const message = findLayer(packet, 'icmp') ?? findLayer(packet, 'icmpv6');
  return {
    bytes: data.length - (header === undefined ? 0 : 4 * header.ihl),
    hops: field !== undefined && 'value' in field ? field.value : undefined,
    damaged: message?.checksumOk === false,
  };
}
