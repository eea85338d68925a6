// Waiting: man 2 poll, ppoll, select.
#include <poll.h>
#include <sys/select.h>

#include <csignal>
#include <ctime>

#include "args.h"

namespace sys_socket {
namespace {

// An array of int descriptors; select has no room for one that is negative or not below FD_SETSIZE.
template <size_t N>
void GetSet(Args<N>* args, size_t index, fd_set* set, int* limit) {
  FD_ZERO(set);
  const Bytes bytes = args->GetBytes(index);
  const auto* fds = reinterpret_cast<const int32_t*>(bytes.data);
  for (size_t i = 0; i < bytes.size / sizeof(int32_t); ++i) {
    if (fds[i] < 0 || fds[i] >= FD_SETSIZE) {
      args->Refuse(index, Refusal::kDescriptor);
      return;
    }
    FD_SET(fds[i], set);
    if (fds[i] >= *limit) *limit = fds[i] + 1;
  }
}

// Leaves in each place the descriptor when it is ready, else -1.
template <size_t N>
void PutSet(Args<N>* args, size_t index, const fd_set* set) {
  const Bytes bytes = args->GetBytes(index);
  auto* fds = reinterpret_cast<int32_t*>(bytes.data);
  for (size_t i = 0; i < bytes.size / sizeof(int32_t); ++i) {
    if (!FD_ISSET(fds[i], set)) fds[i] = -1;
  }
}

template <size_t N, typename Call>
napi_value SelectSets(napi_env env, Args<N>* args, Call call) {
  fd_set sets[3];
  int limit = 0;
  for (size_t i = 0; i < 3; ++i) GetSet(args, i, &sets[i], &limit);
  if (args->refused()) return args->Refused();
  const int result = call(limit, sets);
  if (result < 0) return Result(env, result);
  for (size_t i = 0; i < 3; ++i) PutSet(args, i, &sets[i]);
  return Number(env, result);
}

// Two arguments, seconds or undefined and nanoseconds, as the timespec of a call.
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

// An array of signal numbers or undefined, as the signal mask of a call.
class Mask {
 public:
  template <size_t N>
  Mask(Args<N>* args, size_t index) : masked_(args->Has(index)) {
    sigemptyset(&set_);
    if (!masked_) return;
    const Bytes signals = args->GetBytes(index);
    const auto* numbers = reinterpret_cast<const int32_t*>(signals.data);
    for (size_t i = 0; i < signals.size / sizeof(int32_t); ++i) {
      if (sigaddset(&set_, numbers[i]) != 0) args->Refuse(index, Refusal::kInt);
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
  return SelectSets(env, &args, [&](int limit, fd_set* sets) {
    return ::select(limit, &sets[0], &sets[1], &sets[2], timed ? &timeout : nullptr);
  });
}

// (readers, writers, excepts: Int32Array; seconds or undefined, nanoseconds, signal numbers or undefined)
napi_value Pselect(napi_env env, napi_callback_info info) {
  Args<6> args(env, info);
  const Timeout timeout(&args, 3);
  const Mask mask(&args, 5);
  return SelectSets(env, &args, [&](int limit, fd_set* sets) {
    return ::pselect(limit, &sets[0], &sets[1], &sets[2], timeout.get(), mask.get());
  });
}

}  // namespace sys_socket
