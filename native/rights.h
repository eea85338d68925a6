// Descriptors that arrive in control messages.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

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

// Closes the descriptors of SCM_RIGHTS and SCM_PIDFD in control data from the kernel; returns how many.
// Walks by offsets and copies, bounded by the data, as the buffer need not be aligned.
inline int CloseDescriptors(const Bytes& control) {
  int closed = 0;
  size_t offset = 0;
  while (control.size - offset >= sizeof(cmsghdr)) {
    cmsghdr header;
    std::memcpy(&header, control.data + offset, sizeof(header));
    const size_t room = control.size - offset;
    const size_t length = header.cmsg_len < room ? header.cmsg_len : room;
    if (length < sizeof(cmsghdr)) break;
    if (header.cmsg_level == SOL_SOCKET && (header.cmsg_type == SCM_RIGHTS || header.cmsg_type == SCM_PIDFD)) {
      for (size_t at = CMSG_LEN(0); at + sizeof(int) <= length; at += sizeof(int)) {
        int fd = -1;
        std::memcpy(&fd, control.data + offset + at, sizeof(fd));
        if (fd >= 0 && ::close(fd) == 0) ++closed;
      }
    }
    if (CMSG_ALIGN(length) >= room) break;
    offset += CMSG_ALIGN(length);
  }
  return closed;
}

}  // namespace sys_socket
