// See lookup.cc.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

#include "allocated.h"

namespace sys_socket {

class Lookups;

// One look-up on the thread pool. A derived struct contains the arguments and the result.
struct Lookup : Allocated {
  void (*run)(Lookup* lookup) = nullptr;                                // on a thread of the pool
  napi_value (*outcome)(napi_env env, const Lookup* lookup) = nullptr;  // null when there is no memory for the outcome
  void (*destroy)(Lookup* lookup) = nullptr;

  Lookups* owner = nullptr;  // null when the environment is gone
  Lookup* before = nullptr;
  Lookup* next = nullptr;
  Lookup* same = nullptr;  // the next one in its bucket
  int32_t id = 0;
  bool started = false;
  napi_async_work work = nullptr;
  napi_ref callback = nullptr;
};

// The look-ups of an environment that have not ended, in order.
class Lookups {
 public:
  Lookups() = default;
  ~Lookups();
  Lookups(const Lookups&) = delete;
  Lookups& operator=(const Lookups&) = delete;

  // Takes ownership of the look-up, and calls back with its outcome. At most `most` look-ups run at once. Returns the
  // positive number of the look-up, or -errno.
  int32_t Add(napi_env env, Lookup* lookup, napi_value callback, int32_t most);

  // Cancels a look-up. If it has not started, it never runs and its outcome is -ECANCELED. If it is running, it
  // continues.
  void Cancel(napi_env env, int32_t id);

 private:
  static void Complete(napi_env env, napi_status status, void* data);
  Lookup** Bucket(int32_t id) { return &buckets_[static_cast<size_t>(id) % kBuckets]; }
  void Append(Lookup* lookup);
  void Remove(const Lookup* lookup);
  [[nodiscard]] bool MayStart() const;
  [[nodiscard]] bool Start(napi_env env, Lookup* lookup);
  void StartNext(napi_env env);
  void Drop(napi_env env);

  // A program may cancel thousands, in any order, so they are found by their numbers.
  static constexpr size_t kBuckets = 1024;

  Lookup* first_ = nullptr;
  Lookup* last_ = nullptr;
  Lookup* buckets_[kBuckets] = {};
  int32_t running_ = 0;
  int32_t most_ = 1;
  int32_t last_id_ = 0;
};

}  // namespace sys_socket
