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
import {
  decodePacket,
  encodePacket,
  findLayer,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  icmp,
  icmpv6,
} from 'sys-socket/packet';
import { next, reportErrors, send } from './error-queue.js';

/**
 * @typedef {object} Answer
 * @property {number} sequence
 * @property {number} bytes the length of the ICMP message
 * @property {string} from
 * @property {number | undefined} hops what is left of the time to live
 * @property {number} time when it came, in milliseconds since the epoch
 * @property {boolean} damaged whether its checksum is wrong
 * @property {import('./error-queue.js').Report | undefined} report what a host says in place of a reply
 */

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

/** Sends echo requests to one host, and receives what is answered to them. */
export class Echo {
  #socket;
  #to;
  #inet;
  #raw;
  // The kernel writes the identifier of a ping socket, and gives it only its own replies.
  #identifier = process.pid & 0xffff;

  /** @param {import('./host.js').HostAddress} to @param {boolean} raw whether not to try a ping socket */
  constructor(to, raw = false) {
    this.#to = to;
    this.#inet = to.family === AF_INET;
    const socket = open(to.family, this.#inet ? IPPROTO_ICMP : IPPROTO_ICMPV6, raw);
    this.#raw = socket.type === SOCK_RAW;
    this.#socket = socket;
    reportErrors(socket);
    if (this.#inet) socket.setsockopt(IPPROTO_IP, IP_RECVTTL, true);
    else socket.setsockopt(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, true);
    if (this.#raw && this.#inet) setOption(socket.fd, 'ICMP_FILTER', ~(1 << ICMP_ECHOREPLY) >>> 0); // others are blocked
    if (this.#raw && !this.#inet) setOption(socket.fd, 'ICMP6_FILTER', { pass: [ICMPV6_ECHO_REPLY] });
  }

  /**
   * @param {number} sequence @param {Uint8Array} data @param {number} [hops] the time to live
   * @returns when, in milliseconds since the epoch
   */
  async send(sequence, data, hops) {
    const fields = { identifier: this.#identifier, sequenceNumber: sequence };
    // The checksum of ICMPv6, which covers the addresses, is written by the kernel.
    const header = this.#inet ? icmp({ type: ICMP_ECHO, ...fields }) : icmpv6({ type: ICMPV6_ECHO_REQUEST, ...fields });
    const field = this.#inet
      ? /** @type {const} */ ({ level: IPPROTO_IP, type: IP_TTL })
      : /** @type {const} */ ({ level: IPPROTO_IPV6, type: IPV6_HOPLIMIT });
    const control = hops === undefined ? [] : [{ ...field, value: hops }];
    return send(this.#socket, { buffers: [encodePacket([header, data])], address: this.#to, control });
  }

  /** Waits for the next answer. @param {import('sys-socket').WaitOptions} wait @returns {Promise<Answer>} */
  async receive(wait) {
    for (;;) {
      const { data, address, control, time, report } = await next(this.#socket, wait);
      const layer = this.#inet ? 'icmp' : 'icmpv6';
      // A raw IPv4 socket gives the IP header, too; a report begins with the request in any case.
      const { layers } = decodePacket(data, { first: this.#raw && this.#inet && !report ? 'ipv4' : layer });
      const message = findLayer(layers, layer);
      if (message?.sequenceNumber === undefined) continue;
      if (this.#raw && message.identifier !== this.#identifier) continue; // of another program
      const header = findLayer(layers, 'ipv4');
      const field = control.find((m) => isControl(m, IPPROTO_IP, IP_TTL) || isControl(m, IPPROTO_IPV6, IPV6_HOPLIMIT));
      return {
        sequence: message.sequenceNumber,
        bytes: data.length - (header === undefined ? 0 : 4 * header.ihl),
        from: report?.by ?? address?.address ?? '?',
        hops: field !== undefined && 'value' in field ? field.value : undefined,
        time,
        damaged: report === undefined && message.checksumOk === false,
        report,
      };
    }
  }

  close() {
    this.#socket.close();
  }
}
