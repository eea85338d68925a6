// The system calls themselves, for which musl has different functions of the same name: its sendmsg accepts at most
// 1024 bytes of control data, its sendmmsg is a loop of sendmsg, and its accept4 falls back to accept. Messages must be
// zeroed before they are filled, because the members of musl's msghdr are narrower than the kernel's and followed by
// padding.
#pragma once

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sys_socket::kernel {

#ifdef __GLIBC__
using ::accept4;
using ::recvmmsg;
using ::recvmsg;
using ::sendmmsg;
using ::sendmsg;
#else
inline int accept4(int fd, sockaddr* name, socklen_t* length, int flags) {
  return static_cast<int>(syscall(SYS_accept4, fd, name, length, flags));
}

inline int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  return static_cast<int>(syscall(SYS_recvmmsg, fd, messages, count, flags, timeout));
}

inline ssize_t recvmsg(int fd, msghdr* message, int flags) { return syscall(SYS_recvmsg, fd, message, flags); }

inline int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  return static_cast<int>(syscall(SYS_sendmmsg, fd, messages, count, flags));
}

inline ssize_t sendmsg(int fd, const msghdr* message, int flags) { return syscall(SYS_sendmsg, fd, message, flags); }
#endif

}  // namespace sys_socket::kernel
