// Sends and receives data: man 2 read, readv, send, sendto, sendmsg, recv, recvfrom, recvmsg. The batches are in
// batch.cc.
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "args.h"
#include "kernel.h"
#include "rights.h"

namespace sys_socket {
namespace {

msghdr Message(const Vector& vector, const Bytes& name, const ControlRoom& control) {
  msghdr message = {};
  message.msg_name = name.data;
  message.msg_namelen = static_cast<socklen_t>(name.size);
  message.msg_iov = const_cast<iovec*>(vector.entries);
  message.msg_iovlen = vector.count;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  return message;
}

using Vectored = ssize_t (*)(int, const iovec*, int);

napi_value TransferVector(napi_env env, napi_callback_info info, Vectored call) {
  Args<2> args(env, info);
  const int fd = args.Int(0);
  Vector vector;
  args.GetVector(1, &vector);
  if (args.refused()) return args.Refused();
  return Result(env, call(fd, vector.entries, static_cast<int>(vector.count)));
}

}  // namespace

napi_value Read(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int fd = args.Int(0);
  const Bytes buffer = args.GetBytes(1);
  if (args.refused()) return args.Refused();
  return Result(env, ::read(fd, buffer.data, buffer.size));
}

napi_value Write(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int fd = args.Int(0);
  const Bytes data = args.GetBytes(1);
  if (args.refused()) return args.Refused();
  return Result(env, ::write(fd, data.data, data.size));
}

napi_value Readv(napi_env env, napi_callback_info info) { return TransferVector(env, info, ::readv); }

napi_value Writev(napi_env env, napi_callback_info info) { return TransferVector(env, info, ::writev); }

napi_value Send(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const int fd = args.Int(0);
  const int flags = args.Int(2);
  const Bytes data = args.GetBytes(1);
  if (args.refused()) return args.Refused();
  return Result(env, ::send(fd, data.data, data.size, flags));
}

napi_value Sendto(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const int flags = args.Int(2);
  const Bytes data = args.GetBytes(1);
  const Bytes name = args.GetSized(3);
  if (args.refused()) return args.Refused();
  return Result(env, ::sendto(fd, data.data, data.size, flags, reinterpret_cast<const sockaddr*>(name.data),
                              static_cast<socklen_t>(name.size)));
}

// (fd, buffers, name?, control?, flags)
napi_value Sendmsg(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  const int fd = args.Int(0);
  const int flags = args.Int(4);
  Vector vector;
  args.GetVector(1, &vector);
  const Bytes name = args.OptionalSized(2);
  const Bytes control = args.OptionalSized(3);
  if (args.refused()) return args.Refused();
  ControlRoom room(control.size);
  if (room.failed()) return Number(env, -ENOMEM);
  if (HoldsPointer(room.Copy(control.data, control.size), control.size)) {
    args.Refuse(3, Refusal::kPointer);
    return args.Refused();
  }
  const msghdr message = Message(vector, name, room);
  return Result(env, kernel::sendmsg(fd, &message, flags));
}

napi_value Recv(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const int fd = args.Int(0);
  const int flags = args.Int(2);
  const Bytes buffer = args.GetBytes(1);
  if (args.refused()) return args.Refused();
  return Result(env, ::recv(fd, buffer.data, buffer.size, flags));
}

// (fd, buffer, flags, name?): the address length is in out[OUT_NAME_LENGTH].
napi_value Recvfrom(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const int flags = args.Int(2);
  const Bytes buffer = args.GetBytes(1);
  const Bytes name = args.OptionalSized(3);
  if (args.refused()) return args.Refused();
  auto length = static_cast<socklen_t>(name.size);
  const ssize_t result = ::recvfrom(fd, buffer.data, buffer.size, flags, reinterpret_cast<sockaddr*>(name.data),
                                    name.data == nullptr ? nullptr : &length);
  args.out()[OUT_NAME_LENGTH] = static_cast<int32_t>(length);
  return Result(env, result);
}

// (fd, buffers, name?, control?, flags): out is [name length, control length, msg_flags]; see StoreReceipt.
napi_value Recvmsg(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  const int fd = args.Int(0);
  const int flags = args.Int(4);
  Vector vector;
  args.GetVector(1, &vector);
  const Bytes name = args.OptionalSized(2);
  const Bytes control = args.OptionalSized(3);
  if (args.refused()) return args.Refused();
  // The kernel writes the control data into memory that only this call uses, so that neither another thread nor a
  // buffer that overlaps `control` can forge file descriptors in it before they were counted.
  const ControlRoom room(control.size);
  if (room.failed()) return Number(env, -ENOMEM);
  msghdr message = Message(vector, name, room);
  const ssize_t result =
      ReceiveCloexec(fd, flags, control.size > 0, [&](int given) { return kernel::recvmsg(fd, &message, given); });
  if (result < 0) return Result(env, result);  // the kernel wrote nothing into message
  const Receipt receipt = args.environment()->owned.NewReceipts(1);
  StoreReceipt(args.out(), OwnArrived(env, args.environment(), room.data(), message.msg_controllen, receipt), receipt);
  CopyMessages(control.data, room.data(), message.msg_controllen);
  args.out()[OUT_NAME_LENGTH] = static_cast<int32_t>(message.msg_namelen);
  args.out()[OUT_CONTROL_LENGTH] = static_cast<int32_t>(message.msg_controllen);
  args.out()[OUT_MSG_FLAGS] = ReturnedFlags(message.msg_flags, flags);
  return Result(env, result);
}

}  // namespace sys_socket
