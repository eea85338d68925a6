/** Sending: each call as a method that waits in the event loop, and as one that blocks the thread. */
import type { SendMessage } from '../call/message.ts';
import type { MessageBatch } from '../call/message-batch.ts';
import { NONE, type WaitOptions } from '../loop/options.ts';
import type { Bytes } from '../native/native.ts';
import type { AddressLike } from '../struct/address-type.ts';
import {
  run,
  runSync,
  Send,
  SendAll,
  SendBatch,
  SendMessageOperation,
  SendSegments,
  SendTo,
  sendAll,
  sendTo,
} from './operation/index.ts';
import { readinessOf } from './owned-socket.ts';
import { ReceivingSocket } from './receiving-socket.ts';

/** A socket that sends, too. See class Socket. */
export class SendingSocket<Family extends number = number, Type extends number = number> extends ReceivingSocket<
  Family,
  Type
> {
  /**
   * Sends `data` with MSG_ `flags`: send(2). It resolves with the number of bytes that were sent, which may be fewer
   * than given; `sendAll` sends all of them.
   */
  send(data: Bytes | string, flags = 0, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(new Send(this, readinessOf(this, 'send'), data, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends data like `send`, but blocks the thread. */
  sendSync(data: Bytes | string, flags = 0): number {
    return runSync(new Send(this, readinessOf(this, 'send'), data, flags));
  }

  /**
   * Sends all of the data, with as many calls of send(2) as necessary. Operations that are started later send after it.
   *
   * @param data Bytes, which must not change until the promise settles, or a string, which is sent as UTF-8.
   * @param flags MSG_ flags.
   * @param options An AbortSignal and a timeout in milliseconds. If either ends the operation, part of the data may
   *   have been sent: `sent` of the error is the number of bytes.
   * @throws The same errors as `send`.
   */
  sendAll(data: Bytes | string, flags = 0, options: WaitOptions = NONE): Promise<void> {
    try {
      return sendAll(this, readinessOf(this, 'send', 0), data, flags, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends all of the data like `sendAll`, but blocks the thread. */
  sendAllSync(data: Bytes | string, flags = 0): void {
    runSync(new SendAll(this, readinessOf(this, 'send', 0), data, flags));
  }

  /** Sends `data` with MSG_ `flags` to an `address`, like the function `sendto`: sendto(2). */
  sendto(data: Bytes | string, flags: number, address: AddressLike, options: WaitOptions = NONE): Promise<number> {
    try {
      return sendTo(this, readinessOf(this, 'sendto'), data, flags, address, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends data to an address like `sendto`, but blocks the thread. */
  sendtoSync(data: Bytes | string, flags: number, address: AddressLike): number {
    return runSync(new SendTo(this, readinessOf(this, 'sendto'), data, flags, address));
  }

  /**
   * Sends a `message`, which may have an address and control messages, with MSG_ `flags`: sendmsg(2). It resolves with
   * the number of bytes that were sent, which may be fewer than given.
   */
  async sendmsg(message: SendMessage, flags = 0, options: WaitOptions = NONE): Promise<number> {
    return run(new SendMessageOperation(this, readinessOf(this, 'sendmsg'), message, flags), options);
  }

  /** Sends a message like `sendmsg`, but blocks the thread. */
  sendmsgSync(message: SendMessage, flags = 0): number {
    return runSync(new SendMessageOperation(this, readinessOf(this, 'sendmsg'), message, flags));
  }

  /**
   * Sends file descriptors with data: sendmsg(2) with SCM_RIGHTS. It sends all of the data, and the file descriptors
   * once, with the first bytes. When the promise has resolved, you can close your file descriptors: the receiver gets
   * duplicates.
   *
   * @param fds Open file descriptors, at most 253.
   * @param data The data. On a stream, it must have at least one byte.
   * @param flags MSG_ flags.
   * @throws The same errors as `sendmsg`.
   */
  sendFds(fds: readonly number[], data: Bytes | string, flags = 0, options: WaitOptions = NONE): Promise<void> {
    try {
      return run(new SendAll(this, readinessOf(this, 'sendmsg', 0), data, flags, fds), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends file descriptors with data like `sendFds`, but blocks the thread. */
  sendFdsSync(fds: readonly number[], data: Bytes | string, flags = 0): void {
    runSync(new SendAll(this, readinessOf(this, 'sendmsg', 0), data, flags, fds));
  }

  /**
   * Sends all messages of a batch, with as few system calls as possible: sendmmsg(2).
   *
   * @param batch The messages. The batch must not change until the promise settles.
   * @param flags MSG_ flags.
   * @param options An AbortSignal and a timeout in milliseconds. If either ends the operation, some messages may have
   *   been sent: `sent` of the error is their number.
   * @returns The number of messages in the batch.
   * @throws The same errors as `sendmsg`, for the first message that fails. The messages before it were sent.
   */
  sendmmsg(batch: MessageBatch, flags = 0, options: WaitOptions = NONE): Promise<number> {
    try {
      return run(new SendBatch(this, readinessOf(this, 'sendmmsg', 0), batch, flags), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends all messages of a batch like `sendmmsg`, but blocks the thread. */
  sendmmsgSync(batch: MessageBatch, flags = 0): number {
    return runSync(new SendBatch(this, readinessOf(this, 'sendmmsg', 0), batch, flags));
  }

  /**
   * Sends one buffer as several UDP datagrams of the same size, which the kernel splits (UDP_SEGMENT, generic
   * segmentation offload).
   *
   * @param data At most 64 datagrams (128 on newer kernels), and at most 65507 bytes in total over IPv4.
   * @param size The size of each datagram in bytes. The last one may be shorter.
   * @param address The destination, for a socket that is not connected.
   * @returns The number of bytes sent.
   * @throws The same errors as `sendmsg`, such as EMSGSIZE and EINVAL.
   * @see https://man7.org/linux/man-pages/man7/udp.7.html
   */
  sendSegments(
    data: Bytes | string,
    size: number,
    address?: AddressLike,
    options: WaitOptions = NONE,
  ): Promise<number> {
    try {
      return run(new SendSegments(this, readinessOf(this, 'sendmsg'), data, size, address), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }
}
