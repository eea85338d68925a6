/** The operations of a Socket that send or receive a message with its control data: sendmsg(2) and recvmsg(2). */
import * as nothrow from '../nothrow.ts';
import { encodeAddress } from '../posix/address.ts';
import type { Address } from '../posix/address-type.ts';
import { RECVMSG, SENDMSG } from '../posix/calls.ts';
import {
  EAGAIN,
  EINPROGRESS,
  MSG_CTRUNC,
  MSG_FASTOPEN,
  MSG_OOB,
  SCM_PIDFD,
  SCM_RIGHTS,
  SOL_SOCKET,
} from '../posix/constants.ts';
import { isControl } from '../posix/control-message.ts';
import { descriptorRoom } from '../posix/control-room.ts';
import { invalidType, settle } from '../posix/errno.ts';
import { onlyKnown } from '../posix/known-names.ts';
import type { Bytes } from '../posix/native.ts';
import { count } from '../posix/number.ts';
import { object } from '../posix/snapshot.ts';
import {
  discard,
  type ReceivedMessage,
  type ReceiveMessage,
  receive,
  SEND_NAMES,
  type SendMessage,
  sendChecked,
} from '../posix/transfer.ts';
import { flagsOf, Operation, type Owner, patience, WAITS } from './operation.ts';
import { READ, type Readiness, WRITE } from './readiness.ts';
import { room, take } from './received.ts';
import { sendsWithoutEvent } from './send.ts';

/**
 * Data with the descriptors that came with it, which are yours to close.
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface DataWithFds {
  data: Buffer;
  fds: number[];
  flags: number;
}

function lengthOf(buffer: Bytes | string): number {
  return typeof buffer === 'object' ? (buffer?.byteLength ?? 1) : 1;
}

/** The bytes that a message has room for; what is no list of buffers is judged by the call. */
function sizeOf(message: { readonly buffers: readonly (Bytes | string)[] }): number {
  const { buffers } = object(message, 'message');
  return Array.isArray(buffers) ? buffers.reduce((sum, buffer) => sum + lengthOf(buffer), 0) : 1;
}

/** recvmsg(2). */
export class ReceiveMessageOperation<Sender extends Address | undefined> extends Operation<ReceivedMessage<Sender>> {
  override get syscall(): string {
    return 'recvmsg';
  }
  readonly #message: ReceiveMessage;
  readonly #flags: number;
  readonly #size: number;
  #received: ReceivedMessage<Sender> | undefined;

  constructor(owner: Owner, target: Readiness, message: ReceiveMessage, flags: number) {
    const size = sizeOf(message);
    super(owner, target, READ, patience(flags, size));
    this.#message = message;
    this.#flags = flags;
    this.#size = size;
  }

  call(): number {
    // Of a buffer that was transferred while this waited, data would be lost.
    if (sizeOf(this.#message) < this.#size) throw invalidType('buffers', 'attached until they are filled');
    const result = receive(this.fd, this.#message, this.#flags);
    if (typeof result === 'number') return settle(result, RECVMSG);
    this.#received = result as ReceivedMessage<Sender>;
    return result.length;
  }

  finish(): ReceivedMessage<Sender> {
    return this.#received!;
  }
}

/** recvmsg(2) with room for descriptors. */
export class ReceiveFds extends Operation<DataWithFds> {
  override get syscall(): string {
    return 'recvmsg';
  }
  readonly #size: number;
  readonly #most: number;
  readonly #control: number;
  readonly #flags: number;
  #room: Buffer | undefined;
  #received: ReceivedMessage | undefined;

  constructor(owner: Owner, target: Readiness, size: number, most: number, flags: number) {
    super(owner, target, READ, patience(flags, count(size, 'size')));
    this.#size = size;
    this.#most = most;
    this.#control = descriptorRoom(most);
    this.#flags = flags;
  }

  call(): number {
    const space = room(this.#size);
    const buffers = [space.length === this.#size ? space : space.subarray(0, this.#size)];
    const result = receive(this.fd, { buffers, controlLength: this.#control }, this.#flags);
    if (typeof result === 'number') return settle(result, RECVMSG);
    this.#room = space;
    this.#received = result;
    return result.length;
  }

  finish(n: number): DataWithFds {
    const { control, flags } = this.#received!;
    let data: Buffer;
    let fds: number[];
    try {
      data = take(this.#room!, Math.min(n, this.#size));
      fds = control.flatMap((m) => (isControl(m, SOL_SOCKET, SCM_RIGHTS) ? m.fds : []));
    } catch (error) {
      discard(control); // there is no memory for the data: they would reach nobody
      throw error;
    }
    // What SO_PASSPIDFD adds is not asked for here, and nobody else closes it.
    for (const m of control) if (isControl(m, SOL_SOCKET, SCM_PIDFD)) nothrow.close(m.pidfd);
    // The room for what options add is free when they are not set, and descriptors fit in it.
    const surplus = fds.splice(this.#most);
    for (const fd of surplus) nothrow.close(fd);
    const truncated = surplus.length === 0 ? 0 : MSG_CTRUNC;
    return { data, fds, flags: flags | truncated };
  }
}

/** sendmsg(2). */
export class SendMessageOperation extends Operation<number> {
  override get syscall(): string {
    return 'sendmsg';
  }
  readonly #message: SendMessage;
  readonly #size: number;
  readonly #name: Uint8Array | undefined;
  #flags: number;
  /** Whether MSG_FASTOPEN has begun the connection: see send.ts. */
  #connecting = false;

  constructor(owner: Owner, target: Readiness, message: SendMessage, flags: number) {
    super(owner, target, WRITE, patience(flagsOf(flags) & ~MSG_OOB));
    onlyKnown(object(message, 'message'), SEND_NAMES, 'message');
    const { address, buffers, control } = { ...message };
    this.#name = address === undefined ? undefined : encodeAddress(address);
    this.#message = { buffers, address: this.#name, control };
    this.#size = sizeOf(this.#message);
    this.#flags = flags;
    this.eventless = sendsWithoutEvent(owner, this.#name !== undefined);
  }

  override get name(): Uint8Array | undefined {
    return this.#name;
  }

  override get unfinished(): number {
    return this.#connecting ? -EINPROGRESS : -EAGAIN;
  }

  call(): number {
    const { buffers, control } = this.#message;
    if (sizeOf(this.#message) < this.#size) throw invalidType('buffers', 'attached until they are sent');
    const message = this.#connecting ? { buffers, control } : this.#message;
    const n = settle(sendChecked(this.fd, message, this.#flags), SENDMSG);
    if (n !== -EINPROGRESS || this.patience !== WAITS) return n;
    this.#connecting = true;
    this.#flags &= ~MSG_FASTOPEN;
    return -EAGAIN;
  }

  finish(n: number): number {
    return n;
  }
}
