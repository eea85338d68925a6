/** A map that finds its oldest entry at once. */

/**
 * A map in the order in which its entries came. An iteration that begins anew passes over all that was deleted at the
 * beginning each time, until the engine tidies up: of a queue that is a walk for each entry. This one goes on where it was.
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

  /** Adds an entry as the youngest one. */
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
