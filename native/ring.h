// See ring.cc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sys_socket {

struct Ring;

// The rings of an environment that are mapped.
class Rings {
 public:
  Rings() = default;
  ~Rings();
  Rings(const Rings&) = delete;
  Rings& operator=(const Rings&) = delete;

  // The id of a new ring, or -1: there is no memory.
  int32_t Add(uint8_t* data, size_t size);
  [[nodiscard]] Ring* Find(int32_t id) const;
  void Remove(int32_t id);

 private:
  Ring* first_ = nullptr;
  int32_t ids_ = 0;
};

}  // namespace sys_socket
