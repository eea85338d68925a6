/** accept4(2). */
import { acceptSocket } from '../../loop/descriptor.ts';
import { READ, type Readiness } from '../../loop/readiness.ts';
import { native } from '../../native/native.ts';
import { SockaddrStorage } from '../../struct/address.ts';
import type { Address } from '../../struct/address-type.ts';
import { Operation, type Owner, WAITS } from './operation.ts';

/** The address of the peer that accept4(2) returned last. */
const from = new SockaddrStorage();

/** accept4(2). The function `create` creates the result from the file descriptor and the address. */
export class Accept<T extends { readonly socket: { close(): void } }> extends Operation<T> {
  override get syscall(): string {
    return 'accept';
  }
  readonly #create: (fd: number, address: Address | undefined) => T;
  #accepted: T | undefined;

  constructor(owner: Owner, state: Readiness, create: (fd: number, address: Address | undefined) => T) {
    super(owner, state, READ, WAITS);
    this.#create = create;
  }

  call(): number {
    const n = acceptSocket(this.fd, from);
    if (n < 0) return n;
    try {
      this.#accepted = this.#create(n, from.decode());
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
    return this.#accepted as T;
  }

  /** A subscriber of the channel that reports new Sockets may have ended this wait. Then nobody receives the Socket. */
  protected override resolve(accepted: T): void {
    if (this.isPending) super.resolve(accepted);
    else accepted.socket.close();
  }
}
