/** What comes while answers are waited for, from a socket or from a capture. */
import type { Address } from '../../posix/address-type.ts';
import type { ControlInput, ControlMessage } from '../../posix/control-message.ts';
import type { LayerName } from '../layers/layer.ts';

/**
 * What a router or a host says about a request in place of an answer: an ICMP error that quotes it, or what the kernel
 * reports by the error queue of the socket.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface RequestError {
  /** The address of who says it, if that is known. */
  by: string | undefined;
  /** An SO_EE_ORIGIN_ number: of ICMP, of ICMPv6, or of this host. */
  origin: number;
  /** The type and the code of ICMP or ICMPv6. */
  type: number;
  code: number;
  /** The MTU of a packet that was too big, the pointer of a parameter problem. */
  info: number;
  /** What the kernel makes of it, of a report; 0 of a packet. */
  errno: number;
}

/** A packet, or a report about one of ours. */
export interface Arrival {
  data: Uint8Array;
  first: LayerName | 'ip';
  /** Who sent it, as the socket tells; of a report, where the packet went that it is about. */
  address: string | undefined;
  /** The same, as the socket gives it. */
  sender: Address | undefined;
  /** When it came, in milliseconds since 1970. */
  time: number;
  control: readonly ControlMessage[];
  /** Of a report of the error queue, whose data are the beginning of our packet. */
  error: RequestError | undefined;
}

/** A packet to send. */
export interface Sending {
  data: Uint8Array;
  to: unknown;
  control: readonly ControlInput[] | undefined;
}

/** Takes what comes. A promise says that there is no room for more until it is fulfilled. */
export type Take = (arrival: Arrival) => Promise<void> | undefined;

/** Where requests go, and what comes. */
export interface Port {
  readonly hasOtherIdentifier: boolean;
  /** The name of the address of a request, as arrivals have it. */
  addressOf(to: unknown): string | undefined;
  send(message: Sending): Promise<void>;
  /** Gives what comes until the signal is aborted, which rejects with an AbortError. */
  receive(signal: AbortSignal, take: Take): Promise<void>;
}

/** The time of day, in milliseconds since 1970, finer than Date.now(). */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
