/** What is asked and what comes of it: the types of `exchange`. */
import type { Address, AddressLike } from '../../posix/address-type.ts';
import type { ControlInput, ControlMessage } from '../../posix/control-message.ts';
import type { Bytes } from '../../posix/native.ts';
import type { DecodedPacket } from '../layers/decode.ts';
import type { LayerInput } from '../layers/layer.ts';
import type { AnyLayerType, LayerOf, OwnLayer } from '../layers/own-layer.ts';
import type { PseudoHeader } from '../layers/pseudo-header.ts';
import type { RequestError } from './arrival.ts';

/**
 * The layers of a packet, as `encodePacket` takes them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type RequestLayers = readonly (LayerInput | OwnLayer | Bytes | string)[];

/**
 * A packet to be answered.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface ExchangeRequest<Tag = unknown> {
  /** Its layers, from the one that the socket takes. */
  layers: RequestLayers;
  /** Where to, of a socket that is not connected. */
  to?: AddressLike | undefined;
  /** For checksums, when the layers have no IP header. */
  pseudoHeader?: PseudoHeader | undefined;
  /** Control messages, such as a time to live. */
  control?: readonly ControlInput[] | undefined;
  /** Anything that tells it apart for the program. */
  tag?: Tag | undefined;
}

/**
 * How answers are waited for.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface ExchangeOptions<Types extends readonly AnyLayerType[] = readonly AnyLayerType[]> {
  /** Milliseconds until a request is sent again, or is unanswered; 1000 unless given. */
  timeout?: number | undefined;
  /** How often a request that is not answered is sent again; 0 unless given. */
  retries?: number | undefined;
  /** The most packets that are sent in a second; as many as the socket takes unless given. */
  rate?: number | undefined;
  /** The most requests that wait for answers at once; 4096 unless given. */
  concurrency?: number | undefined;
  /** Whether a request is listened for until its time is over, as several hosts may answer, or one several times. */
  multiple?: boolean | undefined;
  /** Layers of `defineLayer` to decode answers with; those of the requests are known. */
  layers?: Types | undefined;
  /** Whether a packet answers a request, in place of what is known of its layers. */
  answers?: ((request: DecodedPacket<OwnLayer>, packet: DecodedPacket<LayerOf<Types[number]>>) => boolean) | undefined;
  /** Ends the loop with an AbortError. */
  signal?: AbortSignal | undefined;
}

interface Of<Tag> {
  readonly request: ExchangeRequest<Tag>;
  /** Which of the requests it is, from 0 on. */
  readonly index: number;
  /** How often the request was sent. */
  readonly attempts: number;
}

/**
 * An answer to a request.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface Answered<Tag = unknown, Own extends OwnLayer = never> extends Of<Tag> {
  readonly answered: true;
  /** The packet; of a report of the error queue, the beginning of the request. */
  readonly packet: DecodedPacket<Own>;
  /** Its bytes. */
  readonly data: Uint8Array;
  /** Who sent it. */
  readonly from: string | undefined;
  /** What is said in place of an answer: by an ICMP error, or by the error queue of the socket. */
  readonly error: RequestError | undefined;
  /** Milliseconds since the request was sent, last. */
  readonly roundTrip: number;
  /** Whether the request had been answered before. */
  readonly duplicate: boolean;
  /** The address that the socket gave with it; of a report, where the request went. */
  readonly address: Address | undefined;
  /** The control messages of the socket. */
  readonly control: readonly ControlMessage[];
}

/**
 * A request that nobody answered in time, or that could not be sent.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface Unanswered<Tag = unknown> extends Of<Tag> {
  readonly answered: false;
  /** Why it could not be sent: a SocketError. */
  readonly failure: Error | undefined;
}
