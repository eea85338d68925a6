/**
 * `sys-socket/nothrow`: the system calls without exceptions for errnos. Each function returns n or -errno. Further
 * results are stored where C stores them: in objects that the caller passes and can use again. Only arguments that C
 * could not express throw.
 *
 * @example
 * const n = recv(fd, buffer);
 * if (n === -EAGAIN) return;
 *
 * @module sys-socket/nothrow
 */

export { recvmmsg, sendmmsg } from './call/batch.ts';
export { ioctl, ioctlData } from './call/ioctl.ts';
export { type ReceiveHeader, recvmsg, sendmsg } from './call/message.ts';
export { fcntl, getsockopt, setsockopt } from './call/option.ts';
export { type PollFdResult, poll } from './call/poll.ts';
export {
  accept,
  accept4,
  bind,
  close,
  connect,
  dup,
  getpeername,
  getsockname,
  listen,
  shutdown,
  sockatmark,
  socket,
  socketpair,
} from './call/socket.ts';
export { read, readv, recv, recvfrom, send, sendto, write, writev } from './call/transfer.ts';
