/** The class Socket: one socket of any kind, whose methods wait in the event loop. */
import type { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import { int32 } from '../argument/number.ts';
import type { SendMessage } from '../call/message.ts';
import type { MessageBatch } from '../call/message-batch.ts';
import { close, getpeername, getsockname } from '../call/socket.ts';
import { Descriptor, duplicate, openPair, openSocket } from '../loop/descriptor.ts';
import { channels } from '../loop/diagnostics.ts';
import { setRefed } from '../loop/epoll-set.ts';
import { BusyError, ClosedError, withSent } from '../loop/errors.ts';
import { milliseconds, NONE, type WaitOptions } from '../loop/options.ts';
import { ERROR, READ, type Readiness, WRITE } from '../loop/readiness.ts';
import { ready } from '../loop/ready.ts';
import { watchOwned } from '../loop/wait.ts';
import type { Watch, WatchOptions } from '../loop/watch.ts';
import {
  AF_UNIX,
  F_GETFL,
  F_SETFL,
  O_NONBLOCK,
  SHUT_WR,
  SO_DOMAIN,
  SO_PROTOCOL,
  SO_TYPE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  SOMAXCONN,
} from '../native/constants.ts';
import { type Bytes, native } from '../native/native.ts';
import { handOver, handOverAll, type ReceivedMessage, type ReceiveMessage } from '../posix/message.ts';
import { fcntl, getsockopt, setsockopt } from '../posix/option.ts';
import {
  getOption,
  type OptionInput,
  type OptionValue,
  type ReadableOption,
  setOption,
  type WritableOption,
} from '../posix/option-table.ts';
import * as posix from '../posix/socket.ts';
import { SockaddrStorage } from '../struct/address.ts';
import type { AddressLike, AddressOf, SenderOf } from '../struct/address-type.ts';
import { isSocketError, SocketError } from '../struct/errno.ts';
import { formatAddress, nameOf } from '../struct/format.ts';
import { type ConnectionsOptions, iterateConnections } from './connections.ts';
import { iterate } from './iterate.ts';
import { nodeDescriptor } from './node.ts';
import {
  Accept,
  CHUNK,
  Connect,
  established,
  establishing,
  ReceiveBatch,
  ReceiveFds,
  ReceiveMessageOperation,
  receiveFromOperation,
  receiveIntoOperation,
  receiveOperation,
  run,
  runSync,
  Send,
  SendAll,
  SendBatch,
  SendMessageOperation,
  SendSegments,
  SendTo,
  sendAll,
  sendTo,
} from './operation/index.ts';
import type { DataWithFds } from './operation/recv-fds.ts';
import type { Datagram } from './operation/recvfrom.ts';
import { SocketStream } from './stream.ts';
import type { SocketStreamOptions } from './stream-options.ts';

/**
 * An accepted connection.
 *
 * @see https://man7.org/linux/man-pages/man2/accept.2.html
 */
export interface AcceptedSocket<Family extends number = number, Type extends number = number> {
  socket: Socket<Family, Type>;
  /** The address of the peer. */
  address: AddressOf<Family>;
}

/** The flags that may be or'ed with a socket type. */
const FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC;

/**
 * One socket of any kind, whose methods wait without blocking the thread. It owns one file descriptor, which is always
 * non-blocking.
 *
 * Methods that are named after a C function do what that function does. Each method that may wait returns a promise and
 * accepts `{ signal, timeout }`, with the timeout in milliseconds. A method whose name ends in `Sync` blocks the thread
 * instead, for at most the time that `setTimeout` sets. Operations in the same direction run in the order in which they
 * were started. Only pending operations keep the process alive, and after `unref` not even those do.
 *
 * @example
 * const [a, b] = Socket.pair(SOCK_SEQPACKET);
 * await a.sendAll('hello');
 * console.log(String(await b.recv(100, 0, { timeout: 1000 }))); // hello
 * b.setTimeout(1000); // for the Sync methods, and for promises without their own timeout
 * a.sendSync('again');
 * console.log(String(b.recvSync())); // again
 * a.close();
 * b.close();
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export class Socket<Family extends number = number, Type extends number = number> {
  /** An AF_ number. */
  readonly family: Family;
  /** A SOCK_ number, without SOCK_NONBLOCK and SOCK_CLOEXEC. */
  readonly type: Type;
  /** An IPPROTO_ number, or a protocol number of another family. */
  readonly protocol: number;
  readonly #descriptor: Descriptor;

  /**
   * Creates a socket: socket(2).
   *
   * @param family An AF_ number.
   * @param type A SOCK_ number. SOCK_NONBLOCK and SOCK_CLOEXEC are always added.
   * @param protocol A protocol number; 0 selects the default protocol of the type.
   * @param fd A file descriptor to take over instead of creating a socket. It must be non-blocking: see `fromFd`.
   * @throws SocketError The same errors as the function `socket`; EBADF if `fd` is not open. TypeError if another
   *   Socket owns it.
   */
  constructor(family: Family, type: Type, protocol = 0, fd?: number) {
    // The arguments are checked before the file descriptor is taken over, and before an operator converts them to
    // integers.
    this.family = int32(family, 'family') as Family;
    this.type = (int32(type, 'type') & ~FLAGS) as Type;
    this.protocol = int32(protocol, 'protocol');
    this.#descriptor = fd === undefined ? openSocket(family, type, protocol) : new Descriptor(fd);
    if (channels.socket.hasSubscribers) channels.socket.publish({ socket: this, fd: this.fd });
  }

  /**
   * Creates a Socket that takes over an existing file descriptor. From then on, the Socket owns it. The file descriptor
   * becomes non-blocking, and the kernel is asked for its family, type and protocol (SO_DOMAIN, SO_TYPE, SO_PROTOCOL).
   *
   * @param fd A socket that nothing else closes.
   * @throws SocketError EBADF, ENOTSOCK; TypeError if another Socket owns it. After an error, the file descriptor still
   *   belongs to the caller.
   */
  static fromFd(fd: number): Socket {
    const [family, type, protocol] = [SO_DOMAIN, SO_TYPE, SO_PROTOCOL].map((name) => getsockopt(fd, SOL_SOCKET, name));
    const flags = fcntl(fd, F_GETFL);
    if ((flags & O_NONBLOCK) === 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    return new Socket(family!, type!, protocol, fd);
  }

  /**
   * Creates two AF_UNIX sockets that are connected to each other: socketpair(2).
   *
   * @param type A SOCK_ type.
   * @throws SocketError EMFILE, EOPNOTSUPP.
   */
  static pair<Type extends number = typeof SOCK_STREAM>(
    type: Type = SOCK_STREAM as Type,
  ): [Socket<typeof AF_UNIX, Type>, Socket<typeof AF_UNIX, Type>] {
    const fds = openPair(AF_UNIX, int32(type, 'type'));
    let first: Socket<typeof AF_UNIX, Type> | undefined;
    try {
      first = new Socket(AF_UNIX, type, 0, fds[0]);
      return [first, new Socket(AF_UNIX, type, 0, fds[1])];
    } catch (error) {
      native.close(fds[1]);
      if (first === undefined) native.close(fds[0]);
      else first.close();
      throw error;
    }
  }

  /**
   * Creates a second Socket for the socket of a net.Socket, net.Server or dgram.Socket, to read and set its options.
   * Node keeps its own file descriptor.
   *
   * The new Socket owns a duplicate of the file descriptor (dup(2)). A socket exists until its last file descriptor is
   * closed: while the duplicate is open, closing Node's socket does not send a FIN (`shutdown` does) and does not free
   * its port. Therefore, close the new Socket as soon as the options are set, for example with `using`.
   *
   * @param socket An open socket of Node.
   * @throws TypeError if it has no file descriptor; SocketError EMFILE.
   * @see https://man7.org/linux/man-pages/man2/dup.2.html
   */
  static fromNodeSocket(socket: object): Socket {
    const fd = posix.dup(nodeDescriptor(socket));
    try {
      return Socket.fromFd(fd);
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  /** The file descriptor, or -1 after `close` or `detach`. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** Whether `close` or `detach` was called. */
  get closed(): boolean {
    return this.fd === -1;
  }

  /** Returns the file descriptor, or -1 after `close` or `detach`, like Python's `fileno`. */
  fileno(): number {
    return this.fd;
  }

  /** Returns the file descriptor for one call. Throws a ClosedError if the socket is closed. */
  #open(syscall: string): number {
    return this.#target(syscall).fd;
  }

  /**
   * Lets pending operations keep the process alive, which is the default, like `ref` of net.Socket.
   *
   * @returns This Socket.
   * @see https://nodejs.org/api/net.html#socketref
   */
  ref(): this {
    if (!this.closed) setRefed(this.#descriptor.readiness, true);
    return this;
  }

  /**
   * Lets the process exit while operations and their timeouts are pending, like `unref` of net.Socket.
   *
   * @returns This Socket.
   * @see https://nodejs.org/api/net.html#socketunref
   */
  unref(): this {
    if (!this.closed) setRefed(this.#descriptor.readiness, false);
    return this;
  }

  /** Returns whether pending operations keep the process alive. For a closed Socket, it returns false. */
  hasRef(): boolean {
    return !this.closed && this.#descriptor.readiness.refed;
  }

  // Waiting.

  /**
   * Returns the state of the file descriptor for one operation. Throws a ClosedError if the socket is closed, or if its
   * file descriptor was closed elsewhere and another Socket has the same number now.
   */
  #target(syscall: string, sent?: number): Readiness {
    const { readiness } = this.#descriptor;
    if (readiness.closed) throw withSent(new ClosedError(syscall), sent);
    return readiness;
  }

  /**
   * Sets how long the `...Sync` methods wait. It is also the timeout of every promise that is not given its own.
   *
   * @param timeout Milliseconds. `undefined` means no limit. With 0, the `...Sync` methods do not wait but throw
   *   EAGAIN, and promises wait without a limit.
   */
  setTimeout(timeout: number | undefined): void {
    this.#descriptor.readiness.timeout = timeout === undefined ? undefined : milliseconds(timeout, 'timeout');
  }

  /** Returns the timeout that `setTimeout` set, in milliseconds. */
  getTimeout(): number | undefined {
    return this.#descriptor.readiness.timeout;
  }

  /**
   * Calls `setTimeout(undefined)` if `blocking` is true and `setTimeout(0)` if it is false, like Python's setblocking.
   * The file descriptor stays non-blocking.
   */
  setBlocking(blocking: boolean): void {
    this.setTimeout(blocking ? undefined : 0);
  }

  /**
   * Waits until a read would not block, because there is data, a connection, the end of the stream, a pending error or
   * a hang-up.
   *
   * An entry in the error queue does not end the wait: see `errorReady`. While the queue has entries, a pending error
   * can only be detected by reading it from the kernel, which clears it; the next read of this Socket then reports it.
   */
  async readable(options: WaitOptions = NONE): Promise<void> {
    await ready(this.#target('readable'), READ, options, this);
  }

  /** Waits until a write would not block, because there is room, a pending error or a hang-up. */
  async writable(options: WaitOptions = NONE): Promise<void> {
    await ready(this.#target('writable'), WRITE, options, this);
  }

  /** Waits until the error queue has an entry, an error is pending or out-of-band data has arrived. */
  async errorReady(options: WaitOptions = NONE): Promise<void> {
    await ready(this.#target('errorReady'), ERROR, options, this);
  }

  /**
   * Calls a function in each turn of the event loop in which a read would not block, until it is stopped or the Socket
   * is closed. It is the method form of the function `onReadable`, and the fastest way to serve many connections.
   *
   * @param call The function. It is called without arguments, in the async context in which it was registered, and
   *   reads with the functions of `sys-socket/nothrow`.
   * @param options An AbortSignal that stops it, and `onError`, which is called if an error ends it.
   * @throws TypeError, ClosedError; SocketError ENOMEM, ENOSPC.
   * @returns A Watch, whose `stop` ends the calls.
   * @example
   * const [a, b] = Socket.pair();
   * const buffer = Buffer.alloc(1500);
   * await a.send('hello');
   * await new Promise((resolve) => {
   *   b.onReadable(() => {
   *     console.log(buffer.toString('utf8', 0, nothrow.recv(b.fd, buffer))); // hello
   *     b.close(); // stops the calls
   *     resolve(undefined);
   *   });
   * });
   * @see https://man7.org/linux/man-pages/man7/epoll.7.html
   */
  onReadable(call: () => void, options: WatchOptions = NONE): Watch {
    return watchOwned(this, this.#target('onReadable'), READ, call, options);
  }

  /**
   * Calls a function in each turn of the event loop in which a write would not block. It is the method form of the
   * function `onWritable`.
   *
   * @param call The function, which is called without arguments.
   * @param options The same as for `onReadable`.
   * @throws The same errors as `onReadable`.
   * @returns A Watch, whose `stop` ends the calls.
   * @see https://man7.org/linux/man-pages/man7/epoll.7.html
   */
  onWritable(call: () => void, options: WatchOptions = NONE): Watch {
    return watchOwned(this, this.#target('onWritable'), WRITE, call, options);
  }

  // Names.

  /** Binds the socket to a local `address`, like the function `bind`: bind(2). */
  bind(address: AddressLike): void {
    posix.bind(this.#open('bind'), address);
  }

  /** Marks the socket as one that accepts connections, of which `backlog` may wait to be accepted: listen(2). */
  listen(backlog: number = SOMAXCONN): void {
    posix.listen(this.#open('listen'), backlog);
  }

  /** Returns the local address of the socket: getsockname(2). */
  getsockname(): AddressOf<Family> {
    return posix.getsockname<Family>(this.#open('getsockname'));
  }

  /** Returns the address of the peer: getpeername(2). */
  getpeername(): AddressOf<Family> {
    return posix.getpeername<Family>(this.#open('getpeername'));
  }

  // Connecting.

  /**
   * Connects the socket to an address: connect(2). The promise stays pending after EINPROGRESS, EALREADY and EINTR, and
   * while the backlog of an AF_UNIX listener is full.
   *
   * @param address The address of the peer.
   * @param options An AbortSignal and a timeout in milliseconds.
   * @throws SocketError The same errors as the function `connect`, such as ECONNREFUSED, ETIMEDOUT and EISCONN;
   *   AbortError, TimeoutError, ClosedError.
   */
  async connect(address: AddressLike, options: WaitOptions = NONE): Promise<void> {
    const target = this.#target('connect');
    let error: unknown;
    let connection: Promise<void> | undefined;
    try {
      connection = establishing(this, run(new Connect(this, target, address), options));
      await connection;
    } catch (caught) {
      error = caught;
      throw caught;
    } finally {
      established(this, connection);
      this.#publishConnect(address, error);
    }
  }

  /** Reports an attempt to connect to the diagnostics channel. */
  #publishConnect(address: AddressLike, error: unknown): void {
    if (channels.connect.hasSubscribers) channels.connect.publish({ socket: this, fd: this.fd, address, error });
  }

  /**
   * Connects the socket to an `address` and resolves with the errno, or with 0 on success, like Python's connect_ex. It
   * rejects only with errors that have no errno, such as TimeoutError.
   */
  async connectEx(address: AddressLike, options: WaitOptions = NONE): Promise<number> {
    try {
      await this.connect(address, options);
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  }

  /** Connects the socket like `connect`, but blocks the thread. With a timeout of 0, it throws EINPROGRESS. */
  connectSync(address: AddressLike): void {
    const target = this.#target('connect');
    let error: unknown;
    try {
      runSync(new Connect(this, target, address));
    } catch (caught) {
      error = caught;
      throw caught;
    } finally {
      this.#publishConnect(address, error);
    }
  }

  /** Connects the socket like `connectSync`, but returns the errno, or 0 on success. */
  connectExSync(address: AddressLike): number {
    try {
      this.connectSync(address);
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  }

  /**
   * Accepts a connection: accept4(2).
   *
   * @param options An AbortSignal and a timeout in milliseconds.
   * @throws SocketError ECONNABORTED, EMFILE, EINVAL, EOPNOTSUPP; AbortError, TimeoutError, ClosedError.
   */
  accept(options: WaitOptions = NONE): Promise<AcceptedSocket<Family, Type>> {
    try {
      return run(acceptOperation(this, this.#target('accept')), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Accepts a connection like `accept`, but blocks the thread. */
  acceptSync(): AcceptedSocket<Family, Type> {
    return runSync(acceptOperation(this, this.#target('accept')));
  }

  /**
   * Iterates over incoming connections until the socket is closed, by calling accept4(2) repeatedly.
   *
   * Errors of a connection that failed before it was accepted do not end the iteration: ECONNABORTED, EPROTO, ENETDOWN,
   * ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET and ENOPROTOOPT, after which accept(2) advises servers to retry.
   * EOPNOTSUPP ends it, because a socket that cannot accept at all reports it too.
   *
   * EMFILE, ENFILE, ENOBUFS, ENOMEM and ENOSPC do not end it either. The connection stays in the backlog; accept4(2) is called
   * again as soon as another Socket is closed, and after one second at the latest. Without `onError`, the first of
   * these errors is reported by `process.emitWarning`.
   *
   * `return()` ends the iteration immediately, even while it waits for a connection. A connection that was accepted but
   * not delivered is closed.
   *
   * @param options An AbortSignal; a timeout in milliseconds for each connection; `onError`, which is called with each
   *   error that does not end the iteration.
   * @throws SocketError EINVAL, EOPNOTSUPP; AbortError, TimeoutError.
   * @example
   * const server = createServer({ host: '127.0.0.1', port: 0 });
   * const client = await createConnection({ host: '127.0.0.1', port: server.getsockname().port });
   * for await (const { socket, address } of server.connections()) {
   *   console.log(address.port === client.getsockname().port); // true
   *   server.close(); // ends the loop
   * }
   * @see https://man7.org/linux/man-pages/man2/accept.2.html
   */
  connections(options: ConnectionsOptions = {}): AsyncGenerator<AcceptedSocket<Family, Type>, void, void> {
    return iterateConnections(this, options);
  }

  // Receiving.

  /**
   * Receives data: recv(2).
   *
   * @param size The maximum number of bytes.
   * @param flags MSG_ flags. With MSG_DONTWAIT, MSG_ERRQUEUE or MSG_OOB, the method does not wait.
   * @param options An AbortSignal and a timeout in milliseconds.
   * @returns The bytes, in a Buffer that belongs to the caller. It is empty at the end of a stream and for an empty
   *   datagram.
   * @throws SocketError The same errors as the function `recv`; AbortError, TimeoutError, ClosedError.
   */
  recv(size: number = CHUNK, flags = 0, options: WaitOptions = NONE): Promise<Buffer> {
    try {
      return run(receiveOperation(this, this.#target('recv'), size, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Receives data like `recv`, but blocks the thread. */
  recvSync(size: number = CHUNK, flags = 0): Buffer {
    return runSync(receiveOperation(this, this.#target('recv'), size, flags));
  }

  /**
   * Receives data into a `buffer` of the caller, without an allocation: recv(2). It accepts the same MSG_ `flags` as
   * `recv` and resolves with the number of bytes that the kernel returned.
   */
  recvInto(buffer: Bytes, flags = 0, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(receiveIntoOperation(this, this.#target('recv'), buffer, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Receives data into a buffer like `recvInto`, but blocks the thread. */
  recvIntoSync(buffer: Bytes, flags = 0): number {
    return runSync(receiveIntoOperation(this, this.#target('recv'), buffer, flags));
  }

  /**
   * Receives at most `size` bytes and the address of their sender, with the same MSG_ `flags` as `recv`: recvfrom(2).
   */
  recvfrom<Flags extends number = 0>(
    size: number = CHUNK,
    flags: Flags = 0 as Flags,
    options: WaitOptions = NONE,
  ): Promise<Datagram<SenderOf<Family, Type, Flags>>> {
    try {
      return run(
        receiveFromOperation<SenderOf<Family, Type, Flags>>(this, this.#target('recvfrom'), size, flags),
        options,
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Receives data and the address of their sender like `recvfrom`, but blocks the thread. */
  recvfromSync<Flags extends number = 0>(
    size: number = CHUNK,
    flags: Flags = 0 as Flags,
  ): Datagram<SenderOf<Family, Type, Flags>> {
    return runSync(receiveFromOperation<SenderOf<Family, Type, Flags>>(this, this.#target('recvfrom'), size, flags));
  }

  /** Iterates over incoming datagrams of at most `size` bytes until the socket is closed. */
  datagrams(
    size: number = CHUNK,
    options: WaitOptions = NONE,
  ): AsyncGenerator<Datagram<SenderOf<Family, Type>>, void, void> {
    return iterate(this, (waiting) => this.recvfrom(size, 0, waiting), options);
  }

  /** Receives a `message` with its sender, flags and control messages, like the function `recvmsg`: recvmsg(2). */
  async recvmsg<Flags extends number = 0>(
    message: ReceiveMessage,
    flags: Flags = 0 as Flags,
    options: WaitOptions = NONE,
  ): Promise<ReceivedMessage<SenderOf<Family, Type, Flags>>> {
    const received = await run(
      new ReceiveMessageOperation<SenderOf<Family, Type, Flags>>(this, this.#target('recvmsg'), message, flags),
      options,
    );
    handOver(received.control);
    return received;
  }

  /** Receives a message like `recvmsg`, but blocks the thread. */
  recvmsgSync<Flags extends number = 0>(
    message: ReceiveMessage,
    flags: Flags = 0 as Flags,
  ): ReceivedMessage<SenderOf<Family, Type, Flags>> {
    const received = runSync(
      new ReceiveMessageOperation<SenderOf<Family, Type, Flags>>(this, this.#target('recvmsg'), message, flags),
    );
    handOver(received.control);
    return received;
  }

  /**
   * Receives data and the file descriptors that were sent with it: recvmsg(2) with SCM_RIGHTS.
   *
   * There is also room for the control messages that options of the socket add, with a label of up to 256 bytes for
   * SO_PASSSEC. The kernel writes the label before the file descriptors: if the label is longer, it sets MSG_CTRUNC and
   * closes file descriptors. For such labels, use `recvmsg`.
   *
   * @param size The maximum number of bytes.
   * @param most The maximum number of file descriptors. If more were sent, the `flags` of the result include
   *   MSG_CTRUNC.
   * @param flags MSG_ flags, as for `recv`.
   * @throws The same errors as `recv`.
   */
  async recvFds(size: number, most: number, flags = 0, options: WaitOptions = NONE): Promise<DataWithFds> {
    const received = await run(new ReceiveFds(this, this.#target('recvmsg'), size, most, flags), options);
    handOverAll(received.fds);
    return received;
  }

  /** Receives data and file descriptors like `recvFds`, but blocks the thread. */
  recvFdsSync(size: number, most: number, flags = 0): DataWithFds {
    const received = runSync(new ReceiveFds(this, this.#target('recvmsg'), size, most, flags));
    handOverAll(received.fds);
    return received;
  }

  // Sending.

  /**
   * Sends `data` with MSG_ `flags`: send(2). It resolves with the number of bytes that were sent, which may be fewer
   * than given; `sendAll` sends all of them.
   */
  send(data: Bytes | string, flags = 0, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(new Send(this, this.#target('send'), data, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends data like `send`, but blocks the thread. */
  sendSync(data: Bytes | string, flags = 0): number {
    return runSync(new Send(this, this.#target('send'), data, flags));
  }

  /**
   * Sends all of the data, with as many calls of send(2) as necessary. Operations that are started later send after it.
   *
   * @param data Bytes, which must not change until the promise settles, or a string, which is sent as UTF-8.
   * @param flags MSG_ flags.
   * @param options An AbortSignal and a timeout in milliseconds. If either ends the operation, part of the data may
   *   have been sent: `sent` of the error is the number of bytes.
   * @throws The same errors as `send`.
   */
  sendAll(data: Bytes | string, flags = 0, options: WaitOptions = NONE): Promise<void> {
    try {
      return sendAll(this, this.#target('send', 0), data, flags, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends all of the data like `sendAll`, but blocks the thread. */
  sendAllSync(data: Bytes | string, flags = 0): void {
    runSync(new SendAll(this, this.#target('send', 0), data, flags));
  }

  /** Sends `data` with MSG_ `flags` to an `address`, like the function `sendto`: sendto(2). */
  sendto(data: Bytes | string, flags: number, address: AddressLike, options: WaitOptions = NONE): Promise<number> {
    try {
      return sendTo(this, this.#target('sendto'), data, flags, address, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends data to an address like `sendto`, but blocks the thread. */
  sendtoSync(data: Bytes | string, flags: number, address: AddressLike): number {
    return runSync(new SendTo(this, this.#target('sendto'), data, flags, address));
  }

  /**
   * Sends a `message`, which may have an address and control messages, with MSG_ `flags`: sendmsg(2). It resolves with
   * the number of bytes that were sent, which may be fewer than given.
   */
  async sendmsg(message: SendMessage, flags = 0, options: WaitOptions = NONE): Promise<number> {
    return run(new SendMessageOperation(this, this.#target('sendmsg'), message, flags), options);
  }

  /** Sends a message like `sendmsg`, but blocks the thread. */
  sendmsgSync(message: SendMessage, flags = 0): number {
    return runSync(new SendMessageOperation(this, this.#target('sendmsg'), message, flags));
  }

  /**
   * Sends file descriptors with data: sendmsg(2) with SCM_RIGHTS. It sends all of the data, and the file descriptors
   * once, with the first bytes. When the promise has resolved, you can close your file descriptors: the receiver gets
   * duplicates.
   *
   * @param fds Open file descriptors, at most 253.
   * @param data The data. On a stream, it must have at least one byte.
   * @param flags MSG_ flags.
   * @throws The same errors as `sendmsg`.
   */
  sendFds(fds: readonly number[], data: Bytes | string, flags = 0, options: WaitOptions = NONE): Promise<void> {
    try {
      return run(new SendAll(this, this.#target('sendmsg', 0), data, flags, fds), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends file descriptors with data like `sendFds`, but blocks the thread. */
  sendFdsSync(fds: readonly number[], data: Bytes | string, flags = 0): void {
    runSync(new SendAll(this, this.#target('sendmsg', 0), data, flags, fds));
  }

  // Batches.

  /**
   * Receives all datagrams that are available and fit in the batch, with one system call: recvmmsg(2).
   *
   * @param batch The messages in it are replaced. Views into it (`bytes`, `name`) are valid until it is filled again.
   * @param flags MSG_ flags.
   * @param options An AbortSignal and a timeout in milliseconds.
   * @returns The number of datagrams, which is at least 1.
   * @throws The same errors as `recv`.
   */
  recvmmsg(batch: MessageBatch, flags = 0, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(new ReceiveBatch(this, this.#target('recvmmsg'), batch, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Receives datagrams into a batch like `recvmmsg`, but blocks the thread. */
  recvmmsgSync(batch: MessageBatch, flags = 0): number {
    return runSync(new ReceiveBatch(this, this.#target('recvmmsg'), batch, flags));
  }

  /** Fills the `batch` repeatedly until the socket is closed. Its messages are valid until the next iteration. */
  batches(batch: MessageBatch, options: WaitOptions = NONE): AsyncGenerator<MessageBatch, void, void> {
    return iterate(this, (waiting) => this.recvmmsg(batch, 0, waiting).then(() => batch), options);
  }

  /**
   * Sends all messages of a batch, with as few system calls as possible: sendmmsg(2).
   *
   * @param batch The messages. The batch must not change until the promise settles.
   * @param flags MSG_ flags.
   * @param options An AbortSignal and a timeout in milliseconds. If either ends the operation, some messages may have
   *   been sent: `sent` of the error is their number.
   * @returns The number of messages in the batch.
   * @throws The same errors as `sendmsg`, for the first message that fails. The messages before it were sent.
   */
  sendmmsg(batch: MessageBatch, flags = 0, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(new SendBatch(this, this.#target('sendmmsg', 0), batch, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends all messages of a batch like `sendmmsg`, but blocks the thread. */
  sendmmsgSync(batch: MessageBatch, flags = 0): number {
    return runSync(new SendBatch(this, this.#target('sendmmsg', 0), batch, flags));
  }

  /**
   * Sends one buffer as several UDP datagrams of the same size, which the kernel splits (UDP_SEGMENT, generic
   * segmentation offload).
   *
   * @param data At most 64 datagrams, and at most 65507 bytes in total.
   * @param size The size of each datagram in bytes. The last one may be shorter.
   * @param address The destination, for a socket that is not connected.
   * @throws The same errors as `sendmsg`, such as EMSGSIZE and EINVAL.
   * @see https://man7.org/linux/man-pages/man7/udp.7.html
   */
  sendSegments(
    data: Bytes | string,
    size: number,
    address?: AddressLike,
    options: WaitOptions = NONE,
  ): Promise<number> {
    try {
      return run(new SendSegments(this, this.#target('sendmsg'), data, size, address), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  // Options, shutting down and closing.

  /** Returns the value of the int option `name` at a `level`, like the function `getsockopt`: getsockopt(2). */
  getsockopt(level: number, name: number): number;
  /** Returns the bytes of an option that is not an int, at most `length` of them: getsockopt(2). */
  getsockopt(level: number, name: number, length: number): Buffer;
  getsockopt(level: number, name: number, length?: number): number | Buffer {
    const fd = this.#open('getsockopt');
    return length === undefined ? getsockopt(fd, level, name) : getsockopt(fd, level, name, length);
  }

  /** Sets the option `name` at a `level` to a `value`, like the function `setsockopt`: setsockopt(2). */
  setsockopt(level: number, name: number, value: number | boolean | Bytes): void {
    setsockopt(this.#open('setsockopt'), level, name, value);
  }

  /** Returns the typed value of an option by its `name` in C: `socket.getOption('SO_LINGER')`. */
  getOption<Name extends ReadableOption>(name: Name): OptionValue<Name> {
    return getOption(this.#open('getsockopt'), name);
  }

  /** Sets an option, by its `name` in C, to a typed `value`: `socket.setOption('IP_PKTINFO', true)`. */
  setOption<Name extends WritableOption>(name: Name, value: OptionInput<Name>): void {
    setOption(this.#open('setsockopt'), name, value);
  }

  /**
   * Shuts down the connection in one or both directions: shutdown(2).
   *
   * @param how SHUT_RD, SHUT_WR or SHUT_RDWR. After SHUT_WR, the peer reads everything that was sent and then the end
   *   of the stream. SHUT_RDWR does not wait: a pending send rejects with EPIPE, and `sent` of the error says how much
   *   was sent. After SHUT_RD or SHUT_RDWR, a receive returns the data that has already arrived, and then the end of
   *   the stream.
   * @throws SocketError The same errors as the function `shutdown`; ClosedError; BusyError for SHUT_WR while sends are
   *   pending.
   */
  shutdown(how: number): void {
    const target = this.#target('shutdown');
    if (how === SHUT_WR && target.isBusy(WRITE)) throw new BusyError('shutdown');
    posix.shutdown(target.fd, how);
  }

  /**
   * Creates a Duplex stream for this socket. From then on, the stream owns the socket.
   *
   * @param options High-water marks, whether half-open connections are allowed, and how many file descriptors are
   *   received.
   */
  makefile(options: SocketStreamOptions = {}): SocketStream {
    this.#open('makefile');
    return new SocketStream(this, options);
  }

  /** Creates a second Socket for the same socket: dup(2). */
  dup(): Socket<Family, Type> {
    const fd = duplicate(this.#open('dup'));
    try {
      return new Socket(this.family, this.type, this.protocol, fd);
    } catch (error) {
      native.close(fd);
      throw error;
    }
  }

  /**
   * Returns the file descriptor, which from then on belongs to the caller. This Socket counts as closed, but the file
   * descriptor stays open. Pending operations reject with a ClosedError.
   */
  detach(): number {
    this.#open('detach');
    const fd = this.#descriptor.release();
    if (channels.close.hasSubscribers) channels.close.publish({ socket: this, fd, detached: true });
    return fd;
  }

  /**
   * Closes the socket: close(2). Pending operations reject with a ClosedError. Closing it again does nothing.
   *
   * A send whose promise was not awaited may still be pending, and then its data is not sent. That happens if there was
   * no room, or if more was sent in one turn of the event loop than its budget (256 calls, or 1 MiB). Await the last
   * promise first.
   *
   * @throws SocketError EIO. The file descriptor is closed nevertheless.
   */
  close(): void {
    const { fd } = this;
    if (fd === -1) return;
    const n = this.#descriptor.close();
    if (channels.close.hasSubscribers) channels.close.publish({ socket: this, fd });
    if (n < 0) throw new SocketError(-n, 'close');
  }

  /** Calls `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Calls `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

/** Returns the errno of a SocketError, and throws any other error. */
function errnoOf(error: unknown): number {
  if (isSocketError(error)) return error.errno;
  throw error;
}

/**
 * Returns the operation that accepts a connection. It is not a method, because the type of a method would prevent a
 * Socket of one family from being passed where a Socket of any family is expected.
 */
function acceptOperation<Family extends number, Type extends number>(
  socket: Socket<Family, Type>,
  target: Readiness,
): Accept<AcceptedSocket<Family, Type>> {
  const { family, type, protocol } = socket;
  return new Accept(socket, target, (fd, address) => ({
    socket: new Socket(family, type, protocol, fd),
    address: address as AddressOf<Family>,
  }));
}

/**
 * Returns the text that `console.log` prints for a Socket: its family, type, file descriptor and addresses, like
 * Python's repr.
 */
function describe(this: Socket): string {
  const parts = [this.closed ? 'closed' : `fd=${this.fd}`, nameOf('AF_', this.family), nameOf('SOCK_', this.type)];
  if (this.protocol !== 0) parts.push(`protocol=${this.protocol}`);
  for (const [label, call] of [
    ['local', getsockname],
    ['remote', getpeername],
  ] as const) {
    const name = new SockaddrStorage();
    const address = this.closed || call(this.fd, name) < 0 ? undefined : name.decode();
    if (address !== undefined) parts.push(`${label}=${formatAddress(address)}`);
  }
  return `Socket { ${parts.join(', ')} }`;
}

Object.defineProperty(Socket.prototype, inspect.custom, { value: describe });
