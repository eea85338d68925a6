// The system calls under fuzz: they read all their arguments and write as much as the kernel may, with bytes of the
// input, so that AddressSanitizer finds a length that exceeds its memory. They are linked in by --wrap.
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstring>

#include "input.h"

namespace fuzz {

namespace {
uint8_t sink = 0;
void ReadAll(const void* data, size_t size) {
  const auto* bytes = static_cast<const volatile uint8_t*>(data);
  uint8_t sum = 0;
  for (size_t i = 0; i < size; ++i) sum = static_cast<uint8_t>(sum + bytes[i]);
  sink = static_cast<uint8_t>(sink + sum);
}
void WriteAll(void* data, size_t size) {
  auto* bytes = static_cast<uint8_t*>(data);
  for (size_t i = 0; i < size; ++i) bytes[i] = input.Byte();
}

bool Fails() {
  const uint8_t choice = input.Byte();
  if (choice < 200) return false;
  errno = choice % 3 == 0 ? EINVAL : EAGAIN;
  return true;
}

void ReadMessage(const msghdr& message) {
  ReadAll(message.msg_name, message.msg_namelen);
  for (size_t i = 0; i < std::min<size_t>(message.msg_iovlen, 1024); ++i) {
    ReadAll(message.msg_iov[i].iov_base, message.msg_iov[i].iov_len);
  }
  if (message.msg_control != nullptr) ReadAll(message.msg_control, message.msg_controllen);
}

void WriteMessage(msghdr* message) {
  WriteAll(message->msg_name, message->msg_namelen);
  for (size_t i = 0; i < std::min<size_t>(message->msg_iovlen, 1024); ++i) {
    WriteAll(message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
  }
  if (message->msg_control != nullptr) WriteAll(message->msg_control, message->msg_controllen);
  if (message->msg_name != nullptr) message->msg_namelen = input.Byte();  // the kernel reports the whole length
  message->msg_controllen = message->msg_controllen == 0 ? 0 : input.Byte() % (message->msg_controllen + 1);
  message->msg_flags = static_cast<int>(input.Number());
}

// The options for which a count in the buffer, not the length, limits what the kernel writes: it has `kHas` elements.
struct Counted {
  int level, name;
  size_t count, header, element;
};
constexpr Counted kCounted[] = {{0, 41, 12, 16, 4}, {0, 48, 140, 144, 128}, {41, 48, 140, 144, 128}};
constexpr uint32_t kHas = 64;
}  // namespace

}  // namespace fuzz

using fuzz::input;

extern "C" {

int __wrap_close(int) { return 0; }

ssize_t __wrap_sendmsg(int, const msghdr* message, int) {
  fuzz::ReadMessage(*message);
  return fuzz::Fails() ? -1 : 1;
}

ssize_t __wrap_recvmsg(int, msghdr* message, int) {
  if (fuzz::Fails()) return -1;
  fuzz::WriteMessage(message);
  return 1;
}

int __wrap_sendmmsg(int, mmsghdr* messages, unsigned count, int) {
  for (unsigned i = 0; i < count; ++i) fuzz::ReadMessage(messages[i].msg_hdr);
  return static_cast<int>(count);
}

int __wrap_recvmmsg(int, mmsghdr* messages, unsigned count, int, timespec*) {
  if (fuzz::Fails()) return -1;
  for (unsigned i = 0; i < count; ++i) {
    fuzz::WriteMessage(&messages[i].msg_hdr);
    messages[i].msg_len = input.Byte();
  }
  return static_cast<int>(count);
}

ssize_t __wrap_readv(int, const iovec* vector, int count) {
  for (int i = 0; i < count && i < 1024; ++i) fuzz::WriteAll(vector[i].iov_base, vector[i].iov_len);
  return 1;
}

ssize_t __wrap_writev(int, const iovec* vector, int count) {
  for (int i = 0; i < count && i < 1024; ++i) fuzz::ReadAll(vector[i].iov_base, vector[i].iov_len);
  return 1;
}

ssize_t __wrap_read(int, void* data, size_t size) {
  fuzz::WriteAll(data, size);
  return 1;
}

ssize_t __wrap_write(int, const void* data, size_t size) {
  fuzz::ReadAll(data, size);
  return 1;
}

ssize_t __wrap_send(int, const void* data, size_t size, int) { return __wrap_write(0, data, size); }
ssize_t __wrap_recv(int, void* data, size_t size, int) { return __wrap_read(0, data, size); }

ssize_t __wrap_sendto(int, const void* data, size_t size, int, const sockaddr* name, socklen_t length) {
  fuzz::ReadAll(data, size);
  fuzz::ReadAll(name, length);
  return 1;
}

ssize_t __wrap_recvfrom(int, void* data, size_t size, int, sockaddr* name, socklen_t* length) {
  fuzz::WriteAll(data, size);
  if (name == nullptr) return 1;
  fuzz::WriteAll(name, *length);
  *length = input.Byte();
  return 1;
}

int __wrap_getsockopt(int, int level, int name, void* value, socklen_t* length) {
  if (fuzz::Fails()) return -1;
  if (level == SOL_SOCKET && name == SO_DOMAIN && *length == sizeof(int)) {
    const int domain = input.Byte() % 4 == 0 ? AF_INET : AF_PACKET;
    std::memcpy(value, &domain, sizeof(domain));
    return 0;
  }
  if (level == SOL_SOCKET && name == SO_GET_FILTER) {
    *length = std::min<socklen_t>(*length, input.Number() % (BPF_MAXINSNS + 1));
    fuzz::WriteAll(value, *length * sizeof(sock_filter));
    return 0;
  }
  for (const auto& option : fuzz::kCounted) {
    if (option.level != level || option.name != name || *length < option.header) continue;
    uint32_t count = 0;
    std::memcpy(&count, static_cast<uint8_t*>(value) + option.count, sizeof(count));
    const size_t size = option.header + (std::min(count, fuzz::kHas) * option.element);
    std::memset(value, 7, size);
    *length = static_cast<socklen_t>(size);
    return 0;
  }
  fuzz::WriteAll(value, *length);
  if (input.Byte() < 30) *length = input.Number();  // a few options report more than there was room for
  return 0;
}

int __wrap_setsockopt(int, int level, int name, const void* value, socklen_t length) {
  fuzz::ReadAll(value, length);
  if (level == SOL_SOCKET && name == SO_ATTACH_FILTER && length == sizeof(sock_fprog)) {
    const auto* program = static_cast<const sock_fprog*>(value);
    fuzz::ReadAll(program->filter, program->len * sizeof(sock_filter));
  }
  return 0;
}

int __wrap_bind(int, const sockaddr* name, socklen_t length) {
  fuzz::ReadAll(name, length);
  return 0;
}

int __wrap_connect(int, const sockaddr* name, socklen_t length) { return __wrap_bind(0, name, length); }

int __wrap_getsockname(int, sockaddr* name, socklen_t* length) {
  fuzz::WriteAll(name, *length);
  *length = input.Byte();
  return 0;
}

int __wrap_getpeername(int, sockaddr* name, socklen_t* length) { return __wrap_getsockname(0, name, length); }

int __wrap_accept4(int, sockaddr* name, socklen_t* length, int) {
  return name == nullptr ? 0 : __wrap_getsockname(0, name, length);
}

int __wrap_socket(int, int, int) { return 3; }
int __wrap_listen(int, int) { return 0; }
int __wrap_shutdown(int, int) { return 0; }
int __wrap_socketpair(int, int, int, int pair[2]) {
  pair[0] = pair[1] = 3;
  return 0;
}

int __wrap_poll(pollfd* list, nfds_t count, int) {
  for (nfds_t i = 0; i < count; ++i) list[i].revents = input.Byte();
  return 0;
}

int __wrap_ppoll(pollfd* list, nfds_t count, const timespec*, const sigset_t*) { return __wrap_poll(list, count, 0); }

int __wrap_pselect(int, fd_set* readers, fd_set* writers, fd_set* excepts, const timespec*, const sigset_t*) {
  for (fd_set* set : {readers, writers, excepts}) fuzz::WriteAll(set, sizeof(*set));
  return 0;
}

int __wrap_select(int, fd_set* readers, fd_set* writers, fd_set* excepts, timeval*) {
  return __wrap_pselect(0, readers, writers, excepts, nullptr, nullptr);
}

int __wrap_ioctl(int, unsigned long, ...) { return 0; }
int __wrap_fcntl64(int, int, ...) { return 0; }
int __wrap_fcntl(int, int, ...) { return 0; }
int __wrap_sethostname(const char* name, size_t size) {
  fuzz::ReadAll(name, size);
  return 0;
}

// A list of interfaces: names, addresses of each family with what follows them, statistics.
int __wrap_getifaddrs(ifaddrs** list) {
  *list = nullptr;
  for (int i = input.Byte() % 4; i > 0; --i) {
    auto* entry = new ifaddrs{};
    entry->ifa_next = *list;
    entry->ifa_name = new char[IFNAMSIZ]();
    fuzz::WriteAll(entry->ifa_name, input.Byte() % IFNAMSIZ);
    entry->ifa_flags = input.Number();
    for (sockaddr** address : {&entry->ifa_addr, &entry->ifa_netmask, &entry->ifa_dstaddr}) {
      const uint8_t kind = input.Byte() % 5;
      if (kind == 0) continue;
      // glibc gives each address the room of a sockaddr_ll with the longest link address of the kernel.
      constexpr size_t kRoom = offsetof(sockaddr_ll, sll_addr) + 255;
      auto* bytes = new uint8_t[kRoom]();
      fuzz::WriteAll(bytes, 30);
      *address = reinterpret_cast<sockaddr*>(bytes);
      if (kind < 4) (*address)->sa_family = kind == 1 ? AF_INET : kind == 2 ? AF_INET6 : AF_PACKET;
    }
    if (input.Byte() % 2 == 0) entry->ifa_data = new uint8_t[92]();
    *list = entry;
  }
  return 0;
}

void __wrap_freeifaddrs(ifaddrs* list) {
  while (list != nullptr) {
    ifaddrs* next = list->ifa_next;
    delete[] list->ifa_name;
    for (sockaddr* address : {list->ifa_addr, list->ifa_netmask, list->ifa_dstaddr}) {
      delete[] reinterpret_cast<uint8_t*>(address);
    }
    delete[] static_cast<uint8_t*>(list->ifa_data);
    delete list;
    list = next;
  }
}

}  // extern "C"
