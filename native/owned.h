// See owned.cc.
#pragma once

#include <cstdint>

namespace sys_socket {

class Owned {
 public:
  Owned() = default;
  ~Owned();
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  // True when that changed anything.
  bool Set(int fd, bool owned);

 private:
  uint8_t* flags_ = nullptr;
  int capacity_ = 0;
};

}  // namespace sys_socket
