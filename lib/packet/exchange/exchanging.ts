/** A running exchange: it sends requests, receives answers and handles timeouts. */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { invalidValue } from '../../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { type Abortable, listen, unlisten } from '../../loop/abort.ts';
import { AbortError, BusyError, ClosedError } from '../../loop/errors.ts';
import { LONGEST } from '../../loop/options.ts';
import { isSocketError } from '../../struct/errno.ts';
import { type DecodedPacket, decodePacket } from '../layers/decode.ts';
import type { AnyLayerType, OwnLayer } from '../layers/layer-type.ts';
import { type Arrival, now, type Port, type RequestError } from './arrival.ts';
import { errorOf } from './icmp-error.ts';
import type { Answered, ExchangeOptions, ExchangeRequest, RequestLayers, Unanswered } from './outcome.ts';
import { addressesOf, isAbout, isReply, quoteAt, quotedKeys, replyKeys, requestKey } from './pairing.ts';
import { encodeRequest, type Pending, PendingRequests } from './pending.ts';

/** The validated options. */
export interface Given extends Required<Omit<ExchangeOptions, 'answers' | 'signal' | 'layers'>> {
  timeout: number;
  retries: number;
  rate: number;
  concurrency: number;
  layers: readonly AnyLayerType[];
  answers: ((request: DecodedPacket<OwnLayer>, packet: DecodedPacket<OwnLayer>) => boolean) | undefined;
  signal: AbortSignal | undefined;
}

const NAMES = namesOf<ExchangeRequest>({ layers: true, to: true, pseudoHeader: true, control: true, tag: true });

/** The number of packets after which other tasks get a turn and received packets are processed. */
const BURST = 32;
/** The delay of a timer, in milliseconds, that is compensated for by sending faster. */
const LATE = 20;
/** The number of outcomes that may wait to be read. */
const MOST_OUTCOMES = 1024;
/** The key of all requests if the program decides which packets answer them. */
const ALL = '';
/** The maximum difference between the clock of a capture and that of this process, in milliseconds. */
const APART = 1000;

type Outcome<Tag> = Answered<Tag, OwnLayer> | Unanswered<Tag>;
type Requests<Tag> =
  | Iterable<ExchangeRequest<Tag> | RequestLayers>
  | AsyncIterable<ExchangeRequest<Tag> | RequestLayers>;

/** A promise that can be fulfilled repeatedly. */
class Bell {
  #ring: (() => void) | undefined;
  #promise: Promise<void> | undefined;

  ring(): void {
    this.#ring?.();
    this.#ring = undefined;
    this.#promise = undefined;
  }

  rung(): Promise<void> {
    this.#promise ??= new Promise((resolve) => {
      this.#ring = resolve;
    });
    return this.#promise;
  }
}

/** The sockets and captures of running exchanges. A second exchange would take the answers of the first one. */
const running = new WeakSet<object>();

/** A running exchange. */
export class Exchanging<Tag> implements Abortable {
  readonly #port: Port;
  readonly #through: object;
  readonly #given: Given;
  readonly #types: Set<AnyLayerType>;
  readonly #pending = new PendingRequests<Tag>();
  readonly #over = new AbortController();
  readonly #changed = new Bell();
  readonly #room = new Bell();
  #outcomes: Outcome<Tag>[] = [];
  #again: Pending<Tag>[] = [];
  #isSendingAgain = false;
  /** The number of requests that were read, and whether there are no more. */
  #count = 0;
  #isComplete = false;
  #failure: unknown;
  #receiving: Promise<void> | undefined;
  #due = 0;
  #burst = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(port: Port, through: object, given: Given) {
    this.#port = port;
    this.#through = through;
    this.#given = given;
    this.#types = new Set(given.layers);
  }

  /** Called when the signal of the program is aborted. */
  abort(signal: AbortSignal): void {
    this.#fail(new AbortError(signal, 'exchange'));
  }

  async *run(requests: Requests<Tag>): AsyncGenerator<Outcome<Tag>, void, void> {
    const { signal } = this.#given;
    if (signal?.aborted) throw new AbortError(signal, 'exchange');
    if (running.has(this.#through)) throw new BusyError('exchange');
    running.add(this.#through);
    if (signal !== undefined) listen(signal, this);
    this.#receiving = this.#guard(this.#port.receive(this.#over.signal, (arrival) => this.#take(arrival)));
    this.#guard(this.#sendAll(requests));
    try {
      for (;;) {
        const outcomes = this.#outcomes;
        this.#outcomes = [];
        this.#room.ring();
        yield* outcomes;
        if (this.#outcomes.length > 0) continue;
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#isComplete && this.#pending.size === 0) return;
        await this.#changed.rung();
      }
    } finally {
      if (signal !== undefined) unlisten(signal, this);
      clearTimeout(this.#timer);
      this.#over.abort();
      this.#room.ring();
      await this.#receiving; // whoever waits for packets next must be the only one
      running.delete(this.#through);
    }
  }

  /** Ends the exchange if the work fails, unless the exchange has already ended. */
  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!this.#over.signal.aborted) this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#changed.ring();
  }

  #tell(outcome: Outcome<Tag>): void {
    this.#outcomes.push(outcome);
    this.#changed.ring();
    this.#room.ring();
  }

  async #sendAll(requests: Requests<Tag>): Promise<void> {
    for await (const request of requests) {
      while (this.#pending.size >= this.#given.concurrency && !this.#over.signal.aborted) await this.#room.rung();
      if (this.#over.signal.aborted) return;
      await this.#send(this.#prepare(request));
    }
    this.#isComplete = true;
    this.#changed.ring();
  }

  #prepare(from: ExchangeRequest<Tag> | RequestLayers): Pending<Tag> {
    const request: ExchangeRequest<Tag> = Array.isArray(from)
      ? { layers: from }
      : (assertObject(from, 'request') as ExchangeRequest<Tag>);
    onlyKnown(request, NAMES, 'request');
    const { data, packet } = encodeRequest(request, this.#types);
    const key =
      this.#given.answers === undefined ? requestKey(packet.layers, this.#port.addressOf(request.to), this.#port) : ALL;
    if (key === undefined) {
      throw invalidValue(
        'request.layers',
        'a packet whose answers can be recognized, unless "options.answers" is given',
      );
    }
    return { request, index: this.#count++, data, packet, key, attempts: 0, answered: false, sent: 0, deadline: 0 };
  }

  async #send(one: Pending<Tag>): Promise<void> {
    if (!one.answered) await this.#pace();
    if (this.#over.signal.aborted) return;
    // The answer to an earlier attempt may have arrived after its timeout, while this one had to wait.
    if (one.answered) {
      this.#giveUp(one);
      return;
    }
    one.attempts++;
    one.sent = now();
    this.#pending.add(one); // the answer may arrive before the call returns
    const { to, control } = one.request;
    try {
      await this.#port.send({ data: one.data, to, control });
    } catch (error) {
      if (error instanceof ClosedError) await this.#receiving; // which ends with the reason
      if (!isSocketError(error)) throw error;
      this.#giveUp(one, error);
      return;
    }
    one.deadline = performance.now() + this.#given.timeout;
    this.#pending.run(one);
    this.#arm();
  }

  /** Waits until the next packet may be sent. */
  async #pace(): Promise<void> {
    const { signal } = this.#over;
    const time = performance.now();
    // The delay of a late timer is made up for, but not the time in which there was nothing to send.
    this.#due = this.#due === 0 ? time : Math.max(this.#due, time - LATE);
    const wait = Math.ceil(this.#due - time);
    this.#due += 1000 / this.#given.rate;
    try {
      if (wait >= 1) await sleep(wait, undefined, { signal });
      else if (++this.#burst % BURST === 0) await turn(undefined, { signal });
    } catch {
      // the exchange is over
    }
  }

  #giveUp(one: Pending<Tag>, failure?: Error): void {
    this.#pending.delete(one);
    const { request, index, attempts, answered } = one;
    if (answered) {
      this.#changed.ring();
      this.#room.ring();
    } else this.#tell({ answered: false, request, index, attempts, failure });
  }

  /** Sets the timer to the next deadline. */
  #arm(): void {
    const { deadline } = this.#pending;
    if (this.#timer !== undefined || deadline === undefined || this.#over.signal.aborted) return;
    const wait = Math.min(Math.max(0, deadline - performance.now()), LONGEST);
    // After a busy period, the timer fires first. Packets that arrived in time are processed before it takes effect.
    this.#timer = setTimeout(() => setImmediate(() => this.#expire()), wait);
  }

  #expire(): void {
    this.#timer = undefined;
    if (this.#over.signal.aborted) return;
    const time = performance.now();
    for (let one = this.#pending.expired(time); one !== undefined; one = this.#pending.expired(time)) {
      if (one.answered || one.attempts > this.#given.retries) this.#giveUp(one);
      else this.#again.push(one);
    }
    if (this.#again.length > 0 && !this.#isSendingAgain) this.#guard(this.#sendAgain());
    this.#arm();
  }

  async #sendAgain(): Promise<void> {
    this.#isSendingAgain = true;
    while (this.#again.length > 0) {
      const again = this.#again;
      this.#again = [];
      for (let i = 0; i < again.length; i++) await this.#send(again[i]!);
    }
    this.#isSendingAgain = false;
  }

  /** Processes a received packet: an answer, an error about a request, or an unrelated packet. */
  #take(arrival: Arrival): Promise<void> | undefined {
    const packet = decodePacket(arrival.data, {
      first: arrival.first,
      layers: [...this.#types],
    }) as DecodedPacket<OwnLayer>;
    const { layers } = packet;
    const quote = arrival.error !== undefined ? 0 : quoteAt(layers);
    const error = arrival.error ?? (quote < 0 ? undefined : errorOf(layers, quote, arrival.address));
    const one = error === undefined ? this.#answered(packet, arrival) : this.#reported(layers.slice(quote), arrival);
    if (one !== undefined) this.#answer(one, packet, arrival, error);
    return this.#outcomes.length < MOST_OUTCOMES ? undefined : this.#room.rung();
  }

  #answered(packet: DecodedPacket<OwnLayer>, { address }: Arrival): Pending<Tag> | undefined {
    const { answers } = this.#given;
    if (answers !== undefined) return this.#pending.find(ALL, (one) => answers(one.packet, packet) === true);
    const matches = (one: Pending<Tag>) => isReply(one.packet.layers, packet.layers);
    for (const key of replyKeys(packet.layers, address, this.#port)) {
      const one = this.#pending.find(key, matches);
      if (one !== undefined) return one;
    }
    return undefined;
  }

  #reported(quote: DecodedPacket<OwnLayer>['layers'], { address, first }: Arrival): Pending<Tag> | undefined {
    const port = this.#port;
    const keys = quotedKeys(quote, address, port, first);
    if (this.#given.answers !== undefined) {
      const keyOf = ({ packet, request }: Pending<Tag>) =>
        requestKey(packet.layers, port.addressOf(request.to), port) ?? '';
      return this.#pending.find(ALL, (one) => keys.includes(keyOf(one)) && isAbout(one.packet.layers, quote));
    }
    for (const key of keys) {
      const one = this.#pending.find(key, ({ packet }) => isAbout(packet.layers, quote));
      if (one !== undefined) return one;
    }
    return undefined;
  }

  #answer(
    one: Pending<Tag>,
    packet: DecodedPacket<OwnLayer>,
    { data, address, sender, time, control }: Arrival,
    error: RequestError | undefined,
  ): void {
    const duplicate = one.answered;
    if (duplicate && !this.#given.multiple) return;
    one.answered = true;
    if (!this.#given.multiple) this.#pending.delete(one);
    const { request, index, attempts, sent } = one;
    const came = Math.abs(time - now()) < APART ? time : now();
    const from = error === undefined ? (addressesOf(packet.layers).source ?? address) : error.by;
    const roundTrip = Math.max(0, came - sent);
    const of = { request, index, attempts };
    this.#tell({ answered: true, ...of, packet, data, from, error, roundTrip, duplicate, address: sender, control });
  }
}
