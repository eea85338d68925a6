/**
 * `sys/socket.h` for Node.js: the socket API of Linux call by call.
 *
 * @module sys-socket
 */

export type { SendMessage } from './call/message.ts';
export { MessageBatch, type MessageBatchOptions } from './call/message-batch.ts';
export type { PollFd } from './call/poll.ts';
export { AbortError, BusyError, ClosedError, TimeoutError } from './loop/errors.ts';
export type { WaitOptions } from './loop/options.ts';
export { errorReady, onReadable, onWritable, readable, writable } from './loop/wait.ts';
export type { Watch, WatchOptions } from './loop/watch.ts';
export * from './native/constants.ts';
export type { Bytes } from './native/native.ts';
export * from './netlink/address-entry.ts';
export * from './netlink/link-entry.ts';
export * from './netlink/neighbour-entry.ts';
export {
  decodeAttributes,
  decodeNetlink,
  encodeAttributes,
  encodeNetlink,
  type NetlinkAttribute,
  type NetlinkMessage,
} from './netlink/netlink.ts';
export * from './netlink/netlink-ack.ts';
export * from './netlink/netlink-request.ts';
export * from './netlink/route-entry.ts';
export {
  type AddressInfo,
  type AddressInfoHints,
  getaddrinfo,
  getnameinfo,
  type NameInfo,
} from './posix/address-info.ts';
export { recvmmsg, sendmmsg } from './posix/batch.ts';
export { type Capability, type CapabilityName, capabilities } from './posix/capabilities.ts';
export { sendfile, splice, tee } from './posix/file.ts';
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
export {
  getfqdn,
  gethostbyaddr,
  gethostbyname,
  gethostbyname_ex,
  gethostname,
  type HostEntry,
  sethostname,
} from './posix/host.ts';
export * from './posix/interface.ts';
export { ifreq, ioctl, ioctlData } from './posix/ioctl.ts';
export {
  type AddressInfoCode,
  AddressInfoError,
  gai_strerror,
  type HostCode,
  HostError,
} from './posix/lookup-error.ts';
export { type ReceivedMessage, type ReceiveMessage, recvmsg, sendmsg } from './posix/message.ts';
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
export { poll, ppoll, pselect, type Selected, select } from './posix/poll.ts';
export {
  getprotobyname,
  getprotobynumber,
  getservbyname,
  getservbyport,
  type ProtocolEntry,
  type ServiceEntry,
} from './posix/service.ts';
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
export { type ReceivedFrom, read, readv, recv, recvfrom, send, sendto, write, writev } from './posix/transfer.ts';
export * from './socket/index.ts';
export { decodeAddress, encodeAddress, SockaddrStorage } from './struct/address.ts';
export * from './struct/address-type.ts';
export { CMSG_LEN, CMSG_SPACE, decodeControl, encodeControl } from './struct/control.ts';
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
  type Unread,
} from './struct/control-message.ts';
export { controlSpace } from './struct/control-room.ts';
export type { ControlName } from './struct/control-table.ts';
export { type ErrnoName, errnoName, isErrno, SocketError, strerror } from './struct/errno.ts';
export { formatHardwareAddress, type HardwareAddressLike, parseHardwareAddress } from './struct/hardware-address.ts';
export * from './struct/inet.ts';
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
} from './struct/option-type.ts';
export { decodeTcpInfo, type TcpInfo } from './struct/tcp-info.ts';
