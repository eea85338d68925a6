/** A Socket as a Duplex stream of Node: back-pressure, half-close, errors, and descriptors with the bytes. */
import { Buffer } from 'node:buffer';
import { Duplex, type DuplexOptions } from 'node:stream';
import { close } from '../nothrow.ts';
import { MSG_CTRUNC, SHUT_WR } from '../posix/constants.ts';
import { isErrno } from '../posix/errno.ts';
import { aside } from './errors.ts';
import type { DataWithFds, Socket } from './socket.ts';

/**
 * How a stream is made of a Socket.
 *
 * @see https://nodejs.org/api/stream.html#new-streamduplexoptions
 */
export interface SocketStreamOptions extends Pick<DuplexOptions, 'readableHighWaterMark' | 'writableHighWaterMark'> {
  /** Whether the writing side stays open when the peer has ended: then `end()` it. By default it ends too. */
  allowHalfOpen?: boolean | undefined;
  /** The most descriptors that are taken with one read; 0, the default, takes none (the kernel closes them). When more
   * come, all are closed and the stream is destroyed with an Error whose code is `ERR_SOCKET_FDS_TRUNCATED`: none is lost
   * unseen. */
  fds?: number | undefined;
}

/**
 * The events of a SocketStream beside those of a Duplex.
 *
 * @see https://nodejs.org/api/stream.html#class-streamduplex
 */
export interface SocketStreamEvents {
  /** Descriptors that came with the bytes that are read next: yours to close. Without a listener they are closed. */
  fds: [fds: number[]];
}

const READ_SIZE = 65536;

function closeAll(fds: readonly number[]): void {
  for (const fd of fds) close(fd);
}

/**
 * A connected stream Socket as a Duplex. The stream owns the Socket: when it is destroyed, or both sides have ended, the
 * Socket is closed.
 *
 * With `fds` descriptors are received too: an `'fds'` event comes before the `'data'` of the bytes that they came with
 * (its arguments are those of {@link SocketStreamEvents}). `writeWithFds` sends them.
 *
 * Its `'error'` is the SocketError of the call that failed, or an Error with the code `ERR_SOCKET_FDS_TRUNCATED` when more
 * descriptors came than it takes (MSG_CTRUNC).
 *
 * @example
 * const [a, b] = Socket.pair();
 * const [left, right] = [a.makefile(), b.makefile({ fds: 8 })];
 * right.once('fds', (fds) => console.log(fds.length)); // 1
 * left.writeWithFds('take this', [0]);
 * left.end();
 * for await (const chunk of right) console.log(String(chunk)); // take this
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 * @see https://nodejs.org/api/stream.html#class-streamduplex
 */
export class SocketStream extends Duplex {
  /** The Socket underneath. */
  readonly socket: Socket;
  readonly #most: number;
  #reading = false;
  #wanted = false;
  /** Descriptors that the next write carries. */
  readonly #carried = new WeakMap<Uint8Array, readonly number[]>();

  constructor(socket: Socket, options: SocketStreamOptions = {}) {
    super({ ...options, allowHalfOpen: options.allowHalfOpen ?? false, decodeStrings: true, emitClose: true });
    this.socket = socket;
    this.#most = options.fds ?? 0;
  }

  /**
   * Writes bytes that carry descriptors: they go with the first of these bytes, once, whatever the back-pressure.
   *
   * @param data At least one byte.
   * @param fds Open descriptors. Close yours in the callback, not before.
   * @param callback When all was sent, or with the error.
   * @returns As `write`: false asks to wait for 'drain'.
   */
  writeWithFds(data: Uint8Array | string, fds: readonly number[], callback?: (error?: Error | null) => void): boolean {
    const bytes = Buffer.from(data as Uint8Array);
    this.#carried.set(bytes, [...fds]);
    return this.write(bytes, callback);
  }

  /** As `ref` of the Socket: waiting for data keeps the process alive. */
  ref(): this {
    this.socket.ref();
    return this;
  }

  /** As `unref` of the Socket: waiting for data does not keep the process alive. */
  unref(): this {
    this.socket.unref();
    return this;
  }

  override _read(): void {
    this.#wanted = true;
    if (!this.#reading) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#reading = true;
    try {
      while (this.#wanted && !this.destroyed) {
        const data = await this.#receive();
        if (this.destroyed) return;
        this.#wanted = false;
        aside(() => {
          this.#wanted = this.push(data.length === 0 ? null : data) || this.#wanted;
        });
        if (data.length === 0) return;
        // When a listener threw, the rest is read all the same.
        this.#wanted ||= this.readableLength < this.readableHighWaterMark && this.readableFlowing === true;
      }
    } catch (error) {
      if (!this.destroyed) this.destroy(error as Error);
    } finally {
      this.#reading = false;
    }
  }

  async #receive(): Promise<Buffer> {
    if (this.#most === 0) return this.socket.recv(READ_SIZE);
    const message = await this.socket.recvFds(READ_SIZE, this.#most);
    this.#deliver(message);
    return message.data;
  }

  #deliver({ fds, flags }: DataWithFds): void {
    const truncated = (flags & MSG_CTRUNC) !== 0;
    if (truncated || this.destroyed || this.listenerCount('fds') === 0) closeAll(fds);
    else if (fds.length > 0) aside(() => this.emit('fds', fds));
    if (!truncated) return;
    const message = `More descriptors came with one read than the ${this.#most} that were asked for, or that fit`;
    throw Object.assign(new Error(message), { code: 'ERR_SOCKET_FDS_TRUNCATED' });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const fds = this.#carried.get(chunk);
    const sent = fds === undefined ? this.socket.sendAll(chunk) : this.socket.sendFds(fds, chunk);
    sent.then(
      () => aside(callback),
      (error: Error) => aside(() => callback(error)),
    );
  }

  override _final(callback: (error?: Error | null) => void): void {
    try {
      if (!this.socket.closed) this.socket.shutdown(SHUT_WR);
      callback();
    } catch (error) {
      // The peer is gone already: there is nothing left to end.
      callback(isErrno(error, 'ENOTCONN') ? null : (error as Error));
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    try {
      this.socket.close();
      callback(error);
    } catch (closing) {
      callback(error ?? (closing as Error));
    }
  }
}
