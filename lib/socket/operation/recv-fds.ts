/** recvmsg(2) with room for the file descriptors of SCM_RIGHTS. */
import { count } from '../../argument/number.ts';
import { RECVMSG } from '../../call/message.ts';
import { close } from '../../call/socket.ts';
import { READ, type Readiness } from '../../loop/readiness.ts';
import { MSG_CTRUNC, SCM_PIDFD, SCM_RIGHTS, SOL_SOCKET } from '../../native/constants.ts';
import { discard, type ReceivedMessage, receiveInto } from '../../posix/message.ts';
import { isControl } from '../../struct/control-message.ts';
import { DESCRIPTOR_ROOM } from '../../struct/control-room.ts';
import { unlessRefused } from '../../struct/errno.ts';
import { Operation, type Owner, patienceFor, sizeOf } from './operation.ts';
import { mayDiscard, scratchBuffer, takeResult } from './receive-buffer.ts';

/**
 * Data and the file descriptors that were sent with it.
 *
 * @see https://man7.org/linux/man-pages/man7/unix.7.html
 */
export interface DataWithFds {
  data: Buffer;
  /** The file descriptors. The caller owns them and has to close them. */
  fds: number[];
  /** The MSG_ flags that the kernel returned. */
  flags: number;
}

/** Memory for the control data of one call, which is decoded right after it. */
let control: Uint8Array | undefined;

/** Receives data and at most `most` file descriptors. */
export class ReceiveFds extends Operation<DataWithFds> {
  override get syscall(): string {
    return 'recvmsg';
  }
  readonly #size: number;
  readonly #most: number;
  readonly #flags: number;
  #scratch: Buffer | undefined;
  #received: ReceivedMessage | undefined;

  constructor(owner: Owner, state: Readiness, size: number, most: number, flags: number) {
    super(owner, state, READ, patienceFor(flags, sizeOf(size)));
    this.#size = size;
    this.#most = count(most, 'most');
    this.#flags = flags;
  }

  call(): number {
    const scratch = scratchBuffer(this.#size, mayDiscard(this.owner, this.#flags));
    const buffers = [scratch.length === this.#size ? scratch : scratch.subarray(0, this.#size)];
    control ??= new Uint8Array(DESCRIPTOR_ROOM);
    const result = receiveInto(this.fd, buffers, control, this.#flags);
    if (typeof result === 'number') return unlessRefused(result, RECVMSG);
    this.#scratch = scratch;
    this.#received = result;
    return result.length;
  }

  finish(n: number): DataWithFds {
    const { control: messages, flags } = this.#received!;
    let data: Buffer;
    let fds: number[];
    try {
      data = takeResult(this.#scratch!, Math.min(n, this.#size));
      fds = messages.flatMap((m) => (isControl(m, SOL_SOCKET, SCM_RIGHTS) ? m.fds : []));
    } catch (error) {
      discard(messages); // there is no memory for the data, so the caller would never see the file descriptors
      throw error;
    }
    // The caller did not ask for the pidfd that SO_PASSPIDFD adds, and nothing else would close it.
    for (const m of messages) if (isControl(m, SOL_SOCKET, SCM_PIDFD)) close(m.pidfd);
    // There is room for as many file descriptors as a message can have.
    const surplus = fds.splice(this.#most);
    for (const fd of surplus) close(fd);
    const truncated = surplus.length === 0 ? 0 : MSG_CTRUNC;
    return { data, fds, flags: flags | truncated };
  }
}
