/** The calls that send and receive many messages at once: sendmmsg(2), recvmmsg(2). */

import * as call from '../call/batch.ts';
import type { MessageBatch } from '../call/message-batch.ts';
import { check } from '../struct/errno.ts';

/**
 * Sends the messages of a batch with one system call: sendmmsg(2).
 *
 * @param fd A socket.
 * @param batch The messages that were pushed. They stay in the batch, so they can be sent again, until it is cleared.
 * @param flags MSG_ flags. They are passed to the kernel unchanged. With MSG_ZEROCOPY the program must keep the batch and not
 *   fill it again until the completions arrive in the error queue.
 * @param first The index of the first message to send. After a partial send, continue with `first + sent`.
 * @returns How many messages were sent. If a later message failed, the next call reports its error.
 * @throws SocketError The same errors as `sendmsg`, for the first message.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_DGRAM);
 * const batch = new MessageBatch({ messages: 2, size: 100 });
 * batch.push('one');
 * batch.push('two');
 * console.log(sendmmsg(a, batch)); // 2
 * @see https://man7.org/linux/man-pages/man2/sendmmsg.2.html
 */
export function sendmmsg(fd: number, batch: MessageBatch, flags = 0, first = 0): number {
  return check(call.sendmmsg(fd, batch, flags, first), call.SENDMMSG);
}

/**
 * Receives messages into a batch with one system call: recvmmsg(2).
 *
 * @param fd A socket. On a blocking socket, the call waits until the batch is full; with MSG_WAITFORONE it waits for only one
 *   message.
 * @param batch The storage. Its messages are replaced, and its `count` is set to the number of received messages.
 * @param flags MSG_ flags. They are passed to the kernel unchanged, but MSG_CMSG_CLOEXEC is always added.
 * @param timeout The timeout in nanoseconds. The kernel checks it only after each message (see BUGS in the man page).
 * @returns How many messages were received.
 * @throws SocketError The same errors as `recvmsg`.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_DGRAM);
 * send(a, 'hello');
 * const batch = new MessageBatch({ messages: 64, size: 2048 });
 * console.log(recvmmsg(b, batch, MSG_WAITFORONE), String(batch.bytes(0))); // 1 hello
 * @see https://man7.org/linux/man-pages/man2/recvmmsg.2.html
 */
export function recvmmsg(fd: number, batch: MessageBatch, flags = 0, timeout?: bigint): number {
  return check(call.recvmmsg(fd, batch, flags, timeout), call.RECVMMSG);
}
