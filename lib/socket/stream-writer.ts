/**
 * The writing side of a stream: it sends many chunks with one sendmsg(2), and file descriptors with the chunk that
 * carries them.
 */

import process from 'node:process';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import { MOST } from '../loop/budget.ts';
import { BusyError, ClosedError, reportUncaught } from '../loop/errors.ts';
import { MSG_DONTWAIT, SHUT_WR } from '../native/constants.ts';
import { isErrno } from '../struct/errno.ts';
import { connecting } from './operation/index.ts';
import type { SendingSocket } from './sending-socket.ts';
import { NO_TIMEOUT } from './stream-options.ts';

/** A stream whose Socket may still be connecting; then it emits 'connect'. */
interface ConnectingStream extends Duplex {
  readonly connecting: boolean;
}

/** The function with which a Writable is told that a write has finished or failed. */
type Callback = (error?: Error | null) => void;

const NOTHING = new Uint8Array(0);
/** The maximum number of buffers of one sendmsg(2): IOV_MAX. */
const MOST_BUFFERS = 1024;
/** Of so many writes, one is done asynchronously, so that other sockets and timers get their turn. */
const MOST_AT_ONCE = 16;

/** Sends the chunks of one write, or of several corked writes, in order. */
export class StreamWriter {
  readonly #socket: SendingSocket;
  readonly #stream: ConnectingStream;
  readonly #progress: () => void;
  /** The number of bytes of the writes that have finished. */
  bytesFinished = 0;
  #writes = 0;
  /** Whether the end of the stream has begun a connection that waited for data. */
  #begun = false;
  /** The file descriptors that are sent with a chunk. */
  readonly #carried = new WeakMap<Uint8Array, readonly number[]>();

  /**
   * @param socket A stream socket.
   * @param stream The stream whose chunks are sent.
   * @param progress A function that is called whenever bytes were sent.
   */
  constructor(socket: SendingSocket, stream: ConnectingStream, progress: () => void) {
    this.#socket = socket;
    this.#stream = stream;
    this.#progress = progress;
  }

  /** Registers file descriptors to be sent with the first byte of a chunk. */
  carry(chunk: Uint8Array, fds: readonly number[]): void {
    this.#carried.set(chunk, fds);
  }

  /**
   * Sends the chunks of a write, immediately as far as the kernel accepts them. If the callback throws later, the error
   * reaches uncaughtException.
   */
  write(chunks: readonly Uint8Array[], callback: Callback): void {
    if (this.#stream.connecting) {
      this.#writeWhenConnected(chunks, callback);
      return;
    }
    const done = (error?: Error) => {
      this.bytesFinished += lengthOf(chunks);
      this.#destroyIfClosed(error);
      callback(error);
    };
    let left: readonly Uint8Array[];
    try {
      left = this.#sendAtOnce(chunks);
    } catch (error) {
      done(error as Error);
      return;
    }
    if (left.length === 0) {
      done();
      return;
    }
    // In a separate tick, like the callbacks of writes that were sent immediately, so that they are called in order.
    this.#sendMany(left).then(
      () => process.nextTick(done),
      (error: Error) => process.nextTick(done, error),
    );
  }

  /** Sends chunks after 'connect', like net.Socket, or fails if the stream is closed earlier. */
  #writeWhenConnected(chunks: readonly Uint8Array[], callback: Callback): void {
    const stream = this.#stream;
    const connected = () => {
      stream.removeListener('close', closed);
      this.write(chunks, callback);
    };
    const closed = () => {
      stream.removeListener('connect', connected);
      callback(new ClosedError('send'));
    };
    stream.once('connect', connected).once('close', closed);
  }

  /** Fails a write with EPIPE because the stream ended when its peer did, like net.Socket. */
  writeAfterEnd(args: readonly unknown[]): false {
    const error = Object.assign(new Error('This socket has been ended by the other party'), { code: 'EPIPE' });
    const callback = args.find((argument) => typeof argument === 'function');
    if (callback !== undefined) process.nextTick(callback as () => void, error);
    this.#stream.destroy(error);
    return false;
  }

  /** Destroys the stream without an error if the program has closed the Socket. */
  #destroyIfClosed(error: Error | undefined): void {
    if (error instanceof ClosedError) this.#stream.destroy();
  }

  /** Ends the writable side: shutdown(2). */
  end(callback: Callback): void {
    if (this.#stream.connecting) {
      this.#stream.once('connect', () => this.end(callback));
      return;
    }
    let reason: Error | null = null;
    try {
      if (!this.#socket.closed) {
        const state = connecting(this.#socket);
        if (state === 'delayed' && !this.#begun) {
          this.#begun = true;
          this.#tryToSend([NOTHING]);
          this.end(callback);
          return;
        }
        // shutdown(2) would stop the connection.
        if (state === true) {
          this.#endAfter(this.#socket.writable(NO_TIMEOUT), callback);
          return;
        }
        this.#socket.shutdown(SHUT_WR);
      }
    } catch (error) {
      if (error instanceof BusyError) {
        // The program has begun sends on the Socket itself.
        this.#endAfter(this.#socket.send(NOTHING, 0, NO_TIMEOUT), callback);
        return;
      }
      // The peer is already gone, so there is nothing left to shut down.
      if (!isErrno(error, 'ENOTCONN')) reason = error as Error;
    }
    setImmediate(callback, reason); // 'finish' is emitted in a separate turn of the event loop, as with net.Socket
  }

  /** Ends the writable side after something else. */
  #endAfter(other: Promise<unknown>, callback: Callback): void {
    other.then(
      () => reportUncaught(() => this.end(callback)),
      (error: Error) => {
        this.#destroyIfClosed(error);
        reportUncaught(() => callback(error));
      },
    );
  }

  /**
   * Sends as much as the kernel accepts immediately.
   *
   * @returns The remaining chunks, in order.
   * @throws The same errors as `send` of the Socket.
   */
  #sendAtOnce(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
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
      if (isErrno(error, 'EAGAIN', 'EINPROGRESS')) return 0; // no room, still connecting, or other operations wait
      throw error;
    }
  }

  /** Sends one chunk. */
  #send(chunk: Uint8Array): Promise<void> {
    const fds = this.#carried.get(chunk);
    return fds === undefined ? this.#sendPlain(chunk) : this.#sendWithFds(chunk, fds);
  }

  /** Sends many chunks with as few calls as possible. */
  async #sendMany(chunks: readonly Uint8Array[]): Promise<void> {
    for (let at = 0; at < chunks.length; ) {
      const end = this.#plainUntil(chunks, at);
      if (end - at > 1) await this.#gather(chunks.slice(at, end));
      else await this.#send(chunks[at]!);
      at = Math.max(end, at + 1);
    }
  }

  /** Returns the end of the chunks that carry no file descriptors and that one call can send. */
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

/** Returns the buffers without their first bytes. */
function rest(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let index = 0;
  let taken = bytes;
  while (index < buffers.length && taken >= buffers[index]!.length) taken -= buffers[index++]!.length;
  if (index === buffers.length) return [];
  return [buffers[index]!.subarray(taken), ...buffers.slice(index + 1)];
}
