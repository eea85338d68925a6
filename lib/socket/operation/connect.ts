/** connect(2), and which Sockets are connecting. */

import { getsockopt } from '../../call/option.ts';
import { poll } from '../../call/poll.ts';
import { connect } from '../../call/socket.ts';
import { type Readiness, WRITE } from '../../loop/readiness.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  EAGAIN,
  EALREADY,
  EINPROGRESS,
  EINTR,
  EISCONN,
  IPPROTO_TCP,
  POLLOUT,
  SO_ERROR,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_INFO,
  TCP_SYN_SENT,
} from '../../native/constants.ts';
import { encodeAddress } from '../../struct/address.ts';
import type { AddressLike } from '../../struct/address-type.ts';
import { copyOf, Operation, type Owner, WAITS } from './operation.ts';

const soError = new Int32Array(1);

/** Reads SO_ERROR, which clears it. Returns 0 or -errno. */
function takeError(fd: number): number {
  const n = getsockopt(fd, SOL_SOCKET, SO_ERROR, soError);
  return n < 0 ? n : -soError[0]!;
}

/** The promises of the Connects that wait, by their Socket, in the order in which they were started. */
const pending = new WeakMap<object, Set<Promise<void>>>();

/**
 * Registers the promise of a Connect and returns it. The caller awaits it and then calls `established`: a second reaction
 * to the promise would cost its error the stack of the awaiting functions.
 */
export function establishing(owner: object, connection: Promise<void>): Promise<void> {
  const others = pending.get(owner);
  if (others === undefined) pending.set(owner, new Set([connection]));
  else others.add(connection);
  return connection;
}

/** Forgets a promise that was registered and has settled. */
export function established(owner: object, connection: Promise<void> | undefined): void {
  const all = pending.get(owner);
  if (connection === undefined || all === undefined) return;
  all.delete(connection);
  if (all.size === 0) pending.delete(owner);
}

/**
 * Waits for the Connects of a Socket until one succeeds, or rejects like the last one that fails. Returns undefined if none
 * waits.
 */
export function connectionOf(owner: object): Promise<void> | undefined {
  return pending.has(owner) ? anyOf(owner) : undefined;
}

async function anyOf(owner: object): Promise<void> {
  for (;;) {
    const [first] = pending.get(owner)!;
    try {
      return await first;
    } catch (error) {
      if (!pending.has(owner)) throw error; // the method `connect` that awaited it has already removed it
    }
  }
}

const tcpState = new Uint8Array(1);

/** Returns whether the kernel is connecting a TCP socket, or will when there is data (TCP_FASTOPEN_CONNECT). */
export function isSynSent({ fd }: Owner): boolean {
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, tcpState) === 1 && tcpState[0] === TCP_SYN_SENT;
}

/**
 * Returns whether a Socket is connecting, because its Connect waits, or because the kernel says so, which reports it only
 * for TCP; or whether the kernel delays the connection until there is data, and the socket is already writable.
 */
export function connecting(owner: Owner): boolean | 'delayed' {
  if (pending.has(owner)) return true;
  return isSynSent(owner) && (poll([{ fd: owner.fd, events: POLLOUT }], 0) <= 0 || 'delayed');
}

/** connect(2). */
export class Connect extends Operation<void> {
  override get syscall(): string {
    return 'connect';
  }
  override get connects(): boolean {
    return true;
  }
  #name: Uint8Array;
  /** Whether another connect(2) reports the result of the first one. */
  readonly #repeatable: boolean;
  /** -EINPROGRESS or -EALREADY while the kernel is connecting in the background, or 0 before. */
  #begun = 0;

  constructor(owner: Owner & { readonly protocol: number }, state: Readiness, address: AddressLike) {
    super(owner, state, WRITE, WAITS);
    this.#name = encodeAddress(address);
    const { family, type, protocol } = owner;
    // A second connect(2) of TCP reports the error of the first. With other protocols, it may start again, so SO_ERROR
    // is read.
    const tcp = type === SOCK_STREAM && (protocol === 0 || protocol === IPPROTO_TCP);
    this.#repeatable = tcp && (family === AF_INET || family === AF_INET6);
    // EAGAIN means that the backlog of an AF_UNIX listener is full. Nothing was started, and epoll will report no
    // event.
    this.retriedByTime = family === AF_UNIX;
  }

  override keep(): void {
    this.#name = copyOf(this.#name);
  }

  override get name(): Uint8Array {
    return this.#name;
  }

  override get errnoUnlessWaiting(): number {
    return this.#begun === 0 ? -EAGAIN : this.#begun;
  }

  call(): number {
    if (this.#begun !== 0 && !this.#repeatable) {
      const n = takeError(this.fd);
      if (n !== 0) return n;
    }
    // A repeated call returns the state of the connection and updates the socket: after it, another call returns
    // EISCONN or starts a new connection.
    const n = connect(this.fd, this.#name);
    if (this.#begun !== 0 && n === -EISCONN) return 0;
    if (n !== -EINPROGRESS && n !== -EALREADY && n !== -EINTR) return n;
    this.#begun = n === -EALREADY ? n : -EINPROGRESS;
    return -EAGAIN;
  }

  finish(): void {}
}
