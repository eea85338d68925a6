/** The requests that wait for answers, indexed by the key that their answers have in common with them. */
import { AgedMap } from '../bytes/aged-map.ts';
import { type DecodedPacket, decodePacket } from '../layers/decode.ts';
import { encodePacket } from '../layers/encode.ts';
import type { LayerName } from '../layers/layer-name.ts';
import { type AnyLayerType, type OwnLayer, typeOf } from '../layers/layer-type.ts';
import { isBuiltIn } from '../layers/registry.ts';
import type { ExchangeRequest } from './outcome.ts';

/** A request that waits for an answer. */
export interface Pending<Tag> {
  readonly request: ExchangeRequest<Tag>;
  readonly index: number;
  readonly data: Uint8Array;
  readonly packet: DecodedPacket<OwnLayer>;
  readonly key: string;
  attempts: number;
  answered: boolean;
  /** When it was sent, in milliseconds since 1970. */
  sent: number;
  /** When it times out, in milliseconds of the monotonic clock. */
  deadline: number;
}

/**
 * Returns the bytes of a request, and its layers as a decoder returns them, including the fields that were filled in.
 */
export function encodeRequest(
  { layers, pseudoHeader }: ExchangeRequest<unknown>,
  types: Set<AnyLayerType>,
): { data: Uint8Array; packet: DecodedPacket<OwnLayer> } {
  const data = encodePacket(layers, pseudoHeader === undefined ? undefined : { pseudoHeader });
  for (const layer of layers) {
    const type = typeof layer === 'object' && 'layer' in layer ? typeOf(layer) : undefined;
    if (type !== undefined) types.add(type);
  }
  const [first] = layers;
  const isLayer = typeof first === 'object' && 'layer' in first;
  if (isLayer && !isBuiltIn(first.layer)) {
    return { data, packet: { layers: [first as OwnLayer], error: undefined, missing: 0 } };
  }
  const name = isLayer ? (first.layer as LayerName) : 'payload';
  return { data, packet: decodePacket(data, { first: name, layers: [...types] }) as DecodedPacket<OwnLayer> };
}

/** The requests that wait for answers. */
export class PendingRequests<Tag> {
  readonly #byKey = new Map<string, Set<Pending<Tag>>>();
  /** The requests whose timeout has started, in the order of their deadlines. All have the same timeout. */
  readonly #running = new AgedMap<Pending<Tag>, true>();
  size = 0;

  add(one: Pending<Tag>): void {
    const others = this.#byKey.get(one.key);
    if (others === undefined) this.#byKey.set(one.key, new Set([one]));
    else if (others.has(one)) return;
    else others.add(one);
    this.size++;
  }

  delete(one: Pending<Tag>): void {
    const others = this.#byKey.get(one.key);
    if (!others?.delete(one)) return;
    if (others.size === 0) this.#byKey.delete(one.key);
    this.#running.delete(one);
    this.size--;
  }

  /** Starts the timeout of a request. */
  run(one: Pending<Tag>): void {
    if (!this.#byKey.get(one.key)?.has(one)) return; // it was answered before the call to send returned
    this.#running.add(one, true);
  }

  /** The next deadline. */
  get deadline(): number | undefined {
    return this.#running.oldest?.[0].deadline;
  }

  /** Removes and returns the next request whose deadline has passed. */
  expired(time: number): Pending<Tag> | undefined {
    const one = this.#running.oldest?.[0];
    if (one === undefined || one.deadline > time) return undefined;
    this.#running.delete(one);
    return one;
  }

  /** Returns the request with a key that matches. A request that was not answered yet is preferred. */
  find(key: string | undefined, matches: (one: Pending<Tag>) => boolean): Pending<Tag> | undefined {
    let answered: Pending<Tag> | undefined;
    for (const one of (key !== undefined && this.#byKey.get(key)) || []) {
      if ((one.answered && answered !== undefined) || !matches(one)) continue;
      if (!one.answered) return one;
      answered = one;
    }
    return answered;
  }
}
