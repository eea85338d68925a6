// Descriptors that arrive in control messages.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>

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

// Calls back with each descriptor of SCM_RIGHTS and SCM_PIDFD in control data. Walks by offsets and copies, bounded by
// the data, as the buffer need not be aligned.
template <typename Use>
void ForEachDescriptor(const uint8_t* control, size_t size, Use use) {
  size_t offset = 0;
  while (size - offset >= sizeof(cmsghdr)) {
    const uint8_t* message = control + offset;
    const auto told = LoadOnce<decltype(cmsghdr::cmsg_len)>(message + offsetof(cmsghdr, cmsg_len));
    const auto level = LoadOnce<int>(message + offsetof(cmsghdr, cmsg_level));
    const auto type = LoadOnce<int>(message + offsetof(cmsghdr, cmsg_type));
    const size_t room = size - offset;
    const size_t length = told < room ? told : room;
    if (length < sizeof(cmsghdr)) break;
    if (level == SOL_SOCKET && (type == SCM_RIGHTS || type == SCM_PIDFD)) {
      for (size_t at = CMSG_LEN(0); at + sizeof(int) <= length; at += sizeof(int)) use(LoadOnce<int>(message + at));
    }
    if (CMSG_ALIGN(length) >= room) break;
    offset += CMSG_ALIGN(length);
  }
}

// From the instant a call returned, the descriptors in its control data belong to the environment, until the program
// has been given them. Returns how many there are.
inline int OwnArrived(napi_env env, Environment* environment, const void* control, size_t size) {
  int arrived = 0;
  ForEachDescriptor(static_cast<const uint8_t*>(control), size, [&](int fd) {
    // Without memory for that the program has it all the same; only what a worker leaves behind is not closed.
    if (fd >= 0 && environment->owned.Set(env, fd, Owner::kArrived)) ++arrived;
  });
  return arrived;
}

}  // namespace sys_socket
