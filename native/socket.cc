// Creates, names, connects and closes sockets: man 2 socket, socketpair, bind, listen, accept4, connect, shutdown,
// close, getsockname, getpeername.
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args.h"
#include "kernel.h"

namespace sys_socket {
namespace {

using Naming = int (*)(int, sockaddr*, socklen_t*);

// getsockname and getpeername: (fd, name). The length is in out[OUT_NAME_LENGTH].
napi_value Name(napi_env env, napi_callback_info info, Naming call) {
  Args<2> args(env, info);
  const int fd = args.Int(0);
  const Bytes name = args.GetSized(1);
  if (args.refused()) return args.Refused();
  auto length = static_cast<socklen_t>(name.size);
  const int result = call(fd, reinterpret_cast<sockaddr*>(name.data), &length);
  args.out()[OUT_NAME_LENGTH] = static_cast<int32_t>(length);
  return Result(env, result);
}

}  // namespace

// (domain, type, protocol, own?): see Fresh.
napi_value Socket(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int domain = args.Int(0);
  const int type = args.Int(1);
  const int protocol = args.Int(2);
  const bool is_owned = args.Has(3);
  if (args.refused()) return args.Refused();
  return Fresh(env, args.environment(), ::socket(domain, type | SOCK_CLOEXEC, protocol), is_owned);
}

// (domain, type, protocol, own?): see Fresh. The two descriptors are out[OUT_PAIR_FIRST] and out[OUT_PAIR_SECOND].
napi_value Socketpair(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int domain = args.Int(0);
  const int type = args.Int(1);
  const int protocol = args.Int(2);
  const bool is_owned = args.Has(3);
  if (args.refused()) return args.Refused();
  int pair[2];
  if (::socketpair(domain, type | SOCK_CLOEXEC, protocol, pair) < 0) return Result(env, -1);
  Owned& owned = args.environment()->owned;
  int result = 0;
  for (const int fd : pair) {
    owned.Forget(env, fd);
    if (is_owned && !owned.Set(env, fd, Owner::kMade)) result = -ENOMEM;
  }
  napi_value value = Number(env, result);
  if (result < 0 || value == nullptr) {  // nobody learns their numbers
    for (const int fd : pair) {
      owned.Forget(env, fd);
      ::close(fd);
    }
    return value;
  }
  args.out()[OUT_PAIR_FIRST] = pair[0];
  args.out()[OUT_PAIR_SECOND] = pair[1];
  return value;
}

napi_value Bind(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int fd = args.Int(0);
  const Bytes name = args.GetSized(1);
  if (args.refused()) return args.Refused();
  return Result(env, ::bind(fd, reinterpret_cast<const sockaddr*>(name.data), static_cast<socklen_t>(name.size)));
}

napi_value Listen(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int fd = args.Int(0);
  const int backlog = args.Int(1);
  if (args.refused()) return args.Refused();
  return Result(env, ::listen(fd, backlog));
}

// (fd, name, flags, own?): see Fresh. Without a name, the address is not requested. The address length is in
// out[OUT_NAME_LENGTH].
napi_value Accept4(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const int flags = args.Int(2);
  const bool is_owned = args.Has(3);
  const Bytes name = args.OptionalSized(1);
  if (args.refused()) return args.Refused();
  auto length = static_cast<socklen_t>(name.size);
  const int result = kernel::accept4(fd, reinterpret_cast<sockaddr*>(name.data),
                                     name.data == nullptr ? nullptr : &length, flags | SOCK_CLOEXEC);
  args.out()[OUT_NAME_LENGTH] = static_cast<int32_t>(length);
  return Fresh(env, args.environment(), result, is_owned);
}

napi_value Connect(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int fd = args.Int(0);
  const Bytes name = args.GetSized(1);
  if (args.refused()) return args.Refused();
  return Result(env, ::connect(fd, reinterpret_cast<const sockaddr*>(name.data), static_cast<socklen_t>(name.size)));
}

napi_value Shutdown(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int fd = args.Int(0);
  const int how = args.Int(1);
  if (args.refused()) return args.Refused();
  return Result(env, ::shutdown(fd, how));
}

// Never repeated, because on Linux the file descriptor is closed even if close(2) returns EINTR.
napi_value Close(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int fd = args.Int(0);
  if (args.refused()) return args.Refused();
  args.environment()->owned.Forget(env, fd);
  return Result(env, ::close(fd));
}

napi_value Getsockname(napi_env env, napi_callback_info info) { return Name(env, info, ::getsockname); }

napi_value Getpeername(napi_env env, napi_callback_info info) { return Name(env, info, ::getpeername); }

// sockatmark(3) is this ioctl. The C library leaves the int uninitialized, which valgrind reports.
napi_value Sockatmark(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int fd = args.Int(0);
  if (args.refused()) return args.Refused();
  int mark = 0;
  const int result = ::ioctl(fd, SIOCATMARK, &mark);
  return Result(env, result < 0 ? result : mark);
}

}  // namespace sys_socket
