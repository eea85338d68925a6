/** An exchange while it runs: what sends, what receives, and whose time is over. */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { invalidValue, isSocketError } from '../../posix/errno.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { object } from '../../posix/snapshot.ts';
import { type Abortable, listen, unlisten } from '../../socket/abort.ts';
import { AbortError } from '../../socket/errors.ts';
import { LONGEST } from '../../socket/options.ts';
import { type DecodedPacket, decodePacket } from '../layers/decode.ts';
import type { AnyLayerType, OwnLayer } from '../layers/own-layer.ts';
import { type Arrival, now, type Port, type RequestError } from './arrival.ts';
import { errorOf } from './icmp-error.ts';
import type { Answered, ExchangeOptions, ExchangeRequest, RequestLayers, Unanswered } from './outcome.ts';
import { addressesOf, isAbout, isReply, quoteAt, quotedKeys, replyKeys, requestKey } from './pairing.ts';
import { encodeRequest, type Pending, PendingRequests } from './pending.ts';

/** Options that were checked. */
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

/** After so many packets others have their turn, and what came is taken. */
const BURST = 32;
/** By how many milliseconds a timer may be late, which is made up for. */
const LATE = 20;
/** So many answers may wait for who reads them. */
const MOST_OUTCOMES = 1024;
/** The key of all requests when the program tells what answers them. */
const ALL = '';
/** The most that the clock of a capture and ours may differ, in milliseconds. */
const APART = 1000;

type Outcome<Tag> = Answered<Tag, OwnLayer> | Unanswered<Tag>;
type Requests<Tag> =
  | Iterable<ExchangeRequest<Tag> | RequestLayers>
  | AsyncIterable<ExchangeRequest<Tag> | RequestLayers>;

/** A promise that others fulfil, again and again. */
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

/** An exchange. */
export class Exchanging<Tag> implements Abortable {
  readonly #port: Port;
  readonly #given: Given;
  readonly #types: Set<AnyLayerType>;
  readonly #pending = new PendingRequests<Tag>();
  readonly #over = new AbortController();
  readonly #changed = new Bell();
  readonly #room = new Bell();
  #outcomes: Outcome<Tag>[] = [];
  #again: Pending<Tag>[] = [];
  #isSendingAgain = false;
  /** How many requests were taken, and whether there are no more. */
  #count = 0;
  #isComplete = false;
  #failure: unknown;
  #due = 0;
  #burst = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(port: Port, given: Given) {
    this.#port = port;
    this.#given = given;
    this.#types = new Set(given.layers);
  }

  /** The signal of the program. */
  abort(signal: AbortSignal): void {
    this.#fail(new AbortError(signal, 'exchange'));
  }

  async *run(requests: Requests<Tag>): AsyncGenerator<Outcome<Tag>, void, void> {
    const { signal } = this.#given;
    if (signal?.aborted) throw new AbortError(signal, 'exchange');
    if (signal !== undefined) listen(signal, this);
    const receiving = this.#guard(this.#port.receive(this.#over.signal, (arrival) => this.#take(arrival)));
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
      await receiving; // the next one to wait for packets finds nobody who does
    }
  }

  /** What fails ends the exchange, unless that is over. */
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
      : (object(from, 'request') as ExchangeRequest<Tag>);
    onlyKnown(request, NAMES, 'request');
    const { data, packet } = encodeRequest(request, this.#types);
    const key =
      this.#given.answers === undefined ? requestKey(packet.layers, this.#port.addressOf(request.to), this.#port) : ALL;
    if (key === undefined) {
      throw invalidValue('request.layers', 'a packet whose answer can be told, or "options.answers" tells it');
    }
    return { request, index: this.#count++, data, packet, key, attempts: 0, answered: false, sent: 0, deadline: 0 };
  }

  async #send(one: Pending<Tag>): Promise<void> {
    await this.#pace();
    if (this.#over.signal.aborted) return;
    one.attempts++;
    one.sent = now();
    this.#pending.add(one); // it may be answered before the call is over
    const { to, control } = one.request;
    try {
      await this.#port.send({ data: one.data, to, control });
    } catch (error) {
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
    // What a timer was late by is made up for, but not the time in which nothing was to be sent.
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

  /** Sets the timer to the next end. */
  #arm(): void {
    const { deadline } = this.#pending;
    if (this.#timer !== undefined || deadline === undefined || this.#over.signal.aborted) return;
    const wait = Math.min(Math.max(0, deadline - performance.now()), LONGEST);
    // A thread that was busy sees the timer first: what came in time is taken before.
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
    for (let one = this.#again.shift(); one !== undefined; one = this.#again.shift()) {
      if (!one.answered) await this.#send(one);
    }
    this.#isSendingAgain = false;
  }

  /** Takes a packet that has come: an answer, an error that is about a request, or nothing of ours. */
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
