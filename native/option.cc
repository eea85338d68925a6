// Options and descriptor control: man 2 getsockopt, setsockopt, fcntl.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "args.h"
#include "compat.h"

namespace sys_socket {
namespace {

struct Option {
  int level;
  int name;
};

// Options whose bytes hold a pointer that the kernel follows, or whose length does not count bytes. JavaScript has no
// pointers, so that any bytes here would make the kernel read or write memory that nobody gave it.
constexpr Option kPointerOptions[] = {
    {SOL_SOCKET, SO_ATTACH_FILTER},  // sock_fprog; to getsockopt SO_GET_FILTER, whose length counts instructions
    {SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF},  // sock_fprog
    {IPPROTO_IP, 64},                        // IPT_SO_SET_REPLACE: ipt_replace.counters
    {IPPROTO_IP, 65},                        // IPT_SO_SET_ADD_COUNTERS
    {IPPROTO_IP, 96},                        // ARPT_SO_SET_REPLACE: arpt_replace.counters
    {IPPROTO_IP, 97},                        // ARPT_SO_SET_ADD_COUNTERS
    {IPPROTO_IP, 128},                       // EBT_SO_SET_ENTRIES: ebt_replace.entries
    {IPPROTO_IP, 129},                       // EBT_SO_SET_COUNTERS, EBT_SO_GET_ENTRIES
    {IPPROTO_IP, 130},                       // EBT_SO_GET_INIT_INFO
    {IPPROTO_IP, 131},                       // EBT_SO_GET_INIT_ENTRIES
    {IPPROTO_IPV6, 64},                      // IP6T_SO_SET_REPLACE: ip6t_replace.counters
    {IPPROTO_IPV6, 65},                      // IP6T_SO_SET_ADD_COUNTERS
    {IPPROTO_TCP, 35},                       // TCP_ZEROCOPY_RECEIVE: tcp_zerocopy_receive.address
    {IPPROTO_SCTP, 107},                     // SCTP_SOCKOPT_CONNECTX_OLD
    {IPPROTO_SCTP, 111},                     // SCTP_SOCKOPT_CONNECTX3: sctp_getaddrs_old.addrs
    {SOL_RDS, 2},                            // RDS_GET_MR: rds_get_mr_args.vec
    {SOL_RDS, 7},                            // RDS_GET_MR_FOR_DEST
    {SOL_XDP, 4},                            // XDP_UMEM_REG: xdp_umem_reg.addr
    {SOL_MPTCP, 4},                          // MPTCP_FULL_INFO: mptcp_full_info.tcp_info
};

bool HoldsPointer(int level, int name, size_t size) {
  if (level == SOL_PACKET && name == PACKET_FANOUT_DATA)
    return size > sizeof(int);  // sock_fprog, or an eBPF descriptor
  for (const Option& option : kPointerOptions) {
    if (option.level == level && option.name == name) return true;
  }
  return false;
}

constexpr size_t kSmallOption = 1024;

// The commands whose argument is an int. Those of F_SETLK and F_SETOWN_EX are pointers, and F_DUPFD would give a
// descriptor that is not close-on-exec.
bool TakesInt(int command) {
  switch (command) {
    case F_DUPFD_CLOEXEC:
    case F_GETFD:
    case F_SETFD:
    case F_GETFL:
    case F_SETFL:
    case F_GETOWN:
    case F_SETOWN:
    case F_GETSIG:
    case F_SETSIG:
    case F_GETPIPE_SZ:
    case F_SETPIPE_SZ:
    case F_ADD_SEALS:
    case F_GET_SEALS:
      return true;
    default:
      return false;
  }
}

}  // namespace

// (fd, level, name); the value is out[0].
napi_value GetsockoptInt(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const int fd = args.Int(0);
  const int level = args.Int(1);
  const int name = args.Int(2);
  int value = 0;
  if (HoldsPointer(level, name, sizeof(value))) args.Refuse(2, Refusal::kPointer);
  if (args.refused()) return args.Refused();
  socklen_t length = sizeof(value);
  const int result = ::getsockopt(fd, level, name, &value, &length);
  args.out()[0] = value;
  return Result(env, result);
}

// (fd, level, name, buffer); the length is out[0].
napi_value Getsockopt(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const int level = args.Int(1);
  const int name = args.Int(2);
  const Bytes buffer = args.GetSized(3);
  if (HoldsPointer(level, name, buffer.size)) args.Refuse(2, Refusal::kPointer);
  if (args.refused()) return args.Refused();
  auto length = static_cast<socklen_t>(buffer.size);
  int result = 0;
  if (buffer.size <= kSmallOption) {
    // A few options (NETLINK_LIST_MEMBERSHIPS) tell a length beyond the one given, which tools that watch memory take
    // for written: they are given room for it.
    uint8_t room[4 * kSmallOption];
    std::memcpy(room, buffer.data, buffer.size);
    result = ::getsockopt(fd, level, name, room, &length);
    if (result == 0) std::memcpy(buffer.data, room, std::min<size_t>(length, buffer.size));
  } else {
    result = ::getsockopt(fd, level, name, buffer.data, &length);
  }
  args.out()[0] = static_cast<int32_t>(length);
  return Result(env, result);
}

napi_value SetsockoptInt(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const int level = args.Int(1);
  const int name = args.Int(2);
  const int value = args.Int(3);
  if (HoldsPointer(level, name, sizeof(value))) args.Refuse(2, Refusal::kPointer);
  if (args.refused()) return args.Refused();
  return Result(env, ::setsockopt(fd, level, name, &value, sizeof(value)));
}

napi_value Setsockopt(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const int level = args.Int(1);
  const int name = args.Int(2);
  const Bytes value = args.GetSized(3);
  if (HoldsPointer(level, name, value.size)) args.Refuse(2, Refusal::kPointer);
  if (args.refused()) return args.Refused();
  return Result(env, ::setsockopt(fd, level, name, value.data, static_cast<socklen_t>(value.size)));
}

// (fd, command, argument); the result is out[0] too, as F_GETOWN may give a negative process group.
napi_value Fcntl(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const int fd = args.Int(0);
  const int command = args.Int(1);
  const int argument = args.Int(2);
  if (!args.refused() && !TakesInt(command)) args.Refuse(1, Refusal::kPointer);
  if (args.refused()) return args.Refused();
  errno = 0;  // what a negative process group leaves there: no failure
  const int result = ::fcntl(fd, command, argument);
  args.out()[0] = result;
  return Result(env, result);
}

}  // namespace sys_socket
