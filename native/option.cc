// Socket options and file descriptor control: man 2 getsockopt, setsockopt, fcntl.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "args.h"
#include "option_rule.h"

namespace sys_socket {
namespace {

constexpr size_t kSmallOption = 1024;
constexpr size_t kBehind = 256;

// A copy of the bytes of an option in memory that only this call uses, where a count or flags cannot change after they
// were checked. Zeros follow the bytes of a short option, because for some options the kernel reads or writes a whole
// struct regardless of the length (option_rule.h). A few others (NETLINK_LIST_MEMBERSHIPS) return a length beyond the
// one given, which memory checkers take for bytes written.
class OptionBuffer {
 public:
  explicit OptionBuffer(const Bytes& bytes) {
    if (bytes.size > kSmallOption) data_ = static_cast<uint8_t*>(std::malloc(bytes.size));
    if (data_ != nullptr) std::memcpy(data_, bytes.data, bytes.size);
    if (data_ == small_) std::memset(small_ + bytes.size, 0, kBehind);
  }
  ~OptionBuffer() {
    if (data_ != small_) std::free(data_);
  }
  OptionBuffer(const OptionBuffer&) = delete;
  OptionBuffer& operator=(const OptionBuffer&) = delete;

  // Returns null if there is no memory.
  [[nodiscard]] uint8_t* data() const { return data_; }

 private:
  uint8_t small_[4 * kSmallOption];
  uint8_t* data_ = small_;
};

// Returns the result of an option. SO_PEERPIDFD creates a file descriptor. If the number had an owner, its file
// descriptor was closed behind the owner's back.
napi_value OptionResult(napi_env env, Environment* environment, int level, int name, int result, int value) {
  if (result == 0 && IsPidfd(level, name)) environment->owned.Forget(env, value);
  return Result(env, result);
}

// The argument of a command: the address of a struct of this many bytes, an int (0), or unknown.
constexpr size_t kUnknownCommand = SIZE_MAX;

size_t StructOf(int command) {
  switch (command) {
    case F_DUPFD_CLOEXEC:
    case F_DUPFD_QUERY:
    case F_CREATED_QUERY:
    case F_GETFD:
    case F_SETFD:
    case F_GETFL:
    case F_SETFL:
    case F_GETOWN:
    case F_SETOWN:
    case F_GETSIG:
    case F_SETSIG:
    case F_GETLEASE:
    case F_SETLEASE:
    case F_GETPIPE_SZ:
    case F_SETPIPE_SZ:
    case F_ADD_SEALS:
    case F_GET_SEALS:
      return 0;
    case F_GETOWN_EX:
    case F_SETOWN_EX:
      return sizeof(f_owner_ex);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
      return sizeof(flock);
    case F_GET_RW_HINT:
    case F_SET_RW_HINT:
    case F_GET_FILE_RW_HINT:
    case F_SET_FILE_RW_HINT:
      return sizeof(uint64_t);
    default:
      return kUnknownCommand;
  }
}

}  // namespace

// (fd, level, name): the value is in out[OUT_VALUE].
napi_value GetsockoptInt(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const int fd = args.Int(0);
  const int level = args.Int(1);
  const int name = args.Int(2);
  int value = 0;
  if (HoldsPointer(level, name, sizeof(value))) args.Refuse(2, Refusal::kPointer);
  if (MakesDescriptor(level, name)) args.Refuse(2, Refusal::kInherited);
  if (args.refused()) return args.Refused();
  const OptionBuffer copy({.data = reinterpret_cast<uint8_t*>(&value), .size = sizeof(value)});
  socklen_t length = sizeof(value);
  const int result = ::getsockopt(fd, level, name, copy.data(), &length);
  std::memcpy(&value, copy.data(), sizeof(value));
  args.out()[OUT_VALUE] = value;
  return OptionResult(env, args.environment(), level, name, result, value);
}

// (fd, level, name, buffer): the length is in out[OUT_OPTION_LENGTH].
napi_value Getsockopt(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const int level = args.Int(1);
  const int name = args.Int(2);
  const Bytes buffer = args.GetSized(3);
  if (HoldsPointer(level, name, buffer.size)) args.Refuse(2, Refusal::kPointer);
  if (args.refused()) return args.Refused();
  const bool is_pidfd = IsPidfd(level, name);
  auto length = static_cast<socklen_t>(is_pidfd ? std::max(buffer.size, sizeof(int)) : buffer.size);
  const CountedOption* counted = FindCounted(level, name);
  if (buffer.size > kSmallOption && counted == nullptr && !MakesDescriptor(level, name) && !is_pidfd) {
    const int result = ::getsockopt(fd, level, name, buffer.data, &length);
    args.out()[OUT_OPTION_LENGTH] = static_cast<int32_t>(length);
    return Result(env, result);
  }
  const OptionBuffer copy(buffer);
  if (copy.data() == nullptr) return Number(env, -ENOMEM);
  if (counted != nullptr) BoundCount(*counted, copy.data(), buffer.size);
  if (IsInherited(level, name, copy.data(), buffer.size)) args.Refuse(2, Refusal::kInherited);
  if (args.refused()) return args.Refused();
  const int result = ::getsockopt(fd, level, name, copy.data(), &length);
  int value = -1;
  if (length == sizeof(value)) std::memcpy(&value, copy.data(), sizeof(value));
  if (is_pidfd && result == 0 && buffer.size < sizeof(value)) {
    args.environment()->owned.Forget(env, value);
    ::close(value);
    args.Refuse(3, Refusal::kCut);
    return args.Refused();
  }
  if (result == 0) std::memcpy(buffer.data, copy.data(), std::min<size_t>(length, buffer.size));
  args.out()[OUT_OPTION_LENGTH] = static_cast<int32_t>(length);
  return OptionResult(env, args.environment(), level, name, result, value);
}

napi_value SetsockoptInt(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const int level = args.Int(1);
  const int name = args.Int(2);
  int value = args.Int(3);
  if (HoldsPointer(level, name, sizeof(value))) args.Refuse(2, Refusal::kPointer);
  if (args.refused()) return args.Refused();
  const OptionBuffer copy({.data = reinterpret_cast<uint8_t*>(&value), .size = sizeof(value)});
  return Result(env, ::setsockopt(fd, level, name, copy.data(), sizeof(value)));
}

napi_value Setsockopt(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const int level = args.Int(1);
  const int name = args.Int(2);
  const Bytes value = args.GetSized(3);
  if (HoldsPointer(level, name, value.size)) args.Refuse(2, Refusal::kPointer);
  if (args.refused()) return args.Refused();
  if (value.size > kSmallOption) {
    return Result(env, ::setsockopt(fd, level, name, value.data, static_cast<socklen_t>(value.size)));
  }
  const OptionBuffer copy(value);
  return Result(env, ::setsockopt(fd, level, name, copy.data(), static_cast<socklen_t>(value.size)));
}

// (fd, command, argument, own?): the argument is an int, or the bytes of a struct, which are changed in place. For
// F_DUPFD_CLOEXEC see Fresh. The result is in out[OUT_VALUE] as well, because F_GETOWN may return a negative process
// group.
napi_value Fcntl(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const int command = args.Int(1);
  const size_t size = StructOf(command);
  const bool is_owned = args.Has(3);
  if (command == F_DUPFD) args.Refuse(1, Refusal::kInherited);
  if (size == kUnknownCommand) args.Refuse(1, Refusal::kPointer);
  if (args.refused()) return args.Refused();
  int result = 0;
  errno = 0;  // a negative process group leaves a value there that is not a failure
  if (size == 0) {
    const int argument = args.Int(2);
    if (args.refused()) return args.Refused();
    result = ::fcntl(fd, command, argument);
  } else {
    const Bytes bytes = args.GetBytes(2);
    if (bytes.size != size) args.Refuse(2, Refusal::kStorage);
    if (args.refused()) return args.Refused();
    result = ::fcntl(fd, command, bytes.data);
  }
  args.out()[OUT_VALUE] = result;
  return command == F_DUPFD_CLOEXEC ? Fresh(env, args.environment(), result, is_owned) : Result(env, result);
}

}  // namespace sys_socket
