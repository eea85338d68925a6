// The file that the torture build and the script share: test/torture/torture.cc has the same struct.
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

const FUNCTIONS = 512;
const EVENTS = 100_000;
const HEAD = 32;
const LIVE = HEAD;
const EVENT = HEAD + 4 * FUNCTIONS;
const SIZE = EVENT + 8 * EVENTS;

const OFF = 0;
const RECORD = 1;
const FAIL = 2;

export class Shared {
  #fd;
  #word = new Uint32Array(8);
  #paused;

  constructor(path) {
    this.#fd = openSync(path, 'r+');
    ftruncateSync(this.#fd, SIZE);
  }

  #set(...words) {
    this.#paused = undefined;
    this.#word.fill(0);
    this.#word.set(words);
    // The mode is written last: a call in another thread must not see a half-written request.
    writeSync(this.#fd, this.#word, 0, 4, 0);
    writeSync(this.#fd, this.#word, 4, 28, 4);
    if (words[0] !== OFF) writeSync(this.#fd, this.#word, 0, 4, 0);
  }

  record() {
    this.#set(OFF);
    this.#set(RECORD);
  }

  fail(function_, offset, nth) {
    this.#set(OFF);
    this.#set(FAIL, function_, offset, nth);
  }

  /** Nothing is recorded or fails until `resume`. */
  pause() {
    if (this.#paused !== undefined) return;
    this.#paused = this.#mode();
    writeSync(this.#fd, new Uint32Array(1), 0, 4, 0);
  }

  resume() {
    if (this.#paused !== undefined) writeSync(this.#fd, Uint32Array.of(this.#paused), 0, 4, 0);
    this.#paused = undefined;
  }

  #mode() {
    readSync(this.#fd, this.#word, 0, 4, 0);
    return this.#word[0];
  }

  /** Ends what was begun; returns whether a call failed, and how often the call was reached. */
  off() {
    const head = new Uint32Array(8);
    readSync(this.#fd, head, 0, HEAD, 0);
    writeSync(this.#fd, new Uint32Array(1), 0, 4, 0);
    return { reached: head[4], injected: head[5] === 1, events: Math.min(head[6], EVENTS) };
  }

  /** Every call since `record`, as [function, offset]. */
  recorded() {
    const { events } = this.off();
    const list = new Uint32Array(2 * events);
    if (events > 0) readSync(this.#fd, list, 0, list.byteLength, EVENT);
    return Array.from({ length: events }, (_, i) => [list[2 * i], list[2 * i + 1]]);
  }

  /** How often each function was called without failing since the start. */
  live() {
    const counts = new Int32Array(FUNCTIONS);
    readSync(this.#fd, counts, 0, counts.byteLength, LIVE);
    return counts;
  }

  close() {
    closeSync(this.#fd);
  }
}
