// See ring.cc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sys_socket {

struct Ring;

// The mapped rings of an environment.
class Rings {
 public:
  Rings() = default;
  ~Rings();
  Rings(const Rings&) = delete;
  Rings& operator=(const Rings&) = delete;

  // Returns the id of a new ring, or -1 if there is no memory.
  int32_t Add(uint8_t* data, size_t size);
  [[nodiscard]] Ring* Find(int32_t id) const;
  void Remove(int32_t id);

 private:
  Ring* first_ = nullptr;
  int32_t ids_ = 0;
};

}  // namespace sys_socket
