/** class Socket: one socket of any kind, for the event loop. */
import type { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import * as nothrow from '../nothrow.ts';
import { SockaddrStorage } from '../posix/address.ts';
import type { AddressLike, AddressOf, SenderOf } from '../posix/address-type.ts';
import type { MessageBatch } from '../posix/batch.ts';
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
} from '../posix/constants.ts';
import { isSocketError, SocketError } from '../posix/errno.ts';
import { formatAddress, nameOf } from '../posix/format.ts';
import { type Bytes, native } from '../posix/native.ts';
import { int32 } from '../posix/number.ts';
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
import {
  handOver,
  handOverAll,
  type ReceivedMessage,
  type ReceiveMessage,
  type SendMessage,
} from '../posix/transfer.ts';
import { Descriptor, duplicate, openPair, openSocket } from './descriptor.ts';
import { channels } from './diagnostics.ts';
import { BusyError, ClosedError, withSent } from './errors.ts';
import { Accept, Connect } from './establish.ts';
import { type ConnectionsOptions, each, eachConnection } from './iterate.ts';
import { type DataWithFds, ReceiveFds, ReceiveMessageOperation, SendMessageOperation } from './message.ts';
import { nodeDescriptor } from './node.ts';
import { run, runSync } from './operation.ts';
import { milliseconds, NONE, type WaitOptions } from './options.ts';
import { setRefed } from './reactor.ts';
import { ERROR, READ, type Readiness, WRITE } from './readiness.ts';
import { type Datagram, ReceiveBatch, ReceiveFrom } from './receive.ts';
import { receiveIntoOperation, receiveOperation } from './receive-all.ts';
import { CHUNK } from './received.ts';
import { Send, SendAll, SendBatch, SendSegments, SendTo, sendAll } from './send.ts';
import { SocketStream, type SocketStreamOptions } from './stream.ts';
import { ready, watchOwned } from './wait.ts';
import type { Watch, WatchOptions } from './watch.ts';

/**
 * A connection that was accepted.
 *
 * @see https://man7.org/linux/man-pages/man2/accept.2.html
 */
export interface AcceptedSocket<Family extends number = number, Type extends number = number> {
  socket: Socket<Family, Type>;
  /** The peer. */
  address: AddressOf<Family>;
}

/** The bits of a type that are flags. */
const FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC;

/**
 * One socket of any kind that waits without blocking the thread. It owns one descriptor, which is always non-blocking.
 *
 * Names of C keep their spelling. Each operation that may wait is a promise with `{ signal, timeout }` (milliseconds),
 * and has a `...Sync` twin that waits in this thread as `setTimeout` says. Operations of one direction are done in their
 * order. Only pending operations keep the process alive, and after `unref` not even they.
 *
 * @example
 * const [a, b] = Socket.pair(SOCK_SEQPACKET);
 * await a.sendAll('hello');
 * console.log(String(await b.recv(100, 0, { timeout: 1000 }))); // hello
 * b.setTimeout(1000); // of the Sync methods, and of promises without a timeout of their own
 * a.sendSync('again');
 * console.log(String(b.recvSync())); // again
 * a.close();
 * b.close();
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export class Socket<Family extends number = number, Type extends number = number> {
  /** An AF_ number. */
  readonly family: Family;
  /** A SOCK_ number, without flags. */
  readonly type: Type;
  /** An IPPROTO_ number, or one of its family. */
  readonly protocol: number;
  readonly #descriptor: Descriptor;

  /**
   * Creates a socket: socket(2).
   *
   * @param family As for `socket`.
   * @param type As for `socket`; SOCK_NONBLOCK and SOCK_CLOEXEC are always added.
   * @param protocol As for `socket`.
   * @param fd Instead of creating one, takes this descriptor over, which must be non-blocking: see `fromFd`.
   * @throws SocketError As `socket`; EBADF when `fd` is not open. TypeError when another Socket has it.
   */
  constructor(family: Family, type: Type, protocol = 0, fd?: number) {
    // Before anything is taken over, and before an operator makes an integer of what is none.
    this.family = int32(family, 'family') as Family;
    this.type = (int32(type, 'type') & ~FLAGS) as Type;
    this.protocol = int32(protocol, 'protocol');
    this.#descriptor = fd === undefined ? openSocket(family, type, protocol) : new Descriptor(fd);
    if (channels.socket.hasSubscribers) channels.socket.publish({ socket: this, fd: this.fd });
  }

  /**
   * Takes a descriptor over: from now on the Socket owns it. It becomes non-blocking; its family, type and protocol are
   * asked from the kernel (SO_DOMAIN, SO_TYPE, SO_PROTOCOL).
   *
   * @param fd A socket that nobody else closes.
   * @throws SocketError EBADF, ENOTSOCK; TypeError when another Socket has it. Then the descriptor stays yours.
   */
  static fromFd(fd: number): Socket {
    const [family, type, protocol] = [SO_DOMAIN, SO_TYPE, SO_PROTOCOL].map((name) => getsockopt(fd, SOL_SOCKET, name));
    const flags = fcntl(fd, F_GETFL);
    if ((flags & O_NONBLOCK) === 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    return new Socket(family!, type!, protocol, fd);
  }

  /**
   * Two connected AF_UNIX sockets: socketpair(2).
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
   * A second Socket for the socket of a net.Socket, net.Server or dgram.Socket: to set and read its options, while Node
   * goes on with its own.
   *
   * It holds a duplicate of the descriptor (dup(2)). A socket lives until its last descriptor is closed: while this one is
   * open, closing Node's sends no FIN (`shutdown` does), and its port stays taken. So close it when you have set what
   * you want, best by `using`.
   *
   * @param socket An open one of Node's.
   * @throws TypeError when it has no descriptor; SocketError EMFILE.
   * @see https://man7.org/linux/man-pages/man2/dup.2.html
   */
  static fromNodeSocket(socket: object): Socket {
    const fd = posix.dup(nodeDescriptor(socket));
    try {
      return Socket.fromFd(fd);
    } catch (error) {
      nothrow.close(fd);
      throw error;
    }
  }

  /** The descriptor; -1 when it was closed or given away. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** Whether it was closed or given away. */
  get closed(): boolean {
    return this.fd === -1;
  }

  /** The descriptor, as Python's `fileno`; -1 when it was closed or given away. */
  fileno(): number {
    return this.fd;
  }

  /** The descriptor for one call: a closed socket has none. */
  #open(syscall: string): number {
    return this.#target(syscall).fd;
  }

  /**
   * Pending operations keep the process alive, as they do from the beginning. As `ref` of net.Socket.
   *
   * @returns This Socket.
   * @see https://nodejs.org/api/net.html#socketref
   */
  ref(): this {
    if (!this.closed) setRefed(this.#descriptor.readiness, true);
    return this;
  }

  /**
   * Pending operations, with their timeouts, do not keep the process alive: it may end before they do. As `unref` of
   * net.Socket.
   *
   * @returns This Socket.
   * @see https://nodejs.org/api/net.html#socketunref
   */
  unref(): this {
    if (!this.closed) setRefed(this.#descriptor.readiness, false);
    return this;
  }

  /** Whether pending operations keep the process alive; a closed Socket has none. */
  hasRef(): boolean {
    return !this.closed && this.#descriptor.readiness.refed;
  }

  // Waiting.

  /** Who waits for it, for one operation: a closed socket has none, nor one whose number another Socket has by now. */
  #target(syscall: string, sent?: number): Readiness {
    const { readiness } = this.#descriptor;
    if (readiness.closed) throw withSent(new ClosedError(syscall), sent);
    return readiness;
  }

  /**
   * How long the `...Sync` methods wait, and the promises that are given no timeout of their own.
   *
   * @param timeout Milliseconds. `undefined`: for ever. 0: the `...Sync` methods never wait (they throw EAGAIN), promises
   *   do.
   */
  setTimeout(timeout: number | undefined): void {
    this.#descriptor.readiness.timeout = timeout === undefined ? undefined : milliseconds(timeout, 'timeout');
  }

  /** What `setTimeout` set. */
  getTimeout(): number | undefined {
    return this.#descriptor.readiness.timeout;
  }

  /** As Python's setblocking: `blocking` true is `setTimeout(undefined)`, false is `setTimeout(0)`. The descriptor never blocks. */
  setBlocking(blocking: boolean): void {
    this.setTimeout(blocking ? undefined : 0);
  }

  /**
   * Waits until a read would not block: data, a connection, the end of the stream, a pending error or a hang-up.
   *
   * The error queue is none of that: see `errorReady`. While it has entries, a pending error is taken from the kernel to know of
   * it, and the next read of this Socket reports it.
   */
  async readable(options: WaitOptions = NONE): Promise<void> {
    await ready(this.#target('readable'), READ, options, this);
  }

  /** Waits until a write would not block: room, a pending error or a hang-up. */
  async writable(options: WaitOptions = NONE): Promise<void> {
    await ready(this.#target('writable'), WRITE, options, this);
  }

  /** Waits until the error queue has an entry, an error is pending or out-of-band data came. */
  async errorReady(options: WaitOptions = NONE): Promise<void> {
    await ready(this.#target('errorReady'), ERROR, options, this);
  }

  /**
   * Calls back in each turn of the event loop in which a read would not block, until it is stopped or the Socket is
   * closed: as the function `onReadable`, and the fastest way to serve many connections.
   *
   * @param call Called without arguments, in the async context in which it was registered: read here, by the calls of
   *   `sys-socket/nothrow`.
   * @param options AbortSignal, and `onError` for what ends it.
   * @throws TypeError, ClosedError; SocketError ENOMEM, ENOSPC.
   * @returns What stops it.
   * @example
   * const [a, b] = Socket.pair();
   * const buffer = Buffer.alloc(1500);
   * await a.send('hello');
   * await new Promise((resolve) => {
   *   b.onReadable(() => {
   *     console.log(buffer.toString('utf8', 0, nothrow.recv(b.fd, buffer))); // hello
   *     b.close(); // which stops it
   *     resolve(undefined);
   *   });
   * });
   * @see https://man7.org/linux/man-pages/man7/epoll.7.html
   */
  onReadable(call: () => void, options: WatchOptions = NONE): Watch {
    return watchOwned(this, this.#target('onReadable'), READ, call, options);
  }

  /**
   * Calls back in each turn of the event loop in which a write would not block: as the function `onWritable`.
   *
   * @param call Called without arguments.
   * @param options As for `onReadable`.
   * @throws As `onReadable`.
   * @see https://man7.org/linux/man-pages/man7/epoll.7.html
   */
  onWritable(call: () => void, options: WatchOptions = NONE): Watch {
    return watchOwned(this, this.#target('onWritable'), WRITE, call, options);
  }

  // Names.

  /** Gives it an own address: bind(2). As `bind`. */
  bind(address: AddressLike): void {
    posix.bind(this.#open('bind'), address);
  }

  /** Makes it accept connections: listen(2). As `listen`. */
  listen(backlog: number = SOMAXCONN): void {
    posix.listen(this.#open('listen'), backlog);
  }

  /** Its own address: getsockname(2). */
  getsockname(): AddressOf<Family> {
    return posix.getsockname<Family>(this.#open('getsockname'));
  }

  /** The address of its peer: getpeername(2). */
  getpeername(): AddressOf<Family> {
    return posix.getpeername<Family>(this.#open('getpeername'));
  }

  // Connecting.

  /**
   * Connects: connect(2). EINPROGRESS, EALREADY and EINTR are waited out, and an AF_UNIX backlog that is full too.
   *
   * @param address The peer.
   * @param options AbortSignal, and timeout in milliseconds.
   * @throws SocketError ECONNREFUSED, ETIMEDOUT, EISCONN, ...: as `connect`; AbortError, TimeoutError, ClosedError.
   */
  async connect(address: AddressLike, options: WaitOptions = NONE): Promise<void> {
    const target = this.#target('connect');
    let error: unknown;
    try {
      await run(new Connect(this, target, address), options);
    } catch (caught) {
      error = caught;
      throw caught;
    } finally {
      this.#tellConnect(address, error);
    }
  }

  #tellConnect(address: AddressLike, error: unknown): void {
    if (channels.connect.hasSubscribers) channels.connect.publish({ socket: this, fd: this.fd, address, error });
  }

  /** As `connect`, but gives the errno, 0 for success, as Python's connect_ex. What is no errno is thrown. */
  async connectEx(address: AddressLike, options: WaitOptions = NONE): Promise<number> {
    try {
      await this.connect(address, options);
      return 0;
    } catch (error) {
      if (isSocketError(error)) return error.errno;
      throw error;
    }
  }

  /** As `connect`, waiting in this thread. With timeout 0 it throws EINPROGRESS. */
  connectSync(address: AddressLike): void {
    const target = this.#target('connect');
    let error: unknown;
    try {
      runSync(new Connect(this, target, address));
    } catch (caught) {
      error = caught;
      throw caught;
    } finally {
      this.#tellConnect(address, error);
    }
  }

  /** As `connectSync`, but gives the errno, 0 for success. */
  connectExSync(address: AddressLike): number {
    try {
      this.connectSync(address);
      return 0;
    } catch (error) {
      if (isSocketError(error)) return error.errno;
      throw error;
    }
  }

  /**
   * Takes a connection: accept4(2).
   *
   * @param options AbortSignal, and timeout in milliseconds.
   * @throws SocketError ECONNABORTED, EMFILE, EINVAL, EOPNOTSUPP; AbortError, TimeoutError, ClosedError.
   */
  accept(options: WaitOptions = NONE): Promise<AcceptedSocket<Family, Type>> {
    try {
      return run(acceptOperation(this, this.#target('accept')), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `accept`, waiting in this thread. */
  acceptSync(): AcceptedSocket<Family, Type> {
    return runSync(acceptOperation(this, this.#target('accept')));
  }

  /**
   * Connections, one after the other, until the socket is closed: accept4(2) again and again.
   *
   * An error of a connection that broke before it was accepted does not end the iteration: ECONNABORTED, EPROTO, ENETDOWN,
   * ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET and ENOPROTOOPT (accept(2) tells servers to go on). EOPNOTSUPP, which a
   * socket that cannot accept has too, ends it.
   *
   * EMFILE, ENFILE, ENOBUFS and ENOMEM do not end it either: the connection stays in the backlog, and is accepted as soon
   * as another Socket is closed, or tried again after a second. Without `onError`, the first of these errors is told by
   * `process.emitWarning`.
   *
   * `return()` ends the iteration at once, also while it waits for a connection. A connection that nobody gets is closed.
   *
   * @param options AbortSignal; timeout in milliseconds for each connection; `onError`, which is called with each error
   *   after which the iteration goes on.
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
    return eachConnection(this, options);
  }

  // Receiving.

  /**
   * Receives: recv(2).
   *
   * @param size The most bytes.
   * @param flags MSG_ flags. MSG_DONTWAIT, MSG_ERRQUEUE and MSG_OOB answer at once.
   * @param options AbortSignal, and timeout in milliseconds.
   * @returns The bytes, yours; none at the end of a stream or of an empty datagram.
   * @throws SocketError As `recv`; AbortError, TimeoutError, ClosedError.
   */
  recv(size: number = CHUNK, flags = 0, options: WaitOptions = NONE): Promise<Buffer> {
    try {
      return run(receiveOperation(this, this.#target('recv'), size, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `recv`, waiting in this thread. */
  recvSync(size: number = CHUNK, flags = 0): Buffer {
    return runSync(receiveOperation(this, this.#target('recv'), size, flags));
  }

  /** As `recv`, into a buffer of yours: nothing is allocated. Gives the number of bytes as the kernel told it. */
  recvInto(buffer: Bytes, flags = 0, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(receiveIntoOperation(this, this.#target('recv'), buffer, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `recvInto`, waiting in this thread. */
  recvIntoSync(buffer: Bytes, flags = 0): number {
    return runSync(receiveIntoOperation(this, this.#target('recv'), buffer, flags));
  }

  /** Receives, and tells from whom: recvfrom(2). As `recv`. */
  recvfrom<Flags extends number = 0>(
    size: number = CHUNK,
    flags: Flags = 0 as Flags,
    options: WaitOptions = NONE,
  ): Promise<Datagram<SenderOf<Family, Type, Flags>>> {
    try {
      return run(ReceiveFrom.take<SenderOf<Family, Type, Flags>>(this, this.#target('recvfrom'), size, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `recvfrom`, waiting in this thread. */
  recvfromSync<Flags extends number = 0>(
    size: number = CHUNK,
    flags: Flags = 0 as Flags,
  ): Datagram<SenderOf<Family, Type, Flags>> {
    return runSync(ReceiveFrom.take<SenderOf<Family, Type, Flags>>(this, this.#target('recvfrom'), size, flags));
  }

  /** Datagrams of at most `size` bytes, one after the other, until the socket is closed. */
  datagrams(
    size: number = CHUNK,
    options: WaitOptions = NONE,
  ): AsyncGenerator<Datagram<SenderOf<Family, Type>>, void, void> {
    return each(this, (waiting) => this.recvfrom(size, 0, waiting), options);
  }

  /** Receives with the sender, the flags and the control messages: recvmsg(2). As `recvmsg`. */
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

  /** As `recvmsg`, waiting in this thread. */
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
   * Receives data and the descriptors that came with it: recvmsg(2) with SCM_RIGHTS.
   *
   * @param size The most bytes.
   * @param most The most descriptors. `flags` has MSG_CTRUNC when more came.
   *   There is room for all that options of the socket add; of SO_PASSSEC, for a label of 256 bytes. The kernel writes labels
   *   before descriptors: with a longer one it sets MSG_CTRUNC and closes descriptors. Use `recvmsg` for such labels.
   * @throws As `recv`.
   */
  async recvFds(size: number, most: number, flags = 0, options: WaitOptions = NONE): Promise<DataWithFds> {
    const received = await run(new ReceiveFds(this, this.#target('recvmsg'), size, most, flags), options);
    handOverAll(received.fds);
    return received;
  }

  /** As `recvFds`, waiting in this thread. */
  recvFdsSync(size: number, most: number, flags = 0): DataWithFds {
    const received = runSync(new ReceiveFds(this, this.#target('recvmsg'), size, most, flags));
    handOverAll(received.fds);
    return received;
  }

  // Sending.

  /** Sends: send(2). Gives the number of bytes that were taken, perhaps not all; `sendAll` sends all. As `send`. */
  send(data: Bytes | string, flags = 0, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(new Send(this, this.#target('send'), data, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `send`, waiting in this thread. */
  sendSync(data: Bytes | string, flags = 0): number {
    return runSync(new Send(this, this.#target('send'), data, flags));
  }

  /**
   * Sends all of the data, as room comes, before anything that is sent later.
   *
   * @param data Bytes, which must stay as they are meanwhile, or a string that is sent as UTF-8.
   * @param flags MSG_ flags.
   * @param options AbortSignal, and timeout in milliseconds: then a part may have been sent.
   * @throws As `send`.
   */
  sendAll(data: Bytes | string, flags = 0, options: WaitOptions = NONE): Promise<void> {
    try {
      return sendAll(this, this.#target('send', 0), data, flags, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `sendAll`, waiting in this thread. */
  sendAllSync(data: Bytes | string, flags = 0): void {
    runSync(new SendAll(this, this.#target('send', 0), data, flags));
  }

  /** Sends to an address: sendto(2). As `sendto`. */
  sendto(data: Bytes | string, flags: number, address: AddressLike, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(new SendTo(this, this.#target('sendto'), data, flags, address), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `sendto`, waiting in this thread. */
  sendtoSync(data: Bytes | string, flags: number, address: AddressLike): number {
    return runSync(new SendTo(this, this.#target('sendto'), data, flags, address));
  }

  /** Sends with an address and control messages: sendmsg(2). As `sendmsg`: perhaps not all of the data is taken. */
  async sendmsg(message: SendMessage, flags = 0, options: WaitOptions = NONE): Promise<number> {
    return run(new SendMessageOperation(this, this.#target('sendmsg'), message, flags), options);
  }

  /** As `sendmsg`, waiting in this thread. */
  sendmsgSync(message: SendMessage, flags = 0): number {
    return runSync(new SendMessageOperation(this, this.#target('sendmsg'), message, flags));
  }

  /**
   * Sends descriptors with data: sendmsg(2) with SCM_RIGHTS. All of the data is sent, the descriptors with its first
   * bytes, once. Close yours when it is done: the receiver has its own.
   *
   * @param fds Open descriptors, at most 253.
   * @param data At least one byte on a stream.
   * @throws As `sendmsg`.
   */
  sendFds(fds: readonly number[], data: Bytes | string, flags = 0, options: WaitOptions = NONE): Promise<void> {
    try {
      return run(new SendAll(this, this.#target('sendmsg', 0), data, flags, fds), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `sendFds`, waiting in this thread. */
  sendFdsSync(fds: readonly number[], data: Bytes | string, flags = 0): void {
    runSync(new SendAll(this, this.#target('sendmsg', 0), data, flags, fds));
  }

  // Batches.

  /**
   * Receives as many datagrams as are there, by one system call, into storage that is used again: recvmmsg(2).
   *
   * @param batch Its messages are replaced; views into it (`bytes`, `name`) are good until it is filled again.
   * @param flags MSG_ flags.
   * @param options AbortSignal, and timeout in milliseconds.
   * @returns How many came, at least one.
   * @throws As `recv`.
   */
  recvmmsg(batch: MessageBatch, flags = 0, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(new ReceiveBatch(this, this.#target('recvmmsg'), batch, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `recvmmsg`, waiting in this thread. */
  recvmmsgSync(batch: MessageBatch, flags = 0): number {
    return runSync(new ReceiveBatch(this, this.#target('recvmmsg'), batch, flags));
  }

  /** Fills the batch again and again, until the socket is closed. Its messages are good until the next round. */
  batches(batch: MessageBatch, options: WaitOptions = NONE): AsyncGenerator<MessageBatch, void, void> {
    return each(this, (waiting) => this.recvmmsg(batch, 0, waiting).then(() => batch), options);
  }

  /**
   * Sends all messages of a batch, as room comes, by as few system calls as possible: sendmmsg(2).
   *
   * @param batch Messages that were pushed; it must stay as it is meanwhile.
   * @param flags MSG_ flags.
   * @param options AbortSignal, and timeout in milliseconds: then a part may have been sent.
   * @returns How many were sent: all.
   * @throws As `sendmsg`, of the first message that failed: those before it were sent.
   */
  sendmmsg(batch: MessageBatch, flags = 0, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(new SendBatch(this, this.#target('sendmmsg', 0), batch, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As `sendmmsg`, waiting in this thread. */
  sendmmsgSync(batch: MessageBatch, flags = 0): number {
    return runSync(new SendBatch(this, this.#target('sendmmsg', 0), batch, flags));
  }

  /**
   * Sends a buffer as many UDP datagrams of one size, cut by the kernel (UDP_SEGMENT, generic segmentation offload).
   *
   * @param data At most 64 datagrams, together at most 65507 bytes.
   * @param size The size of each but the last.
   * @param address Where to, for a socket without a peer.
   * @throws As `sendmsg`: EMSGSIZE, EINVAL.
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

  // Options and the end.

  /** Reads an option: getsockopt(2). As `getsockopt`. */
  getsockopt(level: number, name: number): number;
  /** Reads an option that is not an int: its bytes. As `getsockopt`. */
  getsockopt(level: number, name: number, length: number): Buffer;
  getsockopt(level: number, name: number, length?: number): number | Buffer {
    const fd = this.#open('getsockopt');
    return length === undefined ? getsockopt(fd, level, name) : getsockopt(fd, level, name, length);
  }

  /** Sets an option: setsockopt(2). As `setsockopt`. */
  setsockopt(level: number, name: number, value: number | boolean | Bytes): void {
    setsockopt(this.#open('setsockopt'), level, name, value);
  }

  /** Reads an option with its type, by its `name` in C: `socket.getOption('SO_LINGER')`. As `getOption`. */
  getOption<Name extends ReadableOption>(name: Name): OptionValue<Name> {
    return getOption(this.#open('getsockopt'), name);
  }

  /** Sets an option with its type, by its `name` in C, to a `value`: `socket.setOption('IP_PKTINFO', true)`. As `setOption`. */
  setOption<Name extends WritableOption>(name: Name, value: OptionInput<Name>): void {
    setOption(this.#open('setsockopt'), name, value);
  }

  /**
   * Ends the connection in one direction or both: shutdown(2). As `shutdown`.
   *
   * @param how SHUT_WR ends it after all that was sent. SHUT_RDWR does not wait: a pending operation that sends is rejected
   *   with EPIPE, and `sent` says how much went out before; one that receives gets what has arrived, then the end. So does
   *   one that receives after SHUT_RD.
   * @throws SocketError As `shutdown`; ClosedError; BusyError for SHUT_WR while operations that send are pending.
   */
  shutdown(how: number): void {
    const target = this.#target('shutdown');
    if (how === SHUT_WR && target.isBusy(WRITE)) throw new BusyError('shutdown');
    posix.shutdown(target.fd, how);
  }

  /**
   * This socket as a Duplex stream, which owns it from now on.
   *
   * @param options High-water marks, half-open connections, descriptors.
   */
  makefile(options: SocketStreamOptions = {}): SocketStream {
    this.#open('makefile');
    return new SocketStream(this, options);
  }

  /** A second Socket for the same socket: dup(2). */
  dup(): Socket<Family, Type> {
    const fd = duplicate(this.#open('dup'));
    try {
      return new Socket(this.family, this.type, this.protocol, fd);
    } catch (error) {
      native.close(fd);
      throw error;
    }
  }

  /** Gives the descriptor away: it is yours, and this Socket is closed without closing it. Pending operations fail. */
  detach(): number {
    this.#open('detach');
    const fd = this.#descriptor.release();
    if (channels.close.hasSubscribers) channels.close.publish({ socket: this, fd, detached: true });
    return fd;
  }

  /**
   * Closes it: close(2), once; pending operations are rejected with a ClosedError. Closing again does nothing.
   *
   * What was sent without waiting for its promise may be pending too, and then it is not sent: there was no room, or more
   * was sent in one turn of the event loop than is done in one (256 calls, or 1 MiB). Await the last promise first.
   *
   * @throws SocketError EIO; the descriptor is gone all the same.
   */
  close(): void {
    const { fd } = this;
    if (fd === -1) return;
    const n = this.#descriptor.close();
    if (channels.close.hasSubscribers) channels.close.publish({ socket: this, fd });
    if (n < 0) throw new SocketError(-n, 'close');
  }

  /** As `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

/** Takes a connection for a Socket. No method of it, as its type would allow no Socket of one family where one of any is asked for. */
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

/** What a Socket is: its family, type, descriptor and addresses, as Python's repr. */
function describe(this: Socket): string {
  const parts = [this.closed ? 'closed' : `fd=${this.fd}`, nameOf('AF_', this.family), nameOf('SOCK_', this.type)];
  if (this.protocol !== 0) parts.push(`protocol=${this.protocol}`);
  for (const [label, call] of [
    ['local', nothrow.getsockname],
    ['remote', nothrow.getpeername],
  ] as const) {
    const name = new SockaddrStorage();
    const address = this.closed || call(this.fd, name) < 0 ? undefined : name.decode();
    if (address !== undefined) parts.push(`${label}=${formatAddress(address)}`);
  }
  return `Socket { ${parts.join(', ')} }`;
}

Object.defineProperty(Socket.prototype, inspect.custom, { value: describe });
