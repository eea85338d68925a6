/** The calls that send and receive many messages: sendmmsg(2), recvmmsg(2). Each returns n or -errno. */

import { invalidType } from '../argument/argument-error.ts';
import { OUT_RECEIPT_HIGH, OUT_RECEIPT_LOW } from '../native/contract.ts';
import { native, out } from '../native/native.ts';
import { type Call, call, unlessRefused } from '../struct/errno.ts';
import { TWO_32 } from './arrived.ts';
import { closeUntaken, type MessageBatch, storageOf } from './message-batch.ts';

/** The arguments of the native functions that are parts of the batch. */
const BATCH: readonly string[] = new Array<string>(6).fill('batch');

export const SENDMMSG: Call = call('sendmmsg', 'fd', ...BATCH, 'first', 'first', 'flags');

/**
 * Sends the messages of a batch, like `sendmmsg` of sys-socket, but returns how many were sent or -errno: sendmmsg(2).
 *
 * @example
 * const [a] = Socket.pair(SOCK_DGRAM);
 * const batch = new MessageBatch({ messages: 2, size: 100 });
 * batch.push('one');
 * console.log(sendmmsg(a.fd, batch)); // 1
 * @see https://man7.org/linux/man-pages/man2/sendmmsg.2.html
 */
export function sendmmsg(fd: number, batch: MessageBatch, flags = 0, first = 0): number {
  const { headers, names, control } = storageOf(batch);
  if (typeof first !== 'number') throw invalidType('first', 'a number');
  const { count, data, size, controlLength } = batch;
  const n = native.sendmmsg(fd, headers, data, names, control, size, controlLength, first, count - first, flags);
  return unlessRefused(n, SENDMMSG);
}

export const RECVMMSG: Call = call('recvmmsg', 'fd', ...BATCH, 'flags', 'timeout');

/**
 * Receives messages into a batch, like `recvmmsg` of sys-socket, but returns how many were received or -errno: recvmmsg(2).
 *
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * const batch = new MessageBatch({ messages: 64, size: 2048 });
 * console.log(recvmmsg(fd, batch, MSG_DONTWAIT) === -EAGAIN); // true
 * @see https://man7.org/linux/man-pages/man2/recvmmsg.2.html
 */
export function recvmmsg(fd: number, batch: MessageBatch, flags = 0, timeout?: bigint): number {
  const storage = storageOf(batch);
  if (timeout !== undefined && typeof timeout !== 'bigint') throw invalidType('timeout', 'a bigint');
  const { data, size, controlLength } = batch; // before the rest, because they may be getters of the program
  closeUntaken(storage);
  const { headers, names, control } = storage;
  const n =
    timeout === undefined
      ? native.recvmmsg(fd, headers, data, names, control, size, controlLength, flags)
      : native.recvmmsg(
          fd,
          headers,
          data,
          names,
          control,
          size,
          controlLength,
          flags,
          timeout / 1_000_000_000n,
          Number(timeout % 1_000_000_000n),
        );
  if (n > 0) {
    storage.receipt = out[OUT_RECEIPT_HIGH]! * TWO_32 + (out[OUT_RECEIPT_LOW]! >>> 0);
    storage.received = n;
  }
  batch.count = storage.received;
  return unlessRefused(n, RECVMMSG);
}
