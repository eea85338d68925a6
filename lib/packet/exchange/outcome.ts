/** The types of `exchange`: requests and their outcomes. */

import type { Bytes } from '../../native/native.ts';
import type { Address, AddressLike } from '../../struct/address-type.ts';
import type { ControlInput, ControlMessage } from '../../struct/control-message.ts';
import type { DecodedPacket } from '../layers/decode.ts';
import type { LayerInput } from '../layers/layer.ts';
import type { AnyLayerType, LayerOf, OwnLayer } from '../layers/layer-type.ts';
import type { PseudoHeader } from '../layers/pseudo-header.ts';
import type { RequestError } from './arrival.ts';

/**
 * The layers of a packet, as `encodePacket` accepts them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type RequestLayers = readonly (LayerInput | OwnLayer | Bytes | string)[];

/**
 * A packet that is sent in order to receive an answer.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface ExchangeRequest<Tag = unknown> {
  /** The layers, beginning with the first one that the socket does not add itself. */
  layers: RequestLayers;
  /** The destination, if the socket is not connected. */
  to?: AddressLike | undefined;
  /** The pseudo-header for checksums, if the layers contain no IP header. */
  pseudoHeader?: PseudoHeader | undefined;
  /** Control messages, such as a time to live. */
  control?: readonly ControlInput[] | undefined;
  /** Any value by which the program identifies the request. */
  tag?: Tag | undefined;
}

/**
 * The options of `exchange`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface ExchangeOptions<Types extends readonly AnyLayerType[] = readonly AnyLayerType[]> {
  /** Milliseconds until a request is sent again or counts as unanswered. The default is 1000. */
  timeout?: number | undefined;
  /** How many times an unanswered request is sent again. The default is 0. */
  retries?: number | undefined;
  /** The maximum number of packets sent per second. By default it is not limited. */
  rate?: number | undefined;
  /** The maximum number of requests that wait for answers at the same time. The default is 4096. */
  concurrency?: number | undefined;
  /**
   * Whether to collect answers to a request until its timeout, because several hosts may answer it or one may answer
   * several times.
   */
  multiple?: boolean | undefined;
  /** Layer types of `defineLayer` to decode answers with. Those of the requests are used in any case. */
  layers?: Types | undefined;
  /** Returns whether a packet answers a request. It replaces the built-in comparison of the layers. */
  answers?: ((request: DecodedPacket<OwnLayer>, packet: DecodedPacket<LayerOf<Types[number]>>) => boolean) | undefined;
  /** Ends the loop with an AbortError when it is aborted. */
  signal?: AbortSignal | undefined;
}

interface Of<Tag> {
  readonly request: ExchangeRequest<Tag>;
  /** The index of the request, counted from 0. */
  readonly index: number;
  /** How many times the request was sent. */
  readonly attempts: number;
}

/**
 * An answer to a request.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface Answered<Tag = unknown, Own extends OwnLayer = never> extends Of<Tag> {
  readonly answered: true;
  /** The decoded packet. For a report of the error queue, it is the beginning of the request. */
  readonly packet: DecodedPacket<Own>;
  /** The bytes of the packet. */
  readonly data: Uint8Array;
  /** The address of the sender. */
  readonly from: string | undefined;
  /** The error that was received instead of an answer, from an ICMP error or the error queue of the socket. */
  readonly error: RequestError | undefined;
  /** Milliseconds since the request was last sent. */
  readonly roundTrip: number;
  /** Whether the request had already been answered before. */
  readonly duplicate: boolean;
  /**
   * The address that the socket returned with it. For a report of the error queue, it is the destination of the
   * request.
   */
  readonly address: Address | undefined;
  /** The control messages that the socket returned with it. */
  readonly control: readonly ControlMessage[];
}

/**
 * A request that was not answered in time, or that could not be sent.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface Unanswered<Tag = unknown> extends Of<Tag> {
  readonly answered: false;
  /** The SocketError if the request could not be sent. */
  readonly failure: Error | undefined;
}
