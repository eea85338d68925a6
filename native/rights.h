// Descriptors that arrive in control messages.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "args.h"
#include "compat.h"

namespace sys_socket {

// The kernel repeats MSG_CMSG_CLOEXEC in msg_flags. Who did not ask for it does not see it.
inline int32_t ReturnedFlags(int returned, int asked) { return returned & ~(MSG_CMSG_CLOEXEC & ~asked); }

// Only AF_UNIX hands descriptors over, and only into control data. Some other families (AF_PACKET, AF_KEY, AF_CAN)
// refuse a flag that they do not know, MSG_CMSG_CLOEXEC too, with EINVAL: for them it is left out.
template <typename Call>
auto ReceiveCloexec(int fd, int flags, bool control, Call call) -> decltype(call(flags)) {
  if (!control) return call(flags);
  const auto result = call(flags | MSG_CMSG_CLOEXEC);
  if (result >= 0 || errno != EINVAL || (flags & MSG_CMSG_CLOEXEC) != 0) return result;
  int domain = AF_UNIX;
  socklen_t size = sizeof(domain);
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain != AF_UNIX) return call(flags);
  errno = EINVAL;
  return result;
}

// Calls back with each message of control data: level, type, its data and how long they are. Walks by offsets and
// copies, bounded by the data, as the buffer need not be aligned.
template <typename Use>
void ForEachMessage(const uint8_t* control, size_t size, Use use) {
  size_t offset = 0;
  while (control != nullptr && size - offset >= sizeof(cmsghdr)) {
    const uint8_t* message = control + offset;
    const auto told = LoadOnce<decltype(cmsghdr::cmsg_len)>(message + offsetof(cmsghdr, cmsg_len));
    const size_t room = size - offset;
    const size_t length = told < room ? told : room;
    if (length < sizeof(cmsghdr)) break;
    use(LoadOnce<int>(message + offsetof(cmsghdr, cmsg_level)), LoadOnce<int>(message + offsetof(cmsghdr, cmsg_type)),
        message + sizeof(cmsghdr), length - sizeof(cmsghdr));
    if (CMSG_ALIGN(length) >= room) break;
    offset += CMSG_ALIGN(length);
  }
}
static_assert(CMSG_LEN(0) == sizeof(cmsghdr));

// Calls back with each descriptor of SCM_RIGHTS and SCM_PIDFD in control data.
template <typename Use>
void ForEachDescriptor(const uint8_t* control, size_t size, Use use) {
  ForEachMessage(control, size, [&](int level, int type, const uint8_t* data, size_t length) {
    if (level != SOL_SOCKET || (type != SCM_RIGHTS && type != SCM_PIDFD)) return;
    for (size_t at = 0; at + sizeof(int) <= length; at += sizeof(int)) use(LoadOnce<int>(data + at));
  });
}

// Whether control data hold a message in which the kernel would follow a pointer: those of RDS that name memory to read
// and write (RDMA_ARGS, RDMA_MAP, ATOMIC_FADD, ATOMIC_CSWP and their masked forms). No other protocol has any.
inline bool HoldsPointer(const uint8_t* control, size_t size) {
  bool found = false;
  ForEachMessage(control, size, [&](int level, int type, const uint8_t*, size_t) {
    found = found || (level == SOL_RDS && (type == 1 || type == 3 || (type >= 6 && type <= 9)));
  });
  return found;
}

// A copy of control data, which another thread cannot change after it was looked at.
class ControlCopy {
 public:
  explicit ControlCopy(const Bytes& control) : size_(control.size) {
    if (size_ > sizeof(small_)) data_ = static_cast<uint8_t*>(std::malloc(size_));
    if (data_ != nullptr && size_ > 0) std::memcpy(data_, control.data, size_);
  }
  ~ControlCopy() {
    if (data_ != small_) std::free(data_);
  }
  ControlCopy(const ControlCopy&) = delete;
  ControlCopy& operator=(const ControlCopy&) = delete;

  [[nodiscard]] bool failed() const { return data_ == nullptr; }
  // No bytes are no control data: a null pointer.
  [[nodiscard]] Bytes bytes() const { return {.data = size_ == 0 ? nullptr : data_, .size = size_}; }

 private:
  uint8_t small_[256];
  uint8_t* data_ = small_;
  size_t size_;
};

// From the instant a call returned, the descriptors in its control data belong to the environment, until the program
// has been given them. `control` is memory that only the kernel has written. Returns whether there is one.
inline bool OwnArrived(napi_env env, Environment* environment, const uint8_t* control, size_t size, Receipt receipt) {
  bool any = false;
  ForEachDescriptor(control, size, [&](int fd) {
    // Without memory for that the program has it all the same; only what a worker leaves behind is not closed.
    if (fd >= 0 && environment->owned.Arrive(env, fd, receipt)) any = true;
  });
  return any;
}

// Where in `out` the receipt is, in two halves: 0 when no descriptor arrived. lib/posix/arrived.ts has the same.
inline constexpr size_t kReceipt = 10;

inline void GiveArrived(int32_t* out, bool any, Receipt receipt) {
  if (!any) receipt = 0;
  out[kReceipt] = static_cast<int32_t>(receipt);
  out[kReceipt + 1] = static_cast<int32_t>(receipt >> 32);
}

// Control data from memory of a call alone to the program's. What is between the messages, which the kernel does not
// write, stays as it is.
inline void CopyMessages(uint8_t* to, const uint8_t* from, size_t size) {
  ForEachMessage(from, size, [&](int, int, const uint8_t* data, size_t length) {
    const uint8_t* message = data - sizeof(cmsghdr);
    std::memcpy(to + (message - from), message, sizeof(cmsghdr) + length);
  });
}

}  // namespace sys_socket
