/** A map that finds its oldest entry quickly. */

/**
 * A map in insertion order. Each new iterator over a Map skips all entries deleted at its beginning until the engine
 * compacts the map, which takes linear time per entry when the map is used as a queue. This class keeps its iterator
 * and continues where it stopped.
 */
export class AgedMap<Key, Value> {
  readonly #map = new Map<Key, Value>();
  #iterator: IterableIterator<[Key, Value]> | undefined;
  #oldest: [Key, Value] | undefined;

  get size(): number {
    return this.#map.size;
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  has(key: Key): boolean {
    return this.#map.has(key);
  }

  /** Adds an entry as the newest one. */
  add(key: Key, value: Value): void {
    this.delete(key);
    this.#map.set(key, value);
  }

  delete(key: Key): boolean {
    if (this.#oldest?.[0] === key) this.#oldest = undefined;
    return this.#map.delete(key);
  }

  /** The oldest entry. */
  get oldest(): [Key, Value] | undefined {
    if (this.#oldest !== undefined || this.#map.size === 0) return this.#oldest;
    this.#iterator ??= this.#map.entries();
    let { value } = this.#iterator.next();
    if (value === undefined) {
      this.#iterator = this.#map.entries();
      value = this.#iterator.next().value;
    }
    this.#oldest = value;
    return value;
  }

  values(): IterableIterator<Value> {
    return this.#map.values();
  }
}
