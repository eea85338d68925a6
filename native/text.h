// Strings: arguments, and memory of malloc(3).
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>

#include "args.h"

namespace sys_socket {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
// Memory of malloc(3), which is freed at the end.
using String = std::unique_ptr<char, Free>;

// A string argument in the form that C uses, or nothing for undefined. A string with an inner NUL is rejected, because
// C would read only a part of it.
class Text {
 public:
  template <size_t N>
  Text(napi_env env, Args<N>* args, size_t index, bool optional = false) {
    if (optional && !args->Has(index)) {
      text_ = nullptr;
      return;
    }
    size_t length = 0;
    if (napi_get_value_string_utf8(env, args->value(index), nullptr, 0, &length) != napi_ok) {
      args->Refuse(index, Refusal::kText);
      return;
    }
    if (length >= sizeof(short_)) {
      text_ = static_cast<char*>(std::malloc(length + 1));
      if (text_ == nullptr) {
        text_ = short_;
        args->Refuse(index, Refusal::kLength);
        return;
      }
    }
    if (napi_get_value_string_utf8(env, args->value(index), text_, length + 1, &length) != napi_ok) args->Fail();
    if (std::strlen(text_) != length) args->Refuse(index, Refusal::kNul);
  }
  ~Text() {
    if (text_ != short_) std::free(text_);
  }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  // Returns null if the argument was omitted.
  [[nodiscard]] const char* c_str() const { return text_; }
  [[nodiscard]] size_t size() const { return text_ == nullptr ? 0 : std::strlen(text_); }

  // Moves the text out. Returns null if the argument was omitted or there is no memory.
  [[nodiscard]] String Release() {
    String text(text_ == short_ ? strdup(short_) : text_);
    text_ = short_;
    return text;
  }

 private:
  char short_[64] = {};
  char* text_ = short_;
};

}  // namespace sys_socket
