/**
 * The class Socket, one socket of any kind, and its stream.
 *
 * Socket is the last of a chain of classes, each with one subject and a file of its own: OwnedSocket (the file descriptor,
 * its timeout and its options), WaitingSocket, ConnectingSocket, ReceivingSocket and SendingSocket. Here are the methods
 * that return another Socket or the stream. Socket and SocketStream refer to each other and therefore share a file.
 */
import { inspect } from 'node:util';
import { int32 } from '../argument/number.ts';
import { close } from '../call/socket.ts';
import { duplicate, openPair } from '../loop/descriptor.ts';
import { NONE, type WaitOptions } from '../loop/options.ts';
import type { Readiness } from '../loop/readiness.ts';
import {
  AF_UNIX,
  F_GETFL,
  F_SETFL,
  O_NONBLOCK,
  SO_DOMAIN,
  SO_PROTOCOL,
  SO_TYPE,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../native/constants.ts';
import { native } from '../native/native.ts';
import { fcntl, getsockopt } from '../posix/option.ts';
import { dup } from '../posix/socket.ts';
import type { AddressOf } from '../struct/address-type.ts';
import { type ConnectionsOptions, iterateConnections } from './connections.ts';
import { describe } from './inspect.ts';
import { nodeDescriptor } from './node-descriptor.ts';
import { Accept, run, runSync } from './operation/index.ts';
import { readinessOf } from './owned-socket.ts';
import { SendingSocket } from './sending-socket.ts';
import { NetStream } from './stream.ts';
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
export class Socket<Family extends number = number, Type extends number = number> extends SendingSocket<Family, Type> {
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
    super(family, type, protocol, fd);
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
   * @param type A SOCK_ type, SOCK_STREAM by default.
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
    const fd = dup(nodeDescriptor(socket));
    try {
      return Socket.fromFd(fd);
    } catch (error) {
      close(fd);
      throw error;
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
      return run(acceptOperation(this, readinessOf(this, 'accept')), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Accepts a connection like `accept`, but blocks the thread. */
  acceptSync(): AcceptedSocket<Family, Type> {
    return runSync(acceptOperation(this, readinessOf(this, 'accept')));
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

  /** Creates a second Socket for the same socket: dup(2). */
  dup(): Socket<Family, Type> {
    const fd = duplicate(readinessOf(this, 'dup').fd);
    try {
      return new Socket(this.family, this.type, this.protocol, fd);
    } catch (error) {
      native.close(fd);
      throw error;
    }
  }

  /**
   * Creates a Duplex stream for this socket. From then on, the stream owns the socket.
   *
   * @param options High-water marks, whether half-open connections are allowed, and how many file descriptors are
   *   received.
   */
  makefile(options: SocketStreamOptions = {}): SocketStream {
    readinessOf(this, 'makefile');
    return new SocketStream(this, options);
  }
}

/**
 * Returns the operation that accepts a connection. It is not a method, because the type of a method would prevent a
 * Socket of one family from being passed where a Socket of any family is expected.
 */
function acceptOperation<Family extends number, Type extends number>(
  socket: Socket<Family, Type>,
  state: Readiness,
): Accept<AcceptedSocket<Family, Type>> {
  const { family, type, protocol } = socket;
  return new Accept(socket, state, (fd, address) => ({
    socket: new Socket(family, type, protocol, fd),
    address: address as AddressOf<Family>,
  }));
}

Object.defineProperty(Socket.prototype, inspect.custom, { value: describe });

/**
 * A Duplex stream over a stream Socket, with the methods, properties and events of net.Socket. node:http, node:tls and
 * the libraries above them accept it in place of one, although it is not an `instanceof net.Socket` and has no
 * `_handle`.
 *
 * The stream owns the Socket: the Socket is closed when the stream is destroyed or both sides have ended, and `close()`
 * of the Socket destroys the stream. The stream starts to read immediately, so that it detects the end and errors even
 * if nothing reads from it. The timeout of the Socket does not apply to it.
 *
 * With the option `fds`, it also receives file descriptors. An `'fds'` event (see {@link SocketStreamEvents})
 * immediately precedes the `'data'` event of the bytes that the file descriptors were sent with. No later bytes are in
 * that chunk, no matter how slow the consumer is, but earlier ones may be, which were sent without file descriptors. Only
 * `read(size)` joins them, when the stream contains fewer bytes.
 * `writeWithFds` sends file descriptors.
 *
 * The argument of an `'error'` event is the SocketError of the call that failed, or an Error with the code
 * `ERR_SOCKET_FDS_TRUNCATED` if more file descriptors arrived than the option `fds` allows (MSG_CTRUNC).
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
export class SocketStream extends NetStream {
  /** The Socket that the stream owns. */
  declare readonly socket: Socket;

  constructor(socket: Socket, options: SocketStreamOptions = {}) {
    super(socket, options);
  }
}
