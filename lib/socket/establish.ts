/** The operations of a Socket that make connections: connect(2) and accept4(2). */
import * as nothrow from '../nothrow.ts';
import { encodeAddress, SockaddrStorage } from '../posix/address.ts';
import type { Address, AddressLike } from '../posix/address-type.ts';
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
  SO_ERROR,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../posix/constants.ts';
import { native } from '../posix/native.ts';
import { acceptSocket } from './descriptor.ts';
import { Operation, type Owner, WAITS } from './operation.ts';
import { READ, type Readiness, WRITE } from './readiness.ts';

const soError = new Int32Array(1);

/** SO_ERROR, which reading clears: 0 or -errno. */
function takeError(fd: number): number {
  const n = nothrow.getsockopt(fd, SOL_SOCKET, SO_ERROR, soError);
  return n < 0 ? n : -soError[0]!;
}

/** connect(2). */
export class Connect extends Operation<void> {
  override get syscall(): string {
    return 'connect';
  }
  readonly #name: Uint8Array;
  readonly #repeatable: boolean;
  /** Why the connection goes on in the background, once it does. */
  #begun = 0;

  constructor(owner: Owner & { readonly protocol: number }, target: Readiness, address: AddressLike) {
    super(owner, target, WRITE, WAITS);
    this.#name = encodeAddress(address);
    const { family, type, protocol } = owner;
    // The second connect(2) of TCP has the error of the first. Of others it may begin anew, so that SO_ERROR is asked.
    const tcp = type === SOCK_STREAM && (protocol === 0 || protocol === IPPROTO_TCP);
    this.#repeatable = tcp && (family === AF_INET || family === AF_INET6);
    // The backlog of an AF_UNIX listener is full: nothing was begun, and no event will tell.
    this.eventless = family === AF_UNIX;
  }

  override get name(): Uint8Array {
    return this.#name;
  }

  override get unfinished(): number {
    return this.#begun === 0 ? -EAGAIN : this.#begun;
  }

  call(): number {
    if (this.#begun !== 0 && !this.#repeatable) {
      const n = takeError(this.fd);
      if (n !== 0) return n;
    }
    // Asked again, it says how the connection stands, and makes that known to the socket: the next one is EISCONN,
    // or begins anew.
    const n = nothrow.connect(this.fd, this.#name);
    if (this.#begun !== 0 && n === -EISCONN) return 0;
    if (n !== -EINPROGRESS && n !== -EALREADY && n !== -EINTR) return n;
    this.#begun = n === -EALREADY ? n : -EINPROGRESS;
    return -EAGAIN;
  }

  finish(): void {}
}

const from = new SockaddrStorage();

/** accept4(2): `make` makes the result of the descriptor and the address. */
export class Accept<T> extends Operation<T> {
  override get syscall(): string {
    return 'accept';
  }
  readonly #make: (fd: number, address: Address | undefined) => T;
  #made: T | undefined;

  constructor(owner: Owner, target: Readiness, make: (fd: number, address: Address | undefined) => T) {
    super(owner, target, READ, WAITS);
    this.#make = make;
  }

  call(): number {
    const n = acceptSocket(this.fd, from);
    if (n < 0) return n;
    try {
      this.#made = this.#make(n, from.decode());
    } catch (error) {
      native.close(n);
      throw error;
    }
    return n;
  }

  override weight(): number {
    return 0;
  }

  finish(): T {
    return this.#made as T;
  }
}
