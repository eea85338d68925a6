/** One file descriptor in the form of a class: how it begins and ends, what keeps the process alive, timeouts and options. */
import type { Buffer } from 'node:buffer';
import { int32 } from '../argument/number.ts';
import { Descriptor, openSocket } from '../loop/descriptor.ts';
import { channels } from '../loop/diagnostics.ts';
import { setRefed } from '../loop/epoll-set.ts';
import { ClosedError, withSent } from '../loop/errors.ts';
import { milliseconds } from '../loop/options.ts';
import type { Readiness } from '../loop/readiness.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from '../native/constants.ts';
import type { Bytes } from '../native/native.ts';
import { getsockopt, setsockopt } from '../posix/option.ts';
import {
  getOption,
  type OptionInput,
  type OptionValue,
  type ReadableOption,
  setOptionOf,
  type WritableOption,
} from '../posix/option-table.ts';
import { SocketError } from '../struct/errno.ts';

/** The flags that may be or'ed with a socket type. */
const FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC;

/** Returns the Descriptor of a socket, which is private. The class below defines it. */
let descriptorOf: (socket: OwnedSocket) => Descriptor;

/**
 * Returns the state of the file descriptor for one operation. Throws a ClosedError if the socket is closed, or if its
 * file descriptor was closed elsewhere and another Socket has the same number now.
 */
export function readinessOf(socket: OwnedSocket, syscall: string, sent?: number): Readiness {
  const { readiness } = descriptorOf(socket);
  if (readiness.closed) throw withSent(new ClosedError(syscall), sent);
  return readiness;
}

/** A socket that owns its file descriptor. See class Socket. */
export class OwnedSocket<Family extends number = number, Type extends number = number> {
  /** An AF_ number. */
  readonly family: Family;
  /** A SOCK_ number, without SOCK_NONBLOCK and SOCK_CLOEXEC. */
  readonly type: Type;
  /** An IPPROTO_ number, or a protocol number of another family. */
  readonly protocol: number;
  readonly #descriptor: Descriptor;

  static {
    descriptorOf = (socket) => socket.#descriptor;
  }

  constructor(family: Family, type: Type, protocol = 0, fd?: number) {
    // The arguments are checked before the file descriptor is taken over, and before an operator converts them to
    // integers.
    this.family = int32(family, 'family') as Family;
    this.type = (int32(type, 'type') & ~FLAGS) as Type;
    this.protocol = int32(protocol, 'protocol');
    this.#descriptor = fd === undefined ? openSocket(family, type, protocol) : new Descriptor(fd);
    if (channels.socket.hasSubscribers) channels.socket.publish({ socket: this, fd: this.fd });
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

  /** Returns the value of the int option `name` at a `level`, like the function `getsockopt`: getsockopt(2). */
  getsockopt(level: number, name: number): number;
  /** Returns the bytes of an option that is not an int, at most `length` of them: getsockopt(2). */
  getsockopt(level: number, name: number, length: number): Buffer;
  getsockopt(level: number, name: number, length?: number): number | Buffer {
    const fd = readinessOf(this, 'getsockopt').fd;
    return length === undefined ? getsockopt(fd, level, name) : getsockopt(fd, level, name, length);
  }

  /** Sets the option `name` at a `level` to a `value`, like the function `setsockopt`: setsockopt(2). */
  setsockopt(level: number, name: number, value: number | boolean | Bytes): void {
    setsockopt(readinessOf(this, 'setsockopt').fd, level, name, value);
  }

  /** Returns the typed value of an option by its `name` in C: `socket.getOption('SO_LINGER')`. */
  getOption<Name extends ReadableOption>(name: Name): OptionValue<Name> {
    return getOption(readinessOf(this, 'getsockopt').fd, name);
  }

  /** Sets an option, by its `name` in C, to a typed `value`: `socket.setOption('IP_PKTINFO', true)`. */
  setOption<Name extends WritableOption>(name: Name, value: OptionInput<Name>): void {
    setOptionOf(() => readinessOf(this, 'setsockopt').fd, name, value);
  }

  /**
   * Returns the file descriptor, which from then on belongs to the caller. This Socket counts as closed, but the file
   * descriptor stays open. Pending operations reject with a ClosedError.
   */
  detach(): number {
    readinessOf(this, 'detach').fd;
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
