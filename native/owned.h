// See owned.cc.
#pragma once

#include <node_api.h>
#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "allocated.h"

namespace sys_socket {

// Who closes a file descriptor that is still open when its environment ends.
enum class Owner : uint8_t {
  kProgram,  // the program, which received the number
  kArrived,  // the environment: it arrived in control data, and the program has not received it yet
  kMade,     // the environment: it was created here for an object
  kHeld      // the environment: an object closes it
};

// Identifies the call, or the message of a call, with which file descriptors arrived. The first one is 1, and none is
// used twice.
using Receipt = int64_t;

// The file descriptors of all environments of a thread. Each evaluation of the module creates an environment, and a
// file descriptor has one owner among all of them.
class Owned : public Allocated {
 public:
  // Joins one more environment of this thread, which calls Leave when it ends. Returns null when there is no memory.
  [[nodiscard]] static Owned* Join();
  void Leave();

  Owned() = default;
  ~Owned();
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  [[nodiscard]] Owner Get(int fd) const;

  // Returns false when there is no memory. The program then keeps the file descriptor.
  [[nodiscard]] bool Set(napi_env env, int fd, Owner owner);

  // Reserves consecutive receipts and returns the first one.
  [[nodiscard]] Receipt NewReceipts(size_t count) {
    return std::exchange(receipts_, receipts_ + static_cast<Receipt>(count));
  }

  // Records a file descriptor that arrived in control data. Returns false when there is no memory; the program then
  // owns it.
  [[nodiscard]] bool Arrive(napi_env env, int fd, Receipt receipt);

  // Hands the file descriptors with these receipts that are still `kArrived` over to the program, or closes them.
  // Returns how many there were. They are only known here, because the control data is the program's memory, which may
  // contain other numbers by now.
  int HandOver(napi_env env, Receipt first, Receipt count);
  int CloseArrived(napi_env env, Receipt first, Receipt count);

  // Called when the program receives a file descriptor or before it closes it. After the close, its number may belong
  // to another owner.
  void Forget(napi_env env, int fd);

 private:
  // File descriptors that arrived form a list, in the order of their receipts.
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

  Entry* entries_ = nullptr;  // indexed by file descriptor
  size_t capacity_ = 0;
  int first_ = kNone;  // the first of the list
  int last_ = kNone;
  Receipt receipts_ = 1;
  pthread_t thread_ = pthread_self();
  size_t environments_ = 0;  // the environments of this thread
  Owned* next_ = nullptr;    // the object of another thread
  int64_t objects_ = 0;      // the number of file descriptors that weigh on the garbage collector
};

}  // namespace sys_socket
