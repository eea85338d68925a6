// Reads the bytes from libFuzzer one after the other; zeros follow when there are no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fuzz {

class Input {
 public:
  void Set(const uint8_t* data, size_t size) {
    data_ = data;
    left_ = size;
  }
  uint8_t Byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  uint32_t Number() {
    uint32_t number = 0;
    for (int i = 0; i < 4; ++i) number = (number << 8) | Byte();
    return number;
  }
  // This many bytes, or what is left of them; zeros follow.
  void Take(uint8_t* to, size_t size) {
    const size_t given = size < left_ ? size : left_;
    if (given > 0) std::memcpy(to, data_, given);
    if (size > given) std::memset(to + given, 0, size - given);
    data_ += given;
    left_ -= given;
  }

 private:
  const uint8_t* data_ = nullptr;
  size_t left_ = 0;
};

inline Input input;

}  // namespace fuzz
