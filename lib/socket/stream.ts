/** A socket as a Duplex stream that Node's modules accept in place of a net.Socket. */
import { Buffer } from 'node:buffer';
import type { Server } from 'node:net';
import process from 'node:process';
import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers';
import { invalidType, invalidValue } from '../argument/argument-error.ts';
import { count, uint8 } from '../argument/number.ts';
import { attached } from '../argument/snapshot.ts';
import { getpeername } from '../call/socket.ts';
import { reportUncaught } from '../loop/errors.ts';
import { SockaddrStorage } from '../struct/address.ts';
import { SocketError } from '../struct/errno.ts';
import { IdleTimer } from './idle-timer.ts';
import {
  getTypeOfService,
  type KeepAlive,
  resetOnClose,
  setKeepAlive,
  setNoDelay,
  setTypeOfService,
} from './net-options.ts';
import { type NodeAddress, NodeAddresses } from './node-address.ts';
import { connecting, connectionOf, isSynSent } from './operation/index.ts';
import type { SendingSocket } from './sending-socket.ts';
import {
  checkStreamOptions,
  checkStreamSocket,
  NO_TIMEOUT,
  type SocketStreamOptions,
  streamed,
} from './stream-options.ts';
import { destroyFor, StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';

/**
 * A Duplex stream with the methods, properties and events of net.Socket, over a stream socket. See class SocketStream in
 * socket.ts, the only file that knows both a Socket and its stream.
 */
export class NetStream extends Duplex {
  /** The Socket that the stream owns. */
  readonly socket: SendingSocket;
  /** Whether the Socket is still connecting. */
  connecting: boolean;
  /** The timeout that `setTimeout` set, in milliseconds. */
  timeout: number | undefined = undefined;
  /** The number of bytes that were received. */
  bytesRead = 0;
  /** Null unless a server of Node, such as that of node:http, was given the stream. */
  readonly server: Server | null = null;
  /** Undefined, as in a net.Socket that had one address to connect to. */
  declare readonly autoSelectFamilyAttemptedAddresses: string[];
  readonly #reader: StreamReader;
  readonly #writer: StreamWriter;
  readonly #idle: IdleTimer;
  readonly #addresses: NodeAddresses;
  #typeOfService = 0;

  constructor(socket: SendingSocket, options: SocketStreamOptions = {}) {
    checkStreamOptions(options);
    checkStreamSocket(socket);
    super({ ...options, allowHalfOpen: options.allowHalfOpen ?? false, decodeStrings: true, emitClose: false });
    this.socket = socket;
    this.#idle = new IdleTimer(() => this.emit('timeout'));
    this.#addresses = new NodeAddresses(socket);
    this.#writer = new StreamWriter(socket, this, () => this.#idle.refresh());
    const fds = count(options.fds ?? 0, 'options.fds');
    this.#reader = new StreamReader(socket, this, fds, (bytes) => {
      this.bytesRead += bytes;
      this.#idle.refresh();
    });
    this.connecting = connecting(socket) === true;
    streamed.add(socket);
    if (this.connecting) void this.#connected();
    if (fds > 0) this.on('newListener', () => process.nextTick(() => this.#reader.consumed()));
    this.read(0);
  }

  /** Waits until the Socket is connected, and reports that as net.Socket does. */
  async #connected(): Promise<void> {
    try {
      await (connectionOf(this.socket) ?? this.socket.writable(NO_TIMEOUT));
      process.nextTick(() => {
        this.connecting = false;
        if (this.destroyed) return;
        // Without a peer, connecting failed: the read reports the reason.
        if (getpeername(this.socket.fd, new SockaddrStorage()) >= 0) reportUncaught(() => this.#announce());
        this.#reader.want();
      });
    } catch (error) {
      this.connecting = false;
      destroyFor(this, error as Error);
    }
  }

  #announce(): void {
    this.emit('connect');
    this.emit('ready');
  }

  /**
   * Emits 'connect' and 'ready', but does not connect: the Socket is already connected or connecting. The method exists
   * for libraries, such as pg, that call `connect` on a stream which they are given. It ignores the destination. If the
   * Socket is neither connected nor connecting, the stream is destroyed with ENOTCONN.
   *
   * @param args The arguments of net.Socket. A function as the last argument is added as a listener for one 'connect'
   *   event.
   * @returns This stream.
   */
  connect(...args: unknown[]): this {
    const listener = args.at(-1);
    if (typeof listener === 'function') this.once('connect', listener as () => void);
    if (this.connecting || this.destroyed) return this;
    const n = getpeername(this.socket.fd, new SockaddrStorage());
    if (n < 0 && !isSynSent(this.socket)) return this.destroy(new SocketError(-n, 'getpeername'));
    process.nextTick(() => this.destroyed || this.#announce());
    return this;
  }

  /**
   * Writes data and sends file descriptors once, with its first bytes, regardless of back-pressure.
   *
   * @param data The data, which must have at least one byte.
   * @param fds Open file descriptors. You can close them in the callback, but not earlier.
   * @param callback The function that is called when everything has been sent, or with the error.
   * @returns false if the program should wait for 'drain' before it writes more, like `write`.
   */
  writeWithFds(data: Uint8Array | string, fds: readonly number[], callback?: (error?: Error | null) => void): boolean {
    if (!Array.isArray(fds as unknown)) throw invalidType('fds', 'an array of file descriptors');
    const bytes = Buffer.from(typeof data === 'string' ? data : attached(data, 'data', 'a Uint8Array or a string'));
    if (bytes.length === 0 && fds.length > 0) throw invalidValue('data', 'at least one byte, which carries the fds');
    this.#writer.carry(bytes, [...fds]);
    return this.write(bytes, callback);
  }

  /**
   * Emits 'timeout' when nothing has been sent or received for a time, like setTimeout of net.Socket. The stream stays
   * open.
   *
   * @param timeout Milliseconds; 0 switches the timeout off.
   * @param callback A listener that is added for the next 'timeout' event, or removed if the timeout is 0.
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
   * Switches Nagle's algorithm off (TCP_NODELAY), or on with false. It has no effect on a socket other than TCP.
   *
   * @param noDelay Whether the algorithm is off. Any value is converted to a boolean, as with net.Socket.
   * @returns This stream.
   */
  setNoDelay(noDelay = true): this {
    setNoDelay(this.socket, noDelay);
    return this;
  }

  /**
   * Switches probes of an idle connection on or off (SO_KEEPALIVE). It has no effect on a socket other than TCP.
   *
   * @param enable Whether the probes are on, converted to a boolean, or an object with all of the arguments.
   * @param initialDelay Milliseconds until the first probe (TCP_KEEPIDLE, in whole seconds). With 0, this and the following
   *   settings do not change.
   * @param interval Milliseconds between probes that are not answered (TCP_KEEPINTVL, in whole seconds).
   * @param most The number of such probes after which the connection ends (TCP_KEEPCNT).
   * @returns This stream.
   */
  setKeepAlive(enable: boolean | KeepAlive = false, initialDelay = 0, interval = 1000, most = 10): this {
    const isObject = typeof enable === 'object' && enable !== null;
    setKeepAlive(this.socket, isObject ? enable : { enable, initialDelay, interval, count: most });
    return this;
  }

  /**
   * Sets the type of service of sent packets: IP_TOS, or IPV6_TCLASS over IPv6. It has no effect on other sockets.
   *
   * @param tos The byte of the header, from 0 to 255: DSCP and ECN. The kernel ignores the two bits of ECN for TCP.
   * @returns This stream.
   * @see https://man7.org/linux/man-pages/man7/ip.7.html
   */
  setTypeOfService(tos: number): this {
    setTypeOfService(this.socket, uint8(tos, 'tos'));
    this.#typeOfService = tos;
    return this;
  }

  /** Returns the type of service; once the Socket is closed, the one that was set last. */
  getTypeOfService(): number {
    return getTypeOfService(this.socket) ?? this.#typeOfService;
  }

  /** Calls `ref` of the Socket, so that waiting for data keeps the process alive. */
  ref(): this {
    this.socket.ref();
    return this;
  }

  /** Calls `unref` of the Socket, so that waiting for data does not keep the process alive. */
  unref(): this {
    this.socket.unref();
    return this;
  }

  /**
   * Returns the local address, like `address()` of net.Socket, or an empty object if the Socket is not IPv4 or IPv6, or
   * is closed.
   */
  address(): NodeAddress | Record<string, never> {
    return this.#addresses.local() ?? {};
  }

  /** The text of the local IP address; undefined for any other family. */
  get localAddress(): string | undefined {
    return this.#addresses.local()?.address;
  }

  /** The local port; undefined for a family other than IPv4 and IPv6. */
  get localPort(): number | undefined {
    return this.#addresses.local()?.port;
  }

  /** The family of the local address, 'IPv4' or 'IPv6'; undefined for any other family. */
  get localFamily(): string | undefined {
    return this.#addresses.local()?.family;
  }

  /**
   * The text of the peer's IP address; undefined for any other family. Once read, it stays available after the Socket
   * is closed.
   */
  get remoteAddress(): string | undefined {
    return this.#addresses.remote()?.address;
  }

  /** The port of the peer; undefined for a family other than IPv4 and IPv6. */
  get remotePort(): number | undefined {
    return this.#addresses.remote()?.port;
  }

  /** The family of the peer's address, 'IPv4' or 'IPv6'; undefined for any other family. */
  get remoteFamily(): string | undefined {
    return this.#addresses.remote()?.family;
  }

  /** The number of bytes that were written, including those that wait to be sent. */
  get bytesWritten(): number {
    return this.#writer.bytesFinished + this.writableLength;
  }

  /**
   * The number of bytes that wait to be sent; undefined if the Socket is closed. The property is deprecated in
   * net.Socket.
   */
  get bufferSize(): number {
    return (this.socket.closed ? undefined : this.writableLength) as number; // the type that net.Socket declares
  }

  /** Whether the Socket is still connecting or is closed. */
  get pending(): boolean {
    return this.connecting || this.socket.closed;
  }

  /** The state of the stream: 'opening', 'open', 'readOnly', 'writeOnly' or 'closed'. */
  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable && this.writable) return 'open';
    if (this.readable) return 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Ends the writable side, and destroys the stream when everything has been sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /**
   * Destroys the stream. Over TCP, the peer receives a RST (SO_LINGER with 0 seconds).
   *
   * @returns This stream.
   */
  resetAndDestroy(): this {
    resetOnClose(this.socket);
    return this.destroy();
  }

  /**
   * Writes a `chunk` and calls the `callback` when it was sent, like `write` of a Duplex. If the stream ended because its
   * peer did, the write fails with EPIPE, as with net.Socket.
   */
  override write(chunk: unknown, callback?: (error: Error | null | undefined) => void): boolean;
  /** Writes a `chunk` that is a string in an `encoding`, and calls the `callback` when it was sent. */
  override write(
    chunk: unknown,
    encoding: BufferEncoding,
    callback?: (error: Error | null | undefined) => void,
  ): boolean;
  override write(...args: unknown[]): boolean {
    if (this.#reader.peerEnded && !this.allowHalfOpen && this.writableEnded) return this.#writer.writeAfterEnd(args);
    return super.write(...(args as [unknown, BufferEncoding]));
  }

  /** Returns data, at most `size` bytes if given, like `read` of a Readable. */
  override read(size?: number): ReturnType<Duplex['read']> {
    if (size !== 0) this.#reader.hasConsumer = true;
    const chunk = super.read(size);
    this.#reader.consumed(size === 0 ? undefined : chunk === null);
    return chunk;
  }

  override _read(): void {
    // Before that, a read would take the error that belongs to connect(2).
    if (!this.connecting) this.#reader.want();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#writer.write([chunk], callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    const buffers = chunks.map(({ chunk }) => chunk);
    this.#writer.write(buffers, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#writer.end(callback);
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
    // After 'error', in a separate turn, and in the async context of the stream, as with net.Socket.
    this.#reader.inContext(() => setImmediate(() => this.emit('close', reason !== null)));
  }
}
