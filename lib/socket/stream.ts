/** A Socket as a Duplex stream that Node's modules take for a net.Socket. */
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { Duplex, type DuplexOptions } from 'node:stream';
import { setImmediate } from 'node:timers';
import * as nothrow from '../nothrow.ts';
import { SockaddrStorage } from '../posix/address.ts';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_TCP,
  SHUT_WR,
  SO_KEEPALIVE,
  SO_LINGER,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_INFO,
  TCP_KEEPIDLE,
  TCP_NODELAY,
  TCP_SYN_SENT,
} from '../posix/constants.ts';
import { invalidType, invalidValue, isErrno, SocketError } from '../posix/errno.ts';
import { namesOf, onlyKnown } from '../posix/known-names.ts';
import { count } from '../posix/number.ts';
import { attached, object } from '../posix/snapshot.ts';
import { aside, ClosedError } from './errors.ts';
import { IdleTimer } from './idle-timer.ts';
import { type NodeAddress, nodeAddress } from './node-address.ts';
import type { Socket } from './socket.ts';
import { type ReadingStream, StreamReader } from './stream-reader.ts';
import { NO_TIMEOUT, StreamWriter } from './stream-writer.ts';

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

const NAMES = namesOf<SocketStreamOptions>({
  allowHalfOpen: true,
  fds: true,
  readableHighWaterMark: true,
  writableHighWaterMark: true,
});

/**
 * The events of a SocketStream beside those of a Duplex.
 *
 * @see https://nodejs.org/api/net.html#class-netsocket
 */
export interface SocketStreamEvents {
  /** Descriptors that came with the bytes of the next chunk: yours to close. Without a listener they are closed. */
  fds: [fds: number[]];
  /** The connection that was being made when the stream was created is there. */
  connect: [];
  /** As `connect`. */
  ready: [];
  /** Nothing was sent or received for as long as `setTimeout` says. The stream stays open. */
  timeout: [];
  /** The Socket is closed; `hadError` tells whether an error was the reason. */
  close: [hadError: boolean];
}

/** The Sockets that have a stream. */
const streamed = new WeakSet<Socket>();
/** `struct linger { on, 0 seconds }`: close(2) sends a RST. */
const RESET = Buffer.from(new Int32Array([1, 0]).buffer);

/** Whether a connection is being made: TCP alone answers that without an error. */
function isConnecting(socket: Socket): boolean {
  const state = Buffer.alloc(1);
  const n = nothrow.getsockopt(socket.fd, IPPROTO_TCP, TCP_INFO, state);
  return n === 1 && state[0] === TCP_SYN_SENT;
}

/**
 * A stream Socket as a Duplex, with the methods, properties and events of net.Socket: node:http, node:tls and the
 * libraries above them take it for one. It is no `instanceof net.Socket`, and has no `_handle`.
 *
 * The stream owns the Socket: when it is destroyed, or both sides have ended, the Socket is closed. It reads from the
 * start, so that it learns of the end and of errors though nobody reads it. `close()` of the Socket destroys the stream.
 * The timeout of the Socket does not apply to it.
 *
 * With `fds` descriptors are received too. An `'fds'` event comes right before the `'data'` of the bytes that the
 * descriptors came with (its arguments are those of {@link SocketStreamEvents}), and these bytes are a chunk of their own,
 * however slow the consumer is. `writeWithFds` sends them.
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
 * @see https://nodejs.org/api/net.html#class-netsocket
 */
export class SocketStream extends Duplex {
  /** The Socket underneath. */
  readonly socket: Socket;
  /** Whether the connection is still being made. */
  connecting: boolean;
  /** The milliseconds that `setTimeout` set. */
  timeout: number | undefined = undefined;
  /** The number of bytes that were received. */
  bytesRead = 0;
  /** The bytes of the writes that are over. */
  #bytesDone = 0;
  readonly #reader: StreamReader;
  readonly #writer: StreamWriter;
  readonly #idle: IdleTimer;
  #peerEnded = false;
  #hasConsumer = false;
  #local: NodeAddress | undefined = undefined;
  #remote: NodeAddress | undefined = undefined;

  constructor(socket: Socket, options: SocketStreamOptions = {}) {
    onlyKnown(object(options, 'options'), NAMES, 'options');
    if (object(socket, 'socket').type !== SOCK_STREAM) {
      throw invalidValue('socket', 'a SOCK_STREAM socket: a stream would lose the bounds of its records');
    }
    if (streamed.has(socket)) {
      const text = 'The Socket has a stream already: use that one, or makefile() of a dup()';
      throw Object.assign(new Error(text), { code: 'ERR_SOCKET_HAS_STREAM' });
    }
    super({ ...options, allowHalfOpen: options.allowHalfOpen ?? false, decodeStrings: true, emitClose: false });
    this.socket = socket;
    this.#idle = new IdleTimer(() => this.emit('timeout'));
    this.#writer = new StreamWriter(socket, () => this.#idle.refresh());
    const fds = count(options.fds ?? 0, 'options.fds');
    this.#reader = new StreamReader(socket, this.#readingStream(), fds);
    this.connecting = isConnecting(socket);
    streamed.add(socket);
    if (this.connecting) void this.#connected();
    if (fds > 0) this.on('newListener', () => process.nextTick(() => this.#reader.consumed()));
    this.read(0);
  }

  /** What the reader sees of this stream. */
  #readingStream(): ReadingStream {
    const stream = this;
    return {
      get destroyed() {
        return stream.destroyed;
      },
      get readableLength() {
        return stream.readableLength;
      },
      get hasConsumer() {
        return stream.#hasConsumer || stream.readableFlowing !== null || stream.listenerCount('fds') > 0;
      },
      push: (data) => {
        stream.bytesRead += data.length;
        stream.#idle.refresh();
        return stream.push(data);
      },
      emitFds: (fds) => stream.emit('fds', fds),
      end: () => {
        stream.#peerEnded = true;
        stream.push(null);
        stream.read(0); // an empty stream ends though nobody reads it
      },
      wantsMore: () => stream.readableLength < stream.readableHighWaterMark && stream.readableFlowing === true,
      destroy: (error) => stream.destroy(error),
    };
  }

  /** Waits for the connection that is being made, and reports it as net.Socket does. */
  async #connected(): Promise<void> {
    try {
      await this.socket.writable(NO_TIMEOUT);
      process.nextTick(() => {
        this.connecting = false;
        // Without a peer it failed: the read that waits reports why.
        if (!this.destroyed && nothrow.getpeername(this.socket.fd, new SockaddrStorage()) >= 0) this.#announce();
      });
    } catch (error) {
      this.connecting = false;
      this.#closeWith(error);
      if (!this.destroyed) this.destroy(error as Error);
    }
  }

  #announce(): void {
    this.emit('connect');
    this.emit('ready');
  }

  /**
   * Emits 'connect' and 'ready'. The Socket is connected already, or it is being connected: this is for libraries that call
   * it on a stream that they are given, as pg does. Where they connect to is not looked at. A Socket without a connection
   * destroys the stream with ENOTCONN.
   *
   * @param args What net.Socket takes; a function at the end listens to 'connect' once.
   * @returns This stream.
   */
  connect(...args: unknown[]): this {
    const listener = args.at(-1);
    if (typeof listener === 'function') this.once('connect', listener as () => void);
    if (this.connecting || this.destroyed) return this;
    const n = nothrow.getpeername(this.socket.fd, new SockaddrStorage());
    if (n < 0) return this.destroy(new SocketError(-n, 'getpeername'));
    process.nextTick(() => this.destroyed || this.#announce());
    return this;
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
    if (!Array.isArray(fds as unknown)) throw invalidType('fds', 'an array of descriptors');
    const bytes = Buffer.from(typeof data === 'string' ? data : attached(data, 'data', 'a Uint8Array or a string'));
    this.#writer.carry(bytes, [...fds]);
    return this.write(bytes, callback);
  }

  /**
   * Emits 'timeout' when nothing was sent or received for a time, as setTimeout of net.Socket. The stream stays open.
   *
   * @param timeout Milliseconds; 0 switches it off.
   * @param callback Added as a listener for the next 'timeout'; with 0 removed.
   * @returns This stream.
   * @see https://nodejs.org/api/net.html#socketsettimeouttimeout-callback
   */
  setTimeout(timeout: number, callback?: () => void): this {
    if (this.destroyed) return this;
    this.#idle.start(timeout);
    this.timeout = timeout;
    if (callback === undefined) return this;
    return timeout === 0 ? this.removeListener('timeout', callback) : this.once('timeout', callback);
  }

  /**
   * Switches Nagle's algorithm off (TCP_NODELAY), or on with false. Nothing happens on a socket that is not TCP.
   *
   * @param noDelay Whether it is off; any value counts as true or false, as with net.Socket.
   * @returns This stream.
   */
  setNoDelay(noDelay = true): this {
    if (this.#isInet()) nothrow.setsockopt(this.socket.fd, IPPROTO_TCP, TCP_NODELAY, Boolean(noDelay));
    return this;
  }

  /**
   * Switches probes of an idle connection on (SO_KEEPALIVE), or off. Nothing happens on a socket that is not TCP.
   *
   * @param enable Whether they are on; any value counts as true or false, as with net.Socket.
   * @param initialDelay Milliseconds until the first probe (TCP_KEEPIDLE, whole seconds); 0 leaves it as it is.
   * @returns This stream.
   */
  setKeepAlive(enable = false, initialDelay = 0): this {
    if (!this.#isInet()) return this;
    nothrow.setsockopt(this.socket.fd, SOL_SOCKET, SO_KEEPALIVE, Boolean(enable));
    const seconds = Math.floor(initialDelay / 1000);
    if (enable && seconds > 0) nothrow.setsockopt(this.socket.fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
    return this;
  }

  #isInet(): boolean {
    return !this.socket.closed && (this.socket.family === AF_INET || this.socket.family === AF_INET6);
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

  #name(call: (fd: number, name: SockaddrStorage) => number): NodeAddress | undefined {
    if (!this.#isInet()) return undefined;
    const name = new SockaddrStorage();
    return call(this.socket.fd, name) < 0 ? undefined : nodeAddress(name.decode());
  }

  #peer(): NodeAddress | undefined {
    this.#remote ??= this.#name(nothrow.getpeername);
    return this.#remote;
  }

  #self(): NodeAddress | undefined {
    if (this.socket.closed) return undefined;
    this.#local ??= this.#name(nothrow.getsockname);
    return this.#local;
  }

  /** The local address, as `address()` of net.Socket: empty when the socket is not of IP, or closed. */
  address(): NodeAddress | Record<string, never> {
    return this.#self() ?? {};
  }

  /** The local address as text; undefined unless the socket is of IP. */
  get localAddress(): string | undefined {
    return this.#self()?.address;
  }

  /** The local port; undefined unless the socket is of IP. */
  get localPort(): number | undefined {
    return this.#self()?.port;
  }

  /** The local family, 'IPv4' or 'IPv6'; undefined for any other. */
  get localFamily(): string | undefined {
    return this.#self()?.family;
  }

  /** The address of the peer as text; undefined unless the socket is of IP. It stays after the end. */
  get remoteAddress(): string | undefined {
    return this.#peer()?.address;
  }

  /** The port of the peer; undefined unless the socket is of IP. */
  get remotePort(): number | undefined {
    return this.#peer()?.port;
  }

  /** The family of the peer, 'IPv4' or 'IPv6'; undefined for any other. */
  get remoteFamily(): string | undefined {
    return this.#peer()?.family;
  }

  /** The number of bytes that were written: those that were sent, and those that wait. */
  get bytesWritten(): number {
    return this.#bytesDone + this.writableLength;
  }

  /** The number of bytes that wait to be sent; undefined when the Socket is closed. net.Socket has it, deprecated. */
  get bufferSize(): number | undefined {
    return this.socket.closed ? undefined : this.writableLength;
  }

  /** Whether there is no connection yet, or any more. */
  get pending(): boolean {
    return this.connecting || this.socket.closed;
  }

  /** 'opening', 'open', 'readOnly', 'writeOnly' or 'closed'. */
  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable && this.writable) return 'open';
    if (this.readable) return 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Ends the writing side, and destroys the stream when all was sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /**
   * Destroys the stream; over TCP the peer gets a RST (SO_LINGER with 0 seconds).
   *
   * @returns This stream.
   */
  resetAndDestroy(): this {
    if (this.#isInet()) nothrow.setsockopt(this.socket.fd, SOL_SOCKET, SO_LINGER, RESET);
    return this.destroy();
  }

  /** As `write` of a Duplex; a write after the peer has ended is EPIPE, as with net.Socket. */
  override write(chunk: unknown, callback?: (error: Error | null | undefined) => void): boolean;
  /** As `write` above, for a string in an encoding. */
  override write(
    chunk: unknown,
    encoding: BufferEncoding,
    callback?: (error: Error | null | undefined) => void,
  ): boolean;
  override write(...args: unknown[]): boolean {
    if (this.#peerEnded && !this.allowHalfOpen && this.writableEnded) return this.#writeAfterEnd(args);
    return super.write(...(args as [unknown, BufferEncoding]));
  }

  /** A write to a stream that was ended because its peer did: EPIPE, as net.Socket has it. */
  #writeAfterEnd(args: readonly unknown[]): false {
    const error = Object.assign(new Error('This socket has been ended by the other party'), { code: 'EPIPE' });
    const callback = args.find((argument) => typeof argument === 'function');
    if (callback !== undefined) process.nextTick(callback as () => void, error);
    this.destroy(error);
    return false;
  }

  /** As `read` of a Readable. */
  override read(size?: number): unknown {
    if (size !== 0) this.#hasConsumer = true;
    const chunk = super.read(size);
    this.#reader.consumed();
    return chunk;
  }

  override _read(): void {
    this.#reader.want();
  }

  /** Sends chunks, at once as far as the kernel takes them. What the callback throws later reaches uncaughtException. */
  #send(chunks: readonly Buffer[], callback: (error?: Error | null) => void): void {
    const done = (error?: Error) => {
      for (const { length } of chunks) this.#bytesDone += length;
      this.#closeWith(error);
      callback(error);
    };
    let left: readonly Uint8Array[];
    try {
      left = this.#writer.atOnce(chunks);
    } catch (error) {
      done(error as Error);
      return;
    }
    if (left.length === 0) done();
    else
      this.#writer.sendMany(left).then(
        () => aside(done),
        (error: Error) => aside(() => done(error)),
      );
  }

  /** The program closed the Socket: that destroys the stream, and is no error of it. */
  #closeWith(error: unknown): void {
    if (error instanceof ClosedError) this.destroy();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#send([chunk], callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.connecting) {
      this.once('connect', () => this._final(callback));
      return;
    }
    let reason: Error | null = null;
    try {
      if (!this.socket.closed) this.socket.shutdown(SHUT_WR);
    } catch (error) {
      // The peer is gone already: there is nothing left to end.
      if (!isErrno(error, 'ENOTCONN')) reason = error as Error;
    }
    setImmediate(callback, reason); // 'finish' comes in a turn of its own, as with net.Socket
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.connecting = false;
    this.#idle.stop();
    this.#reader.stop();
    let reason = error;
    try {
      this.socket.close();
    } catch (closing) {
      reason ??= closing as Error;
    }
    callback(reason);
    setImmediate(() => this.emit('close', reason !== null)); // after 'error', in a turn of its own as with net.Socket
  }
}
