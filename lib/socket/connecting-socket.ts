/** The addresses of a socket, and its connection from connect(2) to shutdown(2). */
import { channels } from '../loop/diagnostics.ts';
import { BusyError } from '../loop/errors.ts';
import { NONE, type WaitOptions } from '../loop/options.ts';
import { WRITE } from '../loop/readiness.ts';
import { SHUT_WR, SOMAXCONN } from '../native/constants.ts';
import * as posix from '../posix/socket.ts';
import { encodeAddress } from '../struct/address.ts';
import type { AddressLike, AddressOf } from '../struct/address-type.ts';
import { isSocketError } from '../struct/errno.ts';
import { Connect, established, establishing, run, runSync } from './operation/index.ts';
import { type OwnedSocket, readinessOf } from './owned-socket.ts';
import { WaitingSocket } from './waiting-socket.ts';

/** Reports an attempt to connect to the diagnostics channel. */
function publishConnect(socket: OwnedSocket, address: AddressLike, error: unknown): void {
  if (channels.connect.hasSubscribers) channels.connect.publish({ socket, fd: socket.fd, address, error });
}

/** Returns the errno of a SocketError, and throws any other error. */
function errnoOf(error: unknown): number {
  if (isSocketError(error)) return error.errno;
  throw error;
}

/** A socket that has addresses and can be connected. See class Socket. */
export class ConnectingSocket<Family extends number = number, Type extends number = number> extends WaitingSocket<
  Family,
  Type
> {
  /** Binds the socket to a local `address`, like the function `bind`: bind(2). */
  bind(address: AddressLike): void {
    const name = encodeAddress(address); // first, because a getter of the address can close the Socket
    posix.bind(readinessOf(this, 'bind').fd, name);
  }

  /**
   * Marks the socket as one that accepts connections, of which `backlog` (SOMAXCONN by default) may wait to be accepted:
   * listen(2).
   */
  listen(backlog: number = SOMAXCONN): void {
    posix.listen(readinessOf(this, 'listen').fd, backlog);
  }

  /** Returns the local address of the socket: getsockname(2). */
  getsockname(): AddressOf<Family> {
    return posix.getsockname<Family>(readinessOf(this, 'getsockname').fd);
  }

  /** Returns the address of the peer: getpeername(2). */
  getpeername(): AddressOf<Family> {
    return posix.getpeername<Family>(readinessOf(this, 'getpeername').fd);
  }

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
    const readiness = readinessOf(this, 'connect');
    let error: unknown;
    let connection: Promise<void> | undefined;
    try {
      connection = establishing(this, run(new Connect(this, readiness, address), options));
      await connection;
    } catch (caught) {
      error = caught;
      throw caught;
    } finally {
      established(this, connection);
      publishConnect(this, address, error);
    }
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
    const readiness = readinessOf(this, 'connect');
    let error: unknown;
    try {
      runSync(new Connect(this, readiness, address));
    } catch (caught) {
      error = caught;
      throw caught;
    } finally {
      publishConnect(this, address, error);
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
    const readiness = readinessOf(this, 'shutdown');
    if (how === SHUT_WR && readiness.isBusy(WRITE)) throw new BusyError('shutdown');
    posix.shutdown(readiness.fd, how);
  }
}
