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
