import { Buffer } from 'node:buffer';
import { LITTLE } from './byte-order.ts';

/** Reads the output of native/pack.h: a sequence of 32-bit numbers in host byte order, bytes and strings. */
export class Unpack {
  readonly #view: DataView;
  #at = 0;

  constructor(buffer: ArrayBuffer) {
    this.#view = new DataView(buffer);
  }

  get done(): boolean {
    return this.#at >= this.#view.byteLength;
  }

  int(): number {
    const value = this.#view.getInt32(this.#at, LITTLE);
    this.#at += 4;
    return value;
  }

  /** Returns bytes, or undefined for a null pointer. */
  bytes(): Buffer | undefined {
    const length = this.int();
    if (length < 0) return undefined;
    this.#at += length;
    return Buffer.from(this.#view.buffer as ArrayBuffer, this.#at - length, length);
  }

  string(): string | undefined {
    return this.bytes()?.toString();
  }

  strings(): string[] {
    return Array.from({ length: this.int() }, () => this.string() ?? '');
  }
}
