// File descriptors that arrive in control messages.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "args.h"
#include "compat.h"

namespace sys_socket {

// The kernel repeats MSG_CMSG_CLOEXEC in msg_flags. It is removed unless the caller asked for it.
inline int32_t ReturnedFlags(int returned, int asked) { return returned & ~(MSG_CMSG_CLOEXEC & ~asked); }

// Only AF_UNIX passes file descriptors, and only in control data. Some other families (AF_PACKET, AF_KEY, AF_CAN)
// reject unknown flags with EINVAL, including MSG_CMSG_CLOEXEC, so it is omitted for them.
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

// Calls back with each message of control data: its level, its type, its data and the length of the data. It uses
// offsets and copies that are bounded by the data, because the buffer need not be aligned.
template <typename Use>
void ForEachMessage(const uint8_t* control, size_t size, Use use) {
  size_t offset = 0;
  while (control != nullptr && size - offset >= sizeof(cmsghdr)) {
    const uint8_t* message = control + offset;
    const auto stated = LoadOnce<decltype(cmsghdr::cmsg_len)>(message + offsetof(cmsghdr, cmsg_len));
    const size_t left = size - offset;
    const size_t length = stated < left ? stated : left;
    if (length < sizeof(cmsghdr)) break;
    use(LoadOnce<int>(message + offsetof(cmsghdr, cmsg_level)), LoadOnce<int>(message + offsetof(cmsghdr, cmsg_type)),
        message + sizeof(cmsghdr), length - sizeof(cmsghdr));
    if (CMSG_ALIGN(length) >= left) break;
    offset += CMSG_ALIGN(length);
  }
}
static_assert(CMSG_LEN(0) == sizeof(cmsghdr));

// Calls back with each file descriptor of SCM_RIGHTS and SCM_PIDFD in control data.
template <typename Use>
void ForEachDescriptor(const uint8_t* control, size_t size, Use use) {
  ForEachMessage(control, size, [&](int level, int type, const uint8_t* data, size_t length) {
    if (level != SOL_SOCKET || (type != SCM_RIGHTS && type != SCM_PIDFD)) return;
    for (size_t at = 0; at + sizeof(int) <= length; at += sizeof(int)) use(LoadOnce<int>(data + at));
  });
}

// Returns whether control data contains a message with a pointer that the kernel would follow: those of RDS that name
// memory to read and write (RDMA_ARGS, RDMA_MAP, ATOMIC_FADD, ATOMIC_CSWP and their masked forms). No other protocol
// has any.
inline bool HoldsPointer(const uint8_t* control, size_t size) {
  bool found = false;
  ForEachMessage(control, size, [&](int level, int type, const uint8_t*, size_t) {
    found = found || (level == SOL_RDS && (type == 1 || type == 3 || (type >= 6 && type <= 9)));
  });
  return found;
}

// Memory for control data that only one call uses, so no other thread can change the data between the check and the
// kernel, or between the kernel and the count of the file descriptors.
class ControlRoom {
 public:
  explicit ControlRoom(size_t size) : size_(size) {
    if (size_ > sizeof(small_)) data_ = static_cast<uint8_t*>(std::malloc(size_));
  }
  ~ControlRoom() {
    if (data_ != small_) std::free(data_);
  }
  ControlRoom(const ControlRoom&) = delete;
  ControlRoom& operator=(const ControlRoom&) = delete;

  [[nodiscard]] bool failed() const { return data_ == nullptr; }
  // If there is no room, a null pointer means no control data.
  [[nodiscard]] uint8_t* data() const { return size_ == 0 ? nullptr : data_; }
  [[nodiscard]] size_t size() const { return size_; }

  // Copies control data behind what was copied before. Returns the copy.
  uint8_t* Copy(const uint8_t* control, size_t size) {
    uint8_t* copy = data_ + used_;
    if (control != nullptr) std::memcpy(copy, control, size);
    used_ += size;
    return copy;
  }

 private:
  uint8_t small_[256];
  uint8_t* data_ = small_;
  size_t size_;
  size_t used_ = 0;
};

// Makes the environment the owner of the file descriptors in the control data of a call that has just returned, until
// the program has received them. `control` is memory that only the kernel has written. Returns whether there are any.
inline bool OwnArrived(napi_env env, Environment* environment, const uint8_t* control, size_t size, Receipt receipt) {
  bool any = false;
  ForEachDescriptor(control, size, [&](int fd) {
    // If there is no memory for that, the program receives it anyway. It is only not closed when a worker leaves it
    // open.
    if (fd >= 0 && environment->owned.Arrive(env, fd, receipt)) any = true;
  });
  return any;
}

// Stores the receipt in `out`, or 0 when no file descriptor arrived.
inline void StoreReceipt(int32_t* out, bool any, Receipt receipt) {
  if (!any) receipt = 0;
  out[OUT_RECEIPT_LOW] = static_cast<int32_t>(receipt);
  out[OUT_RECEIPT_HIGH] = static_cast<int32_t>(receipt >> 32);
}

// Copies control data from memory that only one call uses to the program's. The bytes between the messages, which the
// kernel does not write, stay as they are.
inline void CopyMessages(uint8_t* to, const uint8_t* from, size_t size) {
  ForEachMessage(from, size, [&](int, int, const uint8_t* data, size_t length) {
    const uint8_t* message = data - sizeof(cmsghdr);
    std::memcpy(to + (message - from), message, sizeof(cmsghdr) + length);
  });
}

}  // namespace sys_socket
