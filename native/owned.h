// See owned.cc.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace sys_socket {

// Who closes a descriptor that an environment leaves open when it ends.
enum class Owner : uint8_t {
  kProgram,  // the program, which was given the number
  kArrived,  // the environment: it came in control data, and the program does not have it yet
  kMade,     // the environment: it was made here for an object
  kHeld      // the environment: an object closes it
};

class Owned {
 public:
  Owned() = default;
  ~Owned();
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  [[nodiscard]] Owner Get(int fd) const;

  // False when there is no memory: then the descriptor stays the program's.
  [[nodiscard]] bool Set(napi_env env, int fd, Owner owner);

  // The program has it, or closes it. To be called before a descriptor is closed: afterwards its number may be
  // another's.
  void Forget(napi_env env, int fd);

 private:
  [[nodiscard]] bool Grow(int fd);
  void Weigh(napi_env env, bool more);

  Owner* owners_ = nullptr;  // by descriptor
  size_t capacity_ = 0;
  int64_t objects_ = 0;  // how many descriptors weigh on the garbage collector
};

}  // namespace sys_socket
