/** What a stream reads: one read at a time while the stream wants data, and descriptors paired with their bytes. */
import type { Buffer } from 'node:buffer';
import { close } from '../nothrow.ts';
import { MSG_CTRUNC } from '../posix/constants.ts';
import { native } from '../posix/native.ts';
import { aside, ClosedError } from './errors.ts';
import type { DataWithFds } from './message.ts';
import type { Socket } from './socket.ts';
import { NO_TIMEOUT } from './stream-writer.ts';

/** What the reader asks of its stream. */
export interface ReadingStream {
  readonly destroyed: boolean;
  readonly readableLength: number;
  /** Whether somebody takes what is pushed. */
  readonly hasConsumer: boolean;
  /** Takes data; returns whether it wants more. */
  push(data: Buffer): boolean;
  /** Reports descriptors, which belong to the program from then on. Returns false when nobody takes them. */
  emitFds(fds: number[]): boolean;
  /** The peer has ended its side. */
  end(): void;
  /** Whether it wants more, though the push of the last data was ended by an exception of a listener. */
  wantsMore(): boolean;
  destroy(error?: Error): void;
}

const READ_SIZE = 65536;

function closeAll(fds: readonly number[]): void {
  for (const fd of fds) close(fd);
}

/** Makes a call as a tick of its own, so that what it schedules has the order that it has in events of net.Socket. */
function inTick<T>(call: () => T): Promise<T> {
  return new Promise((resolve) => process.nextTick(() => resolve(call())));
}

/**
 * Reads a Socket for a stream.
 *
 * A message with descriptors is given to the stream by itself: when all that came before it was consumed, and before
 * anything that comes after it is read. So the `'fds'` event is followed by just the bytes that it belongs to, and no more
 * than the descriptors of one message are open that the program has not seen.
 */
export class StreamReader {
  readonly #socket: Socket;
  readonly #stream: ReadingStream;
  readonly #most: number;
  #reading = false;
  #wanted = false;
  /** A message that waits until the stream is empty, or has a consumer. */
  #held: DataWithFds | undefined = undefined;
  /** Whether the last message that the stream was given had descriptors. */
  #isAlone = false;
  #releasing = false;

  /** @param most The most descriptors that are taken with one read; 0: none. */
  constructor(socket: Socket, stream: ReadingStream, most: number) {
    this.#socket = socket;
    this.#stream = stream;
    this.#most = most;
  }

  /** The stream wants data. */
  want(): void {
    this.#wanted = true;
    if (!this.#reading && this.#held === undefined) void this.#pump();
  }

  /** The stream was read, or has a consumer now: what waits for that goes on. */
  consumed(): void {
    if (this.#held === undefined || this.#releasing || !this.#mayPass(this.#held)) return;
    this.#releasing = true;
    process.nextTick(() => {
      this.#releasing = false;
      const message = this.#held;
      if (message === undefined || !this.#mayPass(message)) return;
      this.#held = undefined;
      this.#pass(message);
      if (this.#wanted && !this.#stream.destroyed) void this.#pump();
    });
  }

  /** The stream is destroyed: descriptors that it did not see are closed. */
  stop(): void {
    if (this.#held !== undefined) closeAll(this.#held.fds);
    this.#held = undefined;
  }

  async #pump(): Promise<void> {
    this.#reading = true;
    try {
      while (this.#wanted && this.#held === undefined && !this.#stream.destroyed) {
        if (this.#most === 0) {
          const data = await this.#receive();
          if (await inTick(() => this.#give(data))) return;
        } else {
          const message = await this.#receiveFds();
          if (await inTick(() => this.#take(message))) return;
        }
      }
    } catch (error) {
      if (this.#stream.destroyed) return;
      // The program closed the Socket: that destroys the stream, and is no error.
      if (error instanceof ClosedError) this.#stream.destroy();
      else this.#stream.destroy(error as Error);
    } finally {
      this.#reading = false;
    }
  }

  #receive(): Promise<Buffer> {
    return this.#socket.recv(READ_SIZE, 0, NO_TIMEOUT);
  }

  async #receiveFds(): Promise<DataWithFds> {
    const message = await this.#socket.recvFds(READ_SIZE, this.#most, 0, NO_TIMEOUT);
    const isTruncated = (message.flags & MSG_CTRUNC) !== 0;
    if (isTruncated) closeAll(message.fds);
    else for (const fd of message.fds) native.own(fd); // until the program has it: a worker may end before
    if (!isTruncated) return message;
    const text = `More descriptors came with one read than the ${this.#most} that were asked for, or that fit`;
    throw Object.assign(new Error(text), { code: 'ERR_SOCKET_FDS_TRUNCATED' });
  }

  /** Gives data to the stream. Returns true at the end. */
  #give(data: Buffer): boolean {
    if (this.#stream.destroyed) return true;
    this.#wanted = false;
    if (data.length === 0) {
      aside(() => this.#stream.end());
      return true;
    }
    aside(() => {
      const more = this.#stream.push(data);
      this.#wanted ||= more;
    });
    this.#wanted ||= this.#stream.wantsMore();
    return false;
  }

  /** Gives a message to the stream, or keeps it until the stream can have it. Returns true at the end. */
  #take(message: DataWithFds): boolean {
    if (this.#stream.destroyed) {
      closeAll(message.fds);
      return true;
    }
    if (!this.#mayPass(message)) {
      this.#held = message;
      return false;
    }
    return this.#pass(message);
  }

  #mayPass({ fds, data }: DataWithFds): boolean {
    if (fds.length === 0 && !this.#isAlone) return true;
    if (this.#stream.readableLength > 0) return false;
    return fds.length === 0 || data.length === 0 || this.#stream.hasConsumer;
  }

  #pass({ fds, data }: DataWithFds): boolean {
    this.#isAlone = fds.length > 0;
    if (this.#isAlone) {
      for (const fd of fds) native.disown(fd);
      aside(() => {
        if (!this.#stream.emitFds(fds)) closeAll(fds);
      });
    }
    return this.#give(data);
  }
}
