/** `sys/socket.h` for Node.js: the socket API of Linux call by call. */
export * from './posix/address.ts';
export { MessageBatch, type MessageBatchOptions, recvmmsg, sendmmsg } from './posix/batch.ts';
export * from './posix/constants.ts';
export * from './posix/control.ts';
export { type ErrnoName, errnoName, isErrno, SocketError, strerror } from './posix/errno.ts';
export { sendfile, splice } from './posix/file.ts';
export {
  attachFanoutFilter,
  attachFilter,
  attachReusePortFilter,
  detachFilter,
  encodeFilter,
  type FilterInstruction,
  type FilterProgram,
  getFilter,
  lockFilter,
} from './posix/filter.ts';
export * from './posix/inet.ts';
export * from './posix/interface.ts';
export type { Bytes } from './posix/native.ts';
export {
  type AddressInfo,
  type AddressInfoCode,
  AddressInfoError,
  type AddressInfoHints,
  gai_strerror,
  getaddrinfo,
  getfqdn,
  gethostbyaddr,
  gethostbyname,
  gethostbyname_ex,
  gethostname,
  getnameinfo,
  getprotobyname,
  getprotobynumber,
  getservbyname,
  getservbyport,
  type HostCode,
  type HostEntry,
  HostError,
  type NameInfo,
  type ProtocolEntry,
  type ServiceEntry,
  sethostname,
} from './posix/netdb.ts';
export { fcntl, getsockopt, ifreq, ioctl, setsockopt } from './posix/option.ts';
export { type PollFd, poll, ppoll, pselect, type Selected, select } from './posix/poll.ts';
export {
  type Accepted,
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
} from './posix/socket.ts';
export {
  type ReceivedFrom,
  type ReceivedMessage,
  type ReceiveMessage,
  read,
  readv,
  recv,
  recvfrom,
  recvmsg,
  type SendMessage,
  send,
  sendmsg,
  sendto,
  write,
  writev,
} from './posix/transfer.ts';
