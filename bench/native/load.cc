// The load generator and the meter of the benchmarks: drives a server in another process and measures its CPU time.
//   load <role> <pid of the server> <a port of 127.0.0.1, or a path> <size> <count> [width]
// Prints the number of operations and the nanoseconds of CPU time (user and system) of the server.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace {

constexpr size_t kChunk = 65536;
constexpr unsigned kBatch = 64;

struct Job {
  pid_t pid;
  std::string address;
  size_t size;
  int64_t count;
  unsigned width;
};

struct Outcome {
  int64_t operations;
  int64_t cpu;
};

int64_t Must(int64_t n, const char* what) {
  if (n < 0) {
    std::perror(what);
    std::exit(1);
  }
  return n;
}

int64_t Nanoseconds(clockid_t clock) {
  timespec time;
  Must(clock_gettime(clock, &time), "clock_gettime");
  return (time.tv_sec * 1000000000LL) + time.tv_nsec;
}

// Measures the CPU time of all threads of a process.
class Meter {
 public:
  explicit Meter(pid_t pid) {
    if (clock_getcpuclockid(pid, &clock_) != 0) Must(-1, "clock_getcpuclockid");
    start_ = Nanoseconds(clock_);
  }
  [[nodiscard]] int64_t Elapsed() const { return Nanoseconds(clock_) - start_; }

 private:
  clockid_t clock_ = 0;
  int64_t start_ = 0;
};

bool IsPath(const Job& job) { return job.address[0] == '/'; }

int Connected(const Job& job, int type) {
  const int family = IsPath(job) ? AF_UNIX : AF_INET;
  const int fd = static_cast<int>(Must(socket(family, type, 0), "socket"));
  if (IsPath(job)) {
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    // The socket needs a name (autobind), so that its datagrams can be answered.
    if (type == SOCK_DGRAM) Must(bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name.sun_family)), "bind");
    std::strncpy(name.sun_path, job.address.c_str(), sizeof(name.sun_path) - 1);
    Must(connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)), "connect");
    return fd;
  }
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(std::stoi(job.address)));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  if (type == SOCK_STREAM) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  Must(connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)), "connect");
  return fd;
}

void Wait(int fd, int milliseconds, int option) {
  const timeval time = {.tv_sec = milliseconds / 1000, .tv_usec = (milliseconds % 1000) * 1000};
  Must(setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time)), "SO_RCVTIMEO");
}

void SendAll(int fd, const uint8_t* data, size_t size) {
  for (size_t sent = 0; sent < size;) {
    sent += static_cast<size_t>(Must(send(fd, data + sent, size - sent, MSG_NOSIGNAL), "send"));
  }
}

// Keeps `width` datagrams in flight; each answer is followed by the next question. Lost datagrams are sent again.
Outcome DatagramEcho(const Job& job) {
  const int fd = Connected(job, SOCK_DGRAM);
  Wait(fd, 100, SO_RCVTIMEO);
  std::vector<uint8_t> data(job.size, 'x');
  std::vector<uint8_t> answers(kBatch * job.size);
  mmsghdr in[kBatch] = {};
  mmsghdr out[kBatch] = {};
  iovec vectors[kBatch];
  iovec question = {.iov_base = data.data(), .iov_len = job.size};
  for (unsigned i = 0; i < kBatch; ++i) {
    vectors[i] = {.iov_base = answers.data() + (i * job.size), .iov_len = job.size};
    in[i].msg_hdr.msg_iov = &vectors[i];
    in[i].msg_hdr.msg_iovlen = 1;
    out[i].msg_hdr.msg_iov = &question;
    out[i].msg_hdr.msg_iovlen = 1;
  }
  const Meter meter(job.pid);
  int64_t echoed = 0;
  auto next = static_cast<unsigned>(std::min<int64_t>(job.width, job.count));
  int64_t asked = next;
  while (echoed < job.count) {
    for (unsigned sent = 0; sent < next;) {
      sent += static_cast<unsigned>(Must(sendmmsg(fd, out + sent, next - sent, 0), "sendmmsg"));
    }
    const int got = recvmmsg(fd, in, kBatch, MSG_WAITFORONE, nullptr);
    echoed += std::max(got, 0);
    next = got > 0 ? static_cast<unsigned>(std::min<int64_t>(got, job.count - asked)) : 1;
    asked += got > 0 ? next : 0;
  }
  return {.operations = echoed, .cpu = meter.Elapsed()};
}

// Sends datagrams as fast as possible for `count` milliseconds, with segmentation offload. A one-byte datagram asks how
// many arrived. Datagrams that the server had no room for do not count.
Outcome DatagramsIn(const Job& job) {
  const int fd = Connected(job, SOCK_DGRAM);
  const int segment = static_cast<int>(job.size);
  const size_t segments = std::min<size_t>(64, 65000 / job.size);
  const std::vector<uint8_t> data(segments * job.size, 'x');
  Wait(fd, 20, SO_RCVTIMEO);
  char answer[32] = {};
  send(fd, "?", 1, 0);
  while (recv(fd, answer, sizeof(answer), 0) < 0) send(fd, "?", 1, 0);
  while (recv(fd, answer, sizeof(answer), 0) >= 0) {
  }
  const Meter meter(job.pid);
  Must(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)), "UDP_SEGMENT");
  const int64_t end = Nanoseconds(CLOCK_MONOTONIC) + (job.count * 1000000);
  while (Nanoseconds(CLOCK_MONOTONIC) < end) send(fd, data.data(), data.size(), 0);
  ssize_t n = -1;
  while (n < 0) {
    usleep(1000);
    send(fd, "?", 1, 0);
    n = recv(fd, answer, sizeof(answer) - 1, 0);
  }
  return {.operations = std::atoll(answer), .cpu = meter.Elapsed()};
}

// Asks for `count` datagrams and receives them without sleeping, because waking a sleeper would cost the server CPU
// time.
Outcome DatagramsOut(const Job& job) {
  const int fd = Connected(job, SOCK_DGRAM);
  const int on = 1;
  Must(setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)), "UDP_GRO");
  std::vector<uint8_t> data(kChunk);
  const Meter meter(job.pid);
  const std::string question = std::to_string(job.count);
  send(fd, question.data(), question.size(), 0);
  int64_t bytes = 0;
  int64_t last = Nanoseconds(CLOCK_MONOTONIC);
  // Waits up to 5 s for the first datagram, then until there is silence for 0.1 s.
  while (Nanoseconds(CLOCK_MONOTONIC) < last + (bytes == 0 ? 5000000000 : 100000000)) {
    for (int i = 0; i < 100; ++i) {
      const ssize_t n = recv(fd, data.data(), data.size(), MSG_DONTWAIT);
      if (n <= 0) continue;
      bytes += n;
      last = Nanoseconds(CLOCK_MONOTONIC);
    }
  }
  if (bytes == 0) Must(-1, "nothing was sent");
  return {.operations = job.count, .cpu = meter.Elapsed()};
}

// Closes a connection without leaving it in TIME_WAIT.
void Reset(int fd) {
  const linger reset = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  close(fd);
}

// Connections that request more than they read: occasionally they read a little of each answer, so that the server must
// wait for room again and again.
class Slow {
 public:
  explicit Slow(const Job& job, unsigned count) {
    for (unsigned i = 0; i < count; ++i) fds_.push_back(Connected(job, SOCK_STREAM));
  }
  void Turn() {
    if (fds_.empty()) return;
    const int fd = fds_[next_++ % fds_.size()];
    (void)!recv(fd, data_.data(), data_.size() / 4, MSG_DONTWAIT);
    (void)!send(fd, data_.data(), data_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  void Close() const {
    for (const int fd : fds_) Reset(fd);
  }

 private:
  std::vector<int> fds_;
  std::vector<uint8_t> data_ = std::vector<uint8_t>(kChunk, 'x');
  size_t next_ = 0;
};

// Opens `width` connections, each with one request in flight, besides a number of slow ones.
Outcome Echo(const Job& job, unsigned slow) {
  const int epoll = static_cast<int>(Must(epoll_create1(0), "epoll_create1"));
  std::vector<size_t> missing;
  std::vector<int> fds;
  for (unsigned i = 0; i < job.width; ++i) {
    const int fd = Connected(job, SOCK_STREAM);
    epoll_event event = {.events = EPOLLIN, .data = {.u32 = i}};
    Must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    fds.push_back(fd);
    missing.push_back(job.size);
  }
  Slow others(job, slow);
  usleep(50000 + (job.width * 50));
  std::vector<uint8_t> data(std::max(job.size, kChunk), 'x');
  const Meter meter(job.pid);
  for (const int fd : fds) SendAll(fd, data.data(), job.size);
  int64_t echoed = 0;
  auto asked = static_cast<int64_t>(job.width);
  while (echoed < job.count) {
    epoll_event events[kBatch];
    const int ready = epoll_wait(epoll, events, kBatch, -1);
    others.Turn();
    for (int i = 0; i < ready; ++i) {
      const uint32_t at = events[i].data.u32;
      missing[at] -= static_cast<size_t>(Must(recv(fds[at], data.data(), missing[at], 0), "recv"));
      if (missing[at] > 0) continue;
      missing[at] = job.size;
      ++echoed;
      if (asked++ < job.count) SendAll(fds[at], data.data(), job.size);
    }
  }
  const int64_t cpu = meter.Elapsed();
  for (const int fd : fds) Reset(fd);
  others.Close();
  return {.operations = echoed, .cpu = cpu};
}

Outcome StreamEcho(const Job& job) { return Echo(job, 0); }

Outcome StreamMix(const Job& job) { return Echo(job, job.width / 4); }

// Sends `count` chunks of 64 KiB; the server closes the connection when it has received all.
Outcome BulkIn(const Job& job) {
  const int fd = Connected(job, SOCK_STREAM);
  std::vector<uint8_t> data(kChunk, 'x');
  const Meter meter(job.pid);
  for (int64_t i = 0; i < job.count; ++i) SendAll(fd, data.data(), data.size());
  Must(shutdown(fd, SHUT_WR), "shutdown");
  Must(recv(fd, data.data(), data.size(), 0), "recv");
  return {.operations = job.count, .cpu = meter.Elapsed()};
}

// Requests `count` chunks of 64 KiB, and reads until the server closes the connection.
Outcome BulkOut(const Job& job) {
  const int fd = Connected(job, SOCK_STREAM);
  std::vector<uint8_t> data(kChunk * 4);
  const Meter meter(job.pid);
  const std::string question = std::to_string(job.count);
  SendAll(fd, reinterpret_cast<const uint8_t*>(question.data()), question.size());
  size_t bytes = 0;
  while (const auto n = static_cast<size_t>(Must(recv(fd, data.data(), data.size(), 0), "recv"))) bytes += n;
  if (bytes != static_cast<size_t>(job.count) * kChunk) Must(-1, "too little came");
  return {.operations = job.count, .cpu = meter.Elapsed()};
}

// Opens connections, `width` at a time, that the server closes at once. The reset leaves no TIME_WAIT behind.
Outcome Accept(const Job& job) {
  const Meter meter(job.pid);
  int64_t done = 0;
  std::vector<int> fds(job.width);
  while (done < job.count) {
    for (int& fd : fds) fd = Connected(job, SOCK_STREAM);
    for (const int fd : fds) {
      char byte = 0;
      (void)!recv(fd, &byte, 1, 0);
      Reset(fd);
      ++done;
    }
  }
  return {.operations = done, .cpu = meter.Elapsed()};
}

struct Role {
  const char* name;
  Outcome (*run)(const Job& job);
};

constexpr Role kRoles[] = {{"datagram-echo", DatagramEcho}, {"datagrams-in", DatagramsIn},
                           {"datagrams-out", DatagramsOut}, {"stream-echo", StreamEcho},
                           {"stream-mix", StreamMix},       {"bulk-in", BulkIn},
                           {"bulk-out", BulkOut},           {"accept", Accept}};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const Job job = {.pid = std::atoi(argv[2]),
                   .address = argv[3],
                   .size = static_cast<size_t>(std::atoll(argv[4])),
                   .count = std::atoll(argv[5]),
                   .width = argc > 6 ? static_cast<unsigned>(std::atoi(argv[6])) : 1};
  for (const Role& role : kRoles) {
    if (std::strcmp(role.name, argv[1]) != 0) continue;
    const Outcome outcome = role.run(job);
    std::printf("%lld %lld\n", static_cast<long long>(outcome.operations), static_cast<long long>(outcome.cpu));
    return 0;
  }
  return 2;
}
