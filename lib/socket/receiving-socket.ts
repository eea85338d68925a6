/** Receiving: each call as a method that waits in the event loop, and as one that blocks the thread. */
import type { Buffer } from 'node:buffer';
import type { MessageBatch } from '../call/message-batch.ts';
import { NONE, type WaitOptions } from '../loop/options.ts';
import type { Bytes } from '../native/native.ts';
import { handOver, handOverAll, type ReceivedMessage, type ReceiveMessage } from '../posix/message.ts';
import type { SenderOf } from '../struct/address-type.ts';
import { ConnectingSocket } from './connecting-socket.ts';
import { iterate } from './iterate.ts';
import {
  CHUNK,
  ReceiveBatch,
  ReceiveFds,
  ReceiveMessageOperation,
  receiveFromOperation,
  receiveIntoOperation,
  receiveOperation,
  run,
  runSync,
} from './operation/index.ts';
import type { DataWithFds } from './operation/recv-fds.ts';
import type { Datagram } from './operation/recvfrom.ts';
import { readinessOf } from './owned-socket.ts';

/** A socket that receives. See class Socket. */
export class ReceivingSocket<Family extends number = number, Type extends number = number> extends ConnectingSocket<
  Family,
  Type
> {
  /**
   * Receives data: recv(2).
   *
   * @param size The maximum number of bytes, 65536 by default.
   * @param flags MSG_ flags. With MSG_DONTWAIT, MSG_ERRQUEUE or MSG_OOB, the method does not wait.
   * @param options An AbortSignal and a timeout in milliseconds.
   * @returns The bytes, in a Buffer that belongs to the caller. It is empty at the end of a stream and for an empty
   *   datagram.
   * @throws SocketError The same errors as the function `recv`; AbortError, TimeoutError, ClosedError.
   */
  recv(size: number = CHUNK, flags = 0, options: WaitOptions = NONE): Promise<Buffer> {
    try {
      return run(receiveOperation(this, readinessOf(this, 'recv'), size, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Receives data like `recv`, but blocks the thread. */
  recvSync(size: number = CHUNK, flags = 0): Buffer {
    return runSync(receiveOperation(this, readinessOf(this, 'recv'), size, flags));
  }

  /**
   * Receives data into a `buffer` of the caller, without an allocation: recv(2). It accepts the same MSG_ `flags` as
   * `recv` and resolves with the number of bytes that the kernel returned.
   */
  recvInto(buffer: Bytes, flags = 0, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(receiveIntoOperation(this, readinessOf(this, 'recv'), buffer, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Receives data into a buffer like `recvInto`, but blocks the thread. */
  recvIntoSync(buffer: Bytes, flags = 0): number {
    return runSync(receiveIntoOperation(this, readinessOf(this, 'recv'), buffer, flags));
  }

  /**
   * Receives at most `size` bytes (65536 by default) and the address of their sender, with the same MSG_ `flags` as
   * `recv`: recvfrom(2).
   */
  recvfrom<Flags extends number = 0>(
    size: number = CHUNK,
    flags: Flags = 0 as Flags,
    options: WaitOptions = NONE,
  ): Promise<Datagram<SenderOf<Family, Type, Flags>>> {
    try {
      return run(
        receiveFromOperation<SenderOf<Family, Type, Flags>>(this, readinessOf(this, 'recvfrom'), size, flags),
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
    return runSync(
      receiveFromOperation<SenderOf<Family, Type, Flags>>(this, readinessOf(this, 'recvfrom'), size, flags),
    );
  }

  /**
   * Iterates over incoming datagrams of at most `size` bytes (65536 by default) until the socket is closed. The timeout
   * applies to each datagram.
   */
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
      new ReceiveMessageOperation<SenderOf<Family, Type, Flags>>(this, readinessOf(this, 'recvmsg'), message, flags),
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
      new ReceiveMessageOperation<SenderOf<Family, Type, Flags>>(this, readinessOf(this, 'recvmsg'), message, flags),
    );
    handOver(received.control);
    return received;
  }

  /**
   * Receives data and the file descriptors that were sent with it: recvmsg(2) with SCM_RIGHTS.
   *
   * There is also room for the control messages that options of the socket add, with a label of up to 4096 bytes for
   * SO_PASSSEC. The kernel writes the label before the file descriptors: if the label is longer, it sets MSG_CTRUNC and
   * closes file descriptors. For such labels, use `recvmsg`.
   *
   * @param size The maximum number of bytes.
   * @param most The maximum number of file descriptors. If more were sent, or more than this process may open
   *   (RLIMIT_NOFILE), the `flags` of the result include MSG_CTRUNC.
   * @param flags MSG_ flags, as for `recv`.
   * @throws The same errors as `recv`.
   */
  async recvFds(size: number, most: number, flags = 0, options: WaitOptions = NONE): Promise<DataWithFds> {
    const received = await receiveFds(this, size, most, flags, options);
    handOverAll(received.fds);
    return received;
  }

  /** Receives data and file descriptors like `recvFds`, but blocks the thread. */
  recvFdsSync(size: number, most: number, flags = 0): DataWithFds {
    const received = runSync(new ReceiveFds(this, readinessOf(this, 'recvmsg'), size, most, flags));
    handOverAll(received.fds);
    return received;
  }

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
      return run(new ReceiveBatch(this, readinessOf(this, 'recvmmsg'), batch, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Receives datagrams into a batch like `recvmmsg`, but blocks the thread. */
  recvmmsgSync(batch: MessageBatch, flags = 0): number {
    return runSync(new ReceiveBatch(this, readinessOf(this, 'recvmmsg'), batch, flags));
  }

  /**
   * Fills the `batch` repeatedly until the socket is closed. Its messages are valid until the next iteration, to which
   * the timeout applies anew.
   */
  batches(batch: MessageBatch, options: WaitOptions = NONE): AsyncGenerator<MessageBatch, void, void> {
    return iterate(this, (waiting) => this.recvmmsg(batch, 0, waiting).then(() => batch), options);
  }
}

/**
 * Does the same as the method `recvFds`, but the file descriptors belong to the environment until `handOverAll`: it closes
 * them if it ends before.
 */
export function receiveFds(
  socket: ReceivingSocket,
  size: number,
  most: number,
  flags: number,
  options: WaitOptions,
): Promise<DataWithFds> {
  return run(new ReceiveFds(socket, readinessOf(socket, 'recvmsg'), size, most, flags), options);
}
