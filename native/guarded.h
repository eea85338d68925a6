// Memory that is followed by inaccessible memory. The kernel returns EFAULT instead of reading or writing beyond the
// bytes, so requests whose argument does not contain its own length are safe.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace sys_socket {

class Guarded {
 public:
  // Allocates zeroed memory of `size` bytes. If there is no memory, `data()` is null and errno is set.
  explicit Guarded(size_t size) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    const size_t pages = (size + page - 1) / page * page;
    void* memory = ::mmap(nullptr, pages + kGuard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    memory_ = static_cast<uint8_t*>(memory);
    mapped_ = pages + kGuard;
    if (pages != 0 && ::mprotect(memory_, pages, PROT_READ | PROT_WRITE) != 0) return;
    data_ = memory_ + pages - size;
  }
  ~Guarded() {
    if (memory_ != nullptr) ::munmap(memory_, mapped_);
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  [[nodiscard]] uint8_t* data() const { return data_; }

 private:
  // A multiple of every page size, and larger than the fixed part of any struct.
  static constexpr size_t kGuard = 65536;

  uint8_t* memory_ = nullptr;
  uint8_t* data_ = nullptr;
  size_t mapped_ = 0;
};

}  // namespace sys_socket
