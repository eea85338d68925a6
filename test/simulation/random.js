/** A seeded generator of numbers (mulberry32): one seed is one schedule. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  }

  /** From 0 to 1, without 1. */
  fraction() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000;
  }

  /** An integer from 0 to n - 1. */
  below(n) {
    return Math.floor(this.fraction() * n);
  }

  /** An integer from `least` to `most`. */
  between(least, most) {
    return least + this.below(most - least + 1);
  }

  chance(probability) {
    return probability > 0 && this.fraction() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  shuffle(list) {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [list[i], list[j]] = [list[j], list[i]];
    }
    return list;
  }
}
