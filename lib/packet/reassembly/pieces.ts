/** The parts of a datagram that have arrived, in order. */

interface Piece {
  readonly offset: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

/** Parts that do not overlap. */
export class Pieces {
  readonly #list: Piece[] = [];
  /** The total number of bytes. */
  received = 0;

  get count(): number {
    return this.#list.length;
  }

  /** The end of the last part. */
  get end(): number {
    return this.#list.at(-1)?.end ?? 0;
  }

  /**
   * Classifies a part before it is added: it is `new`, a `duplicate` if all of its bytes are already there, or an
   * `overlap` if it contradicts or extends parts that are already there.
   */
  judge(offset: number, bytes: Uint8Array): 'new' | 'duplicate' | 'overlap' {
    const end = offset + bytes.length;
    let i = this.#search(offset);
    if (i > 0 && this.#list[i - 1]!.end > offset) i--;
    const first = this.#list[i];
    if (first === undefined || first.offset >= end) return 'new';
    for (let at = offset; at < end; i++) {
      const piece = this.#list[i];
      if (piece === undefined || piece.offset > at) return 'overlap';
      const stop = Math.min(piece.end, end);
      for (; at < stop; at++) if (piece.bytes[at - piece.offset] !== bytes[at - offset]) return 'overlap';
    }
    return 'duplicate';
  }

  /** Adds a part that is `new`. The bytes must not be changed afterwards. */
  add(offset: number, bytes: Uint8Array): void {
    const piece = { offset, end: offset + bytes.length, bytes };
    this.received += bytes.length;
    if (offset >= this.end) this.#list.push(piece);
    else this.#list.splice(this.#search(offset), 0, piece);
  }

  /** Returns how many parts begin before an offset. */
  #search(offset: number): number {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#list[middle]!.offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Copies all parts to their places, counted from an offset. */
  copyTo(target: Uint8Array, at: number): void {
    for (const { offset, bytes } of this.#list) target.set(bytes, at + offset);
  }
}
