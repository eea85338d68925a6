// test/fault-matrix.test.ts preloads this library, which makes the next call of one function fail with one errno
// without running it. close(-(1000000 + 1000 * function + errno)) chooses both for the calling thread.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { ARM = -1000000 };

static __thread int armed_function = -1;
static __thread int armed_errno;

static int fails(int function) {
  if (armed_function != function) return 0;
  armed_function = -1;
  errno = armed_errno;
  return 1;
}

#define WRAP(id, type, name, parameters, arguments)                      \
  type name parameters {                                                 \
    if (fails(id)) return -1;                                            \
    type(*real) parameters = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
    return real arguments;                                               \
  }

int close(int fd) {
  if (fd <= ARM) {
    armed_function = (ARM - fd) / 1000;
    armed_errno = (ARM - fd) % 1000;
    return 0;
  }
  if (fails(0)) return -1;
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "close");
  return real(fd);
}

WRAP(1, int, socket, (int a, int b, int c), (a, b, c))
WRAP(2, int, socketpair, (int a, int b, int c, int* d), (a, b, c, d))
WRAP(3, int, bind, (int a, const struct sockaddr* b, socklen_t c), (a, b, c))
WRAP(4, int, listen, (int a, int b), (a, b))
WRAP(5, int, accept4, (int a, struct sockaddr* b, socklen_t* c, int d), (a, b, c, d))
WRAP(6, int, connect, (int a, const struct sockaddr* b, socklen_t c), (a, b, c))
WRAP(7, int, shutdown, (int a, int b), (a, b))
WRAP(8, int, getsockname, (int a, struct sockaddr* b, socklen_t* c), (a, b, c))
WRAP(9, int, getpeername, (int a, struct sockaddr* b, socklen_t* c), (a, b, c))
WRAP(10, ssize_t, read, (int a, void* b, size_t c), (a, b, c))
WRAP(11, ssize_t, write, (int a, const void* b, size_t c), (a, b, c))
WRAP(12, ssize_t, readv, (int a, const struct iovec* b, int c), (a, b, c))
WRAP(13, ssize_t, writev, (int a, const struct iovec* b, int c), (a, b, c))
WRAP(14, ssize_t, send, (int a, const void* b, size_t c, int d), (a, b, c, d))
WRAP(15, ssize_t, sendto, (int a, const void* b, size_t c, int d, const struct sockaddr* e, socklen_t f),
     (a, b, c, d, e, f))
WRAP(16, ssize_t, sendmsg, (int a, const struct msghdr* b, int c), (a, b, c))
WRAP(17, int, sendmmsg, (int a, struct mmsghdr* b, unsigned c, int d), (a, b, c, d))
WRAP(18, ssize_t, recv, (int a, void* b, size_t c, int d), (a, b, c, d))
WRAP(19, ssize_t, recvfrom, (int a, void* b, size_t c, int d, struct sockaddr* e, socklen_t* f), (a, b, c, d, e, f))
WRAP(20, ssize_t, recvmsg, (int a, struct msghdr* b, int c), (a, b, c))
WRAP(21, int, recvmmsg, (int a, struct mmsghdr* b, unsigned c, int d, struct timespec* e), (a, b, c, d, e))
WRAP(22, int, getsockopt, (int a, int b, int c, void* d, socklen_t* e), (a, b, c, d, e))
WRAP(23, int, setsockopt, (int a, int b, int c, const void* d, socklen_t e), (a, b, c, d, e))
WRAP(24, int, poll, (struct pollfd * a, nfds_t b, int c), (a, b, c))
WRAP(25, int, ppoll, (struct pollfd * a, nfds_t b, const struct timespec* c, const sigset_t* d), (a, b, c, d))
WRAP(26, int, select, (int a, fd_set* b, fd_set* c, fd_set* d, struct timeval* e), (a, b, c, d, e))
WRAP(27, ssize_t, sendfile64, (int a, int b, off64_t* c, size_t d), (a, b, c, d))
WRAP(28, ssize_t, splice, (int a, off64_t* b, int c, off64_t* d, size_t e, unsigned f), (a, b, c, d, e, f))
WRAP(34, ssize_t, tee, (int a, int b, size_t c, unsigned d), (a, b, c, d))
WRAP(29, int, gethostname, (char* a, size_t b), (a, b))
WRAP(30, int, sethostname, (const char* a, size_t b), (a, b))

WRAP(33, int, pselect, (int a, fd_set* b, fd_set* c, fd_set* d, const struct timespec* e, const sigset_t* f),
     (a, b, c, d, e, f))

int fcntl64(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  if (fails(31)) return -1;
  int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl64");
  return real(fd, command, argument);
}

int ioctl(int fd, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  void* argument = va_arg(list, void*);
  va_end(list);
  if (fails(32)) return -1;
  int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  return real(fd, request, argument);
}
