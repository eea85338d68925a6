/** What a stream writes: many chunks by one sendmsg(2), and descriptors with the chunk that carries them. */
import type { Socket } from './socket.ts';

/** A stream waits as long as it takes: the timeout of its Socket is for the calls of the program. */
export const NO_TIMEOUT: { readonly timeout: number } = { timeout: Number.POSITIVE_INFINITY };
/** The most buffers that one sendmsg(2) takes: IOV_MAX. */
const MOST_BUFFERS = 1024;

/** Sends the chunks of one write, or of several that were corked, in their order. */
export class StreamWriter {
  readonly #socket: Socket;
  readonly #progress: (bytes: number) => void;
  /** The descriptors that a chunk carries. */
  readonly #carried = new WeakMap<Uint8Array, readonly number[]>();

  /**
   * @param socket A connected stream socket.
   * @param progress Called with the number of bytes that one call took.
   */
  constructor(socket: Socket, progress: (bytes: number) => void) {
    this.#socket = socket;
    this.#progress = progress;
  }

  /** The descriptors go with the first byte of this chunk. */
  carry(chunk: Uint8Array, fds: readonly number[]): void {
    this.#carried.set(chunk, fds);
  }

  /** Sends one chunk. */
  send(chunk: Uint8Array): Promise<void> {
    const fds = this.#carried.get(chunk);
    return fds === undefined ? this.#sendPlain(chunk) : this.#sendWithFds(chunk, fds);
  }

  /** Sends many chunks by as few calls as possible. */
  async sendMany(chunks: readonly Uint8Array[]): Promise<void> {
    for (let at = 0; at < chunks.length; ) {
      const end = this.#plainUntil(chunks, at);
      if (end - at > 1) await this.#gather(chunks.slice(at, end));
      else await this.send(chunks[at]!);
      at = Math.max(end, at + 1);
    }
  }

  /** Where the chunks that carry no descriptors, and that one call takes, end. */
  #plainUntil(chunks: readonly Uint8Array[], from: number): number {
    let end = from;
    while (end < chunks.length && end - from < MOST_BUFFERS && !this.#carried.has(chunks[end]!)) end++;
    return end;
  }

  async #sendWithFds(chunk: Uint8Array, fds: readonly number[]): Promise<void> {
    await this.#socket.sendFds(fds, chunk, 0, NO_TIMEOUT);
    this.#progress(chunk.length);
  }

  async #sendPlain(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.length > 0; ) {
      const sent = await this.#socket.send(rest, 0, NO_TIMEOUT);
      this.#progress(sent);
      rest = rest.subarray(sent);
    }
  }

  async #gather(chunks: Uint8Array[]): Promise<void> {
    let buffers = chunks;
    let left = chunks.reduce((sum, { length }) => sum + length, 0);
    while (left > 0) {
      const sent = await this.#socket.sendmsg({ buffers }, 0, NO_TIMEOUT);
      this.#progress(sent);
      left -= sent;
      if (left > 0) buffers = rest(buffers, sent);
    }
  }
}

/** The buffers without their first bytes. */
function rest(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let index = 0;
  let taken = bytes;
  while (taken >= buffers[index]!.length) taken -= buffers[index++]!.length;
  return [buffers[index]!.subarray(taken), ...buffers.slice(index + 1)];
}
