// Lists of structs and strings that are passed to TypeScript as one sequence of bytes and read there in the same order
// (lib/native/unpack.ts). Numbers have 32 bits in host byte order; bytes and strings are a length followed by the
// bytes.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "args.h"

namespace sys_socket {

class Pack {
 public:
  Pack() = default;
  ~Pack() { std::free(bytes_); }
  Pack(const Pack&) = delete;
  Pack& operator=(const Pack&) = delete;

  void Int(int32_t value) { Append(&value, sizeof(value)); }

  void Put(const void* data, size_t size) {
    Int(static_cast<int32_t>(size));
    Append(data, size);
  }

  // Appends a string. A null pointer has the length -1.
  void String(const char* text) {
    if (text == nullptr) {
      Int(-1);
    } else {
      Put(text, std::strlen(text));
    }
  }

  // Appends a list that ends with a null pointer, as its length and its strings.
  void Strings(char* const* list) {
    int32_t count = 0;
    while (list != nullptr && list[count] != nullptr) ++count;
    Int(count);
    for (int32_t i = 0; i < count; ++i) String(list[i]);
  }

  [[nodiscard]] bool failed() const { return failed_; }

  // Returns the bytes as an ArrayBuffer, or -ENOMEM.
  [[nodiscard]] napi_value Give(napi_env env) const {
    void* to = nullptr;
    napi_value result = nullptr;
    if (failed_ || napi_create_arraybuffer(env, size_, &to, &result) != napi_ok) return Number(env, -ENOMEM);
    if (size_ > 0) std::memcpy(to, bytes_, size_);
    return result;
  }

 private:
  void Append(const void* data, size_t size) {
    if (failed_ || size == 0) return;
    if (size > capacity_ - size_) {
      const size_t capacity = (size_ + size) * 2;
      auto* bytes = static_cast<uint8_t*>(std::realloc(bytes_, capacity));
      if (bytes == nullptr) {
        failed_ = true;
        return;
      }
      bytes_ = bytes;
      capacity_ = capacity;
    }
    std::memcpy(bytes_ + size_, data, size);
    size_ += size;
  }

  uint8_t* bytes_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  bool failed_ = false;
};

}  // namespace sys_socket
