/**
 * `sys/socket.h` for Node.js: the socket API of Linux call by call.
 *
 * @module sys-socket
 */
export { decodeAddress, encodeAddress, SockaddrStorage } from './posix/address.ts';
export * from './posix/address-entry.ts';
export * from './posix/address-type.ts';
export { MessageBatch, type MessageBatchOptions, recvmmsg, sendmmsg } from './posix/batch.ts';
export { type Capability, type CapabilityName, capabilities } from './posix/capabilities.ts';
export * from './posix/constants.ts';
export { CMSG_LEN, CMSG_SPACE, decodeControl, encodeControl } from './posix/control.ts';
export {
  type AuxiliaryData,
  type ControlInput,
  type ControlMessage,
  type Credentials,
  type ExtendedError,
  findControl,
  type Inet6Field,
  type InetField,
  isControl,
  type OriginalDestination,
  type OtherControl,
  type Overflow,
  type PacketInfo,
  type PacketInfo6,
  type PacketInfoInput,
  type PidFd,
  type Rights,
  type Segment,
  type Timestamp,
  type Timestamping,
} from './posix/control-message.ts';
export { type ControlName, controlSpace } from './posix/control-room.ts';
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
export { formatHardwareAddress, type HardwareAddressLike, parseHardwareAddress } from './posix/hardware-address.ts';
export * from './posix/inet.ts';
export * from './posix/interface.ts';
export { ifreq, ioctl, ioctlData } from './posix/ioctl.ts';
export * from './posix/link-entry.ts';
export type { Bytes } from './posix/native.ts';
export * from './posix/neighbour-entry.ts';
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
export {
  decodeAttributes,
  decodeNetlink,
  encodeAttributes,
  encodeNetlink,
  type NetlinkAttribute,
  type NetlinkMessage,
} from './posix/netlink.ts';
export * from './posix/netlink-ack.ts';
export * from './posix/netlink-request.ts';
export { fcntl, getsockopt, setsockopt } from './posix/option.ts';
export {
  getOption,
  type OptionInput,
  type OptionName,
  type OptionValue,
  type ReadableOption,
  setOption,
  type WritableOption,
} from './posix/option-table.ts';
export type {
  Fanout,
  GroupReq,
  GroupSourceReq,
  Icmp6Filter,
  In6Pktinfo,
  Ipv6Mreq,
  Linger,
  Mreqn,
  MreqSource,
  MulticastInterface,
  PacketMreq,
  PacketStatistics,
  PortRange,
  RolloverStatistics,
  SocketMemory,
  TimestampingOption,
  Timeval,
  TxtimeOption,
  Ucred,
} from './posix/option-value.ts';
export { type PollFd, poll, ppoll, pselect, type Selected, select } from './posix/poll.ts';
export * from './posix/route-entry.ts';
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
export { decodeTcpInfo, type TcpInfo } from './posix/tcp-info.ts';
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
export {
  type ConnectionOptions,
  createConnection,
  hasDualstackIPv6,
  type UnixConnectionOptions,
} from './socket/connect.ts';
export type { Control, InetSocket, TcpOptions } from './socket/endpoint.ts';
export { AbortError, BusyError, ClosedError, TimeoutError } from './socket/errors.ts';
export type { ConnectionsOptions } from './socket/iterate.ts';
export type { DataWithFds } from './socket/message.ts';
export type { WaitOptions } from './socket/options.ts';
export type { Datagram } from './socket/receive.ts';
export { createServer, type InetServerOptions, type UnixServerOptions } from './socket/server.ts';
export { type AcceptedSocket, Socket } from './socket/socket.ts';
export { SocketStream, type SocketStreamEvents, type SocketStreamOptions } from './socket/stream.ts';
export { type ListenFd, listenFds, sdNotify, sdNotifyBarrier } from './socket/systemd.ts';
export { errorReady, onReadable, onWritable, readable, writable } from './socket/wait.ts';
export type { Watch, WatchOptions } from './socket/watch.ts';
