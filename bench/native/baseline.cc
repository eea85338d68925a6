// The loops that the benchmarks compare with: the same system calls on the same descriptors, in C and in the same
// process. Each loop takes a count, and returns the nanoseconds of thread CPU time and of wall time that it took.
#include <node_api.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace {

struct Times {
  int64_t cpu;
  int64_t wall;
};

int64_t Now(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return (now.tv_sec * 1000000000LL) + now.tv_nsec;
}

template <typename Body>
napi_value Measure(napi_env env, int64_t count, Body body) {
  const int64_t cpu = Now(CLOCK_THREAD_CPUTIME_ID);
  const int64_t wall = Now(CLOCK_MONOTONIC);
  for (int64_t i = 0; i < count; ++i) body();
  const double times[] = {static_cast<double>(Now(CLOCK_THREAD_CPUTIME_ID) - cpu),
                          static_cast<double>(Now(CLOCK_MONOTONIC) - wall)};
  napi_value result;
  napi_create_array_with_length(env, 2, &result);
  for (uint32_t i = 0; i < 2; ++i) {
    napi_value number;
    napi_create_double(env, times[i], &number);
    napi_set_element(env, result, i, number);
  }
  return result;
}

struct Arguments {
  int32_t fd = -1;
  int64_t count = 0;
  uint8_t* data = nullptr;
  size_t size = 0;
  uint8_t* name = nullptr;
  size_t name_size = 0;

  Arguments(napi_env env, napi_callback_info info) {
    napi_value args[4];
    size_t n = 4;
    napi_get_cb_info(env, info, &n, args, nullptr, nullptr);
    napi_get_value_int32(env, args[0], &fd);
    napi_get_value_int64(env, args[1], &count);
    napi_get_typedarray_info(env, args[2], nullptr, &size, reinterpret_cast<void**>(&data), nullptr, nullptr);
    napi_get_typedarray_info(env, args[3], nullptr, &name_size, reinterpret_cast<void**>(&name), nullptr, nullptr);
  }
};

// The buffer for calls through node:ffi, which pass only numbers.
uint8_t kept[2048];

napi_value Clock(napi_env env, napi_callback_info) {
  napi_value result;
  napi_create_double(env, static_cast<double>(Now(CLOCK_THREAD_CPUTIME_ID)), &result);
  return result;
}

napi_value Recv(napi_env env, napi_callback_info info) {
  const Arguments a(env, info);
  return Measure(env, a.count, [&] { (void)!recv(a.fd, a.data, a.size, 0); });
}

napi_value Sendto(napi_env env, napi_callback_info info) {
  const Arguments a(env, info);
  return Measure(env, a.count, [&] {
    (void)!sendto(a.fd, a.data, a.size, 0, reinterpret_cast<const sockaddr*>(a.name),
                  static_cast<socklen_t>(a.name_size));
  });
}

constexpr unsigned kBatch = 64;
constexpr size_t kSize = 64;

struct Batch {
  mmsghdr headers[kBatch] = {};
  iovec vectors[kBatch] = {};
  sockaddr_storage names[kBatch] = {};
  uint8_t data[kBatch][2048] = {};
};

napi_value Sendmmsg(napi_env env, napi_callback_info info) {
  const Arguments a(env, info);
  static Batch b;
  for (unsigned i = 0; i < kBatch; ++i) {
    std::memcpy(&b.names[i], a.name, a.name_size);
    b.vectors[i] = {b.data[i], kSize};
    b.headers[i].msg_hdr = {};
    b.headers[i].msg_hdr.msg_name = &b.names[i];
    b.headers[i].msg_hdr.msg_namelen = static_cast<socklen_t>(a.name_size);
    b.headers[i].msg_hdr.msg_iov = &b.vectors[i];
    b.headers[i].msg_hdr.msg_iovlen = 1;
  }
  return Measure(env, a.count, [&] { (void)sendmmsg(a.fd, b.headers, kBatch, 0); });
}

napi_value Recvmmsg(napi_env env, napi_callback_info info) {
  const Arguments a(env, info);
  static Batch b;
  return Measure(env, a.count, [&] {
    for (unsigned i = 0; i < kBatch; ++i) {
      b.vectors[i] = {b.data[i], sizeof(b.data[i])};
      b.headers[i].msg_hdr = {};
      b.headers[i].msg_hdr.msg_name = &b.names[i];
      b.headers[i].msg_hdr.msg_namelen = sizeof(b.names[i]);
      b.headers[i].msg_hdr.msg_iov = &b.vectors[i];
      b.headers[i].msg_hdr.msg_iovlen = 1;
    }
    (void)recvmmsg(a.fd, b.headers, kBatch, MSG_DONTWAIT, nullptr);
  });
}

napi_value Init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"clock", nullptr, Clock, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"recv", nullptr, Recv, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"sendto", nullptr, Sendto, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"sendmmsg", nullptr, Sendmmsg, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"recvmmsg", nullptr, Recvmmsg, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions);
  return exports;
}

NAPI_MODULE(baseline, Init)

}  // namespace

// For node:ffi, whose fast calls accept only numbers: recv(2) into a known buffer.
extern "C" __attribute__((visibility("default"))) int32_t RecvKept(int32_t fd, int32_t flags) {
  const ssize_t n = recv(fd, kept, sizeof(kept), flags);
  return n < 0 ? -errno : static_cast<int32_t>(n);
}
