/** Sends requests and waits for their answers, as scapy's `sr` and `sr1` do. */
import { invalidType, outOfRange } from '../../argument/argument-error.ts';
import { type Names, namesOf, onlyKnown } from '../../argument/known-names.ts';
import { integer } from '../../argument/number.ts';
import { assertObject, ownProperty } from '../../argument/snapshot.ts';
import { AbortError } from '../../loop/errors.ts';
import { milliseconds, optionalSignal } from '../../loop/options.ts';
import { Capture } from '../capture/capture.ts';
import type { AnyLayerType, LayerOf } from '../layers/layer-type.ts';
import type { Port } from './arrival.ts';
import { CapturePort } from './capture-port.ts';
import { Exchanging, type Given } from './exchanging.ts';
import type { Answered, ExchangeOptions, ExchangeRequest, RequestLayers, Unanswered } from './outcome.ts';
import { type ExchangeSocket, SocketPort } from './socket-port.ts';

const NAMES: Names = namesOf<ExchangeOptions>({
  timeout: true,
  retries: true,
  rate: true,
  concurrency: true,
  multiple: true,
  layers: true,
  answers: true,
  signal: true,
});

function portOf(through: unknown): Port {
  if (through instanceof Capture) return new CapturePort(through);
  const { fd, sendmsg, readable } = assertObject(through, 'through') as Partial<ExchangeSocket>;
  if (typeof fd !== 'number' || typeof sendmsg !== 'function' || typeof readable !== 'function') {
    throw invalidType('through', 'a Socket or a Capture');
  }
  return new SocketPort(through as ExchangeSocket);
}

function optionsOf(options: ExchangeOptions): Given {
  onlyKnown(assertObject(options, 'options'), NAMES, 'options');
  const rate = ownProperty(options, 'rate') ?? Number.POSITIVE_INFINITY;
  if (typeof rate !== 'number') throw invalidType('options.rate', 'a number');
  if (!(rate > 0)) throw outOfRange('options.rate', 'a number above 0');
  const answers = ownProperty(options, 'answers');
  if (answers !== undefined && typeof answers !== 'function') throw invalidType('options.answers', 'a function');
  const layers = ownProperty(options, 'layers') ?? [];
  if (!Array.isArray(layers)) throw invalidType('options.layers', 'an array of layer types that defineLayer returned');
  return {
    timeout: milliseconds(ownProperty(options, 'timeout') ?? 1000, 'options.timeout'),
    retries: integer(ownProperty(options, 'retries'), 'options.retries', 0, 0x7fffffff, 0),
    rate,
    concurrency: integer(ownProperty(options, 'concurrency'), 'options.concurrency', 1, 1 << 24, 4096),
    multiple: ownProperty(options, 'multiple') === true,
    layers,
    answers: answers as Given['answers'],
    signal: optionalSignal(ownProperty(options, 'signal'), 'options.signal'),
  };
}

/**
 * Sends requests and returns their answers: scapy's `sr`.
 *
 * Answers are recognized by the fields that they have in common with the request: ICMP and ICMPv6 echoes by identifier
 * and sequence number, TCP by the ports and the acknowledgment number, UDP and SCTP by the ports, ARP and neighbor
 * discovery by the requested address, and other IP protocols by the addresses. ICMP errors and reports of the error
 * queue (IP_RECVERR) are recognized by the packet that they quote. A layer of `defineLayer` can compare more fields in
 * its `answers` method, such as the identifier of DNS.
 *
 * The function sets no options on the socket and leaves it open. The caller can attach a filter that keeps out other
 * packets, set IP_RECVERR to receive error reports, and set SO_TIMESTAMPNS to use the times at which the kernel
 * received the answers. A socket or capture has one exchange at a time, because a second one would take the answers of
 * the first: pass all requests to one exchange.
 *
 * @param through A raw, packet, ping or datagram Socket, or a Capture of one interface, which sends through its own
 *   socket.
 * @param requests The requests, from any iterable. Each is an array of layers or an object that contains one. An async
 *   iterable can control the rate by waiting between requests.
 * @param options The timeout, the number of retries, the rate and other options.
 * @returns An outcome for each request, as soon as it is known: either an answer, or that there was none in time. With
 *   `multiple`, all answers that arrive in time.
 * @throws TypeError or RangeError for a request that cannot be encoded or whose answers cannot be recognized;
 *   AbortError; BusyError while another exchange uses the socket; ClosedError if the socket or capture is closed;
 *   SocketError of the socket. A request that cannot be sent for another reason (ENETUNREACH) results in an `Unanswered`
 *   with a `failure`.
 * @example
 * const raw = new Socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
 * const echoes = [1, 2].map((sequenceNumber) => ({
 *   layers: [icmp({ type: ICMP_ECHO, identifier: 7, sequenceNumber })],
 *   to: { family: AF_INET, address: '127.0.0.1', port: 0 },
 * }));
 * for await (const outcome of exchange(raw, echoes)) {
 *   if (outcome.answered) console.log(outcome.index, outcome.from);
 *   // 0 127.0.0.1
 *   // 1 127.0.0.1
 * }
 * raw.close();
 * @see https://man7.org/linux/man-pages/man7/raw.7.html
 */
export function exchange<Tag = unknown, const Types extends readonly AnyLayerType[] = readonly []>(
  through: ExchangeSocket | Capture,
  requests: Iterable<ExchangeRequest<Tag> | RequestLayers> | AsyncIterable<ExchangeRequest<Tag> | RequestLayers>,
  options: ExchangeOptions<Types> = {},
): AsyncGenerator<Answered<Tag, LayerOf<Types[number]>> | Unanswered<Tag>, void, void> {
  const checked = optionsOf(options as ExchangeOptions);
  const from = assertObject(requests, 'requests') as Partial<Iterable<unknown> & AsyncIterable<unknown>>;
  if (from[Symbol.asyncIterator] === undefined && from[Symbol.iterator] === undefined) {
    throw invalidType('requests', 'an iterable of requests');
  }
  const port = portOf(through);
  if (checked.signal?.aborted) throw new AbortError(checked.signal, 'exchange');
  return new Exchanging<Tag>(port, through, checked).run(requests) as AsyncGenerator<never, void, void>;
}

/**
 * Sends one request and waits for its answer: scapy's `sr1`.
 *
 * @param through The same as for `exchange`.
 * @param request An array of layers, or an object that contains one.
 * @param options The same as for `exchange`.
 * @returns The first answer, which may be an ICMP error, or undefined if there was none in time.
 * @throws The same errors as `exchange`, and the SocketError of a request that could not be sent.
 * @example
 * const raw = new Socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
 * const answer = await exchangeOne(raw, {
 *   layers: [icmp({ type: ICMP_ECHO, identifier: 7, sequenceNumber: 1 }), 'hello'],
 *   to: { family: AF_INET, address: '127.0.0.1', port: 0 },
 * });
 * if (answer) console.log(answer.from, findLayer(answer.packet, 'icmp')?.type === ICMP_ECHOREPLY); // 127.0.0.1 true
 * raw.close();
 * @see https://man7.org/linux/man-pages/man7/raw.7.html
 */
export async function exchangeOne<Tag = unknown, const Types extends readonly AnyLayerType[] = readonly []>(
  through: ExchangeSocket | Capture,
  request: ExchangeRequest<Tag> | RequestLayers,
  options: ExchangeOptions<Types> = {},
): Promise<Answered<Tag, LayerOf<Types[number]>> | undefined> {
  for await (const outcome of exchange<Tag, Types>(through, [request], options)) {
    if (outcome.answered) return outcome;
    if (outcome.failure !== undefined) throw outcome.failure;
  }
  return undefined;
}
