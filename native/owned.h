// See owned.cc.
#pragma once

#include <node_api.h>
#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "allocated.h"

namespace sys_socket {

// Who closes a descriptor that an environment leaves open when it ends.
enum class Owner : uint8_t {
  kProgram,  // the program, which was given the number
  kArrived,  // the environment: it came in control data, and the program does not have it yet
  kMade,     // the environment: it was made here for an object
  kHeld      // the environment: an object closes it
};

// Which call, or which message of a call, brought descriptors: the first is 1, and none is used twice.
using Receipt = int64_t;

// One for all environments of a thread: each evaluation of the module makes an environment, and a descriptor has one
// owner among all of them.
class Owned : public Allocated {
 public:
  // For one more environment of this thread, which calls Leave when it ends. Null when there is no memory.
  [[nodiscard]] static Owned* Join();
  void Leave();

  Owned() = default;
  ~Owned();
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  [[nodiscard]] Owner Get(int fd) const;

  // False when there is no memory: then the descriptor stays the program's.
  [[nodiscard]] bool Set(napi_env env, int fd, Owner owner);

  // So many receipts, in a row: the first of them.
  [[nodiscard]] Receipt NewReceipts(size_t count) {
    return std::exchange(receipts_, receipts_ + static_cast<Receipt>(count));
  }

  // It came in control data. False when there is no memory: then it is the program's.
  [[nodiscard]] bool Arrive(napi_env env, int fd, Receipt receipt);

  // What came by these receipts and is still `kArrived` is the program's from now on, or is closed. How many there
  // were. Known from here alone: control data are the program's memory, where other numbers may be by now.
  int HandOver(napi_env env, Receipt first, Receipt count);
  int CloseArrived(napi_env env, Receipt first, Receipt count);

  // The program has it, or closes it. To be called before a descriptor is closed: afterwards its number may be
  // another's.
  void Forget(napi_env env, int fd);

 private:
  // Those that arrived are a list, in the order of their receipts.
  struct Entry {
    Receipt receipt = 0;
    int before = kNone;
    int after = kNone;
    Owner owner = Owner::kProgram;
  };
  static constexpr int kNone = -1;

  [[nodiscard]] bool Grow(int fd);
  void Link(int fd, Receipt receipt);
  void Unlink(int fd);
  void Weigh(napi_env env, bool more);
  template <typename Use>
  int EndArrived(napi_env env, Receipt first, Receipt count, Use use);

  Entry* entries_ = nullptr;  // by descriptor
  size_t capacity_ = 0;
  int first_ = kNone;  // of the list
  int last_ = kNone;
  Receipt receipts_ = 1;
  pthread_t thread_ = pthread_self();
  size_t environments_ = 0;  // of this thread
  Owned* next_ = nullptr;    // of another thread
  int64_t objects_ = 0;      // how many descriptors weigh on the garbage collector
};

}  // namespace sys_socket
