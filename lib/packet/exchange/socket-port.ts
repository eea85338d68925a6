/** Sends requests through a socket: a raw, packet, ping or datagram socket. */

import { ClosedError } from '../../loop/errors.ts';
import {
  AF_INET,
  AF_INET6,
  AF_PACKET,
  EAGAIN,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  IP_RECVERR,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV6_RECVERR,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_TRUNC,
  PACKET_OUTGOING,
  SCM_TIMESTAMPNS,
  SO_EE_ORIGIN_TIMESTAMPING,
  SO_EE_ORIGIN_ZEROCOPY,
  SOCK_DGRAM,
  SOCK_RAW,
  SOL_SOCKET,
} from '../../native/constants.ts';
import { type ReceivedMessage, receive } from '../../posix/message.ts';
import type { Socket } from '../../socket/socket.ts';
import { type ControlMessage, isControl } from '../../struct/control-message.ts';
import { isSocketError, SocketError } from '../../struct/errno.ts';
import { linktypeOfHatype } from '../capture/capture-link.ts';
import type { LayerName } from '../layers/layer-name.ts';
import { layerOfLinktype } from '../layers/linktype.ts';
import { type Arrival, now, type Port, type RequestError, type Sending, type Take } from './arrival.ts';
import { canonical } from './pairing.ts';

/**
 * The part of a Socket that `exchange` uses.
 *
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export type ExchangeSocket = Pick<
  Socket,
  'fd' | 'family' | 'type' | 'protocol' | 'sendmsg' | 'readable' | 'errorReady'
>;

const LARGEST = 65536;
/** The number of packets that are read before other tasks get a turn. */
const TURN = 256;

interface AddressFields {
  address?: unknown;
  port?: unknown;
  protocol?: number;
  hatype?: number;
  pkttype?: number;
}

/**
 * The first layer of packets from an IPv6 raw socket, which delivers them without the IP header, by protocol number.
 */
const UPPER: ReadonlyMap<number, LayerName> = new Map<number, LayerName>([
  [IPPROTO_ICMPV6, 'icmpv6'],
  [IPPROTO_TCP, 'tcp'],
  [IPPROTO_UDP, 'udp'],
]);
const NETWORK: ReadonlyMap<number, LayerName> = new Map<number, LayerName>([
  [ETH_P_ARP, 'arp'],
  [ETH_P_IP, 'ipv4'],
  [ETH_P_IPV6, 'ipv6'],
]);

/** The port of a socket. */
export class SocketPort implements Port {
  readonly hasOtherIdentifier: boolean;
  readonly #socket: ExchangeSocket;
  readonly #buffer = new Uint8Array(LARGEST);

  constructor(socket: ExchangeSocket) {
    this.#socket = socket;
    const { type, protocol } = socket;
    const isIcmp = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
    this.hasOtherIdentifier = type === SOCK_DGRAM && isIcmp && socket.family !== AF_PACKET;
  }

  /** Whether the packets are datagrams without any header. Their answers are distinguished by the port of the peer. */
  get #isPlain(): boolean {
    const { family, type } = this.#socket;
    return family !== AF_PACKET && type !== SOCK_RAW && !this.hasOtherIdentifier;
  }

  addressOf(to: unknown): string | undefined {
    const { address, port } = (to ?? {}) as AddressFields;
    if (typeof address !== 'string') return undefined;
    return this.#isPlain ? `${canonical(address)} ${port}` : address;
  }

  /**
   * Sends a packet. The report about an earlier packet makes the next call fail once. If the call fails twice, the
   * error is about this packet.
   */
  async send({ data, to, control }: Sending): Promise<void> {
    const message = {
      buffers: [data],
      ...(to === undefined ? {} : { address: to as never }),
      ...(control === undefined ? {} : { control }),
    };
    try {
      await this.#socket.sendmsg(message);
    } catch (error) {
      if (!isSocketError(error) || this.#socket.family === AF_PACKET) throw error;
      await this.#socket.sendmsg(message);
    }
  }

  async receive(signal: AbortSignal, take: Take): Promise<void> {
    const socket = this.#socket;
    const { family } = socket;
    const hasReports = family === AF_INET || family === AF_INET6;
    const loop = async (wait: () => Promise<void>) => {
      for (;;) {
        await wait();
        await this.#drain(hasReports, take, signal);
      }
    };
    const packets = loop(() => socket.readable({ signal }));
    // An entry in the error queue does not make a socket readable.
    await (hasReports ? Promise.all([packets, loop(() => socket.errorReady({ signal }))]) : packets);
  }

  async #drain(hasReports: boolean, take: Take, signal: AbortSignal): Promise<void> {
    for (let i = 0; i < TURN && !signal.aborted; i++) {
      const report = hasReports ? this.#receive(MSG_ERRQUEUE) : undefined;
      const message = report ?? this.#receive(MSG_DONTWAIT | MSG_TRUNC);
      if (message === undefined) return;
      const arrival = this.#arrival(message, report !== undefined);
      const room = arrival && take(arrival);
      if (room !== undefined) await room;
    }
  }

  /** Reads from one of the two queues without blocking. */
  #receive(flags: number): ReceivedMessage | undefined {
    const { fd } = this.#socket;
    if (fd === -1) throw new ClosedError('recvmsg'); // the program closed it while it was told about a packet
    const result = receive(fd, { buffers: [this.#buffer], controlLength: 1024 }, flags);
    if (typeof result !== 'number') return result;
    // The error is about a packet that was sent earlier. The error queue contains the details if the program asked for
    // them.
    if (result === -EAGAIN || this.#socket.family !== AF_PACKET) return undefined;
    throw new SocketError(-result, 'recvmsg');
  }

  #arrival({ length: bytes, address, control }: ReceivedMessage, isReport: boolean): Arrival | undefined {
    const from = address as AddressFields | undefined;
    if (from?.pkttype === PACKET_OUTGOING) return undefined;
    const error = errorOf(control);
    if (isReport && error === undefined) return undefined;
    return {
      data: this.#buffer.slice(0, Math.min(bytes, LARGEST)),
      first: this.#first(from, isReport),
      address: this.addressOf(from),
      sender: address,
      time: timeOf(control),
      control,
      error,
    };
  }

  /** Returns the first layer of a packet. */
  #first(from: AddressFields | undefined, isReport: boolean): LayerName | 'ip' {
    const { family, type, protocol } = this.#socket;
    if (family === AF_PACKET) {
      if (type === SOCK_RAW) return layerOfLinktype(linktypeOfHatype(from?.hatype ?? 0));
      return NETWORK.get(from?.protocol ?? 0) ?? 'payload';
    }
    if (this.#isPlain) return 'payload';
    if (family === AF_INET && type === SOCK_RAW && !isReport) return 'ipv4';
    return family === AF_INET && protocol === IPPROTO_ICMP ? 'icmp' : (UPPER.get(protocol) ?? 'payload');
  }
}

/** Returns when the kernel received a packet, if the socket reports it (SO_TIMESTAMPNS). */
function timeOf(control: readonly ControlMessage[]): number {
  for (const message of control) {
    if (isControl(message, SOL_SOCKET, SCM_TIMESTAMPNS)) return Number(message.nanoseconds / 1000n) / 1000;
  }
  return now();
}

/** Converts an entry of the error queue. One about a timestamp or about memory that is free again is no error. */
function errorOf(control: readonly ControlMessage[]): RequestError | undefined {
  for (const message of control) {
    if (!isControl(message, IPPROTO_IP, IP_RECVERR) && !isControl(message, IPPROTO_IPV6, IPV6_RECVERR)) continue;
    const { errno, origin, type, code, info } = message.error;
    if (origin === SO_EE_ORIGIN_TIMESTAMPING || origin === SO_EE_ORIGIN_ZEROCOPY) return undefined;
    const by = (message.offender as AddressFields | undefined)?.address;
    return { by: typeof by === 'string' ? by : undefined, origin, type, code, info, errno };
  }
  return undefined;
}
