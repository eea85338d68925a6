/** Requests sent, and their answers waited for: what scapy's `sr` and `sr1` are. */
import { invalidType, outOfRange } from '../../posix/errno.ts';
import { type Names, namesOf, onlyKnown } from '../../posix/known-names.ts';
import { integer } from '../../posix/number.ts';
import { object, own } from '../../posix/snapshot.ts';
import { AbortError } from '../../socket/errors.ts';
import { milliseconds, optionalSignal } from '../../socket/options.ts';
import { Capture } from '../capture/capture.ts';
import type { AnyLayerType, LayerOf } from '../layers/own-layer.ts';
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
  const { fd, sendmsg, readable } = object(through, 'through') as Partial<ExchangeSocket>;
  if (typeof fd !== 'number' || typeof sendmsg !== 'function' || typeof readable !== 'function') {
    throw invalidType('through', 'a Socket or a Capture');
  }
  return new SocketPort(through as ExchangeSocket);
}

function given(options: ExchangeOptions): Given {
  onlyKnown(object(options, 'options'), NAMES, 'options');
  const rate = own(options, 'rate') ?? Number.POSITIVE_INFINITY;
  if (typeof rate !== 'number') throw invalidType('options.rate', 'a number');
  if (!(rate > 0)) throw outOfRange('options.rate', 'a number above 0');
  const answers = own(options, 'answers');
  if (answers !== undefined && typeof answers !== 'function') throw invalidType('options.answers', 'a function');
  const layers = own(options, 'layers') ?? [];
  if (!Array.isArray(layers)) throw invalidType('options.layers', 'an array of what defineLayer returns');
  return {
    timeout: milliseconds(own(options, 'timeout') ?? 1000, 'options.timeout'),
    retries: integer(own(options, 'retries'), 'options.retries', 0, 0x7fffffff, 0),
    rate,
    concurrency: integer(own(options, 'concurrency'), 'options.concurrency', 1, 1 << 24, 4096),
    multiple: own(options, 'multiple') === true,
    layers,
    answers: answers as Given['answers'],
    signal: optionalSignal(own(options, 'signal'), 'options.signal'),
  };
}

/**
 * Sends requests, and gives what answers them: scapy's `sr`.
 *
 * Answers are known by what both have in common: echoes of ICMP and ICMPv6 by identifier and sequence number, TCP by its
 * ports and the acknowledged number, UDP and SCTP by their ports, ARP and neighbour discovery by the address that is asked
 * for, other protocols of IP by the addresses; ICMP errors, and reports of the error queue (IP_RECVERR), by the packet that
 * they quote. A layer of `defineLayer` tells more by its `answers`, such as the identifier of DNS.
 *
 * Nothing is set on the socket, and it stays open: a filter keeps what is for others away, IP_RECVERR brings reports,
 * SO_TIMESTAMPNS the times at which the kernel got the answers.
 *
 * @param through A Socket: raw, packet, ping or datagram; or a Capture of one interface, which sends by its own socket.
 * @param requests Layers, or objects that have them, of any iterable: one that waits between them sets the pace.
 * @param options Time, retries and rate.
 * @returns For each request an answer, or that nobody answered, as they come; with `multiple`, all answers in time.
 * @throws TypeError or RangeError for what cannot be sent, or whose answer cannot be told; AbortError; SocketError of the
 *   socket. What cannot be sent for another reason (ENETUNREACH) is an `Unanswered` with its `failure`.
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
  const checked = given(options as ExchangeOptions);
  const from = object(requests, 'requests') as Partial<Iterable<unknown> & AsyncIterable<unknown>>;
  if (from[Symbol.asyncIterator] === undefined && from[Symbol.iterator] === undefined) {
    throw invalidType('requests', 'an iterable of requests');
  }
  const port = portOf(through);
  if (checked.signal?.aborted) throw new AbortError(checked.signal, 'exchange');
  return new Exchanging<Tag>(port, checked).run(requests) as AsyncGenerator<never, void, void>;
}

/**
 * Sends one request, and waits for its answer: scapy's `sr1`.
 *
 * @param through As for `exchange`.
 * @param request Layers, or an object that has them.
 * @param options As for `exchange`.
 * @returns The first answer, which may be an ICMP error; undefined when nobody answered in time.
 * @throws As `exchange`; the SocketError of a request that could not be sent.
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
