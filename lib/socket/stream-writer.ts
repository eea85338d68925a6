/** What a stream writes: many chunks by one sendmsg(2), and descriptors with the chunk that carries them. */
import { MSG_DONTWAIT } from '../posix/constants.ts';
import { isErrno } from '../posix/errno.ts';
import { MOST } from './budget.ts';
import type { Socket } from './socket.ts';

/** A stream waits as long as it takes: the timeout of its Socket is for the calls of the program. */
export const NO_TIMEOUT: { readonly timeout: number } = { timeout: Number.POSITIVE_INFINITY };
/** The most buffers that one sendmsg(2) takes: IOV_MAX. */
const MOST_BUFFERS = 1024;
/** How many writes are done at once before one goes the way that leaves the other sockets and timers their turn. */
const MOST_AT_ONCE = 16;

/** Sends the chunks of one write, or of several that were corked, in their order. */
export class StreamWriter {
  readonly #socket: Socket;
  readonly #progress: () => void;
  #writes = 0;
  /** The descriptors that a chunk carries. */
  readonly #carried = new WeakMap<Uint8Array, readonly number[]>();

  /**
   * @param socket A connected stream socket.
   * @param progress Called when a call took bytes.
   */
  constructor(socket: Socket, progress: () => void) {
    this.#socket = socket;
    this.#progress = progress;
  }

  /** The descriptors go with the first byte of this chunk. */
  carry(chunk: Uint8Array, fds: readonly number[]): void {
    this.#carried.set(chunk, fds);
  }

  /**
   * Sends what the kernel takes at once.
   *
   * @returns The chunks that are left, in their order.
   * @throws As `send` of the Socket.
   */
  atOnce(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
    const bytes = lengthOf(chunks);
    if (bytes === 0) return [];
    if (bytes > MOST || this.#plainUntil(chunks, 0) < chunks.length) return chunks;
    if (++this.#writes % MOST_AT_ONCE === 0) return chunks;
    const sent = this.#tryToSend(chunks);
    if (sent > 0) this.#progress();
    return rest(chunks, sent);
  }

  #tryToSend(chunks: readonly Uint8Array[]): number {
    try {
      if (chunks.length === 1) return this.#socket.sendSync(chunks[0]!, MSG_DONTWAIT);
      return this.#socket.sendmsgSync({ buffers: chunks as Uint8Array[] }, MSG_DONTWAIT);
    } catch (error) {
      if (isErrno(error, 'EAGAIN')) return 0; // no room, or the connection is being made, or others wait
      throw error;
    }
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
    this.#progress();
  }

  async #sendPlain(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.length > 0; ) {
      const sent = await this.#socket.send(rest, 0, NO_TIMEOUT);
      this.#progress();
      rest = rest.subarray(sent);
    }
  }

  async #gather(chunks: Uint8Array[]): Promise<void> {
    let buffers = chunks;
    let left = lengthOf(chunks);
    while (left > 0) {
      const sent = await this.#socket.sendmsg({ buffers }, 0, NO_TIMEOUT);
      this.#progress();
      left -= sent;
      buffers = rest(buffers, sent);
    }
  }
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  return length;
}

/** The buffers without their first bytes. */
function rest(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let index = 0;
  let taken = bytes;
  while (index < buffers.length && taken >= buffers[index]!.length) taken -= buffers[index++]!.length;
  if (index === buffers.length) return [];
  return [buffers[index]!.subarray(taken), ...buffers.slice(index + 1)];
}
