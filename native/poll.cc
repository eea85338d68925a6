// Waiting for file descriptors: man 2 poll, ppoll, select.
#include <poll.h>
#include <sys/select.h>

#include <csignal>
#include <ctime>

#include "args.h"

namespace sys_socket {
namespace {

// An array of file descriptors (int). select does not accept one that is negative or not below FD_SETSIZE. Another
// thread may write to the array at any time, so each number is read once before the wait and once after it.
class Set {
 public:
  template <size_t N>
  Set(Args<N>* args, size_t index, int* limit) : bytes_(args->GetBytes(index)) {
    FD_ZERO(&set_);
    for (size_t i = 0; i < count(); ++i) {
      const auto fd = LoadOnce<int32_t>(place(i));
      if (fd < 0 || fd >= FD_SETSIZE) {
        args->Refuse(index, Refusal::kDescriptor);
        return;
      }
      FD_SET(fd, &set_);
      if (fd >= *limit) *limit = fd + 1;
    }
  }

  [[nodiscard]] fd_set* get() { return &set_; }

  // Stores in each element the file descriptor if it is ready, and otherwise -1.
  void Put() const {
    constexpr int32_t kNone = -1;
    for (size_t i = 0; i < count(); ++i) {
      const auto fd = LoadOnce<int32_t>(place(i));
      const bool ready = fd >= 0 && fd < FD_SETSIZE && FD_ISSET(fd, &set_);
      if (!ready) std::memcpy(place(i), &kNone, sizeof(kNone));
    }
  }

 private:
  [[nodiscard]] size_t count() const { return bytes_.size / sizeof(int32_t); }
  [[nodiscard]] uint8_t* place(size_t i) const { return bytes_.data + (i * sizeof(int32_t)); }

  Bytes bytes_;
  fd_set set_;
};

template <size_t N, typename Call>
napi_value SelectSets(napi_env env, Args<N>* args, Call call) {
  int limit = 0;
  Set sets[] = {Set(args, 0, &limit), Set(args, 1, &limit), Set(args, 2, &limit)};
  if (args->refused()) return args->Refused();
  const int result = call(limit, sets);
  if (result < 0) return Result(env, result);
  for (const Set& set : sets) set.Put();
  return Number(env, result);
}

// Two arguments, seconds (or undefined) and nanoseconds, as the timespec of a call.
class Timeout {
 public:
  template <size_t N>
  Timeout(Args<N>* args, size_t index) : timed_(args->Has(index)) {
    if (!timed_) return;
    time_.tv_sec = args->Long(index);
    time_.tv_nsec = args->Int(index + 1);
  }
  [[nodiscard]] const timespec* get() const { return timed_ ? &time_ : nullptr; }

 private:
  bool timed_;
  timespec time_ = {};
};

// An array of signal numbers (or undefined) as the signal mask of a call.
class Mask {
 public:
  template <size_t N>
  Mask(Args<N>* args, size_t index) : masked_(args->Has(index)) {
    sigemptyset(&set_);
    if (!masked_) return;
    const Bytes signals = args->GetBytes(index);
    for (size_t i = 0; i < signals.size / sizeof(int32_t); ++i) {
      if (sigaddset(&set_, LoadOnce<int32_t>(signals.data + (i * sizeof(int32_t)))) != 0)
        args->Refuse(index, Refusal::kInt);
    }
  }
  [[nodiscard]] const sigset_t* get() const { return masked_ ? &set_ : nullptr; }

 private:
  bool masked_;
  sigset_t set_ = {};
};

}  // namespace

// (an array of pollfd, timeout in milliseconds)
napi_value Poll(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int timeout = args.Int(1);
  const Bytes bytes = args.GetBytes(0);
  if (args.refused()) return args.Refused();
  return Result(env, ::poll(reinterpret_cast<pollfd*>(bytes.data), bytes.size / sizeof(pollfd), timeout));
}

// (an array of pollfd, seconds or undefined, nanoseconds, an array of signal numbers or undefined)
napi_value Ppoll(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const Timeout timeout(&args, 1);
  const Mask mask(&args, 3);
  const Bytes bytes = args.GetBytes(0);
  if (args.refused()) return args.Refused();
  return Result(env,
                ::ppoll(reinterpret_cast<pollfd*>(bytes.data), bytes.size / sizeof(pollfd), timeout.get(), mask.get()));
}

// (readers, writers, excepts: Int32Array; seconds or undefined, microseconds)
napi_value Select(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  timeval timeout = {};
  const bool timed = args.Has(3);
  if (timed) {
    timeout.tv_sec = args.Long(3);
    timeout.tv_usec = args.Int(4);
  }
  return SelectSets(env, &args, [&](int limit, Set* sets) {
    return ::select(limit, sets[0].get(), sets[1].get(), sets[2].get(), timed ? &timeout : nullptr);
  });
}

// (readers, writers, excepts: Int32Array; seconds or undefined, nanoseconds, signal numbers or undefined)
napi_value Pselect(napi_env env, napi_callback_info info) {
  Args<6> args(env, info);
  const Timeout timeout(&args, 3);
  const Mask mask(&args, 5);
  return SelectSets(env, &args, [&](int limit, Set* sets) {
    return ::pselect(limit, sets[0].get(), sets[1].get(), sets[2].get(), timeout.get(), mask.get());
  });
}

}  // namespace sys_socket
