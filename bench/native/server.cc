// The servers of the benchmarks in C, which show what the kernel and an epoll loop cost without a language on top.
//   server <role> [path]        prints its port or its path
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr size_t kChunk = 65536;
constexpr unsigned kBatch = 64;
constexpr size_t kDatagram = 2048;

uint8_t buffer[kChunk];

int64_t Must(int64_t n, const char* what) {
  if (n < 0) {
    std::perror(what);
    std::exit(1);
  }
  return n;
}

// Returns a bound, non-blocking socket and prints its address.
int Bound(int type, const char* path) {
  const int family = path == nullptr ? AF_INET : AF_UNIX;
  const int fd = static_cast<int>(Must(socket(family, type | SOCK_NONBLOCK, 0), "socket"));
  if (path != nullptr) {
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, path, sizeof(name.sun_path) - 1);
    Must(bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)), "bind");
    if (type == SOCK_STREAM) Must(listen(fd, SOMAXCONN), "listen");
    std::printf("%s\n", path);
  } else {
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(name);
    Must(bind(fd, reinterpret_cast<sockaddr*>(&name), length), "bind");
    Must(getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length), "getsockname");
    if (type == SOCK_STREAM) Must(listen(fd, SOMAXCONN), "listen");
    std::printf("%d\n", ntohs(name.sin_port));
  }
  std::fflush(stdout);
  return fd;
}

class Epoll {
 public:
  void Add(int fd) const {
    epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    Must(epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }
  template <typename Serve>
  void Loop(Serve serve) const {
    for (;;) {
      epoll_event events[kBatch];
      const int ready = epoll_wait(fd_, events, kBatch, -1);
      for (int i = 0; i < ready; ++i) serve(events[i].data.fd);
    }
  }

 private:
  int fd_ = static_cast<int>(Must(epoll_create1(0), "epoll_create1"));
};

struct Sender {
  sockaddr_storage name;
  socklen_t length = sizeof(name);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&name); }
};

void DatagramEcho(const char* path) {
  const Epoll epoll;
  epoll.Add(Bound(SOCK_DGRAM, path));
  epoll.Loop([](int fd) {
    for (;;) {
      Sender from;
      const ssize_t n = recvfrom(fd, buffer, sizeof(buffer), 0, from.get(), &from.length);
      if (n < 0) return;
      sendto(fd, buffer, static_cast<size_t>(n), 0, from.get(), from.length);
    }
  });
}

struct Batch {
  mmsghdr headers[kBatch] = {};
  iovec vectors[kBatch] = {};
  sockaddr_storage names[kBatch] = {};
  uint8_t data[kBatch][kDatagram] = {};

  int Receive(int fd) {
    for (unsigned i = 0; i < kBatch; ++i) {
      vectors[i] = {.iov_base = data[i], .iov_len = kDatagram};
      headers[i].msg_hdr = {};
      headers[i].msg_hdr.msg_name = &names[i];
      headers[i].msg_hdr.msg_namelen = sizeof(names[i]);
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    return recvmmsg(fd, headers, kBatch, 0, nullptr);
  }
};

void DatagramEchoBatches(const char* path) {
  const Epoll epoll;
  epoll.Add(Bound(SOCK_DGRAM, path));
  static Batch batch;
  epoll.Loop([](int fd) {
    for (int n = batch.Receive(fd); n > 0; n = batch.Receive(fd)) {
      for (int i = 0; i < n; ++i) batch.vectors[i].iov_len = batch.headers[i].msg_len;
      sendmmsg(fd, batch.headers, static_cast<unsigned>(n), 0);
    }
  });
}

void Tell(int fd, int64_t* received, Sender* to) {
  const std::string answer = std::to_string(*received);
  sendto(fd, answer.data(), answer.size(), 0, to->get(), to->length);
  *received = 0;
}

void DatagramsIn(const char*) {
  const Epoll epoll;
  epoll.Add(Bound(SOCK_DGRAM, nullptr));
  int64_t received = 0;
  epoll.Loop([&](int fd) {
    for (;;) {
      Sender from;
      const ssize_t n = recvfrom(fd, buffer, sizeof(buffer), 0, from.get(), &from.length);
      if (n < 0) return;
      if (n == 1) {
        Tell(fd, &received, &from);
      } else {
        ++received;
      }
    }
  });
}

// Receives several datagrams in one buffer (generic receive offload); a control message holds their size.
void DatagramsInGro(const char*) {
  const Epoll epoll;
  const int bound = Bound(SOCK_DGRAM, nullptr);
  const int on = 1;
  Must(setsockopt(bound, SOL_UDP, UDP_GRO, &on, sizeof(on)), "UDP_GRO");
  epoll.Add(bound);
  int64_t received = 0;
  epoll.Loop([&](int fd) {
    for (;;) {
      Sender from;
      alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
      iovec vector = {.iov_base = buffer, .iov_len = sizeof(buffer)};
      msghdr message = {};
      message.msg_name = &from.name;
      message.msg_namelen = from.length;
      message.msg_iov = &vector;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof(control);
      const ssize_t n = recvmsg(fd, &message, 0);
      if (n < 0) return;
      from.length = message.msg_namelen;
      int size = static_cast<int>(n);
      const cmsghdr* header = CMSG_FIRSTHDR(&message);
      if (header != nullptr && header->cmsg_type == UDP_GRO) std::memcpy(&size, CMSG_DATA(header), sizeof(size));
      if (n == 1) {
        Tell(fd, &received, &from);
      } else {
        received += (n + size - 1) / size;
      }
    }
  });
}

// The request says how many datagrams of the given size to send.
template <typename Send>
void DatagramsOut(Send send) {
  const Epoll epoll;
  epoll.Add(Bound(SOCK_DGRAM, nullptr));
  epoll.Loop([&](int fd) {
    Sender from;
    const ssize_t n = recvfrom(fd, buffer, sizeof(buffer) - 1, 0, from.get(), &from.length);
    if (n < 0) return;
    buffer[n] = 0;
    send(fd, std::atoll(reinterpret_cast<char*>(buffer)), &from);
  });
}

size_t Size(const char* text) { return static_cast<size_t>(std::atoi(text)); }

void DatagramsOutSingle(const char* size) {
  DatagramsOut([size](int fd, int64_t count, Sender* to) {
    for (int64_t i = 0; i < count; ++i) sendto(fd, buffer, Size(size), 0, to->get(), to->length);
  });
}

void DatagramsOutSegments(const char* size) {
  const int segment = std::atoi(size);
  DatagramsOut([segment](int fd, int64_t count, Sender* to) {
    const int64_t most = segment > 1000 ? 46 : 64;
    setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
    for (int64_t i = 0; i < count; i += most) {
      sendto(fd, buffer, static_cast<size_t>(most * segment), 0, to->get(), to->length);
    }
  });
}

template <typename Serve>
void Streams(const char* path, Serve serve) {
  const Epoll epoll;
  const int listener = Bound(SOCK_STREAM, path);
  epoll.Add(listener);
  epoll.Loop([&](int fd) {
    if (fd != listener) {
      serve(fd);
      return;
    }
    for (int peer = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK); peer >= 0;
         peer = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK)) {
      const int on = 1;
      if (path == nullptr) setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      epoll.Add(peer);
    }
  });
}

void StreamEcho(const char* path) {
  Streams(path, [](int fd) {
    const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
    if (n > 0) {
      (void)!send(fd, buffer, static_cast<size_t>(n), MSG_NOSIGNAL);
    } else if (n == 0 || errno != EAGAIN) {
      close(fd);
    }
  });
}

void BulkIn(const char*) {
  Streams(nullptr, [](int fd) {
    if (recv(fd, buffer, sizeof(buffer), 0) == 0) close(fd);
  });
}

// Waits for room with an epoll instance of its own.
void BulkOut(const char*) {
  Streams(nullptr, [](int fd) {
    const ssize_t n = recv(fd, buffer, sizeof(buffer) - 1, 0);
    if (n < 0) return;
    buffer[n] = 0;
    int64_t left = std::atoll(reinterpret_cast<char*>(buffer)) * static_cast<int64_t>(kChunk);
    epoll_event event = {.events = EPOLLOUT, .data = {.fd = fd}};
    const int epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    while (left > 0) {
      const size_t size = left < static_cast<int64_t>(kChunk) ? static_cast<size_t>(left) : kChunk;
      const ssize_t sent = send(fd, buffer, size, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) break;
        epoll_wait(epoll, &event, 1, -1);
      } else {
        left -= sent;
      }
    }
    close(epoll);
    close(fd);
  });
}

void Accept(const char*) {
  const Epoll epoll;
  epoll.Add(Bound(SOCK_STREAM, nullptr));
  epoll.Loop([](int fd) {
    for (int peer = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK); peer >= 0;
         peer = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK)) {
      close(peer);
    }
  });
}

struct Role {
  const char* name;
  void (*run)(const char* argument);
};

constexpr Role kRoles[] = {{"datagram-echo", DatagramEcho},
                           {"datagram-echo-batches", DatagramEchoBatches},
                           {"datagrams-in", DatagramsIn},
                           {"datagrams-in-gro", DatagramsInGro},
                           {"datagrams-out", DatagramsOutSingle},
                           {"datagrams-out-segments", DatagramsOutSegments},
                           {"stream-echo", StreamEcho},
                           {"bulk-in", BulkIn},
                           {"bulk-out", BulkOut},
                           {"accept", Accept}};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  for (const Role& role : kRoles) {
    if (std::strcmp(role.name, argv[1]) == 0) role.run(argc > 2 ? argv[2] : nullptr);
  }
  return 2;
}
