/**
 * The reading side of a stream: one read at a time while the stream wants data, and file descriptors paired with their
 * bytes.
 */
import { AsyncResource } from 'node:async_hooks';
import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { close } from '../call/socket.ts';
import { ClosedError, reportUncaught } from '../loop/errors.ts';
import { MSG_CTRUNC } from '../native/constants.ts';
import { handOverAll } from '../posix/message.ts';
import type { DataWithFds } from './operation/recv-fds.ts';
import { type ReceivingSocket, receiveFds } from './receiving-socket.ts';
import { NO_TIMEOUT } from './stream-options.ts';

const READ_SIZE = 65536;

function closeAll(fds: readonly number[]): void {
  for (const fd of fds) close(fd);
}

/** Closes the file descriptors that a stream held when it was garbage-collected, with its Socket. */
const abandoned = new FinalizationRegistry(closeAll);

/** Destroys a stream because of an error of its Socket, or without an error if the program closed the Socket. */
export function destroyFor(stream: Duplex, error: Error): void {
  stream.destroy(error instanceof ClosedError ? undefined : error);
}

/**
 * Calls a function in a separate tick, so that what it schedules runs in the same order as with events of net.Socket.
 */
function inTick<T>(call: () => T): Promise<T> {
  return new Promise((resolve) => process.nextTick(() => resolve(call())));
}

/**
 * Reads from a Socket for a stream.
 *
 * A message with file descriptors is passed to the stream by itself: after everything before it was consumed, and
 * before anything after it is read. Therefore, the `'fds'` event is followed by exactly the bytes that the kernel
 * returned with them, and the file descriptors of at most one message are open without the program having seen them.
 */
export class StreamReader {
  readonly #socket: ReceivingSocket;
  readonly #stream: Duplex;
  readonly #most: number;
  readonly #progress: (bytes: number) => void;
  /** The async context in which the stream was created. Its events belong there, not to whoever resumes reading. */
  readonly #context = new AsyncResource('SocketStream');
  /** Whether the program has read from the stream. */
  hasConsumer = false;
  /** Whether the peer has ended its side. */
  peerEnded = false;
  #reading = false;
  #wanted = false;
  /** A message that waits until the stream is empty or has a consumer. */
  #held: DataWithFds | undefined = undefined;
  /** Whether the last message that was passed to the stream had file descriptors. */
  #lastHadFds = false;
  #releasing = false;
  /** Whether the program has asked for more bytes at once than the stream contains. */
  #needsMore = false;

  /**
   * @param socket The Socket to read from.
   * @param stream The stream, which receives the data and emits 'fds'.
   * @param most The maximum number of file descriptors that one read receives; 0 for none.
   * @param progress A function that is called with the number of bytes whenever some were received.
   */
  constructor(socket: ReceivingSocket, stream: Duplex, most: number, progress: (bytes: number) => void) {
    this.#socket = socket;
    this.#stream = stream;
    this.#most = most;
    this.#progress = progress;
  }

  /** Calls a function in the async context in which the stream was created. */
  inContext(call: () => void): void {
    this.#context.runInAsyncScope(call);
  }

  /** Starts to read, because the stream wants data. */
  want(): void {
    this.#wanted = true;
    if (!this.#reading && this.#held === undefined) this.#start();
  }

  /**
   * Passes the held message on if it can be, because the stream was read from or has a consumer now.
   *
   * @param gotNothing Whether the program read and got nothing, or undefined if it did not read.
   */
  consumed(gotNothing?: boolean): void {
    if (gotNothing !== undefined) this.#needsMore = gotNothing && this.#stream.readableLength > 0;
    if (this.#held === undefined || this.#releasing || !this.#mayPass(this.#held)) return;
    this.#releasing = true;
    this.inContext(() => process.nextTick(() => this.#release()));
  }

  #release(): void {
    this.#releasing = false;
    const message = this.#held;
    if (message === undefined || !this.#mayPass(message)) return;
    this.#hold(undefined);
    this.#pass(message);
    if (this.#wanted && !this.#stream.destroyed) this.#start();
  }

  /** Closes the file descriptors that were not passed to the stream, because the stream is destroyed. */
  stop(): void {
    if (this.#held !== undefined) closeAll(this.#held.fds);
    this.#hold(undefined);
  }

  /** Holds a message, or no longer holds one. */
  #hold(message: DataWithFds | undefined): void {
    this.#held = message;
    if (message === undefined) abandoned.unregister(this);
    else abandoned.register(this, message.fds, this);
  }

  /** Starts to read. All reads until the stream wants no more, and what they cause, have the same async context. */
  #start(): void {
    this.inContext(() => void this.#pump());
  }

  /** Reads while the stream wants data and no message is held. */
  async #pump(): Promise<void> {
    this.#reading = true;
    try {
      while (this.#wanted && this.#held === undefined && !this.#stream.destroyed) {
        if (this.#most === 0) {
          const data = await this.#receive();
          if (await inTick(() => this.#pushData(data))) return;
        } else {
          const message = await this.#receiveFds();
          if (await inTick(() => this.#passOrHold(message))) return;
        }
      }
    } catch (error) {
      destroyFor(this.#stream, error as Error);
    } finally {
      this.#reading = false;
    }
  }

  #receive(): Promise<Buffer> {
    return this.#socket.recv(READ_SIZE, 0, NO_TIMEOUT);
  }

  async #receiveFds(): Promise<DataWithFds> {
    const message = await receiveFds(this.#socket, READ_SIZE, this.#most, 0, NO_TIMEOUT);
    if ((message.flags & MSG_CTRUNC) === 0) return message;
    closeAll(message.fds);
    const text = `More file descriptors arrived with one read than the limit of ${this.#most}, than fit, or than this process may open`;
    throw Object.assign(new Error(text), { code: 'ERR_SOCKET_FDS_TRUNCATED' });
  }

  /** Passes data to the stream. Returns true at the end of the stream. */
  #pushData(data: Buffer): boolean {
    if (this.#stream.destroyed) return true;
    this.#wanted = false;
    this.#needsMore = false;
    if (data.length === 0) {
      reportUncaught(() => this.#end());
      return true;
    }
    reportUncaught(() => {
      this.#progress(data.length);
      const more = this.#stream.push(data);
      this.#wanted ||= more;
    });
    // Even if a listener threw during the push.
    const { readableLength, readableHighWaterMark, readableFlowing } = this.#stream;
    this.#wanted ||= readableLength < readableHighWaterMark && readableFlowing === true;
    return false;
  }

  /** Ends the readable side, because the peer has ended its side. */
  #end(): void {
    this.peerEnded = true;
    this.#stream.push(null);
    this.#stream.read(0); // lets an empty stream end even if nothing reads from it
  }

  /** Passes a message to the stream, or holds it until it may be passed. Returns true at the end of the stream. */
  #passOrHold(message: DataWithFds): boolean {
    if (this.#stream.destroyed) {
      closeAll(message.fds);
      return true;
    }
    if (!this.#mayPass(message)) {
      this.#hold(message);
      return false;
    }
    return this.#pass(message);
  }

  /**
   * Returns whether a message may be passed to the stream. One with file descriptors, and the one after it, wait until
   * everything before them was consumed, or cannot be consumed without them. File descriptors with data also wait for a
   * consumer. The end of the stream waits for nothing.
   */
  #mayPass({ fds, data }: DataWithFds): boolean {
    if (fds.length === 0 && (!this.#lastHadFds || data.length === 0)) return true;
    if (this.#stream.readableLength > 0 && !this.#needsMore) return false;
    if (fds.length === 0 || data.length === 0 || this.hasConsumer) return true;
    return this.#stream.readableFlowing !== null || this.#stream.listenerCount('fds') > 0;
  }

  /** Passes a message to the stream, the file descriptors first. Returns true at the end of the stream. */
  #pass({ fds, data }: DataWithFds): boolean {
    this.#lastHadFds = fds.length > 0;
    if (this.#lastHadFds) {
      handOverAll(fds);
      reportUncaught(() => {
        if (!this.#stream.emit('fds', fds)) closeAll(fds);
      });
    }
    return this.#pushData(data);
  }
}
