/** What a socket or a capture receives while an exchange waits for answers. */
import type { Address } from '../../struct/address-type.ts';
import type { ControlInput, ControlMessage } from '../../struct/control-message.ts';
import type { LayerName } from '../layers/layer-name.ts';

/**
 * The error that a router or a host reports about a request instead of an answer: an ICMP error that quotes the
 * request, or an error that the kernel reports through the error queue of the socket.
 *
 * @see https://man7.org/linux/man-pages/man7/ip.7.html
 */
export interface RequestError {
  /** The address of the sender of the error, if it is known. */
  by: string | undefined;
  /** An SO_EE_ORIGIN_ number: ICMP, ICMPv6 or this host. */
  origin: number;
  /** The ICMP or ICMPv6 type and code. */
  type: number;
  code: number;
  /** The MTU if a packet was too big, or the pointer of a parameter problem. */
  info: number;
  /** The errno that the kernel derived, if the error comes from the error queue. It is 0 for an ICMP packet. */
  errno: number;
}

/** A received packet, or an error report about a packet that was sent. */
export interface Arrival {
  data: Uint8Array;
  first: LayerName | 'ip';
  /**
   * The address of the sender as the socket reports it. For an error report, it is the destination of the packet that
   * the error is about.
   */
  address: string | undefined;
  /** The same address in the form that the socket returns. */
  sender: Address | undefined;
  /** When it arrived, in milliseconds since 1970. */
  time: number;
  control: readonly ControlMessage[];
  /** The error if this is a report of the error queue. Its data is then the beginning of the packet that was sent. */
  error: RequestError | undefined;
}

/** A packet to send. */
export interface Sending {
  data: Uint8Array;
  to: unknown;
  control: readonly ControlInput[] | undefined;
}

/** Processes an arrival. If it returns a promise, there is no room for more until the promise is fulfilled. */
export type Take = (arrival: Arrival) => Promise<void> | undefined;

/** The socket or capture through which requests are sent and answers arrive. */
export interface Port {
  readonly hasOtherIdentifier: boolean;
  /** Returns the destination of a request in the form in which arrivals contain it. */
  addressOf(to: unknown): string | undefined;
  send(message: Sending): Promise<void>;
  /** Passes on everything that arrives until the signal is aborted, and then rejects with an AbortError. */
  receive(signal: AbortSignal, take: Take): Promise<void>;
}

/** Returns the time in milliseconds since 1970, with a higher resolution than Date.now(). */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
