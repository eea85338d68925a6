// Memory that ends where memory begins that nobody may touch. The kernel answers EFAULT where it would read or write
// beyond the bytes, so that requests whose argument does not say its own length are safe.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace sys_socket {

class Guarded {
 public:
  // Room for `size` bytes, zeroed. `data()` is null when there is no memory, and errno says why.
  explicit Guarded(size_t size) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    const size_t room = (size + page - 1) / page * page;
    void* memory = ::mmap(nullptr, room + kGuard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    memory_ = static_cast<uint8_t*>(memory);
    mapped_ = room + kGuard;
    if (room != 0 && ::mprotect(memory_, room, PROT_READ | PROT_WRITE) != 0) return;
    data_ = memory_ + room - size;
  }
  ~Guarded() {
    if (memory_ != nullptr) ::munmap(memory_, mapped_);
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  [[nodiscard]] uint8_t* data() const { return data_; }

 private:
  // A whole number of pages of any size, and more than any struct has before its variable part.
  static constexpr size_t kGuard = 65536;

  uint8_t* memory_ = nullptr;
  uint8_t* data_ = nullptr;
  size_t mapped_ = 0;
};

}  // namespace sys_socket
