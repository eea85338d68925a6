// @ts-check
// Sends ICMP and ICMPv6 echo requests and receives the replies, by a ping socket or a raw socket. icmp(7), raw(7).
import {
  AF_INET,
  findControl,
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
  isErrno,
  SOCK_DGRAM,
  SOCK_RAW,
  Socket,
  setOption,
} from 'sys-socket';
import { findLayer, ICMPV6_ECHO_REPLY, ICMPV6_ECHO_REQUEST, icmp, icmpv6 } from 'sys-socket/packet';
import { reportErrors } from './error-queue.js';

/**
 * Opens a socket for echoes. A ping socket needs no privilege, but net.ipv4.ping_group_range must include a group of
 * the process. Otherwise the kernel returns EACCES, and the function tries a raw socket, which needs CAP_NET_RAW.
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
 * Opens a socket for echo requests to a host that also receives the error reports about them.
 * @param {import('./host.js').HostAddress} to @param {boolean} raw whether to skip the ping socket
 */
export function openEcho(to, raw = false) {
  const isInet = to.family === AF_INET;
  const socket = open(to.family, isInet ? IPPROTO_ICMP : IPPROTO_ICMPV6, raw);
  reportErrors(socket);
  if (isInet) socket.setsockopt(IPPROTO_IP, IP_RECVTTL, true);
  else socket.setsockopt(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, true);
  if (socket.type !== SOCK_RAW) return socket;
  if (isInet)
    setOption(socket.fd, 'ICMP_FILTER', ~(1 << ICMP_ECHOREPLY) >>> 0); // all other types are blocked
  else setOption(socket.fd, 'ICMP6_FILTER', { pass: [ICMPV6_ECHO_REPLY] });
  return socket;
}

/**
 * Returns an echo request whose tag is its sequence number.
 * @param {import('./host.js').HostAddress} to @param {number} sequence @param {Uint8Array} data
 * @param {number} [hops] the time to live
 */
export function echoRequest(to, sequence, data, hops) {
  // The kernel fills in the identifier of a ping socket, and the checksum of ICMPv6, which covers the addresses.
  const fields = { identifier: process.pid & 0xffff, sequenceNumber: sequence };
  const isInet = to.family === AF_INET;
  const header = isInet ? icmp({ type: ICMP_ECHO, ...fields }) : icmpv6({ type: ICMPV6_ECHO_REQUEST, ...fields });
  const field = isInet
    ? /** @type {const} */ ({ level: IPPROTO_IP, type: IP_TTL })
    : /** @type {const} */ ({ level: IPPROTO_IPV6, type: IPV6_HOPLIMIT });
  return { layers: [header, data], to, tag: sequence, control: hops === undefined ? [] : [{ ...field, value: hops }] };
}

/**
 * Returns the length of the ICMP message of a reply, its remaining time to live, and whether its checksum is wrong.
 * @param {import('sys-socket/packet').Answered} answer
 */
export function replyOf({ packet, data, control }) {
  const header = findLayer(packet, 'ipv4'); // only a raw IPv4 socket receives the IP header
  const field = findControl(control, IPPROTO_IP, IP_TTL) ?? findControl(control, IPPROTO_IPV6, IPV6_HOPLIMIT);
  const message = findLayer(packet, 'icmp') ?? findLayer(packet, 'icmpv6');
  return {
    bytes: data.length - (header === undefined ? 0 : 4 * header.ihl),
    hops: field?.value,
    damaged: message?.checksumOk === false,
  };
}
